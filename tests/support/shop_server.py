"""A shop that can be asked, as WooCommerce and as Shopify: orders in the order of their change, in pages, with a server's bad days."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from daemon.http import Request, Response
from outbox.outcome import Deferred, Unknown
from tests.support.sources import json_response
from tests.support.woo_shop import WooShop

Answer = Response | Deferred | Unknown


class ShopServer:
    """`orders`: id -> (status, changed at in seconds). `faults`: answers that are given in turn instead of the real ones."""

    def __init__(self, page: int = 3) -> None:
        self.orders: dict[int, tuple[str, int]] = {}
        self.page = page
        self.faults: list[Answer | None] = []
        self.before_answer: list[Any] = []
        """Called in turn before a page is made: somebody changes an order meanwhile."""

    def change(self, number: int, status: str, at_ms: int) -> None:
        self.orders[number] = (status, at_ms // 1000)

    def __call__(self, request: Request) -> Answer:
        if self.before_answer:
            self.before_answer.pop(0)()
        fault = self.faults.pop(0) if self.faults else None
        whole = self._woo(request) if "wc/v3/" in request.path else self._shopify(request)
        if fault is CUT:
            return msgspec.structs.replace(whole, body=whole.body[: len(whole.body) // 2])
        return fault or whole

    def _woo(self, request: Request) -> Response:
        shop = WooShop(lambda: 0)
        shop.most = self.page
        for id, (status, at) in self.orders.items():
            shop.ahead = at
            shop.save(id, status)
        return shop.answer("GET", request.path, request.headers)

    def _shopify(self, request: Request) -> Response:
        variables = msgspec.json.decode(request.body)["variables"]
        since = datetime.fromisoformat(variables["q"].removeprefix("updated_at:>='").removesuffix("'")).timestamp()
        rows = sorted(
            ((id, status, at) for id, (status, at) in self.orders.items() if at >= since),
            key=lambda row: (row[2], row[0]),
        )
        first = int(variables["after"] or 0)
        made = [_shopify_node(*row) for row in rows[first : first + self.page]]
        info = {"hasNextPage": first + self.page < len(rows), "endCursor": str(first + self.page)}
        return json_response({"data": {"orders": {"pageInfo": info, "nodes": made}}})


CUT = Response(status=200)
"""Stands for an answer whose connection was cut in the middle of the page."""


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


_STATES = {
    "on-hold": {},
    "completed": {"displayFulfillmentStatus": "FULFILLED"},
    "ready-for-pickup": {"fulfillments": [{"displayStatus": "READY_FOR_PICKUP"}]},
    "cancelled": {"cancelledAt": "2026-11-24T10:20:00Z"},
}


def _shopify_node(id: int, status: str, at: int) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/Order/{id}",
        "legacyResourceId": str(id),
        "name": str(id),
        "createdAt": f"{_moment(at)}Z",
        "updatedAt": f"{_moment(at)}Z",
        "displayFinancialStatus": "PENDING",
        **_STATES[status],
    }
