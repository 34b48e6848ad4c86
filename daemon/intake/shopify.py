"""Shopify: the Admin GraphQL API (the main path, `shopify_graphql`) and its webhooks, whose bodies are of the older REST shape.

https://shopify.dev/docs/api/admin-graphql/2026-10 and /docs/apps/build/webhooks (checked 2026-11-24). The HMAC covers the body only, so
the topic header is not believed: what a body is follows from its shape. Webhooks come unordered, late, twice or never.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from daemon.amounts import decimal_of
from daemon.intake import signatures
from daemon.intake.base import REOPENED, Body, Fact, Hook, HookRefused, Reading, Snapshot, Unreadable, folded
from daemon.intake.money import rounded
from daemon.intake.shopify_contact import number_of
from daemon.intake.shopify_graphql import ShopifyApi, ShopifySettings
from daemon.intake.shopify_marks import CANCELLED, SHIPMENT, WHOLE, payments, placed_at, stands_open, state_of
from daemon.intake.values import Place, json_of
from outbox.model import Customer, Item, OrderFields

_OF_ORDERS = frozenset({"order_number", "financial_status", "fulfillment_status"})
"""What only orders have: a checkout, a place, a theme and the shop itself have an `id`, a `name` and times too."""


class Shopify(ShopifyApi):
    kind = "shopify"
    counts = True
    title = "Shopify"
    Settings = ShopifySettings

    def missing(self) -> Sequence[str]:
        if not self.settings.poll:
            return [] if self._signing() else [self.secret_name("WEBHOOK_SECRET")]
        if self.secret("ACCESS_TOKEN"):
            return []
        return [self.secret_name(what) for what in ("CLIENT_ID", "CLIENT_SECRET") if not self.secret(what)]

    # ------------------------------------------------------------ webhooks

    def verify(self, hook: Hook) -> None:
        name = next(
            (n for n in ("x-shopify-hmac-sha256", "shopify-hmac-sha256") if n in hook.headers), "X-Shopify-Hmac-Sha256"
        )
        signatures.body_digest(hook, name, self._signing() or self.webhook_secrets())
        shop = hook.headers.get("x-shopify-shop-domain", "")
        if self.host and shop and folded(shop) != folded(self.host):
            raise HookRefused(f"this webhook is of another shop ({shop[:80]}), not of {self.host}")

    def _signing(self) -> tuple[str, ...]:
        """An app's webhooks are signed with its client secret."""
        own = self.secret("WEBHOOK_SECRET").replace(",", " ").split()
        return tuple(own) or ((self.secret("CLIENT_SECRET"),) if self.secret("CLIENT_SECRET") else ())

    def read(self, body: Body, *, now: int) -> Reading:
        value = json_of(body)
        if not isinstance(value, dict):
            raise Unreadable("the body is not an object")
        if "data" in value and isinstance(value["data"], dict) and "orders" in value["data"]:
            return self.read_nodes(value["data"]["orders"])
        snapshot = self._snapshot(value)
        if snapshot is None:
            return Reading(note="it tells of nothing that orders are told by")
        if snapshot.is_test and not self.settings.test_orders:
            return Reading(note="a test order: set test_orders = true to tell of those")
        return Reading(snapshots=(snapshot,))

    def _snapshot(self, value: dict[str, Any]) -> Snapshot | None:
        place = Place(value)
        if "order_id" not in value:
            return None if "name" in value and value.keys().isdisjoint(_OF_ORDERS) else self.order(place)
        if "refund_line_items" in value or "order_adjustments" in value:
            return None if _has_failed(place) else _part(place, (_refund(place, None),))
        if "shipment_status" in value or "tracking_number" in value:
            return self._parcel(place)
        if "kind" in value and "gateway" in value:
            return _payment(place)
        return None

    # ------------------------------------------------------------ a whole order

    def order(self, order: Place) -> Snapshot:
        """An order of the REST shape. Raises Unreadable."""
        currency = order["currency"].text()
        return Snapshot(
            id=order["id"].need(),
            updated=order["updated_at"].need_moment(),
            created=_placed(order),
            facts=tuple(self._facts(order, currency)),
            order=OrderFields(
                ref=order["name"].need(),
                total=order["current_total_price"].money()
                if not order["cancelled_at"]
                else order["total_price"].money(),
                currency=currency,
                fulfilment=_fulfilment(order),
                promised_at=self.promised(
                    ((a["name"], a["value"]) for a in order["note_attributes"]), _fulfilment(order)
                ),
                items=tuple(_items(order)) or None,
                note=order["note"].text(),
                url=order["order_status_url"].text(),
            ),
            customer=_customer(order),
            is_test=order["test"].value is True,
            odd=tuple(order.odd),
        )

    def _facts(self, order: Place, currency: str | None) -> Iterator[Fact]:
        financial = folded(order["financial_status"].text() or "")
        total = order["current_total_price"].money()
        is_cancelled = bool(order["cancelled_at"])
        yield from payments(_placed(order), financial, total, currency, is_cancelled=is_cancelled)
        fulfilment, listed = folded(order["fulfillment_status"].text() or ""), list(order["fulfillments"])
        parcels = [parcel for parcel in listed if not _is_taken_back(parcel)]
        tags = [tag.strip() for tag in (order["tags"].text() or "").split(",")]
        state = state_of(
            self,
            financial=financial,
            fulfilment=fulfilment,
            parcels=[folded(parcel["shipment_status"].text() or "") for parcel in parcels],
            tags=tags,
            fields=list(_fields(order)),
            is_cancelled=is_cancelled,
        )
        if self.asks_metafields and state != "order.cancelled":
            state = ""  # bodies of webhooks have no metafields: where the order stands is for the poller to say
        if state == "order.cancelled":
            yield Fact(
                state, at=order["cancelled_at"].moment(), data=_given(reason=order["cancel_reason"].text()), state=True
            )
        elif state:
            yield Fact(state, data=_tracking(parcels), state=True)
        elif self._tells_all(listed) and stands_open(
            fulfilment, parcels=len(listed), taken_back=len(listed) - len(parcels)
        ):
            yield Fact(REOPENED, state=True, usual=True)
        refunds = [refund for refund in order["refunds"] if not _has_failed(refund)]
        for refund in refunds:
            yield _refund(refund, currency, full=financial == "refunded" and refund is refunds[-1])
        if financial == "refunded" and not refunds:
            yield Fact("refund.issued", data=_given(amount=order["total_price"].money(), currency=currency, full=True))

    def _tells_all(self, parcels: Sequence[Place]) -> bool:
        """Whether an order's webhook is believed in that nothing of it is told: it has no metafields, and says of none that it is in progress.
        The poller says that, where there is one."""
        return not self.asks_metafields and (bool(parcels) or not self.settings.poll)

    def _parcel(self, parcel: Place) -> Snapshot | None:
        """fulfillments/create and /update: one parcel, named #1001.1 after its order. That it was packed, or received, says nothing of the
        order: there may be more in it than is in the parcel."""
        shipment = "" if _is_taken_back(parcel) else folded(parcel["shipment_status"].text() or "")
        usual = SHIPMENT.get(shipment, "")
        state = self.furthest([(shipment, "" if usual == WHOLE else usual)] if shipment else [])
        if not state:
            return None
        fact = Fact(state, at=parcel["updated_at"].moment(), data=_tracking([parcel]), state=True)
        return _part(parcel, (fact,), ref=_order_of(parcel["name"].text()))


