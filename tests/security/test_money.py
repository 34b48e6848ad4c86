"""No money spent by strangers: a running service that is told to text premium numbers, too much, or a whole block of numbers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import Shop, event, noon, open_shop

ROUTES = """
[planning]
default_routes = false
[[route]]
on = "order.*"
to = "customer"
via = ["twilio", "vonage", "sendgrid"]
"""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path, pace=0.02) as shop:
        yield shop


async def open_with(shop: Shop, sms: str, routes: str = ROUTES) -> None:
    shop.configure(["twilio", "vonage", "sendgrid"], routes, extra=f"[sms]\n{sms}\n", timezone=noon())
    await shop.start()


async def post(shop: Shop, *phones: str, first: int = 0, **customer: Any) -> None:
    batch = [event(number, phone=phone, **customer) for number, phone in enumerate(phones, first)]
    async with shop.session.post("/v1/events", json=batch) as answer:
        assert answer.status == 202, await answer.text()


def texted(shop: Shop) -> list[str]:
    return [one.to for one in shop.sandbox.messages if one.provider in ("twilio", "vonage")]


async def test_premium_satellite_and_foreign_numbers_cost_nothing(shop: Shop) -> None:
    """Whoever owns such numbers posts orders in their name; the customers' mail is reached all the same."""
    await open_with(shop, 'countries = ["GB", "IE"]')
    bad = ("+8821612345678", "+19002345678", "+449012345678", "+881612345678", "+4915112345678", "+447012345678")
    await post(shop, *bad, "+353851234567", "07700 900123", email="ada@example.com")
    messages = await shop.until({"sent", "delivered"})
    assert sorted(texted(shop)) == ["+353851234567", "+447700900123"]
    assert len([one for one in shop.sandbox.messages if one.provider == "sendgrid"]) == len(bad)
    assert len(messages) == len(bad) + 2
    for number in range(2):
        (message,) = [each for each in messages if each["order_ref"] == f"B-{number}"]
        assert message["channel"] == "sendgrid"
    by_hand = {"to": "customer", "text": "Ring us", "via": ["twilio"]}
    async with shop.session.post("/v1/orders/B-0/messages", json=by_hand) as answer:
        assert answer.status == 200
    refused = [each for each in await shop.until({"sent", "delivered", "failed"}) if each["state"] == "failed"]
    assert refused[0]["reason"] == "no text goes to a satellite or an international network"
    async with shop.session.post("/v1/channels/twilio/test", json={"to": "+449012345678"}) as answer:
        assert "premium" in (await answer.json())["summary"]
    assert len(texted(shop)) == 2


async def test_a_day_can_not_be_overspent_by_all_channels_together_nor_by_a_restart(shop: Shop) -> None:
    """A till gone mad, or gone bad, texts the shop's credit away: by whichever channel, and also when the service is made to restart."""
    await open_with(shop, "daily_parts = 5", ROUTES.replace(', "sendgrid"', ""))
    await post(shop, *(f"0770090{last:04}" for last in range(4)))
    await shop.until({"sent", "delivered"})
    await shop.stop()
    await shop.start()
    await post(shop, *(f"0740012{last:04}" for last in range(4)), first=4)
    waiting = await wait_for(shop, lambda each: "daily_parts" in each["reason"], 3)
    assert {each["state"] for each in waiting} == {"queued"}
    await wait_for(shop, lambda each: each["state"] in ("sent", "delivered"), 5)
    assert len(texted(shop)) == 5
    glance = (await shop.get("/v1/status"))["sms"]
    assert (glance["parts_today"], glance["daily_parts"], glance["cost_today"]) == (5, 5, "0.20")
    assert "5 of 5 parts, about 0.20 of 50.00 GBP today" in shop.tether("status", check=False).stdout
    async with shop.session.get("/metrics") as answer:
        assert "tether_sms_parts_today 5" in await answer.text()


async def test_who_wants_no_texts_does_not_wait_for_tomorrow_s_money(shop: Shop) -> None:
    """A till gone mad used the day up; somebody who said STOP is told so, and not texted when the new day begins."""
    await open_with(shop, "daily_parts = 1", ROUTES.replace(', "sendgrid"', ""))
    async with shop.session.put(
        "/v1/optouts", json={"medium": "sms", "address": "07400120001", "reason": "STOP"}
    ) as answer:
        assert answer.status in (200, 201, 204), await answer.text()
    await post(shop, "07400120000")
    await shop.until({"sent", "delivered"})
    await post(shop, "07400120001", first=1)
    (silent,) = await wait_for(shop, lambda each: each["order_ref"] == "B-1" and each["state"] != "queued", 1)
    assert (silent["state"], silent["reason"]) == ("suppressed", "the recipient opted out")


async def wait_for(shop: Shop, holds: Callable[[dict[str, Any]], bool], count: int) -> list[dict[str, Any]]:
    """Until so many messages are as wanted."""
    async with asyncio.timeout(20):
        while len(found := [each for each in await shop.messages() if holds(each)]) < count:
            await asyncio.sleep(0.05)
    return found


async def test_what_the_day_can_not_afford_goes_by_mail(shop: Shop) -> None:
    await open_with(shop, 'daily_cost = "0.10"\nprices = { GB = "0.04", twilio = { GB = "0.05" } }')
    await post(shop, "07700 900001", "07700 900002", "07700 900003", email="ada@example.com")
    messages = await shop.until({"sent", "delivered"})
    assert sorted(each["channel"] for each in messages) == ["sendgrid", "twilio", "twilio"]


async def test_a_block_of_new_numbers_is_held_and_staff_let_one_go(shop: Shop) -> None:
    """SMS pumping: whoever shares a block's price orders balloons for all of its numbers."""
    await open_with(shop, "new_numbers = 6")
    await post(shop, "07400 555555", *(f"0740012{last:04}" for last in range(12)))
    held = await wait_for(shop, lambda each: each["state"] == "held", 6)
    await shop.until({"sent", "delivered", "held"})
    assert len(texted(shop)) == 7
    assert len(held) == 6
    assert (await shop.get("/v1/status"))["sms"]["held_blocks"] == ["+44740012"]
    async with shop.session.post(f"/v1/messages/{held[0]['id']}/retry", json={}) as answer:
        assert answer.status == 200
    async with shop.session.post(f"/v1/orders/{held[1]['order_ref']}/release", json={}) as answer:
        assert answer.status == 200
    await wait_for(shop, lambda each: each["state"] in ("sent", "delivered"), 9)
    assert len(texted(shop)) == 9
    entries = (await shop.get("/v1/audit", kind="sms.pumping"))["items"]
    assert len(entries) == 1
    assert "+44" not in str(entries)
