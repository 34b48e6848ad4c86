"""Small stand-ins for what the HTTP face needs beside the outbox, in memory."""

import random
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from daemon.api.plumbing.services import HookResult, InboundHook, Manual, PreviewText, Services
from daemon.channels.base import Inbound, InboundRequest, Refused
from daemon.config import Settings
from daemon.dispatch.sms.guard import SmsStatus
from daemon.fleet.status import FleetStatus
from daemon.intake.row import SourceState
from daemon.keys.box_key import BoxKey
from daemon.keys.heads import Head, signed
from outbox import Kept
from outbox.confirmation import RestoredFrom
from outbox.errors import NotFound
from outbox.forget import Removed
from outbox.heads import End
from outbox.model import (
    Event,
    Order,
    Plan,
    PlannedMessage,
    Planner,
    Policy,
    Posted,
    Rendered,
    State,
)
from outbox.people import Held, StrayReply, Word
from outbox.reasons import NO_REASON, Reason
from tests.support.fake_box import FakeBox
from tests.support.fake_clock import FakeClock


class FakeChannel(msgspec.Struct):
    name: str
    medium: str
    title: str = ""
    known_to_customers: bool = False
    state: str = "ready"
    reason: str = ""
    queued: int = 0
    sent_today: int = 0
    daily_limit: int | None = None
    rate: float | None = None
    last_success: int | None = None
    last_failure: int | None = None
    last_trouble: str = ""
    detail: dict[str, Any] = {}


class FakeUplink(msgspec.Struct):
    state: str = "up"
    since: int = 1_795_515_000_000


class FakeTest(msgspec.Struct):
    ok: bool
    summary: str


class FakeDispatch:
    def __init__(self) -> None:
        self.rows = [
            FakeChannel("twilio", "sms", "Twilio"),
            FakeChannel("modem", "sms", "Modem", detail={"bars": 3, "signal_dbm": -81, "operator": "EE"}),
            FakeChannel("sendgrid", "email", "SendGrid"),
        ]
        self.line = FakeUplink()
        self.tested: list[tuple[str, str | None]] = []

    async def board(self) -> Sequence[FakeChannel]:
        return self.rows

    def uplink(self) -> FakeUplink:
        return self.line

    def sms(self) -> SmsStatus:
        return SmsStatus(
            parts_today=12,
            daily_parts=2000,
            cost_today=Decimal("0.48"),
            daily_cost=Decimal("50.00"),
            countries=("GB",),
            held_blocks=(),
        )

    async def force_uplink(self, state: Any, *, actor: str) -> None:
        self.line.state = state or "up"

    async def pause(self, name: str, *, reason: str, actor: str) -> None:
        self._row(name).state, self._row(name).reason = "paused", f"paused by {actor}: {reason}"

    async def resume(self, name: str, *, actor: str) -> None:
        self._row(name).state, self._row(name).reason = "ready", ""

    async def ussd(self, name: str, code: str) -> FakeTest:
        if name != "modem":
            raise NotFound(f"no channel is called {name!r}")
        return FakeTest(True, f"Your credit is 5.00 ({code})")

    async def test(self, name: str, to: str | None) -> FakeTest:
        self._row(name)
        self.tested.append((name, to))
        return FakeTest(True, "the credentials hold")

    def _row(self, name: str) -> FakeChannel:
        for row in self.rows:
            if row.name == name:
                return row
        raise NotFound(f"no channel is called {name!r}")


class FakePlanning:
    """Tells the customer of every order event, by the first address there is."""

    def __init__(self) -> None:
        self.quiet: int | None = None

    def plan(self, posted: Posted, before: Order | None, after: Order) -> Plan:
        if not posted.event.type.startswith("order."):
            return Plan(why=self.why_none(posted.event.type), unrouted=True)
        return Plan([_message(posted, after, posted.event.type, None, ("twilio", "modem"), Policy())])

    def why_none(self, event_type: str) -> str:
        return "" if event_type.startswith("order.") else f"no route names {event_type!r}, so nobody hears of it"

    def manual(self, wish: Manual) -> Planner:
        if wish.audience not in ("customer", "team"):
            raise LookupError(f"no audience {wish.audience!r}")
        for name in wish.via:
            if name not in ("twilio", "modem", "sendgrid"):
                raise LookupError(f"no channel {name!r} is enabled")

        def plan(posted: Posted, before: Order | None, after: Order) -> Plan:
            policy = Policy(manual=True, urgent=wish.urgent, supersede=False)
            return Plan([_message(posted, after, wish.template, wish.text, wish.via or ("twilio",), policy)])

        return plan

    def quiet_until(self, medium: str, now: int) -> int | None:
        return self.quiet


def _message(
    posted: Posted, order: Order, template: str, text: str | None, via: tuple[str, ...], policy: Policy
) -> PlannedMessage:
    addresses = {"phone": order.customer.phone} if order.customer.phone else {}
    return PlannedMessage(
        id=f"m{posted.source}{posted.event.id}".replace("-", "").lower(),
        audience="customer",
        recipient="customer",
        addresses=addresses,
        via=via,
        template=template,
        text=text,
        trigger=posted.event.type,
        due_at=posted.received_at,
        policy=policy,
        state=State.QUEUED if addresses else State.SUPPRESSED,
        reason=NO_REASON
        if addresses
        else Reason("no phone number or e-mail address", "no_address", kinds=["phone", "email"]),
    )


