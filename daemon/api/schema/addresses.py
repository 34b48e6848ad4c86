"""Addresses as people enter them: what can't be one is told to them."""

from daemon.api.schema.problem import Problem
from daemon.config import Store
from daemon.planner.rules.addresses import KIND_WORDS, kind_of, sent_to


def entered_address(medium: str, address: str, store: Store, *, field: str = "address") -> str:
    """As messages go to it. Raises Problem 422 when it can't be one of that medium."""
    usable = sent_to(medium, address, store.country)
    if usable is None:
        kind = KIND_WORDS.get(kind_of(medium), "address")
        raise Problem(422, f"{field}: this can't be a usable {kind} ({store.country})", field=field)
    return usable


def consent_address(medium: str, address: str, store: Store) -> str:
    """The address that a word on consent is about. Raises Problem 422 when it can't be one of that medium."""
    if medium == "all":
        medium = "email" if "@" in address else "sms"
    return entered_address(medium, address, store)
