"""What the HTTP face shows: reads over what is on record, paged, never in the way of the writer."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from outbox.audit import AuditRow, audit_row
from outbox.chain import Change, change
from outbox.model import Attempt, Message, Order, State
from outbox.order_people import ORDERS_OF, key_of
from outbox.orders import to_ms
from outbox.pages import Page, cursor_of, place_of
from outbox.queries import Queries
from outbox.replies import Replies, ReplyRow
from outbox.rows import decode_attempts, decode_event, decode_messages, decode_order, decode_rendered, encode
from outbox.store import Store

_SQL = Queries("views.sql")
_AUDIT = Queries("audit.sql")

_NEWEST = 2**62
_STORY_REPLIES = 200
COUNTED_AT_ONCE = 0.02
"""Seconds: counting what is over is done anew each time while it takes no longer."""


class StoredEvent(msgspec.Struct, frozen=True):
    """An event as it was taken, with its own JSON (empty once forgotten)."""

    seq: int
    source: str
    id: str
    type: str
    order_ref: str
    received_at: int
    occurred_at: int | None
    actor: str
    raw: bytes


class Story(msgspec.Struct, frozen=True):
    """All that is on record of one order."""

    order: Order
    events: Sequence[StoredEvent]
    messages: Sequence[Message]
    attempts: Sequence[Attempt]
    replies: Sequence[ReplyRow]
    acts: Sequence[AuditRow]
    """What people did: hold, release, retry, cancel, call."""


class Sent(msgspec.Struct, frozen=True):
    """What one channel sent: how many attempts were taken or may have been, and when (ms) one last was taken."""

    count: int
    last_taken_at: int | None


class Figures(msgspec.Struct, frozen=True):
    """Counts for the header's glance and for /metrics."""

    events: int
    messages: Mapping[State, int]
    waiting_by_channel: Mapping[str, int]
    attempts: Mapping[tuple[str, str], int]
    """By (channel, outcome)."""
    unread_replies: int
    oldest_due_at: int | None
    database_bytes: int


class _Past(msgspec.Struct, frozen=True):
    """Counts of what is over."""

    events: int
    messages: Mapping[State, int]
    attempts: Mapping[tuple[str, str], int]


class LeftText(msgspec.Struct, frozen=True):
    """A text message that left."""

    channel: str
    address: str
    at: int
    text: str
    """"" where it was forgotten."""
    units: int
    """What it took of its channel's limits."""


