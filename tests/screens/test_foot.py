"""The line above the keys: what was just said, what can be taken back, and who will be told when. All of it is so at that moment."""

import pytest

from tests.support.counter import Counter, opened
from tests.support.sample_shop import NOW, SampleShop


async def take_the_step(counter: Counter) -> None:
    await counter.press("n")
    await counter.see("making → READY", "Team hears by Slack")
    await counter.press("enter")
    await counter.see("B-1040 is now: ready.", "u undo")


async def test_what_is_said_while_a_step_can_be_undone_is_seen() -> None:
    async with opened() as counter:
        await take_the_step(counter)
        counter.service.reply("B-1036", "HERE", action="arrived")
        await counter.see("B-1036: Noor is outside.", "B-1040  u undo")
        await counter.press("ctrl+c")
        await counter.see("Press ^c again to leave.", "u undo")


async def test_trouble_leaves_the_undo_its_key() -> None:
    async with opened() as counter:
        await take_the_step(counter)
        counter.service.change_message("m00001", state="failed", reason="no usable phone for Twilio")
        await counter.see("B-1042 is ready, but the customer was NOT told", "u undo")
        await counter.press("u")
        await counter.see("B-1040: taken back. Nobody was told.")


async def test_trouble_comes_back_when_something_else_was_said() -> None:
    async with opened() as counter:
        counter.service.change_message("m00001", state="failed", reason="no usable phone for Twilio")
        await counter.see("B-1042 is ready, but the customer was NOT told")
        await counter.press("ctrl+c")
        await counter.see("Press ^c again to leave.")
        await counter.pass_time(9)
        await counter.see("B-1042 is ready, but the customer was NOT told")
        await counter.pass_time(60)
        await counter.until(lambda: "B-1042 is ready, but" not in counter.text)


async def test_trouble_is_said_no_longer_than_it_is_so() -> None:
    async with opened() as counter:
        counter.service.change_message("m00001", state="failed", reason="no usable phone for Twilio")
        await counter.see("B-1042 is ready, but the customer was NOT told")
        counter.service.change_message("m00001", state="queued", reason="")
        await counter.until(lambda: "B-1042 is ready, but" not in counter.text)


async def test_of_an_order_whose_customer_knows_that_it_is_ready_only_the_message_that_failed_is_told() -> None:
    async with opened() as counter:
        by_hand = counter.service.shop.add_message("B-1042", "staff.message", now=NOW)
        counter.service.tell("message", by_hand)
        counter.service.change_message(by_hand["id"], state="failed", reason="no usable phone for Twilio")
        await counter.see("B-1042: a message did NOT reach the customer: no phone")
        assert "B-1042 is ready, but" not in counter.text


async def test_on_a_narrow_terminal_too() -> None:
    async with opened(size=(60, 20)) as counter:
        await counter.press("1", "down")
        await take_the_step(counter)
        await counter.press("ctrl+c")
        await counter.see("Press ^c again to leave.", "u undo")


async def test_no_sentence_is_so_long_that_it_hides_the_undo() -> None:
    async with opened(size=(60, 20)) as counter:
        await counter.see("B-1039 Kofi READY")
        await counter.press("d")
        await counter.see("B-1039: told in person", "u undo")


# ---------------------------------------------------------------- who will be told when


def warned(code: str, **more: str) -> SampleShop:
    shop = SampleShop.ordinary()
    shop.warnings = [{"code": code, "medium": "sms", **more}]
    return shop


async def test_in_quiet_hours_it_says_when_they_are_over() -> None:
    async with opened(warned("quiet_hours", until="2026-11-25T08:00:00Z"), size=(100, 30)) as counter:
        await counter.press("n")
        await counter.see("Sam will be told tomorrow 08:00 by text")
        await counter.press("enter")
        await counter.see("B-1040 is now: ready. Sam will be told tomorrow 08:00.", "u undo")


@pytest.mark.parametrize("code", ["held", "line_down", "limit_used", "template_broken"])
async def test_what_waits_for_nobody_knows_how_long_is_not_promised(code: str) -> None:
    async with opened(warned(code)) as counter:
        await take_the_step(counter)
        assert "will be told" not in counter.text


async def test_own_words_to_whom_nothing_reaches_are_no_promise() -> None:
    shop = SampleShop.empty()
    shop.add_order("B-1", "order.confirmed", "making", now=NOW, name="Kofi", phone="", email="")
    async with opened(shop) as counter:
        await counter.press("n")
        await counter.see("Kofi will NOT be told.")
        await counter.press("e")
        await counter.see("send")
        await counter.type("Ready!")
        await counter.see("Kofi will NOT be told.", passing=0.1)
        await counter.press("tab", "enter")
        await counter.see("B-1 is now: ready. Kofi will NOT be told.", "u undo")
