"""Planning stored events again under today's routes: what they would have sent and nobody was sent is added, the rest left alone."""

from collections.abc import Sequence
from contextlib import suppress

import msgspec

from daemon.api.handlers.staff import SOURCE as COUNTER
from daemon.api.plumbing import voices
from daemon.api.plumbing.route import Call, NoQuery, Scope, post
from daemon.wire.requests.keeping import ReplayWish
from daemon.wire.sources import Replayed, ReplayedEvent, ReplayedMessage
from daemon.wire.values import rfc3339
from outbox import StoredEvent
from outbox.errors import NotFound
from outbox.masks import mask_address
from outbox.model import Order, Plan, PlannedMessage, Planner, Posted
from outbox.orders import to_ms

SLICE = 200
MOST = 100_000


async def replay(call: Call[NoQuery, ReplayWish]) -> Replayed:
    wish, services = call.body, call.services
    planned: list[ReplayedEvent] = []
    tokens = await services.box.tokens.list()
    looked_at = read = after = 0
    try:
        while read < MOST:
            page = await services.box.replay.since(to_ms(wish.since), after=after, limit=SLICE)
            if not page:
                break
            after, read = page[-1].seq, read + len(page)
            for stored in page:
                if _is_meant(stored, wish):
                    looked_at += 1
                    plain = not voices.may_write(stored.source, services.settings.sources, tokens)
                    plan = _without_sentences(services.engine.planning.plan) if plain else services.engine.planning.plan
                    with suppress(NotFound):  # past its time, and removed meanwhile
                        if new := await services.box.replay.replan(stored, plan, dry_run=wish.dry_run):
                            planned.append(_replayed(stored, new))
    finally:  # what was planned before it broke off was planned all the same
        if planned and not wish.dry_run:
            detail = {"since": rfc3339(to_ms(wish.since)), "events": len(planned)}
            await services.box.audit.append("events.replayed", actor=call.caller.actor, detail=detail)
    return Replayed(looked_at, wish.dry_run, planned)


def _without_sentences(plan: Planner) -> Planner:
    """The plan of what somebody told who may not write to customers in words of their own."""

    def planned(posted: Posted, before: Order | None, after: Order) -> Plan:
        return plan(msgspec.structs.replace(posted, plain=True), before, after)

    return planned


def _is_meant(stored: StoredEvent, wish: ReplayWish) -> bool:
    """Not what people did (their acts are not repeated), nor history, nor what was forgotten."""
    if stored.source == COUNTER or not stored.raw or wish.source not in (None, stored.source):
        return False
    is_history = msgspec.json.decode(stored.raw, type=_Marks).history is True
    return wish.order in (None, stored.order_ref) and not is_history


class _Marks(msgspec.Struct):
    """What a source wrote beside its event: it is history, of which nobody was to hear."""

    history: object = False


def _replayed(stored: StoredEvent, new: Sequence[PlannedMessage]) -> ReplayedEvent:
    messages = [
        ReplayedMessage(
            id=each.id,
            audience=each.audience,
            to=mask_address(next(iter(each.addresses.values()), "")),
            via=each.via,
            template=each.template,
            state=each.state.value,
            reason=str(each.reason),
        )
        for each in new
    ]
    return ReplayedEvent(stored.source, stored.id, stored.type, stored.order_ref, messages)


ROUTES = (
    post(
        "/v1/replay",
        replay,
        "Plan events again under today's routes",
        "Sources",
        ReplayWish,
        Replayed,
        Scope.ADMIN,
        refusals=(507,),
        description="What was planned before is left alone, so nothing is sent twice. Unless `dry_run` is false it only tells.",
    ),
)
