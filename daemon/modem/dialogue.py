"""Talking with the modem: one command at a time, each to its final result or its time limit (3GPP TS 27.007, 27.005).

`listen` must be running, in a task of the owner's; it hands on what the modem says of itself, also amid an answer.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from daemon.modem import anew, answers
from daemon.modem.codes import Fault, Kind, fault
from daemon.modem.errors import CommandFailed, NoAnswer, PortLost
from daemon.modem.framing import Final, Frame, Framer, Line, Unsolicited
from daemon.modem.port import Port
from outbox.clock import Clock

PROMPT_SECONDS = 10.0
_PDU_MODE = "AT+CMGF=0"
_ESCAPE, _END = b"\x1b", b"\x1a"
_ESCAPES, _ESCAPE_SECONDS = 4, 1.5
_SETTLE_SECONDS = 0.5
_ECHO_SECONDS = 5.0
_SYNC_COMMAND, _SYNC_LINE = "AT+CMEE?", "+CMEE:"
_SYNCS, _SYNC_SECONDS = 2, 2.0
_ABOUT_SMS = ("AT+CMG", "AT+CNM", "AT+CPMS", "AT+CSCA", "AT+CSMS", "AT+CMMS", "AT+CGSMS")
_ANEW = "the modem started anew"
_UNSAYABLE = Fault("nothing", Kind.UNSUPPORTED, "it has a character that no modem takes, and was not sent")
_AMBIGUOUS = ("+CREG:", "+CGREG:", "+CEREG:", "+CPIN:", "+CFUN:")
"""Answers when they were asked for, else words of the modem's own."""


@dataclass(frozen=True)
class Taken:
    """The network took it and calls it `reference` (TP-MR, 0 to 255)."""

    reference: int


@dataclass(frozen=True)
class CommandRefused:
    """An error instead. `written`: it came after the PDU was complete."""

    fault: Fault
    written: bool


@dataclass(frozen=True)
class Silent:
    """No word in time, or the port went. `written`: the PDU was complete, so it may have been sent."""

    reason: str
    written: bool


Submission: TypeAlias = Taken | CommandRefused | Silent


@dataclass
class _Pending:
    """The command in flight."""

    command: str
    needs: str = ""
    """A line that begins so must have come before an OK counts: one that comes before belongs to an earlier command."""
    submits: bool = False
    written: bool = False
    """The PDU is complete: from here on an answer may be the one to it."""
    repeated: bool = False
    """The modem repeated the command."""
    lines: list[str] = field(default_factory=list)
    final: Final | None = None
    prompted: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, final: Final | None) -> None:
        self.final = final
        self.prompted.set()
        self.done.set()


