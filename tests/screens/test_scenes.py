"""Every scene in every language at every size: what stands there is what stands in looks/, nothing is cut without a sign of it, and the
keys at the foot do what they say.

After a change that is meant: `pytest tests/screens/test_scenes.py --snapshot-update`, and read what changed in looks/.
"""

import re
from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path
from typing import NamedTuple

import pytest
from textual._compositor import Compositor
from textual.containers import Vertical
from textual.strip import Strip
from textual.widget import Widget

from tests.support.counter import Counter, opened
from tests.support.looks import Looks
from tui.i18n import LANGUAGES, Texts
from tui.screens.board import BESIDE, BoardPage
from tui.screens.box import Box
from tui.screens.page import Page
from tui.widgets.foot import Key

LOOKS = Looks(Path(__file__).parent / "looks")
START = (120, 40)
SIZES = (START, (200, 50), (80, 24), (60, 20))
KEY_NAMES = {"esc": "escape", "/": "slash", "?": "question_mark", "pgdn": "pagedown", "↓": "down"}
WORD = re.compile(r"[^\W\d_]{3,}…?")


class Scene(NamedTuple):
    """The keys that lead there from the board, and what stands there when it is (of the catalogue, or as it is)."""

    keys: tuple[str, ...]
    sign: str


SCENES: Mapping[str, Scene] = {
    "board": Scene((), "B-1036"),
    "list": Scene(("l",), "B-1036"),
    "order": Scene(("right", "down", "enter"), "on my way!"),
    "next_step": Scene(("n",), "“Hi Sam"),
    "other_status": Scene(("s",), "B-1040"),
    "message": Scene(("m",), "own words"),
    "new_order": Scene(("a",), "take it in"),
    "outbox": Scene(("2", "down", "down"), "ways"),
    "line": Scene(("3",), "Twilio"),
    "pause": Scene(("3", "p"), "why (may be empty)"),
    "replies": Scene(("4",), "on my way!"),
    "calls": Scene(("5",), "“Hi Kofi"),
    "optouts": Scene(("6",), "STOP"),
    "silence": Scene(("6", "a"), "no more"),
    "record": Scene(("7",), "Kim"),
    "now": Scene(("0",), "B-1039"),
    "fix": Scene(("0", "f"), "a…@example.com"),
    "found": Scene(("B", "-", "1", "0", "4"), "B-1047"),
    "help": Scene(("question_mark",), "here"),
}


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_scene_looks_as_it_did(language: str, grid: "Grid") -> None:
    async with opened(size=START, language=language) as counter:
        for name, scene in SCENES.items():
            await counter.app.action_go("board")
            await counter.see("B-1036")
            await counter.press("left", "left", "left", "right", "home", *scene.keys)
            await counter.see(Texts(language)(scene.sign))
            await grid.look(counter, name, language)
            await _leave(counter)
    grid.end()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_first_shift(language: str, grid: "Grid") -> None:
    """With its line on every page, and an order that somebody brings to the counter."""
    texts = Texts(language)
    async with opened(size=START, language=language, training=True) as counter:
        await counter.press("a", "tab")
        await counter.type("Iris")
        await counter.press("tab", *"07700900999", *["tab"] * 3)
        await counter.type("in 2h" if language != "fr" else "dans 2h")
        await counter.press(*["tab"] * 3)
        await counter.see(texts("Promised for {time}.", time="12:15"), "C-")
        await grid.look(counter, "walk_in", language)
        await _leave(counter)
        counter.app.action_first_shift()
        await counter.see(texts("put the line away"))
        await grid.look(counter, "first_shift", language)
    grid.end()


class Grid:
    """Compares what is looked at with what is known, and what holds for all of it. `updates`: what is looked at is what is known from now on."""

    def __init__(self, updates: bool) -> None:
        self._updates = updates
        self._wrong: list[str] = []
        self._words: dict[tuple[int, int], set[str]] = {size: set() for size in SIZES}

    async def look(self, counter: Counter, scene: str, language: str) -> None:
        """At every size."""
        looks: dict[str, str] = {}
        for width, height in SIZES:
            await counter.pilot.resize_terminal(width, height)
            await counter.until(lambda size=(width, height): counter.app.screen.outer_size == size)
            whole = await _at_rest(counter)
            own = _own(counter, whole)
            looks[f"{language}-{width}x{height}"] = _look(counter, own)
            text = "\n".join(strip.text for strip in own)
            self._wrong += [*_beyond(counter, whole, width, height), *_foot(counter, text, Texts(language))]
            self._words[width, height].update(WORD.findall(text))
        await counter.pilot.resize_terminal(*START)
        if self._updates:
            LOOKS.update(scene, looks)
        self._wrong += _differences(scene, looks)

    def end(self) -> None:
        assert not self._wrong, "\n".join(self._wrong)
        _nothing_is_cut(self._words)


