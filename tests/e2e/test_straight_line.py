"""From the hook to the provider and back, with the service as a real process and the sandbox as the world."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import Shop, event, open_shop

SMS_THEN_MAIL = """
[planning]
default_routes = false
[[route]]
on = "*"
to = "customer"
via = ["twilio", "sendgrid"]
"""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path, pace=0.05) as it:
        yield it


def texts(shop: Shop, provider: str) -> list[str]:
    return [arrival.text for arrival in shop.sandbox.messages if arrival.provider == provider]


async def test_an_event_reaches_its_customer_and_the_receipt_comes_back(shop: Shop) -> None:
    shop.configure(["twilio"], SMS_THEN_MAIL)
    await shop.start()
    assert await shop.post(event(1)) == 202
    assert await shop.post(event(1)) == 200
    [message] = await shop.until({"delivered"})
    assert texts(shop, "twilio") == ["Hi Ada, your balloons (order B-1) are ready to collect. Balloon Loft"]
    whole = await shop.get(f"/v1/messages/{message['id']}")
    [attempt] = whole["attempts"]
    assert (attempt["outcome"], attempt["receipt"], attempt["channel"]) == ("accepted", "delivered", "twilio")
    assert attempt["sent"]["text"] == texts(shop, "twilio")[0]
    assert (await shop.get("/v1/audit/verify"))["ok"]


async def test_a_till_s_clock_and_a_misspelt_type_silence_nobody_and_are_told_of(shop: Shop) -> None:
    """A till two years ahead, staff after it, and a type that is one letter off."""
    shop.configure(["twilio"])
    await shop.start()

    async def post(told: dict[str, Any]) -> dict[str, Any]:
        async with shop.session.post("/v1/events", json=told, headers={"X-Tether-Source": "till-2"}) as answer:
            assert answer.status == 202
            return dict(await answer.json())

    years_ahead = f"{datetime.now(UTC) + timedelta(days=730):%Y-%m-%dT%H:%M:%SZ}"
    await post({**event(1, "order.confirmed"), "occurred_at": years_ahead})
    async with shop.session.post("/v1/orders/B-1/status", json={"status": "order.ready", "grace": 0}) as answer:
        assert answer.status == 200
    misspelt = await post(event(2, "order.redy"))
    assert (misspelt["messages"], len(misspelt["warnings"])) == ([], 1)
    assert "did you mean 'order.ready'" in misspelt["warnings"][0]
    days_old = f"{datetime.now(UTC) - timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"
    await post({**event(3, "order.out_for_delivery"), "occurred_at": days_old})
    messages = await shop.until({"sent", "delivered", "superseded", "expired"})
    assert {(each["order_ref"], each["state"]) for each in messages if each["trigger"] == "order.ready"} <= {
        ("B-1", "sent"),
        ("B-1", "delivered"),
    }
    assert [each["state"] for each in messages if each["order_ref"] == "B-3"] == ["expired"]
    said = shop.tether("status", check=False).stdout
    assert "'s clock is 730 days ahead: set it right" in said
    assert "WRONG  clock of counter" in shop.tether("doctor", "--offline", check=False).stdout
    assert "1 came as 'order.redy', which no route names: nobody heard. Did the till mean 'order.ready'?" in said


async def test_when_a_channel_last_sent_outlives_a_restart(shop: Shop) -> None:
    async def last_sent() -> datetime:
        """Once it is known: a starting service tells of its channels before it has looked at what is on record."""
        async with asyncio.timeout(10):
            while True:
                [twilio] = (await shop.get("/v1/channels"))["items"]
                if twilio["last_success"]:
                    return datetime.fromisoformat(twilio["last_success"])
                await asyncio.sleep(0.05)

    shop.configure(["twilio"], SMS_THEN_MAIL)
    await shop.start()
    await shop.post(event(1))
    await shop.until({"sent", "delivered"})
    before = await last_sent()
    await shop.stop()
    await shop.start()
    assert abs((await last_sent() - before).total_seconds()) < 5, "but for the moment that putting it on record took"


async def test_a_refused_number_goes_to_the_next_channel_at_once(shop: Shop) -> None:
    shop.configure(["twilio", "sendgrid"], SMS_THEN_MAIL)
    await shop.start()
    await shop.post(event(1, phone="07700 900903", email="ada@example.com"))
    [message] = await shop.until({"sent", "delivered"})
    assert message["channel"] == "sendgrid"
    assert message["attempt_count"] == 2
    assert len(texts(shop, "sendgrid")) == 1


async def test_what_could_not_be_delivered_goes_to_the_next_channel(shop: Shop) -> None:
    shop.configure(["twilio", "sendgrid"], SMS_THEN_MAIL)
    await shop.start()
    await shop.post(event(1, phone="07700 900901", email="ada@example.com"))
    deadline = asyncio.get_running_loop().time() + 25
    while not texts(shop, "sendgrid"):
        assert asyncio.get_running_loop().time() < deadline, shop.log
        await asyncio.sleep(0.1)
    [message] = await shop.until({"sent", "delivered"})
    assert message["channel"] == "sendgrid"
    assert len(texts(shop, "twilio")) == 1


async def test_a_channel_without_its_secret_stops_nothing(shop: Shop) -> None:
    shop.configure(["twilio", "sendgrid"], SMS_THEN_MAIL)
    env = shop.folder / ".env"
    env.write_text("\n".join(line for line in env.read_text().splitlines() if not line.startswith("TWILIO")))
    await shop.start()
    await shop.post(event(1, email="ada@example.com"))
    [message] = await shop.until({"sent", "delivered"})
    assert message["channel"] == "sendgrid"
    twilio = next(row for row in (await shop.get("/v1/channels"))["items"] if row["name"] == "twilio")
    assert twilio["state"] == "misconfigured"
    assert "TWILIO_ACCOUNT_SID" in twilio["reason"]


async def test_wrong_credentials_pause_the_channel_and_cost_no_message(shop: Shop) -> None:
    shop.configure(["twilio", "sendgrid"], SMS_THEN_MAIL)
    shop.sandbox.fault("error", "twilio", status=401, code="20003")
    await shop.start()
    for number in range(5):
        await shop.post(event(number, email="ada@example.com"))
    messages = await shop.until({"sent", "delivered"})
    assert {message["channel"] for message in messages} == {"sendgrid"}
    assert all(message["attempt_count"] == 1 for message in messages)
    twilio = next(row for row in (await shop.get("/v1/channels"))["items"] if row["name"] == "twilio")
    assert twilio["state"] == "paused"
    assert "token" in twilio["reason"]


async def test_a_cut_answer_is_looked_up_and_not_sent_twice(shop: Shop) -> None:
    shop.configure(["twilio"], SMS_THEN_MAIL)
    shop.sandbox.fault("drop_after", "twilio", count=1)
    await shop.start()
    await shop.post(event(1))
    [message] = await shop.until({"sent", "delivered"})
    assert len(texts(shop, "twilio")) == 1
    assert not message["possible_duplicate"]


async def test_an_outage_burns_nothing_and_is_made_up_for(shop: Shop) -> None:
    shop.configure(["twilio"], SMS_THEN_MAIL, extra='[uplink]\nevery = "1s"\n')
    await shop.start()
    await shop.sandbox.cut()
    for number in range(20):
        assert await shop.post(event(number)) == 202
    await shop.until_line("down")
    assert texts(shop, "twilio") == []
    await shop.sandbox.restore()
    messages = await shop.until({"sent", "delivered"})
    assert len(texts(shop, "twilio")) == len(set(texts(shop, "twilio"))) == 20
    assert all(message["attempt_count"] == 1 for message in messages)


async def test_what_got_too_late_in_an_outage_is_not_sent(shop: Shop) -> None:
    shop.configure(["twilio"], SMS_THEN_MAIL + 'expires = "1s"\n', extra='[uplink]\nevery = "1s"\n')
    await shop.start()
    await shop.sandbox.cut()
    await shop.post(event(1))
    await asyncio.sleep(1.5)
    await shop.sandbox.restore()
    await shop.until({"expired"})
    assert texts(shop, "twilio") == []


async def test_newer_news_replaces_older_that_has_not_left(shop: Shop) -> None:
    shop.configure(["twilio"], SMS_THEN_MAIL, extra='[uplink]\nevery = "1s"\n')
    await shop.start()
    await shop.sandbox.cut()
    await shop.post(event(0))
    await shop.until_line("down")
    for type in ("order.confirmed", "order.in_production", "order.ready"):
        await shop.post(event(1, type))
    await shop.sandbox.restore()
    messages = await shop.until({"sent", "delivered", "superseded"})
    assert [message["state"] for message in messages if message["order_ref"] == "B-1"].count("superseded") == 2
    assert len([text for text in texts(shop, "twilio") if "B-1" in text]) == 1


async def test_an_opt_out_is_heeded_by_every_channel_of_the_medium(shop: Shop) -> None:
    routes = SMS_THEN_MAIL.replace('["twilio", "sendgrid"]', '["twilio", "vonage", "sendgrid"]')
    shop.configure(["twilio", "vonage", "sendgrid"], routes)
    await shop.start()
    async with shop.session.put(
        "/v1/optouts", json={"medium": "sms", "address": "+447700900123", "reason": "STOP"}
    ) as answer:
        assert answer.status in (200, 201, 204), await answer.text()
    await shop.post(event(1, email="ada@example.com"))
    await shop.post(event(2))
    messages = {message["order_ref"]: message for message in await shop.until({"sent", "delivered", "suppressed"})}
    assert (messages["B-1"]["state"], messages["B-1"]["channel"]) == ("sent", "sendgrid")
    assert messages["B-2"]["state"] == "suppressed"
    assert texts(shop, "twilio") == texts(shop, "vonage") == []


async def test_a_customer_without_any_address_is_said_to_have_none(shop: Shop) -> None:
    shop.configure(["twilio", "sendgrid"], SMS_THEN_MAIL)
    await shop.start()
    posted = event(1)
    posted["customer"] = {"name": "Ada", "phone": "12"}
    assert await shop.post(posted) == 202
    [message] = await shop.until({"suppressed"})
    assert "phone" in message["reason"]


async def test_one_owner_for_a_database(shop: Shop) -> None:
    shop.configure(["twilio"], SMS_THEN_MAIL)
    await shop.start()
    second = await asyncio.to_thread(shop.tether, "run", check=False)
    assert second.returncode == 1
    assert str(shop.pid) in second.stderr


async def test_it_ends_cleanly_and_finishes_what_is_under_way(shop: Shop) -> None:
    shop.configure(["twilio"], SMS_THEN_MAIL)
    shop.sandbox.fault("latency", "twilio", seconds=5.0)
    await shop.start()
    await shop.post(event(1))
    await shop.until_under_way()
    assert await shop.stop() == 0
    assert len(texts(shop, "twilio")) == 1
    await shop.start()
    [message] = await shop.until({"sent", "delivered"})
    assert message["attempt_count"] == 1


async def test_a_reload_puts_a_new_channel_in_force_and_a_wrong_file_changes_nothing(shop: Shop) -> None:
    shop.configure(["twilio"], SMS_THEN_MAIL)
    await shop.start()
    shop.configure(["twilio", "sendgrid"], SMS_THEN_MAIL)
    os.kill(shop.pid, signal.SIGHUP)
    deadline = asyncio.get_running_loop().time() + 10
    while len((await shop.get("/v1/channels"))["items"]) != 2:
        assert asyncio.get_running_loop().time() < deadline, shop.log
        await asyncio.sleep(0.05)
    await shop.post(event(1, phone="", email="ada@example.com"))
    [message] = await shop.until({"sent", "delivered"})
    assert message["channel"] == "sendgrid"
    shop.config.write_text("[stoer]\n")
    refused = await asyncio.to_thread(shop.tether, "reload", check=False)
    assert refused.returncode == 78
    assert len((await shop.get("/v1/channels"))["items"]) == 2


async def test_a_configuration_that_cant_be_used_is_told_with_the_place(shop: Shop) -> None:
    shop.configure(["twilio"], '[[route]]\non = "order.ready"\nto = "customer"\nvia = ["twilo"]\n')
    refused = await asyncio.to_thread(shop.tether, "run", check=False)
    assert refused.returncode == 78
    assert "twilo" in refused.stderr
    assert "twilio" in refused.stderr


async def test_payment_confirmed_drops_the_failure_that_still_waits(shop: Shop) -> None:
    shop.configure(["twilio"], SMS_THEN_MAIL.replace('on = "*"', 'on = "payment.failed"\ndelay = "1h"'))
    await shop.start()
    await shop.post(event(1, "payment.failed"))
    await shop.post(event(1, "payment.confirmed"))
    [message] = await shop.until({"superseded"})
    assert message["trigger"] == "payment.failed"
