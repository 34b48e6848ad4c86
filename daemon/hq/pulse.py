"""How stores are, as they say it themselves: the newest word of each, stamped with HQ's clock. A word that contradicts the archive is a fork;
one that speaks of more than the archive has, though NATS has no more, is a loss that heals by asking again.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog
from psycopg.types.json import Jsonb

from daemon.fleet.nats_connection import NatsConnection
from daemon.fleet.stored import Stored
from daemon.fleet.wire import NAME, Garbled, Health, pack, unpack
from daemon.hq.database import Connection, queries
from daemon.hq.troubles import troubles_of

log = structlog.get_logger(__name__)

_SQL = queries("health.sql")
_INGEST = queries("ingest.sql")

LATE_SECONDS, SILENT_SECONDS = 90, 600
HOURS_KEPT = timedelta(days=35)
PAGE = 500
MOST_WAITING = 20_000

Rows: TypeAlias = list[tuple[str, tuple[datetime, Health]]]


class Pulse:
    """Hears words, and writes them in lots."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._waiting: dict[str, tuple[datetime, Health]] = {}
        self._hour: datetime | None = None

    def hear(self, subject: str, body: bytes, arrived: datetime | None = None) -> None:
        """A word just came; a store's earlier one that waits to be written is overtaken."""
        store = subject.partition(".")[2]
        if not NAME.fullmatch(store) or (store not in self._waiting and len(self._waiting) >= MOST_WAITING):
            return
        try:
            health = unpack(body, Health)
        except Garbled as error:
            log.warning("a store's word on how it is can't be read", store=store, reason=str(error))
            return
        self._waiting[store] = (arrived or self._now(), health)

    async def catch_up(self, line: NatsConnection) -> None:
        """What came while nobody listened: NATS keeps each store's newest, with the moment at which it had it."""
        after = 0
        while found := await line.read("HEALTH", after, limit=PAGE):
            for stored in found:
                self.hear(stored.subject, stored.body, _arrived(stored))
            after = found[-1].seq

    async def write(self, db: Connection) -> set[str]:
        """The stores whose newest entry contradicts the archive."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return set()
        rows = sorted(waiting.items())
        values = {
            "store": [store for store, _ in rows],
            "arrived": [arrived for _, (arrived, _) in rows],
            "at": [health.at for _, (_, health) in rows],
            "body": [Jsonb(None, dumps=_dumps(health)) for _, (_, health) in rows],
            "now": self._now(),
        }
        try:
            async with db.transaction():
                await db.execute(_INGEST["know_store"], {"names": values["store"]})
                known: dict[str, int] = dict(await (await db.execute(_SQL["words"], values)).fetchall())
                await db.execute(_SQL["keep"], values)
                await self._keep_hours(db, [(store, word) for store, word in rows if word[1].at != known.get(store)])
                await self._keep_troubles(db, rows)
                return await self._forks(db, waiting)
        except BaseException:
            self._waiting = waiting | self._waiting
            raise

    async def _keep_hours(self, db: Connection, rows: Rows) -> None:
        """What the week's charts are drawn from, of words that no other process counted; of hours that nobody looks at any more, nothing."""
        hour = self._now().replace(minute=0, second=0, microsecond=0)
        words = [(store, health) for store, (_, health) in rows]
        values = {
            "hour": hour,
            "store": [store for store, _ in words],
            "line_down": [int(health.uplink == "down") for _, health in words],
            "queued": [health.queued for _, health in words],
            "waited": [max(health.at - (health.oldest_queued_at or health.at), 0) for _, health in words],
            "disk_free": [health.disk_free for _, health in words],
            "written_at": [health.bytes_written or 0 for _, health in words],
        }
        await db.execute(_SQL["keep_hours"], values)
        if hour != self._hour:
            self._hour = hour
            await db.execute(_SQL["forget_hours"], {"oldest": hour - HOURS_KEPT})
            await db.execute(_SQL["forget_troubles"], {"oldest": hour - HOURS_KEPT})

    async def _keep_troubles(self, db: Connection, rows: Rows) -> None:
        found = [(store, arrived, *trouble) for store, (arrived, health) in rows for trouble in troubles_of(health)]
        values = {
            "heard": [store for store, _ in rows],
            "heard_at": [arrived for _, (arrived, _) in rows],
            "store": [store for store, *_ in found],
            "since": [since for _, since, *_ in found],
            "kind": [kind for *_, kind, _ in found],
            "about": [about for *_, about in found],
        }
        await db.execute(_SQL["end_troubles"], values)
        await db.execute(_SQL["begin_troubles"], values)

    async def _forks(self, db: Connection, waiting: dict[str, tuple[datetime, Health]]) -> set[str]:
        stores = sorted(waiting)
        heads = [waiting[store][1] for store in stores]
        asked = {"store": stores, "epoch": [head.epoch for head in heads], "seq": [head.seq for head in heads]}
        forked = set()
        for store, epoch, seq, known in await (await db.execute(_SQL["heads"], asked)).fetchall():
            other = waiting[store][1].hash
            if bytes(known).hex() != other:
                log.error(
                    "a fork: a store's newest entry is another than the archive has", store=store, epoch=epoch, seq=seq
                )
                values = {
                    "store": store, "epoch": epoch, "seq": seq, "known": bytes(known), "other": _bytes(other), "seen_in": "health",
                    "now": self._now(),
                }  # fmt: skip
                await db.execute(_INGEST["note_fork"], values)
                forked.add(store)
        return forked

    async def ask_for_what_is_missed(self, db: Connection, read_at: datetime, patience: float) -> set[str]:
        """`read_at`: when the stream was last found read to its end. The stores that are to send again."""
        about = {"read_at": read_at, "heard_since": self._now() - timedelta(seconds=SILENT_SECONDS)}
        missed = [name for (name,) in await (await db.execute(_SQL["missed"], about)).fetchall()]
        if not missed:
            return set()
        values = {"names": missed, "now": self._now(), "patience": patience}
        asked = {name for (name,) in await (await db.execute(_INGEST["ask_again"], values)).fetchall()}
        if asked:
            log.warning("stores are to send again what NATS lost", stores=sorted(asked))
        return asked


def _dumps(health: Health) -> Callable[[object], bytes]:
    return lambda _: pack(health)


def _arrived(stored: Stored) -> datetime:
    from daemon.hq.database import as_time

    return as_time(stored.at)


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return text.encode()[:32]