class Views:
    """`box.views`. Cursors are opaque; a foreign one raises ValueError."""

    def __init__(self, store: Store, replies: Replies) -> None:
        self._store = store
        self._replies = replies
        self._last_past: _Past
        self._past_until = float("-inf")

    # ------------------------------------------------------------ events and orders

    async def events(self, event_id: str, *, source: str | None = None) -> Sequence[StoredEvent]:
        """The events of that id, of one source or of all."""
        found = await self._store.rows(_SQL["events"], id=event_id, source=source)
        return [self._store.decoded(stored_event, row) for row in found]

    async def orders(
        self,
        *,
        statuses: Sequence[str] = (),
        any_but: Sequence[str] = (),
        search: str | None = None,
        since: int | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[Order]:
        """The newest change first. `statuses`: only those; `any_but`: and those of any status but these. `search`: part of a ref, or of a customer's name; `since`: changed at or after it (ms)."""
        (below,) = place_of(cursor, (_NEWEST,))
        found = await self._store.rows(
            _SQL["orders"],
            below=below,
            statuses=encode(statuses).decode() if statuses else None,
            any_but=encode(any_but).decode() if any_but else None,
            search=None if search is None else search.casefold(),
            since=since,
            limit=limit + 1,
        )
        return Page(
            [self._store.decoded(decode_order, body) for _, body in found[:limit]],
            cursor_of(found[limit - 1][0]) if len(found) > limit else None,
        )

    async def orders_by_ref(self, refs: Sequence[str]) -> Sequence[Order]:
        """Those of these refs that are known."""
        found = await self._store.rows(_SQL["orders_by_ref"], refs=encode(refs).decode())
        return [self._store.decoded(decode_order, body) for (body,) in found]

    async def ref_of(self, source_id: str) -> str | None:
        """The ref of the one order that anybody has named by that id, among the newest few thousand; None where several bear it."""
        found: str | None = await self._store.value(_SQL["ref_of"], source_id=source_id)
        return found

    async def events_of_order(self, ref: str) -> Sequence[StoredEvent]:
        """An order's events in the order in which they came."""
        found = await self._store.rows(_SQL["events_of_order"], ref=ref)
        return [self._store.decoded(stored_event, row) for row in found]

    async def told(self, refs: Sequence[str]) -> Mapping[str, Message]:
        """By order: the newest message to the customer whose trigger is the order's status."""
        found = await self._messages("told", refs=encode(refs).decode())
        return {message.order_ref: message for message in found}

    async def story(self, ref: str) -> Story | None:
        """All of one order; None: no event named it."""
        orders = await self.orders_by_ref([ref])
        if not orders:
            return None
        messages = await self._messages("messages_of_order", ref=ref)
        acts = await self._store.rows(_AUDIT["acts"], order_ref=ref)
        return Story(
            order=orders[0],
            events=await self.events_of_order(ref),
            messages=messages,
            attempts=await self.attempts([message.id for message in messages]),
            replies=(await self._replies.list(order_ref=ref, limit=_STORY_REPLIES)).items,
            acts=[self._store.decoded(audit_row, row) for row in acts],
        )

    # ------------------------------------------------------------ messages

    async def messages(
        self,
        *,
        states: Sequence[State] = (),
        channel: str | None = None,
        order_ref: str | None = None,
        recipient: str | None = None,
        since: int | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[Message]:
        """The newest first. `recipient`: who (`customer`, `team`), or an address; `since`: created at or after it (ms)."""
        (below,) = place_of(cursor, (_NEWEST,))
        exceptional = bool(states) and set(states) <= _EXCEPTIONAL
        name = "messages_of_order_page" if order_ref is not None else "exceptional" if exceptional else "messages"
        found = await self._messages(
            name,
            below=below,
            states=encode(states).decode() if states else None,
            channel=channel,
            ref=order_ref,
            recipient=recipient,
            since=since,
            limit=limit + 1,
        )
        return Page(found[:limit], cursor_of(found[limit - 1].seq) if len(found) > limit else None)

    async def messages_of_event(self, event_seq: int) -> Sequence[Message]:
        """What an event led to."""
        return await self._messages("messages_of_event", event_seq=event_seq)

    async def messages_by_id(self, ids: Sequence[str]) -> Sequence[Message]:
        """Those of these ids that exist."""
        return await self._messages("messages_by_id", ids=encode(ids).decode())

    async def attempts(self, message_ids: Sequence[str]) -> Sequence[Attempt]:
        """All attempts of these messages, in order."""
        text = await self._store.value(_SQL["attempts"], ids=encode(message_ids).decode())
        return self._store.decoded(_attempts_in, text or "[]")

    async def _messages(self, name: str, **values: object) -> list[Message]:
        text = await self._store.value(_SQL[name], **values)
        return self._store.decoded(_messages_in, text or "[]")

    # ------------------------------------------------------------ figures and changes

    async def figures(self) -> Figures:
        """Counts. What waits, and what staff may look at, is counted now; what is over may be counted a little while ago where there
        is much of it."""
        ready = await self._store.rows(_SQL["count_ready"])
        waiting = Counter({channel: count for channel, count, _ in ready})
        waiting.update(dict(await self._store.rows(_SQL["count_blocked"])))
        sending, unread, size = await self._store.row(_SQL["count_present"])
        exceptional = {State(state): n for state, n in await self._store.rows(_SQL["count_exceptional"])}
        past = await self._past()
        present = {State.QUEUED: waiting.total(), State.SENDING: sending}
        return Figures(
            events=past.events,
            messages={state: n for state, n in {**present, **exceptional, **past.messages}.items() if n},
            waiting_by_channel=dict(waiting),
            attempts=past.attempts,
            unread_replies=unread,
            oldest_due_at=min((due_at for _, _, due_at in ready), default=None),
            database_bytes=size,
        )

    async def count_failed(self, since: int, *, own_words: str) -> int:
        """How many messages made at or after that moment (ms) failed, and whose recipient was not told the same since. `own_words`: the
        trigger of what people write themselves."""
        found: int = await self._store.value(_SQL["count_failed"], since=since, own_words=own_words)
        return found

    async def _past(self) -> "_Past":
        """Counting what is over reads all of it: it may take one part in a hundred of the time, no more."""
        began = self._store.clock.monotonic()
        if began >= self._past_until:
            events, sent, delivered, superseded = await self._store.row(_SQL["count_past"])
            counts = {State.SENT: int(sent), State.DELIVERED: int(delivered), State.SUPERSEDED: int(superseded)}
            attempts = await self._store.rows(_SQL["count_attempts"])
            self._last_past = _Past(events, counts, {(channel, outcome): n for channel, outcome, n in attempts})
            took = self._store.clock.monotonic() - began
            self._past_until = began if took < COUNTED_AT_ONCE else began + took * 100
        return self._last_past

    async def sent_since(self, since: int) -> Mapping[str, Sent]:
        """By channel, what was sent since that moment (ms)."""
        return {channel: Sent(*rest) for channel, *rest in await self._store.rows(_SQL["sent_since"], since=since)}

    async def texts_since(self, since: int, channels: Collection[str]) -> Sequence[LeftText]:
        """The text messages that these channels took (or may have taken) since that moment (ms), in order."""
        rows = await self._store.rows(_SQL["texts_since"], since=since, channels=encode(list(channels)).decode())
        return [self._store.decoded(_left_text, row) for row in rows]

    async def is_new(self, address: str, *, before: int) -> bool:
        """Whether no order of that address is older than that moment (ms)."""
        found = await self._store.rows(ORDERS_OF, digest=key_of(self._store.digester(address)))
        orders = encode([order for (order,) in found]).decode()
        return not await self._store.value(_SQL["any_older"], orders=orders, before=before)

    async def changes(self, since: int, *, limit: int) -> Sequence[Change]:
        """What changed after that number, in order: from the audit, so nothing is missing. At most `limit` entries are looked
        at; ask again from the last until nothing comes."""
        found: list[Change] = []
        while not found:
            rows = await self._store.rows(_AUDIT["since"], since=since, limit=limit)
            found = [one for row in rows if (one := self._store.decoded(_change, row)) is not None]
            if not rows:
                break
            since = rows[-1][0]
        return found

    async def epoch(self) -> str:
        """The history that the numbers of changes belong to: another one after a restore, and in another database."""
        found: str | None = await self._store.value(_AUDIT["epoch"])
        return found or ""

    async def newest(self) -> int:
        """The number of the newest change."""
        found: int = await self._store.value(_AUDIT["newest"])
        return found


_EXCEPTIONAL = frozenset({State.FAILED, State.EXPIRED, State.SUPPRESSED, State.CANCELLED, State.HELD, State.UNKNOWN})
"""States for whose messages there is an index of their own (`message_exceptional`)."""


def stored_event(row: tuple[int, str, str, str, str, int, str, bytes]) -> StoredEvent:
    seq, source, id, type_, order_ref, received_at, actor, raw = row
    moment = decode_event(raw).occurred_at if raw else None
    return StoredEvent(
        seq, source, id, type_, order_ref, received_at, None if moment is None else to_ms(moment), actor, raw
    )


def _attempts_in(text: str) -> list[Attempt]:
    return [row.attempt() for row in decode_attempts(text)]


def _messages_in(text: str) -> list[Message]:
    return [row.message() for row in decode_messages(text)]


def _change(row: tuple[int, str, str, str, str]) -> Change | None:
    return change(*row)


def _left_text(row: tuple[str, str, int, str | None, int]) -> LeftText:
    channel, address, at, sent, units = row
    return LeftText(channel, address, at, decode_rendered(sent).text if sent else "", units)
