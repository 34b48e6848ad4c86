"""Attempts of unknown outcome: ask the provider where it can be asked, and else do as the route says."""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import structlog

from daemon.channels.base import Channel, ReceiptUpdate, Sent
from daemon.config import Settings
from daemon.dispatch.fallback import Situation, after_unknown, decide, said
from daemon.dispatch.lane import Lane
from daemon.dispatch.recorded import STORAGE_WAIT
from daemon.dispatch.uplink import Uplink
from outbox import Outbox, harmless
from outbox.attempts import INTERRUPTED
from outbox.backoff import full_jitter
from outbox.clock import Clock
from outbox.errors import StorageBusy, StorageFull
from outbox.model import Attempt, Due, Message, State, Transition
from outbox.outcome import Absent, Accepted, CannotTell, Deferred, Found, Lookup, ReceiptState, Unknown
from outbox.reasons import Reason

log = structlog.get_logger(__name__)

BATCH = 20
GIVE_UP_AFTER = 900.0
"""Seconds of asking past which a provider that still can't tell is not asked again; what is still under way is not asked about yet."""
LINE_WAIT = 5.0


class Resolver:
    """Looks up what is unknown, a few at a time; asleep while nothing is."""

    def __init__(
        self,
        box: Outbox,
        lanes: Mapping[str, Lane],
        uplink: Uplink,
        settings: Settings,
        clock: Clock,
        rng: random.Random,
        usable: Callable[[str], bool],
        awaits: Callable[[int], None],
        on_receipt: Callable[[Channel, ReceiptUpdate], Awaitable[None]],
    ) -> None:
        """`awaits`: told when (ms) the receipt of what had arrived is to be asked for. `on_receipt`: told of one that is not said again."""
        self._box = box
        self._lanes = lanes
        self._uplink = uplink
        self._retry = settings.retry
        self._clock = clock
        self._rng = rng
        self._usable = usable
        self._awaits = awaits
        self._on_receipt = on_receipt
        self._asked_since: dict[int, tuple[str, float]] = {}
        """By attempt (seq), where and since when (monotonic) it is looked up."""
        self.wake = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self.wake.clear()
            try:
                wait = await self.turn()
            except (StorageBusy, StorageFull) as error:
                log.error("can't read or write the database, trying again", error=str(error))
                wait = STORAGE_WAIT
            if not stop.is_set():
                await self._clock.wait(self.wake, wait)

    async def turn(self) -> float | None:
        """Settle all that can be settled now; seconds until the next look (None: nothing is unknown)."""
        now, cut = self._clock.now(), [name for name in self._lanes if self._is_stopped(name)]
        self._asked_since = {seq: since for seq, since in self._asked_since.items() if since[0] not in cut}
        found = await self._box.spool.unknowns(now=now, limit=BATCH, beside=cut)
        for due, attempt in found:
            await self._resolve(due, attempt, self._lanes.get(attempt.channel))
        if found:
            return 0.0
        next_at = await self._box.spool.next_unknown()
        return None if next_at is None else max(LINE_WAIT if cut else 0.0, (next_at - now) / 1000)

    def _is_stopped(self, name: str) -> bool:
        """Whether what it is asked waits for the line."""
        lane = self._lanes[name]
        return lane.channel is not None and lane.is_cloud and self._uplink.stops(name)

    async def _resolve(self, due: Due, attempt: Attempt, lane: Lane | None) -> None:
        channel = lane.channel if lane else None
        self._asked_since.setdefault(attempt.seq, (attempt.channel, self._clock.monotonic()))
        answer = await self._ask(channel, due, attempt)
        message = due.message
        match answer:
            case Found(receipt=receipt):
                del self._asked_since[attempt.seq]
                state = State.DELIVERED if receipt in (ReceiptState.DELIVERED, ReceiptState.READ) else State.SENT
                to = Transition(
                    state=state,
                    reason=Reason("it had arrived", "had_arrived"),
                    possible_duplicate=message.possible_duplicate,
                )
                poll_at = None
                if channel and channel.poll and state is State.SENT and answer.provider_id:
                    poll_at = self._clock.now() + round(channel.poll.delays[0] * 1000)
                if channel and poll_at is None and receipt is ReceiptState.UNDELIVERED:
                    await self._on_receipt(channel, ReceiptUpdate(state=receipt, provider_id=answer.provider_id))
                accepted = Accepted(answer.provider_id, "looked up")
                settled = await self._box.spool.resolve(attempt, accepted, to, poll_at=poll_at)
                if lane and settled.state is State.QUEUED and not lane.is_cloud:
                    lane.leave_aside(settled.seq, math.inf)
                if poll_at is not None:
                    self._awaits(poll_at)
            case Absent():
                del self._asked_since[attempt.seq]
                absent = Deferred("looked up: it had not arrived")
                await self._box.spool.resolve(attempt, absent, self._again(message, absent))
            case CannotTell(unreachable=True) if lane is not None and await self._is_cut(lane):
                log.info("the line is down: it is looked up once that is back", message=attempt.message_id)
            case CannotTell():
                # Nothing more is known than was.
                doubt = Unknown(attempt.detail or answer.reason, code=attempt.code)
                to = await self._undecided(due, attempt, channel, answer, doubt)
                await self._box.spool.resolve(attempt, doubt, to)

    async def _is_cut(self, lane: Lane) -> bool:
        """An outage that only a lookup notices: what it can't tell then is no word of the provider's, and nothing is given up for it."""
        return lane.is_cloud and await self._uplink.failed_to_connect(lane.name)

    async def _ask(self, channel: Channel | None, due: Due, attempt: Attempt) -> Lookup:
        if channel is None or not channel.can_look_up:
            return CannotTell(attempt.detail or "the provider can't be asked")
        sent = Sent(
            attempt=attempt,
            order_ref=due.message.order_ref,
            trigger=due.message.trigger,
            now=self._clock.now(),
            rivals=await self._box.receipts.rivals(attempt),
        )
        try:
            return await self._look_up(channel, sent)
        except Exception:
            log.exception("a lookup failed in a way it should not", channel=channel.name, message=attempt.message_id)
            return CannotTell("looking it up failed inside")

    async def _look_up(self, channel: Channel, sent: Sent) -> Lookup:
        """Ask until it names what is nobody else's: where there is but a number and a time to go by, the next text looks like this one."""
        while True:
            answer = harmless.cleaned(await channel.lookup(sent))
            if not isinstance(answer, Found) or not answer.provider_id:
                return answer
            if not await self._box.receipts.is_anothers(channel.name, answer.provider_id, sent.attempt.seq):
                return answer
            if answer.provider_id in sent.others:
                return CannotTell("what the provider lists is another message")
            sent = msgspec.structs.replace(sent, others=sent.others | {answer.provider_id})

    async def _undecided(
        self, due: Due, attempt: Attempt, channel: Channel | None, answer: CannotTell, doubt: Unknown
    ) -> Transition:
        reason = said("unsure", due.message, doubt)
        if answer.under_way:
            self._asked_since[attempt.seq] = (attempt.channel, self._clock.monotonic())
        asked_for = self._clock.monotonic() - self._asked_since[attempt.seq][1]
        if answer.again is not None and asked_for < GIVE_UP_AFTER:
            due_at = self._clock.now() + round(answer.again * 1000)
            return Transition(state=State.UNKNOWN, reason=reason, due_at=due_at)
        situation = self._situation(due.message, channel, doubts=await self._box.spool.doubts(attempt))
        del self._asked_since[attempt.seq]
        cut_here = attempt.code == INTERRUPTED or not attempt.counts  # what an outage cut does not count
        return after_unknown(_before(due.message), reason, situation, looked_up=True, cut_here=cut_here)

    def _again(self, message: Message, absent: Deferred) -> Transition:
        """At once for the first time; what never arrives is put off, and given up, like whatever fails."""
        reason = Reason("it had not arrived: sent again", "had_not_arrived")
        if message.attempt_count <= 1:
            return Transition(state=State.QUEUED, reason=reason)
        to = decide(_before(message), absent, self._situation(message, None))
        return to if to.state is not State.QUEUED else msgspec.structs.replace(to, reason=reason)

    def _situation(self, message: Message, channel: Channel | None, *, doubts: int = 0) -> Situation:
        tries = max(0, message.attempt_count - 1)
        return Situation(
            now=self._clock.now(),
            backoff=full_jitter(tries, base=self._retry.base, cap=self._retry.cap, rng=self._rng),
            max_attempts=self._retry.max_attempts,
            patience_from=message.channel_since,
            line_down=False,
            can_look_up=False,
            repeat_is_harmless=channel is not None and channel.repeat_is_harmless,
            usable=self._usable,
            enabled=self._is_enabled,
            doubts=doubts,
        )

    def _is_enabled(self, name: str) -> bool:
        lane = self._lanes.get(name)
        return lane is not None and lane.channel is not None


def _before(message: Message) -> Message:
    """As it was before the attempt that is looked up, which counts already."""
    return msgspec.structs.replace(message, attempt_count=max(0, message.attempt_count - 1))
