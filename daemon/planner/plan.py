"""What an event leads to: the messages, or why none. Pure and total: a broken route costs no event, it fails visibly.

It runs inside the writer's transaction, for every event: what can be worked out once is worked out in `make_planner`.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import msgspec

from daemon.config import Settings
from daemon.planner.formats import Formats
from daemon.planner.jinja_environment import explain
from daemon.planner.moments import milliseconds
from daemon.planner.recipients import (
    Reach,
    Recipient,
    Way,
    audience_recipients,
    check_country,
    check_locale,
    check_mail,
    customer_recipient,
    way_to,
    works_offline,
)
from daemon.planner.render_context import views
from daemon.planner.routes import CUSTOMER, TEAM, Route, Routes
from daemon.planner.rules.destination import countries_of
from daemon.planner.rules.drops import drops
from daemon.wire.event_types import EVENT_TYPES, QUIET_TYPES, nearly_event_type
from outbox.model import Order, Plan, PlannedMessage, Planner, Policy, Posted, State
from outbox.orders import UNPAID, comes_late, happened_at, is_paid_since, moves_status, tellers_of
from outbox.reasons import Reason

ASKS = frozenset({"order.customization_needed", "order.out_of_stock"})
"""Types that ask the customer something: no other source's question is the same one."""

CAME_LATE = Reason("came late: the order had moved on by then", "came_late")
ALL_LATE = (
    "it came late, so nobody hears of it: the order had moved on by the time that it gives; "
    "if it happened just now, its sender's clock is behind"
)
TOO_OLD = "it happened too long ago to be of use, so nobody hears of it; if it happened just now, its sender's clock is behind"
ALREADY_TOLD = "another source told it already"
NOT_MEANT = "the routes for it have a condition (`when`) that does not hold here"


def make_planner(routes: Routes, settings: Settings, channels: Mapping[str, Reach]) -> Planner:
    """The planner of this store. `channels`: all that are enabled, misconfigured ones too (their messages move on).

    Raises ConfigError for an address in `[audiences]` that can't be one.
    """
    return _Planning(routes, settings, channels).plan


def message_id(source: str, event_id: str, recipient: str, template: str, nth: int = 0) -> str:
    """`m` and 24 letters and digits, the same for the same thing: planning an event again names the same messages.

    `nth` tells apart what several routes tell one recipient with one template.
    """
    key = ascii((source, event_id, recipient, template, nth))
    return "m" + hashlib.blake2b(key.encode("ascii"), digest_size=12).hexdigest()


def no_route(event_type: str, settings: Settings) -> str:
    """Why nobody hears of an event of that type."""
    if event_type in QUIET_TYPES:
        return f"{event_type!r} is told only where `[planning] also` or a route of the store's own names it"
    if event_type in EVENT_TYPES and settings.planning.default_routes:
        return f"no channel is enabled by which the shipped routes tell of {event_type!r}, so nobody hears of it"
    near = nearly_event_type(event_type)
    return f"no route names {event_type!r}, so nobody hears of it" + (f"; did you mean {near!r}?" if near else "")


class _Times(msgspec.Struct, frozen=True):
    """When it may go; and until when it is of use, which counts from what happened, not from when we heard of it."""

    due_at: int
    expires_at: int | None
    waits: bool
    """It is for a later moment, or for when its order is let go: till then a number may be put right."""


