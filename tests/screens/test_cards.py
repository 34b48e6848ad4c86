"""What an order's card says: which, whose, what to make, when, and whether its customer knows; on every width."""

import pytest
from rich.color import Color

from tests.support.counter import Counter, opened
from tests.support.sample_shop import SampleShop


def with_items() -> SampleShop:
    shop = SampleShop.ordinary()
    shop.orders["B-1043"] |= {"first_item": {"name": "Gold 7", "quantity": 2}, "item_count": 3}
    return shop


async def test_a_card_says_what_to_make_how_much_and_when() -> None:
    async with opened(with_items(), size=(120, 40)) as counter:
        await counter.see("B-1043 Lin", "2 × Gold 7 +2", "11:30")


@pytest.mark.parametrize("size", [(60, 20), (45, 40), (80, 24), (120, 40), (200, 50)])
async def test_name_time_and_not_told_stand_at_every_size(size: tuple[int, int]) -> None:
    """60x20, and the browser of a phone."""
    async with opened(size=size) as counter:
        await counter.press("1")
        await counter.see("B-1039", "Kofi", "09:45", "NOT TOLD")
        await counter.see("Ada", "12:00", "told ✓")


async def test_a_small_screen_lists_and_can_have_its_columns() -> None:
    async with opened(size=(60, 20)) as counter:
        await counter.press("1")
        assert "NOT TOLD: no phone" in counter.line("Kofi")
        assert "making 3" not in counter.text
        await counter.press("l")
        await counter.see("making 3")


async def test_who_was_not_told_is_not_cut_for_what_to_make() -> None:
    async with opened() as counter:
        await counter.see("NOT TOLD: no phone", "B-1039")
    async with opened(language="fr") as counter:
        await counter.see("PAS PRÉVENU", "téléphone")
        kofi = counter.text.splitlines().index(counter.line("B-1039"))
        below = "".join(line.split("│")[2] for line in counter.text.splitlines()[kofi + 1 : kofi + 3])
        assert "PAS PRÉVENU" in below
        assert "téléphone" in below
        assert "…" not in below


def with_words() -> SampleShop:
    shop = SampleShop.ordinary()
    shop.orders["B-1042"] |= {"arrived_at": "2026-11-24T10:12:00Z"}
    shop.orders["B-1031"] |= {"arrived_at": "2026-11-24T08:58:00Z"}
    asked = {"status_at": "2026-11-24T10:00:00Z"}
    shop.orders["B-1043"] |= asked | {"answered": {"answer": "yes", "at": "2026-11-24T10:05:00Z"}}
    shop.orders["B-1047"] |= asked | {"answered": {"answer": "no", "at": "2026-11-24T10:06:00Z"}}
    shop.orders["B-1040"] |= asked | {"answered": {"answer": "yes", "at": "2026-11-24T09:59:00Z"}}
    return shop


async def test_a_card_says_who_is_outside_and_who_answered_what_was_asked() -> None:
    """Not who was outside before they had their order, nor what was said to an earlier question."""
    async with opened(with_words(), size=(160, 40)) as counter:
        await counter.see("is outside 10:12", "answers YES 10:05", "answers NO 10:06")
        assert counter.text.count("is outside") == 1
        assert counter.text.count("answers YES") == 1


@pytest.mark.parametrize(("ref", "said"), [("B-1042", "is outside 10:12"), ("B-1043", "answers YES 10:05")])
async def test_an_orders_head_says_it_too(ref: str, said: str) -> None:
    async with opened(with_words(), size=(100, 30)) as counter:
        counter.app.open_order(ref)
        await counter.see(said)


async def test_a_late_order_is_red_under_the_cursor_too() -> None:
    """Sam's balloons were promised for 09:50, and the cursor is on them."""
    async with opened(size=(120, 40)) as counter:
        await counter.see("▌B-1040 Sam")
        red = Color.parse(counter.app.get_css_variables()["bad"])
        assert red in _colours(counter, "09:50!")
        await counter.press("down")
        assert red in _colours(counter, "09:50!")


def _colours(counter: Counter, text: str) -> set[Color | None]:
    """What a word on the screen is painted with."""
    segments = [segment for strip in counter.app.screen._compositor.render_strips() for segment in strip]
    return {
        colour
        for segment in segments
        if text in segment.text and segment.style
        for colour in (segment.style.color, segment.style.bgcolor)
    }


async def test_a_wide_screen_shows_the_orders_page_beside_the_board() -> None:
    async with opened(size=(200, 50)) as counter:
        await counter.see("B-1040  Sam  BEING MADE", "Not sure whether the e-mail of 10:12 arrived")
        await counter.press("right")
        await counter.see("B-1039  Kofi  READY", "NOT TOLD: There is no telephone number")
        await counter.press("down")
        await counter.see("B-1042  Ada  READY", "Told by text 09:55, delivered ✓")
        await counter.see("Ada: “on my way!”", passing=0.1)
        counter.service.reply("B-1042", "in the red car")
        await counter.see("Ada: “in the red car”", passing=0.1)


async def test_there_is_no_room_for_it_on_a_narrower_one() -> None:
    async with opened(size=(150, 40)) as counter:
        await counter.see("B-1042")
        assert "READY since" not in counter.text


async def test_channels_wait_while_the_line_is_down_and_say_so() -> None:
    """Else the page says that the line is down and every channel works."""
    async with opened(size=(100, 30)) as counter:
        counter.service.change_uplink("down")
        await counter.press("3")
        await counter.see("The line is DOWN", "· no line")
        assert "no line" in counter.line("Twilio")
        assert "✓ works" in counter.line("modem  ")
        counter.service.change_uplink("up")
        await counter.until(lambda: "✓ works" in counter.line("Twilio"))