def _placed(order: Place) -> datetime | None:
    return placed_at(order["created_at"].moment(), order["processed_at"].moment())


def _part(place: Place, facts: tuple[Fact, ...], ref: str = "") -> Snapshot:
    """News of a part of an order, which may not say the order's name."""
    updated = next((at for key in ("updated_at", "processed_at", "created_at") if (at := place[key].moment())), None)
    return Snapshot(
        id=place["order_id"].need(),
        updated=updated or place["updated_at"].need_moment(),
        facts=facts,
        order=OrderFields(ref=ref),
        odd=tuple(place.odd),
    )


def _refund(refund: Place, currency: str | None, *, full: bool | None = None) -> Fact:
    """Its amount is the sum of its successful transactions, which is what the customer sees on the account. Without any it is of goods:
    what was taken out of the order, or put back into stock."""
    paid = [t for t in refund["transactions"] if t["status"].text() == "success"]
    amounts = [amount for t in paid if (amount := decimal_of(t["amount"].text() or "")) is not None]
    currency = next((code for t in paid if (code := t["currency"].text())), currency)
    data = _given(
        amount=rounded(sum(amounts, Decimal()), currency) if amounts or refund["transactions"].value == [] else None,
        currency=currency,
        reason=refund["note"].text(),
    )
    if full is not None:
        data["full"] = full
    return Fact("refund.issued", key=refund["id"].need(), at=refund["created_at"].moment(), data=data)


