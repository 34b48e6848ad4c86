"""What happens when staff act: which boxes open, and what is done with their answers. Each runs as a task of the app."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from textual.app import App

from daemon.wire.customers import Call, OptOut, Reply
from daemon.wire.messages import Message
from daemon.wire.orders import Order
from daemon.wire.requests import channels as channel_acts
from daemon.wire.requests import keeping as keeping_acts
from daemon.wire.requests import messages as message_acts
from daemon.wire.requests import orders as order_acts
from daemon.wire.requests import people as people_acts
from daemon.wire.requests.act import Act
from daemon.wire.service import Channel
from tui.commands.fixes import Fixes
from tui.i18n import text
from tui.screens.ask import AskBox, PickBox
from tui.screens.new_order import NewOrderBox
from tui.screens.next_step import NextStepBox
from tui.screens.write import Draft, WriteBox
from tui.shop.session import Session
from tui.wording.stages import stands_at
from tui.wording.words import BAD, GOOD, WARN


class Flows:
    """Every method may be called by a key, a click or a command, on any page."""

    def __init__(self, app: App[Any], session: Session, fixes: Fixes, rng: random.Random) -> None:
        self._app = app
        self._session = session
        self._fixes = fixes
        self._rng = rng
        self._t = session.t
        self._not_taken: Mapping[str, str] = {}
        """What was typed of the newest order that the service did not take in: it need not be typed again."""
        self._not_sent: dict[tuple[str, str], str] = {}
        """The words that it did not take for a customer, by the order and the status that they were to tell of ("": none)."""

    # ------------------------------------------------------------ orders

    async def next_step(self, order: Order) -> None:
        status = order.next_step
        if not status:
            self._session.say(self._t("{ref} has come to its end. s sets another status.", ref=order.ref), WARN)
        elif self._session.may_act():
            await self._step(order, status)

    async def other_status(self, order: Order) -> None:
        if not self._session.may_act():
            return
        options = [(status, self._session.words.status(status)) for status in order.steps]
        status = await self._app.push_screen_wait(PickBox(self._t("{ref} is now", ref=order.ref), options))
        if status:
            await self._step(order, status)

    async def step_to(self, order: Order, status: str) -> None:
        """Ask about one status."""
        if self._session.may_act():
            await self._step(order, status)

    async def _step(self, order: Order, status: str) -> None:
        step = await self._app.push_screen_wait(NextStepBox(order, status))
        while step is not None and step.address_first:
            stood = self._app.screen
            await self._fixes.address_first(order, status)
            if self._app.screen is not stood:  # they do something else by now
                return
            step = await self._app.push_screen_wait(NextStepBox(order, status))
        if step is None or self._is_taken(order, status):
            return
        if step.words is None:
            await self._session.step(order.ref, status, silent=step.silent, tells=step.tells)
            return
        purpose = f"{order.ref}  {self._session.words.status(status)}"
        draft = await self._words(order, step.words, status, purpose)
        if draft is None or self._is_taken(order, status):
            return
        if not await self._session.step(order.ref, status, text=draft.text, tells=draft.tells):
            self._not_sent[order.ref, status] = draft.text

    def _is_taken(self, order: Order, status: str) -> bool:
        """Whether somebody else took that step since the order was looked at: its customer is told once."""
        now = self._session.shop.orders.get(order.ref)
        if now is None or stands_at(now, status) != status or stands_at(order, status) == status:
            return False
        word = self._session.words.status(status)
        self._session.say(self._t("{ref} is {status} already: nothing was done.", ref=order.ref, status=word), WARN)
        return True

    async def write_to(self, order: Order) -> bool:
        """Write to its customer; whether the service took it."""
        if not self._session.may_act():
            return False
        draft = await self._words(order)
        if draft is None:
            return False
        is_taken = await self._session.write(
            order.ref, text=draft.text, template=draft.template, via=draft.via, tells=draft.tells
        )
        if draft.text and not is_taken:
            self._not_sent[order.ref, ""] = draft.text
        return is_taken

    async def answer(self, order: Order) -> None:
        """Write to its customer. What stood there when that was begun is read by it, once it was taken."""
        answered = [each for each in self._session.shop.replies.values() if each.order_ref == order.ref]
        if await self.write_to(order):
            for reply in answered:
                await self.mark_read(reply)

    async def _words(self, order: Order, words: str = "", status: str = "", purpose: str = "") -> Draft | None:
        """What is to be sent, begun with what was not sent before; whom nothing would reach is helped first. None: nothing, or they do
        something else by now."""
        words = self._not_sent.get((order.ref, status), words)
        draft = await self._app.push_screen_wait(WriteBox(order, words, status, purpose))
        self._not_sent.pop((order.ref, status), None)
        while draft is not None and draft.address_first:
            stood = self._app.screen
            await self._fixes.address_first(order, status or draft.template)
            if self._app.screen is not stood:
                self._not_sent[order.ref, status] = draft.text
                return None
            draft = await self._app.push_screen_wait(WriteBox(order, draft.text, status, purpose))
        return draft

    async def take_in(self) -> None:
        """Take an order at the counter."""
        if not self._session.may_act():
            return
        taken = await self._app.push_screen_wait(NewOrderBox(self._new_ref(), self._not_taken))
        self._not_taken = {}
        if taken is None:
            return
        ref, call = taken.event["order"]["ref"], order_acts.take_in(taken.event)
        name, done = self._t("{ref}: new order", ref=ref), self._t("{ref} is taken in.", ref=ref)
        if not await self._session.undoably(ref, call, name=name, done=done, tells=taken.tells):
            self._not_taken = taken.typed

    def _new_ref(self) -> str:
        """A number that no order known here has."""
        made = iter(lambda: f"C-{self._rng.randrange(10_000, 100_000)}", "")
        return next(ref for ref in made if ref not in self._session.shop.orders)

    async def hold(self, order: Order) -> None:
        """Hold an order's messages, or let them go again."""
        ref = order.ref
        if not self._session.may_act():
            return
        if order.held:
            name = self._t("{ref}: release", ref=ref)
            question = self._t("What waits about {ref} goes out.", ref=ref)
            if await self._ask(name, question) is None:
                return
            await self._session.do(
                order_acts.release(ref), name=name, done=self._t("{ref}: messages go out again.", ref=ref)
            )
            return
        question = self._t("Nothing is sent about {ref} until it is released.", ref=ref)
        reason = await self._ask(self._t("hold {ref}", ref=ref), question, label=self._t("why (may be empty)"))
        if reason is not None:
            name = self._t("{ref}: hold", ref=ref)
            await self._session.do(order_acts.hold(ref, reason), name=name, done=self._t("{ref} is on hold.", ref=ref))

    # ------------------------------------------------------------ messages

    async def retry(self, messages: Sequence[Message]) -> bool:
        if not messages or not self._session.may_act():
            return False
        question = self._t("They will be sent again: {n}, about {refs}.", n=len(messages), refs=_refs(messages))
        if await self._ask(self._t("send again"), question) is None:
            return False
        await self._each(
            messages, text("{n} sent again."), text("{ref}: send again"), lambda each: message_acts.retry(each.id)
        )
        return True

    async def other_channel(self, messages: Sequence[Message]) -> bool:
        """Send by another channel: one that this message's route names, or any that is enabled."""
        if not messages or not self._session.may_act():
            return False
        names = list(dict.fromkeys([*(way for each in messages for way in each.via), *self._session.shop.channels]))
        options = [
            (name, self._session.words.way_and_name(name))
            for name in names
            if any(name != each.channel for each in messages)
        ]
        heading = f"{_refs(messages)}  {self._t('send by')}"
        channel = await self._app.push_screen_wait(PickBox(heading, options))
        if channel:
            name = text("{ref}: send another way")
            await self._each(
                messages, text("{n} sent another way."), name, lambda each: message_acts.retry(each.id, channel)
            )
        return bool(channel)

    async def cancel(self, messages: Sequence[Message]) -> bool:
        if not messages or not self._session.may_act():
            return False
        question = self._t("They will not be sent: {n}, about {refs}.", n=len(messages), refs=_refs(messages))
        reason = await self._ask(self._t("stop messages"), question, label=self._t("why (may be empty)"))
        if reason is not None:
            name = text("{ref}: stop the message")
            await self._each(messages, text("{n} stopped."), name, lambda each: message_acts.cancel(each.id, reason))
        return reason is not None

    async def _each(self, messages: Sequence[Message], done: str, name: str, call: Callable[[Message], Act]) -> None:
        """One call a message; trouble with one is said and the others go on."""
        count = 0
        for message in messages:
            if await self._session.do(call(message), name=self._t(name, ref=message.order_ref)) is not None:
                count += 1
        if count and count == len(messages):
            self._session.say(self._t(done, n=count), GOOD)
        elif count:
            self._session.say(self._t(done, n=f"{count}/{len(messages)}"), BAD)

    # ------------------------------------------------------------ channels

    async def pause(self, channel: Channel) -> None:
        if not self._session.may_administer():
            return
        title = self._session.words.channel(channel.name)
        question = self._t(
            "Nothing goes out by {channel} until it is resumed; messages take their next way.", channel=title
        )
        reason = await self._ask(
            self._t("pause {channel}", channel=title), question, label=self._t("why (may be empty)")
        )
        if reason is not None:
            name = self._t("pause {channel}", channel=title)
            await self._session.do(
                channel_acts.pause(channel.name, reason), name=name, done=self._t("{channel} is paused.", channel=title)
            )

    async def resume(self, channel: Channel) -> None:
        title = self._session.words.channel(channel.name)
        name = self._t("resume {channel}", channel=title)
        question = self._t("Messages go out by {channel} again.", channel=title)
        if not self._session.may_administer() or await self._ask(name, question) is None:
            return
        await self._session.do(
            channel_acts.resume(channel.name), name=name, done=self._t("{channel} goes on.", channel=title)
        )

    async def try_channel(self, channel: Channel) -> None:
        """A test: of the credentials alone, or with a real message to an address."""
        if not self._session.may_administer():
            return
        title = self._session.words.channel(channel.name)
        question = self._t(
            "Empty: only whether {channel} lets us in. With an address, a real message goes there.", channel=title
        )
        to = await self._ask(self._t("test {channel}", channel=title), question, label=self._t("to (may be empty)"))
        if to is None:
            return
        answer = await self._session.do(
            channel_acts.try_channel(channel.name, to), name=self._t("test {channel}", channel=title)
        )
        if answer is not None:
            self._session.say_test(title, answer)

    async def know_of_recovery(self) -> None:
        if not self._session.may_act():
            return
        name = self._t("what was saved of the database is known")
        question = self._t("Nobody is told of it any more, here or elsewhere. The record keeps it.")
        if await self._ask(name, question) is not None:
            await self._session.do(keeping_acts.know_of_recovery(), name=name, done=self._t("It is known."))

    # ------------------------------------------------------------ replies, calls, opt-outs

    async def mark_read(self, reply: Reply) -> None:
        if not reply.read:
            await self._session.do(people_acts.mark_read(reply.id), name=self._t("mark as read"))

    async def called(self, call: Call) -> None:
        name = self._t("{ref}: phoned", ref=call.order_ref)
        done = self._t("{ref}: phoned, it stands in the order's story.", ref=call.order_ref)
        await self._session.undoably(call.order_ref, people_acts.mark_called(call.message_id), name=name, done=done)

    async def remove_optout(self, entry: OptOut) -> None:
        if not self._session.may_act():
            return
        question = self._t(
            "{address} will be written to again. Only do so if the customer asked for it.", address=entry.address
        )
        if await self._ask(self._t("allow again"), question) is not None:
            call = people_acts.allow_writing(entry.medium, entry.address, entry.id)
            await self._session.do(
                call,
                name=self._t("allow again"),
                done=self._t("{address} may be written to again.", address=entry.address),
            )

    async def _ask(self, heading: str, question: str, *, label: str = "") -> str | None:
        return await self._app.push_screen_wait(AskBox(heading, question, label=label))


def _refs(messages: Sequence[Message]) -> str:
    """The orders that they are about."""
    return ", ".join(dict.fromkeys(each.order_ref for each in messages))
