"""Planning is pure and total: whatever comes in, by whatever routes, a plan comes out, and the same one again."""

from datetime import UTC
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.config import Settings
from daemon.planner.plan import make_planner
from daemon.planner.routes import compile_routes
from daemon.wire.event_types import EVENT_TYPES
from outbox.model import Customer, Event, Item, Order, OrderFields, Posted, State
from tests.support.planning import NOW, REACH, store

CONDITIONS = [
    None,
    "order.total > 10",
    "customer.name",
    "event.data.a.b.c > 2",
    "order.nothing",
    "customer.locale.upper() == 'DE'",
    "order.items[0].quantity * 3",
    "1 / (order.items|length)",
]
MOMENTS = [None, "-2h", "+1d 10:00", "-300d", "+366d"]

texts = st.text(max_size=30)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
data = st.dictionaries(
    texts, st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
)
phones = st.none() | st.text("+0123456789 ()-x;ext.", max_size=25) | texts | st.just("07700 900123")
customers = st.builds(
    Customer,
    name=st.none() | texts,
    phone=phones,
    email=st.none() | texts | st.emails(),
    locale=st.none() | texts | st.sampled_from(["de-DE", "fr_CA", "xx", "zh-Hans-CN"]),
    consent=st.none() | st.dictionaries(st.sampled_from(["sms", "email", "chat", "push", "crm", "fax"]), st.booleans()),
    addresses=st.none() | st.dictionaries(st.sampled_from(["slack", "fcm", "whatsapp", "odd"]), texts),
)
moments = st.integers(-(10**14), 10**15)
orders = st.builds(
    Order,
    ref=texts,
    source=texts,
    status=st.sampled_from(["", *EVENT_TYPES]) | texts,
    status_at=moments,
    status_source=st.sampled_from(["pos", "shopify"]),
    total=st.none() | texts | st.decimals(allow_nan=True).map(str),
    currency=st.none() | texts,
    promised_at=st.none() | moments,
    items=st.lists(
        st.builds(Item, name=texts, quantity=st.integers() | texts, price=st.none() | texts), max_size=2
    ).map(tuple),
    customer=customers,
    created_at=moments,
    updated_at=moments,
)
events = st.builds(
    Event,
    id=texts,
    type=st.sampled_from(EVENT_TYPES) | texts,
    order=st.builds(OrderFields, ref=texts),
    occurred_at=st.none() | st.datetimes(timezones=st.none() | st.just(UTC)),
    data=st.none() | data,
)
arrivals = st.builds(
    Posted,
    source=st.sampled_from(["pos", "counter"]),
    event=events,
    raw=st.just(b"{}"),
    received_at=st.integers(0, 4 * 10**12),
)
own_routes = st.lists(
    st.fixed_dictionaries(
        {
            "on": st.sampled_from(["*", "order.*", "payment.failed", "*.ready"]),
            "to": st.lists(st.sampled_from(["customer", "team", "owner"]), min_size=1, max_size=3),
            "via": st.lists(st.sampled_from([*REACH, "plivo"]), min_size=1, max_size=4),
            "when": st.sampled_from(CONDITIONS),
            "at": st.sampled_from(MOMENTS),
            "expires": st.none() | st.sampled_from(["1s", "12h", "180d"]),
            "supersede": st.booleans(),
        }
    ),
    max_size=3,
)


def configured(routes: list[dict[str, Any]], channels: set[str]) -> Settings:
    tables = [{key: value for key, value in table.items() if value is not None} for table in routes]
    return store(*sorted(channels), route=tables, audiences={"owner": {"phone": ["+447400123456", "+447400123457"]}})


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(own_routes, st.sets(st.sampled_from(list(REACH))), arrivals, st.none() | orders, orders)
def test_planning_is_total_and_the_same_again(
    routes: list[dict[str, Any]], channels: set[str], what: Posted, before: Order | None, after: Order
) -> None:
    shop = configured(routes, channels)
    reach = {name: REACH[name] for name in channels}
    first = make_planner(compile_routes(shop, REACH), shop, reach)(what, before, after)
    again = make_planner(compile_routes(shop, REACH), shop, reach)(what, before, after)
    assert first == again
    ids = [message.id for message in first.messages]
    assert len(ids) == len(set(ids))
    for message in first.messages:
        assert len(message.id) <= 26
        assert message.id.isalnum()
        assert message.state in (State.QUEUED, State.FAILED, State.SUPPRESSED, State.SUPERSEDED)
        assert message.state is State.QUEUED or message.reason
        assert message.due_at >= what.received_at
        assert message.expires_at is None or message.expires_at >= message.due_at or what.event.occurred_at is not None
        if message.state is State.QUEUED:
            assert message.via
            assert set(message.via) <= channels
            assert all(_reaches(name, message.recipient, message.addresses) for name in message.via)


def _reaches(name: str, recipient: str, addresses: Any) -> bool:
    return REACH[name].own_destination if recipient == "team" else REACH[name].reaches(addresses)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_the_same_event_means_the_same_message_whatever_the_order_has_become(event_type: str) -> None:
    shop = store("twilio", "slack")
    planner = make_planner(compile_routes(shop, REACH), shop, {name: REACH[name] for name in shop.channels})
    what = Posted("pos", Event("e-1", event_type, OrderFields("B-1")), b"{}", NOW)
    one = Order(ref="B-1", source="pos", created_at=NOW, updated_at=NOW, customer=Customer(phone="07700 900123"))
    other = Order(ref="B-1", source="pos", created_at=NOW, updated_at=NOW, customer=Customer(phone="07700 900124"))
    ids = [[message.id for message in planner(what, None, after).messages] for after in (one, other)]
    assert ids[0] == ids[1]
