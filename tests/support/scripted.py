"""Providers that do what a test says and remember what reached them. They outlive the process that asks them, as real ones do."""

import asyncio
import itertools
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from daemon.channels.base import CALLED_OFF, Channel, CommonSettings, Obstacle, Outgoing, PollPlan, ReceiptUpdate, Sent
from daemon.channels.registry import channel_class
from daemon.config import decode
from outbox.clock import Clock
from outbox.outcome import (
    Absent,
    Accepted,
    CannotTell,
    Deferred,
    Found,
    Lookup,
    Outcome,
    ReceiptState,
    Rejected,
    Scope,
    Unknown,
)

TIMEOUT = 10.0

TOOK = Accepted()
BUSY = Deferred("busy", code="503")
SLOWER = Deferred("too many requests", code="429", after=7, throttled=True)
NO_LINE = Deferred("no route to host", code="unreachable", unreachable=True)
SHORT = Deferred("no descriptor left", code="short", local=True)
CUT = Unknown("the connection broke", code="cut")
NOT_THIS_TEXT = Rejected(Scope.MESSAGE, "30007", "it looks like spam")
NOT_THEM = Rejected(Scope.RECIPIENT, "21211", "no such number")
MISTAKE = "a channel's own mistake"
"""An exception that a channel raises, against its promise."""
NO_CREDIT = Rejected(Scope.CHANNEL, "20003", "no credit", after=60)


class Request:
    """One that left: what it said, whether it got there, and what became of it by the provider's own word."""

    def __init__(self, providers: "Providers", channel: str, out: Outgoing, number: int) -> None:
        self.channel = channel
        self.out = out
        self.provider_id = f"P{number}"
        self.answered = asyncio.Event()
        self.has_arrived = False
        self.undelivered = False
        """The provider said that it could not be delivered: what goes out after that is no repeat."""
        self._providers = providers
        self._outcome: Outcome | str | None = None

    def arrive(self) -> None:
        if not self.has_arrived:
            self.has_arrived = True
            self._providers.arrived.append(self)

    def answer(self, outcome: Outcome | str, *, arrives: bool = False) -> None:
        if arrives or isinstance(outcome, Accepted):
            self.arrive()
        self._outcome = Accepted(self.provider_id) if isinstance(outcome, Accepted) else outcome
        self.answered.set()

    def outcome(self) -> Outcome:
        if isinstance(self._outcome, str):
            raise RuntimeError(self._outcome)
        return self._outcome or Unknown("no answer", code="no_answer")

    def __repr__(self) -> str:
        return f"<{self.out.reference} by {self.channel}{' arrived' if self.has_arrived else ''}>"


class Providers:
    """`script`: what each channel's provider answers next, in turn. After that it takes all there is, or (`waits`) answers when the test
    does."""

    def __init__(self, clock: Clock) -> None:
        self.line_is_cut = False
        self.waits = False
        self.answers_lookups = True
        self.obstacles: set[str] = set()
        self.modem_is_free = asyncio.Event()
        self.modem_is_free.set()
        self.script: dict[str, deque[tuple[Outcome | str, bool]]] = defaultdict(deque)
        self.left: list[Request] = []
        self.arrived: list[Request] = []
        self.under_way: list[Request] = []
        self.asked: list[str] = []
        """The references that lookups asked for."""
        self.on_leaving: Callable[[Request], Awaitable[None]] = _nothing_to_say
        self._clock = clock
        self._numbers = itertools.count(1)

    def will(self, channel: str, *outcomes: Outcome | str, arrives: bool = False) -> None:
        self.script[channel] += [(outcome, arrives) for outcome in outcomes]

    def texts(self, channel: str | None = None) -> list[str]:
        """The types of what arrived, in turn."""
        return [one.out.trigger for one in self.arrived if channel in (None, one.channel)]

    def find(self, reference: str) -> Request | None:
        return next((one for one in reversed(self.left) if one.out.reference == reference), None)

    async def connect(self, host: str, port: int, timeout: float) -> bool:
        return not self.line_is_cut

    async def take(self, channel: str, out: Outgoing, *, is_cloud: bool) -> Outcome:
        if is_cloud and self.line_is_cut:
            return NO_LINE
        request = Request(self, channel, out, next(self._numbers))
        await self.on_leaving(request)
        self.left.append(request)
        self.under_way.append(request)
        try:
            if self.script[channel]:
                outcome, arrives = self.script[channel].popleft()
                request.answer(outcome, arrives=arrives)
            elif not self.waits:
                request.answer(TOOK)
            await self._clock.wait(request.answered, TIMEOUT)
            return request.outcome()
        finally:
            self.under_way.remove(request)

    def look_up(self, reference: str, *, is_cloud: bool) -> Lookup:
        if is_cloud and self.line_is_cut:
            return CannotTell("asking the provider failed", again=60, unreachable=True)
        self.asked.append(reference)
        if not self.answers_lookups:
            return CannotTell("ask later", again=30)
        request = self.find(reference)
        return Found(request.provider_id) if request is not None and request.has_arrived else Absent()


