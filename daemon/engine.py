"""All that follows from one reading of the configuration: channels, routes, texts, and the dispatcher on them.

The composition root makes one, runs it, and on a reload makes the next one before it lets go of this one.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence

import structlog

from daemon.channels import registry
from daemon.channels.base import (
    Channel,
    CommonSettings,
    HttpSettings,
    Misconfigured,
    ReceiptUpdate,
    Reply,
    Surroundings,
)
from daemon.config import Settings
from daemon.dispatch.board import ChannelBoard
from daemon.dispatch.callbacks import Callbacks
from daemon.dispatch.delivery import Delivery, Hold, at_once
from daemon.dispatch.dispatcher import Dispatcher
from daemon.dispatch.forecast import Forecast
from daemon.dispatch.lane import Lane
from daemon.dispatch.limits import midnight_before
from daemon.dispatch.prepare import Preparer
from daemon.dispatch.probe import Probe
from daemon.dispatch.receipts import ReceiptService
from daemon.dispatch.recorded import recorded
from daemon.dispatch.reply_words import ReplyWords
from daemon.dispatch.resolver import Resolver
from daemon.dispatch.restored import RestoredGate
from daemon.dispatch.sms.guard import SmsGuard
from daemon.dispatch.unqueued import unqueued_since
from daemon.dispatch.uplink import Host, LineState, Uplink, near_channels, probe_hosts
from daemon.http import Http
from daemon.intake.door import Door
from daemon.intake.intake import Intake
from daemon.planner.planning import Planning
from daemon.planner.recipients import Reach
from daemon.planner.render import Renderer
from daemon.supervise import supervised
from outbox import Outbox
from outbox.clock import Clock
from outbox.model import Medium, Message, State

log = structlog.get_logger(__name__)

DOWN_SINCE = "uplink.down_since"
"""The note of an outage that lasts, since when (ms): the next process begins in it."""


class Engine:
    """Built from settings without IO; raises ConfigError for what can't be meant. `run` works until `stop`."""

    def __init__(
        self,
        settings: Settings,
        box: Outbox,
        http: Http,
        clock: Clock,
        rng: random.Random,
        *,
        clock_trusted: Callable[[], bool],
        clock_sure: Callable[[], bool],
        hold: Hold = at_once,
        on_line_up: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self._on_line_up = on_line_up
        self._box = box
        self._clock_trusted = clock_trusted
        self._http = http
        self._clock = clock
        surroundings = Surroundings(clock=clock, rng=rng, notes=box.notes, country=settings.store.country)
        self.lanes = {name: self._lane(name, table, surroundings) for name, table in settings.channels.items()}
        reach = {name: _reach(name, lane) for name, lane in self.lanes.items()}
        self.planning = Planning(settings, reach, registry.CHANNELS)
        self.door = Door(box, self.planning.plan)
        self.renderer = Renderer(settings, monotonic=clock.monotonic)
        hosts = _hosts(self.lanes)
        near = near_channels(hosts, [name for name in hosts if _is_relayed(self.lanes[name])])
        far = [host for name, places in hosts.items() if name not in near for host in places]
        self._probe = Probe()
        self.uplink = Uplink(
            clock,
            probe_hosts(settings.uplink.probe) or far,
            every=settings.uplink.every,
            on_change=self._line_changed,
            probe=self._probe,
            near=near,
        )
        self.restored = RestoredGate(box)
        self.sms = SmsGuard(settings, box, self._medium_of, self._usable)
        preparer = Preparer(
            settings, self.renderer, clock_trusted, clock_sure, self.restored.holds, box.unsubscribe.token
        )
        self._delivery = Delivery(
            box,
            preparer,
            self.uplink,
            self.sms,
            settings,
            clock,
            rng,
            usable=self._usable,
            enabled=lambda name: self.dispatcher.ways.is_enabled(name),
            on_channel=self._channel_changed,
            on_settled=self._settled,
            hold=hold,
        )
        self.dispatcher = Dispatcher(box, self.lanes, self._delivery, preparer, self.uplink, clock)
        self.forecast = Forecast(box, self.lanes, preparer, self.sms, self.uplink, self._usable, clock)
        self.receipts = ReceiptService(
            box, self.lanes, self.uplink, clock, self._usable, settings.store, ReplyWords(settings)
        )
        self.resolver = Resolver(
            box,
            self.lanes,
            self.uplink,
            settings,
            clock,
            rng,
            usable=self._usable,
            awaits=self.receipts.awaits,
            on_receipt=self.receipts.apply,
        )
        self.callbacks = Callbacks(box, self.lanes, self.receipts, http)
        self.intake = Intake(settings, box, http, self.door, clock, rng, clock_trusted=clock_trusted)
        self.board = ChannelBoard(
            box,
            self.lanes,
            self.uplink,
            self.sms,
            clock,
            known=self._known,
            store_name=settings.store.name,
            zone=settings.store.zone,
        )
        self._recalling = asyncio.Lock()
        self._is_recalled = False

    def continues(self, before: "Engine") -> None:
        """It takes that one's place, and what that one knew of the line and of the rests that providers asked for holds on: an outage does not
        begin anew with a reload, and a rest does not end by it."""
        self.uplink.continues(before.uplink)
        self._delivery.outages.continues(before._delivery.outages)
        for name in self.lanes.keys() & before.lanes.keys():
            if self._own(name) == before._own(name):
                self.lanes[name].rests_as(before.lanes[name])

    def _own(self, name: str) -> tuple[Mapping[str, object], Mapping[str, str | None]]:
        """What is said of that channel alone: its table, and the secrets that it reads."""
        secrets = registry.secrets_of(registry.channel_class(name))
        return self.settings.channels[name], {each: self.settings.secrets.get(each) for each in secrets}

    async def _known(self) -> None:
        """Whoever asks before it runs is answered by the record."""
        async with self._recalling:
            if not self._is_recalled:
                await self._recall()

    async def _recall(self) -> None:
        """Take from the record how much of the day is used and what an operator decided."""
        await self.restored.load()
        since = midnight_before(self._clock.now(), self.settings.store.zone)
        sent_today = await self._box.views.sent_since(since)
        unqueued = {name: await unqueued_since(self._box, name, since) for name in registry.CHANNELS}
        texting = [name for name, lane in self.lanes.items() if lane.medium == "sms"]
        gone = [name for name in sent_today if name not in self.lanes and _texts(name)]
        await self.sms.recall(texting, since, unqueued.values(), gone=gone)
        for name, lane in self.lanes.items():
            today = sent_today.get(name)
            lane.day.recall(self._clock.now(), unqueued[name].units + (0 if today is None else today.count))
            if today is not None:
                lane.last_success = today.last_taken_at
            paused = await self._box.notes.get(f"channel.{name}.paused")
            if paused:
                lane.paused_by = paused
        await self._recall_line()
        self._is_recalled = True

    async def _recall_line(self) -> None:
        """What was seen of it, and an operator's word on it. One that can't be read any more is none."""
        seen = await self._box.notes.moment(DOWN_SINCE)
        if seen is not None and not self._is_recalled:
            self.uplink.was_down(seen if self._clock_trusted() else self._clock.now())
        forced = await self._box.notes.get("uplink.forced")
        if not forced:
            return
        said_at = await self._box.notes.get("uplink.forced_at")
        try:
            state, at = LineState(forced), int(said_at or 0)
        except ValueError:
            log.warning("what was said of the line by hand can't be read any more; evidence decides")
            return
        await self.uplink.force(state, at=at)

    async def _recall_aside(self) -> None:
        """What could not be delivered without the line, and waits for it, is left to it."""
        for name, lane in self.lanes.items():
            if not lane.is_cloud:
                lane.recall_aside(await self._box.spool.left_aside(name))

    async def clock_stepped(self) -> None:
        """It may be another day than it was taken for: what is used of it is read from the record again."""
        async with self._recalling:
            await recorded(self._recall, self._clock)
        self._wake()

    async def run(self, stop: asyncio.Event) -> None:
        """Take up what the one before left, a process or an engine that was cut; then dispatch until `stop`; then close the channels."""
        if cut := await recorded(self._box.spool.rescue, self._clock):
            log.warning("attempts were cut by the last stop; looking up what became of them", attempts=cut)
        async with self._recalling:  # again, where somebody has asked: the engine before has sent meanwhile
            await recorded(self._recall, self._clock)
        await recorded(self._recall_aside, self._clock)
        await recorded(self._look_anew, self._clock)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.dispatcher.run(stop), name="dispatcher")
                group.create_task(self.resolver.run(stop), name="resolver")
                group.create_task(self.receipts.run(stop), name="receipts")
                group.create_task(self.uplink.run(stop), name="uplink")
                group.create_task(self.intake.run(stop), name="sources")
                for lane in self.lanes.values():
                    if lane.channel is not None:
                        group.create_task(self._live(lane.channel, stop), name=f"life of {lane.name}")
                await stop.wait()
                self.resolver.wake.set()
                self.receipts.wake.set()
        finally:
            self._probe.close()
            for lane in self.lanes.values():
                if lane.channel is not None:
                    await lane.channel.close()

    async def _look_anew(self) -> None:
        """What waits for tomorrow goes today where the limits that it waits for have room by now."""
        now = self._clock.now()
        with_room = [name for name, lane in self.lanes.items() if lane.day.left(now) != 0]
        await self._box.spool.look_anew(with_room, texts=self.sms.used_up(now) is None)

    def _lane(self, name: str, table: Mapping[str, object], surroundings: Surroundings) -> Lane:
        kind = registry.channel_class(name)
        channel, problem = None, ""
        try:
            channel = registry.build(name, table, self.settings.secrets, self._http, surroundings)
        except Misconfigured as error:
            problem = str(error)
            log.warning("a channel is misconfigured; its messages go to their next one", channel=name, problem=problem)
        own = channel.settings if channel else CommonSettings()
        return Lane(
            name,
            kind.medium,
            channel,
            problem=problem,
            rate=kind.default_rate if own.rate is None else float(own.rate),
            concurrency=kind.default_concurrency if own.concurrency is None else own.concurrency,
            daily_limit=kind.default_daily_limit if own.daily_limit is None else own.daily_limit,
            zone=self.settings.store.zone,
            now=self._clock.monotonic(),
        )

    def _usable(self, name: str) -> bool:
        return self.dispatcher.ways.is_usable(name)

    def _medium_of(self, name: str) -> Medium | None:
        """None: of a channel that is not enabled any more, which a message that waits may name."""
        lane = self.lanes.get(name)
        return None if lane is None else lane.medium

    def _settled(self, message: Message, poll_at: int | None) -> None:
        if message.state is State.UNKNOWN:
            self.resolver.wake.set()
        if poll_at is not None:
            self.receipts.awaits(poll_at)

    async def _live(self, channel: Channel, stop: asyncio.Event) -> None:
        sink = _Sink(self.receipts, channel)
        await supervised(channel.name, lambda: channel.run(stop, sink), clock=self._clock, stop=stop)

    async def _line_changed(self, state: LineState, why: str) -> None:
        if state is LineState.UP:
            self._on_line_up()
            self._delivery.outages.came_back()
            for lane in self.lanes.values():
                lane.line_returned()
        else:
            await self._delivery.outages.went_down()
        log.warning("the line changed", state=state, why=why)
        seen = str(self.uplink.since) if state is LineState.DOWN else ""
        await recorded(lambda: self._box.notes.set(DOWN_SINCE, seen), self._clock)
        await self._record("uplink.changed", {"state": state, "why": why})
        self._wake()

    def _wake(self) -> None:
        self.dispatcher.wake()
        self.resolver.wake.set()
        self.receipts.wake.set()

    async def _channel_changed(self, lane: Lane, why: str) -> None:
        log.warning("a channel changed", channel=lane.name, state=lane.state, why=why)
        await self._record("channel.changed", {"channel": lane.name, "state": lane.state, "why": why})
        lane.look_again()

    async def _record(self, kind: str, detail: Mapping[str, object]) -> None:
        """An outcome waits to be put on record behind it, or the line's return: a disk that is full ends neither."""
        await recorded(lambda: self._box.audit.append(kind, detail=detail), self._clock)


class _Sink:
    """Brings what a channel's own life hears to the receipt service."""

    def __init__(self, receipts: ReceiptService, channel: Channel) -> None:
        self._receipts = receipts
        self._channel = channel

    async def on_receipt(self, update: ReceiptUpdate) -> None:
        await self._receipts.apply(self._channel, update)

    async def on_reply(self, reply: Reply) -> None:
        await self._receipts.reply(self._channel, reply)


def _reach(name: str, lane: Lane) -> Reach:
    kind = registry.channel_class(name)
    own = lane.channel.destination() is not None if lane.channel else True
    return Reach.of(kind, own_destination=own)


def _texts(name: str) -> bool:
    """Whether a channel that is not enabled any more sent texts."""
    return name in registry.CHANNELS and registry.channel_class(name).medium == "sms"


def _is_relayed(lane: Lane) -> bool:
    channel = lane.channel
    if channel is None or channel.self_hosted or not isinstance(channel.settings, HttpSettings):
        return False
    return channel.settings.base_url is not None


def _hosts(lanes: Mapping[str, Lane]) -> Mapping[str, Sequence[Host]]:
    """Where each channel connects to by the line."""
    return {name: lane.channel.hosts() for name, lane in lanes.items() if lane.channel and lane.is_cloud}
