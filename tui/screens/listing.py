"""A page that is one list, with what its current row is about beside or below it."""

from collections.abc import Iterable, Set
from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.containers import Container
from textual.message import Message
from textual.widget import Widget

from tui.screens.page import Page
from tui.shop.revisions import Part
from tui.widgets.lines import Lines
from tui.widgets.paint import Line
from tui.widgets.rows import Rows

T = TypeVar("T")

BESIDE = 110
"""Cells from which on the detail stands beside the list."""


class ListPage(Page, Generic[T]):
    """A subclass gives the rows, the head and the detail's lines."""

    has_head: ClassVar[bool] = True
    needs: ClassVar[Set[Part]] = frozenset()
    """What must have been read before an empty list means that there is nothing."""
    _nothing = ""

    def body(self) -> Iterable[Widget]:
        if self.has_head:
            yield Lines(self.head, id="head", classes="page-head")
        with Container(id="split", classes="beside" if self._is_wide else ""):
            rows = self.make_rows()
            self._nothing = rows.empty
            yield rows
            yield Lines(self.detail, id="detail", classes="detail")
        yield from self.below()

    def make_rows(self) -> Rows[T]:
        raise NotImplementedError

    def head(self, width: int) -> list[Line]:
        """The lines above the list."""
        return []

    def detail(self, width: int) -> list[Line]:
        """The lines about the current row."""
        return []

    def below(self) -> Iterable[Widget]:
        return ()

    @property
    def is_read(self) -> bool:
        return self.needs <= self.session.shop.loaded

    @property
    def rows(self) -> Rows[T]:
        return self.query_one(Rows)

    @property
    def current(self) -> T | None:
        return self.rows.current

    def on_mount(self) -> None:
        self.rows.focus()

    def on_resize(self) -> None:
        self.query_one("#split").set_class(self._is_wide, "beside")

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= BESIDE

    def show(self, parts: Set[Part]) -> None:
        if self.needs:
            self.rows.say_when_empty(self._nothing if self.is_read else self.t("reading"))
        if self.rows.refill():
            self.slid_at = Message().time

    def look(self) -> None:
        self.rows.renew()
        super().look()

    @on(Rows.Moved)
    def _moved(self) -> None:
        self.query_one("#detail", Lines).rewrite()
