"""How every screen looks, at 80x24 and 120x40, dark and light.

After a change that is meant: `pytest tests/screens/test_snapshots.py --snapshot-update`, and look at what changed in the SVGs.
"""

import pytest
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion

from tests.support.counter import Counter, opened
from tui.i18n import Texts
from tui.screens.order import OrderPage

SCREENS = {
    "board": ((), "B-1036"),
    "list": (("l",), "B-1036"),
    "order": (("right", "down", "enter"), "on my way!"),
    "next_step": (("n",), "Team hears by"),
    "message": (("m",), "Say who you are"),
    "new_order": (("a",), "take it in"),
    "outbox": (("2", "down", "down"), "ways: text"),
    "line": (("3",), "12 of 500 used today"),
    "replies": (("4",), "Ada (text)"),
    "calls": (("5",), "“Hi Kofi"),
    "optouts": (("6",), "Noted 15 Nov"),
    "now": (("0",), "now: 5 things"),
    "fix": (("0", "f"), "send it by e-mail"),
    "silence": (("6", "a"), "or the name on an order"),
    "record": (("7",), "4 of 4 entries"),
    "help": (("question_mark",), "everywhere"),
}
"""Screen -> the keys that lead there, and what stands there when it is."""

SIZES = {"80x24": (80, 24), "120x40": (120, 40)}


async def look(counter: Counter) -> str:
    """The terminal as an SVG, once nothing moves any more."""
    await counter.clock.advance(0.5)
    before = ""
    while (now := counter.app.export_screenshot()) != before:
        before = now
        await counter.pilot.pause(0.06)
    return now


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", SIZES)
async def test_every_screen_looks_as_it_did(size: str, theme: str, snapshot: SnapshotAssertion) -> None:
    changed = []
    for screen, (keys, sign) in SCREENS.items():
        async with opened(size=SIZES[size], theme=theme) as counter:
            await counter.press(*keys)
            await counter.see(sign)
            if await look(counter) != snapshot(extension_class=SVGImageExtension, name=f"{screen}-{size}-{theme}"):
                changed.append(screen)
    assert not changed


async def test_what_needs_a_person_on_a_small_screen(snapshot: SnapshotAssertion) -> None:
    for screen, keys, sign in (("now", (), "now: 5 things"), ("fix", ("f",), "send it by e-mail")):
        async with opened(size=(60, 20)) as counter:
            await counter.press(*keys)
            await counter.see(sign)
            assert await look(counter) == snapshot(extension_class=SVGImageExtension, name=f"{screen}-60x20")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("language", ["en", "es", "fr", "de"])
@pytest.mark.parametrize("size", [(60, 20), (200, 50)], ids=["60x20", "200x50"])
async def test_the_board_and_an_order_on_the_smallest_and_the_widest(
    size: tuple[int, int], language: str, snapshot: SnapshotAssertion
) -> None:
    async with opened(size=size, language=language) as counter:
        await counter.press("1")
        await counter.see("B-1036")
        if size[0] >= 160:
            await counter.see(f"─ {Texts(language)('story')} ─")
        board = await look(counter)
        counter.app.open_order("B-1042")
        await counter.until(lambda: isinstance(counter.app.screen, OrderPage))
        await counter.see("on my way!", "Helium bouquet, 12")
        order = await look(counter)
    assert board == snapshot(extension_class=SVGImageExtension, name="board")
    assert order == snapshot(extension_class=SVGImageExtension, name="order")


@pytest.mark.parametrize("theme", ["contrast", "contrast-light"])
async def test_high_contrast(theme: str, snapshot: SnapshotAssertion) -> None:
    async with opened(theme=theme) as counter:
        assert await look(counter) == snapshot(extension_class=SVGImageExtension, name=f"board-{theme}")


async def test_the_line_down_and_the_service_away(snapshot: SnapshotAssertion) -> None:
    async with opened() as counter:
        counter.service.change_uplink("down")
        await counter.see("LINE DOWN")
        assert await look(counter) == snapshot(extension_class=SVGImageExtension, name="line-down")
        await counter.service.stop()
        await counter.see("SERVICE AWAY")
        await counter.see("it is not running", passing=1)
        assert await look(counter) == snapshot(extension_class=SVGImageExtension, name="service-away")


@pytest.mark.parametrize(
    ("language", "size"), [("en", (80, 24)), ("es", (60, 20)), ("fr", (120, 40)), ("de", (200, 50))], ids=str
)
async def test_a_new_order_and_the_first_shift(
    language: str, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    t = Texts(language)
    async with opened(size=size, language=language, training=True) as counter:
        await counter.press("1", "a", "tab")
        await counter.type("Iris")
        await counter.press("tab", *"07700900999", *["tab"] * 3)
        await counter.type("in 2h" if language != "fr" else "dans 2h")
        await counter.press(*["tab"] * 3)
        await counter.see(t("Promised for {time}.", time="12:15"), "C-")
        assert await look(counter) == snapshot(extension_class=SVGImageExtension, name="new-order")
        await counter.press("escape")
        counter.app.action_first_shift()
        await counter.see(t("put the line away"))
        assert await look(counter) == snapshot(extension_class=SVGImageExtension, name="first-shift")
