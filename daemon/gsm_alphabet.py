"""The GSM 7-bit default alphabet (3GPP TS 23.038, 6.2.1), as data: what a text costs by SMS, and how the modem codes it.

A leaf: the planner counts with it, `daemon.modem.gsm7` packs with it, and neither imports the other.
"""

import re

ESCAPE = 0x1B
"""The code that makes the next one an extension code."""

BASIC: str = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
"""The 128 characters in the order of their codes; `ESCAPE` stands for itself and is no text."""

EXTENSION: dict[str, int] = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
"""The extension table: each takes two septets, `ESCAPE` and this code."""

_IS_ONE_EACH = re.compile(f"[{re.escape(BASIC.replace(chr(ESCAPE), ''))}]*").fullmatch
_COST = {character: 1 for character in BASIC if ord(character) != ESCAPE} | dict.fromkeys(EXTENSION, 2)


def septets(text: str) -> int | None:
    """How many septets the text takes; None when it has a character that only UCS-2 can carry."""
    if _IS_ONE_EACH(text):
        return len(text)
    try:
        return sum(map(_COST.__getitem__, text))
    except KeyError:
        return None
