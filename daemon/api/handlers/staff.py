"""What staff do at an order, as events of source `counter` and the plans that follow from them. Pure.

A person's act is an event like any other: on record, taken once by its id. What differs is the plan: it waits out the grace
period, tells nobody when that is asked for, or carries the person's own words.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from daemon.api.plumbing.present import decoded
from daemon.wire.event_types import EVENT_TYPES
from daemon.wire.requests.orders import ManualMessage, StatusChange
from daemon.wire.values import encode
from outbox import StoredEvent, Story
from outbox.model import Customer, Event, Order, OrderFields, Plan, PlannedMessage, Planner, Posted, State
from outbox.orders import SECOND_MS, moves_status, project, to_ms
from outbox.reasons import Reason

SOURCE = "counter"
MESSAGE = "staff.message"
"""The type of the event that a message by hand becomes."""

CONTACT = "staff.contact"
"""Another address of the customer, or another way to reach them."""
TOLD = "staff.told"
"""Staff told the customer themselves."""
UNTOLD = "staff.untold"
"""They had not, after all."""

DELETED = "order.deleted"

BACK = "undo-"
"""What the id of an event begins with that takes a step back; the undone one's follows."""

SILENT = Reason("staff chose not to tell", "silent")
UNSENT = frozenset({State.QUEUED, State.HELD})
STATUSES = tuple(sorted(kind for kind in EVENT_TYPES if kind.startswith("order.")))


Hearers = frozenset[tuple[str, str]]
"""(recipient, template) of messages; own words ("") stand for any."""


def status_event(ref: str, wish: StatusChange | Mapping[str, Any], event_id: str) -> Event:
    """The event of a status set by hand. It holds no time: a repeat of the same wish is the same event."""
    change = wish if isinstance(wish, StatusChange) else msgspec.convert(wish, StatusChange)
    by_hand: dict[str, Any] = {
        name: value
        for name, value in (
            ("silent", change.silent),
            ("note", change.note),
            ("text", change.text),
            ("grace", change.grace),
        )
        if value not in (None, False)
    }
    return Event(
        id=event_id,
        type=change.status,
        order=OrderFields(ref=ref, promised_at=change.promised_at),
        data=_data(change.data, by_hand),
    )


def message_event(ref: str, wish: ManualMessage, event_id: str) -> Event:
    """The event of a message by hand."""
    by_hand = {
        name: value
        for name, value in msgspec.structs.asdict(wish).items()
        if name in ("template", "text", "subject", "to", "via", "urgent", "grace") and value not in (None, False)
    }
    return Event(id=event_id, type=MESSAGE, order=OrderFields(ref=ref), data=_data(wish.data, by_hand))


class Said(msgspec.Struct, frozen=True):
    """What news said that its text needs beyond the order: its data, and, of a delay that told a new time, the time that holds now."""

    data: Mapping[str, Any] | None = None
    promised_at: datetime | None = None


def contact_event(ref: str, event_id: str, customer: Customer | None, said: Said) -> Event:
    order = OrderFields(ref=ref, promised_at=said.promised_at)
    return Event(id=event_id, type=CONTACT, order=order, customer=customer, data=_data(said.data, {}))


def told_event(ref: str, event_id: str, how: str, note: str) -> Event:
    by_hand = {"how": how} | ({"note": note} if note else {})
    return Event(id=event_id, type=TOLD, order=OrderFields(ref=ref), data=_data(None, by_hand))


def untold_event(ref: str, told_id: str, said: Said) -> Event:
    order = OrderFields(ref=ref, promised_at=said.promised_at)
    return Event(id=f"{BACK}{told_id}"[:200], type=UNTOLD, order=order, data=_data(said.data, {}))


def deletion(ref: str, undone_id: str) -> Event:
    """An order whose taking is undone."""
    return Event(id=f"{BACK}{undone_id}"[:200], type=DELETED, order=OrderFields(ref=ref))


def _data(given: Mapping[str, Any] | None, by_hand: Mapping[str, Any]) -> dict[str, Any] | None:
    data = dict(given or {})
    if by_hand:
        data["by_hand"] = dict(by_hand)
    return data or None


def posted(event: Event, *, now: int, actor: str, begins: bool = False, plain: bool = False) -> Posted:
    return Posted(SOURCE, event, encode(event), now, actor, begins=begins, plain=plain)


def grace_of(stored: StoredEvent, default: float) -> float:
    """The seconds that event could be undone in."""
    told = msgspec.json.decode(stored.raw) if stored.raw else {}
    given = _by_hand(told.get("data")).get("grace")
    return float(given) if isinstance(given, int | float) else default


