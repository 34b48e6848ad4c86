"""The SIM's PIN: given once, and a wrong one never twice, not even after a power cut.

Three wrong PINs lock a SIM, and a service that restarts could spend them in a minute. So the try is noted on the disk before
it is made, under a digest of the PIN. Only a success takes the note back, and a SIM that asks for its PUK: what its PIN was no
longer counts. A try that was cut off is repeated only where the SIM itself says that no try was lost.
"""

import hashlib
from typing import Protocol

from daemon.modem import answers
from daemon.modem.codes import Fault, Kind, fault
from daemon.modem.dialogue import Dialogue
from daemon.modem.errors import CommandFailed, NeedsPerson, NoAnswer
from outbox.clock import Clock

_KEY = "modem.pin"
_SECONDS = 30.0
_READY_TRIES, _READY_PAUSE = 15, 2.0
_ALL_TRIES = 3
_NOT_ALLOWED = "CME 3"
_COUNTERS = (("AT+CPINR", "+CPINR:"), ("AT+QPINC", "+QPINC:"), ("AT+SPIC", "+SPIC:"), ("AT^CPIN?", "^CPIN:"))
_TRIED, _WRONG = "tried:", "wrong:"
_WRONG_PIN = fault("+CME ERROR: 16")
_CUT_OFF = Fault(
    "SIM PIN",
    Kind.CARD,
    "entering the PIN was cut off: whether it was right is not known, and it is not tried again",
    "switch the SIM's PIN off with a phone, or change it there and MODEM_PIN with it",
)
_PIN_WANTED = fault("+CME ERROR: 11")
_PUK = fault("+CME ERROR: 12")
_NO_SIM = fault("+CME ERROR: 10")
_LAST_TRY = Fault(
    "SIM PIN", Kind.CARD, "only one try of the PIN is left", "enter it in a phone, or switch it off there"
)


class ModemNotes(Protocol):
    """Small durable facts: `set` returns when it is on the disk."""

    async def get(self, key: str) -> str | None: ...

    async def set(self, key: str, value: str) -> None:
        """ "" takes the note back."""
        ...


async def unlock(link: Dialogue, clock: Clock, *, pin: str, notes: ModemNotes) -> None:
    """Bring the SIM to READY, with the PIN if it asks for one. Raises NeedsPerson when only a person can go on."""
    state = await _state(link, clock)
    noted = await notes.get(_KEY) or ""
    if state == "READY":
        if noted.startswith(_TRIED):  # cut off before it was seen to succeed
            await notes.set(_KEY, "")
        return
    if "PUK" in state:
        if noted and state == "SIM PUK":  # with the PUK the owner chooses a PIN anew, maybe the one that was wrong
            await notes.set(_KEY, "")
        raise NeedsPerson(_PUK)
    if state != "SIM PIN":
        raise NeedsPerson(
            Fault(state, Kind.CARD, "the SIM asks for something else", "put it in a phone and see what it wants")
        )
    if not pin:
        raise NeedsPerson(_PIN_WANTED)
    mark = hashlib.sha256(f"tether modem pin {pin}".encode()).hexdigest()[:16]
    left = await _tries_left(link)
    if noted.endswith(mark) and not (noted.startswith(_TRIED) and left == _ALL_TRIES):
        raise NeedsPerson(_CUT_OFF if noted.startswith(_TRIED) else _WRONG_PIN)
    if left is not None and left < 2:
        raise NeedsPerson(_LAST_TRY)
    await link.settle()  # what is noted as tried is said next
    await notes.set(_KEY, _TRIED + mark)
    await _enter(link, clock, pin, notes, mark)


async def _enter(link: Dialogue, clock: Clock, pin: str, notes: ModemNotes, mark: str) -> None:
    try:
        await link.command(f'AT+CPIN="{pin}"', timeout=_SECONDS)
    except CommandFailed as error:
        if error.fault.kind is Kind.RETRY:  # the SIM did not look at it
            await notes.set(_KEY, "")
            raise
        if error.fault.code != _NOT_ALLOWED:  # which it says when the PIN is no longer wanted
            await notes.set(_KEY, _WRONG + mark)
            raise NeedsPerson(_WRONG_PIN) from error
    state = await _state(link, clock)
    for _ in range(_READY_TRIES):
        if state == "READY" or "PUK" in state:
            break
        await clock.sleep(_READY_PAUSE)
        state = await _state(link, clock)
    if state == "READY":
        await notes.set(_KEY, "")
        return
    await notes.set(_KEY, _WRONG + mark)
    raise NeedsPerson(_PUK if "PUK" in state else _WRONG_PIN)


async def _state(link: Dialogue, clock: Clock) -> str:
    """What +CPIN: says, waiting while the SIM is busy. Raises NeedsPerson for a SIM that is missing or broken."""
    for _ in range(_READY_TRIES):
        try:
            lines = await link.command("AT+CPIN?", enough="+CPIN:")
        except CommandFailed as error:
            if error.fault.kind is Kind.CARD:
                raise NeedsPerson(error.fault) from error
            if error.fault.code == "ERROR" or error.fault.kind is Kind.UNSUPPORTED:
                return "READY"  # it knows no such command: what it is told next shows whether the SIM is open
            if error.fault.kind is not Kind.RETRY:
                raise
        else:
            state = answers.word([line for line in lines if line.startswith("+CPIN:")], "+CPIN:").upper()
            if state == "NOT INSERTED":
                raise NeedsPerson(_NO_SIM)
            if state and state != "NOT READY":
                return state
        await clock.sleep(_READY_PAUSE)
    raise NoAnswer("AT+CPIN?")


async def _tries_left(link: Dialogue) -> int | None:
    """How many tries of the PIN the SIM says are left; None where this modem can't tell."""
    for command, prefix in _COUNTERS:
        try:
            lines = await link.command(command)
        except (CommandFailed, NoAnswer):
            continue
        numbers = [part for part in _pin_counter(lines, prefix) if part.isdecimal()]
        if numbers:
            return int(numbers[0])
    return None


def _pin_counter(lines: list[str], prefix: str) -> list[str]:
    """The fields that begin with the PIN's own counter. Each maker orders them in its own way: the PIN's comes first in
    +SPIC (pin, puk, pin2, puk2), after the name in +CPINR and +QPINC; in ^CPIN: state, times, puk, pin, puk2, pin2."""
    for line in lines:
        parts = answers.fields([line], prefix)
        if parts is None:
            continue
        if prefix == "^CPIN:":
            return parts[3:4]
        if prefix == "+SPIC:":
            return parts[:1]
        if parts[0].upper() in ("SIM PIN", "SC"):
            return parts[1:2]
    return []
