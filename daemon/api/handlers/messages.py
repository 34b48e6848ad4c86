"""The outbox: what waits, went and failed; trying again, cancelling, previewing, and the names of the texts."""

from daemon.api.plumbing import present
from daemon.api.plumbing.route import Call, NoQuery, get, post
from daemon.api.plumbing.services import Services
from daemon.api.plumbing.short_list import page_of
from daemon.api.schema.event import PreviewWish
from daemon.api.schema.problem import Problem
from daemon.channels.registry import CHANNELS
from daemon.planner import preview as render
from daemon.planner.render import RenderError
from daemon.wire.messages import Message, MessageDetail, Messages, Rendering, Template, Templates
from daemon.wire.near import or_known
from daemon.wire.queries import MessagesQuery, ShortListQuery
from daemon.wire.requests.act import Reason
from daemon.wire.requests.messages import Retry
from outbox.model import Event, Order, Posted, State
from outbox.orders import project, to_ms


async def index(call: Call[MessagesQuery, None]) -> Messages:
    query = call.query
    if query.channel is not None and query.channel not in CHANNELS:
        near = or_known(query.channel, CHANNELS, known_are="there are")
        raise Problem(422, f"there is no channel {query.channel!r}{near}", field="channel")
    page = await call.services.box.views.messages(
        states=[State(state) for state in query.state],
        channel=query.channel,
        order_ref=query.order,
        recipient=query.recipient,
        since=None if query.since is None else to_ms(query.since),
        limit=query.limit,
        cursor=query.cursor,
    )
    return Messages([present.message(each) for each in page.items], page.next)


async def show(call: Call[NoQuery, None]) -> MessageDetail:
    message_id = call.path("id")
    views = call.services.box.views
    found = await views.messages_by_id([message_id])
    if not found:
        raise Problem(404, f"no message has the id {message_id!r}")
    return present.message_detail(found[0], await views.attempts([message_id]))


async def retry(call: Call[NoQuery, Retry]) -> Message:
    channel = call.body.channel
    lanes = call.services.engine.lanes
    if channel is not None and channel not in lanes:
        enabled = or_known(channel, lanes, known_are="enabled are")
        raise Problem(422, f"no channel {channel!r} is enabled{enabled}", field="channel")
    return present.message(
        await call.services.box.spool.retry(call.path("id"), actor=call.caller.actor, channel=channel)
    )


async def cancel(call: Call[NoQuery, Reason]) -> Message:
    return present.message(
        await call.services.box.spool.cancel(call.path("id"), actor=call.caller.actor, reason=call.body.reason)
    )


async def preview(call: Call[NoQuery, PreviewWish]) -> Rendering:
    wish, services = call.body, call.services
    if wish.template is None and wish.text is None:
        raise Problem(422, "say what to render: a template, or a text", field="template")
    order = await _order_of(call)
    event = wish.event or (None if order is None else await _newest(services, order, wish.template))
    try:
        made = render.preview(
            services.engine.renderer,
            wish.template or "",
            wish.medium,
            wish.locale or (None if order is None else order.customer.locale),
            event=event,
            order=order,
            text=wish.text,
        )
    except RenderError as error:
        raise Problem(422, str(error), field="template") from error
    return Rendering(made.rendered.subject, made.rendered.text, made.rendered.html, present.sms_size(made.sms))


async def _order_of(call: Call[NoQuery, PreviewWish]) -> Order | None:
    """The order that is named, as the event would leave it; None where neither is given. Raises Problem 404."""
    wish, services = call.body, call.services
    ref = wish.order_ref or (None if wish.event is None else wish.event.order.ref)
    if ref is None:
        return None
    order = next(iter(await services.box.views.orders_by_ref([ref])), None)
    if order is None and wish.order_ref is not None:
        raise Problem(404, f"no order {ref!r} is known", field="order_ref")
    if wish.event is None:
        return order
    return project(order, Posted(call.caller.name, wish.event, b"", services.clock.now()))


async def _newest(services: Services, order: Order, type: str | None) -> Event | None:
    """The order's newest event of that type, and none of an order before that had its number; None where there is none, or it was forgotten."""
    found = await services.box.views.events_of_order(order.ref)
    told = [each for each in found if each.type == type and not order.is_past(each.seq)]
    return present.decoded(told[-1]) if told else None


async def templates(call: Call[ShortListQuery, None]) -> Templates:
    found, following = page_of(list(call.services.engine.renderer.files.media().items()), call.query)
    return Templates([Template(name, tuple(media)) for name, media in found], following)


ROUTES = (
    get("/v1/messages", index, "List messages", "Messages", Messages, MessagesQuery),
    post(
        "/v1/messages/preview",
        preview,
        "Render a text without sending it",
        "Messages",
        PreviewWish,
        Rendering,
        refusals=(404,),
        examples={"ready": {"template": "order.ready", "medium": "sms", "locale": "en"}},
    ),
    get("/v1/messages/{id}", show, "Show a message and its attempts", "Messages", MessageDetail, refusals=(404,)),
    post(
        "/v1/messages/{id}/retry",
        retry,
        "Send a message again",
        "Messages",
        Retry,
        Message,
        refusals=(404, 409),
        body_required=False,
    ),
    post(
        "/v1/messages/{id}/cancel",
        cancel,
        "Cancel a message that waits",
        "Messages",
        Reason,
        Message,
        refusals=(404, 409),
        body_required=False,
    ),
    get("/v1/templates", templates, "List the texts that staff may send", "Messages", Templates, ShortListQuery),
)
