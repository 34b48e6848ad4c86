"""What needs a person, worst first: one thing, one decision. Pure."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from daemon.wire.customers import Reply
from daemon.wire.messages import Message
from daemon.wire.orders import Order
from daemon.wire.service import Channel, Trouble
from daemon.wire.sources import Kept
from tui.shop.state import Shop, is_telling, newest_message
from tui.wording.stages import stage_of
from tui.wording.times import Times
from tui.wording.words import BY_A_PERSON, UNTOLD

SILENT = "silent"
"""The reason of what staff chose not to tell."""


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that waits for somebody. `kind`: untold | reply | late | unsure | kept | channel | trouble."""

    kind: str
    key: str
    since: int = 0
    order: Order | None = None
    reply: Reply | None = None
    message: Message | None = None
    kept: Kept | None = None
    channel: Channel | None = None
    trouble: Trouble | None = None


def things(shop: Shop, kept: Sequence[Kept], times: Times, now: int) -> list[Thing]:
    """Ready and untold, unread replies, late orders, others who are untold, unsure outcomes, what nobody understood, channels, trouble."""
    opened = shop.open_orders
    untold = [order for order in opened if _is_untold(order)]
    return [
        *_oldest(_untold(order) for order in untold if stage_of(order) == "ready"),
        *_replies(shop),
        *_oldest(_late(order, times) for order in opened if stage_of(order) != "ready" and times.late(order.promised_at, now)),
        *_oldest(_untold(order) for order in untold if stage_of(order) != "ready"),
        *_oldest(_unsure(shop)),
        *(Thing(kind="kept", key=f"kept {each.id}", since=each.at, kept=each) for each in kept),
        *_ways(shop),
    ]  # fmt: skip


def _is_untold(order: Order) -> bool:
    told = order.told
    return told is not None and told.state in UNTOLD and told.reason_code != SILENT


def _unsure(shop: Shop) -> Iterator[Thing]:
    last = _last_told(shop) if shop.unsure else {}
    for each in shop.unsure:
        if not _is_told_since(each, shop, last):
            order = shop.orders.get(each.order_ref)
            yield Thing(kind="unsure", key=f"unsure {each.id}", since=each.updated_at, message=each, order=order)


def _last_told(shop: Shop) -> Mapping[tuple[str, str, bool], Message]:
    """By order, trigger and whether it is of the one before: the newest message to a customer who may not have got one. Found for all in one
    go: a shop has 20,000 messages."""
    refs = {each.order_ref for each in shop.unsure}
    telling = [each for each in shop.messages.values() if each.order_ref in refs and is_telling(each)]
    newest_last = sorted(telling, key=newest_message, reverse=True)
    return {(each.order_ref, each.trigger, shop.is_past(each)): each for each in newest_last}


def _is_told_since(unsure: Message, shop: Shop, last: Mapping[tuple[str, str, bool], Message]) -> bool:
    """Whether somebody phoned its customer, or told them in the shop, of this very news, or of where the order stands by now: sent again
    they would hear it twice."""
    if not is_telling(unsure):
        return False
    is_past = shop.is_past(unsure)
    order = None if is_past else shop.orders.get(unsure.order_ref)
    told = order.told if order and unsure.trigger.startswith("order.") else None
    if told is not None and told.reason_code in BY_A_PERSON and told.at >= unsure.updated_at:
        return True
    newest = last[unsure.order_ref, unsure.trigger, is_past]
    return newest.reason_code in BY_A_PERSON and newest.updated_at >= unsure.updated_at


def _untold(order: Order) -> Thing:
    since = order.told.at if order.told and order.told.at else order.updated_at
    return Thing(kind="untold", key=f"untold {order.ref}", since=since, order=order)


def _late(order: Order, times: Times) -> Thing:
    return Thing(kind="late", key=f"late {order.ref}", since=times.kept_until(order.promised_at or 0), order=order)


def _replies(shop: Shop) -> list[Thing]:
    """One a thread: its newest unread."""
    newest: dict[str, Reply] = {}
    for reply in sorted(shop.replies.values(), key=lambda each: each.at):
        if not reply.read:
            newest[reply.order_ref or reply.sender] = reply
    return _oldest(
        Thing(
            kind="reply",
            key=f"reply {each.id}",
            since=each.at,
            reply=each,
            order=shop.orders.get(each.order_ref or ""),
        )
        for each in newest.values()
    )


def _ways(shop: Shop) -> Iterator[Thing]:
    """Paused channels, then what the service itself calls trouble, but for what was named."""
    for channel in shop.channels.values():
        if channel.state == "paused":
            yield Thing(kind="channel", key=f"channel {channel.name}", channel=channel)
    paused = {f"channel {each.name}" for each in shop.channels.values() if each.state == "paused"}
    for trouble in shop.glance.trouble:
        if trouble.what not in paused:
            yield Thing(kind="trouble", key=f"trouble {trouble.what}", trouble=trouble)


def _oldest(found: Iterator[Thing]) -> list[Thing]:
    return sorted(found, key=lambda each: (each.since, each.key))
