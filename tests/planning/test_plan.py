"""What an event leads to: the messages, to whom, by what, when, or why none."""

from datetime import UTC, datetime
from typing import Any

import pytest

from daemon.config import ConfigError
from daemon.planner.plan import make_planner, message_id
from daemon.planner.routes import compile_routes
from outbox.model import Customer, OrderFields, Policy, Priority, State
from tests.support.planning import ADA, DAY, HOUR, NOW, REACH, only, order, plan, posted, route, store


def test_the_straight_case() -> None:
    settings = store("twilio", "modem", "sendgrid", route=[route(via=["twilio", "modem", "sendgrid"], expires="12h")])
    message = only(settings, posted())
    assert (message.audience, message.recipient) == ("customer", "customer")
    assert message.addresses == {"phone": "+447700900123", "email": "ada@example.com"}
    assert message.via == ("twilio", "modem", "sendgrid")
    assert (message.template, message.trigger) == ("order.ready", "order.ready")
    assert (message.due_at, message.expires_at) == (NOW, NOW + 12 * HOUR)
    assert (message.state, message.reason) == (State.QUEUED, "")
    assert (message.priority, message.policy) == (Priority.NORMAL, Policy(offline_after=60.0))


@pytest.mark.parametrize(
    ("via", "customer", "after"),
    [
        (["twilio", "modem", "sendgrid"], ADA, 60.0),
        (["twilio", "sendgrid"], ADA, None),
        (["twilio", "modem", "sendgrid"], Customer(email="ada@example.com"), None),
    ],
)
def test_only_what_has_a_way_without_the_internet_goes_by_it(
    via: list[str], customer: Customer, after: float | None
) -> None:
    settings = store("twilio", "modem", "sendgrid", route=[route(via=via)])
    assert only(settings, posted(), order(customer=customer)).policy.offline_after == after


def test_an_event_that_no_route_names_leads_to_nothing() -> None:
    assert plan(store("twilio"), posted("shop.opened")).messages == ()


def test_an_id_is_short_plain_and_the_same_again() -> None:
    settings = store("twilio")
    first, again = only(settings, posted()), only(settings, posted())
    assert first.id == again.id
    assert first.id == message_id("pos", "till-2-77810", "customer", "order.ready")
    assert len(first.id) == 25
    assert first.id.isalnum()
    assert first.id == first.id.lower()


def test_ids_differ_by_each_of_what_they_name() -> None:
    names = [
        ("a", "b", "c", "d"),
        ("ab", "", "c", "d"),
        ("a", "b", "cd", ""),
        ("a", "bc", "", "d"),
        ("", "ab", "c", "d"),
    ]
    assert len({message_id(*name) for name in names}) == len(names)


def test_two_routes_that_tell_the_same_recipient_the_same_are_two_messages() -> None:
    settings = store("twilio", route=[route(), route(delay="1h")])
    first, second = plan(settings, posted()).messages
    assert first.id != second.id
    assert second.due_at == NOW + HOUR


class TestRecipients:
    def test_the_team_has_one_message_by_channels_with_a_destination(self) -> None:
        settings = store("twilio", "slack", route=[route(to="team", via=["twilio", "slack"])])
        message = only(settings, posted())
        assert (message.audience, message.recipient, message.via, message.addresses) == ("team", "team", ("slack",), {})

    def test_a_team_that_no_channel_has_a_destination_for_fails_visibly(self) -> None:
        message = only(store("twilio", route=[route(to="team")]), posted())
        assert message.state is State.FAILED
        assert message.reason == "no destination for the team is set on twilio"

    def test_a_named_audience_has_a_message_for_each_of_its_people(self) -> None:
        settings = store(
            "twilio",
            "slack",
            audiences={"owner": {"phone": ["+447400123456", "07400 123457"], "slack": "C0123456789"}},
            route=[route(to="owner", via=["twilio", "slack"])],
        )
        first, second = plan(settings, posted()).messages
        assert (first.recipient, second.recipient) == ("owner", "owner.2")
        assert first.audience == second.audience == "owner"
        assert first.addresses == {"phone": "+447400123456", "slack": "C0123456789"}
        assert second.addresses == {"phone": "+447400123457", "slack": "C0123456789"}
        assert first.id != second.id

    def test_a_named_audience_with_an_impossible_address_is_refused_at_start(self) -> None:
        settings = store("twilio", audiences={"owner": {"phone": "12"}})
        with pytest.raises(ConfigError, match=r"audiences\.owner\.phone: '12' can't be a phone number"):
            plan(settings, posted())

    def test_a_customer_system_is_told_apart_from_the_customer(self) -> None:
        told = plan(store("twilio", "hubspot", "klaviyo"), posted()).messages
        assert [(message.recipient, message.via) for message in told] == [
            ("customer", ("twilio",)),
            ("customer.hubspot", ("hubspot",)),
            ("customer.klaviyo", ("klaviyo",)),
        ]

    def test_a_customer_system_is_not_told_of_somebody_without_address(self) -> None:
        told = plan(store("hubspot"), posted(), order(customer=Customer(name="Ada"))).messages
        assert told == []


