"""The channels as people see them: state, trouble in words, how much waits; and what people may do to them."""

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Literal, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

import msgspec
import structlog

from daemon.channels.base import Channel, Outgoing
from daemon.channels.registry import channel_class
from daemon.dispatch.lane import Lane, LaneState
from daemon.dispatch.limits import midnight_before
from daemon.dispatch.sms.guard import SmsGuard, SmsStatus
from daemon.dispatch.unqueued import Unqueued, note_unqueued
from daemon.dispatch.uplink import LineState, Uplink
from daemon.wire.near import or_known
from outbox import Outbox, harmless
from outbox.clock import Clock
from outbox.errors import NotFound, OutboxError
from outbox.model import Medium, Rendered
from outbox.outcome import Accepted, Deferred, Outcome, Rejected, Unknown

log = structlog.get_logger(__name__)


class ChannelStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `GET /v1/channels`."""

    name: str
    medium: Medium
    title: str
    known_to_customers: bool
    state: LaneState
    reason: str
    queued: int
    sent_today: int
    daily_limit: int | None
    rate: float | None
    last_success: int | None
    last_failure: int | None
    last_trouble: str
    detail: Mapping[str, Any]


class UplinkStatus(msgspec.Struct, frozen=True):
    state: LineState
    since: int
    forced_at: int | None = None
    """When an operator said so; None: evidence decides."""


class TestResult(msgspec.Struct, frozen=True):
    """What became of a test: `ok`, and a sentence an owner understands."""

    ok: bool
    summary: str


class UssdAnswer(Protocol):
    """The network's answer to a service code."""

    @property
    def text(self) -> str: ...
    @property
    def refused(self) -> str: ...


@runtime_checkable
class SpeaksUssd(Protocol):
    """A channel on a mobile network."""

    async def ussd(self, code: str) -> UssdAnswer: ...


