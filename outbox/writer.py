"""The one writer: a thread with its own connection, in which operations that wait together share one transaction (group commit).

Each operation keeps its own failure: one that refuses without having changed anything simply fails; when anything else goes wrong,
the group is rolled back and done again one by one. Idle, the thread blocks on its queue and touches nothing.
"""

import asyncio
import contextlib
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from outbox.batch import Batch, Sequences
from outbox.chain import Change
from outbox.checkpoint import Checkpointer
from outbox.clock import Clock
from outbox.errors import OutboxError
from outbox.faults import in_our_words, is_hopeless
from outbox.model import Due
from outbox.queries import Queries
from outbox.snapshot import Wants
from outbox.write_queue import WriteQueue

T = TypeVar("T")

_SQL = Queries("batch.sql")

MOST_OFFERED = 8
"""Messages: an order's customer and team. Who comes with many is no longer alone."""


class Operation(ABC, Generic[T]):
    """One thing to be done in a transaction. `wants` names what it needs to see; `apply` does it on the batch.

    `alone`: writes by statements of its own to rows that others hold as objects, so it shares a transaction with nothing.
    `goes_first`: somebody at a till waits for it.
    `truncates_wal` (alone only): what it took out, if anything, must not linger in the log.
    """

    __slots__ = ()

    alone: ClassVar[bool] = False
    goes_first: ClassVar[bool] = False
    truncates_wal: ClassVar[bool] = False

    @property
    def follows(self) -> int:
        """The message (seq) that it tries or moves: it may be done in the transaction that takes that in. 0: none."""
        return 0

    def wants(self, wants: Wants) -> None:
        """Name what `apply` will look at."""

    @abstractmethod
    def apply(self, batch: Batch) -> T:
        """Do it. An OutboxError is this operation's own failure."""


class BringLogIn(Operation[None]):
    """Nothing but what follows its commit: all of the log goes into the database."""

    __slots__ = ()
    alone = True
    truncates_wal = True

    def apply(self, batch: Batch) -> None:
        """As if something had been taken out."""
        batch.touched += 1


Committed = Callable[["Done"], None]


class Job:
    """An operation and who waits for it."""

    __slots__ = ("alone", "follows", "future", "goes_first", "operation")

    def __init__(self, operation: Operation[Any], future: "asyncio.Future[Any]") -> None:
        self.operation = operation
        self.future = future
        self.alone = operation.alone
        self.goes_first = operation.goes_first
        self.follows = operation.follows


class Offer(msgspec.Struct):
    """New messages that may go at once, shown before their commit: whoever can tries them meanwhile, so that the same commit has their
    first tries."""

    dues: list[Due]
    taken: int
    """How many of them are being tried; all, until that is known."""


class Done(msgspec.Struct):
    """What one transaction came to."""

    jobs: list[Job]
    results: list[Any] = []
    changes: list[Change] = []
    ready: dict[str, int] = {}
    """By channel that has something to take up, from when (ms)."""
    fresh: list[Due] = []
    """Messages that came in and may go at once."""
    calls_off: bool = False
    """Whether something that is under way may not be wanted any more."""
    touched: bool = False
    """Whether anything was changed."""
    is_followed: bool = False
    """Whether first tries joined: what they meet (a page that can't be read) is no reason to refuse those who were there before."""