class _Planning:
    def __init__(self, routes: Routes, settings: Settings, channels: Mapping[str, Reach]) -> None:
        check_country(settings)
        check_locale(settings)
        check_mail(settings)
        for route in (*routes.own, *routes.published, *routes.shipped):
            for name in route.via:
                if name not in channels:
                    raise LookupError(f"{route.place} goes via {name!r}, of which the planner is told nothing")
        self._routes = routes
        self._settings = settings
        self._channels = channels
        self._country = settings.store.country
        self._countries = countries_of(settings)
        self._zone = settings.store.zone
        self._formats = Formats(settings.store, settings.store.locale)
        self._moments = frozenset(
            route.at for route in (*routes.own, *routes.published, *routes.shipped) if route.at is not None
        )
        self._audiences = {
            name: tuple(audience_recipients(name, table, settings)) for name, table in settings.audiences.items()
        } | {TEAM: (Recipient(TEAM, {}),)}

    def plan(self, posted: Posted, before: Order | None, after: Order) -> Plan:
        """See `outbox.model.Planner`."""
        plan = self._led_to(posted, before, after)
        moved = self._moved(before, after)
        return msgspec.structs.replace(plan, moved=moved) if moved else plan

    def _moved(self, before: Order | None, after: Order) -> Mapping[int, int]:
        old, new = None if before is None else before.promised_at, after.promised_at
        if old is None or new is None or old == new:
            return {}
        moved = {}
        for at in self._moments:
            with suppress(ValueError, OverflowError):  # where the calendar ends nothing was planned, or can be
                moved[at.moment(old, self._zone)] = at.moment(new, self._zone)
        return moved

    def _led_to(self, posted: Posted, before: Order | None, after: Order) -> Plan:
        routes = self._routes.matching(posted.event.type)
        late = _came_late(posted, before)
        pointless = drops(posted, before, late=late)
        if not routes:
            return Plan(
                drops=pointless,
                why=no_route(posted.event.type, self._settings),
                unrouted=posted.event.type not in QUIET_TYPES,
            )
        told = _already_told(posted, before, after)
        if told:
            routes = tuple(route for route in routes if self._reached_nobody(route, posted, before, after))
            if not routes:
                return Plan(drops=pointless, why=ALREADY_TOLD)
        messages: list[PlannedMessage] = []
        counts: dict[tuple[str, str], int] = {}
        for route in routes:
            for message in self._of_route(route, posted, after, late):
                if told and (message.audience != CUSTOMER or message.state is not State.QUEUED):
                    continue
                key = (message.recipient, message.template)
                nth = counts.get(key, 0)
                counts[key] = nth + 1
                messages.append(message if not nth else _renamed(message, posted, nth))
        if not messages:
            return Plan(messages, pointless, ALREADY_TOLD if told else NOT_MEANT)
        return Plan(messages, pointless, _why_untold(messages, posted.received_at))

    def _reached_nobody(self, route: Route, posted: Posted, before: Order | None, after: Order) -> bool:
        """Whether the customer could not be reached that way when another source told it, and may be by what this one says."""
        if before is None or before.customer == after.customer:
            return False
        then = self._way(before, route.via)
        if not then.shut:
            return not then.via
        takes_its_place = route.policy.supersede and moves_status(posted.event.type)
        may_go_itself = self._way(after, then.via).is_open and self._may_still_wait(route, before, posted.received_at)
        return takes_its_place or not may_go_itself

    def _way(self, order: Order, via: Sequence[str]) -> Way:
        return way_to(customer_recipient(order.customer, self._country), via, self._channels, self._countries)

    def _may_still_wait(self, route: Route, order: Order, now: int) -> bool:
        """Whether what the route told of the order before may wait (`_Times.waits`): it goes by the number that is known then."""
        if order.held:
            return True
        if route.at is None:
            return route.delay > 0 and now < order.updated_at + route.delay
        with suppress(ValueError, OverflowError):  # it had no such moment, and failed at once
            return self._moment(route, order) > now
        return False

    def _of_route(self, route: Route, posted: Posted, order: Order, late: bool) -> Iterator[PlannedMessage]:
        trouble = ""
        if route.when is not None:
            try:
                if not route.when.holds(views(posted.event, order, self._formats), self._formats):
                    return
            except MemoryError:  # of this machine, not of the route: the event is told again
                raise
            except Exception as error:  # whatever an expression of the store's runs into: it must not cost the event
                trouble = f"{route.place}: when: {route.when.source!r}: {explain(error)}"
        counts_from = happened_at(posted) + route.delay
        due_at = posted.received_at + route.delay
        if route.at is not None:
            try:
                moment = self._moment(route, order)
                counts_from, due_at = max(moment, counts_from), max(moment, posted.received_at)
            except (ValueError, OverflowError) as error:
                trouble = trouble or f"{route.place}: at: {error}"
        expires_at = None if route.expires is None else counts_from + route.expires
        times = _Times(due_at, expires_at, waits=order.held or due_at > posted.received_at)
        for audience in route.audiences:
            for recipient in self._recipients(audience, order):
                yield self._message(route, posted, audience, recipient, times, trouble, late)

    def _moment(self, route: Route, order: Order) -> int:
        if order.promised_at is None:
            raise ValueError(
                "the order has no promised time to count from; guard the route with when = 'order.promised'"
            )
        assert route.at is not None
        return route.at.moment(order.promised_at, self._zone)

    def _recipients(self, audience: str, order: Order) -> tuple[Recipient, ...]:
        if audience == CUSTOMER:
            return (customer_recipient(order.customer, self._country),)
        return self._audiences[audience]

    def _message(
        self,
        route: Route,
        posted: Posted,
        audience: str,
        recipient: Recipient,
        times: "_Times",
        trouble: str,
        late: bool,
    ) -> PlannedMessage:
        way = way_to(recipient, route.via, self._channels, self._countries)
        name = self._recipient_name(route, recipient)
        template = route.template or posted.event.type
        state, reason = State.QUEUED, way.reason
        if trouble:
            state, reason = State.FAILED, Reason(trouble, "route_broken", words=trouble)
        elif late and route.policy.supersede:
            state, reason = State.SUPERSEDED, CAME_LATE
        elif not route.via:
            names = ", ".join(route.asked_via)
            state, reason = (
                State.FAILED,
                Reason(
                    f"{route.place}: via: none of these channels has a table in tether.toml: {names}",
                    "not_enabled",
                    channels=list(route.asked_via),
                ),
            )
        elif not way.via:
            state = State.FAILED if recipient.name == TEAM else State.SUPPRESSED
        elif way.shut and not times.waits:
            state = State.FAILED
        return PlannedMessage(
            id=message_id(posted.source, posted.event.id, name, template),
            audience=audience,
            recipient=name,
            addresses=recipient.addresses,
            via=way.via or route.via,
            template=template,
            trigger=posted.event.type,
            priority=route.priority,
            due_at=times.due_at,
            relative=route.at is None,
            expires_at=times.expires_at,
            policy=self._policy(route.policy, way.via or route.via, plain=posted.plain),
            state=state,
            reason=reason,
        )

    def _policy(self, policy: Policy, via: tuple[str, ...], *, plain: bool) -> Policy:
        """The route's, for the channels that are left: without one that works offline the line is waited for."""
        if plain:
            policy = msgspec.structs.replace(policy, plain=True)
        return policy if works_offline(via, self._channels) else msgspec.structs.replace(policy, offline_after=None)

    def _recipient_name(self, route: Route, recipient: Recipient) -> str:
        """A customer system is told apart from the person: it must neither hold up nor replace what they are told."""
        if route.via and all(self._channels[name].medium == "crm" for name in route.via):
            return f"{recipient.name}.{route.via[0]}"
        return recipient.name


