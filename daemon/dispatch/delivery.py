"""One message's try on one channel: begin (on the disk), send, settle (on the disk). An attempt is never forgotten."""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol, TypeVar

import msgspec
import structlog

from daemon.channels.base import CALLED_OFF, Channel, Outgoing
from daemon.config import Settings
from daemon.dispatch import out_of_turn
from daemon.dispatch.fallback import (
    MISTAKE,
    Situation,
    decide,
    in_time,
    next_via_index,
    pass_over,
    patience_from,
    while_of_use,
)
from daemon.dispatch.lane import Lane
from daemon.dispatch.lessons import Lessons, may_reveal_an_outage
from daemon.dispatch.outages import Outages
from daemon.dispatch.prepare import QUIET, PassOver, Prepared, Preparer, Ready
from daemon.dispatch.recorded import STORAGE_WAIT, recorded
from daemon.dispatch.sms.guard import LOOKS_LIKE_FRAUD, SmsGuard
from daemon.dispatch.sms.spending import Spent
from daemon.dispatch.uplink import Uplink
from daemon.shortage import CODE, is_short, words
from outbox import Outbox, Refusal, harmless
from outbox.attempts import SAID_TO_ALL
from outbox.backoff import full_jitter
from outbox.clock import Clock
from outbox.errors import OutboxError, StorageBusy, StorageFull
from outbox.model import Attempt, Due, Medium, Message, State, Transition
from outbox.outcome import Accepted, Deferred, Outcome, Rejected, Scope, Unknown
from outbox.reasons import Reason

log = structlog.get_logger(__name__)

T = TypeVar("T")

Hold = Callable[[], Awaitable[None]]
"""Returns once messages to customers may go: after an outage a store of a fleet asks first who opted out elsewhere."""


async def at_once() -> None:
    """Of a store that need not ask anybody."""


class OnSettled(Protocol):
    """Told of every settled attempt: some need a look later."""

    def __call__(self, message: Message, poll_at: int | None) -> None: ...


