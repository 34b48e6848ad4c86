"""A stand-in for the outbox, in memory: enough for the HTTP face's own behaviour, no rule of the outbox."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from outbox import AuditRow, Change, Figures, Kept, Page, ReplyRow, StoredEvent, Story
from outbox.clock import Clock
from outbox.errors import EventConflict, IllegalMove, NotFound, OutboxError
from outbox.model import (
    Acceptance,
    Attempt,
    Event,
    Message,
    Order,
    Outlook,
    PlannedMessage,
    Planner,
    Posted,
    State,
)
from outbox.orders import happened_at, project
from outbox.reasons import NO_REASON, Reason
from tests.support.fake_records import (
    FakeAudit,
    FakeConsent,
    FakeOptOut,
    FakeQuarantine,
    FakeReplies,
    FakeTokens,
    FakeUnsubscribe,
    page,
)


class FakeBox:
    """All of the outbox in one: `spool`, `views` and the rest are itself or small parts."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.stored: list[StoredEvent] = []
        self.known: dict[str, Order] = {}
        self.sent: dict[str, Message] = {}
        self.tries: list[Attempt] = []
        self.changed: list[Change] = []
        self.acts: list[AuditRow] = []
        self.optouts: dict[tuple[str, str], FakeOptOut] = {}
        self.inbox: list[ReplyRow] = []
        self.kept: dict[str, str] = {}
        self.failure: Exception | None = None
        self.tokens = FakeTokens()
        self.spool = self
        self.views = _Views(self)
        self.changes = _Changes(self)
        self.notes = _Notes(self)
        self.audit = FakeAudit(self)
        self.consent = FakeConsent(self)
        self.unsubscribe = FakeUnsubscribe()
        self.replies = FakeReplies(self)
        self.quarantine = FakeQuarantine(self)
        self.replay = _Replay(self)
        self.unread: list[Kept] = []
        self._watchers: list[asyncio.Queue[Change]] = []

    # ------------------------------------------------------------ spool

    async def accept(self, posted: Posted, plan: Planner) -> Acceptance:
        if self.failure is not None:
            raise self.failure
        event = posted.event
        before = next((each for each in self.stored if each.source == posted.source and each.id == event.id), None)
        if before is not None:
            if msgspec.json.decode(before.raw) != msgspec.json.decode(posted.raw):
                raise EventConflict(f"event {event.id!r} of {posted.source} was taken before with different content")
            return Acceptance(event.id, before.seq, duplicate=True)
        stored = StoredEvent(
            seq=len(self.stored) + 1,
            source=posted.source,
            id=event.id,
            type=event.type,
            order_ref=event.order.ref,
            received_at=posted.received_at,
            occurred_at=happened_at(posted) if event.occurred_at else None,
            actor=posted.actor,
            raw=posted.raw,
        )
        self.stored.append(stored)
        old = self.known.get(event.order.ref)
        order = self.known[event.order.ref] = project(old, posted)
        self.change("order", order.ref)
        planned = plan(posted, old, order)
        led_to = []
        for message in planned.messages:
            self.put(message, stored)
            led_to.append(Outlook(message.id, message.audience, message.state, message.via, str(message.reason)))
        for message in list(self.sent.values()):
            if message.trigger in planned.drops and message.state is State.QUEUED and message.order_ref == order.ref:
                self.move(message.id, State.SUPERSEDED, "dropped")
        return Acceptance(event.id, stored.seq, messages=tuple(led_to), why=planned.why, unrouted=planned.unrouted)

    async def accept_many(self, posted: Sequence[Posted], plan: Planner) -> Sequence[Acceptance | OutboxError]:
        answers: list[Acceptance | OutboxError] = []
        for each in posted:
            try:
                answers.append(await self.accept(each, plan))
            except OutboxError as error:
                answers.append(error)
        return answers

    def put(self, planned: PlannedMessage, event: StoredEvent) -> None:
        fields = {name: getattr(planned, name) for name in PlannedMessage.__struct_fields__}
        self.sent[planned.id] = Message(
            **fields,
            seq=len(self.sent) + 1,
            event_seq=event.seq,
            event_id=event.id,
            order_ref=event.order_ref,
            via_index=0,
            possible_duplicate=False,
            attempt_count=0,
            channel_since=event.received_at,
            created_at=event.received_at,
            updated_at=event.received_at,
        )
        self.change("message", planned.id)

    def move(self, message_id: str, state: State, reason: Reason = NO_REASON) -> Message:
        if message_id not in self.sent:
            raise NotFound(f"no message has the id {message_id!r}")
        moved = msgspec.structs.replace(self.sent[message_id], state=state, reason=reason, updated_at=self.clock.now())
        self.sent[message_id] = moved
        self.change("message", message_id)
        return moved

    async def hold(self, ref: str, *, actor: str, reason: str) -> None:
        await self._held(ref, actor, reason, held=True)

    async def release(self, ref: str, *, actor: str, reason: str) -> None:
        await self._held(ref, actor, reason, held=False)

    async def _held(self, ref: str, actor: str, reason: str, *, held: bool) -> None:
        if ref not in self.known:
            raise NotFound(f"no order {ref!r} is known")
        self.known[ref] = msgspec.structs.replace(self.known[ref], held=held)
        await self.audit.append(
            "order.held" if held else "order.released", actor=actor, order_ref=ref, detail={"reason": reason}
        )
        self.change("order", ref)

    async def retry(self, message_id: str, *, actor: str, channel: str | None = None) -> Message:
        if message_id in self.sent and self.sent[message_id].state in (State.DELIVERED, State.SENDING):
            raise IllegalMove(f"message {message_id} is {self.sent[message_id].state}: it can't be tried again")
        return self.move(message_id, State.QUEUED, Reason(f"tried again by {actor}", "retried", by=actor))

    async def cancel(self, message_id: str, *, actor: str, reason: str) -> Message:
        if message_id in self.sent and self.sent[message_id].state not in (State.QUEUED, State.HELD, State.CANCELLED):
            raise IllegalMove(f"message {message_id} is {self.sent[message_id].state}: it can't be cancelled")
        return self.move(
            message_id, State.CANCELLED, Reason(reason or f"cancelled by {actor}", "cancelled", by=actor, words=reason)
        )

    # ------------------------------------------------------------ views

    async def events(self, event_id: str, *, source: str | None) -> Sequence[StoredEvent]:
        return [each for each in self.stored if each.id == event_id and source in (None, each.source)]

    async def messages(
        self,
        *,
        states: Sequence[State],
        channel: str | None,
        order_ref: str | None,
        recipient: str | None,
        since: int | None,
        limit: int,
        cursor: str | None,
    ) -> Page[Message]:
        rows = [
            each
            for each in reversed(self.sent.values())
            if (not states or each.state in states)
            and channel in (None, each.channel)
            and order_ref in (None, each.order_ref)
            and recipient in (None, each.recipient)
            and (since is None or each.updated_at >= since)
        ]
        return page(rows, limit, cursor)

    async def messages_of_event(self, event_seq: int) -> Sequence[Message]:
        return [each for each in self.sent.values() if each.event_seq == event_seq]

    async def messages_by_id(self, ids: Sequence[str]) -> Sequence[Message]:
        return [self.sent[each] for each in ids if each in self.sent]

    async def attempts(self, message_ids: Sequence[str]) -> Sequence[Attempt]:
        return [each for each in self.tries if each.message_id in message_ids]

    async def orders(
        self, *, statuses: Sequence[str], search: str | None, since: int | None, limit: int, cursor: str | None
    ) -> Page[Order]:
        rows = [
            each
            for each in sorted(self.known.values(), key=lambda order: -order.updated_at)
            if (not statuses or each.status in statuses)
            and (search is None or search in each.ref or search in (each.customer.name or ""))
            and (since is None or each.updated_at >= since)
        ]
        return page(rows, limit, cursor)

    async def orders_by_ref(self, refs: Sequence[str]) -> Sequence[Order]:
        return [self.known[each] for each in refs if each in self.known]

    async def told(self, refs: Sequence[str]) -> Mapping[str, Message]:
        return {
            each.order_ref: each
            for each in self.sent.values()
            if each.order_ref in refs
            and each.audience == "customer"
            and each.trigger == self.known[each.order_ref].status
        }

    async def story(self, ref: str) -> Story | None:
        if ref not in self.known:
            return None
        messages = [each for each in self.sent.values() if each.order_ref == ref]
        ids = {each.id for each in messages}
        return Story(
            order=self.known[ref],
            events=[each for each in self.stored if each.order_ref == ref],
            messages=messages,
            attempts=[each for each in self.tries if each.message_id in ids],
            replies=[each for each in self.inbox if each.order_ref == ref],
            acts=[each for each in self.acts if each.order_ref == ref],
        )

    async def figures(self) -> Figures:
        states: dict[State, int] = {}
        for each in self.sent.values():
            states[each.state] = states.get(each.state, 0) + 1
        attempts: dict[tuple[str, str], int] = {}
        for each in self.tries:
            key = (each.channel, each.outcome or "open")
            attempts[key] = attempts.get(key, 0) + 1
        due = [each.due_at for each in self.sent.values() if each.state is State.QUEUED]
        return Figures(
            events=len(self.stored),
            messages=states,
            waiting_by_channel={},
            attempts=attempts,
            unread_replies=sum(not each.read for each in self.inbox),
            oldest_due_at=min(due, default=None),
            database_bytes=4096,
        )

    async def epoch(self) -> str:
        return "fake"

    async def newest(self) -> int:
        return len(self.changed)

    def change(self, kind: Any, key: str) -> None:
        change = Change(len(self.changed) + 1, kind, key)
        self.changed.append(change)
        for queue in self._watchers:
            queue.put_nowait(change)

    def subscribe(self) -> AsyncIterator[Change]:
        queue: asyncio.Queue[Change] = asyncio.Queue()
        self._watchers.append(queue)
        return _drain(queue)


