"""An order of Shopify's that goes out in several parcels, and an app that signs by its own secret."""

from pathlib import Path

import msgspec
import pytest

from tests.sources.test_shopify import SECRETS, sample, shopify_hook
from tests.support.sources import open_front


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
