"""SMS by a GSM modem at the counter: the way out that needs no internet. Facts and devices: docs/modem.md.

The driver (`daemon.modem`) owns the modem; here its answers become outcomes, receipts and replies. Unlike the cloud channels
it lives: `run` must be running for anything to go, and hands what comes in to a sink.
"""

import asyncio
import contextlib
import hashlib
import re
from collections import deque
from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeVar

from daemon import consent_words
from daemon.channels import _modem_sender
from daemon.channels._modem_outcome import NOT_READY_SECONDS, Refusals, not_now, outcome, with_what_left
from daemon.channels.base import (
    CALLED_OFF,
    Channel,
    CommonSettings,
    Health,
    Misconfigured,
    Obstacle,
    Outgoing,
    ReceiptUpdate,
    Reply,
    Sent,
    Sink,
    Surroundings,
)
from daemon.config import Duration
from daemon.modem.addresses import encode_service_centre
from daemon.modem.codes import Kind
from daemon.modem.command_queue import CutOff, NotStarted
from daemon.modem.config import AUTO, Config
from daemon.modem.dialogue import CommandRefused, Taken
from daemon.modem.driver import Driver
from daemon.modem.errors import CalledOff, ModemError, NotCommitted
from daemon.modem.multipart import Incoming
from daemon.modem.pdu import Delivery, StatusReport, Submit, submits
from daemon.modem.pin import ModemNotes
from daemon.modem.reports import Course, Ledger, Text
from daemon.modem.sending import Transmission
from daemon.modem.split import MOST_PARTS, count
from daemon.modem.status import Stage, Status
from daemon.modem.ussd import UssdReply, request
from outbox.errors import OutboxError
from outbox.outcome import (
    Absent,
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

T = TypeVar("T")

_REPORT_PATIENCE_SECONDS = 90.0
_AWAY_PATIENCE_SECONDS = 600.0
_REPORT_AGAIN_SECONDS = 10.0
_MOST_UNMATCHED = 128
_PIN = re.compile(r"[0-9]{4,8}")

_RECEIPTS = {
    Delivery.DELIVERED: ReceiptState.DELIVERED,
    Delivery.FORWARDED: ReceiptState.SENT,
    Delivery.FAILED: ReceiptState.UNDELIVERED,
}


def _owing(seconds: float) -> Deferred:
    return Deferred("the modem may still answer for an earlier text", code="owing", after=seconds, throttled=True)


def _course(transmission: Transmission) -> Course | None:
    """What to note of it."""
    if transmission.complete:
        return Course.TAKEN
    if transmission.may_have_gone:
        return Course.UNANSWERED
    return Course.BROKEN if transmission.references else None


def _check(settings: "ModemSettings", secrets: Mapping[str, str]) -> None:
    """What can't be meant is said before it costs a text, or one of the three tries that a SIM gives its PIN."""
    try:
        encode_service_centre(settings.smsc)
    except ValueError:
        raise Misconfigured(
            f'[channels.modem] smsc = "{settings.smsc}" is no number: write it with digits only, as in "+447785016005"'
        ) from None
    try:
        if settings.ussd_balance:
            request(settings.ussd_balance, packed=False)
    except ValueError as error:
        raise Misconfigured(f'[channels.modem] ussd_balance = "{settings.ussd_balance}": {error}') from None
    if (pin := secrets.get("MODEM_PIN")) and not _PIN.fullmatch(pin):
        raise Misconfigured("MODEM_PIN is no PIN of a SIM: it has 4 to 8 digits and nothing else. Correct it in .env")


class ModemSettings(CommonSettings, frozen=True, kw_only=True):
    """`[channels.modem]`."""

    device: str = AUTO
    """A path (best one under /dev/serial/by-id), `socket://host:port`, or "auto"."""
    baud: int = 115200
    smsc: str = ""
    """The operator's SMS centre; "": the SIM's own."""
    max_parts: int = 4
    """A longer text is refused: each part costs an SMS."""
    probe: tuple[str, ...] = ()
    """For "auto": more ports to try, as patterns ("/dev/ttyUSB*"), beside those of makers of modems."""
    ussd_balance: str = ""
    """The code that asks for the credit ("*100#"): asked once a day."""
    power_command: tuple[str, ...] = ()
    """What cuts the modem's power for a moment, as a program and its arguments: the last step of recovery."""
    timeout: Duration = Duration(180)
    """Seconds for one whole text; the network alone may take two minutes for each part."""


class ModemChannel(Channel):
    name: ClassVar[str] = "modem"
    medium: ClassVar[Literal["sms"]] = "sms"
    title: ClassVar[str] = "GSM modem"
    address_kinds: ClassVar[tuple[str, ...]] = ("phone",)
    optional_secrets: ClassVar[tuple[str, ...]] = ("MODEM_PIN",)
    rank: ClassVar[int] = 90
    Settings: ClassVar[type[CommonSettings]] = ModemSettings
    default_rate: ClassVar[float | None] = 10 / 60
    default_concurrency: ClassVar[int] = 1
    default_daily_limit: ClassVar[int | None] = 200  # a SIM for people is barred, or dear, long before a machine tires
    counts_parts: ClassVar[bool] = True
    is_cloud: ClassVar[bool] = False
    tells_delivery: bool = True
    can_look_up: ClassVar[bool] = True

    settings: ModemSettings

    def __init__(self, settings: ModemSettings, secrets: Mapping[str, str], surroundings: Surroundings) -> None:
        _check(settings, secrets)
        self.settings = settings
        self._clock, self._rng, self._country = surroundings.clock, surroundings.rng, surroundings.country
        committed = _Notes(surroundings.notes)
        self._ledger = Ledger(committed, self._clock)
        self._sink: Sink | None = None
        self._refusals = Refusals()
        self._unmatched: deque[StatusReport] = deque(maxlen=_MOST_UNMATCHED)
        config = Config(
            device=settings.device,
            baud=settings.baud,
            probe=settings.probe,
            service_centre=settings.smsc,
            balance_code=settings.ussd_balance,
            power_command=settings.power_command,
            pin=secrets.get("MODEM_PIN", ""),
        )
        self._driver = Driver(config, self, committed, self._clock)

    # ---------------------------------------------------------------- its life

    async def run(self, stop: asyncio.Event, sink: Sink) -> None:
        """Own the modem until `stop`. Returns; it does not raise for anything that a modem does."""
        self._sink = sink
        try:
            if await self._ledger.owes():
                self._driver.expect_late()
        except NotCommitted:  # it may be owed
            self._driver.expect_late()
        await self._driver.run(stop)

    def status(self) -> Status:
        """How the modem stands, for `tether modem info`."""
        return self._driver.status

    def detail(self) -> Mapping[str, Any]:
        return self.status().as_json()

    def obstacle(self) -> Obstacle | None:
        status = self.status()
        if status.stage is Stage.READY:
            owed = self._driver.owed_seconds
            return Obstacle(f"the modem may still answer for an earlier text: {owed:.0f} s more") if owed else None
        reason = f"{status.reason}: {status.remedy}" if status.remedy else status.reason
        return Obstacle(reason, passes=status.stage is not Stage.NEEDS_PERSON)

    async def ussd(self, code: str) -> UssdReply:
        """Ask the network by a service code. Raises ValueError for what is none."""
        try:
            return await self._driver.ussd(code)
        except ModemError as error:
            return UssdReply("", refused=self.status().reason or str(error))

    async def check(self) -> Health:
        status = self.status()
        if status.stage is Stage.READY:
            signal = f"{status.signal_dbm} dBm" if status.signal_dbm is not None else "signal unknown"
            return Health(ok=True, summary=f"{status.operator or 'network'}, {signal}, {status.registration_text}")
        return Health(ok=False, summary=status.reason, remedy=status.remedy)

    # ---------------------------------------------------------------- out

    async def send(self, out: Outgoing) -> Outcome:
        validity = None if out.expires_at is None else max(out.expires_at - out.now, 0) / 1000
        text = out.rendered.text
        if refusal := not_now(self.status()):
            return refusal
        if wait := self._driver.owed_seconds:
            return _owing(wait)
        most = min(self.settings.max_parts, MOST_PARTS)
        if (parts_needed := count(text)) > most:
            reason = f"the text takes {parts_needed} SMS; max_parts is {most}"
            remedy = "shorten the template or raise [channels.modem] max_parts"
            return Rejected(Scope.MESSAGE, "too_long", reason, remedy)
        parts = submits(out.to, text, reference=self._rng.randrange(256), validity=validity)
        try:
            parts[0].tpdu()
        except ValueError as error:
            return Rejected(Scope.RECIPIENT, "bad_number", str(error))
        return await self._submit(parts, out)

    async def _submit(self, parts: Sequence[Submit], out: Outgoing) -> Outcome:
        noted: Text | None = None

        async def begin() -> None:
            nonlocal noted
            if out.wanted and not await _committed(out.wanted()):
                raise CalledOff
            device = self._device_mark
            noted = await self._ledger.begin(device=device, number=out.to, reference=out.reference, parts=len(parts))

        async def record(transmission: Transmission) -> None:
            assert noted is not None
            course = _course(transmission)
            await self._ledger.end(noted, transmission.references, course, repeated=bool(transmission.repeats))

        try:
            transmission = await self._driver.send(parts, timeout=self.settings.timeout, begin=begin, record=record)
        except NotStarted as error:
            wait = self._driver.owed_seconds
            return _owing(wait) if wait else Deferred(str(error), code="not_started", after=NOT_READY_SECONDS)
        except NotCommitted as error:
            return Deferred(f"it could not be noted before it was sent: {error}", code="not_noted")
        except CalledOff:
            return CALLED_OFF
        except CutOff as error:
            return Unknown(str(error), code="cut_off")
        assert noted is not None
        can_send = await self._can_send(transmission, noted.handle.device)
        said = self._refusals.judge(transmission, out.to, outcome(transmission, noted.handle, can_send=can_send))
        return with_what_left(said, transmission)

    async def _can_send(self, transmission: Transmission, device: str) -> bool:
        """Whether that modem has sent texts: asked only where it says that it can't, and believed of it where nobody can tell now."""
        trouble = transmission.trouble
        if not isinstance(trouble, CommandRefused) or trouble.fault.kind is not Kind.UNSUPPORTED:
            return True
        try:
            return await self._ledger.has_sent(device)
        except NotCommitted:
            return True

    def units(self, out: Outgoing) -> int:
        return count(out.rendered.text)

    async def lookup(self, sent: Sent) -> Lookup:
        """Whether an attempt went out although its outcome was lost: the ledger knows what the network took before a crash or
        said late, and a status report may tell of a text for which the modem gave no reference."""
        try:
            return await self._look_up(sent)
        except NotCommitted as error:
            return CannotTell(str(error), again=_REPORT_AGAIN_SECONDS)

    async def _look_up(self, sent: Sent) -> Lookup:
        text = await self._ledger.attempt(sent.reference)
        if text is None:  # each is noted before it is handed over
            known = await self._ledger.remembers(sent.attempt.started_at)
            return Absent() if known else CannotTell("it is too long ago")
        if text.course is Course.UNDER_WAY:
            return CannotTell("the modem is still at it", again=_REPORT_AGAIN_SECONDS, under_way=True)
        if text.has_gone:
            return Found(str(text.handle))
        await self._judge_again()
        for report in list(self._unmatched):
            if await self._ledger.answers(text, report):
                self._unmatched.remove(report)
                await self._ledger.end(text, (report.reference,), Course.REPORTED)
                return Found(str(text.handle), _RECEIPTS.get(report.delivery))
        return self._report_may_come(text.ended, sent)

    def _report_may_come(self, ended: float | None, sent: Sent) -> CannotTell:
        """The network keeps reports while the modem is away: it is given time since the answer was given up, and since the
        modem is ready."""
        ready = self.status().stage is Stage.READY
        waited = [self._driver.stage_seconds] if ready else []
        if ended is not None:
            waited.append(self._clock.monotonic() - ended)
        gone = min(waited, default=(sent.now - sent.attempt.started_at) / 1000)
        if gone < (_REPORT_PATIENCE_SECONDS if ready else _AWAY_PATIENCE_SECONDS):
            return CannotTell("waiting for a status report", again=_REPORT_AGAIN_SECONDS)
        return CannotTell("no status report came")

    @property
    def _device_mark(self) -> str:
        """Tells this modem from another without naming it."""
        return hashlib.sha256(self.status().identity.imei.encode()).hexdigest()[:8]

    # ---------------------------------------------------------------- in (daemon.modem.inbox.Hear)

    async def message(self, message: Incoming) -> None:
        """A text came in."""
        address, is_number = _modem_sender.address(message.sender, self._country)
        reading = consent_words.read(message.text) if message.complete and is_number else None
        consent: Literal["stop", "start"] | None = None
        if reading and reading.wish is not consent_words.Wish.HELP:
            consent = "stop" if reading.wish is consent_words.Wish.STOP else "start"
        reply = Reply(
            address=address,
            text=message.text,
            id=message.id,
            at=_ms(message.sent_at),
            consent=consent,
            is_person=is_number,
            is_whole=message.complete,
        )
        assert self._sink is not None
        await _committed(self._sink.on_reply(reply))

    async def report(self, report: StatusReport) -> None:
        """A status report came in. One that no text waits for is kept for `lookup`."""
        matched = await self._ledger.judge(report, device=self._device_mark)
        if matched is None:
            self._unmatched.append(report)
        elif verdict := matched.verdict:
            update = ReceiptUpdate(
                state=_RECEIPTS[verdict.delivery],
                provider_id=str(verdict.handle),
                code=verdict.code,
                detail=verdict.detail,
                at=_ms(report.done_at),
            )
            assert self._sink is not None
            await _committed(self._sink.on_receipt(update))

    async def _judge_again(self) -> None:
        """A report may have come before the reference that it names: it is that text's, and no other's."""
        for report in list(self._unmatched):
            if await self._ledger.judge(report, device=self._device_mark):
                await self.report(report)
                with contextlib.suppress(ValueError):  # somebody else judged it meanwhile
                    self._unmatched.remove(report)

    async def late(self, submission: Taken | CommandRefused) -> None:
        """The answer to the newest text, which had been given up: what it says counts where that tells of the whole text."""
        text = await self._ledger.last_unanswered()
        if text is None:
            return
        before = () if text.has_gone else text.handle.references
        if len(before) != text.parts - 1:
            return
        if isinstance(submission, Taken):
            await self._ledger.end(text, (*before, submission.reference), Course.TAKEN)
            await self._judge_again()
        elif submission.fault.kind is not Kind.UNSURE and not text.has_gone:
            await self._ledger.end(text, before, Course.BROKEN if before else None)

    async def settled(self) -> None:
        """No answer to an earlier text is awaited any more."""
        await self._ledger.settle()


class _Notes:
    """The outbox's notes, with its failures as the modem's layers know them."""

    def __init__(self, notes: ModemNotes) -> None:
        self._notes = notes

    async def get(self, key: str) -> str | None:
        return await _committed(self._notes.get(key))

    async def set(self, key: str, value: str) -> None:
        await _committed(self._notes.set(key, value))


def _ms(moment: datetime | None) -> int | None:
    return round(moment.timestamp() * 1000) if moment else None


async def _committed(work: Awaitable[T]) -> T:
    try:
        return await work
    except OutboxError as error:
        raise NotCommitted(str(error)) from error