class TestAddresses:
    def test_what_is_no_number_is_passed_over_and_said(self) -> None:
        customer = Customer(phone="call me", email="ada@example.com")
        message = only(
            store("twilio", "sendgrid", route=[route(via=["twilio", "sendgrid"])]), posted(), order(customer=customer)
        )
        assert message.state is State.QUEUED
        assert message.via == ("sendgrid",)
        assert message.reason == "the phone number given can't be one"

    def test_nothing_usable_is_suppressed_in_words(self) -> None:
        customer = Customer(name="Ada", phone="none", email=None)
        settings = store("twilio", "sendgrid", route=[route(via=["twilio", "sendgrid"])])
        message = only(settings, posted(), order(customer=customer))
        assert message.state is State.SUPPRESSED
        assert message.reason == "the phone number given can't be one; no e-mail address"
        assert message.via == ("twilio", "sendgrid")

    @pytest.mark.parametrize(
        ("customer", "code"),
        [
            (Customer(phone="+33 6 12 34 56 78"), "sms_country"),
            (Customer(phone="09012 345678"), "sms_premium"),
            (Customer(phone="+33 6 12 34 56 78", email="none"), "several"),
        ],
    )
    def test_a_number_that_no_text_goes_to_fails_at_once_where_nothing_else_reaches_them(
        self, customer: Customer, code: str
    ) -> None:
        settings = store("twilio", "modem", "sendgrid", route=[route(via=["twilio", "modem", "sendgrid"])])
        message = only(settings, posted(), order(customer=customer))
        assert (message.state, message.reason.code) == (State.FAILED, code)
        assert message.via == ("twilio", "modem")

    def test_it_passes_over_the_texts_where_something_else_does(self) -> None:
        abroad = Customer(phone="+33 6 12 34 56 78", email="ada@example.com")
        settings = store("twilio", "sendgrid", route=[route(via=["twilio", "sendgrid"])])
        assert only(settings, posted(), order(customer=abroad)).state is State.QUEUED

    def test_what_is_for_later_waits_and_says_so_since_the_number_may_be_put_right(self) -> None:
        settings = store("twilio", route=[route(delay="10m")])
        message = only(settings, posted(), order(customer=Customer(phone="+33 6 12 34 56 78")))
        assert (message.state, message.reason.code) == (State.QUEUED, "sms_country")

    def test_a_country_that_the_store_names_is_texted(self) -> None:
        settings = store("twilio", route=[route()], sms={"countries": ["FR"]})
        assert only(settings, posted(), order(customer=Customer(phone="+33 6 12 34 56 78"))).reason == ""
        assert only(settings, posted(), order(customer=ADA)).reason.code == "sms_country"

    def test_the_stores_own_people_may_be_in_any_country(self) -> None:
        tables = {"audiences": {"owner": {"phone": "+33 6 12 34 56 78"}}, "route": [route(to="owner")]}
        assert only(store("twilio", **tables), posted()).state is State.QUEUED

    def test_a_foreign_customers_local_number_is_read_abroad(self) -> None:
        guest = Customer(phone="0151 23456789", country="DE")
        [message] = plan(store("twilio", route=[route()]), posted(), order(customer=guest)).messages
        assert message.addresses["phone"] == "+4915123456789"

    def test_nobody_known_at_all(self) -> None:
        settings = store("twilio", "sendgrid", "fcm", route=[route(via=["twilio", "sendgrid", "fcm"])])
        message = only(settings, posted(), order(customer=Customer()))
        assert (message.state, message.reason) == (State.SUPPRESSED, "no phone number or e-mail address")

    def test_a_channel_with_a_second_kind_of_address_takes_that(self) -> None:
        message = only(store("whatsapp", route=[route(via=["whatsapp"])]), posted())
        assert message.state is State.QUEUED

    def test_addresses_of_other_kinds_come_from_the_customer_too(self) -> None:
        customer = Customer(addresses={"fcm": "token-1", "slack": " U1 "})
        message = only(store("fcm", route=[route(via=["fcm"])]), posted(), order(customer=customer))
        assert message.addresses == {"fcm": "token-1", "slack": "U1"}


