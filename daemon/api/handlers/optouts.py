"""Consent: who asked to be left alone, in which medium, and taking that back."""

from daemon.api.plumbing import present
from daemon.api.plumbing.route import Call, NoQuery, Route, Scope, get, post
from daemon.api.plumbing.services import Services
from daemon.api.schema.addresses import consent_addresses
from daemon.api.schema.problem import Problem
from daemon.planner.recipients import customer_recipient
from daemon.wire.customers import OptOuts, OptOutSet
from daemon.wire.queries import ListQuery, OptInQuery
from daemon.wire.requests.people import OptIn, OptOutWish
from outbox.masks import mask_address


async def index(call: Call[ListQuery, None]) -> OptOuts:
    page = await call.services.box.consent.list(limit=call.query.limit, cursor=call.query.cursor)
    return OptOuts([present.optout(each) for each in page.items], page.next)


async def stop(call: Call[NoQuery, OptOutWish]) -> OptOutSet:
    wish = call.body
    reason = wish.reason or "entered by staff"
    if wish.address is not None:
        addresses = consent_addresses(wish.medium, wish.address, call.services.settings.store)
    else:
        addresses = await _of_customer(call.services, wish.order_ref or "", wish.medium)
    for address in addresses:
        await call.services.box.consent.stop(wish.medium, address, reason=reason, actor=call.caller.actor)
    return OptOutSet(wish.medium, ", ".join(mask_address(each) for each in addresses), opted_out=True)


async def _of_customer(services: Services, ref: str, medium: str) -> list[str]:
    """The addresses of an order's customer that the medium uses. Raises Problem 404, or 422 where they have none."""
    found = await services.box.views.orders_by_ref([ref])
    if not found:
        raise Problem(404, f"no order {ref!r} is known: no event has named it", field="order_ref")
    held = customer_recipient(found[0].customer, services.settings.store.country).addresses
    kinds = {"sms": ("phone",), "email": ("email",)}.get(medium, tuple(held))
    addresses = list(dict.fromkeys(held[kind] for kind in kinds if kind in held))
    if not addresses:
        raise Problem(422, "the customer of this order has no address of that kind", field="order_ref")
    return addresses


async def allow(call: Call[OptInQuery, OptIn]) -> OptOutSet:
    """By the body or by parameters, since not every client sends a body with DELETE."""
    entry_id = call.body.id or call.query.id
    medium, address = call.body.medium or call.query.medium, call.body.address or call.query.address
    reason = call.body.reason or "entered by staff"
    consent = call.services.box.consent
    if entry_id is not None:
        entry = await consent.allow_entry(entry_id, reason=reason, actor=call.caller.actor)
        return OptOutSet(entry.medium, entry.address, opted_out=False)
    ref = call.body.order_ref
    if medium is None or (address is None and ref is None):
        raise Problem(422, "say which: its id, or its medium and address", field="id")
    if address is not None:
        addresses = consent_addresses(medium, address, call.services.settings.store)
    else:
        addresses = await _of_customer(call.services, ref or "", medium)
    actor = call.caller.actor
    stood = [await consent.allow(medium, each, reason=reason, actor=actor) for each in addresses]
    if not any(stood):
        raise Problem(404, "there is no such opt-out")
    return OptOutSet(medium, ", ".join(mask_address(each) for each in addresses), opted_out=False)


ROUTES = (
    get("/v1/optouts", index, "List who asked to be left alone", "Opt-outs", OptOuts, ListQuery),
    post(
        "/v1/optouts",
        stop,
        "Enter an opt-out",
        "Opt-outs",
        OptOutWish,
        OptOutSet,
        method="PUT",
        refusals=(404,),
        examples={"stop": {"medium": "sms", "address": "+447700900123", "reason": "asked at the counter"}},
    ),
    Route(
        method="DELETE",
        path="/v1/optouts",
        handler=allow,
        summary="Take an opt-out back",
        tag="Opt-outs",
        scope=Scope.STAFF,
        query=OptInQuery,
        body=OptIn,
        body_required=False,
        answers={200: OptOutSet},
        refusals=(404,),
    ),
)
