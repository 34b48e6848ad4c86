"""What customers wrote back, and whom to phone because nothing reached them."""

from collections.abc import Sequence

from daemon.api.handlers.by_hand import told_in
from daemon.api.handlers.reach import tell_by_person
from daemon.api.handlers.staff import SILENT
from daemon.api.plumbing import present
from daemon.api.plumbing.route import Call, NoQuery, Scope, get, post
from daemon.api.plumbing.services import Services
from daemon.api.schema.problem import Problem
from daemon.planner.preview import preview
from daemon.planner.recipients import customer_recipient
from daemon.planner.render import RenderError
from daemon.wire import customers as wire_customers
from daemon.wire.customers import CallDone, CallList, Replies, ReplyRead
from daemon.wire.queries import ListQuery, RepliesQuery
from daemon.wire.requests.act import Reason
from daemon.wire.requests.orders import ToldBy
from daemon.wire.values import When, when_or_none
from outbox.masks import mask_phone
from outbox.model import Message, Order, State

NOT_REACHED = (State.FAILED, State.EXPIRED, State.SUPPRESSED)
LOOK_BACK_MS = 3 * 86_400_000
"""Older than this, a call comes too late."""
MOST_CALLS = 500
OVER = frozenset({"order.completed", "order.deleted"})
"""Where an order stands of which nobody waits for a word any more. Who was not told that theirs is cancelled still comes for it."""


async def index(call: Call[RepliesQuery, None]) -> Replies:
    query = call.query
    page = await call.services.box.replies.list(
        unread=query.unread, order_ref=query.order, limit=query.limit, cursor=query.cursor
    )
    return Replies([present.reply(each) for each in page.items], page.next)


async def read(call: Call[NoQuery, Reason]) -> ReplyRead:
    await call.services.box.replies.mark_read(call.path("id"), actor=call.caller.actor)
    return ReplyRead(call.path("id"), read=True)


# ---------------------------------------------------------------- the call list


async def to_call(services: Services) -> Sequence[tuple[Message, Order]]:
    """Customers who were to learn their order's present status, and whom nothing reached, nor any of the staff."""
    views = services.box.views
    since = services.clock.now() - LOOK_BACK_MS
    page = await views.messages(
        states=NOT_REACHED,
        channel=None,
        order_ref=None,
        recipient="customer",
        since=since,
        limit=MOST_CALLS,
        cursor=None,
    )
    missed = [each for each in page.items if each.reason.code != SILENT.code]
    candidates = {each.order_ref: each for each in reversed(missed)}  # the page has the newest first: that one counts
    if not candidates:
        return ()
    told = await views.told(list(candidates))
    orders = {order.ref: order for order in await views.orders_by_ref(list(candidates))}
    return [
        (newest, orders[ref])
        for ref, newest in told.items()
        if ref in orders and newest.id == candidates[ref].id and orders[ref].status not in OVER
    ]


async def calls(call: Call[ListQuery, None]) -> CallList:
    services, whole = call.services, call.caller.may(Scope.STAFF)
    found = await to_call(services)
    return CallList(
        [await _call(services, message, order, whole=whole) for message, order in found[: call.query.limit]], None
    )


async def _call(services: Services, message: Message, order: Order, *, whole: bool) -> wire_customers.Call:
    now = customer_recipient(order.customer, services.settings.store.country).addresses
    phone = now.get("phone") or message.addresses.get("phone") or order.customer.phone
    return wire_customers.Call(
        message_id=message.id,
        order_ref=order.ref,
        name=order.customer.name or "",
        phone=phone if whole or not phone else mask_phone(phone),
        say=await _say(services, message, order),
        **present.reason(message.reason),
        since=When(message.updated_at),
        done_at=when_or_none(None),
    )


async def _say(services: Services, message: Message, order: Order) -> str:
    """The words of the text that did not arrive; where it can't be made, what it was about."""
    event = await told_in(services, message)
    try:
        made = preview(
            services.engine.renderer,
            message.template,
            "sms",
            services.settings.store.locale,
            event=event,
            order=order,
            text=message.text,
        )
    except RenderError:
        return f"{order.ref}: {message.trigger}"
    return made.rendered.text


async def done(call: Call[NoQuery, Reason]) -> CallDone:
    message_id, services = call.path("message_id"), call.services
    found = await services.box.views.messages_by_id([message_id])
    if not found:
        raise Problem(404, f"no message has the id {message_id!r}")
    (order,) = await services.box.views.orders_by_ref([found[0].order_ref])
    phoned = ToldBy("phone", message_id, call.body.reason, id=f"called-{message_id}")
    taken = await tell_by_person(call, order, phoned)
    return CallDone(message_id, True, taken.event_id, taken.undo_until)


ROUTES = (
    get("/v1/replies", index, "List what customers wrote", "Replies", Replies, RepliesQuery),
    post(
        "/v1/replies/{id}/read",
        read,
        "Mark a reply as read",
        "Replies",
        Reason,
        ReplyRead,
        refusals=(404,),
        body_required=False,
    ),
    get(
        "/v1/call-list",
        calls,
        "List whom to phone",
        "Replies",
        CallList,
        ListQuery,
        description="Customers whom no message about their order's present status reached. Numbers are whole for staff, masked for others.",
    ),
    post(
        "/v1/call-list/{message_id}/done",
        done,
        "Say that a customer was phoned",
        "Replies",
        Reason,
        CallDone,
        refusals=(404, 409, 507),
        body_required=False,
    ),
)
