"""The counter on the real service, which sends to the sandbox: a new member of staff's first day, without a page of documentation read."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.counter import Screen, opened_on
from tests.support.shop import Shop, event, noon, open_shop

CHANNELS = ["twilio", "sendgrid", "slack"]
GRACE = '[counter]\ngrace = "20s"\n'
"""Long enough to see that it runs, and to take a step back, on a machine that has other things to do."""
REFUSED = "07700 900903"
"""A number that the sandbox's Twilio takes nothing for."""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path, pace=0.05) as it:
        it.configure(CHANNELS, extra=GRACE, timezone=noon())
        await it.start()
        yield it


def texts(shop: Shop, provider: str) -> list[str]:
    return [arrival.text for arrival in shop.sandbox.messages if arrival.provider == provider]


async def take_in(screen: Screen, ref: str, name: str, phone: str) -> None:
    await screen.press("a")
    await screen.see("take it in")
    for value in (ref, name, phone, "", "Arch", "18:30"):
        await screen.type(value)
        await screen.press("enter")
    await screen.press("tab", "tab")
    await screen.see(f"{name} will be told now", "Promised for")
    await screen.press("enter")
    await screen.see(f"{ref} is taken in. {name} will be told")


async def hurry(shop: Shop) -> None:
    """From now on a step can be taken back for a second only."""
    shop.config.write_text(shop.config.read_text().replace(GRACE, GRACE.replace("20s", "1s")))
    async with shop.session.post("/v1/reload") as answer:
        assert answer.status == 200


async def find(screen: Screen, ref: str) -> None:
    await screen.press("1", "slash")
    await screen.type(ref)
    await screen.press("enter")
    await screen.see(f"{ref}  ")


async def test_a_first_day_at_the_counter(shop: Shop) -> None:
    async with opened_on(shop.socket) as screen:
        await screen.see("✓ all is well", "Balloon Loft")

        await take_in(screen, "X-1", "Wendy", "07700 900555")
        await screen.see("making 1", "Wendy")

        await screen.press("n")
        await screen.see("Wendy will be told now by text to +44…0555", "order X-1) are ready to collect", "1 SMS")
        await screen.press("enter")
        await screen.see("X-1 is now: ready. Wendy will be told in", "ready 1")
        await screen.press("u")
        await screen.see("X-1: taken back. Nobody was told.", "making 1")
        assert not [text for text in texts(shop, "twilio") if "ready" in text]

        await hurry(shop)
        await screen.press("n")
        await screen.see("Wendy will be told now by text")
        await screen.press("enter")
        await screen.see("ready 1", "sent")
        [told] = [text for text in texts(shop, "twilio") if "ready" in text]
        assert told.startswith("Hi Wendy")

        await find(screen, "X-1")
        await screen.see("READY", "taken back: confirmed", "“ready”")
        await screen.press("m")
        await screen.see("message to Wendy")
        await screen.type("Hi Wendy, X-1 waits at the back door.")
        await screen.see("1 SMS, 37 characters")
        await screen.press("enter", "enter")
        await screen.see("X-1: your message is taken.", "message by hand")
        await screen.press("h")
        await screen.see("Nothing is sent about X-1 until it is released.")
        await screen.press("enter")
        await screen.see("‖ on hold")
        await screen.press("h")
        await screen.see("What waits about X-1 goes out.")
        await screen.press("enter")
        await screen.see("X-1: messages go out again.")

        await screen.press("3", "end")
        await screen.see("Slack ✓ works")
        await screen.press("p")
        await screen.see("Nothing goes out by Slack until it is resumed")
        await screen.press("enter")
        await screen.see("Slack ‖ paused: paused by")
        await screen.press("s")
        await screen.see("Messages go out by Slack again.")
        await screen.press("enter")
        await screen.see("Slack goes on.", "Slack ✓ works")

        await screen.press("7")
        await screen.see("held", "channel paused", "Kim")
        await screen.press("v")
        await screen.see("The chain holds")


async def test_the_line_changes_a_number_and_a_time_and_takes_the_step(shop: Shop) -> None:
    async with opened_on(shop.socket) as screen:
        await screen.see("all is well")
        await take_in(screen, "X-2", "Wendy", "07700 900555")
        await screen.see("making 1", "Wendy")
        await screen.type("X-2 07700 900999")
        await screen.press("enter")
        await screen.see("Wendy is reached at 07700 900999")
        await screen.press("enter")
        await screen.see("X-2: 07700 900999 is noted.")
        await screen.type("/wendy tomorrow 11:00")
        await screen.press("enter")
        await screen.see("Promised for tomorrow 11:00")
        await screen.press("enter")
        await screen.see("X-2 is promised for tomorrow 11:00.")
        await screen.type("/wendy ready")
        await screen.press("enter")
        await screen.see("Wendy will be told now by text to +44…0999")
        await screen.press("enter")
        await screen.see("X-2 is now: ready.")


async def test_a_message_that_fails_is_told_and_the_customer_is_phoned(shop: Shop) -> None:
    async with opened_on(shop.socket) as screen:
        await screen.see("all is well")
        assert await shop.post(event(7, phone=REFUSED)) == 202
        await screen.see("NOT TOLD", "B-7 is ready, but the customer was NOT told", "☎ 1", "1 failed!")
        await screen.press("2", "f")
        await screen.see("✗ failed", "“Hi Ada", "[f failed]")
        await screen.press("5")
        await screen.see("☐  B-7", "Ada", "+447700900903")
        await screen.press("space")
        await screen.see("B-7: phoned, it stands in the order's story.", "nobody needs to be phoned")
        await find(screen, "B-7")
        await screen.see("phoned")


async def test_the_service_is_killed_and_started_again_under_the_screen(shop: Shop) -> None:
    async with opened_on(shop.socket) as screen:
        await screen.see("all is well")
        await shop.post(event(1))
        await screen.see("B-1", "ready 1", "sent")
        shop.kill()
        await screen.see("SERVICE AWAY", "B-1")
        await shop.start()
        await screen.see("line up", seconds=30)
        await shop.post(event(2))
        await screen.see("B-2", "ready 2")


@pytest.mark.slow
async def test_who_left_no_number_is_told_once_they_give_one(shop: Shop) -> None:
    async with opened_on(shop.socket) as screen:
        await screen.see("✓ all is well")
        assert await shop.post({**event(1039), "customer": {"name": "Kofi"}}) == 202
        await screen.see("NOT TOLD", "0 now")
        await screen.press("0", "f")
        await screen.see("kept with the order", "There is no telephone number")
        await screen.type("07700 900456")
        await screen.see("Kofi will be told now by text to +44…0456")
        await screen.press("enter")
        await screen.see("Kofi will be told in")
        await screen.see("nothing waits for you")
        await screen.press("1")
        await screen.see("B-1039", "sent", seconds=60)
        assert any("B-1039" in text for text in texts(shop, "twilio"))
