"""An order as it is now against what its source has told of it already: the events that are new. Pure.

What was told is read back from the outbox by the events' ids, which begin with the shop's own id of the order. So poller and webhook,
in whatever order and however often, come to the same events, and a crash between reading and keeping changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from daemon.intake.base import Fact, Snapshot
from outbox.model import Event
from outbox.orders import rank, to_ms

REFUND = "refund.issued"


class Known(msgspec.Struct, frozen=True):
    """An event that this source has told of this order."""

    id: str
    type: str
    ref: str
    as_of: int | None = None
    """Of a state: the moment (ms) of the snapshot it was read from."""


class News(msgspec.Struct, frozen=True):
    """An event to be taken. `history`: it happened before Tether was there to tell of it; nobody is to hear of it now."""

    event: Event
    history: bool = False
    as_of: int | None = None
    odd: tuple[str, ...] = ()


def diff(now: Snapshot, known: Sequence[Known], *, horizon: int, moved: bool) -> list[News]:
    """What is new, in the order in which it is to be told. `known`: oldest first; `horizon` (ms): what happened before is history.

    `moved`: the shop says that the order changed just now, so where it stands, and a refund without a date, are news even if
    it was never seen before.
    """
    ref = known[-1].ref if known else now.order.ref
    ids = {one.id for one in known}
    news = []
    for fact in now.facts:
        id = _state_id(now, fact, known) if fact.state else _once_id(now, fact, known)
        if id is not None and id not in ids:
            ids.add(id)
            news.append(_news(now, fact, id, ref, is_history=_is_history(now, fact, known, horizon, moved=moved)))
    return news


def _once_id(now: Snapshot, fact: Fact, known: Sequence[Known]) -> str | None:
    """Refunds are told one by one where the shop lists them, else as one: never both ways."""
    if fact.type == REFUND:
        told = [one.id for one in known if one.type == REFUND]
        whole = f"{now.id}:{REFUND}"
        if whole in told or (told and not fact.key):
            return None
    return f"{now.id}:{fact.type}" + (f":{fact.key}" if fact.key else "")


def _state_id(now: Snapshot, fact: Fact, known: Sequence[Known]) -> str | None:
    """None: it stands there already, or this snapshot is older than one that was told."""
    states = [one for one in known if one.as_of is not None]
    if states:
        newest = max(states, key=lambda one: one.as_of or 0)
        as_of, told = to_ms(now.updated), newest.as_of or 0
        if newest.type == fact.type or as_of < told or (as_of == told and rank(fact.type) <= rank(newest.type)):
            return None
    times = sum(one.type == fact.type for one in states)
    return f"{now.id}:{fact.type}" + (f":{times + 1}" if times else "")


def _is_history(now: Snapshot, fact: Fact, known: Sequence[Known], horizon: int, *, moved: bool) -> bool:
    if moved and fact.state:
        return False
    if fact.at is not None:
        return to_ms(fact.at) < horizon
    if moved and fact.type == REFUND:
        return False
    return not known and to_ms(now.created or now.updated) < horizon


def _news(now: Snapshot, fact: Fact, id: str, ref: str, *, is_history: bool) -> News:
    event = Event(
        id=id,
        type=fact.type,
        order=msgspec.structs.replace(now.order, ref=ref, source_id=now.id),
        occurred_at=_moment(now, fact),
        customer=now.customer,
        data=dict(fact.data) or None,
    )
    return News(event, is_history, to_ms(now.updated) if fact.state else None, now.odd)


def _moment(now: Snapshot, fact: Fact) -> datetime:
    return fact.at or now.updated


def form_of(news: News) -> dict[str, Any]:
    """The event's own JSON, with what only the source needs to know again."""
    form: dict[str, Any] = msgspec.to_builtins(news.event)
    if news.as_of is not None:
        form["as_of"] = news.as_of
    if news.history:
        form["history"] = True
    if news.odd:
        form["unread"] = list(news.odd)
    return form