def _has_failed(refund: Place) -> bool:
    """Whether none of its money will come: nobody is told of that as of a refund."""
    states = {transaction["status"].text() for transaction in refund["transactions"]}
    return bool(states) and states <= {"failure", "error"}


def _payment(transaction: Place) -> Snapshot | None:
    """order_transactions/create: only what failed is news that the order itself does not bring. Its `payment_id` is of the order
    (#1001.1), or of the checkout (c901414060.1), which is no order's name."""
    kind, status = transaction["kind"].text(), transaction["status"].text()
    if kind not in ("sale", "authorization", "capture") or status not in ("failure", "error"):
        return None
    data = _given(amount=transaction["amount"].money(), currency=transaction["currency"].text())
    fact = Fact("payment.failed", key=transaction["id"].need(), at=transaction["created_at"].moment(), data=data)
    named = transaction["payment_id"].text() or ""
    return _part(transaction, (fact,), ref=_order_of(named) if named.startswith("#") else "")


def _is_taken_back(parcel: Place) -> bool:
    return folded(parcel["status"].text() or "") in CANCELLED


def _order_of(name: str | None) -> str:
    """#1001.1 belongs to #1001."""
    order, dot, number = (name or "").rpartition(".")
    return order if dot and number.isdecimal() else ""


def _tracking(parcels: Sequence[Place]) -> dict[str, Any]:
    return _given(
        tracking_url=next((url for parcel in reversed(parcels) if (url := parcel["tracking_url"].text())), None)
    )


def _fields(order: Place) -> Iterator[str]:
    for attribute in order["note_attributes"]:
        yield f"attribute:{attribute['name'].text()}={attribute['value'].text()}"
    if note := order["note"].text():
        yield f"note:{note}"


def _customer(order: Place) -> Customer:
    customer, addresses = order["customer"], (order["shipping_address"], order["billing_address"])
    names = [customer["first_name"].line(), customer["last_name"].line()]
    email = next((at for key in ("email", "contact_email") if (at := order[key].line())), customer["email"].line())
    shipping, billing = addresses
    phone, country = number_of(
        order, billing=billing, shipping=shipping, country="country_code", own=customer["phone"].line()
    )
    return Customer(
        name=" ".join(name for name in names if name) or next((n for a in addresses if (n := a["name"].line())), None),
        phone=phone,
        email=email.lower() if email else None,
        locale=order["customer_locale"].text(),
        country=country,
    )


def _items(order: Place) -> Iterator[Item]:
    for line in order["line_items"]:
        quantity = line["current_quantity"].number()
        quantity = line["quantity"].number() if quantity in (None, 0) and order["cancelled_at"] else quantity
        name = line["name"].line() or line["title"].line()
        if name and quantity != 0:
            yield Item(name=name, quantity=quantity or 1, sku=line["sku"].line(), price=line["price"].money())


def _fulfilment(order: Place) -> str | None:
    """The line of a pick-up bears the place's name, which may be any; but nobody gives an address for it."""
    lines = list(order["shipping_lines"])
    words = " ".join(folded(text) for line in lines for key in ("code", "title") if (text := line[key].text()))
    if not lines:
        return None
    is_fetched = "pickup" in words or "pick up" in words or "abholung" in words or not order["shipping_address"]
    return "pickup" if is_fetched else "delivery"


def _given(**values: str | bool | None) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
