"""What may leave intake: an event within the bounds that the HTTP face sets for its own callers, and its JSON as it is kept. Pure."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from daemon.intake.base import Heard, Snapshot, Unreadable, is_type
from daemon.intake.diff import News, form_of
from outbox import harmless
from outbox.model import Customer, Event, OrderFields, Posted
from outbox.orders import to_ms

LARGEST = 256 * 1024
_MONEY = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,3}")

encode = msgspec.json.Encoder(decimal_format="string").encode


def dated(heard: Heard, *, now: int, came: int | None = None) -> Heard:
    """Of a day that is not over when it is told nobody knows the moment. What `came` (ms) before now, and names no moment, happened then."""
    at = heard.event.occurred_at
    by_day = heard.by_day and at is not None and to_ms(at) <= (now if came is None else came)
    if heard.by_day and not by_day:
        at = None
    if at is None and came is not None:
        at = datetime.fromtimestamp(came / 1000, UTC)
    return msgspec.structs.replace(heard, event=msgspec.structs.replace(heard.event, occurred_at=at), by_day=by_day)


def posted_heard(source: str, heard: Heard, *, now: int, history: bool = False) -> Posted:
    """Raises Unreadable for what can't be an event."""
    event, odd = checked(heard.event)
    form: dict[str, Any] = msgspec.to_builtins(event)
    if history:
        form["history"] = True
    if odd := (*heard.odd, *odd):
        form["unread"] = list(odd)
    return _posted(source, event, form, now)


def posted_news(source: str, news: News, *, now: int) -> Posted:
    """Raises Unreadable for what can't be an event."""
    event, odd = checked(news.event)
    news = msgspec.structs.replace(news, event=event, odd=(*news.odd, *odd))
    return _posted(source, event, form_of(news), now)


def _posted(source: str, event: Event, form: dict[str, Any], now: int) -> Posted:
    raw = encode(form)
    if len(raw) > LARGEST:
        raise Unreadable(f"the event is larger than {LARGEST // 1024} KiB: map less of it")
    return Posted(source, harmless.cleaned(event), harmless.json_escaped(raw), now)


def checked(event: Event) -> tuple[Event, Sequence[str]]:
    """The event, less optional fields that can't be, and what those were. Raises Unreadable for id, type or ref."""
    _needed("id", event.id, 200)
    _needed("order.ref", event.order.ref, 100)
    if not is_type(event.type):
        raise Unreadable(f"type: {event.type!r:.60} is no event type")
    odd: list[str] = []
    order, customer = _order(event.order, odd), _customer(event.customer, odd)
    return msgspec.structs.replace(event, order=order, customer=customer), odd


def fitting(snapshot: Snapshot) -> Snapshot:
    """An order as it will be on record: what can't be kept of it would be a change each time that it is held against that."""
    odd = list(snapshot.odd)
    order, customer = _order(snapshot.order, odd), _customer(snapshot.customer, odd)
    return msgspec.structs.replace(snapshot, order=order, customer=customer, odd=tuple(odd))


def _order(order: OrderFields, odd: list[str]) -> OrderFields:
    changes: dict[str, Any] = {}
    for name, form in (("total", _MONEY), ("currency", _CURRENCY)):
        value = getattr(order, name)
        if value is not None and not form.fullmatch(value):
            odd.append(f"order.{name}: {value!r:.40} can't be one")
            changes[name] = None
    if order.source_id is not None and not _fits(order.source_id, 200):
        odd.append("order.source_id: too long, or not printable")
        changes["source_id"] = None
    return msgspec.structs.replace(order, **changes) if changes else order


def _customer(customer: Customer | None, odd: list[str]) -> Customer | None:
    if customer is not None and customer.locale is not None and not _LOCALE.fullmatch(customer.locale):
        odd.append(f"customer.locale: {customer.locale!r:.40} is no language")
        return msgspec.structs.replace(customer, locale=None)
    return customer


def _needed(name: str, value: str, longest: int) -> None:
    if not value:
        raise Unreadable(f"{name} is missing")
    if not _fits(value, longest):
        raise Unreadable(f"{name}: {value!r:.60} is too long, or not printable")


def _fits(value: str, longest: int) -> bool:
    return len(value) <= longest and value.isprintable()
