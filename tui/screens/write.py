"""The box to write to a customer in: own words, or a text of the shop's to send or to change first; what it will look like by each way, and what stands against it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from textual import events, on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, TextArea

from daemon.wire.orders import Order
from daemon.wire.requests.orders import WhatIf
from daemon.wire.steps import Preview
from tui.i18n import text
from tui.screens.box import Box
from tui.screens.planned import hears, planned_lines
from tui.service.client import ServiceError
from tui.shop.session import NOBODY, Hears
from tui.terminal.tidy import forget_watcher
from tui.terminal.work import run_newest
from tui.widgets.choice import Choice, LongChoice
from tui.widgets.foot import Key
from tui.widgets.lines import Lines
from tui.widgets.paint import Line, Span, wrap
from tui.widgets.press import Press
from tui.wording.stages import STATUS_WORDS, moved_to
from tui.wording.words import DIM, WARN

PREVIEW_AFTER = 0.25
"""Seconds after the last key before the service is asked what it comes to."""
OWN_WORDS = ""


class Draft(NamedTuple):
    """What is to be sent."""

    text: str
    template: str
    via: tuple[str, ...]
    address_first: bool = False
    """The customer can't be reached as things are: an address is taken down first, then these words are asked for again."""
    tells: Hears = NOBODY


