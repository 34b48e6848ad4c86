"""When an order is promised for, as shops' calendars write it; what a customer writes there instead costs only that."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config import ConfigError, Store
from daemon.intake.base import Body
from daemon.intake.promised import promised_at
from daemon.intake.registry import build
from daemon.intake.values import Place
from tests.support.shopify import nodes, sample
from tests.support.sources import NOW, source_of

BERLIN = ZoneInfo("Europe/Berlin")
ZAPIET = ["Pickup-Date", "Pickup-Time", "Delivery-Date", "Delivery-Time"]
DAY = "Tue 24 Nov 00:00"


def said(*values: object, brought: bool = False, zone: ZoneInfo = BERLIN) -> str:
    at = promised_at([Place(value) for value in values], zone, brought=brought)
    return "" if at is None else f"{at.astimezone(zone):%a %d %b %H:%M}"


@pytest.mark.parametrize(
    ("values", "collected", "brought"),
    [
        (["2026-11-24"], DAY, DAY),
        (["20261124"], DAY, DAY),
        (["2026-11-24T15:30:00+01:00"], "Tue 24 Nov 15:30", "Tue 24 Nov 15:30"),
        ([1_795_530_600], "Tue 24 Nov 15:30", "Tue 24 Nov 15:30"),
        (["2026-11-24", "13:00"], "Tue 24 Nov 13:00", "Tue 24 Nov 13:00"),
        (["13:00", "2026-11-24"], "Tue 24 Nov 13:00", "Tue 24 Nov 13:00"),
        (["2026-11-24", "13:00 - 14:30"], "Tue 24 Nov 13:00", "Tue 24 Nov 14:30"),
        (["2026-11-24", "1:00 PM - 2:00PM"], "Tue 24 Nov 13:00", "Tue 24 Nov 14:00"),
        (["2026-11-24", "1:00 - 2:00 PM"], "Tue 24 Nov 13:00", "Tue 24 Nov 14:00"),
        (["2026-11-24", "11:00 - 1:00 PM"], "Tue 24 Nov 11:00", "Tue 24 Nov 13:00"),
        (["2026-11-24", "11 AM - 1"], "Tue 24 Nov 11:00", "Tue 24 Nov 13:00"),
        (["2026-11-24", "1:00 PM - 2:00"], "Tue 24 Nov 13:00", "Tue 24 Nov 14:00"),
        (["2026-11-24", "8:00 PM - 12:00 AM"], "Tue 24 Nov 20:00", DAY),
        (["2026-11-24", "22:00 - 02:00"], "Tue 24 Nov 22:00", DAY),
        (["2026-11-24", "12:00 - 12:00"], "Tue 24 Nov 12:00", "Tue 24 Nov 12:00"),
        (["2026-11-24", "10 a.m. to 12 p.m."], "Tue 24 Nov 10:00", "Tue 24 Nov 12:00"),
        (["2026-11-24", "10:00 AM"], "Tue 24 Nov 10:00", "Tue 24 Nov 10:00"),
        (["2026-11-24", "09.30–11.00"], "Tue 24 Nov 09:30", "Tue 24 Nov 11:00"),
        (["2026-11-24", "10h00 à 12h00"], "Tue 24 Nov 10:00", "Tue 24 Nov 12:00"),
        (["2026-11-24T15:30", "13:00"], "Tue 24 Nov 15:30", "Tue 24 Nov 15:30"),
        (["2026-11-24", "morning"], DAY, DAY),
        (["2026-11-24", "9 - 12"], DAY, DAY),
        (["2026-11-24", "25:00"], DAY, DAY),
        (["2026-11-24", "13:00 PM"], DAY, DAY),
        (["2026-11-24", "22:00 - 24:00"], DAY, DAY),
        (["2026-11-24", None, ""], DAY, DAY),
        (["13:00"], "", ""),
        (["24/11/2026"], "", ""),
        ([], "", ""),
    ],
)
def test_a_day_and_a_time_that_stand_apart(values: list[object], collected: str, brought: str) -> None:
    assert said(*values) == collected
    assert said(*values, brought=True) == brought


def test_on_the_day_the_clocks_change() -> None:
    """In the hour that is left out the clock shows one later."""
    assert said("2026-03-29", "02:30") == "Sun 29 Mar 03:30"
    assert said("2026-10-25", "12:00") == "Sun 25 Oct 12:00"
    santiago = ZoneInfo("America/Santiago")
    assert said("2026-09-06", zone=santiago) == "Sun 06 Sep 01:00", "there that day begins at one"
    assert said("2026-09-06", "13:00", zone=santiago) == "Sun 06 Sep 13:00"


@pytest.mark.parametrize("day", ["0001-01-01T00:00:00Z", "9999-12-31T23:30:00Z", "9999-12-31", "99991231"])
@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Pacific/Kiritimati"])
def test_a_customer_who_wants_it_where_the_calendar_ends(day: str, zone: str) -> None:
    """They mean to keep the shop from being read: one order that raises would be asked for over and over, and none after it be told."""
    store = Store(timezone=zone)
    source = build("webshop", {"kind": "woocommerce", "promised": ["day", "hours"]}, {}, store)
    written = [{"key": "day", "value": day}, {"key": "hours", "value": "13:00 - 14:00"}]
    order = {"id": 1, "status": "processing", "date_modified_gmt": "2026-11-23T10:00:00", "meta_data": written}
    (snapshot,) = source.read(Body(msgspec.json.encode(order)), now=NOW).snapshots
    assert snapshot.order.promised_at is None


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=40), st.integers(), st.floats(), st.lists(st.none())), max_size=4)
)
def test_whatever_a_customer_writes_there(values: list[object]) -> None:
    """Anybody at a shop's checkout may write into its fields: they cost that order its time, and the shop nothing."""
    said(*values)


