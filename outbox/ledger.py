"""Which word on consent holds. Pure."""

from collections.abc import Sequence

ALL = "all"
BY_NUMBER = {"chat": "sms"}
"""A medium that intrudes on the same number, by the one whose silence it keeps: STOP by SMS holds for WhatsApp too. (Chats whose
addresses are no numbers never meet an SMS's word.)"""

Words = Sequence[tuple[str, bool, str]]
"""(medium, stopped, reason) of one address, the newest last."""


def stopped(words: Words, medium: str) -> str | None:
    """Why nothing of that medium may go there; None: it may."""
    own = newest(words, medium)
    if own is not None and own[1][1]:
        return own[1][2]
    nearer = BY_NUMBER.get(medium)
    other = newest(words, nearer) if nearer else None
    if other is None or not other[1][1]:
        return None
    opted_in_there = own is not None and own[1][0] == medium and own[0] > other[0]
    return None if opted_in_there else other[1][2]


def newest(words: Words, medium: str) -> tuple[int, tuple[str, bool, str]] | None:
    """The newest word on the medium itself, or on all, with its place."""
    about = [(place, word) for place, word in enumerate(words) if word[0] in (medium, ALL)]
    return about[-1] if about else None
