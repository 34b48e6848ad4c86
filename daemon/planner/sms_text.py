"""What a text costs as an SMS, and the same text made cheaper where that loses nothing: pure.

A text whose every character is in the GSM alphabet travels as septets, any other as UCS-2: one curly quote turns 160
characters into 70. Counting follows 3GPP TS 23.040, 9.2.3.24: a concatenated part gives 7 septets (6 octets) to its header.
"""

import unicodedata
from collections.abc import Mapping
from typing import Literal

import msgspec

from daemon.gsm_alphabet import EXTENSION, septets

Encoding = Literal["GSM-7", "UCS-2"]

SINGLE: Mapping[Encoding, int] = {"GSM-7": 160, "UCS-2": 70}
CONCATENATED: Mapping[Encoding, int] = {"GSM-7": 153, "UCS-2": 67}


class SmsSize(msgspec.Struct, frozen=True):
    """`units` are septets in GSM-7 and 16-bit code units in UCS-2; `parts` is what the network counts and bills."""

    encoding: Encoding
    units: int
    parts: int


class Simplified(msgspec.Struct, frozen=True):
    """`replaced`: what was put in whose place, each once, in the order met."""

    text: str
    replaced: tuple[tuple[str, str], ...] = ()


def measure(text: str) -> SmsSize:
    """How the network carries the text: an escaped or surrogate pair is never split between two parts."""
    units = septets(text)
    if units is not None:
        return SmsSize("GSM-7", units, _parts(text, "GSM-7", units))
    units = len(text.encode("utf-16-be", "surrogatepass")) // 2
    return SmsSize("UCS-2", units, _parts(text, "UCS-2", units))


def _parts(text: str, encoding: Encoding, units: int) -> int:
    if units <= SINGLE[encoding]:
        return 1
    room = CONCATENATED[encoding]
    parts, used = 1, 0
    for character in text:
        width = _width(character, encoding)
        if used + width > room:
            parts, used = parts + 1, 0
        used += width
    return parts


def _width(character: str, encoding: Encoding) -> int:
    if encoding == "GSM-7":
        return 2 if character in EXTENSION else 1
    return 2 if ord(character) > 0xFFFF else 1


TYPOGRAPHIC: Mapping[str, str] = {
    **dict.fromkeys("‘’‚‛′`´ʼ", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‹›", "'"),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys(
        "\t\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "
    ),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", ""),
    **dict.fromkeys("\u2028\u2029", "\n"),
    **dict.fromkeys("•·‧∙", "-"),
    "…": "...",
    "ﬀ": "ff",
    "ﬁ": "fi",
    "ﬂ": "fl",
    "ﬃ": "ffi",
    "ﬄ": "ffl",
    "œ": "oe",
    "Œ": "OE",
    "ĳ": "ij",
    "Ĳ": "IJ",
    "×": "x",
    "№": "No.",
    "™": "TM",
    "®": "(R)",
    "©": "(C)",
    "º": "o",
    "ª": "a",
    "°": "o",
    "ẞ": "ß",
    "₹": "Rs ",
    "₡": "CRC ",
    "₱": "PHP ",
    "₦": "NGN ",
    "₪": "ILS ",
    "₺": "TRY ",
    "₩": "KRW ",
    "₫": "VND",
    "₴": "UAH",
}
"""Characters that only look better than their plain form: replacing them changes no word."""

_LATIN: Mapping[str, str] = {"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ħ": "h", "Ħ": "H", "ı": "i", "ð": "d", "þ": "th"}
"""Letters with a stroke, which Unicode does not take apart."""


_UNSEEN = ("Mn", "Cf")
"""Marks on the character before, and joiners: nobody can look for them."""


def simplify(text: str) -> Simplified:
    """The text without what would force it into UCS-2 needlessly: typographic characters first, then accents that the
    alphabet lacks (á, ê, ç; never à, ü, ñ, which it has). Where even that does not make the whole text GSM-7 (Greek, an
    emoji, Vietnamese with two marks on a letter), it stays as it was written: half a change would cost letters and save nothing."""
    if septets(text) is not None:
        return Simplified(text)
    composed = unicodedata.normalize("NFC", text)
    for replacement in (_plain, _unaccented):
        candidate = "".join(map(replacement, composed))
        if septets(candidate) is not None:
            pairs = ((old, replacement(old)) for old in dict.fromkeys(composed))
            return Simplified(candidate, tuple((old, new) for old, new in pairs if old != new))
    return Simplified(composed)


def dear_characters(text: str) -> tuple[str, ...]:
    """Those that keep the whole text in UCS-2, each once, in the order met: what no plain form of the alphabet stands for."""
    composed = dict.fromkeys(unicodedata.normalize("NFC", text))
    return tuple(
        each for each in composed if septets(_unaccented(each)) is None and unicodedata.category(each) not in _UNSEEN
    )


def _plain(character: str) -> str:
    return TYPOGRAPHIC.get(character, character)


def _unaccented(character: str) -> str:
    plain = _plain(character)
    if septets(plain) is not None:
        return plain
    parts = unicodedata.normalize("NFD", plain)
    if len(parts) == 2 and parts[0].isascii():
        return parts[0]
    return _LATIN.get(plain, plain)
