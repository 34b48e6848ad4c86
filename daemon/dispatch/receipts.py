"""What providers say later: polled on a schedule that backs off, posted to the hook, or told by the modem. One service takes it all."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
import structlog

from daemon import consent_words
from daemon.channels.base import Channel, Inbound, ReceiptUpdate, Reply, Sent
from daemon.config import Store
from daemon.dispatch.answers import confirmation, deed, may_be_answered
from daemon.dispatch.lane import Lane
from daemon.dispatch.recorded import STORAGE_WAIT, recorded
from daemon.dispatch.reply_words import ReplyWords
from daemon.dispatch.uplink import Uplink
from daemon.redact import mask_contacts, scrub
from outbox import Outbox, harmless
from outbox.clock import Clock
from outbox.errors import StorageBusy, StorageFull
from outbox.outcome import ReceiptState
from outbox.reasons import Reason
from outbox.receipts import GoOn
from outbox.silence import Silence

log = structlog.get_logger(__name__)

BATCH = 100
LINE_WAIT = 15.0
SILENT_WAIT = 60.0
"""Seconds after which a provider is asked again that could not be asked just now."""
LAME_WAIT = 900.0
"""Seconds between looks at whether a channel that is misconfigured can be asked by now."""
LAME_MOST = 86_400.0
"""Seconds after which it has nothing new to say any more."""


class ReceiptService:
    """Applies receipts and replies, and asks for receipts where no one posts them."""

    def __init__(
        self,
        box: Outbox,
        lanes: Mapping[str, Lane],
        uplink: Uplink,
        clock: Clock,
        usable: Callable[[str], bool],
        store: Store,
        words: ReplyWords,
    ) -> None:
        self._box = box
        self._lanes = lanes
        self._uplink = uplink
        self._clock = clock
        self._usable = usable
        self._store = store
        self._words = words
        self.wake = asyncio.Event()
        self._sleeps_until: float | None = None
        """ms: when the next look comes by itself."""

    async def apply(self, channel: Channel, update: ReceiptUpdate) -> None:
        """One receipt. What can't reach its recipient goes to the message's next channel, and while the line is down it is not the modem's
        again; an opt-out goes to the ledger."""
        update = _without_secrets(channel, harmless.cleaned(update))
        silence = None
        if update.opted_out:
            why = update.detail or update.code or "the provider says they opted out"
            silence = Silence(channel.silences, why, channel.title)
        message = await self._box.receipts.apply(channel.name, update, self._go_on(channel, update), silence)
        lane = self._lanes.get(channel.name)
        if lane and message is not None and update.state is ReceiptState.UNDELIVERED and not lane.is_cloud:
            lane.leave_aside(message.seq, math.inf)

    async def apply_inbound(self, channel: Channel, inbound: Inbound) -> None:
        """All that one request of a provider said: its receipts for one commit, some providers post hundreds at once."""
        receipts = (self.apply(channel, update) for update in inbound.receipts)
        for applied in await asyncio.gather(*receipts, return_exceptions=True):
            if isinstance(applied, BaseException):
                raise applied
        for reply in inbound.replies:
            await self.reply(channel, reply)

    async def reply(self, channel: Channel, reply: Reply) -> None:
        """Something a customer wrote: a wish about consent, or words for staff at the order it belongs to.

        Where no provider answers STOP, START and HELP for us (the modem), they are confirmed. Words that only sound like a wish for
        silence, or are half of a text, are marked for staff. The words of `[replies]` act on the writer's open order."""
        reply = harmless.cleaned(reply)
        said = consent_words.read(reply.text) if reply.is_person else None
        reading = said if reply.is_whole else None
        doubted = reading is not None and reading.wish is consent_words.Wish.START and not reply.vouched
        if (
            reply.consent is None
            and reading is not None
            and reading.wish is not consent_words.Wish.HELP
            and not doubted
        ):
            reply = msgspec.structs.replace(reply, consent=reading.wish.value)
        answers = None
        if reading is not None and not channel.is_cloud and may_be_answered(reply.address):
            answers = confirmation(reading, self._store, channel.name, self._clock.now())
        acts = None
        is_plain = reply.is_person and reply.is_whole and reply.vouched
        if is_plain and reply.consent != "stop" and (meaning := self._words.read(reply.text)):
            acts = deed(meaning, self._store, channel, reply.address, self._clock.now())
        await self._box.replies.take(
            channel.name,
            reply,
            medium=reply.medium or channel.silences,
            actor=channel.title,
            unclear=reply.is_person
            and reply.consent is None
            and (doubted or said is not reading or consent_words.may_want_silence(reply.text)),
            answers=answers,
            acts=acts,
        )

    def _go_on(self, channel: Channel, update: ReceiptUpdate) -> GoOn | None:
        if update.state is not ReceiptState.UNDELIVERED:
            return None
        words = f"{channel.title} could not deliver it" + (f": {update.detail}" if update.detail else "")
        reason = Reason(words, "undelivered", channel=channel.name, code=update.code, words=update.detail)
        enabled = frozenset(name for name, lane in self._lanes.items() if lane.channel is not None)
        return GoOn(reason, frozenset(filter(self._usable, self._lanes)), enabled)

    # ------------------------------------------------------------ polling

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self.wake.clear()
            self._sleeps_until = None  # awake: what is awaited during the turn may come after its reading
            try:
                wait = await self.turn()
            except (StorageBusy, StorageFull) as error:
                log.error("can't read or write the database, trying again", error=str(error))
                wait = STORAGE_WAIT
            if not stop.is_set():
                self._sleeps_until = None if wait is None else self._clock.now() + wait * 1000
                await self._clock.wait(self.wake, wait)

    def awaits(self, poll_at: int) -> None:
        """A receipt is to be asked for at that moment (ms)."""
        if self._sleeps_until is None or poll_at < self._sleeps_until:
            self._sleeps_until = poll_at
            self.wake.set()

    async def turn(self) -> float | None:
        """Ask for what is due, all channels side by side; seconds until the next look (None: nothing is awaited)."""
        if self._uplink.is_down:
            return LINE_WAIT
        now = self._clock.now()
        waiting = await self._box.receipts.due(now=now, limit=BATCH)
        by_channel: dict[str, list[Sent]] = defaultdict(list)
        for row in waiting:
            by_channel[row.attempt.channel].append(
                Sent(attempt=row.attempt, order_ref=row.order_ref, trigger=row.trigger, now=now)
            )
        async with asyncio.TaskGroup() as group:
            for name, sent in by_channel.items():
                group.create_task(self._ask(self._lanes.get(name), sent))
        if waiting:
            return 0.0
        next_at = await self._box.receipts.next_due()
        return None if next_at is None else max(0.0, (next_at - now) / 1000)

    async def _ask(self, lane: Lane | None, sent: list[Sent]) -> None:
        channel = lane.channel if lane else None
        if lane is not None and channel is None:
            await self._schedule({one.attempt.seq: self._once_mended(one) for one in sent})
            return
        if channel is None or channel.poll is None:
            await self._schedule({one.attempt.seq: None for one in sent})
            return
        size = channel.poll.batch
        for start in range(0, len(sent), size):
            batch = sent[start : start + size]
            updates: Sequence[ReceiptUpdate] | None = ()
            try:
                updates = await channel.receipts(batch)
            except Exception:
                log.exception("asking for receipts failed in a way it should not", channel=channel.name)
            next_asks = {one.attempt.seq: self._next_ask(channel, one) for one in batch}
            if updates is None:
                soon = self._clock.now() + round(SILENT_WAIT * 1000)
                # behind the others: it may be at these alone that the provider fails
                next_asks = {seq: None if at is None else min(at, soon + 1) for seq, at in next_asks.items()}
                await self._schedule(next_asks | {one.attempt.seq: soon for one in sent[start + size :]})
                return
            await self._record(channel, updates, next_asks)

    async def _schedule(self, next_asks: Mapping[int, int | None]) -> None:
        await recorded(lambda: self._box.receipts.schedule(next_asks), self._clock)

    async def _record(
        self, channel: Channel, updates: Sequence[ReceiptUpdate], next_asks: Mapping[int, int | None]
    ) -> None:
        """When to ask again, which what was said now may make needless, and all that was said: handed over together, for one commit."""
        writes = [partial(self._box.receipts.schedule, next_asks)]
        writes += [partial(self.apply, channel, update) for update in updates]
        async with asyncio.TaskGroup() as group:
            for write in writes:
                group.create_task(recorded(write, self._clock))

    def _next_ask(self, channel: Channel, sent: Sent) -> int | None:
        """The schedule counts from when the provider took it, so that it survives a restart without a counter."""
        assert channel.poll is not None
        at = _began(sent)
        for delay in channel.poll.delays:
            at += round(delay * 1000)
            if at > sent.now:
                return at
        return None

    def _once_mended(self, sent: Sent) -> int | None:
        return None if sent.now - _began(sent) > LAME_MOST * 1000 else sent.now + round(LAME_WAIT * 1000)


def _began(sent: Sent) -> int:
    return sent.attempt.finished_at or sent.attempt.started_at


def _without_secrets(channel: Channel, update: ReceiptUpdate) -> ReceiptUpdate:
    """A provider's words as they may be kept: it may echo our credentials, and name anybody."""
    words, code = (mask_contacts(scrub(text, channel.private(), ())) for text in (update.detail, update.code))
    return msgspec.structs.replace(update, detail=words, code=code)