async def _drain(queue: "asyncio.Queue[Change]") -> AsyncIterator[Change]:
    while True:
        yield await queue.get()


class _Views:
    """The box's reads; here `changes` is the record's."""

    def __init__(self, box: FakeBox) -> None:
        self._box = box

    def __getattr__(self, name: str) -> Any:
        return getattr(self._box, name)

    async def changes(self, since: int, *, limit: int) -> Sequence[Change]:
        return self._box.changed[since : since + limit]


class _Changes:
    def __init__(self, box: FakeBox) -> None:
        self._box = box
        self.subscribe = box.subscribe


class _Notes:
    def __init__(self, box: FakeBox) -> None:
        self._kept = box.kept

    async def get(self, key: str) -> str | None:
        return self._kept.get(key)

    async def set(self, key: str, value: str) -> None:
        self._kept[key] = value


class _Replay:
    def __init__(self, box: FakeBox) -> None:
        self._box = box

    async def since(self, moment: int, *, after: int, limit: int) -> Sequence[StoredEvent]:
        return [each for each in self._box.stored if each.seq > after and each.received_at >= moment][:limit]

    async def replan(self, event: StoredEvent, plan: Planner, *, dry_run: bool) -> Sequence[PlannedMessage]:
        order = self._box.known[event.order_ref]
        posted = Posted(event.source, msgspec.json.decode(event.raw, type=Event), event.raw, event.received_at)
        new = [each for each in plan(posted, order, order).messages if each.id not in self._box.sent]
        for each in () if dry_run else new:
            self._box.put(each, event)
        return new
