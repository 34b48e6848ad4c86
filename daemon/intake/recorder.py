"""Puts what a source shows on record: each order against what was told of it before, one body at a time for each order.

So poller and webhook can't tell the same thing twice, and what is told again after a crash is known. Who hears of it the planner
decides; what is history (`diff`) is taken with nobody told.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from daemon.intake.base import DELETED, Heard, Reading, Snapshot, Source, Unreadable
from daemon.intake.details import details_of
from daemon.intake.diff import Known, News, Sighting, capped, diff, not_again
from daemon.intake.door import Door
from daemon.intake.events import dated, fitting, posted_heard, posted_news
from daemon.intake.keyed_locks import KeyedLocks
from daemon.intake.says_again import (
    Said,
    as_end_of_draft,
    before_later_step,
    ends_draft,
    ends_draft_again,
    less_said_before,
)
from outbox import Outbox, StoredEvent
from outbox.clock import Clock
from outbox.model import Customer, Event, Order, OrderFields, Plan, Posted
from outbox.orders import to_ms

DAY_MS = 86_400_000
REMEMBERED_MS = 30 * DAY_MS
"""An order older than this, or than what is kept (`retention`), of which nothing is known is history: what was told of it may be gone."""
LATE_MS = DAY_MS
"""How late a webhook may come and still be news: shops try for hours, and queue."""
UNSURE_MS = DAY_MS
"""By so much a mapped source may date what happens just now too early, in a zone of its own."""
LONG_ID = 8
"""Digits that a record's id must have to be looked for at orders that others named: shorter ones are not unique among shops."""


class Recorded(msgspec.Struct, frozen=True):
    """What became of a reading. `unread`: what could not be understood, each with its place; `news`: the refs of the orders of
    which there was some."""

    unread: tuple[str, ...] = ()
    news: tuple[str, ...] = ()