def _by_hand(data: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What the calls of staff put there; a client's own word of that name is none of it."""
    found = (data or {}).get("by_hand")
    return found if isinstance(found, dict) else {}


# ---------------------------------------------------------------- plans


def with_grace(plan: Planner, seconds: float) -> Planner:
    """The same plan, with nothing leaving before the grace period is over."""

    def later(event: Posted, before: Order | None, after: Order) -> Plan:
        planned = plan(event, before, after)
        earliest = event.received_at + round(seconds * 1000)
        return _changed(planned, lambda each: _replace(each, due_at=max(each.due_at, earliest)))

    return later


def silently(plan: Planner) -> Planner:
    """The same plan with nobody told: its messages are on record as suppressed, and older news that still waits is dropped."""

    def quiet(event: Posted, before: Order | None, after: Order) -> Plan:
        planned = plan(event, before, after)
        silenced = _changed(planned, lambda each: _replace(each, state=State.SUPPRESSED, reason=SILENT))
        stale = tuple(status for status in STATUSES if status != event.event.type)
        return Plan(silenced.messages, (*planned.drops, *stale), moved=planned.moved)

    return quiet


def in_own_words(plan: Planner, text: str) -> Planner:
    """The same plan, with the customer told by staff's own words."""

    def worded(event: Posted, before: Order | None, after: Order) -> Plan:
        planned = plan(event, before, after)
        return _changed(
            planned, lambda each: _replace(each, text=text, template="") if each.audience == "customer" else each
        )

    return worded


def only_for(plan: Planner, hear: Hearers) -> Planner:
    """The same plan for these recipients, and of what they are told by each of its texts, only."""

    def fewer(event: Posted, before: Order | None, after: Order) -> Plan:
        planned = plan(event, before, after)
        kept = [each for each in planned.messages if hear & {(each.recipient, each.template), (each.recipient, "")}]
        return Plan(kept, planned.drops, moved=planned.moved)

    return fewer


def _changed(plan: Plan, change: Any) -> Plan:
    return Plan([change(each) for each in plan.messages], plan.drops, moved=plan.moved)


def _replace(message: PlannedMessage, **changes: Any) -> PlannedMessage:
    return msgspec.structs.replace(message, **changes)


# ---------------------------------------------------------------- undoing


def promised_before(story: Story, undone: StoredEvent) -> datetime | None:
    """The promised time that an undone step took the place of; None: it set none that stands."""
    order: Order | None = None
    own: datetime | None = None
    for each in story.events:
        event = decoded(each)
        if event is None:
            continue
        told = Posted(each.source, event, each.raw, each.received_at, each.actor)
        if each.seq == undone.seq:
            own = event.order.promised_at
        elif each.source != SOURCE or each.type not in (CONTACT, UNTOLD):  # they repeat a time and give none
            order = project(order, told)
    if own is None or order is None or order.promised_at is None or to_ms(own) != story.order.promised_at:
        return None
    return datetime.fromtimestamp(order.promised_at / 1000, UTC)


def said_too(story: Story, undone: StoredEvent) -> str | None:
    """Another source that has said the same since, of which nobody is told by it: what staff told counts for both."""
    since = (each for each in story.events if each.seq > undone.seq and each.source != SOURCE)
    return next((each.source for each in since if each.type == undone.type), None)


class Return(msgspec.Struct, frozen=True):
    """Where an undone status goes back to, what had led there, and who had not heard of that status yet when it was replaced: by which text,
    since one status may be told at once and again before the promised time."""

    status: str
    earlier: StoredEvent
    unheard: Hearers
    plain: bool
    """Whether they were to be told without sentences of its sender's own."""


def step_back(story: Story, undone: StoredEvent, back: Return) -> StatusChange:
    """The earlier status once more, with all that its text needs: what was said with it, staff's own words, and the time that holds then."""
    event, promised = decoded(back.earlier), promised_before(story, undone)
    data = dict(event.data or {}) if event else {}
    text = _by_hand(data).get("text") if back.earlier.source == SOURCE else None
    data.pop("by_hand", None)
    if promised is None and event and event.order.promised_at and story.order.promised_at:
        promised = datetime.fromtimestamp(story.order.promised_at / 1000, UTC)
    return StatusChange(back.status, promised_at=promised, data=data or None, text=text)


def told_by(story: Story, event: StoredEvent) -> frozenset[int]:
    """The numbers of the events that told the news of that step: its own, and what told it again when a later step was undone."""
    again = (
        each.seq
        for each in story.events
        if each.seq > event.seq and (each.source, each.type) == (SOURCE, event.type) and each.id.startswith(BACK)
    )
    return frozenset((event.seq, *again))


def left_of(stored: StoredEvent, default: float, now: int) -> float:
    """The seconds in which that event can be undone still; 0 for what staff did not do."""
    if stored.source != SOURCE or not stored.raw:
        return 0.0
    return max(0.0, (stored.received_at - now) / 1000 + grace_of(stored, default))


def began(story: Story, event: StoredEvent) -> bool:
    """Whether the order came to be by it, and still stands where it put it."""
    first = all(each.seq >= event.seq for each in story.events)
    return first and moves_status(event.type) and story.order.status == event.type


def way_back(story: Story, undone: StoredEvent) -> Return | None:
    """What undoing a status leads back to; None: it is not the order's present status any more, or there was none before."""
    if not moves_status(undone.type) or story.order.status != undone.type:
        return None
    own = (each for each in story.events if not story.order.is_past(each.seq))
    earlier = [each for each in own if each.seq < undone.seq and moves_status(each.type)]
    if not earlier:
        return None
    last = max(earlier, key=_happened)
    replaced = [
        each
        for each in story.messages
        if each.trigger == last.type and each.state is State.SUPERSEDED and each.updated_at >= undone.received_at
    ]
    unheard = frozenset((each.recipient, each.template) for each in replaced)
    return Return(last.type, last, unheard, any(each.policy.plain for each in replaced))


def _happened(event: StoredEvent) -> tuple[int, int]:
    """As the projection counts it (`outbox.orders`)."""
    at = event.received_at if event.occurred_at is None else min(event.occurred_at, event.received_at)
    return at // SECOND_MS, event.seq
