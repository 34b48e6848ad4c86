"""The first shift: seven missions, ticked off when they truly were done, in every language, on one line."""

import pytest
from rich.cells import cell_len

from tests.support.counter import Counter, opened
from tui.i18n import LANGUAGES, Texts
from tui.shop.training import MISSIONS


def done(counter: Counter) -> set[str]:
    assert counter.app.session.training is not None
    return set(counter.app.session.training.done)


async def test_all_seven_are_ticked_off_by_doing_them() -> None:
    async with opened(size=(80, 24), training=True) as counter:
        await counter.see("0/7", "find an order: type a name or number, enter")
        await counter.type("/noor")
        await counter.press("enter")
        await counter.see("1/7", "make an order ready: n on one being made")
        await counter.press("escape")
        await counter.type("/sam ready")
        await counter.press("enter")
        await counter.see("Sam will be told")
        assert done(counter) == {"find"}
        await counter.press("enter")
        await counter.see("2/7", "take a step back")
        await counter.press("u")
        await counter.see("3/7", "reach somebody who was NOT TOLD: f on the red one")
        await counter.press("0", "f")
        await counter.see("send it by e-mail")
        await counter.press("down", "enter")
        await counter.see("4/7", "answer a customer: 4, then m")
        await counter.press("4", "m")
        await counter.see("Say who you are")
        await counter.type("See you soon")
        await counter.press("enter", "enter")
        await counter.see("5/7", "hold an order's messages")
        await counter.press("1", "enter")
        await counter.see("h hold")
        await counter.press("h")
        await counter.see("why (may be empty)")
        await counter.press("enter")
        await counter.see("6/7", "take a walk-in's order: 1, then a")
        await counter.press("1", "a")
        await counter.see("take it in")
        await counter.press("shift+tab", "enter", "enter")
        await counter.see("7/7", "That was your first shift")


async def test_what_was_not_done_is_not_ticked_off() -> None:
    """Asked and left, refused by the service, or done where it is no help."""
    async with opened(size=(80, 24), training=True) as counter:
        await counter.press("n")
        await counter.see("will be told")
        await counter.press("escape")
        await counter.type("/noor 07700 900123")
        await counter.press("enter", "enter")
        await counter.until(lambda: counter.posted("/contact"))
        assert done(counter) == set()
        counter.service.refuse["/v1/orders/B-1040/status"] = (409, "it was done already")
        await counter.type("/sam ready")
        await counter.press("enter", "enter")
        await counter.see("NOT DONE")
        assert done(counter) == set()


async def test_the_list_shows_all_and_puts_the_line_away() -> None:
    async with opened(size=(80, 24), training=True) as counter:
        await counter.type("/noor")
        await counter.press("enter", "escape")
        counter.app.action_first_shift()
        await counter.see("your first shift", "take a walk-in's order", "✓  find an order")
        await counter.press("x")
        await counter.until(lambda: "1/7" not in counter.text)
        await counter.press("2")
        await counter.see("6 shown")
        assert "1/7" not in counter.text
        counter.app.action_first_shift()
        await counter.see("your first shift")
        await counter.press("escape")
        await counter.see("1/7")


async def test_a_shop_at_work_has_no_missions() -> None:
    async with opened(size=(80, 24)) as counter:
        assert "0/7" not in counter.text
        assert "your first shift" not in [
            command.title for command in counter.app.get_system_commands(counter.app.screen)
        ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_fits_on_the_smallest_screen(language: str) -> None:
    t = Texts(language)
    assert [mission.name for mission in MISSIONS if cell_len(f" 7/7 {t(mission.does)}: {t(mission.how)}") > 60] == []
    assert cell_len(f" 7/7 ✓ {t('That was your first shift: you know the counter.')}") <= 60
