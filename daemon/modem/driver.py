"""The modem's life: found, opened, set up, working, hung and brought back, unplugged and plugged in again.

`run` is the one task that speaks to it. It ends only when it is told to, and never by anything that a modem does.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import structlog

from daemon.modem import anew, probe, sticks
from daemon.modem.codes import Kind
from daemon.modem.command_queue import CommandQueue, NotStarted
from daemon.modem.config import AUTO, Config
from daemon.modem.dialogue import CommandRefused, Dialogue, Silent, Taken
from daemon.modem.errors import ModemError, NeedsPerson, NoAnswer, NoDevice, NotCommitted, PortLost
from daemon.modem.framing import Unsolicited
from daemon.modem.inbox import Hear, Inbox
from daemon.modem.known import Known
from daemon.modem.lessons import Lessons
from daemon.modem.pdu import Submit
from daemon.modem.pin import ModemNotes
from daemon.modem.port import Port, open_port
from daemon.modem.quirks import GENERIC, Family
from daemon.modem.recovery import WELL_SECONDS, Ladder, Step, cut_power, cycle_radio, restart
from daemon.modem.sending import Transmission, transmit
from daemon.modem.session import Restarted, Session
from daemon.modem.setup import Ready, prepare
from daemon.modem.status import CurrentStatus, Identity, Stage, Status
from daemon.modem.ussd import UssdReply, request
from outbox.clock import Clock

log = structlog.get_logger("tether.modem")

_ABSENT_SECONDS = 5.0
_PLUG_IN = "plug the modem in, or correct [channels.modem] device"
_PERSON_SECONDS = 300.0
_REST_SECONDS = 300.0
_RESTART_SECONDS = 15.0
_REOPEN_SECONDS = 1.0
_MOST_EARLY = 64

LATE_SECONDS = 90.0
"""So long an answer that was given up may still come. Until then no other text is handed over: it could not be told whose an
answer is."""

Begin: TypeAlias = Callable[[], Awaitable[None]]
Record: TypeAlias = Callable[[Transmission], Awaitable[None]]


class Restarting(ModemError):
    """We told it to start anew."""


class Driver:
    """The modem, for whoever sends by it. `status` is always there; the rest needs `run` to be running."""

    def __init__(self, config: Config, hear: Hear, notes: ModemNotes, clock: Clock) -> None:
        self._config, self._hear, self._notes, self._clock = config, hear, notes, clock
        self._board = CurrentStatus(clock)
        self._wake = asyncio.Event()
        self._queue = CommandQueue(clock, self._wake)
        self._ladder = Ladder(has_power_command=bool(config.power_command))
        self._step: Step | None = None
        self._link: Dialogue | None = None
        self._session: Session | None = None
        self._ready: Ready | None = None
        self._inbox = Inbox(hear, clock)
        self._early: deque[Unsolicited] = deque(maxlen=_MOST_EARLY)
        """What the modem said of itself before it was set up: reports, and the late answer to a text."""
        self._found = ""
        self._known = Known(notes)
        self._lessons = Lessons(self._board, clock)
        self._owed_until: float | None = None
        """Monotonic: an earlier text's answer may come until then."""
        self._result_owed = False
        """Also one that is an error."""

    @property
    def status(self) -> Status:
        return self._board.status

    @property
    def stage_seconds(self) -> float:
        return self._board.stage_seconds

    # ---------------------------------------------------------------- for others

    def expect_late(self) -> None:
        """A text was under way when the service before this one ended: its answer may still come."""
        self._owe(GENERIC.submit_seconds * 2 + LATE_SECONDS)

    @property
    def owed_seconds(self) -> float:
        """How long no text can be handed over, since the answer to an earlier one may still come."""
        if self._owed_until is None:
            return 0.0
        return max(self._owed_until - self._clock.monotonic(), 0.0)

    async def send(
        self,
        parts: Sequence[Submit],
        *,
        timeout: float,
        begin: Begin | None = None,
        record: Record | None = None,
    ) -> Transmission:
        """One text's parts. Raises NotStarted (surely not sent) and CutOff (not known).

        `begin` is awaited before anything of it is handed over, and may refuse by raising. `record` is awaited before anything
        else is read from the modem, so that a report finds its text noted.
        """

        async def work(link: Dialogue) -> Transmission:
            assert self._ready is not None
            family = self._ready.family
            if self.owed_seconds:
                raise NotStarted("the modem may still answer for an earlier text")
            self._settle_owed()
            if begin:
                await begin()
            transmission = await transmit(
                link,
                self._clock,
                parts,
                service_centre=self._config.service_centre,
                seconds=family.submit_seconds,
                on_taken=lambda: self._board.set(sent=self.status.sent + 1),
            )
            if self._session:
                self._session.late.clear()  # what came out of turn before it was handed over is not about it
            if transmission.may_have_gone:
                self._owe(LATE_SECONDS if transmission.unanswered else 0.0)
            if record:
                await record(transmission)
            await self._learn(transmission, link, family)
            return transmission

        return await self._queue.do(work, timeout=timeout)

    def _owe(self, seconds: float) -> None:
        """0: an error came, which may not be the last word."""
        self._owed_until = self._clock.monotonic() + seconds
        self._owes_result(seconds > 0)

    def _settle_owed(self) -> None:
        self._owed_until = None
        self._owes_result(False)

    def _owes_result(self, owes: bool) -> None:
        self._result_owed = owes
        if self._link:
            self._link.owed = owes

    async def ussd(self, code: str, *, timeout: float = 90.0) -> UssdReply:
        """Ask the network by a service code. Raises ValueError for what is none, ModemError otherwise."""

        async def work(link: Dialogue) -> UssdReply:
            if self._session is None:
                raise NotStarted("the modem is not ready")
            return await self._session.ask(link, code)

        request(code, packed=False)
        return await self._queue.do(work, timeout=timeout)

    # ---------------------------------------------------------------- its life

    async def run(self, stop: asyncio.Event) -> None:
        try:
            while not stop.is_set():
                await self._once(stop)
        finally:
            self._queue.close("the service is stopping")
            self._stage(Stage.STOPPED)

    async def _once(self, stop: asyncio.Event) -> None:
        try:
            device = await self._device()
            port = await open_port(device, self._config.baud)
        except (PortLost, NoAnswer) as error:
            self._found = ""
            await self._absent(error)
            await self._clock.wait(stop, _ABSENT_SECONDS)
            return
        self._board.set(device=device)
        try:
            trouble = await self._hold(port, stop)
        finally:
            self._session = self._link = None
            self._queue.close("the modem is not ready")
            port.close()
        if trouble and not stop.is_set():
            await self._recover(trouble, stop)

    async def _device(self) -> str:
        if self._config.device != AUTO:
            return self._config.device
        if not self._found:
            self._found = await self._find()
        return self._found

    async def _find(self) -> str:
        """The one that answers; where none does, the one that did before: it hangs, and is to be brought back."""
        devices = await probe.candidates(self._config.probe)
        try:
            found = await probe.find(devices, self._config.baud, self._clock)
        except (NoAnswer, PortLost):
            before = await self._known.device()
            if before in devices:
                return before
            raise
        await self._known.found_at(found)
        return found

    async def _hold(self, port: Port, stop: asyncio.Event) -> ModemError | None:
        """Work with an open port until it is over, and say why it is."""
        link = self._link = Dialogue(port, self._clock, self._on_unsolicited)
        link.owed = self._result_owed
        trouble: ModemError | None = None
        async with asyncio.TaskGroup() as group:
            others = [group.create_task(self._listen(link)), group.create_task(self._heed(stop))]
            try:
                await self._live(link, stop)
            except ModemError as error:
                trouble = error
            finally:
                for task in others:
                    task.cancel()
        return trouble

    async def _listen(self, link: Dialogue) -> None:
        await link.listen()
        self._wake.set()

    async def _heed(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()

    async def _live(self, link: Dialogue, stop: asyncio.Event) -> None:
        step, self._step = self._step, None
        if step is Step.RADIO:
            await cycle_radio(link)
        elif step is Step.RESTART:
            if await restart(link):
                self._settle_owed()  # it knows no more of what it was at
            raise Restarting("the modem was told to restart")
        if step is None and self.status.stage is not Stage.NEEDS_PERSON:
            self._stage(Stage.STARTING)
        while not stop.is_set():
            try:
                await self._set_up_and_work(link, stop)
            except NeedsPerson as error:
                await self._wait_for_person(error, link, stop)
            except Restarted:
                log.warning("modem restarted by itself")
                self._stage(Stage.STARTING)
                if link.anew:
                    self._settle_owed()

    async def _set_up_and_work(self, link: Dialogue, stop: asyncio.Event) -> None:
        """Raises what `prepare` and `Session.live` raise."""

        async def identified(identity: Identity) -> None:
            await self._known.identified(self.status.device, identity)

        self._session = None  # what it says meanwhile is for the next one
        ready = await prepare(link, self._clock, pin=self._config.pin, notes=self._notes, on_identity=identified)
        ready = replace(ready, identity=ready.identity.after(self.status.identity))
        self._session = session = self._make_session(link, ready)
        while self._early:
            session.hear(self._early.popleft())
        self._board.set(identity=ready.identity, sim="ready")
        self._queue.open()
        started = self._clock.monotonic()
        try:
            await session.live(stop)
        finally:
            if self._clock.monotonic() - started >= WELL_SECONDS and not self._lessons.says_nothing:
                self._ladder.reset()

    def _make_session(self, link: Dialogue, ready: Ready) -> Session:
        self._ready = ready
        self._inbox.begin(ready)
        return Session(
            link,
            ready,
            self._inbox,
            board=self._board,
            queue=self._queue,
            clock=self._clock,
            wake=self._wake,
            on_late=self._on_late,
            settle=self._settle,
            balance_code=self._config.balance_code,
        )

    async def _on_late(self, submission: Taken | CommandRefused) -> None:
        """With one text owed and none handed over since, an answer out of turn is that text's."""
        self._lessons.answered()
        if self._owed_until is not None:
            await self._hear.late(submission)
            self._settle_owed()

    async def _settle(self) -> None:
        if not self.owed_seconds:
            await self._hear.settled()

    def _on_unsolicited(self, word: Unsolicited) -> None:
        if self._session:
            self._session.hear(word)
        elif not anew.is_likely(word):  # it is being set up anyway
            self._early.append(word)

    # ---------------------------------------------------------------- trouble

    async def _learn(self, transmission: Transmission, link: Dialogue, family: Family) -> None:
        """What a transmission tells of the modem itself."""
        await self._lessons.learn(transmission, link, family)
        trouble = transmission.trouble
        if self._session is None:
            return
        if isinstance(trouble, Silent):
            await self._session.resync()
            if self._lessons.says_nothing and not self._session.late:
                self._session.give_up("AT+CMGS")
        elif isinstance(trouble, CommandRefused):
            if trouble.fault.kind is Kind.STORAGE:
                self._session.search_soon()
            elif trouble.fault.kind is Kind.CARD:
                self._session.end()

    async def _absent(self, error: ModemError) -> None:
        seen = await asyncio.to_thread(sticks.hints) if isinstance(error, NoDevice) else []
        what, remedy = (
            (seen[0].what, seen[0].remedy) if seen else (str(error), _PLUG_IN if isinstance(error, NoDevice) else "")
        )
        if self._stage(Stage.ABSENT):
            log.warning("modem absent", reason=what, remedy=remedy)
        self._board.trouble(what, self._clock.now(), remedy=remedy)
        self._board.set(registration=None, signal_dbm=None, operator="", network="", sim="")

    async def _wait_for_person(self, error: NeedsPerson, link: Dialogue, stop: asyncio.Event) -> None:
        """Keep the port, so that pulling the modem out is noticed, and look again after a while."""
        fault = error.fault
        self._queue.close(fault.meaning)
        self._board.set(sim=fault.meaning)
        if self._stage(Stage.NEEDS_PERSON):
            log.error("modem needs a person", code=fault.code, meaning=fault.meaning, remedy=fault.remedy)
        self._board.trouble(fault.meaning, self._clock.now(), code=fault.code, remedy=fault.remedy)
        self._wake.clear()
        if not link.lost and not stop.is_set():
            await self._clock.wait(self._wake, _PERSON_SECONDS)

    async def _recover(self, trouble: ModemError, stop: asyncio.Event) -> None:
        if isinstance(trouble, PortLost):
            self._known.gone()
            await self._absent(trouble)
            await self._clock.wait(stop, _REOPEN_SECONDS)
            return
        if isinstance(trouble, Restarting | NotCommitted):
            await self._clock.wait(stop, _RESTART_SECONDS)
            return
        self._step = self._ladder.climb(restarts=await self._known.restarts(self.status.device))
        self._board.trouble(str(trouble), self._clock.now())
        self._board.set(resets=self.status.resets + 1)
        self._stage(Stage.GIVEN_UP if self._step is Step.REST else Stage.RECOVERING)
        log.warning("modem hangs", reason=str(trouble), step=self._step)
        if self._step is Step.POWER:
            if not await cut_power(self._config.power_command):
                log.error("power_command failed", command=self._config.power_command[0])
            await self._clock.wait(stop, _RESTART_SECONDS)
        if self._step is Step.REST:
            self._found = ""  # afterwards it may be another one
        await self._clock.wait(stop, _REST_SECONDS if self._step is Step.REST else _REOPEN_SECONDS)

    def _stage(self, stage: Stage) -> bool:
        before = self.status.stage
        moved = self._board.stage(stage)
        if moved and stage in (Stage.STARTING, Stage.STOPPED):
            log.info("modem", stage=stage, before=before)
        return moved
