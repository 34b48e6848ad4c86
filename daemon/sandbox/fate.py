"""What becomes of a message that a stand-in took: decided by its recipient, so that staff and tests can ask for trouble.

Beside the vendors' own test numbers, which each provider honours, these hold everywhere:

| phone or id ends in | or the address has the word | what happens |
|---|---|---|
| 0901 | undelivered | taken, later reported undelivered |
| 0902 | optedout | the recipient had said STOP |
| 0903 | invalid | there is no such address |
| 0904 | silent | taken, and nothing more is ever heard of it |

The words count in an e-mail's local part (`invalid@example.com`, `ada+optedout@example.com`) and in any other id
(`U0-invalid`). +44 7700 900901 and its neighbours are numbers that Ofcom keeps for fiction.
"""

import re
from enum import StrEnum


class Fate(StrEnum):
    """How it ends."""

    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    OPTED_OUT = "opted_out"
    INVALID = "invalid"
    SILENT = "silent"


class Stage(StrEnum):
    """Where it stands now."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"


SUFFIXES = {"0901": Fate.UNDELIVERED, "0902": Fate.OPTED_OUT, "0903": Fate.INVALID, "0904": Fate.SILENT}
WORDS = {
    "undelivered": Fate.UNDELIVERED,
    "optedout": Fate.OPTED_OUT,
    "invalid": Fate.INVALID,
    "silent": Fate.SILENT,
}
_WORD = re.compile(r"[a-z]+")


def fate_of(address: str) -> Fate:
    """What that recipient stands for."""
    local = address.partition("@")[0].lower()
    if "@" not in address and local[-4:] in SUFFIXES:
        return SUFFIXES[local[-4:]]
    return next((WORDS[word] for word in _WORD.findall(local) if word in WORDS), Fate.DELIVERED)


def stage(fate: Fate, elapsed: float, pace: float) -> Stage:
    """Where a message stands `elapsed` seconds after it was taken, when each step takes `pace` seconds."""
    if elapsed < pace:
        return Stage.QUEUED
    if fate is Fate.SILENT or elapsed < 2 * pace:
        return Stage.SENT
    return Stage.DELIVERED if fate is Fate.DELIVERED else Stage.UNDELIVERED
