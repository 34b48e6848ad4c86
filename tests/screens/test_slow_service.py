"""A service that answers late: what it says by then is for what it was asked about, and no key waits for it."""

import asyncio

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