class Recorder:
    """Turns readings into events that are taken. All calls return after the commit."""

    def __init__(
        self, box: Outbox, door: Door, clock: Clock, *, retention: float, clock_trusted: Callable[[], bool]
    ) -> None:
        self._kept_ms = round(retention * 1000)
        self._box = box
        self._door = door
        self._clock = clock
        self._trusted = clock_trusted
        self._locks = KeyedLocks()
        self._since: dict[str, float] = {}
        """Monotonic: since when the sources are there of which it is not noted yet."""

    async def tell(
        self, source: Source, reading: Reading, *, asked: int | None = None, came: int | None = None
    ) -> Recorded:
        """Take what is new. `asked`: when (ms) the source was asked for it; None: it came by a webhook, which says that something
        happened just then: now, or when it `came` (ms) and was kept. Raises OutboxError when nothing can be taken at present."""
        unread, refs = list(reading.unread), []
        async with self._locks.of((source.name, snapshot.id) for snapshot in reading.snapshots):
            batch: dict[str, list[tuple[Posted, bool]]] = {}
            for snapshot in reading.snapshots:
                if snapshot.id in batch:
                    await self._take(batch)
                try:
                    news = await self.news(source, snapshot, asked=asked, came=came)
                    batch[snapshot.id] = [(self._posted(source, one), one.history) for one in news]
                    refs += [one.event.order.ref for one in news if not one.history]
                except Unreadable as error:
                    unread.append(f"order {snapshot.id}: {error}")
            await self._take(batch)
        more = await self.heard(source, reading.events, asked=asked, came=came)
        return Recorded((*unread, *more), tuple(dict.fromkeys(refs)))

    async def _take(self, batch: dict[str, list[tuple[Posted, bool]]]) -> None:
        told = [one for several in batch.values() for one in several]
        batch.clear()
        await self._door.accept_told([posted for posted, history in told if history], self._silently)
        await self._door.accept_told([posted for posted, history in told if not history])

    def _silently(self, posted: Posted, before: Order | None, after: Order) -> Plan:
        """The plan of history: nobody is told, and what it makes pointless is not sent any more."""
        plan = self._door.plan(posted, before, after)
        return Plan(drops=plan.drops, moved=plan.moved)

    def _posted(self, source: Source, news: News) -> Posted:
        return posted_news(source.name, news, now=self._clock.now())

    # ------------------------------------------------------------ orders as a shop shows them

    async def news(
        self, source: Source, snapshot: Snapshot, *, asked: int | None, came: int | None = None
    ) -> list[News]:
        """What of it is new. Raises Unreadable for a part of an order that nobody has named, and for where an order stands of which nobody
        has told: it would be told to no customer, and known when the order itself says whose it is."""
        now = self._clock.now()
        snapshot = fitting(msgspec.structs.replace(snapshot, order=source.named_here(snapshot.order)))
        snapshot = capped(snapshot, now)
        told = [_known(one) for one in await self._box.replay.told(source.name, snapshot.id)]
        if asked is not None and not told and to_ms(snapshot.updated) < now - self._kept_ms:
            return []  # it was kept, and went when it was due: a shop shows the same for years
        if not snapshot.order.ref and not told:
            if all(fact.type == DELETED for fact in snapshot.facts):
                return []
            snapshot = await self.named(source, snapshot)
        if not told and await self._is_part_of_nothing(snapshot):
            raise Unreadable(f"nobody has told of order {snapshot.order.ref} yet: the order's own webhook says it too")
        horizon = max(await self.born(source.name), now - min(REMEMBERED_MS, self._kept_ms))
        if asked is None:
            late = min(horizon, to_ms(snapshot.updated) - LATE_MS)
            came = None if source.dates_edits else now if came is None else came
            sighting = Sighting(horizon=late, moved=True, came=came, long_ago=now - REMEMBERED_MS)
        else:
            sighting = Sighting(horizon=horizon, asked=asked)
        news = diff(snapshot, told, sighting)
        if not news or not told:
            return news
        others = [one for one in await self._box.views.events_of_order(told[-1].ref) if one.source != source.name]
        return not_again(news, told, [_known(one, marked=False) for one in others])

    async def _is_part_of_nothing(self, snapshot: Snapshot) -> bool:
        if snapshot.customer is not None or not any(fact.state for fact in snapshot.facts):
            return False
        return not await self._box.views.orders_by_ref([snapshot.order.ref])

    async def born(self, name: str) -> int:
        """When (ms) this source was first there: what happened before is history. It is noted once the clock is set, and anew where a clock
        that was ahead noted a moment that has not come yet."""
        key = f"source.{name}.born"
        kept = await self._box.notes.moment(key)
        if kept is not None and kept <= self._clock.now():
            return kept
        monotonic = self._clock.monotonic()
        born = self._clock.now() - round((monotonic - self._since.setdefault(name, monotonic)) * 1000)
        if self._trusted():
            await self._box.notes.set(key, str(born))
        return born

    async def named(self, source: Source, snapshot: Snapshot) -> Snapshot:
        """The same with its order's ref, found by the id. Raises Unreadable."""
        ref = await self._box.aliases.get(source.name, snapshot.id)
        if ref is None and len(snapshot.id) >= LONG_ID:
            ref = await self._box.views.ref_of(snapshot.id)
        if ref is None:
            raise Unreadable("it does not say the order's number, and no order is known by that id")
        return msgspec.structs.replace(snapshot, order=msgspec.structs.replace(snapshot.order, ref=ref))

    # ------------------------------------------------------------ events as they are

    async def heard(
        self, source: Source, events: Sequence[Heard], *, asked: int | None = None, came: int | None = None
    ) -> Sequence[str]:
        """Take events, their orders' names found; what could not be taken. History is the end of what was never placed, and what a source
        that was asked dates before it was there. What was kept and names no time happened when it came. Raises OutboxError as `tell` does."""
        only_new = asked is not None or came is not None
        if only_new:
            events = [one for one in events if not await self._is_known(source, one.event)]
        born = 0 if asked is None else await self.born(source.name)
        told: dict[str, list[Said]] = {}
        posted: list[Posted] = []
        old: list[Posted] = []
        unread = []
        for one in events:
            unsure = 0 if one.by_day else UNSURE_MS
            history = one.event.occurred_at is not None and to_ms(one.event.occurred_at) < born - unsure
            try:
                named = await self._with_ref(source, dated(one, now=self._clock.now(), came=came))
                less = await self.less_said(source, named, told)
                if less is None or (only_new and less.draft and await self._is_known(source, less.event)):
                    continue
                history = history or less.draft
                (old if history else posted).append(
                    posted_heard(source.name, less, now=self._clock.now(), history=history)
                )
            except Unreadable as error:
                unread.append(f"event {one.event.id}: {error}")
        await self._door.accept_told(old, self._silently)
        await self._door.accept_told(posted)
        return unread

    async def _is_known(self, source: Source, event: Event) -> bool:
        return bool(await self._box.views.events(event.id, source=source.name))

    async def less_said(self, source: Source, heard: Heard, told: dict[str, list[Said]]) -> Heard | None:
        """Without what is said again or what others outdid; a draft only where it is the end of one. None: all of it is. `told`: by order, what was
        said so far, those of these events that are not on record yet among it."""
        event = heard.event
        if event.order.ref not in told:
            told[event.order.ref] = [_said(one) for one in await self._box.views.events_of_order(event.order.ref)]
        earlier = told[event.order.ref]
        if heard.draft and ends_draft_again(event, source.name, earlier):
            return None
        if is_draft := heard.draft and ends_draft(event, source.name, earlier):
            event = as_end_of_draft(event)
        if heard.by_day:
            event = before_later_step(event, source.name, earlier)
        less = less_said_before(event, source.name, earlier)
        now = self._clock.now()
        at = now if less.occurred_at is None else min(to_ms(less.occurred_at), now)
        earlier.append(Said(source.name, less.id, less.type, details_of(less.order, less.customer), at))
        return msgspec.structs.replace(heard, event=less, draft=is_draft)

    async def _with_ref(self, source: Source, heard: Heard) -> Heard:
        """An order that has no name here but its `source_id`, or one that nobody knows, is the one known by the same `source_id`."""
        order = source.named_here(heard.event.order)
        if order.source_id is None:
            return _renamed(heard, order)
        known = await self._box.aliases.get(source.name, order.source_id)
        ref = order.ref
        is_named = ref.removeprefix(source.settings.ref_add) not in ("", order.source_id)
        if known is not None and known != ref and not (is_named and await self._box.views.orders_by_ref([ref])):
            ref = known
        if not ref:
            raise Unreadable(f"order.ref is missing, and no order is known by the id {order.source_id!r}")
        if known != ref:
            await self._box.aliases.set(source.name, order.source_id, ref)
        return _renamed(heard, msgspec.structs.replace(order, ref=ref))


