"""What would happen to messages that do not exist: the dispatcher's own last look at each, by the channel that it would take first.
Nothing is sent, kept or counted.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import msgspec

from daemon.channels.base import Channel
from daemon.dispatch.fallback import LINE_DOWN, in_time
from daemon.dispatch.lane import Lane
from daemon.dispatch.prepare import PassOver, Preparer
from daemon.dispatch.sms.guard import SmsGuard
from daemon.dispatch.uplink import Uplink
from daemon.planner.manual import NO_CHANNEL
from daemon.planner.render import RenderError
from daemon.planner.sms_text import SmsSize, measure
from outbox import Outbox, harmless
from outbox.clock import Clock
from outbox.model import Due, Medium, Message, Order, PlannedMessage, Planner, Posted, Rendered, State
from outbox.orders import known_of, project
from outbox.reasons import ON_HOLD, Reason


class Hindrance(msgspec.Struct, frozen=True):
    """What stands in its way; `until`: when (ms) that passes by itself; `passes_on`: the message does not wait for it, its next channel may
    take it."""

    reason: Reason
    until: int | None = None
    passes_on: bool = False


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """One message as it would be: `channel` "" where none could take it, and then there is no text."""

    message: PlannedMessage
    channel: str = ""
    medium: Medium | None = None
    to: str = ""
    text: Rendered = Rendered("")
    sms: SmsSize | None = None
    hindrances: tuple[Hindrance, ...] = ()


class Forecast:
    """`of` an event that has not happened."""

    def __init__(
        self,
        box: Outbox,
        lanes: Mapping[str, Lane],
        preparer: Preparer,
        sms: SmsGuard,
        uplink: Uplink,
        usable: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        self._box = box
        self._lanes = lanes
        self._preparer = preparer
        self._sms = sms
        self._uplink = uplink
        self._usable = usable
        self._clock = clock

    async def of(self, order: Order | None, posted: Posted, plan: Planner) -> list[Foreseen]:
        """The messages that this event would lead to."""
        before = known_of(order, posted)
        after = project(before, posted)
        return [await self._one(each, posted, after) for each in plan(posted, before, after).messages]

    async def _one(self, message: PlannedMessage, posted: Posted, order: Order) -> Foreseen:
        """By the first channel that can be used now or soon and does not pass it on; where all pass it on, by the first of them."""
        ways = [self._lanes[name] for name in message.via if name in self._lanes]
        if message.state is not State.QUEUED or not ways:
            why = NO_CHANNEL if message.state is State.QUEUED else message.reason
            return await self._ended(message, posted, order, ways, why)
        tried: list[Foreseen] = []
        for lane in [lane for lane in ways if self._usable(lane.name)] or ways[:1]:
            due = Due(_as_kept(message, posted, lane.name), posted.event, order)
            tried.append(await self._by(lane, due))
            if not any(each.passes_on for each in tried[-1].hindrances):
                return tried[-1]
        return tried[0]

    async def _ended(
        self, message: PlannedMessage, posted: Posted, order: Order, ways: Sequence[Lane], why: Reason
    ) -> Foreseen:
        """Nobody would hear of it; with its text, where it has a way."""
        if not ways:
            to = next(iter(message.addresses.values()), "")
            return Foreseen(message=message, to=to, hindrances=(Hindrance(why),))
        due = Due(_as_kept(message, posted, ways[0].name), posted.event, order)
        seen = await self._by(ways[0], due)
        return msgspec.structs.replace(seen, message=message, hindrances=(Hindrance(why),))

    async def _by(self, lane: Lane, due: Due) -> Foreseen:
        channel, message = lane.channel, due.message
        if channel is None:
            return Foreseen(
                message=message,
                channel=lane.name,
                medium=lane.medium,
                hindrances=(Hindrance(lane.why(self._clock.now())),),
            )
        address, text = self._preparer.address(due, channel) or "", Rendered("")
        found: list[Hindrance] = []
        try:
            text = harmless.cleaned(self._preparer.render(due, channel))
        except RenderError as error:
            found.append(Hindrance(Reason(str(error), "text_broken", error=str(error)), passes_on=True))
        found += [each async for each in self._hindrances(lane, channel, due, address, text.text)]
        return Foreseen(
            message=message,
            channel=lane.name,
            medium=lane.medium,
            to=address,
            text=text,
            sms=measure(text.text) if lane.medium == "sms" and text.text else None,
            hindrances=tuple(found),
        )

    async def _hindrances(
        self, lane: Lane, channel: Channel, due: Due, address: str, text: str
    ) -> AsyncIterator[Hindrance]:
        message, now = due.message, self._clock.now()
        if lane.state == "paused":
            yield Hindrance(lane.why(now))
        if due.order.held and not message.policy.stands_alone:
            yield Hindrance(ON_HOLD)
        for medium in (channel.medium, *channel.heeded(message.trigger)) if address else ():
            if why := await self._box.consent.blocked(medium, address):
                yield Hindrance(why, passes_on=True)
        for obstacle in self._preparer.obstacles(due, channel, max(now, message.due_at)):
            if isinstance(obstacle, PassOver):
                yield Hindrance(obstacle.reason, passes_on=True)
            else:
                goes_on = in_time(message, obstacle, self._usable, now).via_index is not None
                yield Hindrance(obstacle.reason, obstacle.due_at, passes_on=goes_on)
        if channel.medium == "sms" and address:
            for objection in self._sms.objections(lane.name, message, address, text, now):
                yield Hindrance(objection, passes_on=True)
        if lane.is_cloud and self._uplink.stops(lane.name):
            yield Hindrance(LINE_DOWN)
        if lane.day.left(now) == 0:
            limit = lane.day.limit
            words = f"{channel.title} has sent its {limit} of today"
            yield Hindrance(Reason(words, "daily_limit", channel=lane.name, parts=1, limit=limit), lane.tomorrow(now))


def _as_kept(message: PlannedMessage, posted: Posted, channel: str) -> Message:
    """As it would stand in the outbox, at that channel."""
    planned = {name: getattr(message, name) for name in PlannedMessage.__struct_fields__}
    return Message(
        **planned,
        event_id=posted.event.id,
        order_ref=posted.event.order.ref,
        via_index=message.via.index(channel),
        channel_since=posted.received_at,
        created_at=posted.received_at,
        updated_at=posted.received_at,
    )
