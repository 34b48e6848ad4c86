"""Small stand-ins for what the HTTP face needs, in memory: enough for its own behaviour, no rule of the outbox."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from daemon.api.services import HookResult, InboundHook, Manual, PreviewText, Services
from daemon.channels.base import Inbound, InboundRequest, Refused
from daemon.config import Settings
from outbox import AuditRow, Change, Figures, Kept, Page, ReplyRow, StoredEvent, Story, Verdict
from outbox.clock import Clock
from outbox.errors import EventConflict, IllegalMove, NotFound, OutboxError
from outbox.masks import mask_address
from outbox.model import (
    Acceptance,
    Attempt,
    Event,
    Message,
    Order,
    Plan,
    PlannedMessage,
    Planner,
    Policy,
    Posted,
    Rendered,
    State,
)
from outbox.orders import happened_at, project
from outbox.people import Held, StrayReply, Word
from outbox.retention import Removed
from tests.support.fake_clock import FakeClock


class FakeOptOut(msgspec.Struct, frozen=True):
    medium: str
    address: str
    reason: str
    actor: str
    at: int
    id: str


class FakeToken(msgspec.Struct, frozen=True):
    name: str
    scopes: frozenset[str]
    created_at: int = 1_795_515_300_000


class FakeTokens:
    def __init__(self) -> None:
        self.by_secret: dict[str, FakeToken] = {}

    def add(self, name: str, *scopes: str) -> str:
        secret = f"tt_{name}_secret"
        self.by_secret[secret] = FakeToken(name, frozenset(scopes))
        return secret

    def find(self, secret: str) -> FakeToken | None:
        return self.by_secret.get(secret)

    async def create(self, name: str, scopes: Sequence[str], *, actor: str) -> str:
        if any(token.name == name for token in self.by_secret.values()):
            raise IllegalMove(f"a token {name!r} exists already; revoke it first")
        return self.add(name, *scopes)

    async def list(self) -> Sequence[FakeToken]:
        return list(self.by_secret.values())

    async def revoke(self, name: str, *, actor: str) -> None:
        secret = next((key for key, token in self.by_secret.items() if token.name == name), None)
        if secret is None:
            raise NotFound(f"no token is called {name!r}")
        del self.by_secret[secret]


def _page(rows: Sequence[Any], limit: int, cursor: str | None) -> Page[Any]:
    start = 0
    if cursor is not None:
        if not cursor.isdigit():
            raise ValueError("this cursor is not one of ours")
        start = int(cursor)
    return Page(rows[start : start + limit], str(start + limit) if len(rows) > start + limit else None)


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
        self.audit = _Audit(self)
        self.consent = _Consent(self)
        self.replies = _Replies(self)
        self.quarantine = _Quarantine(self)
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
        for message in planned.messages:
            self.put(message, stored)
        for message in list(self.sent.values()):
            if message.trigger in planned.drops and message.state is State.QUEUED and message.order_ref == order.ref:
                self.move(message.id, State.SUPERSEDED, "dropped")
        return Acceptance(event.id, stored.seq)

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
            hop=0,
            possible_duplicate=False,
            attempt_count=0,
            channel_since=event.received_at,
            created_at=event.received_at,
            updated_at=event.received_at,
        )
        self.change("message", planned.id)

    def move(self, message_id: str, state: State, reason: str = "") -> Message:
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
        return self.move(message_id, State.QUEUED, f"tried again by {actor}")

    async def cancel(self, message_id: str, *, actor: str, reason: str) -> Message:
        if message_id in self.sent and self.sent[message_id].state not in (State.QUEUED, State.HELD, State.CANCELLED):
            raise IllegalMove(f"message {message_id} is {self.sent[message_id].state}: it can't be cancelled")
        return self.move(message_id, State.CANCELLED, reason or f"cancelled by {actor}")

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
        return _page(rows, limit, cursor)

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
        return _page(rows, limit, cursor)

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


class _Audit:
    def __init__(self, box: FakeBox) -> None:
        self._box = box

    async def append(
        self,
        kind: str,
        *,
        actor: str = "",
        order_ref: str = "",
        message_id: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        seq = len(self._box.acts) + 1
        self._box.acts.append(
            AuditRow(seq, self._box.clock.now(), kind, actor, order_ref, message_id, dict(detail or {}), "00")
        )

    async def list(self, *, limit: int, cursor: str | None, oldest_first: bool = False, **only: Any) -> Page[AuditRow]:
        rows = [
            each
            for each in self._box.acts
            if only["kind"] in (None, each.kind)
            and only["order_ref"] in (None, each.order_ref)
            and only["actor"] in (None, each.actor)
            and (only["search"] is None or only["search"] in repr(each))
        ]
        return _page(rows if oldest_first else rows[::-1], limit, cursor)

    async def verify(self) -> Verdict:
        return Verdict(ok=True, entries=len(self._box.acts), first_bad=None)

    async def export(self, form: str) -> AsyncIterator[bytes]:
        for each in self._box.acts:
            yield f"{each.seq} as {form}\n".encode()


class _Consent:
    def __init__(self, box: FakeBox) -> None:
        self._box = box

    async def stop(self, medium: str, address: str, *, reason: str, actor: str) -> None:
        at = self._box.clock.now()
        self._box.optouts[(medium, address)] = FakeOptOut(
            medium, mask_address(address), reason, actor, at, str(len(self._box.optouts) + 1)
        )

    async def allow(self, medium: str, address: str, *, reason: str, actor: str) -> bool:
        return self._box.optouts.pop((medium, address), None) is not None

    async def allow_entry(self, entry_id: str, *, reason: str, actor: str) -> FakeOptOut:
        for key, each in self._box.optouts.items():
            if each.id == entry_id:
                return self._box.optouts.pop(key)
        raise NotFound("there is no such opt-out")

    async def list(self, *, limit: int, cursor: str | None) -> Page[FakeOptOut]:
        return _page(list(self._box.optouts.values()), limit, cursor)

    async def blocked(self, medium: str, address: str) -> str | None:
        found = self._box.optouts.get((medium, address)) or self._box.optouts.get(("all", address))
        return found.reason if found else None


class _Replies:
    def __init__(self, box: FakeBox) -> None:
        self._box = box

    async def list(self, *, unread: bool, order_ref: str | None, limit: int, cursor: str | None) -> Page[ReplyRow]:
        rows = [each for each in self._box.inbox if not (unread and each.read) and order_ref in (None, each.order_ref)]
        return _page(rows, limit, cursor)

    async def get(self, ids: Sequence[str]) -> Sequence[ReplyRow]:
        return [each for each in self._box.inbox if each.id in ids]

    async def mark_read(self, reply_id: str, *, actor: str) -> None:
        for index, each in enumerate(self._box.inbox):
            if each.id == reply_id:
                self._box.inbox[index] = msgspec.structs.replace(each, read=True)
                return
        raise NotFound(f"no reply has the id {reply_id!r}")


class _Quarantine:
    def __init__(self, box: FakeBox) -> None:
        self._box = box

    async def list(self, *, source: str | None, state: str | None, limit: int, cursor: str | None) -> Page[Kept]:
        rows = [
            each for each in reversed(self._box.unread) if source in (None, each.source) and state in (None, each.state)
        ]
        return _page(rows, limit, cursor)

    async def get(self, seq: int) -> Kept:
        for each in self._box.unread:
            if each.seq == seq:
                return each
        raise NotFound(f"nothing is kept under the number {seq}")

    async def close(self, seq: int, state: Any, *, actor: str) -> None:
        kept = await self.get(seq)
        if kept.state != "waiting":
            raise IllegalMove(f"number {seq} is {kept.state} already")
        self._box.unread[self._box.unread.index(kept)] = msgspec.structs.replace(kept, state=state)


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


class FakeChannel(msgspec.Struct):
    name: str
    medium: str
    title: str = ""
    state: str = "ready"
    reason: str = ""
    queued: int = 0
    sent_today: int = 0
    daily_limit: int | None = None
    rate: float | None = None
    last_success: int | None = None
    last_failure: int | None = None
    last_trouble: str = ""
    detail: dict[str, Any] = {}


class FakeUplink(msgspec.Struct):
    state: str = "up"
    since: int = 1_795_515_000_000


class FakeTest(msgspec.Struct):
    ok: bool
    summary: str


class FakeDispatch:
    def __init__(self) -> None:
        self.rows = [
            FakeChannel("twilio", "sms", "Twilio"),
            FakeChannel("modem", "sms", "Modem", detail={"bars": 3, "signal_dbm": -81, "operator": "EE"}),
            FakeChannel("sendgrid", "email", "SendGrid"),
        ]
        self.line = FakeUplink()
        self.tested: list[tuple[str, str | None]] = []

    async def board(self) -> Sequence[FakeChannel]:
        return self.rows

    def uplink(self) -> FakeUplink:
        return self.line

    async def force_uplink(self, state: Any, *, actor: str) -> None:
        self.line.state = state or "up"

    async def pause(self, name: str, *, reason: str, actor: str) -> None:
        self._row(name).state, self._row(name).reason = "paused", f"paused by {actor}: {reason}"

    async def resume(self, name: str, *, actor: str) -> None:
        self._row(name).state, self._row(name).reason = "ready", ""

    async def ussd(self, name: str, code: str) -> FakeTest:
        if name != "modem":
            raise NotFound(f"no channel is called {name!r}")
        return FakeTest(True, f"Your credit is 5.00 ({code})")

    async def test(self, name: str, to: str | None) -> FakeTest:
        self._row(name)
        self.tested.append((name, to))
        return FakeTest(True, "the credentials hold")

    def _row(self, name: str) -> FakeChannel:
        for row in self.rows:
            if row.name == name:
                return row
        raise NotFound(f"no channel is called {name!r}")


class FakePlanning:
    """Tells the customer of every order event, by the first address there is."""

    def __init__(self) -> None:
        self.quiet: int | None = None

    def plan(self, posted: Posted, before: Order | None, after: Order) -> Plan:
        if not posted.event.type.startswith("order."):
            return Plan()
        return Plan([_message(posted, after, posted.event.type, None, ("twilio", "modem"), Policy())])

    def manual(self, wish: Manual) -> Planner:
        if wish.audience not in ("customer", "team"):
            raise LookupError(f"no audience {wish.audience!r}")
        for name in wish.via:
            if name not in ("twilio", "modem", "sendgrid"):
                raise LookupError(f"no channel {name!r} is enabled")

        def plan(posted: Posted, before: Order | None, after: Order) -> Plan:
            policy = Policy(manual=True, urgent=wish.urgent, supersede=False)
            return Plan([_message(posted, after, wish.template, wish.text, wish.via or ("twilio",), policy)])

        return plan

    def quiet_until(self, medium: str, now: int) -> int | None:
        return self.quiet


def _message(
    posted: Posted, order: Order, template: str, text: str | None, via: tuple[str, ...], policy: Policy
) -> PlannedMessage:
    addresses = {"phone": order.customer.phone} if order.customer.phone else {}
    return PlannedMessage(
        id=f"m{posted.source}{posted.event.id}".replace("-", "").lower(),
        audience="customer",
        recipient="customer",
        addresses=addresses,
        via=via,
        template=template,
        text=text,
        trigger=posted.event.type,
        due_at=posted.received_at,
        policy=policy,
        state=State.QUEUED if addresses else State.SUPPRESSED,
        reason="" if addresses else "no phone number or e-mail address",
    )


class FakePreview:
    async def preview(
        self,
        *,
        template: str,
        medium: str,
        locale: str | None,
        event: Event | None,
        order: Order | None,
        text: str | None,
        subject: str | None = None,
        audience: str = "customer",
    ) -> PreviewText:
        if template == "no.such":
            raise LookupError("there is no template no.such")
        words = text or f"{template} for {order.ref if order else 'SAMPLE'}"
        if medium == "sms":
            return PreviewText(Rendered(words), "gsm7", len(words), 1)
        return PreviewText(Rendered(words, subject or template, f"<p>{words}</p>"))

    def templates(self) -> Mapping[str, Sequence[str]]:
        return {"staff.question": ("sms", "email"), "order.ready": ("sms", "email", "chat")}


class FakePeople:
    """Knows one person."""

    async def held(self, address: str) -> Held:
        return Held(
            [],
            [Word(1_795_515_300_000, "sms", True, "customer", "STOP")],
            [StrayReply(1_795_515_300_000, "twilio", "hello")],
        )

    async def forget(self, address: str, *, actor: str, dry_run: bool = False) -> Removed:
        return Removed(orders=1, events=2)


class FakeReceipts:
    def __init__(self) -> None:
        self.applied: list[tuple[str, Inbound]] = []
        self.asked: list[InboundRequest] = []

    async def receive(self, channel: str, request: InboundRequest) -> Inbound:
        if channel != "twilio":
            raise NotFound(f"no channel {channel!r} is in use here")
        self.asked.append(request)
        if request.headers.get("x-signature") != "good":
            raise Refused("the signature does not hold")
        if request.method == "GET":
            return Inbound(answer=dict(request.query)["hub.challenge"].encode())
        return Inbound(answer=b"<Response/>", content_type="application/xml")

    async def apply_inbound(self, channel: str, inbound: Inbound) -> None:
        self.applied.append((channel, inbound))


class FakeSource(msgspec.Struct):
    name: str = "webshop"
    kind: str = "woocommerce"
    title: str = "WooCommerce"
    missing: list[str] = []
    poll: float | None = 60.0
    last_success: int | None = 1_795_515_300_000
    problem: str = ""
    cursor: int | None = None


class FakeTried(msgspec.Struct):
    events: list[Posted] = []
    known: list[str] = []
    unread: list[str] = []
    fetch: list[str] = []
    note: str = ""


class FakeIntake:
    """A source `webshop` whose body is our own event, and that understands nothing else."""

    def __init__(self) -> None:
        self.kept: list[tuple[InboundHook, str]] = []

    async def receive(self, hook: InboundHook) -> HookResult:
        if hook.source != "webshop":
            raise NotFound(f"no source {hook.source!r} is configured")
        if hook.headers.get("x-signature") != "good":
            raise Refused("the signature does not hold")
        try:
            event = msgspec.json.decode(hook.body, type=Event)
        except msgspec.DecodeError as error:
            return HookResult(answer=b"{}", quarantine=str(error))
        return HookResult(events=[Posted("webshop", event, hook.body, hook.now)], answer=b'{"ok":true}')

    async def quarantine(self, hook: InboundHook, reason: str) -> None:
        self.kept.append((hook, reason))

    def sources(self) -> Sequence[FakeSource]:
        return [FakeSource()]

    async def try_out(self, source: str, body: bytes, headers: Mapping[str, str]) -> FakeTried:
        if source != "webshop":
            raise NotFound(f"no source {source!r} is configured")
        try:
            event = msgspec.json.decode(body, type=Event)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ValueError(str(error)) from error
        return FakeTried(events=[Posted("webshop", event, body, 1_795_515_300_000)])

    async def reread(self, kept: Kept, *, actor: str) -> str:
        return "order.ref is missing"


class FakeServices(Services):
    """Services on a fake clock, with a token for each scope."""

    box: FakeBox
    dispatch: FakeDispatch
    planning: FakePlanning
    receipts: FakeReceipts
    intake: FakeIntake
    clock: FakeClock


def make_services(settings: Settings | None = None, clock: FakeClock | None = None) -> FakeServices:
    clock = clock or FakeClock()
    box = FakeBox(clock)
    services = FakeServices(
        settings=settings or Settings(),
        box=box,  # type: ignore[arg-type]
        planning=FakePlanning(),
        preview=FakePreview(),
        dispatch=FakeDispatch(),
        receipts=FakeReceipts(),
        intake=FakeIntake(),
        clock=clock,
        rng=random.Random(1),
        version="1.2.3",
        people=FakePeople(),
    )
    box.tokens.add("till-2", "events")
    box.tokens.add("screen", "read")
    box.tokens.add("desk", "staff")
    box.tokens.add("owner", "admin")
    return services
