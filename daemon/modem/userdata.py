"""The coding of a message's words: data coding scheme, user data header, text (3GPP TS 23.038 4, TS 23.040 9.2.3.24). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from daemon.gsm_alphabet import septets
from daemon.modem import gsm7

_CONCAT_8, _CONCAT_16, _PORTS_8, _PORTS_16, _SINGLE_SHIFT, _LOCKING_SHIFT = 0x00, 0x08, 0x04, 0x05, 0x24, 0x25


class Alphabet(StrEnum):
    GSM7 = "gsm7"
    OCTETS = "octets"
    UCS2 = "ucs2"
    UNREADABLE = "unreadable"
    """Compressed, or a coding that is reserved."""


@dataclass(frozen=True)
class Concat:
    """This is part `sequence` (from 1) of `total`; parts of one text share `reference`. `wide`: it has 16 bits, not 8."""

    reference: int
    total: int
    sequence: int
    wide: bool = False

    def header(self) -> bytes:
        """The user data header, its own length octet included."""
        if self.wide:
            return bytes([6, _CONCAT_16, 4, self.reference >> 8, self.reference & 0xFF, self.total, self.sequence])
        return bytes([5, _CONCAT_8, 3, self.reference, self.total, self.sequence])


@dataclass(frozen=True)
class Header:
    """What a user data header said, as far as it concerns us."""

    octets: int = 0
    """Its whole length, the length octet included."""
    concat: Concat | None = None
    locking: int = 0
    single: int = 0
    to_application: bool = False
    """It is addressed to a port: WAP push, a ring tone, an operator's setting. No words for a person."""


@dataclass(frozen=True)
class Words:
    """A message's user data: its text, or "" where it holds none that can be read."""

    text: str = field(repr=False)
    alphabet: Alphabet
    header: Header


def alphabet_of(scheme: int) -> Alphabet:
    """The alphabet that a TP-DCS octet names."""
    if scheme < 0x80:
        coding = (Alphabet.GSM7, Alphabet.OCTETS, Alphabet.UCS2, Alphabet.UNREADABLE)[scheme >> 2 & 3]
        return Alphabet.UNREADABLE if scheme & 0x20 else coding
    if scheme >= 0xF0:
        return Alphabet.OCTETS if scheme & 0x04 else Alphabet.GSM7
    return Alphabet.UCS2 if scheme >= 0xE0 else Alphabet.GSM7


def is_indication(scheme: int) -> bool:
    """It switches a "voice mail waiting" sign on or off (groups 1100 to 1110)."""
    return 0xC0 <= scheme < 0xF0


def narrowest(text: str) -> Alphabet:
    """The alphabet that carries the text in the fewest SMS."""
    return Alphabet.UCS2 if septets(text) is None else Alphabet.GSM7


def encode(text: str, alphabet: Alphabet, header: bytes = b"") -> tuple[int, bytes]:
    """(TP-UDL, TP-UD). Raises ValueError for a text that is not in that alphabet."""
    if alphabet is Alphabet.UCS2:
        body = header + text.encode("utf-16-be", "replace")
        return len(body), body
    codes = gsm7.encode(text)
    fill = gsm7.fill_bits(len(header))
    length = (8 * len(header) + fill) // 7 + len(codes)
    return length, header + gsm7.pack(codes, fill=fill)


def decode(octets: bytes, length: int, scheme: int, *, has_header: bool) -> Words:
    """Read TP-UD of TP-UDL `length`; where octets are missing at the end, what is there is read.

    The text of one part of a UCS-2 message may end in half a surrogate pair: `mend` after joining.
    """
    header = _header(octets) if has_header else Header()
    alphabet = alphabet_of(scheme)
    if alphabet is Alphabet.GSM7:
        fill = gsm7.fill_bits(header.octets)
        count = length - (8 * header.octets + fill) // 7
        codes = gsm7.unpack(octets[header.octets :], max(count, 0), fill=fill)
        text = gsm7.decode(codes, locking=header.locking, single=header.single)
    elif alphabet is Alphabet.UCS2:
        body = octets[header.octets : length]
        text = body[: len(body) // 2 * 2].decode("utf-16-be", "surrogatepass")
    else:
        text = ""
    return Words(text, alphabet, header)


def mend(text: str) -> str:
    """Join surrogate halves that were parted; a half without its other one becomes U+FFFD."""
    return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")


def _header(octets: bytes) -> Header:
    if not octets:
        return Header()
    size = min(octets[0] + 1, len(octets))
    elements: dict[int, bytes] = {}
    at = 1
    while at + 2 <= size:
        kind, length = octets[at], octets[at + 1]
        elements[kind] = octets[at + 2 : min(at + 2 + length, size)]
        at += 2 + length
    return Header(
        octets=size,
        concat=_concat(elements),
        locking=int.from_bytes(elements.get(_LOCKING_SHIFT, b"")[:1]),
        single=int.from_bytes(elements.get(_SINGLE_SHIFT, b"")[:1]),
        to_application=_PORTS_8 in elements or _PORTS_16 in elements,
    )


def _concat(elements: Mapping[int, bytes]) -> Concat | None:
    if len(narrow := elements.get(_CONCAT_8, b"")) == 3:
        concat = Concat(narrow[0], narrow[1], narrow[2])
    elif len(wide := elements.get(_CONCAT_16, b"")) == 4:
        concat = Concat(int.from_bytes(wide[:2]), wide[2], wide[3], wide=True)
    else:
        return None
    return concat if 1 <= concat.sequence <= concat.total else None  # 23.040 9.2.3.24.1: else ignore the element
