"""What is done about a customer who can't be told: each flow opens its box and has its answer done. Runs as a task of the app."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from textual.app import App

from daemon.wire.messages import Message
from daemon.wire.orders import Order
from daemon.wire.requests import keeping as keeping_acts
from daemon.wire.requests import messages as message_acts
from daemon.wire.requests import orders as order_acts
from daemon.wire.requests import people as people_acts
from daemon.wire.sources import Kept, Reread
from daemon.wire.values import decode
from tui.screens.ask import AskBox, PickBox
from tui.screens.fix import FixBox, Help, news
from tui.screens.silence import NO_ADDRESS, SilenceBox
from tui.screens.write import WriteBox
from tui.service.client import ServiceError
from tui.shop.session import Session
from tui.shop.state import is_telling
from tui.shop.story import UNDONE
from tui.wording.words import UNTOLD, WARN


class Fixes:
    """Every method may be called by a key, a click or a command, on any page."""

    def __init__(self, app: App[Any], session: Session, go: Callable[[str], Awaitable[None]]) -> None:
        """`go`: to a page."""
        self._app = app
        self._session = session
        self._go = go
        self._t = session.t
        self._not_sent: dict[str, str] = {}
        """The words that the service did not take for a customer, by what they were about: they need not be typed again."""

    async def fix(self, order: Order) -> None:
        """Help where the news about where the order stands did not arrive."""
        if order.told is None or order.told.state not in UNTOLD | {"cancelled"}:
            said = self._t("{ref}: nothing about this order needs help.", ref=order.ref)
            self._session.say(said, WARN)
            return
        await self._help(order)

    async def fix_message(self, message: Message) -> None:
        """Help where this message's news did not arrive: by the newest that tells it, if it was tried another way since."""
        shop = self._session.shop
        order, message = shop.orders.get(message.order_ref), shop.tried_since(message) or message
        is_untold = message.state in UNTOLD | {"cancelled"} and message.reason_code != UNDONE
        if order is None or not is_telling(message) or not is_untold:
            self._session.say(self._t("{ref}: nothing about this order needs help.", ref=message.order_ref), WARN)
        elif shop.is_past(message):
            await self._help_before(order, message)
        else:
            await self._help(order, message)

    async def _help_before(self, order: Order, message: Message) -> None:
        """Help whom this message is for, whose number is another's by now: no way of the order, and no new address of it, is theirs."""
        if not self._session.may_act():
            return
        t, ref, stood = self._t, order.ref, self._app.screen
        try:
            phone = (await self._session.client.ways(ref, message.id)).phone
        except ServiceError:
            phone = None  # they can be told, by whoever knows it
        if self._app.screen is not stood:  # they do something else by now
            return
        phoned = [("phone", t("I phoned: {phone}", phone=phone))] if phone else []
        options = [("again", t("send again")), *phoned, ("in_person", t("I told them myself"))]
        what = news(self._session, order, message).upper()
        heading = t("{ref}, who had this number before, is to be told: {status}", ref=ref, status=what)
        choice = await self._app.push_screen_wait(PickBox(heading, options))
        match choice:
            case "again":
                name, done = t("{ref}: send again", ref=ref), t("{n} sent again.", n=1)
                await self._session.do(message_acts.retry(message.id), name=name, done=done)
            case "phone" | "in_person":
                await self.told(order, choice, message.id)
            case _:
                return

    async def _help(self, order: Order, message: Message | None = None) -> None:
        if not self._session.may_act():
            return
        help = await self._app.push_screen_wait(FixBox(order, message))
        if help is not None:
            await self._do(order, help)

    async def address_first(self, order: Order, status: str) -> None:
        """Before they are told of that status ("": in own words) whom nothing reaches: take an address down."""
        if not self._session.may_act():
            return
        about = self._session.words.status(status) if status else self._t("own words")
        help = await self._app.push_screen_wait(FixBox(order, about=about))
        if help is not None:
            await self._do(order, help)

    async def _do(self, order: Order, help: Help) -> None:
        ref, t = order.ref, self._t
        match help.kind:
            case "contact":
                if help.words:
                    await self._in_other_words(order, help)
                else:
                    await self._contact(order, help)
            case "phone" | "in_person":
                await self.told(order, help.kind, str(help.body.get("message_id", "")))
            case "calls":
                await self._go("calls")
            case _:
                medium = str(help.body["medium"])
                question = t("Only if the customer asked for it. What did they say?")
                said = await self._app.push_screen_wait(AskBox(t("allow again"), question, label=t("their words")))
                if said:
                    call = people_acts.allow_writing_to(medium, ref, said)
                    name = f"{ref}: {t('allow again')}"
                    await self._session.do(call, name=name, done=t("It is noted. f tells them now."))
                elif said is not None:
                    self._session.say(t("Nothing was noted: their words are needed."), WARN)

    async def _in_other_words(self, order: Order, help: Help) -> None:
        """The usual words, to be changed, go that way."""
        stood = self._app.screen
        try:
            found = await self._session.client.contact_preview(order.ref, help.body)
            words = next((each.text for each in found.messages if each.tells_customer), "")
        except ServiceError:
            words = ""  # the box says what stands in the way
        if self._app.screen is not stood:  # they do something else by now
            return
        message = self._session.shop.messages.get(str(help.body.get("message_id", "")))
        purpose = f"{order.ref}  {news(self._session, order, message)}"
        words = self._not_sent.get(purpose, words)
        draft = await self._app.push_screen_wait(WriteBox(order, words, order.status, purpose, help.body))
        self._not_sent.pop(purpose, None)
        if draft is None:
            return
        changed = help._replace(body={**help.body, "text": draft.text}, tells=draft.tells)
        if not await self._contact(order, changed):
            self._not_sent[purpose] = draft.text

    async def _contact(self, order: Order, help: Help) -> bool:
        """Note it, and tell them that way; whether the service took it."""
        ref, t = order.ref, self._t
        call, name = order_acts.contact(ref, help.body), t("{ref}: another way to reach them", ref=ref)
        if help.body.get("tell") is False:
            return await self._session.do(call, name=name, done=t("{ref}: the address is kept.", ref=ref)) is not None
        done = t("{ref}: noted.", ref=ref)
        return await self._session.undoably(ref, call, name=name, done=done, tells=help.tells)

    async def told(self, order: Order, how: Literal["phone", "in_person"], message_id: str = "") -> None:
        """Staff told the customer themselves, of what they saw of the order: it may stand elsewhere by now."""
        ref, t = order.ref, self._t
        seen = message_id or (order.told.message_id if order.told else "")
        name = t("{ref}: phoned", ref=ref) if how == "phone" else t("{ref}: told in person", ref=ref)
        done = (
            t("{ref}: phoned, it stands in the order's story.", ref=ref)
            if how == "phone"
            else t("{ref}: told in person, it stands in the order's story.", ref=ref)
        )
        await self._session.undoably(ref, order_acts.told(ref, how, seen), name=name, done=done)

    # ------------------------------------------------------------ who wants silence

    async def silence(self, typed: str = "") -> None:
        """Note an opt-out by hand; what the service calls no address is asked for again, with what was typed."""
        if not self._session.may_act():
            return
        t, why = self._t, self._t("asked at the counter")
        wish = await self._app.push_screen_wait(SilenceBox(typed))
        while wish is not None:
            if wish.ref:
                call = people_acts.stop_writing_to(wish.medium, wish.ref, why)
            else:
                call = people_acts.stop_writing(wish.medium, wish.address, why)
            stood, name = self._app.screen, f"{t('opt-out')}: {wish.address or wish.ref}"
            if await self._session.do(call, name=name, done=t("It is noted: no more of that.")) is not None:
                return
            if self._app.screen is not stood:  # they do something else by now, and were told that it was not done
                return
            is_wrong = bool(wish.address) and self._session.shop.link.state == "up"
            again = SilenceBox(wish.address or wish.ref, wish.medium, NO_ADDRESS if is_wrong else "")
            wish = await self._app.push_screen_wait(again)

    # ------------------------------------------------------------ what nobody understood

    async def read_again(self, kept: Kept) -> None:
        name = self._t("read again what {source} told", source=kept.source)
        answer = await self._session.do(keeping_acts.read_again(kept.id), name=name, done=self._t("It is read again."))
        if answer is not None:
            reread = decode(answer, Reread)
            if reread.closed:
                self._session.put_aside(kept)
            else:
                self._session.say(self._t("It still can't be understood: {why}", why=reread.reason), WARN)

    async def drop(self, kept: Kept) -> None:
        if not self._session.may_act():
            return
        question = self._t("What {source} told there will not be read any more.", source=kept.source)
        if await self._app.push_screen_wait(AskBox(self._t("it means nothing"), question)) is not None:
            name = self._t("it means nothing")
            call = keeping_acts.drop_kept(kept.id)
            if await self._session.do(call, name=name, done=self._t("It is put aside.")) is not None:
                self._session.put_aside(kept)
