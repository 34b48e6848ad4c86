"""Under which addresses something is kept of a person. Which spellings are the same number is not known here: whoever opens the outbox
says it (`Identities`); `PlainIdentities` knows only upper and lower case.
"""

import re
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import unquote_plus

from outbox.model import Customer

Known = frozenset[tuple[str, str]]
"""(kind of address, address in its one form)"""

MOST_IN_A_TEXT = 1000
_MAIL = re.compile(r"[^\s@<>(),;:\"'\[\]\\=&]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_NUMBER = re.compile(r"(?<![\w.])\+?\(?\d(?:[ \u00a0./()-]{0,2}\d){6,17}(?![\w])")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\(/)")


class Identities(Protocol):
    def of_customer(self, customer: Customer) -> Known:
        """Every address of a customer."""
        ...

    def of_address(self, address: str) -> Known:
        """Every form that one written address may be kept under."""
        ...

    def of_text(self, text: bytes) -> Known | None:
        """Whatever in it may be somebody's address; None: too much to be kept by."""
        ...


class PlainIdentities:
    """Without knowledge of numbering plans: an address is what is written."""

    def of_customer(self, customer: Customer) -> Known:
        given = {"phone": customer.phone, "email": customer.email, **(customer.addresses or {})}
        return frozenset((kind, plain(value)) for kind, value in given.items() if value and value.strip())

    def of_address(self, address: str) -> Known:
        return frozenset({("email" if "@" in address else "phone", plain(address))})

    def of_text(self, text: bytes) -> Known | None:
        found = addresses_in(text)
        return None if found is None else frozenset().union(*map(self.of_address, found))


def plain(address: str) -> str:
    """The form in which addresses are compared."""
    return address.strip().lower()


def addresses_in(text: bytes) -> frozenset[str] | None:
    """What looks like a mail address or a phone number in a body of any format (JSON, a form, XML); None: more than can be kept."""
    words = _ESCAPED.sub(lambda found: found[2] or chr(int(found[1], 16)), text.decode("utf-8", "replace"))
    found: set[str] = set()
    for candidate in _candidates(words):
        found.add(candidate)
        if len(found) > MOST_IN_A_TEXT:
            return None
    return frozenset(found)


def _candidates(words: str) -> Iterator[str]:
    for form in dict.fromkeys((words, unquote_plus(words))):
        for pattern in (_MAIL, _NUMBER):
            for match in pattern.finditer(form):
                yield match[0]
