"""A service that answers late: what it says by then is for what it was asked about, and no key waits for it."""

import asyncio

from textual.events import Key
from textual.widgets import Input

from tests.support.counter import opened
from tests.support.sample_shop import MINUTE, NOW, SampleShop


async def test_a_conversation_that_comes_late_is_not_shown_as_a_strangers() -> None:
    shop = SampleShop.ordinary()
    stranger = shop.add_reply("B-1042", "which shop is this?", now=NOW - 10 * MINUTE)
    stranger |= {"order_ref": None, "name": "", "from": "+44…0999"}
    async with opened(shop) as counter:
        answers, asked = asyncio.Event(), asyncio.Event()

        async def late() -> None:
            asked.set()
            await answers.wait()

        counter.service.delay = late
        await counter.press("4")
        await counter.until(asked.is_set)
        await counter.press("down")
        await counter.see("+44…0999 (text): “which shop is this?”")
        answers.set()
        await counter.pilot.pause()
        assert "we, automatically" not in counter.text


async def test_other_words_to_a_number_that_is_still_looked_at_hold_no_key_up() -> None:
    async with opened(size=(120, 40)) as counter:
        await counter.press("0", "f")
        await counter.see("send it by e-mail")
        await counter.type("07700900456")
        await counter.press("down")
        await counter.see("e other words")
        answers, asked = asyncio.Event(), asyncio.Event()

        async def late() -> None:
            asked.set()
            await answers.wait()

        counter.service.delay = late
        counter.app.post_message(Key("e", "e"))
        await counter.until(asked.is_set)
        counter.app.post_message(Key("up", None))
        await counter.pilot.pause()
        has_gone_up = isinstance(counter.app.focused, Input)
        answers.set()
        await counter.see("are ready to collect")
        assert has_gone_up


async def test_a_test_that_takes_minutes_says_so_until_it_has_its_verdict() -> None:
    """Who sees nothing of it tests once more, and pays for another text."""
    async with opened() as counter:
        await counter.press("3", "t")
        await counter.see("to (may be empty)")
        go_on = asyncio.Event()

        async def slowly() -> None:
            await go_on.wait()

        counter.service.delay = slowly
        await counter.press("enter")
        await counter.see("No answer yet: test Twilio. It may take minutes.")
        await counter.pass_time(60)
        assert "No answer yet: test Twilio. It may take minutes." in counter.text
        go_on.set()
        await counter.see("Twilio works. Twilio lets us in")
        assert len(counter.posted("/test")) == 1
