"""Finding a person by an address that somebody typed in full: headquarters holds no address, only digests, and what was typed is kept nowhere."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec
import phonenumbers

from outbox.ledger import ALL
from outbox.shares import Shares

MEDIA = ("sms", "email", "chat", "push", "crm", ALL)
REACHED_BY: Mapping[str, Sequence[str]] = {"phone": ("sms", "chat", "crm", ALL), "email": ("email", "chat", "crm", ALL)}
"""By which media an address of a kind is written to: no message asks for a word on another."""
_NUMBER = re.compile(r"(?:\+|00)[\d\s().\-/]{6,24}")
_MAIL = re.compile(r"[^\s@<>(),;:\"\[\]\\]{1,64}@(?:[^\s@<>(),;:\"\[\]\\.]{1,63}\.)+[^\s@<>(),;:\"\[\]\\.]{2,63}")
_MAYBE = re.compile(r".*@.*|[+(]?\d[\d\s().\-/]{5,}", re.DOTALL)
_LEAST_DIGITS, _LONGEST_MAIL = 7, 254


class Typed(msgspec.Struct, frozen=True):
    """An address as stores know it."""

    kind: Literal["phone", "email"]
    address: str


def read_address(text: str) -> Typed | None:
    """A telephone number with its country's beginning (+44 ...), or a mail address; None: it is neither. Read as stores read it: the 0 of
    "+44 (0)7700 ..." belongs to no number."""
    text = text.strip()
    if len(text) <= _LONGEST_MAIL and _MAIL.fullmatch(text):
        return Typed("email", text.lower())
    if not _NUMBER.fullmatch(text):
        return None
    try:
        number = phonenumbers.parse(text if text.startswith("+") else f"+{text[2:]}")
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return Typed("phone", phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def may_be_address(text: str) -> bool:
    """Also one that was mistyped, or lacks its country."""
    return _MAYBE.fullmatch(text.strip()) is not None


def is_number_without_country(text: str) -> bool:
    digits = re.sub(r"[\s().\-/]", "", text)
    return (
        digits.isdecimal()
        and digits.startswith("0")
        and len(digits) >= _LEAST_DIGITS
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
