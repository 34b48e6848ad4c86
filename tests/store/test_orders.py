"""The projection of an order may be fed late, twice and out of turn: what is newest by the time it happened holds."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbox.model import Customer, Event, Order, Posted
from outbox.orders import MOST_TOLD, comes_late, happened_at, is_paid_since, merge, project
from tests.support.outbox_box import NOW, posted

STATUSES = [
    "order.placed",
    "order.confirmed",
    "order.in_production",
    "order.customization_needed",
    "order.out_of_stock",
    "order.delayed",
    "order.ready",
    "order.out_for_delivery",
    "order.completed",
    "order.cancelled",
]
AFTER_SALE = ["return.requested", "return.received", "refund.issued"]
PAYMENTS = ["payment.confirmed", "payment.failed"]


def at(minute: int, type: str = "order.placed", **fields: object) -> Posted:
    return posted(f"e{minute}", type, occurred_at=f"2026-11-24T10:{minute:02}:00Z", **fields)  # type: ignore[arg-type]


def fed(*events: Posted) -> Order:
    order: Order | None = None
    for event in events:
        order = project(order, event)
    assert order is not None
    return order


EVENTS = st.lists(
    st.builds(
        at,
        st.integers(0, 5),
        st.sampled_from(STATUSES + PAYMENTS + AFTER_SALE + ["note.added"]),
        order=st.fixed_dictionaries(
            {}, optional={"total": st.sampled_from(["1.00", "2.00"]), "note": st.text(max_size=3)}
        ),
        customer=st.none() | st.fixed_dictionaries({}, optional={"name": st.just("Ada")}),
    ),
    min_size=1,
    max_size=8,
)


@given(EVENTS)
def test_the_status_is_the_newest_by_time_and_of_one_second_the_one_that_came_last(events: list[Posted]) -> None:
    order = fed(*events)
    about = [(happened_at(event), index) for index, event in enumerate(events) if event.event.type in STATUSES]
    if not about:
        assert (order.status, order.status_at) == ("", 0)
        return
    moment, index = max(about)
    assert (order.status, order.status_at) == (events[index].event.type, moment)


@given(EVENTS, st.randoms())
def test_times_and_payment_do_not_depend_on_the_order_of_arrival(events: list[Posted], random: object) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = fed(*events), fed(*shuffled)
    assert (one.status_at, one.payment_at, one.payment) == (other.status_at, other.payment_at, other.payment)


@given(EVENTS)
def test_feeding_the_same_events_again_changes_nothing(events: list[Posted]) -> None:
    once, twice = fed(*events), fed(*events, *events)
    assert (twice.status, twice.status_at, twice.payment) == (once.status, once.status_at, once.payment)


@given(EVENTS)
def test_it_is_total_and_keeps_what_was_ever_said(events: list[Posted]) -> None:
    order = fed(*events)
    for name in ("total",):
        said = any(getattr(event.event.order, name) is not None for event in events)
        assert (getattr(order, name) is not None) == said


def test_two_statuses_of_one_second_go_by_the_order_in_which_they_came() -> None:
    assert fed(at(1, "order.ready"), at(1, "order.completed")).status == "order.completed"
    assert fed(at(1, "order.completed"), at(1, "order.ready")).status == "order.ready"
    heard = posted("now", "order.in_production", at=NOW + 700)
    till_counts_in_seconds = posted("e", "order.ready", at=NOW + 900, occurred_at="2026-11-24T10:15:00Z")
    assert fed(heard, till_counts_in_seconds).status == "order.ready"


def test_what_claims_the_future_counts_as_the_moment_it_came() -> None:
    """A till two years ahead must not silence all that comes after it."""
    ahead = posted("e1", "order.placed", occurred_at="2028-11-24T10:15:00Z", order={"note": "ribbon"})
    assert fed(ahead).status_at == NOW
    after = posted("e2", "order.ready", at=NOW + 60_000, order={"note": "no ribbon"})
    order = fed(ahead, after)
    assert (order.status, order.status_at, order.note) == ("order.ready", NOW + 60_000, "no ribbon")


@pytest.mark.parametrize("type", ["order.ready", "payment.failed"])
def test_a_status_from_the_future_that_is_on_record_holds_nobody_up(type: str) -> None:
    """By a clock of ours that was ahead, or by a release that believed a till's."""
    years = 2 * 365 * 86_400_000
    order = fed(posted("e1", "order.placed"), posted("e2", "payment.confirmed"))
    order = msgspec.structs.replace(order, status_at=NOW + years, payment_at=NOW + years, news_at=NOW + years)
    moved = project(order, posted("e3", type, at=NOW + 5000, order={"note": "new"}))
    assert type in (moved.status, moved.payment)
    assert (moved.note, moved.news_at) == ("new", NOW + 5000)


