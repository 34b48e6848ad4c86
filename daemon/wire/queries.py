"""The parameters of lists and reads: what may be asked for, the one source of validation and of the OpenAPI schemas."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from daemon.wire.checks import MEDIUM, Address, Cursor, EventType, Limit, Moment, OrderRef, Word, described
from daemon.wire.stages import STAGES
from daemon.wire.values import StateName


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    limit: Limit = 50
    cursor: Cursor | None = None


class ShortListQuery(ListQuery, frozen=True, kw_only=True):
    """Of a list that is short in every store: all of it, unless less is asked for."""

    limit: Limit = 500


class EventQuery(msgspec.Struct, frozen=True):
    source: (
        Annotated[str, Meta(min_length=1, max_length=200, description="Whose id it is, where sources share one.")]
        | None
    ) = None


class OrdersQuery(ListQuery, frozen=True, kw_only=True):
    status: list[EventType] = []
    stage: list[Annotated[str, Meta(pattern=described(rf"^({'|'.join(STAGES)})$(?!\n)", "a stage"))]] = []
    search: Annotated[str, Meta(min_length=1, max_length=100, description="Part of a number or name.")] | None = None
    since: Moment | None = None


class WaysQuery(msgspec.Struct, frozen=True):
    message_id: (
        Annotated[
            str,
            Meta(
                min_length=1, max_length=100, description="Which message; absent: the one about where the order stands."
            ),
        ]
        | None
    ) = None


class MessagesQuery(ListQuery, frozen=True, kw_only=True):
    state: list[StateName] = []
    channel: Word | None = None
    order: OrderRef | None = None
    recipient: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    since: Moment | None = None


class RepliesQuery(ListQuery, frozen=True, kw_only=True):
    order: OrderRef | None = None
    unread: bool = False


class AuditQuery(ListQuery, frozen=True, kw_only=True):
    q: Annotated[str, Meta(min_length=1, max_length=100, description="A word in any field.")] | None = None
    kind: Word | None = None
    order: OrderRef | None = None
    message: Word | None = None
    actor: Annotated[str, Meta(min_length=1, max_length=130)] | None = None
    since: Moment | None = None
    order_by: Annotated[str, Meta(pattern=described(r"^(newest|oldest)$(?!\n)", "newest or oldest"))] = "newest"


class KeptQuery(ListQuery, frozen=True, kw_only=True):
    source: Word | None = None
    state: Annotated[str, Meta(pattern=described(r"^(waiting|done|dropped)$(?!\n)", "a state"))] | None = None


class ExportQuery(msgspec.Struct, frozen=True):
    format: Literal["jsonl", "csv"] = "jsonl"


class OptInQuery(msgspec.Struct, frozen=True):
    id: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    medium: Annotated[str, Meta(pattern=MEDIUM)] | None = None
    address: Address | None = None


class StreamQuery(msgspec.Struct, frozen=True):
    last_event_id: (
        Annotated[int, Meta(ge=0, description="For clients that can't set the header Last-Event-ID.")] | None
    ) = None
