"""Which written addresses are the same person's: a number however it is spelt, a WhatsApp id, a mail address in any case. Pure."""

from functools import lru_cache

import phonenumbers

from daemon.planner.recipients import customer_recipient
from daemon.planner.rules.addresses import region, usable_address
from outbox.identity import Known, addresses_in, plain
from outbox.model import Customer

_NUMBERS = ("phone", "whatsapp", "sms", "viber", "signal")
"""Kinds of address that are a telephone number."""
_SHORTEST = 7
"""Digits of what may be somebody's number in a text: orders, prices and times have fewer."""


class StoreIdentities:
    """As the store's country reads numbers. `outbox.identity.Identities`."""

    def __init__(self, country: str) -> None:
        self._country = country

    def of_customer(self, customer: Customer) -> Known:
        given = {"phone": customer.phone, "email": customer.email, **(customer.addresses or {})}
        store = self._country
        own = region(customer.country) or store
        written = [_known(kind, value, own) for kind, value in given.items() if value]
        if own.upper() != store.upper():  # a guest: the number may be one of the store's country after all
            usable = customer_recipient(customer, store).addresses
            written += [_known(kind, value, store) for kind, value in usable.items()]
        return frozenset().union(*written)

    def of_address(self, address: str) -> Known:
        kind = "email" if "@" in address else "phone" if _digits(address) else "address"
        return _known(kind, address, self._country)

    def of_text(self, text: bytes) -> Known | None:
        found = addresses_in(text)
        if found is None:
            return None
        numbers = (word for word in found if "@" in word or len(_digits(word)) >= _SHORTEST)
        return frozenset().union(*map(self.of_address, numbers))


@lru_cache(maxsize=4096)
def _known(kind: str, value: str, country: str) -> Known:
    """A number is known by its E.164 form and by what was written: what libphonenumber can't read today it may read tomorrow."""
    written = plain(value)
    if kind not in _NUMBERS:
        return frozenset({(kind, written)}) if written else frozenset()
    forms = {written, usable_address("phone", value, country), _international(value)}
    return frozenset(("phone", form) for form in forms if form)


def _international(value: str) -> str | None:
    """Digits alone as WhatsApp and many providers write them: the country's code without a plus sign."""
    digits = _digits(value)
    if value.strip().startswith(("0", "+")) or len(digits) < _SHORTEST:
        return None
    number = f"+{digits}"
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(parsed) else None


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isascii() and character.isdigit())
