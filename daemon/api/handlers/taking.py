"""An order that staff take at the counter: shown before it is taken, with the grace and the undo of all that staff do."""

from daemon.api.handlers import staff
from daemon.api.handlers.by_hand import act
from daemon.api.handlers.preview import prospect
from daemon.api.plumbing.route import Call, NoQuery, post
from daemon.api.schema.event import Event
from daemon.api.schema.problem import Problem
from daemon.wire.steps import Preview, StatusSet

BEGINNINGS = ("order.placed", "order.confirmed", "order.in_production", "order.ready")
"""What a new order may stand at: it is taken, being made, or handed over the counter a moment later."""


async def _new(call: Call[NoQuery, Event]) -> Event:
    """Raises Problem for what is no new order, 409 for a number that is another's."""
    event, views = call.body, call.services.box.views
    if event.type not in BEGINNINGS:
        raise Problem(422, f"a new order stands at one of {', '.join(BEGINNINGS)}", field="type")
    if await views.orders_by_ref([event.order.ref]) and not await views.events(event.id, source=staff.SOURCE):
        raise Problem(409, f"there is an order {event.order.ref!r} already: take another number", field="order.ref")
    return event


async def take(call: Call[NoQuery, Event]) -> StatusSet:
    return await act(call, await _new(call), call.services.engine.planning.plan, None, begins=True)


async def preview(call: Call[NoQuery, Event]) -> Preview:
    event, services = await _new(call), call.services
    posted = staff.posted(event, now=services.clock.now(), actor="")
    return Preview(await prospect(services, None, posted, services.engine.planning.plan))


ROUTES = (
    post(
        "/v1/orders",
        take,
        "Take an order at the counter",
        "Orders",
        Event,
        StatusSet,
        refusals=(409, 507),
        description="An event of a new order, of the source `counter`. Nobody hears of it before `[counter] grace` is over; until then it can be undone.",
    ),
    post(
        "/v1/orders/preview",
        preview,
        "Show what a new order would send",
        "Orders",
        Event,
        Preview,
        refusals=(409,),
    ),
)
