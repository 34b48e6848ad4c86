"""The shipped routes, type by type: who hears by what, in a store that enabled a channel of every kind."""

import pytest

from daemon.channels.registry import channel_class
from daemon.config import ConfigError
from daemon.planner.routes import compile_routes
from daemon.wire.event_types import EVENT_TYPES
from outbox.model import Customer, PlannedMessage, Priority
from tests.support.planning import HOUR, MINUTE, NOW, REACH, order, plan, posted, store

ADA = Customer(phone="07700 900123", email="ada@example.com", addresses={"fcm": "token"})
TEXT_FIRST = ("twilio", "modem", "fcm", "sendgrid")
MAIL_FIRST = ("sendgrid", "fcm", "twilio", "modem")
NO_TEXT = ("fcm", "sendgrid")

CUSTOMER = {
    "order.placed": (MAIL_FIRST, Priority.NORMAL, False, 0, 24),
    "order.confirmed": (MAIL_FIRST, Priority.NORMAL, False, 0, 24),
    "order.in_production": (NO_TEXT, Priority.LOW, False, 0, 12),
    "order.ready": (TEXT_FIRST, Priority.HIGH, False, 0, 12),
    "order.out_for_delivery": (TEXT_FIRST, Priority.HIGH, True, 0, 4),
    "order.completed": (MAIL_FIRST, Priority.LOW, False, 0, 24),
    "order.cancelled": (TEXT_FIRST, Priority.HIGH, False, 0, 48),
    "order.delayed": (TEXT_FIRST, Priority.HIGH, True, 0, 12),
    "order.customization_needed": (TEXT_FIRST, Priority.HIGH, False, 0, 24),
    "order.out_of_stock": (TEXT_FIRST, Priority.HIGH, False, 0, 24),
    "return.requested": (MAIL_FIRST, Priority.NORMAL, False, 0, 48),
    "return.received": (MAIL_FIRST, Priority.NORMAL, False, 0, 48),
    "refund.issued": (MAIL_FIRST, Priority.NORMAL, False, 0, 72),
    "payment.confirmed": (MAIL_FIRST, Priority.NORMAL, False, 0, 48),
    "payment.failed": (TEXT_FIRST, Priority.NORMAL, False, 10, 24),
}
"""By type: channels in turn, priority, whether it passes quiet hours, wait in minutes, hours until it is of no use."""

TEAM = {
    "order.placed",
    "order.cancelled",
    "order.delayed",
    "order.customization_needed",
    "order.out_of_stock",
    "return.requested",
    "payment.failed",
}
"""What staff must act on."""


def told(event_type: str, audience: str) -> list[PlannedMessage]:
    settings = store("twilio", "modem", "sendgrid", "fcm", "slack")
    messages = plan(settings, posted(event_type), order(customer=ADA)).messages
    return [message for message in messages if message.audience == audience]


@pytest.mark.parametrize(
    ("status", "data", "asked"),
    [
        ("order.in_production", {"amount": "48.50"}, True),
        ("order.ready", {"amount": "30.00", "full": True}, True),
        ("order.ready", {"amount": "28.50", "refunded": "48.50"}, True),
        ("order.ready", {"amount": "20.00", "refunded": "20.00"}, False),
        ("order.in_production", {"amount": "1.00"}, False),
        ("order.completed", {"amount": "48.50"}, False),
        ("order.cancelled", {"amount": "48.50"}, False),
    ],
)
def test_staff_are_asked_of_an_order_that_is_paid_back_whole_before_it_is_handed_over(
    status: str, data: dict[str, object], asked: bool
) -> None:
    settings = store("slack")
    messages = plan(settings, posted("refund.issued", data=data), order(status=status, total="48.50")).messages
    assert [message.audience for message in messages] == (["team"] if asked else [])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"amount": "0.00"}, False),
        ({"amount": "-0.00"}, False),
        ({"amount": "0.00", "full": True}, False),
        ({"amount": "-5.00"}, True),
        ({}, True),
    ],
)
def test_a_refund_that_gives_nothing_back_is_no_news(data: dict[str, object], told: bool) -> None:
    """As shops list what was only put back into stock, or taken out of an order that was never paid."""
    messages = plan(store("sendgrid"), posted("refund.issued", data=data), order(customer=ADA)).messages
    assert [message.audience for message in messages] == (["customer"] if told else [])


def test_the_table_is_complete() -> None:
    assert set(CUSTOMER) == set(EVENT_TYPES)
    assert len(EVENT_TYPES) == 15


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_the_customer(event_type: str) -> None:
    via, priority, urgent, wait, hours = CUSTOMER[event_type]
    [message] = told(event_type, "customer")
    assert message.via == via
    assert (message.priority, message.policy.urgent) == (priority, urgent)
    assert message.due_at == NOW + wait * MINUTE
    assert message.expires_at == message.due_at + hours * HOUR
    assert message.policy.supersede
    assert message.policy.on_unknown == "resend"


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_the_team(event_type: str) -> None:
    messages = told(event_type, "team")
    assert [message.via for message in messages] == ([("slack",)] if event_type in TEAM else [])


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_customer_system_that_is_enabled_learns_of_every_type(event_type: str) -> None:
    messages = plan(store("hubspot", "klaviyo"), posted(event_type), order(customer=ADA)).messages
    assert [message.recipient for message in messages] == ["customer.hubspot", "customer.klaviyo"]
    assert {message.priority for message in messages} == {Priority.LOW}


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_what_belongs_into_the_mailbox_is_in_no_hurry_to_the_modem(event_type: str) -> None:
    [message] = told(event_type, "customer")
    if message.via[0] == "sendgrid":
        assert message.policy.offline_after == 3600
    elif "modem" in message.via:
        assert message.policy.offline_after == 60


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_an_empty_configuration_sends_nothing(event_type: str) -> None:
    assert list(plan(store(), posted(event_type), order(customer=ADA)).messages) == []


