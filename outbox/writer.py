"""The one writer: a thread with its own connection, in which operations that wait together share one transaction (group commit).

Each operation keeps its own failure: one that refuses without having changed anything simply fails; when anything else goes wrong,
the group is rolled back and done again one by one. Idle, the thread blocks on its queue and touches nothing.
"""

import asyncio
import queue
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from outbox.batch import Batch, Marks
from outbox.chain import Change
from outbox.clock import Clock
from outbox.errors import OutboxError
from outbox.faults import in_our_words, is_hopeless
from outbox.queries import Queries
from outbox.snapshot import Wants

T = TypeVar("T")

_SQL = Queries("batch.sql")

LARGEST_GROUP = 512
"""Operations in one transaction at most: what a reader and a checkpoint can follow."""


class Operation(ABC, Generic[T]):
    """One thing to be done in a transaction. `wants` names what it needs to see; `apply` does it on the batch.

    `alone`: writes by statements of its own to rows that others hold as objects, so it shares a transaction with nothing.
    `truncates_wal` (alone only): what it took out must not linger in the log.
    """

    __slots__ = ()

    alone: ClassVar[bool] = False
    truncates_wal: ClassVar[bool] = False

    def wants(self, wants: Wants) -> None:
        """Name what `apply` will look at."""

    @abstractmethod
    def apply(self, batch: Batch) -> T:
        """Do it. An OutboxError is this operation's own failure."""


Committed = Callable[[Sequence[Change], Mapping[str, int]], None]
Job = tuple[Operation[Any], "asyncio.Future[Any]"]


class Writer:
    """Runs operations. `on_commit(changes, channels made ready and from when)` is called in the loop's thread after each commit."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], clock: Clock, on_commit: Committed) -> None:
        self._connect = connect
        self._clock = clock
        self._on_commit = on_commit
        self._queue: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        self._gathered: list[Job] = []
        self._thread = threading.Thread(target=self._run, name="outbox writer", daemon=True)
        self._opened: asyncio.Future[None]
        self._closed: asyncio.Future[None]
        self._busy_since: float | None = None

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
            self._queue.put(None)
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
        self._gathered.append((operation, future))
        return future

    def _hand_over(self) -> None:
        if self._gathered:
            self._queue.put(self._gathered)
            self._gathered = []

    # ------------------------------------------------------------ in the writer's thread

    def _run(self) -> None:
        try:
            self._db, self._marks = self._open()
        except BaseException as error:
            self._tell(self._opened.set_exception, in_our_words(error))
            return
        self._tell(self._opened.set_result, None)
        ends = False
        while not ends:
            jobs, ends = self._take()
            if jobs:
                self._busy_since = self._clock.monotonic()
                self._commit_in_turn(jobs)
                self._busy_since = None
        self._db.close()
        self._tell(self._closed.set_result, None)

    def _open(self) -> tuple[sqlite3.Connection, Marks]:
        db = self._connect()
        try:
            return db, Marks.read(db)
        except BaseException:
            db.close()
            raise

    def _tell(self, call: Callable[..., object], *args: object) -> None:
        self._loop.call_soon_threadsafe(call, *args)

    def _take(self) -> tuple[list[Job], bool]:
        """All that waits, at least one; and whether this is the end."""
        first = self._queue.get()
        if first is None:
            return [], True
        jobs = first
        while len(jobs) < LARGEST_GROUP:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return jobs, True
            jobs += more
        return jobs, False

    def _commit_in_turn(self, jobs: list[Job]) -> None:
        """Those that go alone apart, the others in groups between them, in the order in which they came."""
        group: list[Job] = []
        for job in jobs:
            if job[0].alone or len(group) == LARGEST_GROUP:
                self._commit(group)
                group = []
            if job[0].alone:
                self._commit([job])
            else:
                group.append(job)
        self._commit(group)

    def _commit(self, jobs: list[Job], *, careful: bool = False) -> None:
        if not jobs:
            return
        try:
            results, changes, ready = self._transact(jobs, careful=careful)
        except BaseException as error:
            self._roll_back()
            if not careful and not is_hopeless(error):
                for job in jobs:
                    self._commit([job], careful=True)
                return
            failure = in_our_words(error)
            results, changes, ready = [failure] * len(jobs), [], {}
        else:
            if jobs[0][0].truncates_wal:
                results = [self._truncate_wal(results[0])]
        self._tell(self._deliver, jobs, results, changes, ready)

    def _transact(self, jobs: list[Job], *, careful: bool) -> tuple[list[Any], list[Change], Mapping[str, int]]:
        self._db.execute(_SQL["begin"])
        batch = Batch(self._db, self._marks, self._clock.now(), careful=careful)
        wants = Wants()
        for operation, _ in jobs:
            operation.wants(wants)
        batch.load(wants)
        results: list[Any] = []
        for operation, _ in jobs:
            before = batch.touched
            try:
                results.append(operation.apply(batch))
            except OutboxError as error:
                if batch.touched != before:
                    raise
                results.append(error)
        changes = batch.flush()
        self._db.execute(_SQL["commit"])
        self._marks = batch.marks
        return results, changes, batch.ready

    def _truncate_wal(self, result: Any) -> Any:
        try:
            self._db.execute(_SQL["truncate_wal"])
        except sqlite3.Error as error:
            return in_our_words(error)
        return result

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute(_SQL["rollback"])

    # ------------------------------------------------------------ in the loop's thread

    def _deliver(self, jobs: list[Job], results: list[Any], changes: list[Change], ready: Mapping[str, int]) -> None:
        for (_, future), result in zip(jobs, results, strict=True):
            if future.done():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)
        if changes or ready:
            self._on_commit(changes, ready)
