"""What somebody takes away again from a Shopify order, a tag or that it is in progress: the board follows, and what comes back is told again."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.shopify import ORDER, SECRETS, both, nodes, sample
from tests.support.sources import Shopfront, open_front, shopify_hook

ASKED = {"kind": "shopify", "shop": "x", "poll": "60s"}
HOOKED = {"kind": "shopify"}
READY = {"statuses": {"tag:ready": "order.ready", "attribute:stage=ready": "order.ready"}}


async def hook(front: Shopfront, **changes: Any) -> None:
    changes |= {"updated_at": now(front)}
    await front.take(shopify_hook(msgspec.json.encode(msgspec.json.decode(sample("orders-paid")) | changes)))


async def asked(front: Shopfront, **changes: Any) -> None:
    moment = now(front)
    await both(front, nodes({"updatedAt": moment, "createdAt": "2026-11-24T10:15:30Z", **changes}))


def now(front: Shopfront) -> str:
    return f"2026-11-24T10:{15 + (front.clock.now() // 60_000 - 29_925_735) % 60:02}:30Z"


async def states(front: Shopfront) -> list[str]:
    told = [id.removeprefix(f"{ORDER}:") for id, _ in await front.events()]
    return [one for one in told if one not in ("order.placed", "payment.confirmed")]


TWICE = ["order.ready", "order.reopened", "order.ready:2"]


@pytest.mark.parametrize("mark", ["tag", "attribute"])
@pytest.mark.parametrize("hooked", [True, False], ids=["hooked", "asked"])
async def test_ready_by_a_mark_that_is_taken_away_is_told_once_it_is_ready(
    tmp_path: Path, mark: str, hooked: bool
) -> None:
    """Whoever marks the wrong order takes the tag off again."""
    on: dict[str, Any] = {"tags": "vip, ready" if hooked else ["vip", "ready"]}
    off: dict[str, Any] = {"tags": "vip" if hooked else ["vip"]}
    if mark == "attribute":
        name, key = ("note_attributes", "name") if hooked else ("customAttributes", "key")
        on, off = {name: [{key: "stage", "value": "ready"}]}, {name: []}
    async with open_front(tmp_path, secrets=SECRETS, webshop={**(HOOKED if hooked else ASKED), **READY}) as front:
        for changes in ({}, on, off, on, on):
            await front.clock.advance(60)
            await (hook(front, **changes) if hooked else asked(front, **changes))
        assert await states(front) == TWICE
        assert (await front.told()).count("order.ready") == 2


async def test_an_order_whose_question_is_answered_is_told_as_confirmed_and_no_second_time(tmp_path: Path) -> None:
    """It had never been confirmed: its customer heard nothing, and staff read that it was taken up again."""
    table = {**ASKED, "statuses": {"tag:question": "order.customization_needed"}}
    async with open_front(tmp_path, secrets=SECRETS, webshop=table) as front:
        for tags in (["question"], [], ["question"], []):
            await front.clock.advance(60)
            await asked(front, displayFinancialStatus="AUTHORIZED", tags=tags)
        question = "order.customization_needed"
        assert await states(front) == [question, "order.confirmed", f"{question}:2", "order.reopened"]


async def test_in_progress_that_is_taken_back_moves_the_board_and_comes_again(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, webshop=ASKED) as front:
        for status in ("UNFULFILLED", "IN_PROGRESS", "UNFULFILLED", "IN_PROGRESS", "ON_HOLD"):
            await front.clock.advance(60)
            await asked(front, displayFulfillmentStatus=status)
        assert await states(front) == ["order.in_production", "order.reopened", "order.in_production:2"]


async def test_a_webhook_that_can_not_say_that_an_order_is_in_progress_does_not_deny_it(tmp_path: Path) -> None:
    """REST has no word for it: with each save the board went back, and with each question forth again, and the customer was told each time."""
    async with open_front(tmp_path, secrets=SECRETS, webshop=ASKED) as front:
        await asked(front)
        for note in ("one", "two"):
            await front.clock.advance(60)
            await asked(front, displayFulfillmentStatus="IN_PROGRESS")
            await front.clock.advance(60)
            await hook(front, note=note, fulfillment_status=None)
        assert [one for one in await states(front) if "changed" not in one] == ["order.in_production"]


@pytest.mark.parametrize("status", ["PARTIALLY_FULFILLED", "FULFILLED"])
async def test_what_went_out_in_part_or_is_on_its_way_is_not_taken_back(tmp_path: Path, status: str) -> None:
    parcel = {"displayStatus": "OUT_FOR_DELIVERY"}
    async with open_front(tmp_path, secrets=SECRETS, webshop=ASKED) as front:
        for changes in ({}, {"fulfillments": [parcel]}, {"fulfillments": [{"displayStatus": "IN_TRANSIT"}]}):
            await front.clock.advance(60)
            await asked(front, displayFulfillmentStatus=status if changes else "UNFULFILLED", **changes)
        assert await states(front) == ["order.out_for_delivery"]
