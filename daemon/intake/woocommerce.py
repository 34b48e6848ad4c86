"""WooCommerce: its REST API v3 (the main path) and its webhooks, which both bring the order object as it is now.

https://woocommerce.github.io/woocommerce-rest-api-docs and class-wc-webhook.php of 11.2 (checked 2026-11-24). Only `_gmt` dates are
UTC; the saving of a webhook sends an unsigned ping that must get 200; a delivery's id is not unique and not looked at.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from daemon.config import ConfigError, Store
from daemon.http import Request, Response, encode
from daemon.intake import signatures
from daemon.intake.base import Body, Fact, Hook, Reading, Snapshot, Source, SourceSettings, Unreadable, folded
from daemon.intake.diff import REFUND
from daemon.intake.polled import Page, Polled, Turn, fault_of
from daemon.intake.values import Place, decimal_of, json_of
from outbox.model import Customer, Item, OrderFields

PAGE = 50
_FIELDS = (
    "id,number,status,currency,total,date_created_gmt,date_modified_gmt,date_paid_gmt,date_completed_gmt,billing,shipping,"
    "customer_note,meta_data,line_items,shipping_lines,refunds,payment_url,needs_payment"
)
_DRAFTS = frozenset({"checkout-draft", "draft", "auto-draft", "new", "trash"})
_STATUSES: Mapping[str, str] = {
    "failed": "payment.failed",
    "ready-for-pickup": "order.ready",
    "completed": "order.completed",
    "cancelled": "order.cancelled",
}
"""Beside these: `pending` and `on-hold` are as placed; `processing` is paid, else confirmed; `refunded` and refunds are facts."""


class WooCommerceSettings(SourceSettings, frozen=True, kw_only=True):
    url: str = ""
    """The shop's address, as people type it."""
    key_in_query: bool = False
    """Whether the key goes into the URL, for hosts that strip the Authorization header."""
    plain_permalinks: bool = False
    """Whether the shop is without pretty permalinks: /?rest_route= instead of /wp-json."""
    promised: str = ""
    """The key of `meta_data` that holds the promised time."""


