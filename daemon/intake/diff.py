"""An order as it is now against what its source has told of it already: the events that are new. Pure.

What was told is read back from the outbox by the events' ids, which begin with the shop's own id of the order. So poller and webhook,
in whatever order and however often, come to the same events, and a crash between reading and keeping changes nothing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from daemon.amounts import decimal_of
from daemon.intake.base import CHANGED, DELETED, PLACED, REOPENED, Fact, Snapshot
from daemon.intake.details import ADDRESSES, Details, details_of, differing, is_outdone, without
from daemon.intake.money import rounded
from outbox.model import Event
from outbox.orders import QUESTIONS, moves_status, rank, to_ms

REFUND = "refund.issued"
CONFIRMED = "order.confirmed"
DELAYED = "order.delayed"
UNPAID = "payment.failed"
_TELL_THE_TIME = frozenset({PLACED, CONFIRMED, DELAYED})
"""Of these the customer hears with the time that is promised."""
_NOT_PLACED = frozenset({UNPAID, "order.cancelled", DELETED, REOPENED})
"""Where an order may stand by what was told of it that is not placed yet: a draft, and what became of it."""
_TO_CONFIRM = QUESTIONS | {PLACED}
"""Where it may stand before it was ever confirmed."""
_ENDS = frozenset({"order.completed", "order.cancelled", DELETED})


class Known(msgspec.Struct, frozen=True):
    """An event that this source, or another, has told of this order."""

    id: str
    type: str
    ref: str
    as_of: int | None = None
    """Of a state: the moment (ms) of the snapshot it was read from."""
    seen: int | None = None
    """That moment, whatever it told."""
    received_at: int = 0
    details: Details = {}
    forgotten: bool = False
    """What it said is gone: whom it was about was forgotten."""
    at: int = 0
    """When it happened (ms)."""


class News(msgspec.Struct, frozen=True):
    """An event to be taken. `history`: it happened before Tether was there to tell of it, or was told already; nobody is to
    hear of it now."""

    event: Event
    history: bool = False
    as_of: int | None = None
    seen: int | None = None
    odd: tuple[str, ...] = ()


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """How a snapshot came to be seen. What happened before `horizon` (ms) is history.

    `moved`: the shop says that the order changed just now, so where it stands, and a refund without a date, are news even if it was
    never seen before. `asked`: when (ms) the shop was asked, where it was: what it answers is no older than that. `came`: when (ms) it told by
    itself, where it does not date its edits. `long_ago`: an order from before that moment (ms) of which nothing is known ended when nobody knows, though the shop says that it changed just now.
    """

    horizon: int
    moved: bool = False
    asked: int | None = None
    came: int | None = None
    long_ago: int = 0

    @property
    def at(self) -> int | None:
        """When (ms) it was so, whatever the shop dates it; None: who knows."""
        return self.came if self.asked is None else self.asked


def diff(now: Snapshot, known: Sequence[Known], sighting: Sighting) -> list[News]:
    """What is new, in the order in which it is to be told. `known`: oldest first."""
    now = _back(now, known)
    ref = known[-1].ref if known else now.order.ref
    ids = {one.id for one in known}
    is_placed = any(one.type == PLACED for one in known)
    places = not is_placed and any(fact.type == PLACED for fact in now.facts)
    news = []
    for told in now.facts:
        fact = _with_what_it_adds(now, told, known) if told.adds else _as_told(told, known, places=places)
        if fact.usual and places:
            continue
        id = _state_id(now, fact, known, sighting) if fact.state else _once_id(now, fact, known)
        if id is not None and id not in ids:
            ids.add(id)
            news.append(_news(now, fact, id, ref, is_history=_is_history(now, fact, known, sighting)))
    if not news and known and now.order.ref:
        news += _changed(now, known, ref, sighting)
    return news


def not_again(news: Sequence[News], known: Sequence[Known], others: Sequence[Known]) -> list[News]:
    """The same, without what it told before and what does not hold any more. `others`: what other sources, and staff, told of the order."""
    return [msgspec.structs.replace(one, event=_not_again(one.event, known, others)) for one in news]


def _back(now: Snapshot, known: Sequence[Known]) -> Snapshot:
    """The same; what is restored outdoes the deletion, which had no date of the shop's, and no other state."""
    newest = _newest(known)
    if not now.restored or newest is None or newest.type != DELETED or newest.as_of is None:
        return now
    after = datetime.fromtimestamp((newest.as_of + 1) / 1000, UTC)
    return msgspec.structs.replace(now, updated=max(now.updated, after))


def _newest(known: Sequence[Known]) -> Known | None:
    """Where it stands by what was told; of several of one second the one that was told last."""
    states = (one for one in reversed(known) if one.as_of is not None)
    return max(states, key=lambda one: one.as_of or 0, default=None)


