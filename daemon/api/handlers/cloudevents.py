"""CloudEvents 1.0, structured and binary (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md):
the envelope's attributes become our event's, `data` holds order, customer and data; the rest is kept under `cloudevent`, and so is what
`data` calls `id`, `type` or `occurred_at`: that is its own affair, the event is what the envelope says.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from daemon.api.handlers.receipts import as_text
from daemon.api.schema.body import convert
from daemon.api.schema.event import CloudEvent, Event
from daemon.api.schema.problem import Problem
from daemon.wire.event_types import EVENT_TYPES
from daemon.wire.values import encode

MEDIA_TYPE = "application/cloudevents+json"
BATCH_TYPE = "application/cloudevents-batch+json"

_PREFIX = "ce-"
_TELLING = ("ce-specversion", "ce-id", "ce-type")
_OURS = ("specversion", "id", "type", "time", "data")
_OF_THE_ENVELOPE = ("id", "type", "occurred_at")
"""What data says of these is of the sender's own record."""


def is_binary(headers: Mapping[str, str]) -> bool:
    """Whether the envelope stands in the headers (binary mode, 3.1)."""
    return any(name in headers for name in _TELLING)


def from_binary(headers: Mapping[str, str], data: Any) -> dict[str, Any]:
    """The structured form of an event whose envelope came as headers (3.1.3: percent-encoded)."""
    named = {name.lower(): value for name, value in headers.items()}
    attributes = {
        name.removeprefix(_PREFIX): unquote(as_text(value)) for name, value in named.items() if name.startswith(_PREFIX)
    }
    return {**attributes, "data": data}


def looks_structured(value: Any) -> bool:
    """Whether a JSON value that is no event of ours is a CloudEvent, sent under another media type."""
    return isinstance(value, dict) and "specversion" in value and "order" not in value


def our_type(given: str) -> str:
    """`com.example.order.ready` counts as `order.ready`; any other type stays what it is."""
    ending = ".".join(given.rsplit(".", 2)[-2:])
    return ending if ending in EVENT_TYPES else given


def to_event(value: Any, *, is_one_of_many: bool = False) -> tuple[str, Event, bytes]:
    """(the source that it names itself, event, the event's own JSON in our form). Raises Problem 422 with the fields as the CloudEvent names
    them; of one of many with its first fault."""
    if isinstance(value, dict) and "data_base64" in value:
        raise Problem(422, "send the data as JSON in `data`", field="data_base64")
    cloud = convert(value, CloudEvent, is_one_of_many=is_one_of_many)
    named = {"id": cloud.id, "type": our_type(cloud.type), **({"occurred_at": value["time"]} if cloud.time else {})}
    envelope = {name: item for name, item in value.items() if name not in _OURS} | {"type": cloud.type}
    data = dict(value["data"])
    if hidden := {name: data.pop(name) for name in _OF_THE_ENVELOPE if name in data}:
        envelope["data"] = hidden
    form: dict[str, Any] = {**data, **named, "cloudevent": envelope}
    try:
        event = convert(form, Event, is_one_of_many=is_one_of_many)
    except Problem as problem:
        field = problem.errors[0].field if problem.errors else ""
        raise Problem(422, problem.detail, field=field) from problem
    return cloud.source, event, encode(form)