class FakePreview:
    async def preview(
        self,
        *,
        template: str,
        medium: str,
        locale: str | None,
        event: Event | None,
        order: Order | None,
        text: str | None,
        subject: str | None = None,
        audience: str = "customer",
    ) -> PreviewText:
        if template == "no.such":
            raise LookupError("there is no template no.such")
        words = text or f"{template} for {order.ref if order else 'SAMPLE'}"
        if medium == "sms":
            return PreviewText(Rendered(words), "gsm7", len(words), 1)
        return PreviewText(Rendered(words, subject or template, f"<p>{words}</p>"))

    def templates(self) -> Mapping[str, Sequence[str]]:
        return {"staff.question": ("sms", "email"), "order.ready": ("sms", "email", "chat")}


class FakePeople:
    """Knows one person."""

    async def held(self, address: str) -> Held:
        return Held(
            [],
            [Word(1_795_515_300_000, "sms", True, "customer", "STOP")],
            [StrayReply(1_795_515_300_000, "twilio", "hello")],
        )

    async def forget(self, address: str, *, actor: str, dry_run: bool = False) -> Removed:
        return Removed(orders=1, events=2)


class FakeReceipts:
    def __init__(self) -> None:
        self.applied: list[tuple[str, Inbound]] = []
        self.asked: list[InboundRequest] = []

    async def receive(self, channel: str, request: InboundRequest) -> Inbound:
        if channel != "twilio":
            raise NotFound(f"no channel {channel!r} is in use here")
        self.asked.append(request)
        if request.headers.get("x-signature") != "good":
            raise Refused("the signature does not hold")
        if request.method == "GET":
            return Inbound(answer=dict(request.query)["hub.challenge"].encode())
        return Inbound(answer=b"<Response/>", content_type="application/xml")

    async def apply_inbound(self, channel: str, inbound: Inbound) -> None:
        self.applied.append((channel, inbound))


class FakeSource(msgspec.Struct):
    name: str = "webshop"
    kind: str = "woocommerce"
    title: str = "WooCommerce"
    missing: list[str] = []
    poll: float | None = 60.0
    state: SourceState = "ready"
    last_asked: int | None = 1_795_515_300_000
    last_success: int | None = 1_795_515_300_000
    behind: float | None = 12.0
    problem: str = ""
    swept_at: int | None = None
    mended: list[str] = []


class FakeTried(msgspec.Struct):
    events: list[Posted] = []
    known: list[str] = []
    unread: list[str] = []
    fetch: list[str] = []
    note: str = ""


class FakeRestored:
    """Nothing was restored."""

    async def awaited(self) -> RestoredFrom | None:
        return None

    async def confirm(self, actor: str) -> int | None:
        return None


class FakeHeads:
    """An empty record."""

    key = BoxKey.from_words("legal winner thank year wave sausage worth useful legal winner thank yellow")

    async def current(self) -> Head | None:
        return None

    def sign(self, end: End) -> Head:
        return signed(end, self.key)


class FakeIntake:
    """A source `webshop` whose body is our own event, and that understands nothing else."""

    def __init__(self) -> None:
        self.kept: list[tuple[InboundHook, str]] = []

    async def receive(self, hook: InboundHook) -> HookResult:
        if hook.source != "webshop":
            raise NotFound(f"no source {hook.source!r} is configured")
        if hook.headers.get("x-signature") != "good":
            raise Refused("the signature does not hold")
        try:
            event = msgspec.json.decode(hook.body, type=Event)
        except msgspec.DecodeError as error:
            return HookResult(answer=b"{}", quarantine=str(error))
        return HookResult(events=[Posted("webshop", event, hook.body, hook.now)], answer=b'{"ok":true}')

    async def quarantine(self, hook: InboundHook, reason: str) -> None:
        self.kept.append((hook, reason))

    def sources(self) -> Sequence[FakeSource]:
        return [FakeSource()]

    async def sync(self, source: str, since: int | None) -> FakeSource:
        if source != "webshop":
            raise NotFound(f"no source {source!r} is configured")
        return FakeSource()

    async def try_out(self, source: str, body: bytes, headers: Mapping[str, str]) -> FakeTried:
        if source != "webshop":
            raise NotFound(f"no source {source!r} is configured")
        try:
            event = msgspec.json.decode(body, type=Event)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ValueError(str(error)) from error
        return FakeTried(events=[Posted("webshop", event, body, 1_795_515_300_000)])

    async def reread(self, kept: Kept, *, actor: str) -> str:
        return "order.ref is missing"


class FakeFleet:
    """A store whose headquarters has nearly all of its record."""

    async def status(self) -> FleetStatus:
        return FleetStatus(
            store="soho", state="connected", since=1_795_515_300_000, epoch="e1", seq=10, archived=9, behind=1
        )


class FakeServices(Services):
    """Services on a fake clock, with a token for each scope."""

    box: FakeBox
    dispatch: FakeDispatch
    planning: FakePlanning
    receipts: FakeReceipts
    intake: FakeIntake
    fleet: FakeFleet
    clock: FakeClock


async def _nothing_to_see(actor: str) -> bool:
    return False


def make_services(settings: Settings | None = None, clock: FakeClock | None = None) -> FakeServices:
    clock = clock or FakeClock()
    box = FakeBox(clock)
    services = FakeServices(
        settings=settings or Settings(),
        box=box,  # type: ignore[arg-type]
        planning=FakePlanning(),
        preview=FakePreview(),
        dispatch=FakeDispatch(),
        restored=FakeRestored(),
        heads=FakeHeads(),
        receipts=FakeReceipts(),
        intake=FakeIntake(),
        clock=clock,
        rng=random.Random(1),
        clock_trusted=lambda: True,
        ready=lambda: None,
        version="1.2.3",
        people=FakePeople(),
        seen=_nothing_to_see,
        fleet=FakeFleet(),
    )
    box.tokens.add("till-2", "events")
    box.tokens.add("screen", "read")
    box.tokens.add("desk", "staff")
    box.tokens.add("owner", "admin")
    return services
