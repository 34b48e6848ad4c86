"""Sees to it that every message that is due is tried: one pump a channel, each asleep until it has something to do.

The pump finds what is due and has room; `delivery` tries one message; `fallback` decides what follows; `lane` knows how fast.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence, Set
from typing import TypeAlias

import structlog

from daemon.channels.base import Channel
from daemon.dispatch.bulk import Bulk
from daemon.dispatch.delivery import Delivery
from daemon.dispatch.fallback import LINE_DOWN, next_via_index, over_to, patience_from
from daemon.dispatch.gathering import Gathering, urgency
from daemon.dispatch.lane import Lane
from daemon.dispatch.prepare import Preparer
from daemon.dispatch.recorded import STORAGE_WAIT
from daemon.dispatch.strays import Strays
from daemon.dispatch.uplink import Uplink
from outbox import Outbox
from outbox.clock import Clock
from outbox.errors import StorageBusy, StorageFull
from outbox.model import Due, Message, State, Transition

log = structlog.get_logger(__name__)

Sending: TypeAlias = "asyncio.Task[Message | None]"

DRAIN_SECONDS = 15.0
"""How long a stopping service waits for attempts under way; what is cut then is looked up at the next start."""

SWEEP_EVERY = 60.0
"""Seconds between looks at what waits on a channel that can't be used: some of it gets too late, or loses patience."""
RESWEEP_AFTER = 15.0
"""Seconds after which a lane that is woken looks through all of it again, not only through what is new."""
SWEEP_PAGE = 200

LOOK_AGAIN = 0.05
"""Seconds until a lane that has room and something due looks again: it was busy a moment ago, or room came a moment ago."""

CLOCK_LOOK_EVERY = 10.0
"""Seconds between looks at the clock by channels whose requests are signed with the time, while it is not set."""

MODEM_LOOK_EVERY = 5.0
"""Seconds between the modem's looks, while the line is down, at what waits on other channels."""


