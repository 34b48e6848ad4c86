"""The record: everything that was done, the newest first, searchable; and whether it was tampered with."""

import json
from collections.abc import Iterable, Set
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from daemon.wire.record import AuditEntry
from tui.i18n import text
from tui.screens.listing import ListPage
from tui.service.client import ServiceError
from tui.shop.revisions import Part
from tui.terminal.work import run_newest
from tui.widgets.field import Field
from tui.widgets.paint import Cell, Line, Span, columns, wrap
from tui.widgets.rows import Rows
from tui.wording.deeds import record_words
from tui.wording.words import BAD, DIM, GOOD, STRONG, WARN

MOST = 5_000
"""Entries that are read back at most, the newest."""


class AuditPage(ListPage[AuditEntry]):
    """Read anew whenever the page comes to the front, and when the service comes back."""

    name_ = "audit"
    wants: ClassVar[Set[Part]] = frozenset({Part.LINK})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", text("open order"), key_display="enter"),
        Binding("slash", "find", text("find"), key_display="/"),
        Binding("v", "verify", text("check the chain")),
        Binding("escape", "clear", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._all: list[AuditEntry] = []
        self._shown: list[AuditEntry] = []
        self._needle = ""
        self._was_read = False
        self._was_away = False
        self._trouble = ""
        self._is_checking = False

    def make_rows(self) -> Rows[AuditEntry]:
        return Rows(
            self._shown,
            key=lambda entry: str(entry.seq),
            draw=self._line,
            empty=self.t("nothing here"),
            cursor_sign=self.signs[0],
        )

    def below(self) -> Iterable[Widget]:
        yield Field(id="audit-find", placeholder=self.t("order, person, what happened"), classes="hidden")

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        run_newest(self, self._read, "read")

    def show(self, parts: Set[Part]) -> None:
        is_away, was_away = self.session.shop.link.state != "up", self._was_away
        self._was_away = is_away
        if was_away and not is_away:
            run_newest(self, self._read, "read")
        self.rows.say_when_empty(self._nothing if self._was_read else self._trouble or self.t("reading"))
        super().show(parts)

    async def _read(self) -> None:
        found: list[AuditEntry] = []
        try:
            async for page in self.session.client.pages("/v1/audit", AuditEntry, most=MOST):
                found += page
                self._all, self._was_read = found, True
                self._refilter()
        except ServiceError as error:
            self._trouble = self.t("The record can't be read: {why}", why=self.t(str(error)))
            self.session.say(self._trouble, WARN)
            self.redraw()

    def _refilter(self) -> None:
        words = self._needle.split()
        self._shown[:] = [entry for entry in self._all if all(word in self._searchable(entry) for word in words)]
        self.redraw()

    def _searchable(self, entry: AuditEntry) -> str:
        said = f"{entry.kind} {record_words(self.t, entry.kind)}"
        return (
            f"{entry.seq} {said} {entry.actor} {entry.order_ref} {entry.message_id} {_plain(entry.detail)}".casefold()
        )

    # ------------------------------------------------------------ what it shows

    def head(self, width: int) -> list[Line]:
        if not self._was_read:
            return [[]]
        is_all = len(self._all) < MOST
        said = text("{n} of {all} entries") if is_all else text("{n} of the newest {all} entries")
        return [[Span(self.t(said, n=len(self._shown), all=len(self._all)), DIM)]]

    def _line(self, entry: AuditEntry, width: int) -> list[Line]:
        cells = [
            Cell(str(entry.seq), 6, DIM, right=True),
            Cell(self.times.second(entry.at), 16, DIM),
            Cell(record_words(self.t, entry.kind), 20),
            Cell(entry.order_ref or "", 9, STRONG),
            Cell(entry.actor, 12 if width < 100 else 20),
            Cell(_plain(entry.detail), 0, DIM),
        ]
        return [columns(width, *cells)]

    def detail(self, width: int) -> list[Line]:
        entry = self.current
        if entry is None:
            return []
        words = record_words(self.t, entry.kind)
        said = f"{words} ({entry.kind})" if words != entry.kind else words
        head = f"{entry.seq}  {self.times.second(entry.at)}  {said}  {entry.actor}  {entry.order_ref or ''}  {entry.message_id or ''}"
        return [
            [Span(part, STRONG if n == 0 else "")]
            for n, part in enumerate([*wrap(head, width), *wrap(_plain(entry.detail), width)])
        ]

    # ------------------------------------------------------------ acting

    @on(Rows.Opened)
    def action_open(self) -> None:
        if self.current is not None and self.current.order_ref:
            self.counter.open_order(self.current.order_ref)

    def action_find(self) -> None:
        box = self.query_one("#audit-find", Input)
        box.remove_class("hidden")
        box.focus()

    def action_clear(self) -> None:
        box = self.query_one("#audit-find", Input)
        box.value = ""
        box.add_class("hidden")
        self.rows.focus()

    @on(Input.Changed, "#audit-find")
    def _find(self, event: Input.Changed) -> None:
        self._needle = event.value.strip().casefold()
        self._refilter()

    @on(Input.Submitted, "#audit-find")
    def _found(self) -> None:
        self.rows.focus()

    def action_verify(self) -> None:
        self.counter.act(self.counter.when_meant(self._verify))

    async def _verify(self) -> None:
        self.session.say(self.t("checking the chain"))
        if self._is_checking:
            return
        self._is_checking = True
        try:
            verdict = await self.session.client.verify()
        except ServiceError as error:
            self.session.say(self.t("The record can't be checked: {why}", why=self.t(str(error))), BAD)
            return
        finally:
            self._is_checking = False
        if verdict.ok:
            self.session.say(self.t("The chain holds: {n} entries, none was changed.", n=verdict.entries), GOOD)
        else:
            self.session.say(self.t("The chain is BROKEN at entry {n}: tell the owner.", n=verdict.first_bad), BAD)


def _plain(detail: object) -> str:
    """What an entry says beside who, when and what."""
    if isinstance(detail, dict):
        return "  ".join(f"{key}: {_plain(value)}" for key, value in detail.items() if value not in (None, "", [], {}))
    return detail if isinstance(detail, str) else "" if detail is None else json.dumps(detail, ensure_ascii=False)
