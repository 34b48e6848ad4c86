"""Numbers and moments as an SMS carries them: semi-octets (3GPP TS 23.040, 9.1.2). Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum

from daemon.modem import gsm7

_SENDABLE = re.compile(r"\+?[0-9]{1,20}")
_DIGITS = "0123456789*#abc"
_FILLER = 0xF


class NumberType(IntEnum):
    """Bits 6 to 4 of the type-of-address octet."""

    UNKNOWN = 0
    INTERNATIONAL = 1
    NATIONAL = 2
    NETWORK = 3
    SUBSCRIBER = 4
    ALPHANUMERIC = 5
    ABBREVIATED = 6
    RESERVED = 7


@dataclass(frozen=True)
class Address:
    """Who sent it, or to whom it went: digits (with "+" when international), or a name."""

    value: str
    kind: NumberType = NumberType.UNKNOWN

    def __repr__(self) -> str:
        return f"Address(…{self.value[-2:]}, {self.kind.name})"


def encode_address(number: str) -> bytes:
    """Digit count, type, swapped digits. Raises ValueError when it isn't up to 20 digits after an optional "+"."""
    if not _SENDABLE.fullmatch(number):
        raise ValueError("a number to send to is up to 20 digits after an optional +")
    digits = number.removeprefix("+")
    kind = NumberType.INTERNATIONAL if number.startswith("+") else NumberType.UNKNOWN
    return bytes([len(digits), _type_octet(kind)]) + swap(digits)


def encode_service_centre(number: str) -> bytes:
    """The SCA field: octet count, type, digits; one zero octet for the SIM's own service centre ("")."""
    if not number:
        return b"\0"
    address = encode_address(number)
    return bytes([len(address) - 1]) + address[1:]


def decode_address(octets: bytes, length: int) -> Address:
    """`length` counts semi-octets, as TP-OA and TP-RA do; `octets` begins with the type."""
    kind = NumberType(octets[0] >> 4 & 7)
    body = octets[1 : 1 + (length + 1) // 2]
    if kind is NumberType.ALPHANUMERIC:
        return Address(gsm7.decode(gsm7.unpack(body, length * 4 // 7)), kind)
    digits = unswap(body)[:length]
    return Address(f"+{digits}" if kind is NumberType.INTERNATIONAL else digits, kind)


def address_octets(length: int) -> int:
    """How many octets the type and that many semi-octets take."""
    return 1 + (length + 1) // 2


def decode_moment(octets: bytes) -> datetime | None:
    """A service centre time stamp (7 octets: year to second, then the zone in quarter hours), in UTC; None where the
    service centre wrote nonsense, which some do."""
    year, month, day, hour, minute, second, zone = (
        (octet & 0xF) * 10 + (octet >> 4) for octet in octets[:6] + bytes([octets[6] & 0xF7])
    )
    offset = timedelta(minutes=15 * zone) * (-1 if octets[6] & 0x08 else 1)
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=timezone(offset)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def swap(digits: str) -> bytes:
    """Digits as semi-octets, the first in the low half; an odd count is filled with F."""
    halves = [int(digit) for digit in digits] + [_FILLER] * (len(digits) % 2)
    return bytes(low | high << 4 for low, high in zip(halves[::2], halves[1::2], strict=True))


def unswap(octets: bytes) -> str:
    """The digits of semi-octets up to the filler."""
    halves = [half for octet in octets for half in (octet & 0xF, octet >> 4)]
    return "".join(_DIGITS[half] for half in halves if half != _FILLER)


def _type_octet(kind: NumberType) -> int:
    return 0x80 | kind << 4 | 1  # numbering plan 1: E.164
