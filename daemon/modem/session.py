"""A modem that is set up, for as long as it works: the work others left, what comes in, and how it is doing.

One task does all of it in turn, so nothing is ever said to the modem amid something else.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from daemon.modem import anew, answers, ussd
from daemon.modem.codes import Kind, fault
from daemon.modem.command_queue import CommandQueue
from daemon.modem.dialogue import CommandRefused, Dialogue, Taken
from daemon.modem.errors import CommandFailed, ModemError, NoAnswer, PortLost
from daemon.modem.framing import Unsolicited
from daemon.modem.inbox import Inbox
from daemon.modem.recovery import cycle_radio
from daemon.modem.setup import Ready, is_radio_off, switch_radio_on, try_command
from daemon.modem.status import WEAK_DBM, CurrentStatus, Stage
from daemon.modem.ussd import UssdReply
from outbox.clock import Clock

PING_SECONDS, HEALTH_SECONDS, CREDIT_SECONDS = 25.0, 60.0, 86400.0
SWEEP_SECONDS, SEARCH_SECONDS = 60.0, 600.0
"""How often the memory for new messages is looked into, announced or not; and all the others."""
_CREDIT_SOON_SECONDS = 120.0
"""After a start, and again as long as there is no network."""
_USSD_COMMAND_SECONDS = 15.0
_RESYNCS = 4
_LOST_NETWORK_SECONDS = (120.0, 600.0, 1800.0)
"""Without a network this long, the radio is switched off and on: then again after the next, and each last one."""
_OWN_START_SECONDS = 60.0
"""So long after we switched the radio on, the words that are said after a start are no surprise."""
_POWER_TROUBLE = "UNDER-VOLTAGE"


class Restarted(ModemError):
    """The modem started anew by itself, or its SIM changed: everything has to be set up again."""


@dataclass
class _Poll:
    every: float
    due: float
    action: Callable[[], Awaitable[None]]


class Session:
    """Owns the dialogue while it lives. `wake` is set by whoever has something for it."""

    def __init__(
        self,
        link: Dialogue,
        ready: Ready,
        inbox: Inbox,
        *,
        board: CurrentStatus,
        queue: CommandQueue,
        clock: Clock,
        wake: asyncio.Event,
        on_late: Callable[[Taken | CommandRefused], Awaitable[None]],
        settle: Callable[[], Awaitable[None]],
        balance_code: str = "",
    ) -> None:
        """`on_late`: takes an answer that came after its submission was given up. `settle`: sees each minute whether one is awaited."""
        self._link, self._ready, self._inbox = link, ready, inbox
        self._board, self._queue, self._clock, self._wake = board, queue, clock, wake
        self._balance_code = balance_code
        self._on_late, self._settle = on_late, settle
        self.late: list[Taken | CommandRefused] = []
        """Answers that came out of turn, for the next turn."""
        self._announced = False
        self._doubted = False
        self._outdated = False
        """All has to be set up again, though the modem need not have started anew: the answer to an earlier text may still come."""
        self._hung = ""
        """The command to which it says nothing more."""
        self._ussd: UssdReply | None = None
        self._ussd_came = asyncio.Event()
        self._without_network: float | None = None
        self._radio_cycles = 0
        self._cycled_at = -_OWN_START_SECONDS
        now = clock.monotonic()
        self._polls = [
            _Poll(HEALTH_SECONDS, now, self._health),
            _Poll(SEARCH_SECONDS, now, self._search),
            _Poll(SWEEP_SECONDS, now + SWEEP_SECONDS, self._sweep),
            _Poll(PING_SECONDS, now + PING_SECONDS, self._ping),
        ]
        self._credit_poll = _Poll(CREDIT_SECONDS, now + _CREDIT_SOON_SECONDS, self._credit)
        if balance_code:
            self._polls.append(self._credit_poll)

    def hear(self, word: Unsolicited) -> None:
        """An unsolicited word, from the reading task."""
        if self._inbox.notice(word):
            self._announced = True
        elif (reference := answers.reference([word.text])) is not None:
            self.late.append(Taken(reference))
        elif word.text.startswith("+CMS ERROR"):
            self.late.append(CommandRefused(fault(word.text), written=True))
        elif answer := ussd.reply(word.text, packed=self._ready.family.packed_ussd):
            self._ussd = answer
            self._ussd_came.set()
        elif anew.is_likely(word):
            self._doubted = self._clock.monotonic() - self._cycled_at >= _OWN_START_SECONDS
        elif word.text.startswith(_POWER_TROUBLE):
            self._board.trouble(
                "the modem's voltage is too low",
                self._clock.now(),
                remedy="give it a stronger power supply or a powered hub",
            )
        self._wake.set()

    async def live(self, stop: asyncio.Event) -> None:
        """Until `stop`. Raises NoAnswer when it hangs, PortLost, Restarted."""
        try:
            while not stop.is_set():
                self._wake.clear()
                if self._link.lost:
                    raise self._link.lost
                if self._link.anew or self._outdated:
                    raise Restarted("the modem restarted")
                if not await self._turn():
                    soonest = min(poll.due for poll in self._polls)
                    await self._clock.wait(self._wake, max(soonest - self._clock.monotonic(), 0.0))
        finally:
            while self.late:  # an answer counts, whatever became of the modem since
                await self._on_late(self.late.pop(0))

    async def _turn(self) -> bool:
        """One piece of work, the most urgent first. False when there was none."""
        now = self._clock.monotonic()
        due = min((poll for poll in self._polls if poll.due <= now), key=lambda poll: poll.due, default=None)
        if self.late:
            await self._on_late(self.late.pop(0))
        elif self._queue.has_work and not (due and due.due < now - due.every):
            await self._queue.work_once(self._link)
        elif self._doubted:
            self._doubted = False
            await self._mend(self._look_whether_anew)
        elif self._announced:
            self._announced = False
            await self._mend(self._collect)
        elif due:
            due.due = now + due.every
            await self._mend(due.action)
        else:
            return False
        if self._hung:
            raise NoAnswer(self._hung)
        return True

    async def _mend(self, action: Callable[[], Awaitable[None]]) -> None:
        """Where a command is not answered, see whether the modem still listens."""
        try:
            await action()
        except NoAnswer as error:
            self._board.trouble(str(error), self._clock.now())
            if not await self._link.escape():
                raise

    async def resync(self) -> None:
        """After a submission without an answer: leave the prompt, with patience, since the network may still be at it and some
        modems are deaf until it is done. One that stays silent is hung."""
        try:
            for _ in range(_RESYNCS):
                self._hung = "" if await self._link.escape() else "AT"
                if not self._hung:
                    return
        except PortLost:
            self._wake.set()  # `live` sees to it; what was sent has its own outcome

    def give_up(self, command: str) -> None:
        """It says nothing more to that, whatever else it answers: have it brought back."""
        self._hung = self._hung or command

    def end(self) -> None:
        """The SIM is not what it was: have everything set up again."""
        self._outdated = True

    def search_soon(self) -> None:
        """Make room in the memories at the next turn."""
        self._inbox.look_everywhere()
        self._announced = True

    # ---------------------------------------------------------------- polls

    async def _ping(self) -> None:
        """Whether it listens, and still does as it was told: after a start it would repeat this, or know nothing of it."""
        with contextlib.suppress(CommandFailed):  # an error is an answer
            lines = await self._link.command("AT+CMEE?" if self._ready.keeps_errors else "AT")
            if self._ready.keeps_errors and answers.fields(lines, "+CMEE:") == ["0"]:
                self._link.anew = True

    async def _look_whether_anew(self) -> None:
        """A word came that is said after a start. Without a setting that tells, there may have been one."""
        if self._ready.keeps_errors:
            await self._ping()
        else:
            self._outdated = True

    async def _look_at_card(self) -> None:
        """A SIM that was locked again by a start, or taken out, keeps the modem out of every network."""
        try:
            lines = await self._link.command("AT+CPIN?", enough="+CPIN:")
        except CommandFailed as error:
            self._outdated = error.fault.kind is Kind.CARD
        else:
            state = answers.fields(lines, "+CPIN:")
            self._outdated = bool(state) and state != ["READY"] and state != ["NOT READY"]

    async def _see_to_radio(self) -> None:
        """It was switched off and on to find a network, and may have been too busy for the second."""
        if await is_radio_off(self._link):
            self._cycled_at = self._clock.monotonic()
            await switch_radio_on(self._link)

    async def _health(self) -> None:
        await self._settle()
        registration = answers.registration(await try_command(self._link, "AT+CREG?"), "+CREG:")
        if registration not in (1, 5):
            lte = answers.registration(await try_command(self._link, "AT+CEREG?"), "+CEREG:")
            registration = lte if lte in (1, 5, 6, 7) else registration
        signal = answers.signal_dbm(await try_command(self._link, "AT+CSQ"))
        named = await try_command(self._link, "AT+COPS?")
        self._board.set(
            registration=registration,
            signal_dbm=signal,
            operator=answers.operator(named),
            network="4G" if answers.is_lte(named) else "",
        )
        registered = registration is None or self._board.status.registered  # one that can't tell is told by the network
        if not registered:
            await self._look_at_card()
            await self._see_to_radio()
        self._board.stage(Stage.READY if registered else Stage.SEARCHING)
        if registration == 3:
            self._board.trouble("the network refuses this SIM", self._clock.now(), remedy="ask the SIM's operator why")
        if registered and signal is not None and signal < WEAK_DBM:
            self._board.trouble(
                "the signal is very weak", self._clock.now(), remedy="move the modem or its antenna to a window"
            )
        await self._seek_network(registered)

    async def _seek_network(self, registered: bool) -> None:
        now = self._clock.monotonic()
        if registered:
            self._without_network, self._radio_cycles = None, 0
            return
        self._without_network = now if self._without_network is None else self._without_network
        patience = _LOST_NETWORK_SECONDS[min(self._radio_cycles, len(_LOST_NETWORK_SECONDS) - 1)]
        if now - self._without_network >= patience:
            self._without_network = now
            self._radio_cycles += 1
            self._board.trouble(
                "no network",
                self._clock.now(),
                remedy="look for signal with a phone of the same operator; check that the SIM is active",
            )
            self._board.set(resets=self._board.status.resets + 1)
            self._cycled_at = self._clock.monotonic()
            await cycle_radio(self._link)

    async def _sweep(self) -> None:
        await self._collect(sweep=True)

    async def _search(self) -> None:
        self._inbox.look_everywhere()
        await self._collect()

    async def _collect(self, *, sweep: bool = False) -> None:
        tally = await self._inbox.collect(self._link, sweep=sweep)
        status = self._board.status
        self._board.set(
            heard=status.heard + tally.heard,
            ignored=status.ignored + tally.ignored,
            storage=tally.room or status.storage,
        )

    async def _credit(self) -> None:
        if self._board.status.stage is not Stage.READY:
            self._credit_poll.due = self._clock.monotonic() + _CREDIT_SOON_SECONDS
            return
        try:
            await self.ask(self._link, self._balance_code)
        except CommandFailed as error:  # by 4G alone few can ask: no reason to bring it back
            self._board.set(credit=str(error), credit_at=self._clock.now())

    async def ask(self, link: Dialogue, code: str) -> UssdReply:
        """A service code and the network's reply. Raises NoAnswer, CommandFailed, PortLost."""
        self._ussd_came.clear()
        command = ussd.request(code, packed=self._ready.family.packed_ussd)
        try:
            await link.command(command, timeout=_USSD_COMMAND_SECONDS)
        except NoAnswer:
            await self.resync()
            raise
        if not await self._clock.wait(self._ussd_came, ussd.REPLY_SECONDS):
            await try_command(link, ussd.CANCEL)
            return UssdReply("", refused="the network did not answer")
        assert self._ussd is not None
        if self._ussd.wants_more:
            await try_command(link, ussd.CANCEL)
        if code == self._balance_code:
            self._board.set(credit=self._ussd.text or self._ussd.refused, credit_at=self._clock.now())
        return self._ussd
