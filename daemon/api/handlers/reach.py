"""Helping a customer whom nothing reached: what could reach them, another address or way for the same news, and that staff told them.

What staff do here are events of source `counter` like their steps: on record with who did it, taken once by their id, taken back by
the same undo.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from daemon.api.handlers.by_hand import act, manual_plan, order_of, own_id, told_in
from daemon.api.handlers.preview import prospect
from daemon.api.handlers.staff import SOURCE, UNSENT, Said, contact_event, posted, told_event, untold_event
from daemon.api.plumbing import present
from daemon.api.plumbing.route import Call, NoQuery, Scope, get, post
from daemon.api.plumbing.services import Services
from daemon.api.schema.addresses import entered_address
from daemon.api.schema.problem import Problem
from daemon.channels.registry import channel_class
from daemon.planner.plan import message_id
from daemon.planner.recipients import Recipient, customer_recipient, no_text
from daemon.planner.rules.destination import countries_of
from daemon.wire.queries import WaysQuery
from daemon.wire.requests.orders import Contact, ManualMessage, ToldBy
from daemon.wire.steps import Preview, StatusSet, Way, Ways
from daemon.wire.values import When
from outbox import StoredEvent, Story
from outbox.errors import IllegalMove
from outbox.masks import mask_address
from outbox.model import Customer, Message, Order, Plan, PlannedMessage, Planner, Posted, State
from outbox.reasons import NO_REASON, Reason

NOT_REACHED = frozenset({State.FAILED, State.EXPIRED, State.SUPPRESSED, State.CANCELLED})
CUSTOMER = "customer"
TAKEN_BACK = Reason("taken back", "undone")


# ---------------------------------------------------------------- what could reach them


async def ways(call: Call[WaysQuery, None]) -> Ways:
    order, services, asked = await order_of(call), call.services, call.query.message_id
    untold = await _newest(services, order) if asked is None else await _of_order(services, order, asked)
    found: tuple[Way, ...] = ()
    if untold is not None and order.is_past(untold.event_seq):
        phone = untold.addresses.get("phone")
    else:
        who = customer_recipient(order.customer, services.settings.store.country)
        phone, found = who.addresses.get("phone"), await _ways(services, who)
    whole = call.caller.may(Scope.STAFF)
    return Ways(
        about=order.status if asked is None or untold is None else untold.trigger,
        message_id=untold.id if untold else None,
        state=untold.state if untold else None,
        **present.reason(untold.reason if untold else NO_REASON),
        phone=phone if whole or not phone else mask_address(phone),
        ways=found,
    )


async def _ways(services: Services, who: Recipient) -> tuple[Way, ...]:
    """By medium and kind of address: texts and mail in any case, others where the customer has such an address."""
    found: dict[tuple[str, str], Way] = {}
    for row in await services.engine.board.board():
        kinds = channel_class(row.name).address_kinds
        if row.medium == "crm" or not kinds:
            continue
        kind = next((each for each in kinds if each in who.addresses), kinds[0])
        if (row.medium, kind) in found:
            found[row.medium, kind] = _also_by(found[row.medium, kind], row.name)
        elif row.medium in ("sms", "email") or kind in who.addresses:
            found[row.medium, kind] = await _way(services, who, row.name, row.medium, kind)
    return tuple(found.values())


def _also_by(way: Way, channel: str) -> Way:
    return msgspec.structs.replace(way, via=(*way.via, channel))


async def _way(services: Services, who: Recipient, channel: str, medium: str, kind: str) -> Way:
    address = who.addresses.get(kind, "")
    why = await services.box.consent.blocked(medium, address) if address else None
    silent = why is not None or medium in who.refuses
    no_use = medium == "sms" and no_text(who, countries_of(services.settings)) is not None
    bad = no_use or kind in who.unusable
    standing = "opted_out" if silent else "unusable" if bad else "open" if address else "no_address"
    since = why.args.get("since") if why is not None else None
    return Way(
        medium=medium,
        kind=kind,
        to=mask_address(address),
        state=standing,
        via=(channel,),
        since=When(since) if since else None,
        how=str(why) if why is not None else "",
    )


# ---------------------------------------------------------------- another address, another way


async def contact(call: Call[NoQuery, Contact]) -> StatusSet:
    order, wish, services = await order_of(call), call.body, call.services
    customer = _customer(services, wish)
    untold = await _untold(services, order, wish)
    event_id = wish.id or own_id(call)
    before = await services.box.views.events(event_id, source=SOURCE)
    event = contact_event(order.ref, event_id, customer, await _said(services, order, untold, before))
    return await act(call, event, _again(services, wish, untold), wish.grace)


async def contact_preview(call: Call[NoQuery, Contact]) -> Preview:
    order, wish, services = await order_of(call), call.body, call.services
    customer = _customer(services, wish)
    untold = await _untold(services, order, wish)
    event = contact_event(order.ref, "preview", customer, await _said(services, order, untold))
    told = posted(event, now=services.clock.now(), actor="")
    return Preview(await prospect(services, order, told, _again(services, wish, untold)))


def _customer(services: Services, wish: Contact) -> Customer | None:
    """Raises Problem 422 for what can't be an address, and where nothing is said at all."""
    usable: dict[str, str] = {}
    for kind, medium, given in (("phone", "sms", wish.phone), ("email", "email", wish.email)):
        if given is not None:
            usable[kind] = entered_address(medium, given, services.settings.store, field=kind)
    if not usable and not wish.via:
        raise Problem(422, "say what helps: a phone number, an e-mail address, or another way (via)", field="phone")
    return Customer(phone=usable.get("phone"), email=usable.get("email")) if usable else None


