"""Sees to it that every message that is due is tried: one pump a channel, each asleep until it has something to do.

The pump finds what is due and has room; `delivery` tries one message; `fallback` decides what follows; `lane` knows how fast; `sweep` looks
through what waits where nothing can be sent.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from daemon.dispatch.bulk import Bulk
from daemon.dispatch.delivery import Delivery
from daemon.dispatch.gathering import Gathering, urgency
from daemon.dispatch.lane import Lane
from daemon.dispatch.prepare import Preparer
from daemon.dispatch.pump import Pump
from daemon.dispatch.strays import Strays
from daemon.dispatch.sweep import Sweep
from daemon.dispatch.under_way import UnderWay
from daemon.dispatch.uplink import Uplink
from daemon.dispatch.ways import Ways
from outbox import Outbox
from outbox.clock import Clock
from outbox.model import Due, Message


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
        self.ways = Ways(lanes, preparer, uplink, clock)
        self.bulk = Bulk(clock, self._look_again)
        self._box = box
        self._uplink = uplink
        self._clock = clock
        self._gathering = Gathering(clock)
        self._gathered_at = 0
        """How far (`spool.called_off`) the first of what is gathered was known to be wanted."""
        self._under_way = UnderWay(self._gathering, self.bulk, clock)
        self._strays = Strays(box, lanes, delivery, preparer, clock, self.ways.is_usable)
        self._pumps = {
            name: Pump(
                lane,
                Sweep(lane, self.ways, box, delivery, preparer, clock),
                self.ways,
                box,
                delivery,
                self._under_way,
                uplink,
                clock,
                self._queued,
            )
            for name, lane in lanes.items()
        }
        self._is_running = False

    def wake(self) -> None:
        """Something changed that may matter to every channel."""
        for pump in self._pumps.values():
            pump.lane.look_again()

    def offer(self, dues: Sequence[Due]) -> int:
        """These are about to be on record and may go at once. How many are tried already: those whose channel has nothing else to do."""
        if not self._is_running:
            return 0
        monotonic, now, called_off = self._clock.monotonic(), self._clock.now(), self._box.spool.called_off
        pumps = [(due, self._pumps.get(due.message.channel)) for due in sorted(dues, key=urgency)]
        return sum(
            pump is not None and pump.backlog.called_off == called_off and pump.backlog.takes_up(due, monotonic, now)
            for due, pump in pumps
        )

    def fresh(self, dues: Sequence[Due]) -> None:
        """These came in a moment ago and may go at once."""
        if self._gathering.is_empty:
            self._gathered_at = self._box.spool.called_off
        going = self.bulk.going([due for due in dues if not self._under_way.is_busy(due.message.seq)])
        self._hand(self._gathering.add(going) if going else ())

    def _hand(self, dues: Sequence[Due]) -> None:
        """As if they were read, the most urgent first; what may not be wanted any more, or not as it was, is read."""
        if not dues:
            return
        monotonic, now = self._clock.monotonic(), self._clock.now()
        is_as_it_was = self._gathered_at == self._box.spool.called_off
        for due in sorted(dues, key=urgency):
            if pump := self._pumps.get(due.message.channel):
                pump.backlog.hand(due, monotonic, now) if is_as_it_was else pump.lane.look_again()
        self._strays.heed(due.message.channel for due in dues)
        self._wake_offline()

    def _look_again(self, channels: Collection[str]) -> None:
        for name in channels:
            if pump := self._pumps.get(name):
                pump.lane.look_again()
        self._strays.heed(channels)
        self._wake_offline()

    def ready(self, channels: Mapping[str, int]) -> None:
        """Messages of these channels became ready, the earliest of each due at that moment (ms)."""
        now = self._clock.now()
        for name, due_at in channels.items():
            if pump := self._pumps.get(name):
                pump.ready(due_at, now)
        self._strays.heed(channels)
        self._wake_offline()

    def _wake_offline(self) -> None:
        if self._uplink.is_down:
            for pump in self._pumps.values():
                if not pump.lane.is_cloud:
                    pump.lane.look_again()

    def _queued(self, message: Message) -> None:
        if pump := self._pumps.get(message.channel):
            pump.comes(message.seq)

    async def run(self, stop: asyncio.Event) -> None:
        spool = self._box.spool
        spool.on_ready, spool.on_fresh, spool.on_offer, self._is_running = self.ready, self.fresh, self.offer, True
        try:
            async with asyncio.TaskGroup() as sends:
                async with asyncio.TaskGroup() as pumps:
                    for name, pump in self._pumps.items():
                        pumps.create_task(pump.run(sends, stop), name=f"pump {name}")
                    pumps.create_task(self._strays.run(stop), name="strays")
                    pumps.create_task(self._gathering.run(stop, self._hand), name="gathering")
                    await stop.wait()
                    self._is_running = False
                    self.wake()
                    self._strays.wake.set()
                    self._gathering.wake.set()
                await self._under_way.drain()
        finally:
            self._is_running = False
