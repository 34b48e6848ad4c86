"""One text into the fewest SMS that carry it (3GPP TS 23.040, 9.2.3.24.1). Pure."""

from collections.abc import Callable

from daemon.gsm_alphabet import septets

GSM7_SINGLE = 160
UCS2_SINGLE = 70
_GSM7_PART = {False: 153, True: 152}
_UCS2_PART = {False: 67, True: 66}
MOST_PARTS = 255


def split(text: str, *, wide: bool = False) -> list[str]:
    """The parts, in order. A text that fits stays whole; an escape stays with its code and a surrogate pair stays together.

    `wide`: with a 16-bit reference, which takes an octet more of each part. Raises ValueError over 255 parts.
    """
    parts = _cut(text, wide)
    if len(parts) > MOST_PARTS:
        raise ValueError(f"the text takes {len(parts)} SMS; {MOST_PARTS} can be joined")
    return parts


def count(text: str) -> int:
    """How many SMS it takes, also where they are too many to be joined."""
    return len(_cut(text, wide=False))


def _cut(text: str, wide: bool) -> list[str]:
    length = septets(text)
    if length is not None:
        return [text] if length <= GSM7_SINGLE else _fill(text, _GSM7_PART[wide], lambda one: septets(one) or 0)
    return [text] if units(text) <= UCS2_SINGLE else _fill(text, _UCS2_PART[wide], units)


def units(text: str) -> int:
    """How many UCS-2 code units the text takes: two for a character beyond the basic plane."""
    return len(text) + sum(character > "\uffff" for character in text)


def _fill(text: str, room: int, cost: Callable[[str], int]) -> list[str]:
    parts: list[str] = []
    start = used = 0
    for index, character in enumerate(text):
        needed = cost(character)
        if used + needed > room:
            parts.append(text[start:index])
            start, used = index, 0
        used += needed
    parts.append(text[start:])
    return parts
