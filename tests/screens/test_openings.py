"""What opening a page or a box costs, counted: what is drawn, styled and put together before it stands there, and what stays of it."""

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
from textual._compositor import Compositor
from textual._styles_cache import StylesCache
from textual.await_remove import AwaitRemove
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.widget import Widget

from tests.support.counter import Counter, opened
from tests.support.glass import Glass
from tui.commands.ahead import REST
from tui.screens.now import NowPage

FIRST = ("3", "4", "5", "6", "7", "2", "0")
"""Pages that were not yet opened."""
SOON = 10
"""Turns within which a closed box is gone: what holds one for seconds, as the timers of a call do, is found."""
READ_BY_PAGES = ("/v1/audit", "/v1/optouts")


class Work:
    """What was done until the terminal was first written to."""

    def __init__(self, glass: Glass) -> None:
        self._glass = glass
        self._writes = glass.writes
        self.styled = 0
        self.drawn = 0

    def is_answered(self) -> bool:
        return self._glass.writes > self._writes


@contextmanager
def counted(glass: Glass) -> Iterator[Work]:
    work, patch = Work(glass), pytest.MonkeyPatch()
    apply, render = Stylesheet.apply, Compositor.render_update

    def counting_apply(self: Stylesheet, *given: object, **named: object) -> None:
        work.styled += not work.is_answered()
        apply(self, *given, **named)  # type: ignore[arg-type]

    def counting_render(self: Compositor, *given: object, **named: object) -> object:
        work.drawn += not work.is_answered()
        return render(self, *given, **named)  # type: ignore[arg-type]

    with patch.context() as patched:
        patched.setattr(Stylesheet, "apply", counting_apply)
        patched.setattr(Compositor, "render_update", counting_render)
        yield work


async def test_no_page_is_put_together_while_the_screen_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a second goes by meanwhile: staff who leave would be shown a traceback."""
    async with opened() as counter:
        app = counter.app
        prune, pages = app._prune, set(app._screen_stacks)

        def slowly(*nodes: Widget, **how: DOMNode) -> AwaitRemove:
            app.tick()
            return prune(*nodes, **how)

        monkeypatch.setattr(app, "_prune", slowly)
        await counter.clock.advance(REST)
    assert set(app._screen_stacks) == pages


async def test_a_page_that_is_opened_for_the_first_time_is_drawn_once() -> None:
    async with opened(size=(120, 30)) as counter:
        glass = Glass(counter.app)
        for key in FIRST:
            with counted(glass) as work:
                await counter.press(key)
                await counter.until(work.is_answered)
            assert work.drawn == 1, key
            assert work.styled <= 30, (key, work.styled)


async def test_the_box_of_a_new_order_styles_its_widgets_and_what_is_seen_of_its_fields() -> None:
    async with opened(size=(120, 40)) as counter:
        glass = Glass(counter.app)
        with counted(glass) as work:
            await counter.press("a")
            await counter.see("ready by")
        assert work.styled <= 30


async def test_the_fields_of_an_open_box_follow_the_colours() -> None:
    async with opened(size=(120, 30)) as fresh:
        fresh.app.theme = "light"
        await fresh.press("a")
        await fresh.see("ready by")
        wanted = await _still(fresh)
    async with opened(size=(120, 30)) as counter:
        glass = Glass(counter.app)
        await counter.press("a")
        await counter.see("ready by")
        dark = glass.rows
        counter.app.theme = "light"
        await counter.until(lambda: glass.rows != dark)
        assert await _still(counter) == wanted


async def test_pages_are_put_together_one_at_each_rest_neither_drawn_nor_asked_for() -> None:
    async with opened(size=(120, 30)) as counter:
        app, glass = counter.app, Glass(counter.app)
        counter.service.refuse = dict.fromkeys(READ_BY_PAGES, (500, "asked for before it was shown"))
        there = [len(app._screen_stacks)]
        text = glass.text
        for _ in range(30):
            await counter.pass_time(1)
            there.append(len(app._screen_stacks))
        assert max(after - before for before, after in pairwise(there)) == 1
        assert there[:3] == [2, 2, 3]
        assert set(app._screen_stacks) >= set(app.MODES)
        assert glass.text == text
        counter.service.refuse.clear()
        for key in FIRST:
            with counted(glass) as work:
                await counter.press(key)
                await counter.until(work.is_answered)
            assert work.drawn == 1, key
            assert work.styled <= 10, (key, work.styled)


async def test_no_page_is_put_together_while_somebody_types() -> None:
    async with opened(size=(120, 30)) as counter:
        before = set(counter.app._screen_stacks)
        for _ in range(6):
            await counter.press("down")
            await counter.pass_time(1)
        assert set(counter.app._screen_stacks) == before


async def test_a_page_that_is_gone_to_while_it_is_put_together_is_shown_whole() -> None:
    async with opened(size=(120, 30)) as counter:
        glass = Glass(counter.app)
        await counter.clock.advance(3)
        counter.app.tick()
        assert "now" in counter.app._screen_stacks
        await counter.press("0")
        await counter.see("now")
        assert isinstance(counter.app.page, NowPage)
        counter.app.screen.refresh()
        drawn = await _still(counter)
        await counter.until(lambda: glass.rows == drawn)


async def test_a_language_chosen_after_a_rest_is_that_of_the_pages_put_together() -> None:
    async with opened(size=(120, 30)) as counter:
        for _ in range(20):
            await counter.pass_time(1)
        await counter.app._looks.speak("de")
        for _ in range(20):
            await counter.pass_time(1)
        await counter.press("4")
        await counter.see("Antworten", "antworten")


@pytest.mark.parametrize("key", ["m", "n", "enter"])
async def test_nothing_stays_of_closed_boxes(key: str) -> None:
    async with opened() as counter:
        boxes = []
        for _ in range(5):
            await counter.press(key)
            await counter.until(lambda: counter.app.screen.is_mounted and len(counter.app.screen_stack) == 2)
            boxes.append([weakref.ref(each) for each in counter.app.screen.walk_children(with_self=True)])
            await counter.press("escape")
            await counter.until(lambda: len(counter.app.screen_stack) == 1)
        early = [each for box in boxes[:3] for each in box]  # of the last ones something may still be on its way
        for _ in range(SOON):
            gc.collect()
            await counter.pilot.pause(0.01)
        assert not [each() for each in early if each() is not None]


async def test_no_drawing_of_closed_boxes_is_kept() -> None:
    async with opened() as counter:
        before = _drawings()
        for _ in range(4):
            await counter.press("a")
            await counter.see("ready by")
            await counter.press("escape")
            await counter.until(lambda: len(counter.app.screen_stack) == 1)
        await counter.until(lambda: _drawings() <= before + 3)


def _drawings() -> int:
    gc.collect()
    return sum(isinstance(each, StylesCache) for each in gc.get_objects())


async def _still(counter: Counter) -> object:
    """What a whole drawing of the terminal shows once nothing moves any more."""
    await counter.pilot.pause(0.05)
    return Glass(counter.app).rows


async def test_a_page_that_takes_longer_than_anybody_waits_is_shown_as_it_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tui.screens.steady.PATIENCE", 0)
    async with opened(size=(120, 30)) as counter:
        counter.app._ahead._put_together("line")
        await counter.app.action_go("line")
        await counter.see("Twilio")