class TestConsent:
    def test_a_flag_leaves_out_the_medium(self) -> None:
        wishes = Customer(phone="07700 900123", email="ada@example.com", consent={"sms": False, "email": True})
        settings = store("twilio", "modem", "sendgrid", route=[route(via=["twilio", "modem", "sendgrid"])])
        message = only(settings, posted(), order(customer=wishes))
        assert (message.state, message.via) == (State.QUEUED, ("sendgrid",))
        assert message.reason == "the customer wants no texts"

    def test_none_left_is_suppressed(self) -> None:
        wishes = Customer(phone="07700 900123", consent={"sms": False})
        message = only(store("twilio"), posted(), order(customer=wishes))
        assert (message.state, message.reason) == (State.SUPPRESSED, "the customer wants no texts")

    def test_the_teams_channels_do_not_ask_the_customer(self) -> None:
        wishes = Customer(phone="07700 900123", consent={"chat": False})
        message = only(store("slack", route=[route(to="team", via=["slack"])]), posted(), order(customer=wishes))
        assert message.state is State.QUEUED


class TestWhen:
    @pytest.mark.parametrize(
        ("expression", "told"),
        [
            ("order.total > 40", True),
            ("order.total > 48.5", False),
            ("order.fulfilment == 'delivery'", False),
            ("customer.locale == 'en-GB' and order.promised", False),
            ("event.data.rush", True),
            ("event.data.nothing", False),
            ("event.data.nothing.at.all", False),
            ("event.data.nothing > 3", False),
            ("event.data.floor >= 3", True),
            ("event.data.tags and 'vip' in event.data.tags", True),
            ("order.source == 'pos'", True),
            ("order.items|length == 0", True),
        ],
    )
    def test_it_decides(self, expression: str, told: bool) -> None:
        data = {"rush": True, "floor": 3, "tags": ["vip"]}
        settings = store("twilio", route=[route(when=expression)])
        messages = plan(settings, posted(data=data), order(total="48.50")).messages
        assert bool(messages) is told

    @pytest.mark.parametrize("expression", ["order.totl > 3", "order.total + 'x'", "1 / 0", "order.ref.__class__"])
    def test_a_broken_one_fails_visibly_and_could_be_retried(self, expression: str) -> None:
        message = only(store("twilio", route=[route(when=expression)]), posted(), order(total="48.50"))
        assert message.state is State.FAILED
        assert message.reason.startswith(f"route[0] (on 'order.ready'): when: {expression!r}: ")
        assert message.addresses["phone"] == "+447700900123"
        assert message.via == ("twilio",)

    def test_its_failure_does_not_quote_the_customer(self) -> None:
        broken = "(customer.name|int(base=99)) + customer.name"
        message = only(store("twilio", route=[route(when=broken)]), posted())
        assert message.state is State.FAILED
        assert "Lovelace" not in message.reason

    def test_one_broken_route_does_not_stop_the_others(self) -> None:
        settings = store("twilio", "slack", route=[route(when="1 / 0"), route(to="team", via=["slack"])])
        assert [message.state for message in plan(settings, posted()).messages] == [State.FAILED, State.QUEUED]


@pytest.mark.parametrize(
    ("event_type", "tables", "words"),
    [
        ("order.redy", {}, "no route names 'order.redy', so nobody hears of it; did you mean 'order.ready'?"),
        ("stock.counted", {}, "no route names 'stock.counted', so nobody hears of it"),
        ("order.ready", {}, "no channel is enabled by which the shipped routes tell of 'order.ready'"),
        ("order.ready", {"planning": {"default_routes": False}}, "no route names 'order.ready', so nobody hears of it"),
        (
            "order.changed",
            {},
            "'order.changed' is told only where `[planning] also` or a route of the store's own names it",
        ),
    ],
)
def test_why_nobody_hears_is_said(event_type: str, tables: dict[str, Any], words: str) -> None:
    told = plan(store(**tables), posted(event_type))
    assert told.messages == ()
    assert told.why.startswith(words)


def test_a_condition_that_does_not_hold_and_what_is_known_already_are_said_too() -> None:
    conditional = plan(store("twilio", route=[route(when="order.total > 100")]), posted(), order(total="48.50"))
    assert "have a condition" in conditional.why
    again = plan(store("twilio"), posted(), before=order(status="order.ready", status_source="shopify"))
    assert again.why == "another source told it already"


