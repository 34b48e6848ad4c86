"""By which number a Shopify order's customer is reached, whichever way the shop tells of it."""

import re

import msgspec
import pytest

from daemon.intake.base import Body
from daemon.intake.shopify_graphql import QUERY
from tests.support.shopify import sample
from tests.support.sources import NOW, source_of


def test_both_shapes_tell_the_customers_country() -> None:
    (hooked,) = source_of("shopify").read(Body(sample("orders-updated")), now=NOW).snapshots
    node = {
        "legacyResourceId": "1",
        "name": "#1",
        "updatedAt": "2026-11-24T10:15:00Z",
        "billingAddress": {"phone": "0151 23456789", "countryCodeV2": "DE"},
        "shippingAddress": {"countryCodeV2": "AT"},
    }
    asked = source_of("shopify").read_nodes({"nodes": [node]}).snapshots[0]  # type: ignore[attr-defined]
    assert hooked.customer is not None
    assert (hooked.customer.country, asked.customer.country, asked.customer.phone) == ("DE", "DE", "0151 23456789")


@pytest.mark.parametrize(
    ("order", "billing", "shipping", "expected"),
    [
        (None, ("0151 23456789", "DE"), ("0660 1234567", "AT"), ("0151 23456789", "DE")),
        (None, (None, "DE"), ("0660 1234567", "AT"), ("0660 1234567", "AT")),
        ("0151 1", ("0151 23456789", "DE"), ("0660 1234567", "AT"), ("0151 1", "DE")),
        ("0660 1", (None, None), ("0660 1234567", "AT"), ("0660 1", "AT")),
        (None, ("0151 23456789", None), (None, "AT"), ("0151 23456789", "AT")),
        (None, (None, "DE"), (None, "AT"), (None, "DE")),
    ],
)
def test_a_number_comes_with_the_country_of_its_address(
    order: str | None,
    billing: tuple[str | None, str | None],
    shipping: tuple[str | None, str | None],
    expected: tuple[str | None, str | None],
) -> None:
    """Who sends a bouquet abroad is the customer, and a number without +49 is another's in the other country."""
    moment = "2026-11-24T10:15:00Z"
    of = {"billing": billing, "shipping": shipping}
    hooked = {"id": 1, "name": "#1", "updated_at": moment, "phone": order, "order_number": 1}
    hooked |= {f"{one}_address": {"phone": phone, "country_code": code} for one, (phone, code) in of.items()}
    node = {"legacyResourceId": "1", "name": "#1", "updatedAt": moment, "phone": order}
    node |= {f"{one}Address": {"phone": phone, "countryCodeV2": code} for one, (phone, code) in of.items()}
    source = source_of("shopify")
    told = source.read(Body(msgspec.json.encode(hooked)), now=NOW).snapshots
    asked = source.read_nodes({"nodes": [node]}).snapshots  # type: ignore[attr-defined]
    for one in (*told, *asked):
        assert one.customer is not None
        assert (one.customer.phone, one.customer.country) == expected


def asked_for(query: str) -> set[tuple[str, ...]]:
    """The path of each field that a question names."""
    paths: set[tuple[str, ...]] = set()
    path, last = list[str](), ""
    for word in re.findall(r"[{}]|\w+(?=[^{}]*)", re.sub(r"\([^)]*\)", "", query)):
        if word == "{":
            path.append(last)
        elif word == "}":
            path.pop()
        else:
            last = word
            paths.add((*path[1:], word))
    return paths


@pytest.mark.parametrize("kept_at", ["order", "customer"])
def test_what_is_read_of_the_customer_is_asked_for(kept_at: str) -> None:
    """A guest of a pick-up gives no address: their number may stand with the customer alone, and their name on the bill."""
    node = {
        "legacyResourceId": "1",
        "name": "#1",
        "updatedAt": "2026-11-24T10:15:00Z",
        "phone": "0151 1" if kept_at == "order" else None,
        "customer": {"firstName": None, "lastName": None, "defaultPhoneNumber": {"phoneNumber": "0151 2"}},
        "billingAddress": {"name": "Ada Lovelace", "phone": None, "countryCodeV2": "DE"},
    }
    asked = source_of("shopify").read_nodes({"nodes": [node]}).snapshots[0]  # type: ignore[attr-defined]
    assert (asked.customer.name, asked.customer.phone) == ("Ada Lovelace", "0151 1" if kept_at == "order" else "0151 2")
    of_orders = {path[2:] for path in asked_for(QUERY) if path[:2] == ("orders", "nodes")}
    assert {("customer", "defaultPhoneNumber", "phoneNumber"), ("billingAddress", "name"), ("phone",)} <= of_orders
