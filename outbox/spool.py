"""`box.spool`: events in, messages out. What changes anything goes to the writer; what the dispatcher looks for is read here."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from outbox.accept import Accept
from outbox.attempts import Begin, Interrupt, InTurn, Refusal, Rescue, Settle, Uncount
from outbox.errors import OutboxError, StorageBusy, StorageFull
from outbox.lives import past_order
from outbox.model import Acceptance, Attempt, Due, Message, Order, Planner, Posted, Rendered, State, Transition
from outbox.moves import LetPass, Move, ToldByPerson
from outbox.orders import project
from outbox.outcome import Outcome
from outbox.queries import Queries
from outbox.reasons import Reason
from outbox.rows import decode_attempts, decode_dues, encode
from outbox.shift import LookAnew, Shift
from outbox.silence import said_at
from outbox.source_clocks import SourceClocks
from outbox.staff import Cancel, Hold, Retry, TakeBack
from outbox.store import Store

_SQL = Queries("spool.sql")
_VIEWS = Queries("views.sql")

MOST_TYPES = 100
"""Types that are counted: their names come from outside."""
RESCUE_SLICE = 200
SHIFT_SLICE = 5000
SHIFT_TRIES = 600
"""Rows in one transaction of a sweep over many: what others may have to wait for."""


class Spool:
    """The outbox proper. `on_ready` is called in the loop's thread after each commit that gave some channels something to take up,
    with the earliest moment (ms) at which each has."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._said = said_at(store)
        self._began = store.clock.monotonic()
        self.source_clocks = SourceClocks()
        self.unrouted: Counter[str] = Counter()
        """By type that no route names, how many events came since the start."""
        self.unrouted_at: dict[str, float] = {}
        """When the last of each came (monotonic)."""

    @property
    def on_ready(self) -> Callable[[Mapping[str, int]], None]:
        return self._store.on_ready

    @on_ready.setter
    def on_ready(self, call: Callable[[Mapping[str, int]], None]) -> None:
        self._store.on_ready = call

    @property
    def on_fresh(self) -> Callable[[Sequence[Due]], None]:
        """Called in the loop's thread after each commit that took in messages which may go at once, with all of them; where nobody
        listens, `on_ready` tells of their channels."""
        return self._store.on_fresh

    @on_fresh.setter
    def on_fresh(self, call: Callable[[Sequence[Due]], None]) -> None:
        self._store.on_fresh = call

    @property
    def on_offer(self) -> Callable[[Sequence[Due]], int] | None:
        """Called in the loop's thread with messages that may go at once, before the commit that takes them in: for who can try some of them
        now. Answers how many; those whose attempt is begun within a moment share that commit. `on_fresh` tells of the others after it."""
        return self._store.on_offer

    @on_offer.setter
    def on_offer(self, call: Callable[[Sequence[Due]], int]) -> None:
        self._store.on_offer = call

    # ------------------------------------------------------------ events

    async def accept(self, posted: Posted, plan: Planner) -> Acceptance:
        """Take an event: on the disk, with all it leads to, when this returns. `posted.raw` is the event's own JSON, in our form.

        Raises EventConflict, OrderExists, StorageFull, StorageBusy.
        """
        self._store.ensure_space()
        acceptance = await self._store.write(Accept(posted, plan, self._store.index))
        self._heed(posted, acceptance)
        return acceptance

    async def accept_many(self, posted: Sequence[Posted], plan: Planner) -> Sequence[Acceptance | OutboxError]:
        """Take several in order, in one transaction: for each its answer, or why it was refused."""
        self._store.ensure_space()
        waiting = [self._store.write(Accept(one, plan, self._store.index)) for one in posted]
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        taken = [_refusal_or(answer) for answer in answers]
        for one, answer in zip(posted, taken, strict=True):
            if isinstance(answer, Acceptance):
                self._heed(one, answer)
        return taken

    def _heed(self, posted: Posted, acceptance: Acceptance) -> None:
        """What is odd about it is remembered for people."""
        self.source_clocks.heard(posted)
        if acceptance.unrouted and (posted.event.type in self.unrouted or len(self.unrouted) < MOST_TYPES):
            self.unrouted[posted.event.type] += 1
            self.unrouted_at[posted.event.type] = self._store.clock.monotonic()

    # ------------------------------------------------------------ what may go

    async def due(self, channel: str, *, now: int, limit: int, exclude: Collection[int] = ()) -> list[Due]:
        """Queued messages at that channel whose time has come and that are first in their queue, by (priority, due_at, seq).
        `exclude`: message seqs not to bring."""
        text = await self._store.value(_SQL["due"], channel=channel, now=now, limit=limit, exclude=_json(exclude))
        return await self._dues(text)

    async def due_offline(
        self, channel: str, *, now: int, down_for: float, limit: int, exclude: Collection[int] = ()
    ) -> list[Due]:
        """While the line is down (since `down_for` seconds): those at others than `channel`, the one that works without it, which
        they name as well, that have waited long enough for it (the urgent at once); but for what it left in doubt and has passed on, unless
        staff had that tried again."""
        text = await self._store.value(
            _SQL["due_offline"], channel=channel, now=now, down_for=down_for, limit=limit, exclude=_json(exclude)
        )
        return await self._dues(text)

    async def left_aside(self, channel: str) -> Sequence[int]:
        """Messages (seq) that wait at others than `channel`, which tried them last and could not deliver them: it is not to take them out of
        their turn once more, unless staff say so."""
        return [seq for (seq,) in await self._store.rows(_SQL["left_aside"], channel=channel)]

    async def waiting(self, channel: str, *, after: int, limit: int) -> list[Due]:
        """All that is queued at that channel, due or not, with a seq above `after`, by seq: for sweeps over a channel that
        can't send."""
        text = await self._store.value(_SQL["waiting"], channel=channel, after=after, limit=limit)
        return await self._dues(text)

    async def _dues(self, text: str | None) -> list[Due]:
        """Each with its own order, though another may have its number by now."""
        dues = self._store.decoded(_dues, text)
        events: dict[str, Sequence[Any]] = {}
        for n, due in enumerate(dues):
            if due.order.is_past(due.message.event_seq):
                ref = due.order.ref
                if ref not in events:
                    events[ref] = await self._store.rows(_VIEWS["events_of_order"], ref=ref)
                dues[n] = msgspec.structs.replace(due, order=self._past_order(due, events[ref]))
        return dues

    def _past_order(self, due: Due, events: Sequence[Any]) -> Order:
        of_the_past = [event for event in events if due.order.is_past(event[0])]
        found = self._store.decoded(partial(past_order, event_seq=due.message.event_seq), of_the_past)
        return found or project(None, Posted("", due.event, b"", due.message.created_at))

    async def channels_beside(self, channels: Collection[str]) -> Sequence[str]:
        """The channels beside these at which something is queued."""
        return [name for (name,) in await self._store.rows(_SQL["channels_beside"], channels=_names(channels))]

    async def unknowns(self, *, now: int, limit: int, beside: Collection[str] = ()) -> list[tuple[Due, Attempt]]:
        """Messages of unknown outcome that are to be looked up, each with the attempt in question; `beside` these channels."""
        dues, attempts = await self._store.row(_SQL["unknowns"], now=now, limit=limit, beside=_names(beside))
        newest = self._store.decoded(_by_message, attempts)
        return [(due, newest[due.message.seq]) for due in await self._dues(dues)]

    async def next_due(self, channel: str, *, exclude: Collection[int] = ()) -> int | None:
        """The earliest moment (ms) at which `due(channel)` may have something; None: nothing waits there. `exclude`: as for that."""
        found: int | None = await self._store.value(_SQL["next_due"], channel=channel, exclude=_json(exclude))
        return found

    async def next_unknown(self) -> int | None:
        """The earliest moment (ms) at which `unknowns` may have something."""
        found: int | None = await self._store.value(_SQL["next_unknown"])
        return found

    # ------------------------------------------------------------ attempts

    async def begin(
        self,
        message_seq: int,
        *,
        channel: str,
        via_index: int,
        medium: str,
        address: str,
        sent: Rendered | None = None,
        units: int = 1,
        via: Sequence[str] | None = None,
    ) -> Attempt | Refusal:
        """Record an attempt before it leaves; refused when the message is elsewhere by now, or `address` opted out of `medium`.
        `units`: what it takes of its channel's limits. `via`: its ways in another order, where the channel takes it before its turn."""
        digest = self._store.digester(address) if address else ""
        begin = Begin(
            message_seq,
            channel=channel,
            via_index=via_index,
            medium=medium,
            address=address,
            digest=digest,
            sent=sent,
            asked=self._store.shares.asked(medium, address),
            units=units,
            via=via,
        )
        return await self._store.write(begin)

    @property
    def called_off(self) -> int:
        """Grows whenever something that is under way may not be wanted any more, or not there: then `wanted` tells."""
        return self._store.called_off

    async def wanted(self, attempt: Attempt) -> Due | None:
        """Its message as it stands; None: it is not to leave any more, but superseded, cancelled, held or put off since it was put on record."""
        found = await self._dues(
            await self._store.value(_SQL["wanted"], seq=attempt.message_seq, now=self._store.clock.now())
        )
        return found[0] if found else None

    async def settle(
        self, attempt: Attempt, outcome: Outcome, to: Transition, *, poll_at: int | None = None
    ) -> Message:
        """End an attempt and move its message; `poll_at`: when (ms) to ask for its receipt. Settling twice changes nothing.

        A message that is to be queued again ends superseded or cancelled if it was meanwhile, or is held if its order is.
        """
        return await self._store.write(Settle(attempt, outcome, to, poll_at, self._said))

    async def resolve(
        self, attempt: Attempt, outcome: Outcome, to: Transition, *, poll_at: int | None = None
    ) -> Message:
        """What looking an unknown attempt up has shown."""
        return await self._store.write(Settle(attempt, outcome, to, poll_at, self._said))

    async def doubts(self, attempt: Attempt) -> int:
        """Of how many earlier tries of its message by the same channel nobody knows whether they arrived."""
        found: int = await self._store.value(_SQL["doubts"], seq=attempt.seq, channel=attempt.channel)
        return found

    async def uncount(self, attempts: Sequence[Attempt]) -> None:
        """They failed as the line went: they stay on record, and count for nothing."""
        await self._store.write(Uncount(attempts))

    async def interrupt(self, attempt: Attempt) -> None:
        """It was cut by our own shutdown before anything left: no attempt, and the message waits again."""
        await self._store.write(Interrupt(attempt))

    async def move(self, message_seq: int, to: Transition, *, expect: State = State.QUEUED) -> Message | None:
        """Move a message without an attempt; None when it was not in `expect` any more: then it stays."""
        return await self._store.write(Move(message_seq, to, expect))

    async def let_pass(
        self, message_seqs: Sequence[int], moving: Collection[str], *, offline: bool, aside: Collection[int]
    ) -> None:
        """Those of these that stand first can't leave for now: what is urgent and due goes before them that can, by a channel that is
        `moving`, or where `offline` by the one that works without the line, but for what that leaves `aside` (seqs). Whatever changes in its
        queue puts each first again."""
        await self._store.write(LetPass(message_seqs, moving, offline=offline, aside=frozenset(aside)))

    async def rescue(self) -> int:
        """After a start, or an engine that was cut: attempts that were under way are unknown now. Returns how many. What was cut may have
        asked the writer for something that it has not done yet: that comes first."""
        await self._store.write(InTurn())
        rescued = 0
        while open_ones := await self._store.rows(_SQL["under_way"], limit=RESCUE_SLICE):
            messages, attempts = [row[0] for row in open_ones], [row[1] for row in open_ones]
            rescued += await self._store.write(Rescue(messages, attempts))
        return rescued

    async def look_anew(self, channels: Collection[str], *, texts: bool) -> None:
        """Before messages are sent under limits of a day that may be others now: what waits for tomorrow at these channels, whose day has
        room, is due. So is, where `texts`, what waits there for the day's money for texts."""
        await self._store.write(LookAnew(channels, texts=texts))

    async def shift(self, delta_ms: int) -> None:
        """The wall clock stepped by that much: waits that are counted from a moment move with it. So does until when what came since the
        start is of use, where the clock was behind: it is as old as it is, whatever the clock said when it came; and so does when the receipts
        of what left since then are asked for. None is moved and others not because the database was busy in between: it is tried again for
        `SHIFT_TRIES` seconds. Raises StorageBusy, StorageFull."""
        clock, after, tries = self._store.clock, 0, 0
        noticed = clock.now() - delta_ms
        began = noticed - round((clock.monotonic() - self._began) * 1000)
        while True:
            try:
                last = await self._store.write(Shift(delta_ms, after, SHIFT_SLICE, began=began, noticed=noticed))
            except (StorageBusy, StorageFull):
                tries += 1
                if tries > SHIFT_TRIES:
                    raise
                await clock.sleep(1.0)
                continue
            if last is None:
                return
            after = last

    # ------------------------------------------------------------ staff

    async def hold(self, ref: str, *, actor: str, reason: str) -> None:
        """Stop the automatic messages of an order. Raises NotFound."""
        await self._store.write(Hold(ref, True, actor, reason))

    async def release(self, ref: str, *, actor: str, reason: str) -> None:
        """Let them go on. Raises NotFound."""
        await self._store.write(Hold(ref, False, actor, reason))

    async def retry(self, message_id: str, *, actor: str, channel: str | None = None) -> Message:
        """Try again from the first channel, or from a named one. Raises NotFound, IllegalMove."""
        return await self._store.write(Retry(message_id, actor, channel))

    async def cancel(self, message_id: str, *, actor: str, reason: str) -> Message:
        """Stop a message; one that is being sent is stopped if it comes back unsent. Raises NotFound, IllegalMove."""
        return await self._store.write(Cancel(message_id, actor, reason))

    async def take_back(self, message_ids: Sequence[str], *, actor: str) -> int:
        """Stop those that wait of a step's messages; none of them where one has left. How many. Raises NotFound, IllegalMove."""
        return await self._store.write(TakeBack(message_ids, actor))

    async def told_by_person(self, message_id: str, reason: Reason, *, actor: str, note: str = "") -> Message:
        """Staff told its recipient themselves, as `reason` says: it waits for nothing any more. Raises NotFound, IllegalMove."""
        return await self._store.write(ToldByPerson(message_id, reason, actor, note))


def _dues(text: str | None) -> list[Due]:
    return [row.due() for row in decode_dues(text or "[]")]


def _names(channels: Collection[str]) -> str:
    return encode(list(channels)).decode()


def _by_message(text: str | None) -> dict[int, Attempt]:
    return {row.message_seq: row.attempt() for row in decode_attempts(text or "[]")}


def _json(seqs: Collection[int]) -> str:
    return f"[{','.join(map(str, seqs))}]"


def _refusal_or(answer: Acceptance | BaseException) -> Acceptance | OutboxError:
    if isinstance(answer, BaseException) and not isinstance(answer, OutboxError):
        raise answer
    return answer
