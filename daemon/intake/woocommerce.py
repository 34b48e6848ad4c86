"""WooCommerce: its orders as its REST API v3 (`woocommerce_api`, the main path) and its webhooks bring them, both as they are now.

https://woocommerce.github.io/woocommerce-rest-api-docs and class-wc-webhook.php of 11.2 (checked 2026-11-24). Only `_gmt` dates are
UTC; the saving of a webhook sends an unsigned ping that must get 200; a delivery's id is not unique and not looked at.
An order that waits to be paid is a draft: it is placed once it is paid, or taken without.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from daemon.amounts import decimal_of
from daemon.http import unescaped
from daemon.intake import signatures
from daemon.intake.base import DELETED, PLACED, REOPENED, Body, Fact, Hook, Reading, Snapshot, Unreadable, folded
from daemon.intake.diff import REFUND
from daemon.intake.money import rounded
from daemon.intake.promised import names_of, promised_at
from daemon.intake.values import Place, json_of, read_each
from daemon.intake.woocommerce_api import WooCommerceApi, WooCommerceSettings
from outbox.model import Customer, Item, OrderFields

_DRAFTS = frozenset({"checkout-draft", "draft", "auto-draft", "new"})
_UNPAID = frozenset({"pending", "failed", "cancelled"})
"""Where an order that was never paid stands before it is placed, and where one ends that never was."""
_TAKEN = frozenset({"processing", "ready-for-pickup", "completed", "refunded"})
"""Where only an order stands that was placed, whatever the store makes of the status."""
_UNDER_WAY = frozenset({"pending", "on-hold", "processing"})
_LATE = timedelta(days=1)
"""A draft that was placed so long after it was begun was placed when it changed last."""
_LANGUAGES = ("wpml_language", "_locale")
_ABOUT_ORDERS = ("", "order", "action")
"""What a topic begins with where the body may be an order: what a shop deletes is its number alone, of whatever kind it was."""
_OTHERS: Mapping[str, str] = {
    "sku": "a product",
    "discount_type": "a coupon",
    "username": "a customer",
    "billing_period": "a subscription",
}
"""What other topics send, by a field that no order has."""
_STATUSES: Mapping[str, str] = {
    "failed": "payment.failed",
    "ready-for-pickup": "order.ready",
    "completed": "order.completed",
    "cancelled": "order.cancelled",
}
"""Beside these: `pending` and `on-hold` are as placed; `processing` is paid, else confirmed; `refunded` and refunds are facts."""


class WooCommerce(WooCommerceApi):
    kind = "woocommerce"
    counts = True
    title = "WooCommerce"
    Settings = WooCommerceSettings
    dates_edits = False

    def missing(self) -> Sequence[str]:
        wanted = ("KEY", "SECRET") if self.settings.poll else ("WEBHOOK_SECRET",)
        return [self.secret_name(what) for what in wanted if not self.secret(what)]

    # ------------------------------------------------------------ webhooks

    def greet(self, hook: Hook) -> Reading | None:
        is_ping = hook.body.startswith(b"webhook_id=") and "x-wc-webhook-signature" not in hook.headers
        return Reading(note="the shop's ping") if is_ping else None

    def verify(self, hook: Hook) -> None:
        signatures.body_digest(hook, "X-WC-Webhook-Signature", self.webhook_secrets())

    def read(self, body: Body, *, now: int) -> Reading:
        value = json_of(body)
        if not isinstance(value, dict):
            raise Unreadable("the body is not an order")
        resource, _, event = body.topic.partition(".")
        if resource not in _ABOUT_ORDERS:
            return Reading(note=f"its topic is {body.topic}, not an order: let the shop send only the topics order.*")
        if set(value) == {"id"}:
            return Reading(snapshots=(_deleted(Place(value), now),))
        if thing := _other_thing(value):
            return Reading(note=f"it is {thing}, not an order: let the shop send only the topics order.*")
        reading = self.read_orders([value])
        if event != "restored":
            return reading
        back = tuple(msgspec.structs.replace(snapshot, restored=True) for snapshot in reading.snapshots)
        return msgspec.structs.replace(reading, snapshots=back)

    def read_orders(self, orders: Sequence[object]) -> Reading:
        snapshots, unread = read_each(map(Place, orders), self.snapshot, source=self.name)
        return Reading(snapshots=tuple(snapshots), unread=tuple(unread), note="" if snapshots else "a draft")

    # ------------------------------------------------------------ one order

    def snapshot(self, order: Place) -> Snapshot | None:
        """The order as it is now; None for one that is not placed yet. Raises Unreadable."""
        id, status = order["id"].need(), order["status"].need()
        status = folded(status).removeprefix("wc-")
        if status in _DRAFTS:
            return None
        updated = order["date_modified_gmt"].need_moment()
        facts = (Fact(DELETED, state=True),) if status == "trash" else tuple(self._facts(order, status, updated))
        return Snapshot(
            id=id,
            updated=updated,
            created=order["date_created_gmt"].moment(),
            facts=facts,
            order=OrderFields(
                ref=order["number"].text() or id,
                total=order["total"].money(),
                currency=order["currency"].text(),
                fulfilment=_fulfilment(order),
                promised_at=self._promised(order),
                items=tuple(_items(order)) or None,
                note=unescaped(order["customer_note"].text() or "") or None,
            ),
            customer=_customer(order),
            odd=tuple(order.odd),
        )

    def _facts(self, order: Place, status: str, updated: datetime) -> Iterator[Fact]:
        currency, total = order["currency"].text(), order["total"].money()
        created, paid = order["date_created_gmt"].moment(), order["date_paid_gmt"].moment()
        is_silenced = status not in _TAKEN and self.statuses.get(status) == ""
        is_draft = paid is None and (status in _UNPAID or is_silenced)
        if not is_draft or self.statuses.get(status) == PLACED:
            is_late = created is not None and updated - created > _LATE
            owed = _given(pay_url=order["payment_url"].text()) if order["needs_payment"] else {}
            yield Fact(PLACED, at=paid or (updated if is_late else created), data=owed)
        elif status == "pending" and status not in self.statuses:
            data = _given(amount=total, currency=currency, pay_url=order["payment_url"].text())
            yield Fact("payment.pending", at=created, data=data, draft=True)
        if paid is not None and status not in ("refunded", "cancelled", "failed"):
            yield Fact("payment.confirmed", at=paid, data=_given(amount=total, currency=currency))
        state = self._state(order, status)
        if state and state != PLACED:
            ended = (
                status == "completed" and state == "order.completed"
            )  # set once it is "completed", whatever that means here
            at = order["date_completed_gmt"].moment() if ended else None
            data = _given(pay_url=order["payment_url"].text()) if state == "payment.failed" else {}
            yield Fact(state, at=at, data=data, state=True, draft=is_draft and state == "order.cancelled")
        elif not state and status in _UNDER_WAY:
            yield Fact(REOPENED, state=True, usual=True)
        yield from _refunds(order, status, currency)

    def _state(self, order: Place, status: str) -> str:
        usual = (
            "order.confirmed" if status == "processing" and not order["date_paid_gmt"] else _STATUSES.get(status, "")
        )
        return self.furthest([(status, usual), *((mark, "") for mark in _marks(order))])

    def _promised(self, order: Place) -> datetime | None:
        wanted = names_of(self.settings.promised)
        found = (meta["value"] for meta in order["meta_data"] if wanted and meta["key"].value in wanted)
        return promised_at(found, self.store.zone, brought=_fulfilment(order) == "delivery")


def _deleted(order: Place, now: int) -> Snapshot:
    """All that a deletion says is the order's id."""
    return Snapshot(
        id=order["id"].need(),
        updated=datetime.fromtimestamp(now / 1000, UTC),
        facts=(Fact(DELETED, state=True),),
        order=OrderFields(ref=""),
    )


