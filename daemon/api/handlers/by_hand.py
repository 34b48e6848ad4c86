"""What the calls by which staff act at an order share: which order, under what id, and the event that it becomes."""

import hashlib

from daemon.api.handlers import staff
from daemon.api.plumbing import present
from daemon.api.plumbing.route import B, Call, NoQuery, Q
from daemon.api.plumbing.services import Services
from daemon.api.schema.problem import Problem
from daemon.planner.manual import ManualWish
from daemon.wire.requests.orders import ManualMessage, WhatIf
from daemon.wire.steps import StatusSet
from daemon.wire.values import When
from outbox.model import Event, Message, Order, Planner

LONGEST_KEY = 180
"""Characters of a key that has room in an event's id as it is; of a longer one, its digest stands there."""


async def order_of(call: Call[Q, B]) -> Order:
    ref = call.path("ref")
    found = await call.services.box.views.orders_by_ref([ref])
    if not found:
        raise unknown_order(ref)
    return found[0]


def unknown_order(ref: str) -> Problem:
    return Problem(404, f"no order {ref!r} is known: no event has named it")


def own_id(call: Call[NoQuery, B]) -> str:
    """By the client's Idempotency-Key where it has one, so that a repeat has no second effect."""
    key = call.request.headers.get("Idempotency-Key", "")
    if len(key) > LONGEST_KEY or not key.isprintable():
        key = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
    return f"counter-{key or f'{call.services.rng.getrandbits(96):024x}'}"


async def told_in(services: Services, message: Message) -> Event | None:
    """The event that a message tells of, which others may share their id with; None once it was forgotten."""
    found = await services.box.views.events(message.event_id, source=None)
    own = next((each for each in found if each.seq == message.event_seq), None)
    return None if own is None else present.decoded(own)


def manual_plan(services: Services, wish: "ManualMessage | WhatIf") -> Planner:
    """Raises Problem 422 for an audience or channel that is not there."""
    try:
        return services.engine.planning.by_hand(
            ManualWish(
                audience=wish.to,
                template=wish.template or "",
                text=wish.text,
                subject=wish.subject,
                via=wish.via or (),
                urgent=wish.urgent,
            )
        )
    except LookupError as error:
        raise Problem(422, str(error.args[0]), field="via" if wish.via else "to") from error


async def act(
    call: Call[NoQuery, B], event: Event, plan: Planner, grace: float | None, *, begins: bool = False
) -> StatusSet:
    """`begins`: it takes a new order in. Raises OrderExists where that number is another's by now."""
    services = call.services
    seconds = float(services.settings.counter.grace) if grace is None else grace
    now = services.clock.now()
    posted = staff.posted(event, now=now, actor=call.caller.actor, begins=begins)
    taken = await services.engine.door.accept(posted, staff.with_grace(plan, seconds))
    messages = await services.box.views.messages_of_event(taken.seq)
    began = await _received_at(services, taken.event_id, now) if taken.duplicate else now
    return StatusSet(
        taken.event_id,
        When(began + round(seconds * 1000)) if seconds else None,
        taken.duplicate,
        [present.message(each) for each in messages],
    )


async def _received_at(services: Services, event_id: str, default: int) -> int:
    found = await services.box.views.events(event_id, source=staff.SOURCE)
    return found[0].received_at if found else default