class Dialogue:
    """Commands to one open port. Not for two tasks at once: the driver's one task owns it."""

    def __init__(self, port: Port, clock: Clock, on_unsolicited: Callable[[Unsolicited], None]) -> None:
        self._port, self._clock = port, clock
        self._on_unsolicited = on_unsolicited
        self._framer = Framer()
        self._pending: _Pending | None = None
        self._stale = True
        """The answer to an earlier command may still come: the next one must not take it for its own."""
        self._syncs = False
        """It answered the question that tells where its answers stand."""
        self._mute = False
        """It was told not to repeat what it is told, and obeyed."""
        self._doubted = False
        """A word came that is said after a start."""
        self._unclear = False
        """A command about SMS was given up: an error that comes out of turn may be the answer to that."""
        self._late_ok = False
        """A reference came out of turn: the OK that follows is its own."""
        self.owed = False
        """A submission was given up whose answer may still come."""
        self.anew = False
        """It started anew: nothing that was set holds. Until `begin`."""
        self.lost: PortLost | None = None
        self.ended = asyncio.Event()
        """Set when the port was lost."""

    async def listen(self) -> None:
        """Read until the port is lost, which ends the command in flight and sets `ended`."""
        try:
            while True:
                for frame in self._framer.feed(await self._port.read()):
                    self._take(frame)
        except PortLost as error:
            self.lost = error
            self.ended.set()
            if self._pending:
                self._pending.end(None)

    async def command(self, text: str, *, timeout: float = 5.0, enough: str = "", needs: str = "") -> list[str]:
        """Send it and return the lines of its answer.

        `enough`: a line that begins so will do where no final result comes. `needs`: an answer must have such a line.
        Raises CommandFailed, NoAnswer or PortLost.
        """
        await self._sync()
        return await self._ask(_Pending(text, needs), timeout, enough)

    async def settle(self) -> None:
        """Let late answers pass before something that can be said only once. Raises NoAnswer or PortLost."""
        await self._sync()

    async def begin(self) -> bool:
        """The first words to it, and all over again after it started anew: out of any prompt, awake, without echo. False when
        it says nothing. Raises PortLost."""
        self._mute = self.anew = False
        if not await self.escape():
            return False
        with contextlib.suppress(CommandFailed, NoAnswer):
            await self._ask(_Pending("ATE0"), _ECHO_SECONDS)
        told = _Pending("AT")
        with contextlib.suppress(CommandFailed, NoAnswer):
            await self._ask(told, _ECHO_SECONDS)
        self._mute = not told.repeated
        return True

    async def submit(self, length: int, pdu: str, *, timeout: float) -> Submission:
        """AT+CMGS: `length` octets announced, the PDU after the prompt. Only the modem's own reference makes it `Taken`.

        It is put into PDU mode first each time, and gets no PDU if it seems to have started anew since.
        """
        try:
            await self.command(_PDU_MODE)
            if self.anew:
                return Silent(_ANEW, written=False)
            self._doubted = self._unclear = False
            pending = await self._send(b"AT+CMGS=%d\r" % length, _Pending(f"AT+CMGS={length}", submits=True))
        except CommandFailed as error:
            return CommandRefused(error.fault, written=False)
        except (PortLost, NoAnswer) as error:
            return Silent(str(error), written=False)
        try:
            if not await self._clock.wait(pending.prompted, PROMPT_SECONDS):
                return Silent("the modem did not ask for the message", written=False)
            if self._seems_anew:
                await self._port.write(_ESCAPE)
                return Silent(_ANEW, written=False)
            if not pending.done.is_set():
                await self._port.write(pdu.encode("ascii"))
                pending.written = True  # from here on the last octet may be on its way
                await self._port.write(_END)
                await self._clock.wait(pending.done, timeout)
        except PortLost as error:
            self.lost = self.lost or error
        finally:
            self._pending = None
            self._stale = self._stale or pending.final is None
        return self._submission(pending)

    @property
    def _seems_anew(self) -> bool:
        return self.anew or self._doubted

    async def escape(self) -> bool:
        """Leave a prompt or a half-typed line, and see whether the modem answers, be it with an error. Raises PortLost."""
        alive = False
        for _ in range(_ESCAPES):
            await self._send(_ESCAPE + b"\r", _Pending(""))
            await self._clock.sleep(_SETTLE_SECONDS)  # what it still says to what went before is not the answer to AT
            try:
                await self._ask(_Pending("AT"), _ESCAPE_SECONDS)
            except NoAnswer:
                continue
            except CommandFailed:
                alive = True
                continue
            return True
        return alive

    async def _sync(self) -> None:
        """Let late answers pass: ask for something that answers with a line of its own, and wait for that line. Raises NoAnswer
        when it does not come from a modem that once said it."""
        if not self._stale:
            return
        silence: NoAnswer | None = None
        for turn in range(_SYNCS):
            try:
                await self._ask(_Pending(_SYNC_COMMAND, _SYNC_LINE), _SYNC_SECONDS)
            except NoAnswer as error:
                silence = error
            except CommandFailed:
                continue
            else:
                if turn:  # that may have been the answer to the first time
                    await self._clock.sleep(_SYNCS * _SYNC_SECONDS)
                self._stale, self._syncs = False, True
                return
        if silence and self._syncs:
            raise silence
        self._stale = silence is not None

    async def _ask(self, pending: _Pending, timeout: float, enough: str = "") -> list[str]:
        if not pending.command.isascii():
            raise CommandFailed(_name(pending.command), _UNSAYABLE)
        await self._send(pending.command.encode("ascii") + b"\r", pending)
        finished = await self._clock.wait(pending.done, timeout)
        self._pending = None
        if self.lost:
            raise self.lost
        if not finished:
            if enough and any(line.startswith(enough) for line in pending.lines):
                return pending.lines
            self._stale = True
            self._unclear = self._unclear or _is_about_sms(pending)
            raise NoAnswer(_name(pending.command), pending.lines)
        assert pending.final is not None
        if not pending.final.ok:
            raise CommandFailed(_name(pending.command), fault(pending.final.text))
        return pending.lines

    async def _send(self, data: bytes, pending: _Pending) -> _Pending:
        if self.lost:
            raise self.lost
        self._pending = pending
        try:
            await self._port.write(data)
        except PortLost as error:
            self._pending = None
            self.lost = error
            self.ended.set()
            raise
        return pending

    def _submission(self, pending: _Pending) -> Submission:
        """The reference alone says that the network took it: the OK after it may be lost on the line."""
        reference = answers.reference(pending.lines)
        if reference is not None and (pending.final is None or pending.final.ok):
            return Taken(reference)
        if pending.final is None:
            reason = str(self.lost) if self.lost else _ANEW if self.anew else "the modem did not answer AT+CMGS in time"
            return Silent(reason, pending.written)
        return CommandRefused(fault(pending.final.text), pending.written)

    def _take(self, frame: Frame) -> None:
        pending = self._pending
        if isinstance(frame, Unsolicited):
            self._hear(frame)
        elif isinstance(frame, Line):
            self._take_line(frame.text, pending)
        elif isinstance(frame, Final):
            self._take_final(frame, pending)
        elif pending:
            pending.prompted.set()

    def _hear(self, word: Unsolicited) -> None:
        """Something out of turn. What says that the modem started anew ends a submission: its answer will not come."""
        self._doubted = self._doubted or anew.is_likely(word)
        if anew.is_sure(word):
            self._is_anew()
        self._on_unsolicited(word)

    def _is_anew(self) -> None:
        self.anew = True
        if self._pending and self._pending.submits:
            self._pending.end(None)

    def _take_line(self, text: str, pending: _Pending | None) -> None:
        if pending and text == pending.command:
            pending.repeated = True
            if self._mute:  # it forgot what it was told
                self._is_anew()
                self._on_unsolicited(Unsolicited(text))
        elif _is_own_word(text, pending):
            self._late_ok = self._late_ok or text.startswith("+CMGS:")
            self._hear(Unsolicited(text))
        elif pending:
            pending.lines.append(text)

    def _take_final(self, frame: Final, pending: _Pending | None) -> None:
        if frame.ok and self._late_ok:
            self._late_ok = False
        elif self._is_owed_error(frame, pending):
            self._on_unsolicited(Unsolicited(frame.text))
        elif pending and (not frame.ok or _is_answered(pending)):
            if self.owed and not frame.ok:
                self._stale = True  # it may be the owed one, and this command's answer still come
            pending.end(frame)  # else: an OK that belongs to something before; never "sent" without +CMGS

    def _is_owed_error(self, frame: Final, pending: _Pending | None) -> bool:
        """The late answer to a submission that was given up, where it can be nothing else's."""
        is_elses = self._unclear or _is_about_sms(pending)
        return self.owed and frame.text.startswith("+CMS ERROR") and not is_elses


def _is_about_sms(pending: _Pending | None) -> bool:
    """Whether a +CMS ERROR may be the answer to this command."""
    return pending is not None and pending.command.startswith(_ABOUT_SMS)


def _is_own_word(line: str, pending: _Pending | None) -> bool:
    """Not part of the answer in flight: a state it tells of by itself, or the late reference of a submission given up."""
    if line.startswith("+CMGS:"):
        return not (pending and pending.written)
    prefix = next((prefix for prefix in _AMBIGUOUS if line.startswith(prefix)), None)
    return prefix is not None and not (pending and prefix[1:-1] in pending.command)


def _is_answered(pending: _Pending) -> bool:
    """Whether an OK may be the end of this command's answer."""
    if pending.submits:
        return answers.reference(pending.lines) is not None
    return not pending.needs or any(line.startswith(pending.needs) for line in pending.lines)


def _name(command: str) -> str:
    """The command without its arguments, which may hold a PIN."""
    return command.partition("=")[0]
