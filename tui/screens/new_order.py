"""The box in which an order is taken at the counter: what its customer will get is shown before it is taken."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import DescendantBlur
from textual.widget import Widget
from textual.widgets import Button, Input

from daemon.wire.orders import Order
from daemon.wire.steps import Preview
from tui.i18n import text
from tui.screens.box import Box
from tui.screens.planned import hears, planned_lines
from tui.service.client import Refused, ServiceError
from tui.shop.session import Hears
from tui.terminal.work import run_newest
from tui.widgets.choice import Choice
from tui.widgets.field import Field
from tui.widgets.lines import Lines
from tui.widgets.paint import Line, Span, fit, wrap
from tui.widgets.press import Press
from tui.wording.words import BAD, DIM, WARN

FIELDS = (
    ("ref", text("order number"), text("empty: one is made")),
    ("name", text("name"), text("first name is enough")),
    ("phone", text("telephone"), ""),
    ("email", text("e-mail"), ""),
    ("item", text("what"), text("Helium bouquet, 12")),
    ("promised", text("ready by"), text("5pm, tomorrow 9, in 2h, 24.12. 10:00")),
)


class Taken(NamedTuple):
    """`event` is to be posted, but for its id. `typed` makes the box stand there again as it was."""

    event: Mapping[str, Any]
    tells: Hears
    typed: Mapping[str, str]


class Wrong(NamedTuple):
    """What can't be taken so, and the field that it is about."""

    says: str
    field: str