@pytest.mark.parametrize(
    ("method", "promised", "at"),
    [
        ("local_pickup", ["delivery_date", "delivery_time"], "2026-11-24 12:00"),
        ("flat_rate", ["delivery_date", "delivery_time"], "2026-11-24 13:00"),
        ("flat_rate", "delivery_date", "2026-11-23 23:00"),
        ("flat_rate", ["", "gift"], None),
        ("flat_rate", "", None),
    ],
)
def test_a_shop_of_woocommerce(method: str, promised: Any, at: str | None) -> None:
    order = {
        "id": 1042,
        "status": "processing",
        "date_modified_gmt": "2026-11-23T10:00:00",
        "shipping_lines": [{"method_id": method}],
        "meta_data": [
            {"key": "delivery_time", "value": "13:00 - 14:00"},
            {"key": "", "value": "2026-11-29"},
            {"key": "delivery_date", "value": "2026-11-24"},
        ],
    }
    source = build("webshop", {"kind": "woocommerce", "promised": promised}, {}, Store(timezone="Europe/Berlin"))
    (snapshot,) = source.read(Body(msgspec.json.encode(order)), now=NOW).snapshots
    found = snapshot.order.promised_at
    assert (found and f"{found.astimezone(UTC):%Y-%m-%d %H:%M}") == at


def test_a_shop_of_shopify_says_the_same_by_webhook_and_when_asked() -> None:
    source = source_of("shopify", promised=ZAPIET, shop="x")
    by_webhook = msgspec.json.decode(sample("orders-paid"))
    written = {"Checkout-Method": "delivery", "Delivery-Date": "2026-11-25", "Delivery-Time": "1:00 PM - 2:00PM"}
    by_webhook["note_attributes"] = [{"name": name, "value": value} for name, value in written.items()]
    (hooked,) = source.read(Body(msgspec.json.encode(by_webhook)), now=NOW).snapshots
    local = {"nodes": [{"status": "OPEN", "deliveryMethod": {"methodType": "LOCAL"}}]}
    attributes = [{"key": name, "value": value} for name, value in written.items()]
    asked = nodes({"customAttributes": attributes, "fulfillmentOrders": local})
    (polled,) = source.read_nodes(asked["data"]["orders"]).snapshots  # type: ignore[attr-defined]
    assert hooked.order.promised_at == datetime(2026, 11, 25, 14, 0, tzinfo=source.store.zone)
    assert hooked.order.fulfilment == polled.order.fulfilment == "delivery"
    assert polled.order.promised_at == hooked.order.promised_at


@pytest.mark.parametrize("wrong", [True, 5, [5], {"date": "a"}])
def test_what_names_no_field_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigError, match="promised"):
        source_of("woocommerce", promised=wrong)
