"""The keys of each page as docs/counter.md lists them: made anew by `make screenshots`, from what the pages themselves declare."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from textual.binding import Binding

from tui.app import CounterApp
from tui.screens.order import OrderPage
from tui.screens.page import Page
from tui.widgets.glance import TABS

GUIDE = Path(__file__).parents[2] / "docs" / "counter.md"
_ROW = re.compile(r"^\| (?P<page>[^|]+) \| (?P<shows>[^|]+) \| (?P<keys>[^|]+) \|$", re.MULTILINE)


def keys() -> Mapping[str, str]:
    """By the page's name in the guide, each key and what it does."""
    pages = {f"{number} {label}": CounterApp.MODES[name] for number, (name, label) in enumerate(TABS, 1)}
    return {name: _told(page) for name, page in {**pages, "an order": OrderPage}.items()}


def written(guide: str) -> str:
    """The guide with the keys of today."""
    table = keys()
    return _ROW.sub(lambda row: f"| {row['page']} | {row['shows']} | {table.get(row['page'], row['keys'])} |", guide)


def _told(page: type[Page]) -> str:
    return ", ".join(
        f"{each.key_display or each.key} {each.description}" for each in _bindings(page) if each.key != "escape"
    )


def _bindings(page: type[Page]) -> Iterable[Binding]:
    return (each for each in page.BINDINGS if isinstance(each, Binding) and each.description)
