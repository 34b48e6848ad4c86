"""A WooCommerce shop as its REST API shows it: an independent stand-in, held against recordings of a real one.

It knows what the real one does and its documentation does not say: orders that are kept as posts are listed by the shop's LOCAL time;
keys work only where the undecoded address holds `wp-json/wc/`, by Basic or in the query only over TLS, else by an OAuth 1.0a
signature; `date_modified` moves with each save, but stays for an edit of an order that is kept as a post; `any` leaves out the bin; a
hook that failed more than five times in a row is disabled.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit
from zoneinfo import ZoneInfo

import msgspec

from daemon.http import Response

BASE = "/wp-json/wc/v3"
KEY, SECRET = "ck_1", "cs_1"
MOST_FAILURES = 5
_UNLISTED = frozenset({"trash", "auto-draft", "checkout-draft"})

Deliver = Callable[[Mapping[str, str], bytes], int]
"""Hands a hook's delivery over; the status that it got."""


class WooHook(msgspec.Struct):
    topic: str
    secret: str
    deliver: Deliver
    status: str = "active"
    failures: int = 0


class WooOrder(msgspec.Struct):
    id: int
    status: str
    created: int
    modified: int
    """Both in seconds, by the shop's own clock."""
    fields: dict[str, Any]
    before_bin: str = ""


