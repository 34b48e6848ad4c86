"""Addresses as people enter them: what can't be one is told to them."""

from daemon.api.schema.problem import Problem
from daemon.config import Store
from daemon.planner.rules.addresses import KIND_WORDS, LONGEST_SHORT_NUMBER, kind_of, sent_to, usable_address


def entered_address(medium: str, address: str, store: Store, *, field: str = "address") -> str:
    """As messages go to it. Raises Problem 422 when it can't be one of that medium."""
    usable = sent_to(medium, address, store.country)
    if usable is None:
        kind = KIND_WORDS.get(kind_of(medium), "address")
        raise Problem(422, f"{field}: this can't be a usable {kind} ({store.country})", field=field)
    return usable


def consent_addresses(medium: str, address: str, store: Store) -> list[str]:
    """The forms in which a message could go to whom a word on consent is about: what is typed for a chat or for all may be a telephone
    number, as WhatsApp has it too, or a chat's id. Raises Problem 422 when it can be neither, and for all when that is not sure."""
    given = address.strip()
    is_no_number = "@" in given or given.startswith("-") or (any(map(str.isalpha, given)) and "+" not in given)
    if medium == "all" and "@" in given:
        medium = "email"
    elif medium == "all" and is_no_number:
        words = (
            "this can be neither a phone number nor an e-mail address; of another address say the medium: chat, push"
        )
        raise Problem(422, f"address: {words}", field="address")
    if medium in ("sms", "email", "push") or is_no_number:
        return [entered_address(medium, given, store)]
    if given.isdecimal() and not given.startswith("0") and (medium != "all" or len(given) > LONGEST_SHORT_NUMBER):
        number = usable_address("phone", given, store.country)
        return [given] if number is None else [given, number]
    return [entered_address("sms", given, store)]
