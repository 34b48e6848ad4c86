"""`pos`: a source that speaks our own event, signed as Standard Webhooks has it; one event, a list of them, or in its envelope.

The envelope is `{"type", "timestamp", "data"}` with `webhook-id` as the id, unless `data` has one: https://www.standardwebhooks.com.
Of a list each has its place behind that (`msg_1/0`).
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from typing import Any, TypeVar

import msgspec

from daemon.config import ConfigError, Store
from daemon.intake import signatures
from daemon.intake.base import Body, Heard, Hook, Reading, Source, SourceSettings, Unreadable
from daemon.intake.values import Place, json_of
from outbox.model import Customer, Event, OrderFields

S = TypeVar("S", bound=msgspec.Struct)

_PARTS: Mapping[str, type[msgspec.Struct]] = {"order": OrderFields, "customer": Customer}


class Pos(Source):
    kind = "pos"
    title = "Signed events"

    def __init__(self, name: str, settings: SourceSettings, secrets: Mapping[str, str], store: Store) -> None:
        super().__init__(name, settings, secrets, store)
        if settings.poll:
            raise ConfigError(f"sources.{name}: poll: a till posts its events; it can't be asked")

    def missing(self) -> Sequence[str]:
        return [] if self.secret("WEBHOOK_SECRET") else [self.secret_name("WEBHOOK_SECRET")]

    def verify(self, hook: Hook) -> None:
        signatures.standard(hook, self.webhook_secrets())

    def read(self, body: Body, *, now: int) -> Reading:
        value = json_of(body)
        heard, unread = [], []
        events = value if isinstance(value, list) else [value]
        for index, one in enumerate(events):
            try:
                id = body.id if len(events) == 1 else f"{body.id}/{index}"
                heard.append(_heard(one, id, self.store.zone))
            except Unreadable as error:
                unread.append(f"event {index}: {error}")
        return Reading(events=tuple(heard), unread=tuple(unread))


def _heard(value: Any, id: str, zone: tzinfo) -> Heard:
    """Raises Unreadable."""
    if not isinstance(value, dict):
        raise Unreadable("it is no JSON object")
    if isinstance(value.get("data"), dict) and "order" in value["data"] and "order" not in value:
        place = Place(value)
        named = {"id": id, "type": place["type"].need(), "occurred_at": value.get("timestamp")}
        value = named | value["data"]
    place = Place(value)
    event = _read(Event, place)
    order = msgspec.structs.replace(event.order, promised_at=_placed(event.order.promised_at, zone))
    event = msgspec.structs.replace(event, order=order, occurred_at=_placed(event.occurred_at, zone))
    return Heard(event, tuple(place.odd))


def _read(kind: type[S], place: Place) -> S:
    """An object less what is of a wrong kind, which is noted. Raises Unreadable for what is needed, and for a consent that can't be
    understood: it may be a refusal."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        inner = place[field.name]
        if field.name not in place.value:
            if field.required:
                raise Unreadable(f"{inner.path} is missing")
            continue
        try:
            is_part = field.name in _PARTS and isinstance(inner.value, dict)
            found[field.name] = (
                _read(_PARTS[field.name], inner) if is_part else msgspec.convert(inner.value, field.type)
            )
        except msgspec.ValidationError as error:
            what, _, where = str(error).replace("`", "").partition(" - at $")
            trouble = f"{inner.path}{where}: {what}"
            if field.required or _may_refuse(field.name, inner.value):
                raise Unreadable(trouble) from error
            if inner:  # else nothing is said: PHP writes that as an empty list
                place.odd.append(trouble)
    return kind(**found)


def _placed(at: datetime | None, zone: tzinfo) -> datetime | None:
    """A time that names no zone is by the store's clock; one at the calendar's end, which has no place on another clock, stays."""
    if at is None or at.tzinfo is not None:
        return at
    with suppress(OverflowError):
        return at.replace(tzinfo=zone).astimezone(UTC)
    return at


def _may_refuse(name: str, value: Any) -> bool:
    """Whether what can't be understood may say that a customer wants no messages; `false` says so."""
    return name in ("consent", "customer") and value not in (None, "", [], {})