@pytest.mark.parametrize("type", ["order.ready", "payment.failed"])
@pytest.mark.parametrize("seconds", [60, 2 * 365 * 86_400])
def test_nor_does_it_hold_up_what_took_a_moment_on_its_way(type: str, seconds: int) -> None:
    """A shop writes when it happened, and that is a little before we hear of it."""
    order = fed(posted("e1", "order.placed"), posted("e2", "payment.confirmed"))
    ahead = NOW + seconds * 1000
    order = msgspec.structs.replace(order, status_at=ahead, payment_at=ahead, news_at=ahead)
    news = posted("e3", type, at=NOW + 5000, occurred_at="2026-11-24T10:15:02Z", order={"note": "new"})
    assert not comes_late(order, news)
    assert not is_paid_since(order, news)
    moved = project(order, news)
    assert type in (moved.status, moved.payment)
    assert (moved.note, moved.news_at) == ("new", NOW + 2000)


def test_older_news_fills_in_but_never_overwrites() -> None:
    order = fed(
        at(5, order={"total": "2.00"}, customer={"name": "Ada"}),
        at(1, order={"total": "1.00", "note": "ribbon"}, customer={"name": "A.", "phone": "07700 900123"}),
    )
    assert (order.total, order.note) == ("2.00", "ribbon")
    assert (order.customer.name, order.customer.phone) == ("Ada", "07700 900123")


def test_who_took_the_order_in_may_put_a_number_right_when_it_tells_of_the_money() -> None:
    """A till that took a deposit, and the rest when the order was being made: by then staff had said where it stands."""
    order = fed(
        at(1, source="pos", customer={"phone": "07700 900123"}),
        at(2, "payment.confirmed", source="pos"),
        at(3, "order.in_production", source="counter"),
        at(4, "payment.confirmed", source="pos", customer={"phone": "07700 900456"}),
    )
    assert order.customer.phone == "07700 900456"


DEPOSIT: Mapping[str, Any] = {
    "source": "stripe",
    "order": {"total": "20.00", "currency": "EUR"},
    "customer": {"email": "aunt@example.com"},
}
WHOLE: Mapping[str, Any] = {
    "source": "shop",
    "order": {"total": "100.00", "currency": "GBP"},
    "customer": {"phone": "07700 900123"},
}


@pytest.mark.parametrize("type", ["payment.confirmed", "refund.issued"])
def test_what_was_paid_is_not_what_the_order_costs(type: str) -> None:
    """A deposit, by who was paid: whichever comes first, and whichever happened first."""
    for order in (
        fed(at(1, **WHOLE), at(2, type, **DEPOSIT)),
        fed(at(2, type, **DEPOSIT), at(1, **WHOLE)),
        fed(at(1, type, **DEPOSIT), at(2, **WHOLE)),
    ):
        assert (order.total, order.currency, order.customer.phone) == ("100.00", "GBP", "07700 900123")
    assert fed(at(1, source="shop"), at(2, type, **DEPOSIT)).total == "20.00", "where nobody else has said it"


def test_a_payment_makes_no_edit_void_that_was_made_before_it_and_is_heard_of_after() -> None:
    order = fed(
        at(1, **WHOLE),
        at(5, "payment.confirmed", **DEPOSIT),
        at(3, "order.changed", source="shop", customer={"phone": "07700 900456"}),
    )
    assert order.customer.phone == "07700 900456"


def test_a_payer_s_no_to_texts_is_heeded_and_their_yes_is_not() -> None:
    order = fed(
        at(1, source="pos", customer={"phone": "07700 900123", "consent": {"sms": True, "email": False}}),
        at(2, "payment.confirmed", source="stripe", customer={"consent": {"sms": False, "email": True}}),
    )
    assert order.customer.consent == {"sms": False, "email": False}


def test_newer_news_overwrites_what_it_says_and_leaves_the_rest() -> None:
    order = fed(
        at(1, order={"total": "1.00", "note": "ribbon", "promised_at": "2026-11-24T12:00:00+01:00"}),
        at(5, order={"total": "2.00"}),
    )
    assert (order.total, order.note, order.promised_at) == ("2.00", "ribbon", NOW + 45 * 60_000)


