"""Orders: what is known of them now, one with its story, and what staff do to them."""

from collections.abc import Collection, Mapping, Sequence

from daemon.api.handlers import staff
from daemon.api.handlers import timeline as story
from daemon.api.handlers.by_hand import act, manual_plan, order_of, own_id, unknown_order
from daemon.api.handlers.preview import prospect
from daemon.api.handlers.reach import untell
from daemon.api.plumbing import present
from daemon.api.plumbing.route import Call, NoQuery, get, post
from daemon.api.plumbing.services import Services
from daemon.api.schema.problem import Problem
from daemon.channels.registry import channel_class
from daemon.planner.recipients import Recipient, customer_recipient, no_text
from daemon.planner.routes import CUSTOMER
from daemon.planner.rules import stages
from daemon.planner.rules.destination import countries_of
from daemon.wire import orders as wire_orders
from daemon.wire.near import did_you_mean
from daemon.wire.orders import Held, OrderDetail, Orders
from daemon.wire.queries import OrdersQuery
from daemon.wire.requests.act import Reason
from daemon.wire.requests.orders import ManualMessage, StatusChange, Undo, WhatIf
from daemon.wire.steps import Preview, StatusSet, Undone
from outbox.errors import IllegalMove
from outbox.model import Event, Order, Planner
from outbox.orders import to_ms


async def index(call: Call[OrdersQuery, None]) -> Orders:
    query, views = call.query, call.services.box.views
    page = await views.orders(
        statuses=[*query.status, *stages.statuses_of(query.stage)],
        any_but=stages.any_but(query.stage),
        search=query.search,
        since=None if query.since is None else to_ms(query.since),
        limit=query.limit,
        cursor=query.cursor,
    )
    return Orders(await with_told(call.services, page.items), page.next)


async def with_told(services: Services, orders: Sequence[Order]) -> list[wire_orders.Order]:
    """Orders as answers, each with what its customer has been told."""
    told = await services.box.views.told([each.ref for each in orders]) if orders else {}
    return [present.order(each, told.get(each.ref)) for each in orders]


async def show(call: Call[NoQuery, None]) -> OrderDetail:
    ref = call.path("ref")
    views = call.services.box.views
    found = await views.story(ref)
    if found is None:
        raise unknown_order(ref)
    told = await views.told([ref])
    who = customer_recipient(found.order.customer, call.services.settings.store.country)
    optouts = await _optouts(call.services, who)
    silent = ("phone",) if no_text(who, countries_of(call.services.settings)) else ()
    return present.order_detail(found.order, told.get(ref), optouts, who.unusable + silent, story.timeline(found))


async def _optouts(services: Services, who: Recipient) -> dict[str, str]:
    """Why nothing may go to the customer, by medium: the ledger's word on each address that it would go to, or their own flag."""
    standing = dict.fromkeys(who.refuses, "the customer does not want it")
    for medium, addresses in _by_medium(services, who.addresses).items():
        words = [await services.box.consent.blocked(medium, each) for each in addresses]
        if all(words):
            standing[medium] = str(words[0])
    return standing


def _by_medium(services: Services, held: Mapping[str, str]) -> Mapping[str, Collection[str]]:
    """The customer's addresses that texts, mail, and whatever else is enabled would go to."""
    takes: list[tuple[str, tuple[str, ...]]] = [("sms", ("phone",)), ("email", ("email",))]
    takes += [(lane.medium, channel_class(name).address_kinds) for name, lane in services.engine.lanes.items()]
    found: dict[str, dict[str, None]] = {}
    for medium, kinds in takes:
        if address := next((held[kind] for kind in kinds if kind in held), None):
            found.setdefault(medium, {})[address] = None
    return found


async def set_status(call: Call[NoQuery, StatusChange]) -> StatusSet:
    order = await order_of(call)
    event = staff.status_event(order.ref, call.body, call.body.id or own_id(call))
    plan: Planner = call.services.engine.planning.plan
    if call.body.text is not None:
        plan = staff.in_own_words(plan, call.body.text)
    if call.body.silent:
        plan = staff.silently(plan)
    return await act(call, event, plan, call.body.grace)


async def write(call: Call[NoQuery, ManualMessage]) -> StatusSet:
    order, wish = await order_of(call), call.body
    if not wish.template and not (wish.text or "").strip():
        raise Problem(422, "say what to send: a template, or a text", field="text")
    files = call.services.engine.renderer.files
    if wish.template and wish.to == CUSTOMER and not files.has(wish.template):
        near = did_you_mean(wish.template, files.media())
        raise Problem(422, f"there is no text {wish.template!r}{near}", field="template")
    event = staff.message_event(order.ref, wish, wish.id or own_id(call))
    return await act(call, event, manual_plan(call.services, wish), wish.grace)


