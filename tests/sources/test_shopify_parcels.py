"""An order of Shopify's that goes out in several parcels, and an app that signs by its own secret."""

from pathlib import Path

import msgspec
import pytest

from outbox.model import State
from tests.sources.test_shopify import SECRETS, sample, shopify_hook
from tests.support.sources import open_front
from tests.support.street import shipped


@pytest.mark.parametrize("other", ["out_for_delivery", "ready_for_pickup", "in_transit"])
async def test_one_parcel_that_was_received_completes_no_order_of_which_another_is_on_its_way(
    tmp_path: Path, other: str
) -> None:
    """The paper came by post on Thursday; the balloons leave on the wedding morning."""
    parcel = msgspec.json.decode(sample("fulfillments-update")) | {"shipment_status": "delivered"}
    order = msgspec.json.decode(sample("orders-paid")) | {"fulfillment_status": "fulfilled"}
    order["fulfillments"] = [{"id": 1, "shipment_status": "delivered"}, {"id": 2, "shipment_status": other}]
    async with open_front(tmp_path, secrets=SECRETS, webshop={"kind": "shopify"}) as front:
        await front.take(shopify_hook(msgspec.json.encode(order | {"fulfillment_status": None, "fulfillments": []})))
        await front.take(shopify_hook(msgspec.json.encode(parcel)))
        assert "order.completed" not in await front.told()
        await front.take(shopify_hook(msgspec.json.encode(order | {"updated_at": "2026-11-28T09:00:00+01:00"})))
        assert "order.completed" not in await front.told()


async def test_what_an_app_s_webhook_says_and_nobody_understands_is_kept(tmp_path: Path) -> None:
    """Signed by the app's own secret: there is no WEBHOOK_SECRET."""
    secrets = {"WEBSHOP_CLIENT_ID": "id", "WEBSHOP_CLIENT_SECRET": SECRETS["WEBSHOP_WEBHOOK_SECRET"]}
    async with open_front(tmp_path, secrets=secrets, webshop={"kind": "shopify"}) as front:
        await front.take(shopify_hook(b"[]"))
        assert len(await front.waiting()) == 1


@pytest.mark.parametrize("polled", [False, True], ids=["hooked", "asked too"])
async def test_a_parcel_s_webhook_that_overtakes_the_order_s_is_told_to_the_customer(
    tmp_path: Path, polled: bool
) -> None:
    """They come in any order; a parcel names no customer, and what it said was known when the order came that did."""
    parcel = msgspec.json.decode(sample("fulfillments-update"))
    order = msgspec.json.decode(sample("orders-paid")) | {"fulfillments": [parcel], "updated_at": parcel["updated_at"]}
    table = {"kind": "shopify"} | ({"shop": "x", "poll": "60s"} if polled else {})
    async with open_front(tmp_path, secrets=SECRETS, plan=shipped(), webshop=table) as front:
        await front.take(shopify_hook(msgspec.json.encode(parcel)))
        assert await front.events() == []
        if polled:
            assert front.intake.pollers["webshop"].wake.is_set()
            assert await front.waiting() == []
        else:
            assert "nobody has told of order #1001 yet" in (await front.waiting())[0]
        await front.take(shopify_hook(msgspec.json.encode(order)))
        page = await front.box.views.messages(limit=100)
        told = [one for one in page.items if one.trigger == "order.out_for_delivery" and one.audience == "customer"]
        assert [(one.state, one.addresses["email"]) for one in told] == [(State.QUEUED, "ada@example.com")]
        for kept in (await front.box.quarantine.list(state="waiting", limit=5)).items:
            assert await front.intake.reread(await front.box.quarantine.get(kept.seq)) == ""
        assert [id.partition(":")[2] for id, _ in await front.events()].count("order.out_for_delivery") == 1
