"""A Shopify order that is paid, made dearer by an edit and paid again: the shop has one word for both payments, and says no more than the sum."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from outbox.model import Event
from tests.support.shopify import ORDER, SECRETS, both, nodes, sample
from tests.support.sources import Shopfront, open_front, shopify_hook

ASKED = {"kind": "shopify", "shop": "x", "poll": "60s"}
HOOKED = {"kind": "shopify"}
HISTORIES: dict[str, tuple[list[tuple[int, str, str]], list[str]]] = {
    "made dearer and paid": (
        [(16, "paid", "34.90"), (17, "partially_paid", "46.40"), (18, "paid", "46.40")],
        ["34.90", "11.50"],
    ),
    "paid before it is seen to be owed": ([(16, "paid", "34.90"), (18, "paid", "46.40")], ["34.90", "11.50"]),
    "twice": (
        [(16, "paid", "34.90"), (17, "paid", "40.00"), (18, "paid", "41.00"), (19, "paid", "41.00")],
        ["34.90", "5.10", "1.00"],
    ),
    "made cheaper, and back": ([(16, "paid", "34.90"), (17, "paid", "30.00"), (18, "paid", "34.90")], ["34.90"]),
    "an older one comes late": ([(17, "paid", "30.00"), (16, "paid", "34.90"), (18, "paid", "30.00")], ["30.00"]),
    "not paid yet": ([(16, "paid", "34.90"), (17, "partially_paid", "46.40")], ["34.90"]),
}


@pytest.mark.parametrize("hooked", [True, False], ids=["hooked", "asked"])
@pytest.mark.parametrize(("shown", "told"), HISTORIES.values(), ids=HISTORIES.keys())
async def test_each_payment_is_told_with_what_it_adds(
    tmp_path: Path, shown: list[tuple[int, str, str]], told: list[str], hooked: bool
) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop=HOOKED if hooked else ASKED) as front:
        await front.clock.advance(300)
        for minute, status, total in shown:
            await (hook if hooked else asked)(front, f"2026-11-24T10:{minute}:30Z", status, total)
        assert await payments(front) == told


@pytest.mark.parametrize("hooked", [True, False], ids=["hooked", "asked"])
async def test_what_is_cancelled_is_not_paid_again(tmp_path: Path, hooked: bool) -> None:
    """Its sum is that of the whole order again, what had been taken out of it included."""
    async with open_front(tmp_path, secrets=SECRETS, webshop=HOOKED if hooked else ASKED) as front:
        show = hook if hooked else asked
        await front.clock.advance(300)
        await show(front, "2026-11-24T10:16:30Z", "paid", "30.00")
        gone = {"cancelled_at": "2026-11-24T10:17:00Z", "cancelledAt": "2026-11-24T10:17:00Z"}
        whole = {"total_price": "34.90", "totalPriceSet": money("34.90")}
        await show(front, "2026-11-24T10:17:30Z", "paid", "0.00", **gone, **whole)
        assert await payments(front) == ["30.00"]


async def test_both_ways_of_telling_come_to_one_payment(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop=ASKED) as front:
        await front.clock.advance(300)
        for minute, total in ((16, "34.90"), (17, "46.40")):
            for show in (hook, asked, hook):
                await show(front, f"2026-11-24T10:{minute}:30Z", "paid", total)
        assert await payments(front) == ["34.90", "11.50"]
        assert (f"{ORDER}:payment.confirmed:2", "#1001") in await front.events()


async def hook(front: Shopfront, moment: str, status: str, total: str, **more: Any) -> None:
    changes = {"updated_at": moment, "financial_status": status, "current_total_price": total, **more}
    await front.take(shopify_hook(msgspec.json.encode(msgspec.json.decode(sample("orders-paid")) | changes)))


async def asked(front: Shopfront, moment: str, status: str, total: str, **more: Any) -> None:
    shown = {"displayFinancialStatus": status.upper(), "currentTotalPriceSet": money(total)}
    await both(front, nodes({"updatedAt": moment, "createdAt": "2026-11-24T10:15:30Z", **shown, **more}))


def money(amount: str) -> dict[str, Any]:
    return {"shopMoney": {"amount": amount, "currencyCode": "EUR"}}


async def payments(front: Shopfront) -> list[Any]:
    """The sums of all that was told of as paid, in order."""
    told = await front.box.replay.since(0, limit=100)
    events = [msgspec.json.decode(one.raw, type=Event) for one in told if one.type == "payment.confirmed"]
    return [(event.data or {}).get("amount") for event in events]
