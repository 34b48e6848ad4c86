"""From the outbox's values to the answers' structs: names, times and masks. Pure."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Literal, TypedDict

import msgspec

from daemon.channels.registry import CHANNELS, channel_class
from daemon.dispatch.board import ChannelStatus, UplinkStatus
from daemon.dispatch.sms.guard import SmsStatus
from daemon.intake.row import SourceRow
from daemon.planner.rules import stages
from daemon.planner.sms_text import SmsSize
from daemon.wire import customers as wire_customers
from daemon.wire import events as wire_events
from daemon.wire import messages as wire_messages
from daemon.wire import orders as wire_orders
from daemon.wire import record as wire_record
from daemon.wire import service as wire_service
from daemon.wire import sources as wire_sources
from daemon.wire.values import When, encode, when_or_none
from outbox import AuditRow, OptOut, ReplyRow, StoredEvent, Token
from outbox.masks import mask_address, mask_email, mask_phone
from outbox.model import Attempt, Event, Item, Message, Order, Priority
from outbox.reasons import Reason, whole_args


class ReasonFields(TypedDict):
    """Why a message stands where it does, as each answer about one has it."""

    reason: str
    reason_code: str
    reason_args: dict[str, Any]


def _copied(shown: type[msgspec.Struct], stored: type, *, but: Sequence[str] = ()) -> Callable[[Any], dict[str, Any]]:
    """What an answer tells as it is stored: the fields that both have by one name, but those that are told in another form."""
    names = [name for name in shown.__struct_fields__ if hasattr(stored, name) and name not in but]
    values = attrgetter(*names)
    return lambda row: dict(zip(names, values(row), strict=True))


PRIORITIES: Mapping[Priority, Literal["high", "normal", "low"]] = {
    Priority.HIGH: "high",
    Priority.NORMAL: "normal",
    Priority.LOW: "low",
}

# ---------------------------------------------------------------- messages


def to(message: Message) -> str:
    """Where it goes, masked: the address that its channel takes; while it has no channel, the first there is."""
    addresses = message.addresses
    if message.channel not in CHANNELS:
        return mask_address(next(iter(addresses.values()), ""))
    kinds = channel_class(message.channel).address_kinds
    return mask_address(next((addresses[kind] for kind in kinds if addresses.get(kind)), ""))


def reason(why: Reason) -> ReasonFields:
    """A reason as answers carry it."""
    return {"reason": str(why), "reason_code": why.code, "reason_args": whole_args(why)}


_OF_A_MESSAGE = ("priority", "reason", "created_at", "updated_at", "due_at", "expires_at")
_message = _copied(wire_messages.Message, Message, but=_OF_A_MESSAGE)
_attempt = _copied(wire_messages.Attempt, Attempt, but=("started_at", "finished_at", "receipt", "receipt_at", "sent"))


def message(row: Message) -> wire_messages.Message:
    return wire_messages.Message(
        **_message(row),
        to=to(row),
        priority=PRIORITIES[row.priority],
        **reason(row.reason),
        manual=row.policy.manual,
        created_at=When(row.created_at),
        updated_at=When(row.updated_at),
        due_at=When(row.due_at),
        expires_at=when_or_none(row.expires_at),
    )


def message_detail(row: Message, attempts: Sequence[Attempt]) -> wire_messages.MessageDetail:
    return wire_messages.MessageDetail(
        **msgspec.structs.asdict(message(row)),
        text=row.text,
        subject=row.subject,
        attempts=tuple(attempt(each) for each in attempts),
    )


def attempt(row: Attempt) -> wire_messages.Attempt:
    return wire_messages.Attempt(
        **_attempt(row),
        started_at=When(row.started_at),
        finished_at=when_or_none(row.finished_at),
        receipt=None if row.receipt is None else row.receipt.value,
        receipt_at=when_or_none(row.receipt_at),
        sent=None if row.sent is None else wire_messages.SentText(row.sent.text, row.sent.subject, row.sent.html),
    )


# ---------------------------------------------------------------- events and orders


def event(row: StoredEvent, messages: Sequence[Message], *, whole: bool) -> wire_events.EventDetail:
    """`whole`: the addresses in it too; else they are masked."""
    return wire_events.EventDetail(
        id=row.id,
        source=row.source,
        type=row.type,
        order_ref=row.order_ref,
        received_at=When(row.received_at),
        occurred_at=when_or_none(row.occurred_at),
        actor=row.actor,
        event=msgspec.Raw(row.raw if whole else _masked(row.raw)) if row.raw else None,
        messages=[message(each) for each in messages],
    )


def _masked(raw: bytes) -> bytes:
    value = msgspec.json.decode(raw)
    customer = value.get("customer")
    if isinstance(customer, dict):
        for name, mask in (("phone", mask_phone), ("email", mask_email)):
            if isinstance(customer.get(name), str):
                customer[name] = mask(customer[name])
        if isinstance(customer.get("addresses"), dict):
            customer["addresses"] = {kind: mask_address(str(each)) for kind, each in customer["addresses"].items()}
    return encode(value)


def decoded(row: StoredEvent) -> Event | None:
    """The event as it was told, read again; None once forgotten."""
    return _events.decode(row.raw) if row.raw else None


_events = msgspec.json.Decoder(Event)


def item(row: Item) -> wire_orders.Item:
    return wire_orders.Item(row.name, row.quantity, row.sku, row.price)


def told(row: Message | None) -> wire_orders.Told | None:
    if row is None:
        return None
    return wire_orders.Told(row.id, row.state, row.channel, When(row.updated_at), **reason(row.reason))


_OF_AN_ORDER = ("status_at", "customer", "promised_at", "items", "arrived_at", "created_at", "updated_at")
_order = _copied(wire_orders.Order, Order, but=_OF_AN_ORDER)
_order_detail = _copied(wire_orders.OrderDetail, Order, but=(*_OF_AN_ORDER, *wire_orders.Order.__struct_fields__))


def order(row: Order, newest: Message | None) -> wire_orders.Order:
    customer = row.customer
    return wire_orders.Order(
        **_order(row),
        stage=stages.stage_of(row.status),
        next_step=stages.next_step(row),
        steps=stages.steps(row),
        status_at=When(row.status_at) if row.status_at else None,
        customer=wire_orders.Customer(
            name=customer.name,
            phone=mask_phone(customer.phone) if customer.phone else None,
            email=mask_email(customer.email) if customer.email else None,
            locale=customer.locale,
        ),
        promised_at=when_or_none(row.promised_at),
        first_item=item(row.items[0]) if row.items else None,
        item_count=len(row.items),
        told=told(newest),
        arrived_at=When(row.arrived_at) if row.arrived_at else None,
        answered=_answered(row),
        created_at=When(row.created_at),
        updated_at=When(row.updated_at),
    )


def order_detail(
    row: Order,
    newest: Message | None,
    optouts: Mapping[str, str],
    unusable: tuple[str, ...],
    timeline: Sequence[wire_orders.Entry],
) -> wire_orders.OrderDetail:
    return wire_orders.OrderDetail(
        **msgspec.structs.asdict(order(row, newest)),
        **_order_detail(row),
        items=tuple(item(each) for each in row.items),
        optouts=optouts,
        unusable=unusable,
        timeline=tuple(timeline),
    )


def _answered(row: Order) -> wire_orders.Answered | None:
    if row.answer not in ("yes", "no"):
        return None
    return wire_orders.Answered("yes" if row.answer == "yes" else "no", When(row.answer_at))


# ---------------------------------------------------------------- the rest


_source = _copied(wire_sources.Source, SourceRow, but=("missing", "last_asked", "last_success", "swept_at", "mended"))
_channel = _copied(wire_service.Channel, ChannelStatus, but=("last_success", "last_failure", "detail"))
_optout = _copied(wire_customers.OptOut, OptOut, but=("at",))
_reply = _copied(wire_customers.Reply, ReplyRow, but=("action", "at"))
_audit = _copied(wire_record.AuditEntry, AuditRow, but=("at", "order_ref", "message_id", "detail"))


def source(row: SourceRow) -> wire_sources.Source:
    return wire_sources.Source(
        **_source(row),
        hook=f"/v1/hooks/{row.name}",
        missing=tuple(row.missing),
        last_asked=when_or_none(row.last_asked),
        last_success=when_or_none(row.last_success),
        swept_at=when_or_none(row.swept_at),
        mended=tuple(row.mended),
    )


def channel(row: ChannelStatus) -> wire_service.Channel:
    return wire_service.Channel(
        **_channel(row),
        last_success=when_or_none(row.last_success),
        last_failure=when_or_none(row.last_failure),
        detail=dict(row.detail),
    )


def uplink(row: UplinkStatus) -> wire_service.Uplink:
    return wire_service.Uplink(row.state, When(row.since), row.forced_at is not None)


def optout(row: OptOut) -> wire_customers.OptOut:
    return wire_customers.OptOut(**_optout(row), at=When(row.at))


def reply(row: ReplyRow) -> wire_customers.Reply:
    return wire_customers.Reply(
        **_reply(row),
        sender=mask_address(row.address),
        action=row.action or None,
        at=When(row.at),
    )


def audit(row: AuditRow) -> wire_record.AuditEntry:
    return wire_record.AuditEntry(
        **_audit(row),
        at=When(row.at),
        order_ref=row.order_ref or None,
        message_id=row.message_id or None,
        detail=dict(row.detail),
    )


def sms(row: SmsStatus) -> wire_service.SmsToday:
    return wire_service.SmsToday(
        row.parts_today,
        row.daily_parts,
        f"{row.cost_today:.2f}",
        f"{row.daily_cost:.2f}",
        list(row.countries),
        list(row.held_blocks),
    )


def sms_size(size: SmsSize | None) -> wire_messages.SmsSize | None:
    """Of a text that is an SMS."""
    return None if size is None else wire_messages.SmsSize(size.encoding, size.units, size.parts)


def token(row: Token) -> wire_record.Token:
    bounds = row.bounds
    return wire_record.Token(
        row.name,
        sorted(row.scopes),
        When(row.created_at),
        list(bounds.types),
        bounds.own_orders,
        bounds.own_words,
    )