def _other_thing(value: Mapping[str, Any]) -> str:
    """What a body of another topic is; "" for an order, and for what nobody knows."""
    if "line_items" in value and "billing_period" not in value:
        return ""
    return next((thing for field, thing in _OTHERS.items() if field in value), "")


def _marks(order: Place) -> Iterator[str]:
    """What a status table may name beside the status: `meta:KEY=VALUE`."""
    for meta in order["meta_data"]:
        value = meta["value"].value
        if isinstance(value, str | int):
            yield folded(f"meta:{meta['key'].value}={value}")


def _refunds(order: Place, status: str, currency: str | None) -> Iterator[Fact]:
    """One by one, the oldest first (the shop lists the newest first); the last says so where all is given back."""
    refunds = sorted(order["refunds"], key=lambda refund: refund["id"].number() or 0)
    left = decimal_of(order["total"].money() or "")
    for refund in refunds:
        amount = (refund["total"].money() or "").removeprefix("-")
        left = None if left is None else left - (decimal_of(amount) or 0)
        data = _given(amount=amount, currency=currency, reason=refund["reason"].text())
        if refund is refunds[-1] and (status == "refunded" or (left is not None and left <= 0)):
            data["full"] = True
        yield Fact(REFUND, key=refund["id"].need(), data=data)
    if status == "refunded" and not refunds:
        yield Fact(REFUND, data=_given(amount=order["total"].money(), currency=currency) | {"full": True})


def _customer(order: Place) -> Customer:
    billing, shipping = order["billing"], order["shipping"]
    names = [billing["first_name"].line(), billing["last_name"].line()]
    email = billing["email"].line()
    phone, places = billing["phone"].line(), (billing, shipping)
    if not phone:
        phone, places = shipping["phone"].line(), (shipping, billing)
    return Customer(
        name=" ".join(name for name in names if name) or None,
        phone=phone,
        country=next((code for place in places if (code := place["country"].line())), None),
        email=email.lower() if email else None,
        locale=_language(order),
    )


def _language(order: Place) -> str | None:
    """Which the customer chose, where a plug-in for languages says so."""
    found = {meta["key"].text(): meta["value"] for meta in order["meta_data"]}
    return next((code for key in _LANGUAGES if key in found and (code := found[key].line())), None)


def _items(order: Place) -> Iterator[Item]:
    """Their names without the shop's HTML ("Foil &amp; latex")."""
    currency = order["currency"].text()
    for line in order["line_items"]:
        name = " ".join(unescaped(line["name"].text() or "").split())
        if name:
            yield Item(
                name=name, quantity=line["quantity"].number() or 1, sku=line["sku"].line(), price=_price(line, currency)
            )


def _price(line: Place, currency: str | None) -> str | None:
    """What one costs with its tax: `price` is without."""
    parts = [decimal_of(line[name].money() or "") for name in ("total", "total_tax")]
    quantity = line["quantity"].number()
    total = sum((part for part in parts if part is not None), Decimal())
    return rounded(total / Decimal(repr(quantity)), currency) if quantity and parts[0] is not None else None


def _fulfilment(order: Place) -> str | None:
    methods = [folded(method) for line in order["shipping_lines"] if (method := line["method_id"].text())]
    if not methods:
        return None
    return "pickup" if any("pickup" in method for method in methods) else "delivery"


def _given(**values: str | None) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