def _renamed(message: PlannedMessage, posted: Posted, nth: int) -> PlannedMessage:
    again = message_id(posted.source, posted.event.id, message.recipient, message.template, nth)
    return msgspec.structs.replace(message, id=again)


def _already_told(posted: Posted, before: Order | None, after: Order) -> bool:
    """Another source has told this very thing before: the shop and the till both say that it is ready, the shop and the payment
    provider both say that it is paid or refunded. Of several payments, returns or refunds each is told by who is the first to count it.

    A question is its asker's own, and a promised time that the order did not have is news.
    """
    event = posted.event
    if tellers := tellers_of(after).get(event.type):
        return tellers.first != posted.source
    if before is None or before.status != event.type or before.status_source == posted.source or event.type in ASKS:
        return False
    promised = event.order.promised_at
    return promised is None or milliseconds(promised) == before.promised_at


def _why_untold(messages: Sequence[PlannedMessage], now: int) -> str:
    """Why none of them goes out, where that is for the time that the event gives."""
    if all(message.reason is CAME_LATE for message in messages):
        return ALL_LATE
    ends = [message.expires_at for message in messages if message.state is State.QUEUED]
    return TOO_OLD if ends and all(end is not None and end <= now for end in ends) else ""


def _came_late(posted: Posted, before: Order | None) -> bool:
    """The order's status was newer than this event when it came; or it was paid after what this says of a payment."""
    if before is None:
        return False
    if posted.event.type in UNPAID:
        return is_paid_since(before, posted)
    return moves_status(posted.event.type) and comes_late(before, posted)