def _as_told(fact: Fact, known: Sequence[Known], *, places: bool) -> Fact:
    """Coming back to where it is confirmed, from wherever it stood after that, is no confirmation. Placed after a payment of it had failed,
    or after the draft of it was called off for want of a payment, it is paid otherwise since then. `places`: it is placed now."""
    newest = _newest(known)
    if fact.type == PLACED and newest is not None and newest.type in _NOT_PLACED:
        until = datetime.fromtimestamp((newest.as_of or 0) / 1000, UTC)
        return msgspec.structs.replace(fact, at=max(fact.at or until, until))
    if not places and fact.type == CONFIRMED and any(_was_confirmed(one) for one in known):
        return msgspec.structs.replace(fact, type=REOPENED, usual=True)
    return fact


def _with_what_it_adds(now: Snapshot, fact: Fact, known: Sequence[Known]) -> Fact:
    """It was made dearer since it was told as paid, and is paid again."""
    told = [one for one in known if one.type == fact.type]
    sums = [decimal_of(one.details.get("total", "")) for one in told]
    most, total = max((one for one in sums if one is not None), default=None), decimal_of(now.order.total or "")
    is_later = all(one.seen is not None and to_ms(now.updated) > one.seen for one in told)
    if most is None or None in sums or total is None or total <= most or not is_later:
        return fact
    amount = rounded(total - most, now.order.currency)
    return msgspec.structs.replace(fact, key=str(len(told) + 1), data={**fact.data, "amount": amount})


def _was_confirmed(one: Known) -> bool:
    """Whether it stood there, or at what follows that."""
    return one.as_of is not None and moves_status(one.type) and one.type not in _TO_CONFIRM


def _once_id(now: Snapshot, fact: Fact, known: Sequence[Known]) -> str | None:
    """Refunds are told one by one where the shop lists them, else as one: never both ways. A draft that was placed is none."""
    if fact.draft and any(one.type == PLACED for one in known):
        return None
    if fact.type == REFUND:
        told = [one.id for one in known if one.type == REFUND]
        whole = f"{now.id}:{REFUND}"
        if whole in told or (told and not fact.key):
            return None
    return f"{now.id}:{fact.type}" + (f":{fact.key}" if fact.key else "")


def _state_id(now: Snapshot, fact: Fact, known: Sequence[Known], sighting: Sighting) -> str | None:
    """None: it stands there already, or this snapshot is older than one that was told."""
    states = [one for one in known if one.as_of is not None]
    newest = _newest(known)
    if newest is None:
        if fact.usual or (fact.type == DELETED and not known):
            return None
    else:
        stands = newest.type == CONFIRMED or not moves_status(newest.type) or _is_placed_since(newest, known)
        if newest.type == fact.type or (fact.usual and stands) or not _is_newer(now, fact, newest, known, sighting):
            return None
    times = sum(one.type == fact.type for one in states)
    return f"{now.id}:{fact.type}" + (f":{times + 1}" if times else "")


def _is_placed_since(newest: Known, known: Sequence[Known]) -> bool:
    """Whether it was a draft when it was told where it stands, and was placed after that."""
    return any(one.type == PLACED for one in known[known.index(newest) :]) and newest.type in _NOT_PLACED


def _is_newer(now: Snapshot, fact: Fact, newest: Known, known: Sequence[Known], sighting: Sighting) -> bool:
    as_of, told = to_ms(now.updated), newest.as_of or 0
    if as_of != told:
        return as_of > told or _is_answered_later(as_of, newest, known, sighting)
    return rank(fact.type) > rank(newest.type)


def _is_answered_later(as_of: int, newest: Known, known: Sequence[Known], sighting: Sighting) -> bool:
    """The shop was asked after that was taken, and shows a moment that it never showed: its clock was put back."""
    return (
        sighting.asked is not None and sighting.asked > newest.received_at and all(as_of != one.seen for one in known)
    )


def _is_history(now: Snapshot, fact: Fact, known: Sequence[Known], sighting: Sighting) -> bool:
    if _is_silent(fact, known):
        return True
    created = to_ms(now.created or fact.at or now.updated)
    if fact.type == PLACED and not fact.state:
        return (to_ms(fact.at or now.updated) if known else created) < sighting.horizon
    if sighting.moved and (fact.state or (fact.at is None and fact.type == REFUND)):
        is_end = fact.type in _ENDS or not fact.state
        return is_end and not known and to_ms(fact.at or now.created or now.updated) < sighting.long_ago
    if fact.at is not None:
        return to_ms(fact.at) < sighting.horizon
    if known or created >= sighting.horizon:
        return False
    return not (fact.state and fact.type not in _ENDS and to_ms(now.updated) >= sighting.horizon)


