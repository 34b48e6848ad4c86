"""Asks one source again and again what changed, from a durable cursor, a little further back than it stands.

The cursor is the newest change that was read and that lies no later than our own now: an order dated into the future can't carry it
away, and a clock that was put back takes it along. It moves on only after what was read is on the disk. Now and then a question goes
back further, for a shop whose own clock was put back; and each night the last two weeks are compared with the record.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo

import msgspec
import structlog

from daemon.intake.base import DELETED, Fact, Reading, Snapshot
from daemon.intake.polling.polled import Fault, Polled, Turn
from daemon.intake.polling.reader import LONGEST_WAIT, STEP_MS, Reader, Tell
from daemon.intake.polling.record import PollRecord
from outbox.clock import Clock
from outbox.errors import OutboxError
from outbox.model import OrderFields
from outbox.notes import Notes

log = structlog.get_logger(__name__)

OVERLAP_MS = 120_000
"""How far back each round begins: search indexes lag, and moments are of whole seconds."""
WIDE_MS = 3 * 3_600_000
"""How far back a wide one begins: clocks are put back by an hour, by hand or by a host's mistake."""
WIDE_EVERY = 900.0
DAY_MS = 86_400_000
SWEEP_MS = 14 * DAY_MS
SWEEP_FROM = timedelta(hours=3)
"""Of the store's night: from then on, until the next, its sweep is due."""
MOST_TRIES = 4
"""In so many steps a comparison that fails comes to be tried once an hour."""
LOOKED_UP = 25
"""Open orders at a time of which it is asked how they are."""
CLOCK_WAIT = 5.0


class PollStatus(msgspec.Struct):
    """How it goes, for those who look. Moments in ms."""

    last_asked: int | None = None
    last_success: int | None = None
    problem: str = ""
    is_shut: bool = False
    """The problem won't mend by itself (a key that is refused or missing, a firewall): nothing can be looked up until people mended it."""
    moved_from: str = ""
    """The address of the shop that it was before, where that is another."""
    uncompared: str = ""
    """Why what is on record can't be compared with how it is there, where that failed more than once."""
    cursor: int | None = None
    current: int | None = None
    """Up to when all that it told is on record."""
    swept_at: int | None = None
    mended: Sequence[str] = ()
    """Orders that the last sweep found otherwise than on record."""


class Comparison(msgspec.Struct):
    """A way of holding what is on record against how it is there. `due`: when it is, by the monotonic clock."""

    compare: Callable[[], Awaitable[None]]
    due: float = 0.0
    failures: int = 0
    reason: str = ""


