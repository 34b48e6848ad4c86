"""Tries what is due at one channel as fast as its lane lets it, and sleeps until it has something to do."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from daemon.channels.base import Channel
from daemon.dispatch.backlog import Backlog
from daemon.dispatch.delivery import Delivery
from daemon.dispatch.gathering import urgency
from daemon.dispatch.lane import Lane
from daemon.dispatch.recorded import STORAGE_WAIT
from daemon.dispatch.sweep import SWEEP_EVERY, Sweep
from daemon.dispatch.under_way import Sending, UnderWay
from daemon.dispatch.uplink import Uplink
from daemon.dispatch.ways import Ways
from outbox import Outbox
from outbox.clock import Clock
from outbox.errors import StorageBusy, StorageFull
from outbox.model import Due, Message, State

log = structlog.get_logger(__name__)

LOOK_AGAIN = 0.05
"""Seconds until a pump that has room and something due looks again: it was busy a moment ago, or room came a moment ago."""

CLOCK_LOOK_EVERY = 10.0
"""Seconds between looks at the clock by channels whose requests are signed with the time, while it is not set."""

MODEM_LOOK_EVERY = 5.0
"""Seconds between the modem's looks, while the line is down, at what waits on other channels."""


class Pump:
    """Of one lane. `on_queued`: a message that was tried here waits again, here or at the channel it went on to."""

    def __init__(
        self,
        lane: Lane,
        sweep: Sweep,
        ways: Ways,
        box: Outbox,
        delivery: Delivery,
        under_way: UnderWay,
        uplink: Uplink,
        clock: Clock,
        on_queued: Callable[[Message], None],
    ) -> None:
        self.lane = lane
        self.backlog = Backlog(lane)
        self._sweep = sweep
        self._ways = ways
        self._box = box
        self._delivery = delivery
        self._under_way = under_way
        self._uplink = uplink
        self._clock = clock
        self._on_queued = on_queued
        self._brought: deque[Due] = deque()
        """Messages that are due and were brought here, the most urgent first."""

    def ready(self, due_at: int, now: int) -> None:
        """Messages became ready here, the first of them due at that moment (ms)."""
        self.backlog.forget()
        if self.backlog.would_miss(due_at, now):
            self.lane.wake.set()

    def comes(self, seq: int) -> None:
        """That message waits here: it was put off, or comes from another channel."""
        self._sweep.comes_back(seq)
        self.lane.look_again()

    async def run(self, sends: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Ends when `stop` is set and the lane is woken."""
        lane, backlog = self.lane, self.backlog
        while not stop.is_set():
            lane.wake.clear()
            backlog.sleeps_until = None  # awake: what comes in during the turn may come after its reading
            try:
                wait = await self._turn(sends)
            except (StorageBusy, StorageFull) as error:
                log.error("can't read or write the database, trying again", channel=lane.name, error=str(error))
                wait = STORAGE_WAIT
            if not stop.is_set():
                backlog.sleeps_until = None if wait is None else self._clock.now() + wait * 1000
                await self._clock.wait(lane.wake, wait)
                if not lane.wake.is_set():
                    backlog.forget()
        self._drop()

    async def _turn(self, sends: asyncio.TaskGroup) -> float | None:
        """Start all that may start; seconds until there may be more (None: until something wakes the lane)."""
        lane = self.lane
        lane.resume_if_due(self._clock.monotonic())
        self._drop_if_called_off()
        if lane.channel is None or not lane.usable(self._clock.now()):
            self._drop()
            left = await self._sweep.run(move_on=True)
            return lane.seconds_until_usable(self._clock.monotonic(), self._clock.now(), SWEEP_EVERY if left else None)
        if self._ways.is_cut(lane):
            self._drop()
            return SWEEP_EVERY if await self._sweep.run(move_on=False) else None
        if self._ways.waits_for_the_time(lane):
            self._drop()
            await self._sweep.run(move_on=False)
            return CLOCK_LOOK_EVERY
        self._take_handed()
        await self._start_what_may(lane.channel, sends)
        if lane.is_stalled(self._clock.monotonic()):
            self._drop()
            left, wait = await self._sweep.run(move_on=False), await self._until_next()
            return min(SWEEP_EVERY, SWEEP_EVERY if wait is None else wait) if left else wait
        if self._brought:
            return lane.seconds_until_room(self._clock.monotonic(), self._clock.now())
        return self._as_before() if self.backlog.is_caught_up and self.backlog.knows_next else await self._until_next()

    async def _start_what_may(self, channel: Channel, sends: asyncio.TaskGroup) -> None:
        is_all = self.backlog.is_caught_up
        while room := self.lane.room(self._clock.monotonic(), self._clock.now()):
            if not self._brought and not is_all:
                is_all = await self._fetch(room)
            if not self._brought:
                return
            for _ in range(min(room, len(self._brought))):
                self._start(channel, self._brought.popleft(), sends)

    async def _fetch(self, room: int) -> bool:
        """Bring what is due here, ahead of need where the channel is fast. True: no more is due but what is brought."""
        lane = self.lane
        self._drop_if_called_off()
        self.backlog.reading()
        now = self._clock.now()
        limit = room + (lane.concurrency if lane.is_fast else 0)
        passed_over = self._under_way.passed_over(lane.name)
        found = list(await self._box.spool.due(lane.name, now=now, limit=limit, exclude=passed_over))
        if not lane.is_cloud and self._uplink.is_down:
            exclude = passed_over | lane.left_aside(self._clock.monotonic())
            found += await self._box.spool.due_offline(
                lane.name, now=now, down_for=self._uplink.down_for(), limit=limit, exclude=exclude
            )
            found = sorted(found, key=urgency)[:limit]
        self._take_up(found)
        self.backlog.read(is_all=len(found) < limit)
        return len(found) < limit

    def _take_handed(self) -> None:
        for due in self.backlog.take_handed():  # it may have been offered and told of, both in one turn of the loop
            if not self._under_way.is_busy(due.message.seq):
                self._take_up([due])

    def _take_up(self, dues: Sequence[Due]) -> None:
        self._under_way.take_up({due.message.seq for due in dues})
        self._brought.extend(dues)

    def _start(self, channel: Channel, due: Due, sends: asyncio.TaskGroup) -> None:
        lane = self.lane
        lane.starts(self._clock.monotonic(), self._clock.now())
        task = sends.create_task(
            self._delivery.deliver(lane, channel, due, self.backlog.called_off), name=f"send {due.message.id}"
        )
        self._under_way.begins(task)
        task.add_done_callback(lambda done: self._end(due.message.seq, done))

    def _end(self, seq: int, task: Sending) -> None:
        """It is free to be taken up again: by this lane, or by the one it went on to, which passed it over while it was busy."""
        self._under_way.let_go({seq})
        self.backlog.forget_handed(seq)
        self._under_way.ends(task)
        self.lane.ends()
        self._sweep.comes_back(seq)
        message = None if task.cancelled() or task.exception() else task.result()
        if message is None:
            self.lane.look_again()
        elif message.state is State.QUEUED:
            self._on_queued(message)

    def _drop_if_called_off(self) -> None:
        """What was brought before may not be wanted any more, or not there."""
        if self.backlog.called_off != self._box.spool.called_off:
            self.backlog.called_off = self._box.spool.called_off
            self._drop()

    def _drop(self) -> None:
        """What was brought and can't be sent now is read again when it can."""
        self._under_way.let_go(due.message.seq for due in self._brought)
        self._brought.clear()
        self.backlog.drop()

    def _as_before(self) -> float | None:
        """Nothing was read, so the next one is due when it was."""
        monotonic, now = self._clock.monotonic(), self._clock.now()
        if not self.lane.room(monotonic, now):
            return self.lane.seconds_until_room(monotonic, now)
        due_at = self.backlog.next_due
        return None if due_at is None else max((due_at - now) / 1000, LOOK_AGAIN)

    async def _until_next(self) -> float | None:
        lane = self.lane
        monotonic, now = self._clock.monotonic(), self._clock.now()
        if not lane.room(monotonic, now):
            return lane.seconds_until_room(monotonic, now)
        due_at = await self._box.spool.next_due(lane.name, exclude=self._under_way.kept(lane.name))
        self.backlog.next_due, self.backlog.knows_next = due_at, True
        wait = None if due_at is None else max((due_at - now) / 1000, LOOK_AGAIN)
        if not lane.is_cloud and self._uplink.is_down:
            return min(wait or MODEM_LOOK_EVERY, MODEM_LOOK_EVERY)
        return wait
