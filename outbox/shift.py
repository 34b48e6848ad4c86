"""The wall clock stepped: waits that are counted from a moment move with it, a slice of rows at a time."""

from collections.abc import Collection

from outbox.batch import Batch
from outbox.queries import Queries
from outbox.rows import encode
from outbox.snapshot import Wants
from outbox.writer import Operation

_SQL = Queries("spool.sql")


class LookAnew(Operation[None]):
    """At what waits for tomorrow at these channels because of a day's limits: they may be others now."""

    __slots__ = ("_channels", "_texts")

    alone = True

    def __init__(self, channels: Collection[str], *, texts: bool) -> None:
        self._channels = encode(list(channels)).decode()
        self._texts = texts

    def apply(self, batch: Batch) -> None:
        batch.db.execute(_SQL["past_the_day"], {"now": batch.now, "channels": self._channels, "texts": self._texts})


class Shift(Operation["int | None"]):
    """Move the waits of the next `limit` messages above `after`, with the first of them those for receipts; returns the last one looked
    at, None at the end."""

    __slots__ = ("_after", "_began", "_delta", "_limit", "_noticed")

    alone = True

    def __init__(self, delta_ms: int, after: int, limit: int, *, began: int, noticed: int) -> None:
        """`began`: when (ms) this run began, and `noticed`: when the step was noticed, both by the clock before it."""
        self._delta = delta_ms
        self._began = began
        self._noticed = noticed
        self._after = after
        self._limit = limit

    def apply(self, batch: Batch) -> int | None:
        upto: int | None = batch.db.execute(
            _SQL["shift_slice"], {"after": self._after, "limit": self._limit}
        ).fetchone()[0]
        if upto is None:
            return None
        values = {
            "after": self._after,
            "upto": upto,
            "delta": self._delta,
            "began": self._began,
            "noticed": self._noticed,
            "now": batch.now,
        }
        if not self._after:
            batch.db.execute(_SQL["shift_receipts"], values)
        batch.db.execute(_SQL["shift_doubts"], values)
        moved = batch.db.execute(_SQL["shift"], values)
        if moved.rowcount:
            self._requeue(batch, upto)
            shifted = batch.db.execute(_SQL["shifted"], {"after": self._after, "upto": upto})
            batch.ready.update((channel, batch.now) for (channel,) in shifted)
        return upto

    def _requeue(self, batch: Batch, upto: int) -> None:
        """Who is first may be another now: waits moved, and moments of the day stayed."""
        found = batch.db.execute(_SQL["in_company"], {"after": self._after, "upto": upto})
        batch.load(Wants(messages=[seq for (seq,) in found]))
        for row in batch.adopted():
            batch.requeue(row)