class Writer:
    """Runs operations. `on_commit` is told in the loop's thread of each commit. `on_offer`, where there is one, is asked there how many of
    these messages it tries at once: their transaction waits for it, for a moment.
    """

    on_offer: Callable[[Sequence[Due]], int] | None = None

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], clock: Clock, on_commit: Committed, checkpointer: Checkpointer
    ) -> None:
        self._connect = connect
        self._checkpointer = checkpointer
        self._clock = clock
        self._on_commit = on_commit
        self._queue: WriteQueue[Job] = WriteQueue(clock.monotonic)
        self._gathered: list[Job] = []
        self._thread = threading.Thread(target=self._run, name="outbox writer", daemon=True)
        self._opened: asyncio.Future[None]
        self._closed: asyncio.Future[None]
        self._busy_since: float | None = None
        self._owes_truncation = False

    async def start(self) -> None:
        """Open the connection in the writer's thread. Raises what opening raises."""
        self._loop = asyncio.get_running_loop()
        self._opened, self._closed = self._loop.create_future(), self._loop.create_future()
        self._thread.start()
        await self._opened

    async def stop(self) -> None:
        """Finish what waits, close the connection."""
        if self._thread.is_alive():
            self._hand_over()
            self._queue.close()
            await self._closed
        self._thread.join()

    def stalled_for(self) -> float:
        """Seconds that the present transaction has been under way: what a watchdog looks at."""
        since = self._busy_since
        return 0.0 if since is None else self._clock.monotonic() - since

    def submit(self, operation: Operation[T]) -> "asyncio.Future[T]":
        """Have it done; the future is done after the commit. All that is submitted in one turn of the loop goes over together."""
        future: asyncio.Future[T] = self._loop.create_future()
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append(Job(operation, future))
        return future

    def _hand_over(self) -> None:
        if self._gathered:
            self._queue.put(self._gathered)
            self._gathered = []

    # ------------------------------------------------------------ in the writer's thread

    def _run(self) -> None:
        try:
            self._db, self._sequences = self._open()
        except BaseException as error:
            self._tell(self._opened.set_exception, in_our_words(error))
            return
        self._tell(self._opened.set_result, None)
        while jobs := self._queue.take():
            self._busy_since = self._clock.monotonic()
            self._commit(jobs)
            self._checkpoint()
            self._busy_since = None
        self._checkpointer.stop()
        self._db.close()
        self._tell(self._closed.set_result, None)

    def _open(self) -> tuple[sqlite3.Connection, Sequences]:
        db = self._connect()
        try:
            return db, Sequences.read(db)
        except BaseException:
            db.close()
            raise

    def _tell(self, call: Callable[..., object], *args: object) -> None:
        self._loop.call_soon_threadsafe(call, *args)

    def _commit(self, jobs: list[Job], *, careful: bool = False) -> None:
        done = Done(jobs)
        try:
            self._transact(done, careful=careful)
        except BaseException as error:
            if self._rolled_back() and not careful and (done.is_followed or not is_hopeless(error)):
                for job in done.jobs:
                    self._commit([job], careful=True)
                return
            done = Done(done.jobs, [in_our_words(error)] * len(done.jobs))
        else:
            if done.touched and jobs[0].operation.truncates_wal:
                self._truncate_wal()
        self._tell(self._deliver, done)

    def _transact(self, done: Done, *, careful: bool) -> None:
        """One transaction: a round for those who are here, and one for those who come while it is still open."""
        self._db.execute(_SQL["begin"])
        sequences, jobs = self._sequences, done.jobs
        until = self._clock.monotonic() + self._queue.patience()
        offers = self._queue.is_calm and not careful
        while True:
            sequences = self._round(done, jobs, sequences, careful=careful, offers=offers)
            offers = False
            jobs = [] if careful or jobs[0].alone else self._queue.more(len(done.jobs), until)
            if not jobs:
                break
            done.jobs = done.jobs + jobs
        began = self._clock.monotonic()
        self._db.execute(_SQL["commit"])
        self._queue.committed(len(done.jobs), self._clock.monotonic() - began)
        self._sequences = sequences

    def _round(self, done: Done, jobs: list[Job], sequences: Sequences, *, careful: bool, offers: bool) -> Sequences:
        batch = Batch(self._db, sequences, self._clock.now(), careful=careful)
        _apply(jobs, batch, done.results)
        if offers and (followers := self._followers(batch)):
            done.jobs, done.is_followed = done.jobs + followers, True
            _apply(followers, batch, done.results)
        done.changes += batch.flush()
        done.calls_off = done.calls_off or batch.calls_off
        done.touched = done.touched or batch.touched > 0
        done.fresh += batch.fresh()
        for channel, due_at in batch.ready.items():
            done.ready[channel] = min(due_at, done.ready.get(channel, due_at))
        return batch.sequences

    def _followers(self, batch: Batch) -> list[Job]:
        """The first tries and moves of what is new here. Should the transaction be undone, the numbers that were shown are not given to
        other messages: who still holds one finds nothing under it."""
        dues = batch.fresh() if self.on_offer is not None else []
        if not 0 < len(dues) <= MOST_OFFERED:
            return []
        self._sequences.message = batch.sequences.message
        offer = Offer(dues, len(dues))
        self._tell(self._show, offer)
        return self._queue.followers({due.message.seq for due in dues}, lambda: offer.taken)

    def _truncate_wal(self) -> None:
        """Empty the log of what was taken out. While a reader needs what is in it, it stays owed until after the next commit; the
        close empties it in any case."""
        self._owes_truncation = True
        with contextlib.suppress(sqlite3.Error):
            busy, *_ = self._db.execute(_SQL["truncate_wal"]).fetchone()
            self._owes_truncation = bool(busy)

    def _truncate_wal_at_once(self) -> None:
        """Who reads long (a backup, a doctor) was waited for once: whose commit comes meanwhile does not wait for them again."""
        (patience,) = self._db.execute(_SQL["patience"]).fetchone()
        self._db.execute(_SQL["no_patience"])
        self._truncate_wal()
        self._db.execute(f"{_SQL['patience']} = {patience}")

    def _checkpoint(self) -> None:
        """A checkpoint that fails is tried again after the next commit, and by SQLite itself; what stops it for good fills the log,
        and then a commit says so."""
        with contextlib.suppress(sqlite3.Error, RuntimeError, MemoryError):
            if self._owes_truncation:
                self._truncate_wal_at_once()
            self._checkpointer.look(self._db)

    def _rolled_back(self) -> bool:
        """Undo the transaction. False: even that failed, so there is nothing to try again on."""
        try:
            if self._db.in_transaction:
                self._db.execute(_SQL["rollback"])
        except sqlite3.Error:
            return False
        return True

    # ------------------------------------------------------------ in the loop's thread

    def _show(self, offer: Offer) -> None:
        offer.taken = 0 if self.on_offer is None else self.on_offer(offer.dues)
        if offer.taken < len(offer.dues):
            self._queue.look()

    def _deliver(self, done: Done) -> None:
        for job, result in zip(done.jobs, done.results, strict=True):
            if job.future.done():
                continue
            if isinstance(result, BaseException):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)
        self._on_commit(done)


def _apply(jobs: Sequence[Job], batch: Batch, results: list[Any]) -> None:
    """Do them on the batch, each with its own failure."""
    wants = Wants()
    for job in jobs:
        job.operation.wants(wants)
    batch.load(wants)
    for job in jobs:
        before = batch.touched
        try:
            results.append(job.operation.apply(batch))
        except OutboxError as error:
            if batch.touched != before:
                raise
            results.append(error)
