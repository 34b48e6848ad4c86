"""What a repair came to. What makes one is `outbox.salvage`, which only a damaged database needs."""

from collections.abc import Mapping

import msgspec


class Salvaged(msgspec.Struct, frozen=True, kw_only=True):
    rows: Mapping[str, int]
    """What is in the new database, by table."""
    dropped: int
    """Rows that could be read but hung on lost ones, or could not be right."""
    optouts_lost: int
    """Opt-outs that nobody can be found for any more (the key of their digests was lost, and they named no address)."""
    gaps: int = 0
    """Tables that could not be read from one end to the other."""
    lost: frozenset[str] = frozenset()
    """What was promised and may be among what is lost, in the words of outbox.losses."""