@pytest.fixture
def grid(request: pytest.FixtureRequest, language: str, monkeypatch: pytest.MonkeyPatch) -> Grid:
    """What is drawn on the way, while keys lead to a scene and its size changes, is drawn in English; of the others what is looked at."""
    if language != "en":
        monkeypatch.setattr(Compositor, "render_update", _forget_changes)
    return Grid(request.config.option.update_snapshots)


def _forget_changes(compositor: Compositor, **_how: object) -> None:
    compositor._dirty_regions.clear()


async def _leave(counter: Counter) -> None:
    """Back to the page as it was."""
    app = counter.app
    while len(app.screen_stack) > 1 or app.omnibox.text:
        await counter.press("escape")
    if isinstance(board := app.screen, BoardPage):
        await counter.until(lambda: board.size.width == START[0] and board._is_list() == bool(board._as_list))
        if board._is_list():
            await counter.press("l")


async def _at_rest(counter: Counter) -> list[Strip]:
    """What stands there once nothing moves."""
    await counter.clock.advance(0.5)
    if counter.app.size.width >= BESIDE and isinstance(counter.app.screen, BoardPage) and counter.app.screen.order:
        await counter.see(f"─ {counter.app.session.t('story')} ─")
    await counter.pilot.pause()
    return counter.app.screen._compositor.render_strips()


def _own(counter: Counter, strips: list[Strip]) -> list[Strip]:
    """Of the box on top, or of the whole page: what shows through around a box is cut by it."""
    screen = counter.app.screen
    if not isinstance(screen, Box):
        return strips
    region = screen.query_one(".frame", Vertical).region
    return [strip.crop(region.x, region.right) for strip in strips[region.y : region.bottom]]


def _look(counter: Counter, strips: list[Strip]) -> str:
    """The text, and below it what of it has the colour of trouble."""
    bad = counter.app.theme_variables["bad"].lower()
    lines, alarming = list[str](), list[str]()
    for strip in strips:
        lines.append(strip.text.rstrip())
        for segment in strip.simplify():
            style = segment.style
            colours = [] if style is None else [style.color, style.bgcolor]
            if any(each is not None and each.triplet is not None and each.triplet.hex == bad for each in colours):
                alarming.append(segment.text.strip())
    return "\n".join([*lines, *([f"in red: {' | '.join(alarming)}"] if alarming else [])])


def _differences(scene: str, looks: Mapping[str, str]) -> list[str]:
    known = LOOKS.read(scene)
    return [
        "\n".join(
            unified_diff(known.get(name, "").splitlines(), look.splitlines(), f"{scene} {name}", "now", lineterm="")
        )
        for name, look in looks.items()
        if known.get(name) != look
    ]


# ---------------------------------------------------------------- what holds for all


def _beyond(counter: Counter, strips: list[Strip], width: int, height: int) -> list[str]:
    """Nothing stands beyond the edges, no widget is wider or higher than the terminal."""
    screen = counter.app.screen
    shown = [widget for widget in screen.walk_children(Widget) if widget.display and widget.region.size]
    out = [
        each for each in shown if each.region.right > width or (each.region.bottom > height and each.parent is screen)
    ]
    exact = len(strips) == height and all(strip.cell_length == width for strip in strips)
    return [f"{each} stands beyond {width}x{height}" for each in out] + (
        [] if exact else [f"lines are not {width} wide"]
    )


def _foot(counter: Counter, own: str, texts: Texts) -> list[str]:
    """The keys that the foot tells of are bound to what it says, and the last one is never cut off."""
    screen = counter.app.screen
    assert isinstance(screen, Page | Box)
    keys = screen.shown_keys()
    wrong = [f"{screen}: {key.key} is not bound to {key.action}" for key in keys if not _is_bound(screen, key)]
    last = f"{keys[-1].key} {texts(keys[-1].does)}"
    return wrong if last in own else [*wrong, f"{screen}: the foot lacks {last}"]


def _is_bound(screen: Page | Box[object], key: Key) -> bool:
    """To its action; or to what has the focus, which tells the screen of it."""
    active = screen.active_bindings.get(KEY_NAMES.get(key.key, key.key))
    if active is None or not active.enabled:
        return False
    return active.node is screen.focused or _name(active.binding.action) == _name(key.action)


def _name(action: str) -> str:
    return action.partition("(")[0].rpartition(".")[2]


def _nothing_is_cut(words: Mapping[tuple[int, int], set[str]]) -> None:
    """A word that stands nowhere on the wide screens, but is how one of theirs begins, was cut: it must say so."""
    *wide, small, smallest = SIZES
    whole = set().union(*(words[size] for size in wide))
    for size in (small, smallest):
        cut = {word for word in words[size] - whole if any(each.startswith(word) for each in whole)}
        assert not cut, f"{size}: {sorted(cut)}"
