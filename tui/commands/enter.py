"""What Enter in the line does: it opens an order, or the box that asks before anything is done."""

from collections.abc import Callable, Coroutine
from typing import Any

from textual.app import App

from daemon.wire.orders import Order
from daemon.wire.requests import orders as order_acts
from tui.commands.fixes import Fixes
from tui.commands.flows import Flows
from tui.line.read import Said
from tui.line.verbs import HOLD, RELEASE, WRITE
from tui.screens.ask import AskBox
from tui.shop.session import Session
from tui.wording.words import WARN

Start = Callable[[Coroutine[Any, Any, object]], None]
"""Runs something beside the screen."""
Open = Callable[[str], None]
"""Opens an order."""


class Asking:
    """Never does a step by itself: each is a box that names the order and its customer."""

    def __init__(
        self, app: App[Any], session: Session, flows: Flows, fixes: Fixes, *, act: Start, open_order: Open
    ) -> None:
        self._app = app
        self._session = session
        self._flows = flows
        self._fixes = fixes
        self._act = act
        self._open_order = open_order
        self._t = session.t

    def enter(self, said: Said, chosen: Order | None) -> None:
        """`chosen`: of the orders found."""
        if said.does == "stop":
            self._act(self._fixes.silence(said.value))
        elif said.does == "ask":
            self._open_order(said.value)
            self._session.practised("find")
        elif chosen is None:
            self._session.say(self._t("Nothing here is called “{typed}”.", typed=said.value), WARN)
        elif said.does == "open":
            self._open_order(chosen.ref)
            self._session.practised("find")
        else:
            self._about(said, chosen)

    def _about(self, said: Said, order: Order) -> None:
        flows = self._flows
        match said.does:
            case "step":
                self._act(flows.step_to(order, said.value))
            case "promise":
                self._act(self._promise(order, said.value))
            case "contact":
                self._act(self._contact(order, said.value))
            case does if does == HOLD and order.held:
                self._session.say(self._t("{ref} is on hold.", ref=order.ref), WARN)
            case does if does == RELEASE and not order.held:
                self._session.say(self._t("{ref} is not on hold.", ref=order.ref), WARN)
            case does if does == WRITE:
                self._act(flows.write_to(order))
            case _:
                self._act(flows.hold(order))

    async def _promise(self, order: Order, value: str) -> None:
        """Another time for an order."""
        times, now = self._session.times, self._session.now()
        said, before = times.promise(times.moment(value), now), times.promise(order.promised_at, now)
        question = (
            self._t(
                "Promised for {time} instead of {before}. It is noted; the customer is not told.",
                time=said,
                before=before,
            )
            if before
            else self._t("Promised for {time}. It is noted; the customer is not told.", time=said)
        )
        if await self._sure(order, question):
            done = self._t("{ref} is promised for {time}.", ref=order.ref, time=said)
            call = order_acts.promise(order.ref, value)
            await self._session.do(call, name=self._t("{ref}: change", ref=order.ref), done=done)

    async def _contact(self, order: Order, value: str) -> None:
        """A number or an address for an order's customer."""
        kind = "email" if "@" in value else "phone"
        question = self._t(
            "{name} is reached at {value} from now on, for what is sent about {ref}.",
            name=order.customer.name or self._t("the customer"),
            value=value,
            ref=order.ref,
        )
        if await self._sure(order, question):
            done = self._t("{ref}: {value} is noted.", ref=order.ref, value=value)
            call = order_acts.contact(order.ref, {kind: value, "tell": False})
            await self._session.do(call, name=self._t("{ref}: change", ref=order.ref), done=done)

    async def _sure(self, order: Order, question: str) -> bool:
        heading = f"{order.ref}  {order.customer.name or ''}".strip()
        return self._session.may_act() and await self._app.push_screen_wait(AskBox(heading, question)) is not None