def _renamed(heard: Heard, order: OrderFields) -> Heard:
    return msgspec.structs.replace(heard, event=msgspec.structs.replace(heard.event, order=order))


class _Marks(msgspec.Struct):
    """What only the source needs to know again of an event it told."""

    order: OrderFields
    customer: Customer | None = None
    as_of: Any = None
    seen: Any = None


def _known(stored: StoredEvent, *, marked: bool = True) -> Known:
    """`marked`: the source told it by itself. What others keep with an event by the same names is theirs, and may be anything."""
    marks = msgspec.json.decode(stored.raw, type=_Marks) if stored.raw else None
    return Known(
        stored.id,
        stored.type,
        stored.order_ref,
        _moment(marks.as_of) if marks and marked else None,
        _moment(marks.seen) if marks and marked else None,
        stored.received_at,
        details_of(marks.order, marks.customer) if marks else {},
        forgotten=marks is None,
        at=_happened_at(stored),
    )


def _moment(mark: Any) -> int | None:
    return mark if type(mark) is int else None


def _said(stored: StoredEvent) -> Said:
    event = msgspec.json.decode(stored.raw, type=Event) if stored.raw else None
    details = details_of(event.order, event.customer) if event else {}
    return Said(stored.source, stored.id, stored.type, details, _happened_at(stored))


def _happened_at(stored: StoredEvent) -> int:
    return stored.received_at if stored.occurred_at is None else min(stored.occurred_at, stored.received_at)
