"""Bringing a modem from "something is plugged in" to "SMS can go": greeting, identity, PIN, radio, memories, reports.

Every optional command may fail; what must hold is said in `Ready`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from daemon.modem import answers
from daemon.modem.codes import Kind
from daemon.modem.dialogue import Dialogue
from daemon.modem.errors import CommandFailed, ModemError, NeedsPerson, NoAnswer
from daemon.modem.pin import ModemNotes, unlock
from daemon.modem.quirks import Family, family_of
from daemon.modem.status import Identity
from outbox.clock import Clock

RADIO_SECONDS = 20.0
_PATIENCE_TRIES, _PATIENCE_PAUSE = 20, 2.0
_CALLS = tuple(f"AT+CNMI={mode},1,0,{reports},{rest}" for reports in (1, 2, 0) for mode in (2, 1) for rest in (0, 1))
"""New messages stored and announced (+CMTI); reports inline (+CDS), stored (+CDSI), or not at all. `mode` 2 keeps what it can't say
at the moment, some know only 1; of what it kept some can only say it again (0), some only throw it away (1)."""
_OWN_MEMORIES = ("SM", "ME", "MT")


@dataclass(frozen=True)
class Ready:
    """What setting up found out."""

    family: Family
    identity: Identity
    memories: tuple[str, ...]
    """Where messages may lie, the one for new messages first."""
    selects: bool
    """It obeyed when it was told which of them to read."""
    keeps_errors: bool
    """It says that it is to number its errors, as it was told: one that says otherwise later started anew."""


async def greet(link: Dialogue) -> None:
    """Make it listen: out of any prompt, awake, echo off, errors in numbers. Raises NoAnswer."""
    if not await link.begin():
        raise NoAnswer("AT")
    await try_command(link, "AT+CMEE=1")


async def identify(link: Dialogue) -> tuple[Identity, Family]:
    """Who it is, and what that means."""
    manufacturer = answers.word(await try_command(link, "AT+CGMI"), "+CGMI:")
    model = answers.word(await try_command(link, "AT+CGMM"), "+CGMM:")
    revision = answers.word(await try_command(link, "AT+CGMR"), "+CGMR:").removeprefix("Revision:").strip()
    family = family_of(manufacturer, model)
    return Identity(manufacturer, model, revision, await _number(link), family.name), family


async def _number(link: Dialogue) -> str:
    """What tells it from others of its kind."""
    return answers.word(await try_command(link, "AT+CGSN"), "+CGSN:")


async def prepare(
    link: Dialogue,
    clock: Clock,
    *,
    pin: str,
    notes: ModemNotes,
    on_identity: Callable[[Identity], Awaitable[None]],
) -> Ready:
    """Everything from the greeting to a modem that takes SMS, registered or not.

    `on_identity`: told who it is before anything that may fail. Raises NeedsPerson (SIM, PIN), NoAnswer and CommandFailed (it won't do), PortLost.
    """
    await greet(link)
    identity, family = await identify(link)
    await on_identity(identity)
    if await is_radio_off(link):
        await switch_radio_on(link)
    await unlock(link, clock, pin=pin, notes=notes)
    await try_command(link, "AT+CMEE=1")  # some forget it when the PIN is entered
    for command in family.setup:
        await try_command(link, command)
    await patiently(link, clock, "AT+CMGF=0")
    await try_command(link, "AT+CSMS=0")  # reports need no acknowledgement then
    await try_command(link, "AT+CREG=0")
    memories, selects = await _memories(link, clock)
    await _ask_for_calls(link)
    if not identity.imei:  # it had just started
        identity = replace(identity, imei=await _number(link))
    return Ready(family, identity, memories, selects, keeps_errors=await numbers_errors(link))


async def numbers_errors(link: Dialogue) -> bool:
    """Whether it says that AT+CMEE=1 holds."""
    return answers.fields(await try_command(link, "AT+CMEE?"), "+CMEE:") == ["1"]


async def try_command(link: Dialogue, command: str, *, timeout: float = 5.0) -> list[str]:
    """The answer, or nothing where this modem refuses the command or says nothing to it. Raises PortLost."""
    try:
        return await link.command(command, timeout=timeout)
    except (CommandFailed, NoAnswer):
        return []


async def patiently(link: Dialogue, clock: Clock, command: str) -> list[str]:
    """The answer, asking again while the SIM or the modem is still starting up."""
    failure: ModemError = NoAnswer(command)
    for _ in range(_PATIENCE_TRIES):
        try:
            return await link.command(command)
        except CommandFailed as error:
            if error.fault.kind is Kind.CARD:
                raise NeedsPerson(error.fault) from error
            if error.fault.kind is not Kind.RETRY:
                raise
            failure = error
        await clock.sleep(_PATIENCE_PAUSE)
    raise failure


async def is_radio_off(link: Dialogue) -> bool:
    """Whether it says so; many can't tell."""
    mode = answers.fields(await try_command(link, "AT+CFUN?"), "+CFUN:")
    return bool(mode and mode[0] != "1")


async def switch_radio_on(link: Dialogue) -> None:
    """It may be too busy for that just then, with having been switched off."""
    await try_command(link, "AT+CFUN=1", timeout=RADIO_SECONDS)


async def _memories(link: Dialogue, clock: Clock) -> tuple[tuple[str, ...], bool]:
    """Choose where new messages are put; the SIM where possible, since it is read alike by all. Whether it obeyed."""
    try:
        offered = answers.memories(await patiently(link, clock, "AT+CPMS=?")) or ("SM",)
    except CommandFailed as error:
        if error.fault.kind not in (Kind.UNSURE, Kind.UNSUPPORTED):
            raise
        return _OWN_MEMORIES[:1], False  # it has but one, and no command for it
    own = [memory for memory in _OWN_MEMORIES if memory in offered] or [offered[0]]
    for memory in own:
        for count in (3, 2, 1):
            try:
                await link.command("AT+CPMS=" + ",".join([f'"{memory}"'] * count))
            except CommandFailed:
                continue
            others = [other for other in ("SM", "ME", "SR") if other in offered and other != memory]
            return (memory, *others), True
    return (own[0],), False


async def _ask_for_calls(link: Dialogue) -> None:
    """New messages and reports announced as well as this modem can; the sweeps find what it doesn't announce."""
    for command in _CALLS:
        try:
            await link.command(command)
        except (CommandFailed, NoAnswer):
            continue
        return
