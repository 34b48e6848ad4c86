"""The box in which an order is taken at the counter."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Button, Input, Label

from tui.i18n import text
from tui.screens.box import Box
from tui.service.client import Refused, ServiceError
from tui.service.wire import Order
from tui.terminal.work import run_newest
from tui.widgets.choice import Choice
from tui.widgets.lines import Lines
from tui.widgets.paint import Line, Span, wrap
from tui.wording.words import BAD

FIELDS = (
    ("ref", text("order number"), text("empty: one is made")),
    ("name", text("name"), text("first name is enough")),
    ("phone", text("telephone"), ""),
    ("email", text("e-mail"), ""),
    ("item", text("what"), text("Helium bouquet, 12")),
    ("promised", text("ready by"), text("14:30, or tomorrow 10:00, or 24.12. 10:00")),
)


class NewOrderBox(Box[Mapping[str, Any] | None]):
    """Answers with the event to post, but for its id."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "on", text("next field"), key_display="enter")]
    title_ = text("new order")

    def __init__(self, made_ref: str) -> None:
        super().__init__()
        self._made_ref = made_ref
        self._trouble = ""
        self._existing = ""

    def body(self) -> Iterable[Widget]:
        for name, label, hint in FIELDS:
            with Horizontal(classes="field"):
                yield Label(self.t(label))
                yield Input(id=f"field-{name}", placeholder=self.t(hint) if hint else "")
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
        yield Button(self.t("take it in"), compact=True, id="take")
        yield Button("", compact=True, id="existing", classes="hidden")

    def on_mount(self) -> None:
        for button in self.query(Button):
            button.active_effect_duration = 0
        self.query_one("#field-ref", Input).focus()

    def _said(self, width: int) -> list[Line]:
        return [[Span(part, BAD)] for part in wrap(self._trouble, width)]

    @on(Input.Submitted)
    def action_on(self) -> None:
        self.focus_next()

    @on(Button.Pressed, "#existing")
    def _open(self) -> None:
        self.answer(None)
        self.counter.open_order(self._existing)

    @on(Button.Pressed, "#take")
    def _take_soon(self) -> None:
        run_newest(self, self._take, "take")

    async def _take(self) -> None:
        said = {name: self.query_one(f"#field-{name}", Input).value.strip() for name, _, _ in FIELDS}
        promised = self.desk.times.promised(said["promised"], self.desk.now())
        if said["ref"] and not await self._is_new(said["ref"]):
            return
        mute = self.t("Without telephone or e-mail nobody can be told. Press again if that is right.")
        if said["promised"] and promised is None:
            self._complain(self.t("When is that? Write it like 14:30, or tomorrow 10:00."), "#field-promised")
        elif not said["phone"] and not said["email"] and self._trouble != mute:
            self._complain(mute, "#take")
        else:
            self.answer(self._event(said, promised))

    async def _is_new(self, ref: str) -> bool:
        """Whether no order has that number; else it is said, and offered to be opened."""
        try:
            known = self._known(ref) or await self.desk.client.order(ref)
        except Refused as error:
            if error.status == 404:
                return True
            self._complain(self.t("Whether {ref} exists can't be asked now: {why}", ref=ref, why=str(error)), "#take")
            return False
        except ServiceError as error:
            why = self.t(str(error))
            self._complain(self.t("Whether {ref} exists can't be asked now: {why}", ref=ref, why=why), "#take")
            return False
        self._existing = known.ref
        offer = self.query_one("#existing", Button)
        offer.label = self.t("open {ref}", ref=known.ref)
        offer.remove_class("hidden")
        name, status = known.customer.name or self.t("the customer"), self.words.status(known.status)
        self._complain(
            self.t(
                "{ref} exists already: {name}, {status}. Take another number, or open it.",
                ref=known.ref,
                name=name,
                status=status,
            ),
            "#existing",
        )
        return False

    def _known(self, ref: str) -> Order | None:
        wanted = ref.casefold()
        return next((order for each, order in self.desk.shop.orders.items() if each.casefold() == wanted), None)

    def _complain(self, trouble: str, field: str) -> None:
        self._trouble = trouble
        self.query_one("#said", Lines).rewrite()
        self.query_one(field).focus()

    def _event(self, said: Mapping[str, str], promised: str | None) -> Mapping[str, Any]:
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