def _is_silent(fact: Fact, known: Sequence[Known]) -> bool:
    """The end of what was never placed; and where an order stood before it was thrown away, once it is back."""
    if fact.draft and fact.state:
        return all(one.type != PLACED for one in known)
    states = [one for one in known if one.as_of is not None]
    return len(states) > 1 and states[-1].type == DELETED and states[-2].type == fact.type


def _news(now: Snapshot, fact: Fact, id: str, ref: str, *, is_history: bool) -> News:
    event = Event(
        id=id,
        type=fact.type,
        order=msgspec.structs.replace(now.order, ref=ref, source_id=now.id),
        occurred_at=fact.at or now.dated or now.updated,
        customer=now.customer,
        data=dict(fact.data) or None,
    )
    return News(event, is_history, to_ms(now.updated) if fact.state else None, to_ms(now.updated), now.odd)


def _not_again(event: Event, known: Sequence[Known], others: Sequence[Known]) -> Event:
    """Without the time and the addresses of which others have said since what holds now. Nor is what was promised already the new time of
    what is late."""
    told, order, customer = _told(known), event.order, event.customer

    def is_old(name: str, shown: object) -> bool:
        return told.get(name) == shown and is_outdone(name, shown, known, others)

    is_no_new_time = event.type == DELAYED and order.promised_at == _told(_heard(known)).get("promised_at")
    if is_no_new_time or is_old("promised_at", order.promised_at):
        order = msgspec.structs.replace(order, promised_at=None)
    if customer is not None:
        outdone = [name for name in ADDRESSES if is_old(name, getattr(customer, name))]
        customer = without(customer, outdone)
    return msgspec.structs.replace(event, order=order, customer=customer)


def _heard(known: Sequence[Known]) -> Sequence[Known]:
    """Up to the last of which the customer heard with the time: of an edit by itself nobody hears, and a payment's text says nothing of it."""
    last = max((place for place, one in enumerate(known) if one.type in _TELL_THE_TIME), default=0)
    return known[: last + 1]


def _told(known: Sequence[Known]) -> dict[str, Any]:
    """The newest that was said of each detail."""
    told: dict[str, Any] = {}
    for one in sorted(known, key=lambda one: (one.seen or 0, one.received_at)):
        told |= one.details
    return told


def _changed(now: Snapshot, known: Sequence[Known], ref: str, sighting: Sighting) -> list[News]:
    """That its details are others than were told, its status being the same. Of whom was forgotten nothing is gathered anew unless
    something happens."""
    if known[-1].forgotten:
        return []
    seen = to_ms(now.updated)
    newest = max(known, key=lambda one: (one.seen or one.as_of or 0, one.received_at))
    is_later = sighting.at is not None and sighting.at > newest.received_at
    if seen < (newest.seen or newest.as_of or 0) or (seen == newest.seen and not is_later):
        return []
    shown = details_of(now.order, now.customer)
    names = differing(_told(known), shown)
    if not names or (sighting.asked is None and _is_repeated(names, shown, seen, known)):
        return []
    fact = Fact(CHANGED, at=_undated(seen, newest, sighting), data={"changed": list(names)})
    times = sum(one.type == CHANGED for one in known)
    id = f"{now.id}:{CHANGED}" + (f":{times + 1}" if times else "")
    return [_news(now, fact, id, ref, is_history=seen < sighting.horizon)]


def _is_repeated(names: Sequence[str], shown: Details, seen: int, known: Sequence[Known]) -> bool:
    """Whether it told just that of the same moment before: a webhook that came once more. Whether it is so again only asking shows."""
    return any(one.seen == seen and not set(names) & set(differing(one.details, shown)) for one in known)


def _undated(seen: int, newest: Known, sighting: Sighting) -> datetime | None:
    """When an edit was seen of which the shop gives no date of its own: others may have told something since the date that it shows."""
    if sighting.at is None or seen != newest.seen:
        return None
    return datetime.fromtimestamp(sighting.at / 1000, UTC)


def capped(snapshot: Snapshot, now: int) -> Snapshot:
    """The same, its moment being no later than now (ms): a date in the future would outdo all that follows. That a clock is ahead is
    seen by what it says of what just happened."""
    if to_ms(snapshot.updated) <= now:
        return snapshot
    return msgspec.structs.replace(snapshot, updated=datetime.fromtimestamp(now / 1000, UTC), dated=snapshot.updated)


def form_of(news: News) -> dict[str, Any]:
    """The event's own JSON, with what only the source needs to know again."""
    form: dict[str, Any] = msgspec.to_builtins(news.event)
    if news.as_of is not None:
        form["as_of"] = news.as_of
    if news.seen is not None:
        form["seen"] = news.seen
    if news.history:
        form["history"] = True
    if news.odd:
        form["unread"] = list(news.odd)
    return form
