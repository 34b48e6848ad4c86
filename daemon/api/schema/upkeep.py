"""How the box itself is, beside its messages: whoever keeps it tells the HTTP face in these words."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec


class Vitals(msgspec.Struct, frozen=True, kw_only=True):
    """What needs a person, and the figures behind it."""

    trouble: Mapping[str, str] = {}
    """By what it is ("disk", "channel twilio"), what is wrong, in a sentence that says what to do."""
    disk_free: int = 0
    """Bytes, where the database lies."""
    disk_reserve: int = 0
    clock_right: bool = True
    unrouted: Mapping[str, int] = {}
    """By event type that no route names, how many came since the start."""
    clocks_ahead: Mapping[str, int] = {}
    """By source, how far (ms) its clock is ahead of ours."""
    backup_at: int | None = None
    """When (ms) a backup last succeeded."""


class Copy(msgspec.Struct, frozen=True):
    """A copy of the database from before. `until`: when (ms) it is gone at the latest; None: nobody was forgotten since, so it stays
    until it is rotated out."""

    name: str
    kind: Literal["backup", "aside"]
    made_at: int
    until: int | None


class KnownCopies(msgspec.Struct, frozen=True):
    """All copies; `unseen`: why the backups can't be looked at now ("": they were)."""

    copies: Sequence[Copy]
    unseen: str = ""