class WooCommerce(Source, Polled):
    kind = "woocommerce"
    title = "WooCommerce"
    Settings = WooCommerceSettings

    settings: WooCommerceSettings

    def __init__(self, name: str, settings: WooCommerceSettings, secrets: Mapping[str, str], store: Store) -> None:
        super().__init__(name, settings, secrets, store)
        if settings.poll and not urlsplit(settings.url).hostname:
            raise ConfigError(f'sources.{name}: url: write the shop\'s address, like "https://shop.example.com"')

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
        if set(value) == {"id"}:
            return Reading(note="the order was deleted in the shop: nobody is told")
        return self.read_orders([value])

    def read_orders(self, orders: Sequence[object]) -> Reading:
        snapshots, unread = [], []
        for order in orders:
            try:
                if (snapshot := self.snapshot(Place(order))) is not None:
                    snapshots.append(snapshot)
            except Unreadable as error:
                unread.append(str(error))
        return Reading(snapshots=tuple(snapshots), unread=tuple(unread), note="" if snapshots else "a draft")

    # ------------------------------------------------------------ one order

    def snapshot(self, order: Place) -> Snapshot | None:
        """The order as it is now; None for one that is not placed yet. Raises Unreadable."""
        id, status = order["id"].need(), order["status"].need()
        status = folded(status).removeprefix("wc-")
        if status in _DRAFTS:
            return None
        updated = order["date_modified_gmt"].need_moment()
        return Snapshot(
            id=id,
            updated=updated,
            created=order["date_created_gmt"].moment(),
            facts=tuple(self._facts(order, status)),
            order=OrderFields(
                ref=order["number"].text() or id,
                total=order["total"].money(),
                currency=order["currency"].text(),
                fulfilment=_fulfilment(order),
                promised_at=self._promised(order),
                items=tuple(_items(order)) or None,
                note=order["customer_note"].text(),
                url=order["payment_url"].text() if order["needs_payment"] else None,
            ),
            customer=_customer(order),
            odd=tuple(order.odd),
        )

    def _facts(self, order: Place, status: str) -> Iterator[Fact]:
        currency = order["currency"].text()
        yield Fact("order.placed", at=order["date_created_gmt"].moment())
        paid = order["date_paid_gmt"].moment()
        if paid is not None and status not in ("refunded", "cancelled", "failed"):
            yield Fact("payment.confirmed", at=paid, data=_given(amount=order["total"].money(), currency=currency))
        state = self._state(order, status)
        if state:
            at = order["date_completed_gmt"].moment() if state == "order.completed" else None
            data = _given(pay_url=order["payment_url"].text()) if state == "payment.failed" else {}
            yield Fact(state, at=at, data=data, state=True)
        yield from _refunds(order, status, currency)

    def _state(self, order: Place, status: str) -> str:
        usual = (
            "order.confirmed" if status == "processing" and not order["date_paid_gmt"] else _STATUSES.get(status, "")
        )
        return self.furthest([(status, usual), *((mark, "") for mark in _marks(order))])

    def _promised(self, order: Place) -> datetime | None:
        if not self.settings.promised:
            return None
        found = (meta["value"] for meta in order["meta_data"] if meta["key"].value == self.settings.promised)
        return next((at for value in found if (at := value.moment(self.store.zone))), None)

    # ------------------------------------------------------------ polling

    def request(self, turn: Turn, token: str) -> Request:
        """Orders changed after a second, in the order of their change. A zone in the value would be read as the site's own."""
        after = datetime.fromtimestamp(turn.since / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        query = [
            ("modified_after", after),
            ("dates_are_gmt", "true"),
            ("orderby", "modified"),
            ("order", "asc"),
            ("per_page", str(PAGE)),
            ("page", turn.token or "1"),
            ("status", "any"),
            ("_fields", _FIELDS),
        ]
        path = "/wp-json/wc/v3/orders"
        if self.settings.plain_permalinks:
            path, query = "/", [("rest_route", "/wc/v3/orders"), *query]
        key, secret = self.secret("KEY"), self.secret("SECRET")
        if self.settings.key_in_query:
            query += [("consumer_key", key), ("consumer_secret", secret)]
            return Request(method="GET", path=f"{path}?{encode(query)}")
        basic = b64encode(f"{key}:{secret}".encode()).decode()
        return Request(method="GET", path=f"{path}?{encode(query)}", headers={"Authorization": f"Basic {basic}"})

    def base(self, request: Request) -> str:
        return self.settings.url

    def page(self, response: Response, turn: Turn) -> Page:
        orders = response.json()
        if not isinstance(orders, list):
            raise fault_of(response)
        reading = self.read_orders(orders)
        newest = max((at for one in orders if (at := Place(one)["date_modified_gmt"].moment())), default=None)
        more = len(orders) >= PAGE or int(turn.token or "1") < _pages(response)
        return Page(reading, newest=newest, next_token=str(int(turn.token or "1") + 1) if more and orders else "")


def _pages(response: Response) -> int:
    total = response.headers.get("x-wp-totalpages", "")
    return int(total) if total.isdecimal() and len(total) < 9 else 0


def _marks(order: Place) -> Iterator[str]:
    """What a status table may name beside the status: `meta:KEY=VALUE`."""
    for meta in order["meta_data"]:
        value = meta["value"].value
        if isinstance(value, str | int):
            yield folded(f"meta:{meta['key'].value}={value}")


def _refunds(order: Place, status: str, currency: str | None) -> Iterator[Fact]:
    """One by one; the last says so where all is given back."""
    refunds = list(order["refunds"])
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
    )


def _items(order: Place) -> Iterator[Item]:
    for line in order["line_items"]:
        name = line["name"].line()
        if name:
            yield Item(name=name, quantity=line["quantity"].number() or 1, sku=line["sku"].line(), price=_price(line))


def _price(line: Place) -> str | None:
    """What one costs with its tax: `price` is without."""
    parts = [decimal_of(line[name].money() or "") for name in ("total", "total_tax")]
    quantity = line["quantity"].number()
    total = sum(part for part in parts if part is not None)
    return f"{total / Decimal(repr(quantity)):.2f}" if quantity and parts[0] is not None else None


def _fulfilment(order: Place) -> str | None:
    methods = [folded(method) for line in order["shipping_lines"] if (method := line["method_id"].text())]
    if not methods:
        return None
    return "pickup" if any("pickup" in method for method in methods) else "delivery"


def _given(**values: str | None) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
