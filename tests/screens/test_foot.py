"""The line above the keys: what was just said, what can be taken back, and who will be told when. All of it is so at that moment."""

from tests.support.counter import Counter, opened


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


async def test_on_a_narrow_terminal_too() -> None:
    async with opened(size=(60, 20)) as counter:
        await counter.press("1", "down")
        await take_the_step(counter)
        await counter.press("ctrl+c")
        await counter.see("Press ^c again to leave.", "u undo")