@pytest.mark.parametrize(
    ("event_type", "audience", "via"),
    [
        ("order.ready", "customer", ("twilio", "vonage", "plivo", "modem", "whatsapp", "messenger", "intercom")),
        ("order.placed", "customer", ("sendgrid", "mailgun", "ses", "outlook", "smtp", "woocommerce")),
        ("order.in_production", "customer", ("fcm", "pusher")),
        ("order.cancelled", "team", ("slack", "webhook", "apprise")),
    ],
)
def test_channels_of_a_kind_are_tried_in_the_order_that_they_declare(
    event_type: str, audience: str, via: tuple[str, ...]
) -> None:
    routes = compile_routes(store(*REACH), REACH).matching(event_type)
    [route] = [route for route in routes if route.audiences == (audience,) and len(route.via) > 1]
    assert tuple(name for name in route.via if name in via) == via


def test_a_chat_by_which_customers_are_told_is_called_by_its_name() -> None:
    """The screen has one word for all others: "letter to the team", by which Kira was to be told."""
    via = {
        name
        for on in EVENT_TYPES
        for route in compile_routes(store(*REACH), REACH).matching(on)
        if route.audiences == ("customer",)
        for name in route.via
    }
    chats = [channel_class(name) for name in via if REACH[name].medium == "chat"]
    assert {kind.name for kind in chats} >= {"whatsapp", "intercom"}
    assert [kind.name for kind in chats if not kind.known_to_customers] == []


def test_customer_systems_learn_in_the_order_that_they_declare() -> None:
    messages = plan(store(*REACH), posted("order.ready"), order(customer=ADA)).messages
    systems = [message.recipient for message in messages if message.recipient.startswith("customer.")]
    assert systems == [f"customer.{name}" for name in ("hubspot", "klaviyo", "activecampaign", "sfmc", "zoho")]


@pytest.mark.parametrize("name", REACH)
def test_the_shipped_routes_take_a_channel_for_what_it_is(name: str) -> None:
    own = {"sms": {"order.ready"}, "email": {"order.placed"}, "chat": {"order.ready"}, "push": {"order.in_production"}}
    told = {on for on in EVENT_TYPES for route in compile_routes(store(name), REACH).matching(on) if name in route.via}
    reach = REACH[name]
    assert told >= {on for kind in (reach.ships_as or (reach.medium,)) for on in own.get(kind, ())}
    if reach.ships_as == ("team",):
        assert told == TEAM | {"refund.issued"}
    elif reach.is_of("crm"):
        assert told == set(EVENT_TYPES)


CHANGED = {"changed": ["promised_at"]}


@pytest.mark.parametrize(
    ("event_type", "data", "status", "wait"),
    [("order.changed", CHANGED, "order.confirmed", 0), ("payment.pending", {}, "", 60)],
)
def test_what_is_off_by_default_is_told_where_the_store_switches_it_on(
    event_type: str, data: dict[str, object], status: str, wait: int
) -> None:
    what, about = posted(event_type, data=data), order(customer=ADA, status=status)
    channels = ("twilio", "modem", "sendgrid", "fcm", "slack", "hubspot")
    assert plan(store(*channels), what, about).messages == ()
    [message] = plan(store(*channels, planning={"also": [event_type]}), what, about).messages
    assert (message.audience, message.via, message.due_at) == ("customer", MAIL_FIRST, NOW + wait * MINUTE)


@pytest.mark.parametrize(
    ("changed", "status", "is_told"),
    [
        (["total"], "order.confirmed", True),
        (["note", "phone"], "order.confirmed", False),
        (["fulfilment"], "order.completed", False),
        (None, "order.confirmed", True),
    ],
)
def test_a_change_is_news_by_its_time_place_or_sum_while_the_order_is_open(
    changed: list[str] | None, status: str, is_told: bool
) -> None:
    settings = store("sendgrid", planning={"also": ["order.changed"]})
    data = None if changed is None else {"changed": changed}
    assert (
        bool(plan(settings, posted("order.changed", data=data), order(customer=ADA, status=status)).messages) is is_told
    )


@pytest.mark.parametrize("settled", ["payment.confirmed", "order.placed", "order.cancelled", "order.deleted"])
def test_a_reminder_is_dropped_once_it_is_settled(settled: str) -> None:
    assert "payment.pending" in plan(store("sendgrid"), posted(settled)).drops


def test_a_name_that_ships_no_such_route_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"planning.also: no shipped route for 'order.change' is off; did you mean 'order.changed'"
    ):
        plan(store("sendgrid", planning={"also": ["order.change"]}), posted())