async def _newest(services: Services, order: Order) -> Message | None:
    """The newest message to the customer about where their order stands."""
    return (await services.box.views.told([order.ref])).get(order.ref)


async def _untold(services: Services, order: Order, wish: Contact) -> Message | None:
    """The message that is to go out now; None: nothing is to be told. Raises Problem 409 for what was to be told to somebody else: whoever had
    the order's number before."""
    if wish.message_id is None:
        message = await _newest(services, order)
    else:
        message = await _of_order(services, order, wish.message_id)
        if order.is_past(message.event_seq):
            raise Problem(
                409,
                "that is of the order that had this number before: send it again, or phone them",
                field="message_id",
            )
    return message if wish.tell and message is not None and message.state in NOT_REACHED else None


async def _said(services: Services, order: Order, untold: Message | None, before: Sequence[StoredEvent] = ()) -> Said:
    """What the untold event said beyond its order, which the text may need. `before`: the event of this very call, where it is repeated:
    what was untold then is under way now."""
    if before:
        first = present.decoded(before[0])
        return Said() if first is None else Said(first.data, first.order.promised_at)
    if untold is None or (event := await told_in(services, untold)) is None:
        return Said()
    data = {name: value for name, value in (event.data or {}).items() if name != "by_hand"}
    told_the_time = untold.trigger == "order.delayed" and event.order.promised_at is not None
    if not told_the_time or order.promised_at is None:
        return Said(data)
    return Said(data, datetime.fromtimestamp(order.promised_at / 1000, UTC))


def _again(services: Services, wish: Contact, untold: Message | None) -> Planner:
    """The untold news once more, to where the customer can be reached now: still about what it was about."""
    if untold is None:
        return lambda posted, before, after: Plan()
    text = wish.text or untold.text
    plan = manual_plan(
        services,
        ManualMessage(None if text else untold.template, text, untold.subject, CUSTOMER, wish.via),
    )

    def again(posted: Posted, before: Order | None, after: Order) -> Plan:
        return Plan(
            [
                msgspec.structs.replace(
                    each,
                    trigger=untold.trigger,
                    policy=msgspec.structs.replace(each.policy, plain=untold.policy.plain),
                )
                for each in plan(posted, before, after).messages
            ]
        )

    return again


# ---------------------------------------------------------------- told by a person


async def told(call: Call[NoQuery, ToldBy]) -> StatusSet:
    order = await order_of(call)
    return await tell_by_person(call, order, call.body)


async def tell_by_person(call: Call[NoQuery, Any], order: Order, wish: ToldBy) -> StatusSet:
    """On record as told: by whom, when and how. The card turns calm and the call list forgets it."""
    who = call.caller.actor
    message = None if wish.message_id is None else await _of_order(call.services, order, wish.message_id)
    if wish.how == "in_person":
        reason = Reason(f"told in person by {who}", "told_in_person", who=who)
    else:
        reason = Reason(f"phoned by {who}", "phoned", who=who)
    if message is not None and order.is_past(message.event_seq):
        return await _told_before(call, message, reason, wish.reason)
    about = order.status if message is None else message.trigger
    event = told_event(order.ref, wish.id or own_id(call), wish.how, wish.reason)
    return await act(call, event, lambda posted, *_: Plan([_entry(posted, about, State.DELIVERED, reason)]), wish.grace)