class WooShop:
    """`now` gives ms; `ahead`: seconds by which the shop's own clock is wrong."""

    def __init__(
        self,
        now: Callable[[], int],
        *,
        zone: str = "Europe/London",
        hpos: bool = False,
        tls: bool = True,
        pretty: bool = True,
        home: str = "shop.example.com",
    ) -> None:
        self._now = now
        self.zone = ZoneInfo(zone)
        self.hpos, self.tls, self.pretty, self.home = hpos, tls, pretty, home
        self.ahead = 0.0
        self.orders: dict[int, WooOrder] = {}
        self.hooks: list[WooHook] = []
        self.most = 100
        """What it gives at once, however much is asked for."""
        self.hidden: set[str] = set()
        """Statuses of plug-ins that `any` leaves out as well."""
        self._nonces: set[str] = set()

    # ------------------------------------------------------------ what happens in the shop

    def clock(self) -> int:
        return round(self._now() / 1000 + self.ahead)

    def save(self, id: int, status: str, **fields: Any) -> WooOrder:
        """A new order, or a change of one: it moves its `date_modified`, but for an edit of one that is kept as a post."""
        order = self.orders.get(id)
        topic = "order.updated" if order else "order.created"
        if order is None:
            order = self.orders[id] = WooOrder(id, status, self.clock(), self.clock(), {})
        if self.hpos or topic == "order.created" or order.status != status or fields.keys() & {"refunds"}:
            order.modified = self.clock()
        order.status = status
        order.fields |= fields
        self.tell(topic, self.shown(order))
        return order

    def trash(self, id: int) -> None:
        order = self.orders[id]
        order.before_bin, order.status, order.modified = order.status, "trash", self.clock()
        self.tell("order.deleted", {"id": id})

    def restore(self, id: int) -> None:
        order = self.orders[id]
        order.status, order.modified = order.before_bin, self.clock()
        self.tell("order.restored", self.shown(order))

    def delete(self, id: int) -> None:
        del self.orders[id]
        self.tell("order.deleted", {"id": id})

    def tell(self, topic: str, body: Mapping[str, Any]) -> None:
        raw = msgspec.json.encode(body)
        for hook in self.hooks:
            if hook.topic != topic or hook.status != "active":
                continue
            digest = hmac.digest(hook.secret.encode(), raw, hashlib.sha256)
            headers = {
                "content-type": "application/json",
                "x-wc-webhook-topic": topic,
                "x-wc-webhook-signature": base64.b64encode(digest).decode(),
            }
            if 200 <= hook.deliver(headers, raw) <= 302:
                hook.failures = 0
                continue
            if hook.failures > MOST_FAILURES:
                hook.status = "disabled"
            else:
                hook.failures += 1

    # ------------------------------------------------------------ what it answers

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> Response:
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        path = query.pop("rest_route", "") if url.path == "/" else url.path.removeprefix("/wp-json")
        if url.path.startswith("/wp-json") and not self.pretty:
            return Response(
                status=404, headers={"content-type": "text/html"}, body=b"<!DOCTYPE html><title>404</title>"
            )
        refusal = self._refusal(method, target, query, headers)
        if refusal:
            return _error(401, refusal, "Sorry, you cannot list resources.")
        if path == "/wc/v3/orders":
            return self._list(query)
        found = re.fullmatch(r"/wc/v3/orders/(\d+)", path)
        if found and (order := self.orders.get(int(found[1]))):
            return _json(self.shown(order))
        if found:
            return _error(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
        return _error(404, "rest_no_route", "No route was found matching the URL and request method.")

    def _refusal(self, method: str, target: str, query: dict[str, str], headers: Mapping[str, str]) -> str:
        """A key that is looked at and wrong is told apart from one that is not looked at."""
        if "wp-json/wc/" not in target:
            return "woocommerce_rest_cannot_view"
        if not self.tls:
            if "oauth_consumer_key" not in query:
                return "woocommerce_rest_cannot_view"
            return "" if self._signed(method, target) else "woocommerce_rest_authentication_error"
        pair = (query.pop("consumer_key", ""), query.pop("consumer_secret", ""))
        if not any(pair):
            scheme, _, given = headers.get("Authorization", "").partition(" ")
            name, _, word = base64.b64decode(given).decode().partition(":") if scheme == "Basic" else ("", "", "")
            pair = (name, word)
        if not any(pair):
            return "woocommerce_rest_cannot_view"
        return "" if pair == (KEY, SECRET) else "woocommerce_rest_authentication_error"

    def _signed(self, method: str, target: str) -> bool:
        url = urlsplit(target)
        given = parse_qsl(url.query, keep_blank_values=True)
        said = dict(given)
        if said.get("oauth_consumer_key") != KEY or said.get("oauth_signature_method") != "HMAC-SHA256":
            return False
        if abs(int(said["oauth_timestamp"]) - self.clock()) > 15 * 60 or said["oauth_nonce"] in self._nonces:
            return False
        self._nonces.add(said["oauth_nonce"])
        pairs = sorted((_raw(n), _raw(v)) for n, v in given if n != "oauth_signature")
        text = f"{method}&{_raw(f'http://{self.home}{url.path}'.rstrip('/'))}&{_raw('&'.join(f'{n}={v}' for n, v in pairs))}"
        digest = hmac.digest(f"{SECRET}&".encode(), text.encode(), hashlib.sha256)
        return hmac.compare_digest(base64.b64encode(digest).decode(), said["oauth_signature"])

    def _list(self, query: Mapping[str, str]) -> Response:
        per_page = int(query.get("per_page", "10"))
        if not 1 <= per_page <= 100:
            return _error(400, "rest_invalid_param", "Invalid parameter(s): per_page")
        found = [order for order in self.orders.values() if self._wanted(order, query)]
        found.sort(
            key=lambda order: (*self._place(order, query), order.id), reverse=query.get("order", "desc") == "desc"
        )
        first = int(query["offset"]) if "offset" in query else (int(query.get("page", "1")) - 1) * per_page
        fields = query["_fields"].split(",") if "_fields" in query else None
        shown = [self.shown(order) for order in found[first : first + min(per_page, self.most)]]
        if fields is not None:
            shown = [{name: value for name, value in one.items() if name in fields} for one in shown]
        count = len(found) if first < len(found) else 0
        return _json(shown, {"x-wp-total": str(count), "x-wp-totalpages": str(-(-count // per_page))})

    def _wanted(self, order: WooOrder, query: Mapping[str, str]) -> bool:
        statuses = query.get("status", "any").split(",")
        if order.status in _UNLISTED | self.hidden if "any" in statuses else order.status not in statuses:
            return False
        if "include" in query and str(order.id) not in query["include"].split(","):
            return False
        gmt = query.get("dates_are_gmt") == "true"
        at = _second(order.modified, UTC) if gmt else _second(order.modified, self.zone)
        return query.get("modified_after", "") < at < query.get("modified_before", "9")

    def _place(self, order: WooOrder, query: Mapping[str, str]) -> tuple[str, ...]:
        """Where it stands in the list: posts by their local time, which comes twice on one night of the year."""
        match query.get("orderby", "date"):
            case "modified":
                return (_second(order.modified, UTC if self.hpos else self.zone),)
            case "date":
                return (_second(order.created, UTC if self.hpos else self.zone),)
            case _:
                return ()

    def shown(self, order: WooOrder) -> dict[str, Any]:
        return {
            "id": order.id,
            "number": str(order.id),
            "status": order.status,
            "date_created": _second(order.created, self.zone),
            "date_created_gmt": _second(order.created, UTC),
            "date_modified": _second(order.modified, self.zone),
            "date_modified_gmt": _second(order.modified, UTC),
            "date_paid_gmt": None,
            "date_completed_gmt": None,
            "line_items": [],
            "refunds": [],
            **order.fields,
        }


def _second(moment: int, zone: Any) -> str:
    return datetime.fromtimestamp(moment, zone).strftime("%Y-%m-%dT%H:%M:%S")


def _raw(text: str) -> str:
    return quote(text, safe="-._~")


def _json(value: Any, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    head = {"content-type": "application/json; charset=UTF-8", **(headers or {})}
    return Response(status=status, headers=head, body=msgspec.json.encode(value))


def _error(status: int, code: str, message: str) -> Response:
    return _json({"code": code, "message": message, "data": {"status": status}}, status=status)
