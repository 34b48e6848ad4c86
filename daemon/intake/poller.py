"""Asks one source again and again what changed, from a durable cursor, a little further back than it stands.

The cursor moves on only after what was read is on the disk. It is a moment of the source's own clock: the next page begins where the
last one ended (not at a number of pages, under which orders move while they are read), and what is read twice is known.
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
import structlog

from daemon.intake.base import Reading, Snapshot
from daemon.intake.calls import Caller
from daemon.intake.polled import Fault, Page, Polled, Turn, fault_of
from outbox.clock import Clock
from outbox.errors import OutboxError
from outbox.orders import to_ms

log = structlog.get_logger(__name__)

OVERLAP_MS = 120_000
"""How far back each round begins: search indexes lag, and moments are of whole seconds."""
STEP_MS = 1_000
"""The grain of a shop's moments."""
PAGES = 20
"""Pages read before it is looked whether there is something else to do."""
MOST_PAGES = 500
"""Pages of one round at most, where they are in no order and the cursor can't move between them."""
LONGEST_WAIT = 300.0
SEEN = 4_000
CLOCK_WAIT = 5.0


class Notes(Protocol):
    """`box.notes`."""

    async def get(self, key: str) -> str | None: ...

    async def set(self, key: str, value: str) -> None: ...


class PollStatus(msgspec.Struct):
    """How it goes, for those who look."""

    last_success: int | None = None
    problem: str = ""
    cursor: int | None = None


class Poller:
    """`run` asks until it is cancelled; `wake` makes it ask at once."""

    def __init__(
        self,
        name: str,
        source: Polled,
        caller: Caller,
        notes: Notes,
        tell: Callable[[Reading], Awaitable[None]],
        born: Callable[[], Awaitable[int]],
        clean: Callable[[str], str],
        clock: Clock,
        rng: random.Random,
        *,
        every: float,
        history: float,
        clock_trusted: Callable[[], bool],
    ) -> None:
        self.status = PollStatus()
        self.wake = asyncio.Event()
        self._name = name
        self._source = source
        self._caller = caller
        self._notes = notes
        self._tell = tell
        self._born = born
        self._clean = clean
        self._clock = clock
        self._rng = rng
        self._every = every
        self._history_ms = round(history * 1000)
        self._trusted = clock_trusted
        self._failures = 0
        self._warned = ""
        self._seen: dict[str, object] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Ask until `stop`."""
        while not stop.is_set():
            self.wake.clear()
            wait = await self.round() if self._trusted() else CLOCK_WAIT
            await self._clock.wait(self.wake, wait)

    async def round(self) -> float:
        """Read what changed; the seconds to wait until the next round."""
        try:
            more = await self._read()
        except (Fault, OutboxError) as fault:
            return self._failed(fault)
        if self._failures:
            log.info("a source answers again", source=self._name)
        self._failures = 0
        self.status.problem, self.status.last_success = "", self._clock.now()
        return 0.0 if more else self._every

    def _failed(self, fault: Exception) -> float:
        reason = self._clean(str(fault))
        if reason != self.status.problem:
            log.warning("a source could not be asked; it will be again", source=self._name, reason=reason)
        self.status.problem = reason
        self._failures += 1
        wait = min(self._every * 2.0 ** min(self._failures - 1, 10), LONGEST_WAIT) * self._rng.uniform(0.5, 1.0)
        if isinstance(fault, Fault):
            wait = LONGEST_WAIT if fault.lasting else max(wait, fault.after or 0.0)
        return wait

    async def _read(self) -> bool:
        cursor = newest = await self._cursor()
        turn = Turn(max(cursor - OVERLAP_MS, await self._first()))
        for number in itertools.count(1):
            page = await self._page(turn)
            await self._tell(self._fresh(page.reading))
            self._remember(page.reading)
            newest = max(newest, to_ms(page.newest)) if page.newest else newest
            if page.ordered or not page.next_token:
                await self._move(cursor, newest)
                cursor = newest
            if not page.next_token:
                return False
            if page.ordered and number >= PAGES:
                return True
            if number >= MOST_PAGES:
                raise Fault(f"there is no end to its pages: after {MOST_PAGES} it was given up", lasting=True)
            turn = _next(turn, page)
            if page.wait > 0:
                await self._clock.sleep(min(page.wait, LONGEST_WAIT))
        raise AssertionError("there is always a next number")

    async def _move(self, cursor: int, newest: int) -> None:
        """All up to that moment is on the disk."""
        if newest > cursor:
            await self._notes.set(self._key("cursor"), str(newest))
        self.status.cursor = newest

    async def _page(self, turn: Turn) -> Page:
        response = await self._caller.call(lambda token: self._source.request(turn, token))
        if not (response.ok or response.status == 304) or response.is_page:
            raise fault_of(response, self._source.words(response))
        try:
            page = self._source.page(response, turn)
        except Fault:
            raise
        except Exception as error:
            log.exception("reading a source's answer failed inside", source=self._name)
            raise Fault(f"reading its answer failed inside: {type(error).__name__}", lasting=True) from error
        if page.warning and page.warning != self._warned:
            log.warning("a source answers oddly", source=self._name, what=page.warning)
        self._warned = page.warning
        return page

    async def _first(self) -> int:
        """Where the first question begins: now, less what is looked back to learn (with nobody told) how open orders stand."""
        return await self._born() - self._history_ms

    async def _cursor(self) -> int:
        kept = await self._notes.get(self._key("cursor"))
        return await self._first() if kept is None else int(kept)

    def _key(self, what: str) -> str:
        return f"source.{self._name}.{what}"

    def _fresh(self, reading: Reading) -> Reading:
        """Without what was read at an earlier turn: the overlap brings it again."""
        fresh = tuple(one for one in reading.snapshots if self._seen.get(one.id) != _mark(one))
        return msgspec.structs.replace(reading, snapshots=fresh)

    def _remember(self, reading: Reading) -> None:
        for one in reading.snapshots:
            self._seen.pop(one.id, None)
            self._seen[one.id] = _mark(one)
        while len(self._seen) > SEEN:
            del self._seen[next(iter(self._seen))]


def _mark(snapshot: Snapshot) -> object:
    return (snapshot.updated, snapshot.facts)


def _next(turn: Turn, page: Page) -> Turn:
    """From the end of this page on; where all of it changed in one second, or pages are in no order, by its token."""
    begin = to_ms(page.newest) - STEP_MS if page.newest and page.ordered else turn.since
    return Turn(begin) if begin > turn.since else Turn(turn.since, page.next_token)
