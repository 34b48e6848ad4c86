"""A shop that can be asked, as WooCommerce and as Shopify: orders in the order of their change, in pages, with a server's bad days."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from daemon.http import Request, Response
from outbox.outcome import Deferred, Unknown
from tests.support.sources import json_response

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
        whole = self._woo(request) if "/wc/v3/" in request.path else self._shopify(request)
        if fault is CUT:
            return msgspec.structs.replace(whole, body=whole.body[: len(whole.body) // 2])
        return fault or whole

    def _since(self, since: int, *, inclusive: bool) -> list[tuple[int, str, int]]:
        rows = [
            (id, status, at) for id, (status, at) in self.orders.items() if at > since or (inclusive and at == since)
        ]
        return sorted(rows, key=lambda row: (row[2], row[0]))

    def _woo(self, request: Request) -> Response:
        query = {key: value[0] for key, value in parse_qs(urlsplit(request.path).query).items()}
        since = datetime.fromisoformat(query["modified_after"]).replace(tzinfo=UTC).timestamp()
        rows = self._since(int(since), inclusive=False)
        first = (int(query["page"]) - 1) * self.page
        pages = -(-len(rows) // self.page)
        made = [_woo_order(*row) for row in rows[first : first + self.page]]
        return json_response(made, **{"x-wp-totalpages": str(pages), "x-wp-total": str(len(rows))})

    def _shopify(self, request: Request) -> Response:
        variables = msgspec.json.decode(request.body)["variables"]
        since = datetime.fromisoformat(variables["q"].removeprefix("updated_at:>='").removesuffix("'")).timestamp()
        rows = self._since(int(since), inclusive=True)
        first = int(variables["after"] or 0)
        made = [_shopify_node(*row) for row in rows[first : first + self.page]]
        info = {"hasNextPage": first + self.page < len(rows), "endCursor": str(first + self.page)}
        return json_response({"data": {"orders": {"pageInfo": info, "nodes": made}}})


CUT = Response(status=200)
"""Stands for an answer whose connection was cut in the middle of the page."""


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _woo_order(id: int, status: str, at: int) -> dict[str, Any]:
    return {
        "id": id,
        "number": str(id),
        "status": status,
        "date_created_gmt": _moment(at),
        "date_modified_gmt": _moment(at),
        "date_paid_gmt": None,
    }


_STATES = {
    "pending": {},
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