class Delivery:
    """Tries messages. What it learns of a channel goes to its lane; what follows for the message is `fallback`'s decision."""

    def __init__(
        self,
        box: Outbox,
        preparer: Preparer,
        uplink: Uplink,
        sms: SmsGuard,
        settings: Settings,
        clock: Clock,
        rng: random.Random,
        *,
        usable: Callable[[str], bool],
        enabled: Callable[[str], bool],
        on_channel: Callable[[Lane, str], Awaitable[None]],
        on_settled: OnSettled,
        hold: Hold,
    ) -> None:
        self._hold = hold
        self._box = box
        self._preparer = preparer
        self._uplink = uplink
        self._sms = sms
        self._retry = settings.retry
        self._clock = clock
        self._rng = rng
        self._usable = usable
        self._enabled = enabled
        self._lessons = Lessons(uplink, clock, on_channel)
        self._on_settled = on_settled
        self.outages = Outages(box, uplink, clock)

    async def deliver(self, lane: Lane, channel: Channel, due: Due, called_off: int) -> Message | None:
        """Try it once on that channel, or move it where the last look says. Returns it as it is then; None: it was elsewhere.
        `called_off`: how far (`spool.called_off`) it is known to be wanted, and there, as it was read."""
        message, before = due.message, self._box.spool.called_off
        if message.audience == "customer":
            await self._hold()
        now = self._clock.now()
        if self._box.spool.called_off != before:  # it is read anew
            lane.nothing_left(now)
            return None
        try:
            prepared, spent = await self._prepare(lane, channel, due, now)
        except (StorageBusy, StorageFull) as error:
            return await self._look_again_later(lane, None, 1, error)
        except (OSError, MemoryError) as error:
            return await self._put_off(lane, message, error)
        except OutboxError:
            raise
        except Exception as error:
            log.exception("a message could not be prepared, in a way that should not be", message=message.id)
            why = f"failed inside: {type(error).__name__}"
            prepared, spent = PassOver(Reason(f"the text could not be made: {why}", "text_broken", error=why)), None
        match prepared:
            case Transition():
                lane.nothing_left(now)
                if await self._is_left_there(lane, message, prepared):
                    return None
                moved = await self.move(message, in_time(message, prepared, self._usable, now))
                if moved is not None and moved.reason.code == LOOKS_LIKE_FRAUD.code:
                    self._sms.was_held(message)
                return moved
            case PassOver():
                lane.nothing_left(now)
                return await self._pass_over(lane, message, prepared)
            case Ready():
                return await self._attempt(lane, channel, due, prepared, spent, called_off)

    async def _prepare(self, lane: Lane, channel: Channel, due: Due, now: int) -> tuple[Prepared, Spent | None]:
        """The last look, and its share of what texts may cost in a day."""
        message, first_sms = due.message, await self._is_first_sms(due, channel)
        prepared, spent = self._preparer.prepare(due, channel, now, first_sms=first_sms), None
        if isinstance(prepared, Ready) and channel.medium == "sms":
            share = await self._sms.admit(
                lane.name, message, out_of_turn.via_index(lane, message), prepared.outgoing, now
            )
            if isinstance(share, Spent):
                spent = share
            else:
                prepared = await self._silenced(message, prepared, "sms") or share
        if isinstance(prepared, Ready) and (heeded := channel.heeded(message.trigger)):
            prepared = await self._silenced(message, prepared, *heeded) or prepared
        return prepared, spent

    async def _look_again_later(self, lane: Lane, spent: Spent | None, units: int, error: Exception) -> Message | None:
        """Nothing has left. While the database can't be used the hour may change, and its recipient's mind: all is looked at anew."""
        log.error("can't read or write the database, trying again", channel=lane.name, error=str(error))
        self._nothing_left(lane, spent, units)
        await self._clock.sleep(STORAGE_WAIT)
        return None

    async def _silenced(self, message: Message, ready: Ready, *media: Medium) -> PassOver | None:
        """Who wants no texts waits for no money: that comes first, and the message goes another way. So it does where the channel heeds
        opt-outs of another medium than its own."""
        if message.policy.answers in SAID_TO_ALL:
            return None
        why = await self._blocked(media, ready.outgoing.to)
        if why is None:
            return None
        said = "the recipient opted out" + ("" if why.code == "opted_out" else f": {why}")
        return PassOver(Reason(said, why.code, **why.args), opted_out=True)

    async def _blocked(self, media: Sequence[Medium], address: str) -> Reason | None:
        for medium in media:
            if why := await self._box.consent.blocked(medium, address):
                return why
        return None

    async def _put_off(self, lane: Lane, message: Message, error: Exception) -> Message | None:
        """This machine could not make the text now: that passes, and is no reason to give anything up."""
        log.error("a text could not be made for want of something, trying again", message=message.id, error=str(error))
        lane.nothing_left(self._clock.now())
        why = Deferred(words(error), code=CODE, local=True)
        return await self.move(message, decide(message, why, self._situation(lane, message, outcome=why)))

    async def move(self, message: Message, to: Transition) -> Message | None:
        """Without an attempt. A message that is elsewhere by now stays where it is: None."""
        return await self._recorded(lambda: self._box.spool.move(message.seq, to))

    async def let_pass(
        self, seqs: Sequence[int], moving: Collection[str], *, offline: bool, aside: Collection[int]
    ) -> None:
        """They can't leave for now: what is urgent and can does not wait behind them."""
        await self._recorded(lambda: self._box.spool.let_pass(seqs, moving, offline=offline, aside=aside))

    def _stays_at_its_own(self, lane: Lane, message: Message) -> bool:
        return out_of_turn.stays_at_its_own(lane, message, self._clock.monotonic())

    async def _is_left_there(self, lane: Lane, message: Message, to: Transition) -> bool:
        """Whether it waits at its own channel, whatever this one would have it wait for. What is held as a text is held there too, if that
        sends texts; a mail is not."""
        is_wait = to.state is State.QUEUED or (to.state is State.HELD and not self._sms.is_text(message.channel))
        if not is_wait or not self._stays_at_its_own(lane, message):
            return False
        if to.reason.code == QUIET:
            await self.let_pass([message.seq], (), offline=True, aside=lane.left_aside(self._clock.monotonic()))
        return True

    async def _pass_over(self, lane: Lane, message: Message, why: PassOver) -> Message | None:
        if self._stays_at_its_own(lane, message):
            return None
        via_index = out_of_turn.via_index(lane, message)
        to = pass_over(message, why.reason, self._situation(lane, message), opted_out=why.opted_out, after=via_index)
        return await self.move(message, to)

    async def _attempt(
        self, lane: Lane, channel: Channel, due: Due, ready: Ready, spent: Spent | None, called_off: int
    ) -> Message | None:
        message, out = due.message, ready.outgoing
        units = channel.units(out)
        if not lane.takes(units - 1, self._clock.monotonic(), self._clock.now()):
            self._nothing_left(lane, spent)
            return await self._past_the_day(lane, message, units)
        is_probe = lane.breaker.is_open
        via = out_of_turn.ways(lane, message)
        try:
            begun = await self._box.spool.begin(
                message.seq,
                channel=lane.name,
                via_index=via.index(lane.name) if via else message.via_index,
                via=via,
                medium=channel.medium,
                address=out.to,
                sent=out.rendered,
                units=units,
            )
        except (StorageBusy, StorageFull) as error:
            return await self._look_again_later(lane, spent, units, error)
        if isinstance(begun, Refusal):
            self._nothing_left(lane, spent, units)
            if not begun.opted_out:
                return None
            return await self._pass_over(lane, message, PassOver(begun.reason, opted_out=True))
        wanted = partial(self._is_wanted, channel, begun, called_off)
        outcome = await self._send_in_turn(lane, channel, begun, out, wanted, is_probe=is_probe)
        if outcome is None:
            self._nothing_left(lane, spent, units)
            await self._recorded(lambda: self._box.spool.interrupt(begun))
            return None
        unused = units - outcome.used(units)
        if spent is not None:
            self._sms.spending.give_back(spent, spent.parts * unused // units)
        return await self._settle(lane, channel, due, begun, outcome, unused)

    async def _past_the_day(self, lane: Lane, message: Message, units: int) -> Message | None:
        """The day has room for some, but not for so many: the next channel, or tomorrow; a text that no day has room for can't go
        this way."""
        limit = lane.day.limit or 0
        if units > limit:
            why = f"it takes {units} of {lane.name}'s daily limit of {limit}"
            return await self._pass_over(
                lane, message, PassOver(Reason(why, "over_limit", channel=lane.name, parts=units, limit=limit))
            )
        if self._stays_at_its_own(lane, message):
            return None
        now = self._clock.now()
        via_index = next_via_index(message, self._usable, after=out_of_turn.via_index(lane, message))
        to = Transition(state=State.QUEUED, reason=lane.over_the_day(units), via_index=via_index, counts=False)
        if via_index is None:
            tomorrow = msgspec.structs.replace(to, due_at=lane.tomorrow(now), relative=False)
            to = while_of_use(message, tomorrow, now)
        return await self.move(message, to)

    def _nothing_left(self, lane: Lane, spent: Spent | None, units: int = 1) -> None:
        lane.nothing_left(self._clock.now(), units)
        if spent is not None:
            self._sms.spending.give_back(spent)

    async def _send_in_turn(
        self,
        lane: Lane,
        channel: Channel,
        begun: Attempt,
        out: Outgoing,
        wanted: Callable[[], Awaitable[bool]],
        *,
        is_probe: bool,
    ) -> Outcome | None:
        """Send when the provider has room for one more. None: the channel was shut meanwhile, or nobody wants it any more; nothing left."""
        await self._before_it_leaves(begun, lane.gate.acquire())
        try:
            if self._is_shut(lane, is_probe=is_probe) or not await self._before_it_leaves(
                begun, self._recorded(wanted)
            ):
                return None
            now = self._clock.now()
            outcome = await self._send(channel, msgspec.structs.replace(out, attempt=begun.n, now=now, wanted=wanted))
            return None if outcome == CALLED_OFF else outcome
        finally:
            lane.gate.release()

    async def _before_it_leaves(self, begun: Attempt, waiting: Awaitable[T]) -> T:
        """What our own shutdown cuts there never left."""
        try:
            return await waiting
        except asyncio.CancelledError:
            with suppress(StorageBusy, StorageFull):  # the next start finds it, as after a power cut
                await self._box.spool.interrupt(begun)
            raise

    async def _is_wanted(self, channel: Channel, begun: Attempt, called_off: int) -> bool:
        """Looked at once more if since it was read anything was called off, or somebody is reached elsewhere."""
        if self._box.spool.called_off == called_off:
            return True
        due = await self._box.spool.wanted(begun)
        if due is None or not self._preparer.goes_to(due, channel, begun.address):
            return False
        if not begun.address or due.message.policy.answers in SAID_TO_ALL:
            return True
        return await self._blocked((channel.medium, *channel.heeded(due.message.trigger)), begun.address) is None

    def _is_shut(self, lane: Lane, *, is_probe: bool) -> bool:
        shut = lane.paused_by is not None or (lane.breaker.is_open and not is_probe)
        shut = shut or self._clock.monotonic() < lane.hold_until
        return shut or (lane.is_cloud and self._uplink.stops(lane.name))

    async def _send(self, channel: Channel, out: Outgoing) -> Outcome:
        try:
            return harmless.cleaned(await channel.send(out))
        except (OSError, MemoryError) as error:
            log.error("a channel lacked something on this machine", channel=channel.name, error=str(error))
            if is_short(error) and isinstance(error, OSError):
                return Deferred(words(error), code=CODE, local=True)
            return Unknown(f"the request may have arrived: {words(error)}", code=CODE)
        except Exception as error:
            log.exception("a channel failed in a way it should not", channel=channel.name, message=out.message_id)
            return Rejected(
                Scope.MESSAGE, code=MISTAKE, reason=f"{channel.title} failed inside: {type(error).__name__}"
            )

    async def _settle(
        self, lane: Lane, channel: Channel, due: Due, attempt: Attempt, outcome: Outcome, unused: int
    ) -> Message:
        line_down = await self._lessons.of_the_line(lane, outcome)
        lane.day.take_back(self._clock.now(), unused, counted_at=attempt.started_at)
        await self._lessons.of_the_channel(lane, outcome, line_down=line_down)
        message = due.message
        doubts = await self._recorded(lambda: self._box.spool.doubts(attempt)) if isinstance(outcome, Unknown) else 0
        situation = self._situation(lane, message, outcome=outcome, line_down=line_down, doubts=doubts)
        to = out_of_turn.decided(lane, message, outcome, situation, self._clock.monotonic())
        poll_at = None
        if isinstance(outcome, Accepted) and channel.poll and outcome.provider_id:
            poll_at = self._clock.now() + round(channel.poll.delays[0] * 1000)
        if isinstance(outcome, Rejected) and outcome.opted_out:
            reason, actor = outcome.reason, f"{channel.title} ({outcome.code})"
            medium = next(iter(channel.heeded(message.trigger)), channel.medium)
            await self._recorded(lambda: self._box.consent.stop(medium, attempt.address, reason=reason, actor=actor))
        settled = await self._recorded(lambda: self._box.spool.settle(attempt, outcome, to, poll_at=poll_at))
        if isinstance(outcome, Accepted):
            self._sms.forget(message)
        if isinstance(outcome, Accepted) and settled.state is State.QUEUED and not lane.is_cloud:
            lane.leave_aside(settled.seq, math.inf)
        if isinstance(outcome, Accepted) and self._preparer.wants_first_sms_notice(due, channel):
            note = self._first_sms_note(attempt.address)
            await self._recorded(lambda: self._box.notes.set(note, "told"))
        if lane.is_cloud and may_reveal_an_outage(outcome) and to.counts:
            await self.outages.doubt(attempt)
        self._on_settled(settled, poll_at)
        return settled

    async def _is_first_sms(self, due: Due, channel: Channel) -> bool:
        if not self._preparer.wants_first_sms_notice(due, channel):
            return False
        address = self._preparer.address(due, channel)
        return address is not None and await self._box.notes.get(self._first_sms_note(address)) is None

    def _first_sms_note(self, address: str) -> str:
        return f"first_sms.{self._box.digest(address)}"

    def _situation(
        self, lane: Lane, message: Message, *, outcome: Outcome | None = None, line_down: bool = False, doubts: int = 0
    ) -> Situation:
        channel = lane.channel
        tries = lane.tries.get(message.seq, 0)
        if isinstance(outcome, Deferred | Unknown) and not line_down:
            lane.tries[message.seq] = tries + 1
        elif outcome is not None:
            lane.tries.pop(message.seq, None)
        return Situation(
            now=self._clock.now(),
            backoff=0.0 if isinstance(outcome, Accepted) else self._backoff(tries),
            max_attempts=self._retry.max_attempts,
            patience_from=patience_from(message, self.outages.up_at),
            line_down=line_down,
            can_look_up=channel is not None and channel.can_look_up,
            repeat_is_harmless=channel is not None and channel.repeat_is_harmless,
            usable=self._usable,
            enabled=self._enabled,
            doubts=doubts,
        )

    def _backoff(self, tries: int) -> float:
        return full_jitter(tries, base=self._retry.base, cap=self._retry.cap, rng=self._rng)

    async def _recorded(self, write: Callable[[], Awaitable[T]]) -> T:
        return await recorded(write, self._clock)
