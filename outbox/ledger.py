"""Which word on consent holds. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

ALL = "all"
BY_NUMBER = {"chat": "sms"}
"""A medium that intrudes on the same number, by the one whose silence it keeps: STOP by SMS holds for WhatsApp too. (Chats whose
addresses are no numbers never meet an SMS's word.)"""


class ConsentWord(NamedTuple):
    """What somebody said of writing to an address by a medium (or "all"), and when (ms)."""

    medium: str
    stopped: bool
    reason: str
    at: int


Words = Sequence[ConsentWord]
"""Of one address, the newest last."""


def stopped(words: Words, medium: str) -> ConsentWord | None:
    """The word by which nothing of that medium may go there; None: it may."""
    own = newest(words, medium)
    if own is not None and own[1].stopped:
        return own[1]
    nearer = BY_NUMBER.get(medium)
    other = newest(words, nearer) if nearer else None
    if other is None or not other[1].stopped:
        return None
    opted_in_there = own is not None and own[1].medium == medium and own[0] > other[0]
    return None if opted_in_there else other[1]


def newest(words: Words, medium: str) -> tuple[int, ConsentWord] | None:
    """The newest word on the medium itself, or on all, with its place."""
    about = [(place, word) for place, word in enumerate(words) if word.medium in (medium, ALL)]
    return about[-1] if about else None