class ChannelBoard:
    """Reads the lanes; pauses, resumes and tests them. A pause by a person survives a restart."""

    def __init__(
        self,
        box: Outbox,
        lanes: Mapping[str, Lane],
        line: Uplink,
        sms: SmsGuard,
        clock: Clock,
        *,
        known: Callable[[], Awaitable[None]],
        store_name: str,
        zone: ZoneInfo,
    ) -> None:
        """`known` is waited for before anybody is told: what the record says of the lanes has been read."""
        self._box = box
        self._lanes = lanes
        self._line = line
        self._sms = sms
        self._clock = clock
        self._known = known
        self._store_name = store_name
        self._zone = zone

    async def board(self) -> list[ChannelStatus]:
        await self._known()
        waiting = (await self._box.views.figures()).waiting_by_channel
        return [self._status(lane, waiting.get(lane.name, 0)) for lane in self._lanes.values()]

    async def sms(self) -> SmsStatus:
        """What all text messages together have cost today, and what stops them."""
        await self._known()
        return self._sms.status(self._clock.now())

    async def uplink(self) -> UplinkStatus:
        await self._known()
        return UplinkStatus(self._line.state, self._line.since, self._line.forced_at)

    async def force_uplink(self, state: Literal["up", "down"] | None, *, actor: str) -> None:
        """An operator's word on the line; None: evidence decides again."""
        now = self._clock.now()
        await self._box.notes.set("uplink.forced_at", str(now))
        await self._box.notes.set("uplink.forced", state or "")
        await self._box.audit.append("uplink.forced", actor=actor, detail={"state": state or "auto"})
        await self._line.force(None if state is None else LineState(state), at=now)

    async def pause(self, name: str, *, reason: str, actor: str) -> None:
        lane = self._lane(name)
        words = f"paused by {actor}" + (f": {reason}" if reason else "")
        await self._box.notes.set(f"channel.{name}.paused", words)
        await self._box.audit.append("channel.paused", actor=actor, detail={"channel": name, "reason": reason})
        lane.paused_by, lane.resume_at = words, None
        lane.look_again()

    async def resume(self, name: str, *, actor: str) -> None:
        lane = self._lane(name)
        await self._box.notes.set(f"channel.{name}.paused", "")
        await self._box.audit.append("channel.resumed", actor=actor, detail={"channel": name})
        lane.resume()
        lane.look_again()
        lane.recall_aside(await self._box.spool.left_aside(name))
        lane.look_again()

    async def test(self, name: str, to: str | None) -> TestResult:
        """Without `to` a harmless call that proves the credentials; with it a real message."""
        lane = self._lane(name)
        if lane.channel is None:
            return TestResult(False, lane.problem)
        if to is None:
            health = await lane.channel.check()
            return TestResult(health.ok, f"{health.summary}. {health.remedy}" if health.remedy else health.summary)
        await self._known()
        title = lane.channel.title
        if obstacle := lane.channel.obstacle():
            return TestResult(False, f"{title} can't send now: {obstacle.reason.rstrip('.')}.")
        match outcome := await self._send(lane, lane.channel, self._trial(lane.channel, to), lane.trial):
            case str():
                return TestResult(False, outcome)
            case Accepted():
                return TestResult(
                    True, f"{title} took it{f' as {outcome.provider_id}' if outcome.provider_id else ''}."
                )
            case Rejected():
                why = f"{title} refused it: {outcome.reason} ({outcome.code})."
                return TestResult(False, f"{why} {outcome.remedy}" if outcome.remedy else why)
            case Deferred():
                return TestResult(False, f"{title} did not take it now: {outcome.reason.rstrip('.')}.")
            case Unknown():
                return TestResult(False, f"It is not known whether {title} took it: {outcome.reason}.")

    async def word(self, name: str, out: Outgoing) -> Outcome | None:
        """Send a word about the box as a text message; None where it may not go, or can't."""
        await self._known()
        lane = self._lanes.get(name)
        if lane is None or lane.channel is None or lane.channel.obstacle():
            return None
        outcome = await self._send(lane, lane.channel, out, lane.admit)
        return None if isinstance(outcome, str) else outcome

    async def _send(
        self, lane: Lane, channel: Channel, out: Outgoing, admit: Callable[[int, float, int], str]
    ) -> Outcome | str:
        """Past the outbox, within the limits of the channel and of all text messages; or why not, in a sentence."""
        now, units, spending = self._clock.now(), channel.units(out), self._sms.spending
        if why_not := admit(units, self._clock.monotonic(), now):
            return f"{channel.title} can't send a test now: {why_not}."
        share = self._sms.admit_trial(lane.name, out.to, out.rendered.text, now) if lane.medium == "sms" else None
        if isinstance(share, str):
            lane.day.take_back(now, units)
            return f"{channel.title} was not asked: {share}."
        outcome = harmless.cleaned(await channel.send(out))
        used = outcome.used(units)
        lane.day.take_back(self._clock.now(), units - used, counted_at=now)
        parts, cost = 0, Decimal(0)
        if share is not None:
            parts, cost = share.parts * used // units, share.cost * used / units
            spending.give_back(share, share.parts - parts)
        await self._note(lane.name, Unqueued(used, parts, cost), now)
        return outcome

    async def _note(self, name: str, left: Unqueued, now: int) -> None:
        """What left has left, and what it tells may be that the disk is full."""
        if not left.units:
            return
        try:
            await note_unqueued(self._box, name, left, since=midnight_before(now, self._zone), now=now)
        except OutboxError as error:
            log.error("what left past the outbox could not be noted", channel=name, error=str(error))

    async def ussd(self, name: str, code: str) -> TestResult:
        """Ask the mobile network by a service code ("*100#" for the credit). Raises ValueError for what is no code."""
        channel: object = self._lane(name).channel
        if not isinstance(channel, SpeaksUssd):
            return TestResult(False, f"{name} is no modem: it has no service codes")
        answer = await channel.ussd(code)
        return TestResult(not answer.refused, answer.text or f"No answer to {code}: {answer.refused.rstrip('.')}.")

    def _trial(self, channel: Channel, to: str) -> Outgoing:
        now = self._clock.now()
        text = f"{self._store_name}: this is a test of {channel.title}. Nothing to do."
        return Outgoing(
            message_id=f"mtest{now:x}",
            attempt=1,
            to=to,
            addresses=dict.fromkeys(channel.address_kinds, to),
            trigger="order.ready",
            template="order.ready",
            order_ref="TEST",
            order_source_id="TEST",
            name="",
            locale="en",
            rendered=Rendered(text=text, subject=f"A test of {channel.title}", html=f"<p>{text}</p>"),
            data={"order_ref": "TEST", "store_name": self._store_name},
            order={"ref": "TEST"},
            now=now,
            happened_at=now,
        )

    def _lane(self, name: str) -> Lane:
        if name not in self._lanes:
            enabled = or_known(name, self._lanes, known_are="enabled are:")
            raise NotFound(f"no channel is called {name!r}{enabled}")
        return self._lanes[name]

    def _status(self, lane: Lane, queued: int) -> ChannelStatus:
        failure = lane.last_failure
        kind = type(lane.channel) if lane.channel else channel_class(lane.name)
        return ChannelStatus(
            name=lane.name,
            medium=lane.medium,
            title=kind.title,
            known_to_customers=kind.known_to_customers,
            state=lane.state,
            reason=lane.reason,
            queued=queued,
            sent_today=lane.day.count(self._clock.now()),
            daily_limit=lane.day.limit,
            rate=lane.bucket.rate,
            last_success=lane.last_success,
            last_failure=failure.at if failure else None,
            last_trouble=failure.reason if failure else "",
            detail=lane.channel.detail() if lane.channel else {},
        )