async def undo(call: Call[NoQuery, Undo]) -> Undone:
    ref, services = call.path("ref"), call.services
    found = await services.box.views.story(ref)
    event = (
        next((each for each in found.events if each.id == call.body.event_id and each.source == staff.SOURCE), None)
        if found
        else None
    )
    if found is None or event is None:
        raise Problem(404, f"nothing of that id was done by hand at order {ref!r}", field="event_id")
    if found.order.is_past(event.seq):
        raise Problem(409, "too late to undo: the number is another order's by now")
    grace = staff.grace_of(event, float(services.settings.counter.grace))
    if services.clock.now() > event.received_at + round(grace * 1000):
        raise Problem(409, f"too late to undo: the {grace:g} s are over")
    if other := staff.said_too(found, event):
        raise Problem(409, f"too late to undo: {other} says so too")
    news = staff.told_by(found, event)
    own = [each for each in found.messages if each.event_seq in news]
    cancelled = 0
    if event.type != staff.TOLD and own:
        cancelled = await _take_back(call, [each.id for each in own])
    for message in own:
        if event.type == staff.TOLD or (event.type == staff.CONTACT and message.state in staff.UNSENT):
            await untell(call, found, message)
    status = found.order.status
    if back := staff.way_back(found, event):
        status = back.status
        change = staff.step_back(found, event, back)
        again = staff.status_event(ref, change, f"{staff.BACK}{event.id}"[:200])
        wait = staff.left_of(back.earlier, float(services.settings.counter.grace), services.clock.now())
        await _move(call, again, found.order, back.unheard, wait, change.text, plain=back.plain)
    elif staff.began(found, event):
        status = staff.DELETED
        await _move(call, staff.deletion(ref, event.id), found.order, frozenset(), 0.0)
    return Undone(event.id, cancelled, status)


async def _move(
    call: Call[NoQuery, Undo],
    event: Event,
    order: Order,
    hear: staff.Hearers,
    wait: float,
    text: str | None = None,
    *,
    plain: bool = False,
) -> None:
    """Another status instead of the one undone; only `hear` are told of it, customers in the words of `text` where there are some, and not
    before `wait` seconds are over, in which that can be undone as well. `plain`: without sentences of who told of it first."""
    services = call.services
    now = max(services.clock.now(), order.status_at + 1)
    posted = staff.posted(event, now=now, actor=call.caller.actor, plain=plain)
    plan: Planner = services.engine.planning.plan
    if text is not None:
        plan = staff.in_own_words(plan, text)
    plan = staff.only_for(plan, hear)
    await services.engine.door.accept(posted, staff.with_grace(plan, wait))


async def _take_back(call: Call[NoQuery, Undo], ids: list[str]) -> int:
    """All of them or none: what was looked at a moment ago may be on its way by now."""
    try:
        return await call.services.box.spool.take_back(ids, actor=call.caller.actor)
    except IllegalMove as error:
        raise Problem(409, "too late to undo: the message is on its way") from error


async def what_if(call: Call[NoQuery, WhatIf]) -> Preview:
    order, wish, services = await order_of(call), call.body, call.services
    if wish.status is not None:
        event = staff.status_event(
            order.ref, StatusChange(wish.status, promised_at=wish.promised_at, data=wish.data), "preview"
        )
        plan: Planner = services.engine.planning.plan
        if wish.text is not None:
            plan = staff.in_own_words(plan, wish.text)
    elif wish.template is not None or wish.text is not None:
        by_hand = ManualMessage(wish.template, wish.text, wish.subject, wish.to, data=wish.data)
        event, plan = staff.message_event(order.ref, by_hand, "preview"), manual_plan(services, wish)
    else:
        raise Problem(422, "say what is meant: a status, a template or a text", field="status")
    return Preview(await prospect(services, order, staff.posted(event, now=services.clock.now(), actor=""), plan))


async def hold(call: Call[NoQuery, Reason]) -> Held:
    ref = call.path("ref")
    await call.services.box.spool.hold(ref, actor=call.caller.actor, reason=call.body.reason)
    return Held(ref, held=True)


async def release(call: Call[NoQuery, Reason]) -> Held:
    ref = call.path("ref")
    await call.services.box.spool.release(ref, actor=call.caller.actor, reason=call.body.reason)
    return Held(ref, held=False)


ROUTES = (
    get("/v1/orders", index, "List orders", "Orders", Orders, OrdersQuery),
    get("/v1/orders/{ref}", show, "Show an order and its story", "Orders", OrderDetail, refusals=(404,)),
    post(
        "/v1/orders/{ref}/status",
        set_status,
        "Set a status by hand",
        "Orders",
        StatusChange,
        StatusSet,
        refusals=(404, 409, 507),
    ),
    post("/v1/orders/{ref}/undo", undo, "Undo what was done by hand", "Orders", Undo, Undone, refusals=(404, 409)),
    post(
        "/v1/orders/{ref}/messages",
        write,
        "Write to somebody about an order",
        "Orders",
        ManualMessage,
        StatusSet,
        refusals=(404, 409, 507),
    ),
    post(
        "/v1/orders/{ref}/preview",
        what_if,
        "Show what a status or message would send",
        "Orders",
        WhatIf,
        Preview,
        refusals=(404,),
    ),
    post(
        "/v1/orders/{ref}/hold",
        hold,
        "Hold an order's automatic messages",
        "Orders",
        Reason,
        Held,
        refusals=(404,),
        body_required=False,
    ),
    post(
        "/v1/orders/{ref}/release",
        release,
        "Release them",
        "Orders",
        Reason,
        Held,
        refusals=(404,),
        body_required=False,
    ),
)
