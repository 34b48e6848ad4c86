"""Addresses as people enter them, in the form in which messages go to them: consent is looked up by that form."""

from daemon.api.schema.problem import Problem
from daemon.config import Store
from daemon.planner.recipients import usable_address

KINDS = {"sms": "phone", "email": "email"}
WORDS = {"phone": "phone number", "email": "e-mail address"}


def sent_to(medium: str, address: str, store: Store) -> str | None:
    """What a message of that medium would be sent to: E.164 for texts, lower case for e-mail; None: it can't be sent there."""
    return usable_address(KINDS.get(medium, medium), address, store.country)


def consent_address(medium: str, address: str, store: Store) -> str:
    """The address that a word on consent is about. Raises Problem 422 when it can't be one of that medium."""
    if medium == "all":
        medium = "email" if "@" in address else "sms"
    usable = sent_to(medium, address, store)
    if usable is None:
        kind = WORDS.get(KINDS.get(medium, ""), "address")
        raise Problem(422, f"address: this can't be a usable {kind} ({store.country})", field="address")
    return usable