@pytest.mark.parametrize("type", ["order.in_production", "payment.confirmed", "message.answer", "staff.message"])
def test_what_says_nothing_of_the_customer_makes_no_older_edit_void(type: str) -> None:
    """While the line was down the till went on, and the customer put their number right in the shop: that is heard of after."""
    order = fed(
        at(1, customer={"phone": "07700 900123"}, order={"note": "ribbon"}),
        at(5, type),
        at(3, "order.changed", customer={"phone": "07700 900456"}, order={"note": "no ribbon"}),
    )
    assert (order.customer.phone, order.note) == ("07700 900456", "no ribbon")
    silent_first = fed(
        at(5, type), at(1, customer={"phone": "07700 900123"}), at(3, customer={"phone": "07700 900456"})
    )
    assert silent_first.customer.phone == "07700 900456"


def test_payment_is_apart_from_status() -> None:
    order = fed(at(1, "order.ready"), at(2, "payment.failed"), at(2, "payment.confirmed"), at(1, "payment.failed"))
    assert (order.status, order.payment) == ("order.ready", "payment.confirmed")


def test_what_comes_after_the_sale_is_apart_from_status() -> None:
    order = fed(at(1, "order.ready"), at(4, "refund.issued"), at(2, "return.requested"))
    assert (order.status, order.after_sale) == ("order.ready", "refund.issued")
    assert {type: told.first for type, told in order.tellers.items()} == {
        "refund.issued": "pos",
        "return.requested": "pos",
    }


def test_without_a_time_of_its_own_an_event_happened_when_it_came() -> None:
    assert fed(posted(at=NOW + 7)).status_at == NOW + 7


def test_times_without_a_zone_are_utc() -> None:
    event = msgspec.structs.replace(
        posted(),
        event=msgspec.json.decode(
            b'{"id":"1","type":"a.b","order":{"ref":"1"},"occurred_at":"2026-11-24T10:15:00"}', type=Event
        ),
    )
    assert happened_at(event) == NOW


FRENCH = {"phone": "06 12 34 56 78", "country": "FR"}


@pytest.mark.parametrize(
    ("web", "till", "phone", "country"),
    [
        (FRENCH, {"phone": "0470 12 34 56"}, "0470 12 34 56", None),
        (FRENCH, {"phone": "0612345678"}, "0612345678", "FR"),
        ({"phone": "+33 6 12 34 56 78", "country": "FR"}, {"phone": "0612345678"}, "0612345678", "FR"),
        (FRENCH, {"name": "Ada"}, "06 12 34 56 78", "FR"),
        ({"country": "FR"}, {"phone": "06 12 34 56 78"}, "06 12 34 56 78", "FR"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_number_is_not_in_the_country_of_another(
    web: Mapping[str, str], till: Mapping[str, str], phone: str, country: str | None, late: bool
) -> None:
    """A customer from over the border gives the till the number that they have here, whose country no till says."""
    told = [at(1, source="shop", customer=web), at(2, "order.confirmed", source="pos", customer=till)]
    customer = fed(*(reversed(told) if late else told)).customer
    assert (customer.phone, customer.country) == (phone, country)


def test_customers_merge_field_by_field() -> None:
    known = Customer(name="Ada", consent={"sms": True, "email": True}, addresses={"fcm": "old", "slack": "U1"})
    said = Customer(phone="07700 900123", consent={"sms": False}, addresses={"fcm": "new"})
    assert merge(known, said, newer=True) == Customer(
        name="Ada",
        phone="07700 900123",
        consent={"sms": False, "email": True},
        addresses={"fcm": "new", "slack": "U1"},
    )
    assert merge(known, said, newer=False).addresses == {"fcm": "old", "slack": "U1"}


def test_types_and_sources_that_somebody_invents_do_not_make_an_order_grow() -> None:
    """A stolen token tells of a thousand refunds that nobody knows, each under a name of its own: every later event writes them all again."""
    order = fed(at(0))
    for n in range(1000):
        order = project(order, posted(f"x{n}", f"refund.x{n}", source=f"till/{n}"))
        order = project(order, posted(f"y{n}", "refund.issued", source=f"till/{n}"))
    assert len(order.tellers) == MOST_TOLD
    assert len(order.tellers["refund.issued"].times) == MOST_TOLD
    assert order.tellers["refund.issued"].first == "till/0", "the others say the same"
