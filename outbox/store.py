"""Opens and closes the database: its lock, its pragmas, the one writer, and a few connections that only read.

Durability: WAL with synchronous=FULL, one sync a commit. The pages are small (1 KiB): a commit writes whole pages, and one event touches
few rows on many of them. The log is brought into the database beside the writer (`outbox.checkpoint`), and at the close; idle, nothing is written at all.
"""

import asyncio
import os
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import msgspec

from outbox.changes import Changes
from outbox.checkpoint import Checkpointer
from outbox.clock import Clock
from outbox.digest import Digester, Keys, key_for
from outbox.errors import StorageDamaged, StorageFull
from outbox.faults import in_our_words
from outbox.health import Health
from outbox.identity import Identities
from outbox.lock import Lock, private
from outbox.migrate import migrate
from outbox.model import Due
from outbox.person_index import PersonIndex
from outbox.queries import Queries
from outbox.shares import Shares
from outbox.writer import BringLogIn, Done, Operation, Writer

S = TypeVar("S")
T = TypeVar("T")

_SQL = Queries("store.sql")

BUSY_MS = 5000
"""How long another program may hold the database before we give up: StorageBusy."""
READERS = 2
SPACE_LOOKED_AT_EVERY = 1.0


class Store:
    """The database of one process."""

    def __init__(
        self, path: Path, clock: Clock, rng: random.Random, reserve: int, keys: Keys, identities: Identities
    ) -> None:
        self.path = path
        self.clock = clock
        self.changes = Changes()
        self.on_ready: Callable[[Mapping[str, int]], None] = lambda channels: None
        self.on_fresh: Callable[[Sequence[Due]], None] = self._as_ready
        self.on_damage: Callable[[StorageDamaged], None] = lambda error: None
        """Called in the loop's thread when reading or writing met a damaged page or value: the file wants to be repaired."""
        self.digester: Digester
        self.index: PersonIndex
        self._identities = identities
        self._keys = keys
        self.shares = Shares({})
        self.on_commit: Callable[[], None] = lambda: None
        """Called in the loop's thread after each commit: there may be something to tell."""
        self.called_off = 0
        """How many commits said of something under way that it may not be wanted any more."""
        self._rng = rng
        self._reserve = reserve
        self._space: tuple[float, bool] = (float("-inf"), True)
        self._lock = Lock(path)
        self.health = Health(path, clock)
        self._writer = Writer(self._connect, clock, self._committed, Checkpointer(self._beside))
        self._readers: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()

    @property
    def on_offer(self) -> Callable[[Sequence[Due]], int] | None:
        return self._writer.on_offer

    @on_offer.setter
    def on_offer(self, call: Callable[[Sequence[Due]], int]) -> None:
        self._writer.on_offer = call

    def know_by(self, identities: Identities) -> None:
        """From the next operation on, people are known by these."""
        self.index = PersonIndex(identities, self.digester)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Store"]:
        """Raises AlreadyRunning, SchemaTooNew, StorageDamaged, StorageBusy, KeyMissing, KeyChanged."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock.take()
        try:
            await self._writer.start()
            try:
                self.health.opened(self._lock.file)
                for _ in range(READERS):
                    self._readers.put_nowait(await self._reader())
                yield self
            finally:
                while not self._readers.empty():
                    await self._readers.get_nowait().close()
                self.changes.close()
                await self._writer.stop()
        finally:
            self._lock.release()

    # ------------------------------------------------------------ writing

    def write(self, operation: Operation[T]) -> "asyncio.Future[T]":
        """Have it done; done after its commit."""
        if self.health.lost is not None:
            refused: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            refused.set_exception(self.health.lost)
            return refused
        done = self._writer.submit(operation)
        done.add_done_callback(self._look_at_end)
        return done

    def _look_at_end(self, done: "asyncio.Future[Any]") -> None:
        if done.cancelled():
            return
        if isinstance(error := done.exception(), StorageDamaged):
            self.on_damage(error)

    def trouble(self) -> str | None:
        """Why events can't be taken at the moment; None: they can, as far as is known without writing."""
        try:
            self.ensure_space()
        except StorageFull as error:
            return str(error)
        return self.health.trouble(self._writer.stalled_for())

    async def rescue(self, copy: Path) -> Path | None:
        """Save what only the open files have: into the database where that is still the one, else into a copy (which is returned)."""
        if self.health.lost is not None and self.health.lost.log:
            await self._writer.submit(BringLogIn())
            return None
        await self.back_up(copy)
        return copy

    def stalled_for(self) -> float:
        """Seconds that the present transaction has been under way."""
        return self._writer.stalled_for()

    def ensure_space(self) -> None:
        """Raises StorageFull when the disk has less free than the reserve."""
        looked_at, enough = self._space
        now = self.clock.monotonic()
        if now - looked_at >= SPACE_LOOKED_AT_EVERY:
            disk = os.statvfs(self.path.resolve().parent)
            enough = disk.f_bavail * disk.f_frsize >= self._reserve
            self._space = (now, enough)
        if not enough:
            raise StorageFull(
                f"less than {self._reserve // 2**20} MiB is free where {self.path.name} lies: make room; what waits is still sent"
            )

    def _as_ready(self, fresh: Sequence[Due]) -> None:
        self.on_ready({due.message.channel: due.message.due_at for due in fresh})

    def _committed(self, done: Done) -> None:
        for result in done.results:
            if isinstance(result, BaseException):
                self.health.failed(result)
        if done.touched:
            self.health.wrote()
        if done.fresh:  # first: what the same commit called off may have come after them
            self.on_fresh(done.fresh)
        self.called_off += done.calls_off
        self.changes.publish(done.changes)
        if done.ready:
            self.on_ready(done.ready)
        self.on_commit()

    def _connect(self) -> sqlite3.Connection:
        if self._lock.file is None:
            private(self.path)
            self._lock.take_file()
        db = sqlite3.connect(
            self.path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            db.executescript(_SQL["before_anything"])
            migrate(db, self.path.resolve())
            db.executescript(_SQL["writer"] + ";" + _SQL["row_views"])
            self.digester = Digester(key_for(db, self._keys, self.path))
            self.index = PersonIndex(self._identities, self.digester)
            self._first_epoch(db)
        except BaseException:
            db.close()
            raise
        return db

    def _beside(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=BUSY_MS / 1000, isolation_level=None)
        db.executescript(_SQL["checkpointer"])
        return db

    def _first_epoch(self, db: sqlite3.Connection) -> None:
        db.execute(_SQL["first_epoch"], {"id": self.new_epoch_id(), "at": self.clock.now()})

    def new_epoch_id(self) -> str:
        return f"{self._rng.getrandbits(64):016x}"

    # ------------------------------------------------------------ reading

    async def _reader(self) -> aiosqlite.Connection:
        db = await aiosqlite.connect(self.path, timeout=BUSY_MS / 1000, isolation_level=None)
        await db.executescript(_SQL["row_views"] + ";" + _SQL["reader"])
        await db.create_function("casefold", 1, str.casefold, deterministic=True)
        return db

    async def rows(self, sql: str, **values: object) -> list[Any]:
        """All rows of a query."""
        return list(await self._read(lambda db: db.execute_fetchall(sql, values)))

    async def row(self, sql: str, **values: object) -> Any:
        """The first row, None without any."""
        found = await self.rows(sql, **values)
        return found[0] if found else None

    async def value(self, sql: str, **values: object) -> Any:
        """The first value of the first row, None without any."""
        found = await self.row(sql, **values)
        return found[0] if found else None

    def decoded(self, decode: Callable[[S], T], stored: S) -> T:
        """A value that was stored, read. Raises StorageDamaged where it can't be: for columns that a start mends (`outbox.readable`), since it
        is told as damage to the file."""
        try:
            return decode(stored)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._in_our_words(error) from error

    async def back_up(self, copy: Path) -> None:
        """A consistent copy, made while the database is in use."""
        private(copy)
        async with aiosqlite.connect(copy) as target:
            await self._read(lambda db: db.backup(target))

    async def _read(self, query: Callable[[aiosqlite.Connection], Awaitable[T]]) -> T:
        db = await self._readers.get()
        try:
            return await query(db)
        except (sqlite3.Error, MemoryError) as error:
            raise self._in_our_words(error) from error
        finally:
            self._readers.put_nowait(db)

    def _in_our_words(self, error: Exception) -> BaseException:
        ours = in_our_words(error)
        if isinstance(ours, StorageDamaged):
            self.on_damage(ours)
        return ours