class TestLateNews:
    def test_news_that_the_order_is_past_is_superseded_at_birth(self) -> None:
        past = order(status="order.completed", status_at=NOW - HOUR)
        late = posted(occurred_at=datetime.fromtimestamp((NOW - DAY) / 1000, UTC))
        message = only(store("twilio"), late, past, past)
        assert message.state is State.SUPERSEDED
        assert message.reason.startswith("came late")
        assert "clock is behind" in plan(store("twilio"), late, past, past).why

    def test_of_one_second_the_order_of_arrival_decides(self) -> None:
        past = order(status="order.completed", status_at=NOW)
        assert only(store("twilio"), posted(), past, past).state is State.QUEUED

    def test_what_happens_now_is_never_late_whatever_a_till_claimed(self) -> None:
        years_ahead = order(status="order.placed", status_at=NOW + 700 * DAY)
        assert only(store("twilio"), posted(), years_ahead, years_ahead).state is State.QUEUED

    def test_fresh_news_is_not(self) -> None:
        before = order(status="order.placed", status_at=NOW - HOUR)
        message = only(store("twilio"), posted(), order(status="order.ready", status_at=NOW), before)
        assert message.state is State.QUEUED

    def test_a_route_may_send_it_all_the_same(self) -> None:
        past = order(status="order.completed", status_at=NOW)
        late = posted(occurred_at=datetime.fromtimestamp((NOW - HOUR) / 1000, UTC))
        assert only(store("twilio", route=[route(supersede=False)]), late, past, past).state is State.QUEUED

    @pytest.mark.parametrize("source", ["pos", "stripe"])
    def test_a_refund_that_another_source_told_is_not_told_again(self, source: str) -> None:
        before = order(after_sale="refund.issued", after_sale_at=NOW, after_sale_source="pos")  # of an earlier release
        settings = store("twilio", route=[route("refund.issued")])
        assert len(plan(settings, posted("refund.issued", source=source), before, before).messages) == (source == "pos")

    @pytest.mark.parametrize("event_type", ["payment.failed", "refund.issued", "return.requested"])
    def test_other_families_are_never_late(self, event_type: str) -> None:
        past = order(status="order.completed", status_at=NOW + HOUR)
        told = plan(store("twilio"), posted(event_type), past, past).messages
        assert {message.state for message in told} == {State.QUEUED}


class TestTwoSources:
    def test_what_another_source_told_is_not_told_again(self) -> None:
        before = order(status="order.ready", status_source="shopify")
        assert plan(store("twilio"), posted(), before=before).messages == ()

    def test_what_could_reach_nobody_then_is_told_once_the_customer_is_known(self) -> None:
        """A till without customers tells of the order before the shop does."""
        settings = store("twilio", "slack")
        for known in (Customer(name="Ada"), Customer(email="ada@example.com")):
            before = order(status_source="till", customer=known)
            (told,) = plan(settings, posted("order.placed"), order(), before).messages
            assert (told.audience, told.via) == ("customer", ("twilio",))
            assert plan(settings, posted("order.placed"), before, before).messages == ()

    def test_another_new_time_is_news(self) -> None:
        before = order(status="order.delayed", status_source="shopify", promised_at=NOW)
        at = {minutes: datetime.fromtimestamp(NOW / 1000 + 60 * minutes, UTC) for minutes in (0, 30)}
        echo = posted("order.delayed", order=OrderFields(ref="B-1042", promised_at=at[0]))
        news = posted("order.delayed", order=OrderFields(ref="B-1042", promised_at=at[30]))
        assert plan(store("twilio"), echo, before=before).messages == ()
        assert len(plan(store("twilio"), news, before=before).messages) == 1

    @pytest.mark.parametrize("event_type", ["order.customization_needed", "order.out_of_stock"])
    def test_another_question_is_another_question(self, event_type: str) -> None:
        before = order(status=event_type, status_source="shopify")
        assert len(plan(store("twilio"), posted(event_type), before=before).messages) == 1

    def test_the_same_source_may_say_it_again(self) -> None:
        before = order(status="order.ready", status_source="pos")
        assert len(plan(store("twilio"), posted(), before=before).messages) == 1


def test_a_store_route_without_an_enabled_channel_fails_visibly() -> None:
    message = only(store("slack", route=[route(via=["plivo", "vonage"])]), posted())
    assert message.state is State.FAILED
    assert message.reason.endswith("none of these channels has a table in tether.toml: plivo, vonage")


def test_an_impossible_country_is_refused_at_start() -> None:
    with pytest.raises(ConfigError, match='the United Kingdom is "GB"'):
        plan(store("twilio", store={"country": "UK"}), posted())


def test_a_channel_that_the_planner_is_told_nothing_of_is_a_mistake_at_start() -> None:
    settings = store("twilio")
    with pytest.raises(LookupError, match="'twilio', of which the planner is told nothing"):
        make_planner(compile_routes(settings, REACH), settings, {})


def test_reasons_hold_no_address() -> None:
    wishes = Customer(
        phone="0000 bad 7700900", email="not an address", consent={"push": False}, addresses={"fcm": "tok"}
    )
    settings = store("twilio", "sendgrid", "fcm", route=[route(via=["twilio", "sendgrid", "fcm"])])
    reason = only(settings, posted(), order(customer=wishes)).reason
    assert reason
    assert not any(part in reason for part in ("7700900", "not an address", "tok"))


def test_the_events_own_order_fields_do_not_matter_to_the_planner() -> None:
    what = posted(order=OrderFields(ref="B-1042", total="1.00"))
    assert only(store("twilio", route=[route(when="order.total == 2")]), what, order(total="2.00", customer=ADA))
