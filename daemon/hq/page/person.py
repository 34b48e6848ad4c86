"""Finding a person by an address that somebody typed in full: headquarters holds no address, only digests, and what was typed is kept nowhere."""

import re
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from outbox.ledger import ALL
from outbox.shares import Shares

MEDIA = ("sms", "email", "chat", "push", "crm", ALL)
_NUMBER = re.compile(r"(?:\+|00)[\d\s().\-/]{6,24}")
_MAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_DIGITS = 7, 15


class Typed(msgspec.Struct, frozen=True):
    """An address as stores know it."""

    kind: Literal["phone", "email"]
    address: str


def read_address(text: str) -> Typed | None:
    """A telephone number with its country's beginning (+44 ...), or a mail address; None: it is neither."""
    text = text.strip()
    if _MAIL.fullmatch(text):
        return Typed("email", text.lower())
    if not _NUMBER.fullmatch(text):
        return None
    digits = re.sub(r"\D", "", text.removeprefix("+") if text.startswith("+") else text[2:])
    return Typed("phone", f"+{digits}") if _DIGITS[0] <= len(digits) <= _DIGITS[1] else None


def is_number_without_country(text: str) -> bool:
    digits = re.sub(r"[\s().\-/]", "", text)
    return (
        digits.isdecimal()
        and digits.startswith("0")
        and len(digits) >= _DIGITS[0]
        and not text.strip().startswith("00")
    )


def digests_of(typed: Typed, keys: Mapping[str, bytes]) -> list[str]:
    """Under which what was told to the address is found."""
    return list(Shares(keys).person(typed.address))


def words_on(typed: Typed, keys: Mapping[str, bytes]) -> Iterator[tuple[str, str, str]]:
    """(key's name, medium, digest) of all words on consent that may be there of the address."""
    for medium in MEDIA:
        for kid, digest in Shares(keys).of(medium, typed.address):
            yield kid, medium, digest