async def _told_before(call: Call[NoQuery, Any], message: Message, reason: Reason, note: str) -> StatusSet:
    """Whoever had the number before was told: that is no event of the order that has it now, and its message alone says so."""
    spool = call.services.box.spool
    told = await spool.told_by_person(message.id, reason, actor=call.caller.actor, note=note)
    return StatusSet(duplicate=message.state is State.DELIVERED, messages=[present.message(told)])


async def untell(call: Call[NoQuery, Any], story: Story, told: Message) -> None:
    """Staff had not told them after all, nor does anything else: what stood before stands again, as an entry of its own."""
    services = call.services
    earlier = [
        each
        for each in story.messages
        if (each.recipient, each.trigger) == (told.recipient, told.trigger) and not story.order.is_past(each.event_seq)
    ]
    before = max((each for each in earlier if each.seq < told.seq), key=lambda each: each.seq, default=None)
    if before is not None:
        await _make_way(call, before)

    def plan(posted: Posted, _: Order | None, after: Order) -> Plan:
        if before is None or before.state is State.UNKNOWN:  # what is in doubt goes on as it was
            return Plan([_entry(posted, told.trigger, State.CANCELLED, TAKEN_BACK)])
        again = _entry(posted, told.trigger, before.state, before.reason)
        kept = ["addresses", "via", "template", "text", "subject", "priority", "expires_at", "policy"]
        if before.state in UNSENT:
            kept += ["due_at", "relative"]
        return Plan([msgspec.structs.replace(again, **{name: getattr(before, name) for name in kept})])

    said = await _said(services, story.order, before)
    event = untold_event(story.order.ref, told.event_id, said)
    told_back = posted(event, now=services.clock.now(), actor=call.caller.actor)
    await services.engine.door.accept(told_back, plan)


async def _make_way(call: Call[NoQuery, Any], waiting: Message) -> None:
    """What waits still goes on as the entry that takes its place, and not twice. Raises Problem 409 for one that is on its way."""
    if waiting.state not in (State.SENDING, *UNSENT):
        return
    try:
        await call.services.box.spool.take_back([waiting.id], actor=call.caller.actor)
    except IllegalMove as error:
        raise Problem(409, "too late to undo: the message is on its way") from error


def _entry(posted: Posted, about: str, state: State, reason: Reason) -> PlannedMessage:
    """A message that no channel carries: that the customer knows, or does not."""
    return PlannedMessage(
        id=message_id(posted.source, posted.event.id, CUSTOMER, about),
        audience=CUSTOMER,
        recipient=CUSTOMER,
        addresses={},
        via=(),
        template=about,
        trigger=about,
        due_at=posted.received_at,
        state=state,
        reason=reason,
    )


async def _of_order(services: Services, order: Order, message_id: str) -> Message:
    """A message to its customer. What the team or a system was told is no news for them. Raises Problem 404."""
    rows = await services.box.views.messages_by_id([message_id])
    found = [each for each in rows if each.order_ref == order.ref and each.recipient == CUSTOMER]
    if not found:
        raise Problem(404, f"order {order.ref!r} has no message {message_id!r} to its customer", field="message_id")
    return found[0]


ROUTES = (
    get(
        "/v1/orders/{ref}/ways",
        ways,
        "Show how an order's customer can be reached",
        "Orders",
        Ways,
        WaysQuery,
        refusals=(404,),
        description="Each medium with its address (masked) and what stands against it; the number to phone is whole for staff. "
        "Whoever had the number before has no way here but that of being phoned.",
    ),
    post(
        "/v1/orders/{ref}/contact",
        contact,
        "Give a customer another address or way, and tell them what did not reach them",
        "Orders",
        Contact,
        StatusSet,
        refusals=(404, 409, 507),
        examples={"number": {"phone": "07700 900456"}, "other way": {"via": ["sendgrid"]}},
    ),
    post(
        "/v1/orders/{ref}/contact/preview",
        contact_preview,
        "Show what another address or way would send",
        "Orders",
        Contact,
        Preview,
        refusals=(404, 409),
    ),
    post(
        "/v1/orders/{ref}/told",
        told,
        "Say that staff told the customer themselves",
        "Orders",
        ToldBy,
        StatusSet,
        refusals=(404, 409, 507),
        body_required=False,
    ),
)