async def _nothing_to_say(request: Request) -> None:
    """For who only looks at what arrived."""


class ScriptedChannel(Channel):
    """One way to the providers. What it is like is said by the test, beside what it is called."""

    Settings = CommonSettings

    def __init__(self, providers: Providers, settings: CommonSettings) -> None:
        self.settings = settings
        self._providers = providers

    def hosts(self) -> Sequence[tuple[str, int]]:
        return [("provider.example", 443)] if self.is_cloud else []

    def destination(self) -> str | None:
        return "the team"

    async def send(self, out: Outgoing) -> Outcome:
        return await self._providers.take(self.name, out, is_cloud=self.is_cloud)

    async def lookup(self, sent: Sent) -> Lookup:
        return self._providers.look_up(sent.reference, is_cloud=self.is_cloud)

    async def receipts(self, sent: Sequence[Sent]) -> Sequence[ReceiptUpdate]:
        found = [self._providers.find(one.reference) for one in sent]
        return [
            ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id=one.provider_id)
            for one in found
            if one is not None and one.has_arrived and not one.undelivered
        ]

    def obstacle(self) -> Obstacle | None:
        return Obstacle("no signal") if self.name in self._providers.obstacles else None


class Twilio(ScriptedChannel):
    name, medium, title, address_kinds = "twilio", "sms", "Twilio", ("phone",)
    can_look_up = True
    poll = PollPlan(delays=(10, 60))


class Vonage(ScriptedChannel):
    name, medium, title, address_kinds = "vonage", "sms", "Vonage", ("phone",)


class Sendgrid(ScriptedChannel):
    name, medium, title, address_kinds = "sendgrid", "email", "SendGrid", ("email",)


class Modem(ScriptedChannel):
    name, medium, title, address_kinds = "modem", "sms", "the modem", ("phone",)
    is_cloud = False
    can_look_up = True

    async def lookup(self, sent: Sent) -> Lookup:
        """By a status report alone: that there is none says nothing."""
        found = await super().lookup(sent)
        return CannotTell("no status report came") if isinstance(found, Absent) else found

    async def send(self, out: Outgoing) -> Outcome:
        await self._providers.modem_is_free.wait()
        if out.wanted and not await out.wanted():
            return CALLED_OFF
        return await super().send(out)


class Webhook(ScriptedChannel):
    name, medium, title, address_kinds = "webhook", "chat", "the webhook", ()
    repeat_is_harmless = True


class WooCommerce(ScriptedChannel):
    name, medium, title, address_kinds = "woocommerce", "crm", "WooCommerce", ("email",)
    heeds = channel_class("woocommerce").heeds


KINDS: dict[str, type[ScriptedChannel]] = {
    kind.name: kind for kind in (Twilio, Vonage, Sendgrid, Modem, Webhook, WooCommerce)
}


def build(providers: Providers, name: str, table: Any) -> Channel:
    """Stands for `daemon.channels.registry.build`."""
    return KINDS[name](providers, decode(table, CommonSettings, where=f"channels.{name}"))