class WordsArea(TextArea):
    """Enter goes on to the button: with Tab and ^s being lost on some lines, it is the one key that always arrives."""

    class Finished(Message):
        """Enter."""

    class Turned(Message):
        """PgUp or PgDn: to the text of the shop's before or after."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def action_cursor_page_down(self) -> None:
        self.post_message(self.Turned(1))

    def action_cursor_page_up(self) -> None:
        self.post_message(self.Turned(-1))

    def on_unmount(self) -> None:
        forget_watcher(self)

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.post_message(self.Finished())
            return
        await super()._on_key(event)


class WriteBox(Box[Draft | None]):
    """Enter in the text goes to the button, Enter there sends."""

    AUTO_FOCUS = "WordsArea"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pagedown", "quick(1)", text("ready-made text"), key_display="pgdn"),
        Binding("tab", "app.focus_next", text("next field"), key_display="tab"),
    ]

    def __init__(
        self,
        order: Order,
        words: str = "",
        status: str = "",
        purpose: str = "",
        contact: Mapping[str, Any] | None = None,
    ) -> None:
        """With a `status`, the words are those that its step tells the customer; `purpose` is the heading then. `contact`: they go out
        to that address or that way."""
        super().__init__()
        self._order = order
        self._words = words
        self._status = status
        self._purpose = purpose
        self._contact = contact
        self._preview: Preview | None = None
        self._trouble = ""
        self._own = words
        """What was typed, while a text of the shop's stands in its place."""
        self._shown = OWN_WORDS
        """Whose text stands there."""
        self._filled = ""
        """That text as it came."""
        self._moved = ""
        """The status that somebody else set while the box stood there."""

    def heading(self) -> str:
        name = self._order.customer.name or self.t("the customer")
        return self._purpose or self.t("message to {name} · {ref}", name=name, ref=self._order.ref)

    def body(self) -> Iterable[Widget]:
        t = self.t
        if not self._status:
            yield LongChoice(t("ready-made text"), self._choices(list(STATUS_WORDS)), id="ready-made")
        yield WordsArea(self._words, soft_wrap=True, compact=True, highlight_cursor_line=False)
        if not self._status:
            yield Choice(t("by"), [("", t("as usual")), *self._media()], id="by")
        yield Lines(self._lines, id="preview")
        yield Press(t("send"), id="send")
        yield Press(t("reach them"), id="reach", classes="hidden")

    def on_mount(self) -> None:
        area = self.query_one(WordsArea)
        area.move_cursor(area.document.end)
        area.focus()
        self._ask_soon()
        run_newest(self, self._learn_templates, "templates")
        self.catch_up()

    def catch_up(self) -> None:
        """That the order stands elsewhere by now is to be seen before Enter sends the words."""
        order = self.session.shop.orders.get(self._order.ref)
        if order is None or not (moved := moved_to(self._order, order, self._status)):
            return
        self._order, self._moved = order, moved
        self.shown_at = float("inf")
        self.call_after_refresh(self._note_shown)
        self._ask_soon()
        self.look()

    def _media(self) -> list[tuple[str, str]]:
        """The media by which something can be sent."""
        channels = self.session.shop.channels.values()
        media = [medium for medium in ("sms", "email", "chat") if any(each.medium == medium for each in channels)]
        return [(medium, self.words.medium(medium)) for medium in media]

    async def _learn_templates(self) -> None:
        try:
            found = await self.session.client.templates()
        except ServiceError:
            return
        if found and self._shown == OWN_WORDS:
            for ready_made in self.query(LongChoice):
                ready_made.offer(self._choices([template.name for template in found]))

    def _choices(self, names: list[str]) -> list[tuple[str, str]]:
        """Own words, then the texts: first what tells how the order stands now."""
        names = [OWN_WORDS, *sorted(names, key=lambda name: name != self._order.status)]
        return [(name, self._called(name)) for name in names]

    def _called(self, name: str) -> str:
        if name == OWN_WORDS:
            return self.t("own words")
        return self.words.status(name) if name in STATUS_WORDS else name.replace(".", " ").replace("_", " ")

    def shown_keys(self) -> Sequence[Key]:
        return [key for key in super().shown_keys() if not (self._status and key.key == "pgdn")]

    @property
    def draft(self) -> Draft:
        medium = next((by.value for by in self.query("#by").results(Choice)), "")
        via = tuple(each.name for each in self.session.shop.channels.values() if medium and each.medium == medium)
        words = self.query_one(WordsArea).text.strip()
        if self._shown != OWN_WORDS and words == self._filled.strip():
            return Draft("", self._shown, via)
        return Draft(words, "", via)

    # ------------------------------------------------------------ the preview

    @on(TextArea.Changed)
    @on(Choice.Changed, "#by")
    def _ask_soon(self) -> None:
        run_newest(self, self._ask, "preview")

    @on(WordsArea.Turned)
    def _turned(self, turned: WordsArea.Turned) -> None:
        self.action_quick(turned.step)

    def action_quick(self, step: int) -> None:
        """To the next text of the shop's, round by one's own words."""
        for ready_made in self.query(LongChoice):
            ready_made.action_turn(step)

    @on(Choice.Changed, "#ready-made")
    def _template_chosen(self) -> None:
        run_newest(self, self._fill, "fill")

    async def _fill(self) -> None:
        """Put the chosen text there, to be sent as it is or changed first; what was typed comes back with "own words"."""
        ready_made, area = self.query_one(LongChoice), self.query_one(WordsArea)
        wanted = ready_made.value
        if self._shown == OWN_WORDS:
            self._own = area.text
        words = self._own
        if wanted != OWN_WORDS:
            asked = {"order_ref": self._order.ref, "medium": "sms", "template": wanted}
            try:
                words = (await self.session.client.rendering(asked)).text
            except ServiceError as error:
                ready_made.show(self._shown)
                self._trouble = str(error)
                self.look()
                return
        self._shown, self._filled = wanted, words
        area.text = words
        area.move_cursor(area.document.end)
        area.focus()
        self._ask_soon()

    async def _ask(self) -> None:
        await self.session.clock.sleep(PREVIEW_AFTER)
        draft = self.draft
        if not draft.text and not draft.template:
            self._preview, self._trouble = None, ""
        else:
            try:
                self._preview, self._trouble = await self._looked(draft), ""
            except ServiceError as error:
                self._trouble = str(error)
        self.look()
        self.query_one("#reach").set_class(not self._is_unreached, "hidden")

    async def _looked(self, draft: Draft) -> Preview | None:
        """What it would come to. Raises ServiceError."""
        client, ref = self.session.client, self._order.ref
        if self._contact is not None:
            return await client.contact_preview(ref, {**self._contact, "text": draft.text})
        return await client.preview(ref, self._asked(draft))

    def _asked(self, draft: Draft) -> WhatIf:
        if self._status:
            return WhatIf(status=self._status, text=draft.text)
        text = None if draft.template else draft.text
        return WhatIf(template=draft.template or None, text=text, via=tuple(draft.via) or None)

    @property
    def _is_unreached(self) -> bool:
        mine = [each for each in self._preview.messages if each.tells_customer] if self._preview else []
        return bool(mine) and not any(each.reaches for each in mine)

    def _lines(self, width: int) -> list[Line]:
        return [*self._stands(width), *self._foreseen(width)]

    def _stands(self, width: int) -> list[Line]:
        if not self._moved:
            return []
        status = self.words.status(self._moved)
        now = self.t("{ref} is now: {status}.", ref=self._order.ref, status=status)
        return [[Span(part, WARN)] for part in wrap(now, width)]

    def _foreseen(self, width: int) -> list[Line]:
        if self._trouble:
            return [[Span(part, WARN)] for part in wrap(self.t(self._trouble), width)]
        if self._preview is None:
            return [[Span(self.t("Say who you are and which order it is about: {ref}.", ref=self._order.ref), DIM)]]
        return planned_lines(self._preview, self._order.customer.name, self.session, width)

    # ------------------------------------------------------------ sending

    @on(WordsArea.Finished)
    def _to_button(self) -> None:
        self.query_one("#reach" if self._is_unreached else "#send").focus()

    @on(Button.Pressed, "#reach")
    def _reach(self) -> None:
        self.answer(self.draft._replace(text=self.query_one(WordsArea).text, address_first=True))

    @on(Button.Pressed, "#send")
    def _send(self) -> None:
        draft = self.draft
        if draft.text or draft.template:
            self.answer(draft._replace(tells=hears(self._preview, self.session.name_of(self._order.ref))))
        else:
            self._trouble = self.t("There is nothing to send yet.")
            self.look()
