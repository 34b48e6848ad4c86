"""The box that helps where a customer can't be told: what could reach them, in the order likely to help."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, ClassVar, NamedTuple

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from daemon.wire.messages import Message
from daemon.wire.orders import Order
from daemon.wire.steps import Preview, Way, Ways
from tui.i18n import text
from tui.screens.box import Box
from tui.screens.planned import hears, planned_lines
from tui.screens.silence import NO_ADDRESS
from tui.service.client import Refused, ServiceError
from tui.shop.session import NOBODY, Hears, Session
from tui.terminal.work import run_newest
from tui.widgets.field import Field
from tui.widgets.lines import Lines
from tui.widgets.paint import Line, Span, wrap
from tui.widgets.rows import Rows
from tui.wording.words import BAD, DIM, STRONG, WARN

CHECK_AFTER = 0.25
"""Seconds after the last key before the service is asked what an address comes to."""


class Help(NamedTuple):
    """What is to be done: `contact` (with the call's body), `phone`, `in_person`, `calls`, or `allow` (a medium) again. `words`: in others
    than the usual ones."""

    kind: str
    body: Mapping[str, Any] = {}
    words: bool = False
    tells: Hears = NOBODY


class Offer(NamedTuple):
    """One line of the list."""

    help: Help
    words: str


class FixBox(Box[Help | None]):
    """An address is typed, or one of the offers chosen. Before something is sent (`about`) an address is only kept."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "do_it", text("do it"), key_display="enter"),
        Binding("e", "other_words", text("other words")),
        Binding("down", "down", text("more"), key_display="↓"),
        Binding("up", "up", show=False, priority=True),  # the list would keep it
    ]

    def __init__(self, order: Order, message: Message | None = None, *, about: str = "") -> None:
        """`message`: the one that did not reach them; None: the newest about where the order stands. `about`: what is to be sent to them
        next, in staff's words."""
        super().__init__()
        self._order = order
        self._message = message
        self._message_id = message.id if message else ""
        self._about = about
        self._ways: Ways | None = None
        self._offers: list[Offer] = []
        self._preview: Preview | None = None
        self._trouble = ""

    # ------------------------------------------------------------ what it shows

    def heading(self) -> str:
        name = self._order.customer.name or self.t("the customer")
        status = (self._about or news(self.session, self._order, self._message)).upper()
        return self.t("{ref} {name} is to be told: {status}", ref=self._order.ref, name=name, status=status)

    def body(self) -> Iterable[Widget]:
        yield Lines(self._why, id="why")
        yield Lines(lambda width: [[Span(self.t("a number or an e-mail address, kept with the order:"), DIM)]])
        yield Field(id="address", select_on_focus=False)
        rows: Rows[Offer] = Rows(
            self._offers, key=lambda offer: offer.words, draw=_offer, cursor_sign=self.words.glyphs.cursor
        )
        yield rows
        yield Lines(self._said, id="said")

    def on_mount(self) -> None:
        self.query_one("#address", Input).focus()
        run_newest(self, self._ask, "ways")

    async def _ask(self) -> None:
        try:
            self._ways = await self.session.client.ways(self._order.ref)
        except ServiceError as error:
            self._trouble = str(error)
        self._offers[:] = self._found()
        rows = self.query_one(Rows)
        rows.styles.height = max(1, len(self._offers))
        rows.refill()
        self.look()

    def _found(self) -> list[Offer]:
        ways = self._ways or Ways()
        return [*([] if self._about else self._tellings(ways)), *self._askings(ways)]

    def _tellings(self, ways: Ways) -> list[Offer]:
        t = self.t
        untold = self._message or self._order.told
        tried = untold.channel if untold else ""
        offers = [
            Offer(
                Help("contact", {"via": list(way.via)}),
                t("send it by {medium} to {to}", medium=self.words.medium(way.medium), to=way.to),
            )
            for way in sorted(ways.ways, key=lambda way: tried in way.via)
            if way.state == "open"
        ]
        if ways.phone:
            offers.append(Offer(Help("phone"), t("I phoned: {phone}", phone=ways.phone)))
        return [
            *offers,
            Offer(Help("in_person"), t("I told them myself")),
            Offer(Help("calls"), t("leave it on the call list")),
        ]

    def _askings(self, ways: Ways) -> list[Offer]:
        """That they ask for it again who had asked for silence."""
        return [
            Offer(
                Help("allow", {"medium": way.medium}),
                self.t("they ask for {medium} again: note their words", medium=self.words.medium(way.medium)),
            )
            for way in ways.ways
            if way.state == "opted_out" and way.medium in {"sms", "email"}
        ]

    def _why(self, width: int) -> list[Line]:
        t, untold = self.t, self._message or self._order.told
        reasons = [self.words.reason(untold)] if untold is not None and untold.reason else []
        ways = self._ways.ways if self._ways else ()
        reasons += [self._silence(way) for way in ways if way.state == "opted_out"]
        if not reasons and self._ways is not None and not any(way.state == "open" for way in ways):
            reasons = [t("There is no telephone number or e-mail address.")]
        lines = [[Span(part, BAD)] for reason in dict.fromkeys(reasons) for part in wrap(reason, width)]
        return [*lines, []] if lines else []

    def _silence(self, way: Way) -> str:
        medium = self.words.medium(way.medium)
        when = self.session.times.at(way.since, self.session.now()) if way.since else ""
        said = self.t(
            "Wants no {medium}: {how} {when}.", medium=medium, how=f"“{way.how}”" if way.how else "", when=when
        )
        back = self.t("They can write START, or you note their wish.") if way.medium == "sms" else ""
        return " ".join(f"{said} {back}".split()).replace(" .", ".")

    def _said(self, width: int) -> list[Line]:
        if self._trouble:
            return [[], *([Span(part, WARN)] for part in wrap(self.t(self._trouble), width))]
        if self._preview is None or not self._preview.messages:
            return [[]]
        return [[], *planned_lines(self._preview, self._order.customer.name, self.session, width)]

    # ------------------------------------------------------------ an address

    @property
    def _typed(self) -> dict[str, Any]:
        typed = self.query_one("#address", Input).value.strip()
        if not typed:
            return {}
        body: dict[str, Any] = {"email" if "@" in typed else "phone": typed}
        if self._message_id:
            body["message_id"] = self._message_id
        return body | {"tell": False} if self._about else body

    @on(Input.Changed)
    def _check_soon(self) -> None:
        run_newest(self, self._check_later, "check")

    async def _check_later(self) -> None:
        await self.session.clock.sleep(CHECK_AFTER)
        await self._check()

    async def _check(self) -> bool:
        """Whether the service takes it."""
        body = self._typed
        self._preview, self._trouble = None, ""
        if body:
            try:
                self._preview = await self.session.client.contact_preview(self._order.ref, body)
            except Refused:
                self._trouble = NO_ADDRESS
            except ServiceError as error:
                self._trouble = str(error)
        self.look()
        return not self._trouble

    # ------------------------------------------------------------ answering

    @on(Input.Submitted)
    @on(Rows.Opened)
    def action_do_it(self) -> None:
        if self.query_one("#address", Input).has_focus:
            if self._typed:
                run_newest(self, self._take, "check")
            else:
                self.action_down()
        elif (chosen := self.query_one(Rows).current) is not None:
            self._choose(chosen)

    def _choose(self, offer: Offer, *, words: bool = False) -> None:
        name = self.session.name_of(self._order.ref)
        glance = self.session.shop.glance
        waits = glance.quiet_until is not None or glance.uplink.state == "down"
        help = offer.help._replace(words=words, tells=NOBODY if waits else Hears(name))
        if self._message_id and help.kind in {"contact", "phone", "in_person"}:
            help = help._replace(body={**help.body, "message_id": self._message_id})
        self.answer(help)

    async def _take(self, *, words: bool = False) -> None:
        if await self._check():
            tells = hears(self._preview, self.session.name_of(self._order.ref))
            self.answer(Help("contact", self._typed, words, tells))

    def action_other_words(self) -> None:
        """To what was typed, else by the way that is chosen. In the field itself it is a letter."""
        chosen = self.query_one(Rows).current
        if self._typed:
            run_newest(self, partial(self._take, words=not self._about), "check")
        elif chosen is not None and chosen.help.kind == "contact":
            self._choose(chosen, words=True)
        else:
            self._trouble = text("First a number or an address, or a way to send it by.")
            self.look()

    def action_down(self) -> None:
        if self.query_one("#address", Input).has_focus:
            self.query_one(Rows).focus()
        else:
            self.query_one(Rows).action_step(1)

    def action_up(self) -> None:
        rows = self.query_one(Rows)
        if rows.has_focus and rows.index:
            rows.action_step(-1)
        else:
            self.query_one("#address", Input).focus()


def news(session: Session, order: Order, message: Message | None) -> str:
    """What they are to be told."""
    if message is None:
        return session.words.status(order.status)
    return session.words.status(message.template) if message.template else session.t("own words")


def _offer(offer: Offer, width: int) -> list[Line]:
    return [[Span(offer.words, STRONG if offer.help.kind == "contact" else "")]]