class Dispatcher:
    """Owns the pumps. `run` ends when `stop` is set and what was under way has ended."""

    def __init__(
        self,
        box: Outbox,
        lanes: Mapping[str, Lane],
        delivery: Delivery,
        preparer: Preparer,
        uplink: Uplink,
        clock: Clock,
    ) -> None:
        self.lanes = lanes
        self._box = box
        self._delivery = delivery
        self._preparer = preparer
        self._uplink = uplink
        self._clock = clock
        self.bulk = Bulk(clock, self._look_again)
        self._gathering = Gathering(clock)
        self._gathered_at = 0
        """How far (`spool.called_off`) the first of what is gathered was known to be wanted."""
        self._strays = Strays(box, lanes, delivery, preparer, clock, self.usable)
        self._busy: set[int] = set()
        """Messages (seq) that are on their way: prefetched, or being sent."""
        self._sends: set[Sending] = set()
        self._ended = asyncio.Event()
        self._is_running = False

    def usable(self, name: str) -> bool:
        """Whether a message may be sent by that channel, now or soon."""
        lane = self.lanes.get(name)
        return lane is not None and lane.usable(self._clock.now()) and not lane.rests_long(self._clock.monotonic())

    def enabled(self, name: str) -> bool:
        """Whether there is such a channel, whatever keeps it from sending at present."""
        lane = self.lanes.get(name)
        return lane is not None and lane.channel is not None

    def wake(self) -> None:
        """Something changed that may matter to every channel."""
        for lane in self.lanes.values():
            lane.look_again()

    def offer(self, dues: Sequence[Due]) -> int:
        """These are about to be on record and may go at once. How many are tried already: those whose channel has nothing else to do."""
        if not self._is_running:
            return 0
        monotonic, now, called_off = self._clock.monotonic(), self._clock.now(), self._box.spool.called_off
        lanes = [(due, self.lanes.get(due.message.channel)) for due in sorted(dues, key=urgency)]
        return sum(
            lane is not None and lane.called_off == called_off and lane.takes_up(due, monotonic, now)
            for due, lane in lanes
        )

    def fresh(self, dues: Sequence[Due]) -> None:
        """These came in a moment ago and may go at once."""
        if self._gathering.is_empty:
            self._gathered_at = self._box.spool.called_off
        going = self.bulk.going([due for due in dues if due.message.seq not in self._busy])
        self._hand(self._gathering.add(going) if going else ())

    def _hand(self, dues: Sequence[Due]) -> None:
        """As if they were read, the most urgent first; what may not be wanted any more, or not as it was, is read."""
        if not dues:
            return
        monotonic, now = self._clock.monotonic(), self._clock.now()
        is_as_it_was = self._gathered_at == self._box.spool.called_off
        for due in sorted(dues, key=urgency):
            if lane := self.lanes.get(due.message.channel):
                lane.hand(due, monotonic, now) if is_as_it_was else lane.look_again()
        self._strays.heed(due.message.channel for due in dues)
        self._wake_offline()

    def _look_again(self, channels: Collection[str]) -> None:
        for name in channels:
            if lane := self.lanes.get(name):
                lane.look_again()
        self._strays.heed(channels)
        self._wake_offline()

    def ready(self, channels: Mapping[str, int]) -> None:
        """Messages of these channels became ready, the earliest of each due at that moment (ms)."""
        now = self._clock.now()
        for name, due_at in channels.items():
            if lane := self.lanes.get(name):
                lane.is_caught_up = False
                if lane.would_miss(due_at, now):
                    lane.wake.set()
        self._strays.heed(channels)
        self._wake_offline()

    def _wake_offline(self) -> None:
        if self._uplink.is_down:
            for lane in self.lanes.values():
                if not lane.is_cloud:
                    lane.look_again()

    async def run(self, stop: asyncio.Event) -> None:
        spool = self._box.spool
        spool.on_ready, spool.on_fresh, spool.on_offer, self._is_running = self.ready, self.fresh, self.offer, True
        try:
            async with asyncio.TaskGroup() as sends:
                async with asyncio.TaskGroup() as pumps:
                    for lane in self.lanes.values():
                        pumps.create_task(self._pump(lane, sends, stop), name=f"pump {lane.name}")
                    pumps.create_task(self._strays.run(stop), name="strays")
                    pumps.create_task(self._gathering.run(stop, self._hand), name="gathering")
                    await stop.wait()
                    self._is_running = False
                    self.wake()
                    self._strays.wake.set()
                    self._gathering.wake.set()
                await self._drain()
        finally:
            self._is_running = False

    async def _drain(self) -> None:
        """Let what is under way end; cut what does not in time."""
        deadline = self._clock.monotonic() + DRAIN_SECONDS
        while self._sends and (left := deadline - self._clock.monotonic()) > 0:
            self._ended.clear()
            await self._clock.wait(self._ended, left)
        for task in self._sends:
            task.cancel()

    async def _pump(self, lane: Lane, sends: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        ready: deque[Due] = deque()
        while not stop.is_set():
            lane.wake.clear()
            lane.sleeps_until = None  # awake: what comes in during the turn may come after its reading
            try:
                wait = await self._turn(lane, ready, sends)
            except (StorageBusy, StorageFull) as error:
                log.error("can't read or write the database, trying again", channel=lane.name, error=str(error))
                wait = STORAGE_WAIT
            if not stop.is_set():
                lane.sleeps_until = None if wait is None else self._clock.now() + wait * 1000
                await self._clock.wait(lane.wake, wait)
                lane.is_caught_up &= lane.wake.is_set()
        self._drop(lane, ready)

    async def _turn(self, lane: Lane, ready: deque[Due], sends: asyncio.TaskGroup) -> float | None:
        """Start all that may start; seconds until there may be more (None: until something wakes the lane)."""
        lane.resume_if_due(self._clock.monotonic())
        self._drop_if_called_off(lane, ready)
        if lane.channel is None or not lane.usable(self._clock.now()):
            self._drop(lane, ready)
            left = await self._sweep(lane, move_on=True)
            return lane.seconds_until_usable(self._clock.monotonic(), self._clock.now(), SWEEP_EVERY if left else None)
        if lane.is_cloud and self._uplink.stops(lane.name):
            self._drop(lane, ready)
            return SWEEP_EVERY if await self._sweep(lane, move_on=False) else None
        if lane.channel.needs_time and not self._preparer.clock_trusted():
            self._drop(lane, ready)
            await self._sweep(lane, move_on=False)
            return CLOCK_LOOK_EVERY
        self._take_handed(lane, ready)
        is_all = lane.is_caught_up
        while room := lane.room(self._clock.monotonic(), self._clock.now()):
            if not ready and not is_all:
                is_all = await self._fetch(lane, ready, room)
            if not ready:
                break
            for _ in range(min(room, len(ready))):
                self._start(lane, lane.channel, ready.popleft(), sends)
        if lane.is_stalled(self._clock.monotonic()):
            self._drop(lane, ready)
            left, wait = await self._sweep(lane, move_on=False), await self._until_next(lane)
            return min(SWEEP_EVERY, SWEEP_EVERY if wait is None else wait) if left else wait
        if ready:
            return lane.seconds_until_room(self._clock.monotonic(), self._clock.now())
        return self._as_before(lane) if lane.is_caught_up and lane.knows_next else await self._until_next(lane)

    async def _fetch(self, lane: Lane, ready: deque[Due], room: int) -> bool:
        """Bring what is due here, ahead of need where the channel is fast. True: no more is due but what is brought."""
        self._drop_if_called_off(lane, ready)
        lane.is_caught_up, lane.knows_next = lane.is_cloud, False
        now = self._clock.now()
        limit = room + (lane.concurrency if lane.is_fast else 0)
        taken = self._busy | self._waiting(lane)
        found = list(await self._box.spool.due(lane.name, now=now, limit=limit, exclude=taken))
        if not lane.is_cloud and self._uplink.is_down:
            exclude = taken | lane.left_aside(self._clock.monotonic())
            found += await self._box.spool.due_offline(
                lane.name, now=now, down_for=self._uplink.down_for(), limit=limit, exclude=exclude
            )
            found = sorted(found, key=urgency)[:limit]
        self._take_up(found, ready)
        lane.is_caught_up &= len(found) < limit
        return len(found) < limit

    def _waiting(self, lane: Lane) -> Set[int]:
        """Messages (seq) that its pump is not to look for: it is told of them in a moment."""
        return self._gathering.of(lane.name) | self.bulk.of(lane.name)

    def _take_handed(self, lane: Lane, ready: deque[Due]) -> None:
        for due in lane.handed:  # it may have been offered and told of, both in one turn of the loop
            if due.message.seq not in self._busy:
                self._take_up([due], ready)
        lane.handed.clear()

    def _take_up(self, dues: Sequence[Due], ready: deque[Due]) -> None:
        seqs = {due.message.seq for due in dues}
        self._busy |= seqs
        self._gathering.take_out(seqs)
        ready.extend(dues)

    def _start(self, lane: Lane, channel: Channel, due: Due, sends: asyncio.TaskGroup) -> None:
        lane.starts(self._clock.monotonic(), self._clock.now())
        task = sends.create_task(
            self._delivery.deliver(lane, channel, due, lane.called_off), name=f"send {due.message.id}"
        )
        self._sends.add(task)
        task.add_done_callback(lambda done: self._end(lane, due.message.seq, done))

    def _end(self, lane: Lane, seq: int, task: Sending) -> None:
        """It is free to be taken up again: by this lane, or by the one it went on to, which passed it over while it was busy."""
        self._busy.discard(seq)
        lane.forget_handed(seq)
        self._sends.discard(task)
        self._ended.set()
        lane.ends()
        lane.sweep_from(seq)
        message = None if task.cancelled() or task.exception() else task.result()
        if message is None:
            lane.look_again()
        elif message.state is State.QUEUED and message.channel in self.lanes:
            self.lanes[message.channel].sweep_from(seq)
            self.lanes[message.channel].look_again()

    def _drop_if_called_off(self, lane: Lane, ready: deque[Due]) -> None:
        """What was brought before may not be wanted any more, or not there."""
        if lane.called_off != self._box.spool.called_off:
            lane.called_off = self._box.spool.called_off
            self._drop(lane, ready)

    def _drop(self, lane: Lane, ready: deque[Due]) -> None:
        """What was brought and can't be sent now is read again when it can."""
        self._busy.difference_update(due.message.seq for due in ready)
        ready.clear()
        lane.handed.clear()
        lane.is_caught_up = False

    def _as_before(self, lane: Lane) -> float | None:
        """Nothing was read, so the next one is due when it was."""
        monotonic, now = self._clock.monotonic(), self._clock.now()
        if not lane.room(monotonic, now):
            return lane.seconds_until_room(monotonic, now)
        return None if lane.next_due is None else max((lane.next_due - now) / 1000, LOOK_AGAIN)

    async def _until_next(self, lane: Lane) -> float | None:
        monotonic, now = self._clock.monotonic(), self._clock.now()
        if not lane.room(monotonic, now):
            return lane.seconds_until_room(monotonic, now)
        due_at = lane.next_due = await self._box.spool.next_due(lane.name, exclude=self._waiting(lane))
        lane.knows_next = True
        wait = None if due_at is None else max((due_at - now) / 1000, LOOK_AGAIN)
        if not lane.is_cloud and self._uplink.is_down:
            return min(wait or MODEM_LOOK_EVERY, MODEM_LOOK_EVERY)
        return wait

    async def _sweep(self, lane: Lane, *, move_on: bool) -> bool:
        """Look through what waits on a channel that can't send now. True when some of it stays."""
        now = self._clock.now()
        monotonic = self._clock.monotonic()
        if monotonic - lane.swept_at >= RESWEEP_AFTER:
            lane.swept_to, lane.swept_at = 0, monotonic
        at = lane.begin_sweep()
        while page := await self._box.spool.waiting(lane.name, after=at, limit=SWEEP_PAGE):
            staying = []
            for due in page:
                to = self._preparer.too_late(due, now) or self._on_to_another(lane, due.message, now, move_on=move_on)
                if to:
                    await self._delivery.move(due.message, to)
                else:
                    staying.append(due.message.seq)
            if staying:
                moving = [name for name in self.lanes if self._is_moving(name)]
                offline = [self.lanes[name] for name in moving if self._takes_out_of_turn(name)]
                aside = {seq for modem in offline for seq in modem.left_aside(monotonic)}
                await self._delivery.let_pass(staying, moving, offline=bool(offline), aside=aside)
            at = page[-1].message.seq
        lane.swept_to = at
        return at > 0

    def _on_to_another(self, lane: Lane, message: Message, now: int, *, move_on: bool) -> Transition | None:
        impatient = now >= patience_from(message, self._delivery.outages.up_at) + message.policy.patience * 1000
        if not move_on and not impatient:
            return None
        via_index = next_via_index(message, self.usable if move_on else self._is_reached)
        if via_index is None and lane.day.left(now) == 0 and message.due_at <= now:
            to_tomorrow, why = lane.tomorrow(now), lane.over_the_day(1)
            return Transition(state=State.QUEUED, reason=why, due_at=to_tomorrow, relative=False, counts=False)
        if not move_on:
            via_index = self._beside_the_modem(message, via_index)
        if via_index is None:
            return None
        is_cut = lane.is_cloud and self._uplink.stops(lane.name)
        return over_to(message, via_index, LINE_DOWN if is_cut and not move_on else lane.why(now), now)

    def _beside_the_modem(self, message: Message, via_index: int | None) -> int | None:
        """What it comes for by itself waits for it; what it does not take goes to what is reached behind it."""
        while via_index is not None and self._takes_out_of_turn(name := message.via[via_index]):
            is_left = message.seq in self.lanes[name].left_aside(self._clock.monotonic())
            if self._is_moving(name) and not is_left:
                return None
            via_index = next_via_index(message, self._is_reached, after=via_index)
        return via_index

    def _is_reached(self, name: str) -> bool:
        """The same as `usable`, but for what lies beyond a line that is down."""
        lane = self.lanes.get(name)
        return lane is not None and self.usable(name) and not (lane.is_cloud and self._uplink.stops(name))

    def _is_moving(self, name: str) -> bool:
        """Whether what is due there leaves at once: it waits for no rest, no probe and no network, nor for the time to be set."""
        lane = self.lanes[name]
        waits = lane.channel is not None and lane.channel.needs_time and not self._preparer.clock_trusted()
        return self._is_reached(name) and not waits and not lane.is_stalled(self._clock.monotonic())

    def _takes_out_of_turn(self, name: str) -> bool:
        """The modem comes for it by itself, and leaves it at its own channel, which sends it when the line is back first."""
        return self._uplink.is_down and not self.lanes[name].is_cloud