class NewOrderBox(Box[Taken | None]):
    """Takes nothing whose consequences were not shown."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "on", text("next field"), key_display="enter")]
    title_ = text("new order")

    def __init__(self, made_ref: str, typed: Mapping[str, str] = {}) -> None:
        """`typed`: what to begin with, by the widget's id."""
        super().__init__()
        self._made_ref = made_ref
        self._typed = typed
        self._trouble = ""
        self._existing = ""
        self._shown: Mapping[str, Any] | None = None
        """The order whose consequences stand there."""
        self._preview: Preview | None = None
        self._why = ""
        """Why they can't be shown."""

    def body(self) -> Iterable[Widget]:
        with Horizontal(id="fields"):
            yield Lines(self._labels)  # one widget for all of them: each one takes its time when the box opens
            with Vertical():
                for name, _, hint in FIELDS:
                    yield Field(id=f"field-{name}", placeholder=self.t(hint) if hint else "")
        yield Choice(
            self.t("goes out by"), [("pickup", self.t("pick-up")), ("delivery", self.t("delivery"))], id="fulfilment"
        )
        yield Choice(
            self.t("stands at"),
            [
                ("order.confirmed", self.words.status("order.confirmed")),
                ("order.placed", self.words.status("order.placed")),
            ],
            id="type",
        )
        yield Lines(self._said, id="said")
        yield Press(self.t("take it in"), id="take")
        yield Press("", id="existing", classes="hidden")

    def on_mount(self) -> None:
        for id, value in self._typed.items():
            widget = self.query_one(f"#{id}")
            if isinstance(widget, Choice):
                widget.show(value)
            elif isinstance(widget, Input):
                widget.value = value
        if self._typed:  # away from the fields: who begins another customer's order is not to write into this one
            self.query_one("#take").focus()
            run_newest(self, self._show, "show")
        else:
            self.query_one("#field-ref").focus()

    def _labels(self, width: int) -> list[Line]:
        return [[Span(fit(self.t(label), width), DIM)] for _, label, _ in FIELDS]

    def _said(self, width: int) -> list[Line]:
        t, shown = self.t, self._shown
        if self._trouble:
            return [[Span(part, BAD)] for part in wrap(self._trouble, width)]
        if shown is None:
            return []
        lines: list[Line] = []
        if promised := shown["order"].get("promised_at"):
            time = self.session.times.promise(self.session.times.moment(promised), self.session.now())
            lines.append([Span(t("Promised for {time}.", time=time), DIM)])
        if self._preview is None:
            why = t("What will go out can't be shown: {why}", why=t(self._why))
            return [*lines, *([Span(part, WARN)] for part in wrap(why, width))]
        return [*lines, *planned_lines(self._preview, shown["customer"].get("name"), self.session, width)]

    @on(Input.Submitted)
    def action_on(self) -> None:
        self.focus_next()

    @on(Button.Pressed, "#existing")
    def _open(self) -> None:
        self.answer(None)
        self.counter.open_order(self._existing)

    @on(DescendantBlur)
    def _left_a_field(self) -> None:
        if any(field.value for field in self.query(Input)):
            run_newest(self, self._show, "show")

    @on(Button.Pressed, "#take")
    def _take_soon(self) -> None:
        run_newest(self, self._take, "show")

    async def _take(self) -> None:
        """Take what was shown; what was not is shown first."""
        draft = self._draft()
        if self._shown is None or self._shown != draft:
            await self._show(entered=True)
            return
        name = self._shown["customer"].get("name") or self.t("the customer")
        typed = {each.id or "": each.value for each in (*self.query(Input), *self.query(Choice))}
        typed["field-ref"] = self._shown["order"]["ref"]
        self.answer(Taken(self._shown, hears(self._preview, name), typed))

    async def _show(self, *, entered: bool = False) -> None:
        """Show what the order as it stands would lead to. `entered`: the cursor goes to what is wrong."""
        draft = self._draft()
        if self._shown == draft:
            return
        if isinstance(draft, Wrong):
            self._complain(draft, entered)
            return
        if self.query_one("#field-ref", Input).value.strip() and not await self._is_new(draft["order"]["ref"], entered):
            return
        try:
            self._preview, self._why = await self.session.client.new_order_preview({**draft, "id": "preview"}), ""
        except Refused as error:
            self._complain(Wrong(str(error), "#field-phone"), entered)
            return
        except ServiceError as error:
            self._preview, self._why = None, str(error)
        self._shown, self._trouble = draft, ""
        self.query_one("#existing", Button).add_class("hidden")
        self._rewrite()

    async def _is_new(self, ref: str, entered: bool) -> bool:
        """Whether no order has that number; else it is said, and offered to be opened."""
        try:
            known = self._known(ref) or await self.session.client.order(ref)
        except ServiceError as error:
            if isinstance(error, Refused) and error.status == 404:
                return True
            why = self.t("Whether {ref} exists can't be asked now: {why}", ref=ref, why=self.t(str(error)))
            self._complain(Wrong(why, "#take"), entered)
            return False
        self._existing = known.ref
        offer = self.query_one("#existing", Button)
        offer.label = Content(self.t("open {ref}", ref=known.ref))
        offer.remove_class("hidden")
        says = self.t(
            "{ref} exists already: {name}, {status}. Take another number, or open it.",
            ref=known.ref,
            name=known.customer.name or self.t("the customer"),
            status=self.words.status(known.status),
        )
        self._complain(Wrong(says, "#existing"), entered)
        return False

    def _known(self, ref: str) -> Order | None:
        wanted = ref.casefold()
        return next((order for each, order in self.session.shop.orders.items() if each.casefold() == wanted), None)

    def _complain(self, wrong: Wrong, entered: bool) -> None:
        self._trouble, self._shown, self._preview = wrong.says, None, None
        self._rewrite()
        if entered:
            self.query_one(wrong.field).focus()

    def _rewrite(self) -> None:
        """What is said may push the field one is in out of sight."""
        self.look()
        if self.focused is not None:
            self.call_after_refresh(self.focused.scroll_visible, animate=False)

    def _draft(self) -> Mapping[str, Any] | Wrong:
        """The order as it stands in the fields."""
        said = {name: self.query_one(f"#field-{name}", Input).value.strip() for name, _, _ in FIELDS}
        promised = self.session.times.promised(said["promised"], self.session.now(), bare=True)
        if said["promised"] and promised is None:
            return Wrong(self.t("When is that? Write it like 14:30, 5pm, tomorrow 9, or in 2h."), "#field-promised")
        order: dict[str, Any] = {
            "ref": said["ref"] or self._made_ref,
            "fulfilment": self.query_one("#fulfilment", Choice).value,
        }
        if promised:
            order["promised_at"] = promised
        if said["item"]:
            order["items"] = [{"name": said["item"], "quantity": 1}]
        customer = {name: said[name] for name in ("name", "phone", "email") if said[name]}
        return {"type": self.query_one("#type", Choice).value, "order": order, "customer": customer}
