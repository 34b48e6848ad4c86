"""Asking Shopify: its tokens, what questions cost, orders larger than a page shows, and what customers write."""

import itertools
from pathlib import Path

import msgspec
import pytest

from daemon.http import Request, Response
from daemon.intake.polling.polled import Polled, Turn
from tests.support.shopify import ORDER, SECRETS, both, nodes, sample
from tests.support.sources import FakeHttp, json_response, open_front, shopify_hook, source_of


async def test_client_credentials_are_exchanged_kept_and_renewed(tmp_path: Path) -> None:
    tokens = itertools.count(1)
    good: list[str] = []

    def answer(request: Request) -> Response:
        if request.path == "/admin/oauth/access_token":
            assert request.body == b"grant_type=client_credentials&client_id=id&client_secret=shpss"
            good[:] = [f"shpat_{next(tokens)}"]
            return json_response({"access_token": good[0], "scope": "read_orders", "expires_in": 86399})
        if request.headers["X-Shopify-Access-Token"] not in good:
            return json_response({"errors": "[API] Invalid API key or access token"}, 401)
        return json_response(nodes())

    secrets = {"WEBSHOP_CLIENT_ID": "id", "WEBSHOP_CLIENT_SECRET": "shpss"}
    http = FakeHttp(answer)
    async with open_front(
        tmp_path, secrets=secrets, http=http, webshop={"kind": "shopify", "shop": "x", "poll": "60s"}
    ) as front:
        assert await front.poll() == 60
        assert await front.poll() == 60
        assert len(http.asked) == 3
        good.clear()
        assert await front.poll() == 60
        await front.clock.advance(86_100)
        assert await front.poll() == 60
        assert next(tokens) == 4


@pytest.mark.parametrize("webhook_first", [True, False])
async def test_an_order_of_many_lines_is_read_whole(tmp_path: Path, webhook_first: bool) -> None:
    """A wedding's balloons: a line for each colour and size, paid back one by one."""
    lines = [{"name": f"Balloon {n}", "quantity": 1, "current_quantity": 1, "currentQuantity": 1} for n in range(30)]
    refunds = [{"legacyResourceId": str(n), "createdAt": "2026-11-24T10:15:00Z"} for n in range(7)]
    (node,) = nodes({})["data"]["orders"]["nodes"]

    def answer(request: Request) -> Response:
        asked = msgspec.json.decode(request.body)["variables"]
        shown = {"pageInfo": {"hasNextPage": len(lines) > asked["items"]}, "nodes": lines[: asked["items"]]}
        whole = {**node, "lineItems": shown, "refunds": refunds[: asked["refunds"]]}
        assert asked["q"] in (f"id:{ORDER}", "updated_at:>='2026-10-25T10:15:00Z'")
        return json_response({"data": {"orders": {"pageInfo": {"hasNextPage": False}, "nodes": [whole]}}})

    table = {"kind": "shopify", "shop": "x", "poll": "60s"}
    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(answer), webshop=table) as front:
        if webhook_first:
            hooked = msgspec.json.decode(sample("orders-paid")) | {"line_items": lines}
            await front.take(shopify_hook(msgspec.json.encode(hooked)))
        await front.poll()
        (order,) = await front.box.views.orders_by_ref(["#1001"])
        assert [item.name for item in order.items] == [line["name"] for line in lines]
        assert [id for id, _ in await front.events() if "refund" in id] == [
            f"{ORDER}:refund.issued:{n}" for n in range(7)
        ]
        assert len(front.http.asked) == 2


async def test_it_waits_as_long_as_points_take_to_come_back(tmp_path: Path) -> None:
    throttled = {
        "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
        "extensions": {
            "cost": {"requestedQueryCost": 900, "throttleStatus": {"currentlyAvailable": 100, "restoreRate": 100.0}}
        },
    }
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify", "shop": "x", "poll": "5s"}) as front:
        front.http.answer = lambda request: json_response(throttled)
        assert await front.poll() == 8
        assert "THROTTLED" in front.intake.rows()[0].problem
        front.http.answer = lambda request: json_response(
            {"errors": [{"message": "no", "extensions": {"code": "ACCESS_DENIED"}}]}
        )
        assert await front.poll() == 300


async def test_an_expired_version_is_told(tmp_path: Path) -> None:
    source = source_of("shopify", SECRETS, shop="x", version="2025-01")
    assert isinstance(source, Polled)
    page = source.page(json_response(nodes(), **{"x-shopify-api-version": "2025-10"}), Turn(0))
    assert "answers as version 2025-10" in page.warning


async def test_what_a_customer_writes_for_a_time_costs_only_that(tmp_path: Path) -> None:
    """Anybody at the checkout could else keep the shop from being read."""
    table = {"kind": "shopify", "shop": "x", "poll": "60s", "promised": "pickup"}
    async with open_front(tmp_path, secrets=SECRETS, webshop=table) as front:
        written = [{"key": "pickup", "value": "9" * 5000}]
        await both(front, nodes({"customAttributes": written}, {"legacyResourceId": "5678901234568", "name": "#1002"}))
        assert {ref for _, ref in await front.events()} == {"#1001", "#1002"}
        assert front.intake.rows()[0].problem == ""