class Poller:
    """`run` asks until it is cancelled; `sync` makes it ask at once."""

    def __init__(
        self,
        name: str,
        source: Polled,
        reader: Reader,
        notes: Notes,
        record: PollRecord,
        clock: Clock,
        rng: random.Random,
        zone: tzinfo,
        *,
        every: float,
        history: float,
        clock_trusted: Callable[[], bool],
    ) -> None:
        self.status = PollStatus()
        self.wake = asyncio.Event()
        self._name = name
        self._source = source
        self._reader = reader
        self._notes = notes
        self._record = record
        self._clock = clock
        self._rng = rng
        self._zone = zone
        self._every = every
        self._history_ms = round(history * 1000)
        self._trusted = clock_trusted
        self._failures = 0
        self._wide_at = -WIDE_EVERY
        self._comparisons = (Comparison(self._sweep_if_due), Comparison(self._look_at_open))
        self._again: int | None = None
        self._left = 0
        self._wanted: list[asyncio.Event] = []
        self._doubted: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Ask until `stop`."""
        while not stop.is_set():
            self.wake.clear()
            wait = await self.round() if self._trusted() else CLOCK_WAIT
            await self._clock.wait(self.wake, wait)

    def sync(self, since: int | None) -> asyncio.Event:
        """Ask at once, from that moment (ms) on. Set once the answer is on record, or the question has failed."""
        if since is not None:
            self._again = since
        done = asyncio.Event()
        self._wanted.append(done)
        self.wake.set()
        return done

    def told(self, ids: Sequence[str], *, gone: Sequence[str] = ()) -> None:
        """By a webhook the source told of these orders, so what it shows of them is looked at anew; of those that it said are `gone` at once:
        it may have said that once more after they were back. Where nothing can be looked up its word has to do."""
        self._reader.forget(ids)
        self._doubted.update(gone)
        if gone:
            self.wake.set()

    async def round(self) -> float:
        """Read what changed; the seconds to wait until the next round."""
        wanted, self._wanted = self._wanted, []
        self.status.last_asked = self._clock.now()
        try:
            await self._know_place(is_same=bool(wanted))
            more = await self._ask()
            if not more:
                await self._look_at_doubted()
                if not self.status.moved_from:  # what another shop does not have is not gone
                    await self._compare_if_due()
        except (Fault, OutboxError) as fault:
            return self._failed(fault)
        except Exception as error:  # one source must not take the others, and all sending, down with it
            log.exception("taking what a source told failed inside", source=self._name)
            return self._failed(Fault(f"taking what it told failed inside: {type(error).__name__}", lasting=True))
        finally:
            for done in wanted:
                done.set()
        if self._failures:
            log.info("a source answers again", source=self._name)
        self._failures = 0
        self.status.problem, self.status.is_shut, self.status.last_success = "", False, self._clock.now()
        return 0.0 if more else self._every

    def _failed(self, fault: Exception) -> float:
        reason = self._record.clean(str(fault))
        if reason != self.status.problem:
            log.warning("a source could not be asked; it will be again", source=self._name, reason=reason)
        self.status.problem, self.status.is_shut = reason, isinstance(fault, Fault) and fault.is_shut
        self._failures += 1
        wait = min(self._every * 2.0 ** min(self._failures - 1, 10), LONGEST_WAIT) * self._rng.uniform(0.5, 1.0)
        if isinstance(fault, Fault):
            wait = LONGEST_WAIT if fault.lasting else max(wait, fault.after or 0.0)
        return wait

    async def _know_place(self, *, is_same: bool) -> None:
        """Whether it is the shop that it was: what was told is known by the source's name and the shop's own ids, which another gives again.
        `is_same`: whoever wants it asked knows."""
        place, known = self._source.place, await self._notes.get(self._key("at"))
        if place and place != known and (known is None or is_same):
            await self._notes.set(self._key("at"), place)
            known = place
        self.status.moved_from = known if place and known and known != place else ""

    # ------------------------------------------------------------ a round

    async def _ask(self) -> bool:
        """Read what changed; whether there is more. Where it is shut to us nobody can look up what is doubted."""
        try:
            return await self._read()
        except Fault as fault:
            if fault.is_shut and self._doubted:
                await self._believe_doubted()
            raise

    async def _read(self) -> bool:
        begun, first = self._clock.now(), await self._first()
        if self._again is not None:
            cursor = since = min(self._again, begun)
            await self._keep(cursor)
            self._again, self._left = None, 0
            self._reader.forget()
        else:
            cursor = min(await self._cursor(), begun)
            since = self._left or max(cursor - self._back(), min(first, cursor))
        if self.status.current is None:
            self.status.current = max(cursor, await self._record.born())  # what was before it was there can't be late
        if await self._through(since, cursor, begun):
            return True
        self.status.current = begun
        if self._clock.monotonic() - self._wide_at >= WIDE_EVERY:
            self._wide_at = self._clock.monotonic()
        return False

    def _back(self) -> int:
        return WIDE_MS if self._clock.monotonic() - self._wide_at >= WIDE_EVERY else OVERLAP_MS

    async def _through(self, since: int, cursor: int, begun: int) -> bool:
        """Stretch by stretch up to now; whether there is more."""
        if self._source.has_bin and since <= cursor - WIDE_MS:
            await self._read_bin(since, self._tell)
        while True:
            until = self._until(since, begun)
            read = await self._reader.read(Turn(since, until=until), cursor, self._tell)
            cursor = max(cursor, read.left or until, read.reached)
            await self._keep(cursor)
            self._left = read.left
            if read.left:
                self.status.current = cursor
                return True
            if not until:
                return False
            since = until - STEP_MS

    async def _read_bin(self, since: int, tell: Tell) -> None:
        """What was thrown away since then."""
        while since:
            since = (await self._reader.read(Turn(since, thrown=True), since, tell)).left

    def _until(self, since: int, begun: int) -> int:
        """Where this stretch ends; 0: it is the last, and has no end."""
        if self._source.window is None:
            return 0
        end = since + round(self._source.window * 1000)
        return end if end < begun else 0

    async def _tell(self, reading: Reading, asked: int) -> None:
        await self._record.tell(reading, asked)

    async def _keep(self, cursor: int) -> None:
        """All up to that moment is on the disk."""
        if cursor != self.status.cursor:
            await self._notes.set(self._key("cursor"), str(cursor))
        self.status.cursor = cursor

    async def _first(self) -> int:
        """Where the first question begins: now, less what is looked back to learn (with nobody told) how open orders stand."""
        return await self._record.born() - self._history_ms

    async def _cursor(self) -> int:
        if self.status.cursor is None:
            self.status.cursor = await self._notes.moment(self._key("cursor"))
        return await self._first() if self.status.cursor is None else self.status.cursor

    def _key(self, what: str) -> str:
        return f"source.{self._name}.{what}"

    # ------------------------------------------------------------ what is on record against how it is there

    async def _compare_if_due(self) -> None:
        """Each quarter of an hour what is open, each night all of two weeks. An order there that nobody can read would fail one of them: it is
        tried more and more seldom, and neither the other nor what is new comes later for it."""
        for one in self._comparisons:
            if self._clock.monotonic() >= one.due:
                await self._compare(one)
        self.status.uncompared = next((one.reason for one in self._comparisons if one.failures > 1), "")

    async def _compare(self, one: Comparison) -> None:
        try:
            await one.compare()
        except Fault as fault:
            one.failures, one.reason = one.failures + 1, self._record.clean(str(fault))
            log.warning(
                "orders could not be compared with the record; they will be", source=self._name, reason=one.reason
            )
        else:
            one.failures = 0
        one.due = self._clock.monotonic() + WIDE_EVERY * min(max(one.failures, 1), MOST_TRIES)

    async def _look_at_doubted(self) -> None:
        """One that can't be looked at now is seen with those that are open."""
        doubted, self._doubted = sorted(self._doubted), set()
        with suppress(Fault):
            await self._look_at(doubted, self._tell, else_gone=True)

    async def _believe_doubted(self) -> None:
        """Whoever said that they are gone may not say it again."""
        doubted, asked = sorted(self._doubted), self._clock.now()
        await self._tell(Reading(snapshots=tuple(_deleted(id, asked) for id in doubted)), asked)
        self._doubted.difference_update(doubted)

    async def _sweep_if_due(self) -> None:
        now = datetime.fromtimestamp(self._clock.now() / 1000, UTC).astimezone(self._zone)
        night, swept = (now - SWEEP_FROM).date().isoformat(), await self._notes.get(self._key("swept"))
        if swept != night:
            if swept is not None:  # the first round has looked back further than a sweep does
                await self.sweep()
            await self._notes.set(self._key("swept"), night)

    async def sweep(self) -> None:
        """Compare how the orders of the last two weeks stand with the record, and tell what was missed."""
        begun = self._clock.now()
        mended: list[str] = []

        async def mend(reading: Reading, asked: int) -> None:
            mended.extend(await self._record.tell(reading, asked))

        self._reader.forget()
        first = await self._first()
        begin = max(begun - SWEEP_MS, first if first <= begun else 0)
        if self._source.has_bin:
            await self._read_bin(begin, mend)
        while begin < begun:
            until = self._until(begin, begun)
            read = await self._reader.read(Turn(begin, until=until), begin, mend)
            begin = read.left or (until - STEP_MS if until else begun)
        self.status.swept_at, self.status.mended = begun, tuple(dict.fromkeys(mended))
        if mended:
            log.warning("orders stood otherwise than on record; told now", source=self._name, orders=self.status.mended)

    async def _look_at_open(self) -> None:
        """Orders that are open here: edited without the shop's saying that they changed, or gone."""
        now = self._clock.now()
        await self._look_at(await self._record.standing(now - SWEEP_MS, now), self._tell)

    async def _look_at(self, ids: Sequence[str], tell: Tell, *, else_gone: bool = False) -> None:
        """`else_gone`: they are gone where the source shows no orders by their numbers."""
        for at in range(0, len(ids), LOOKED_UP):
            asked, some = self._clock.now(), ids[at : at + LOOKED_UP]
            gone = await self._reader.look_up(some, tell)
            if gone is None and not else_gone:
                return
            await tell(Reading(snapshots=tuple(_deleted(id, asked) for id in (some if gone is None else gone))), asked)


def _deleted(id: str, at: int) -> Snapshot:
    return Snapshot(
        id=id,
        updated=datetime.fromtimestamp(at / 1000, UTC),
        facts=(Fact(DELETED, state=True),),
        order=OrderFields(ref=""),
    )
