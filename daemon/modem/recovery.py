"""What to do about a modem that hangs: rising steps, from what works in the field (docs/modem.md names the cases)."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum

from daemon.modem.dialogue import Dialogue
from daemon.modem.errors import CommandFailed, NoAnswer
from daemon.modem.setup import RADIO_SECONDS, switch_radio_on, try_command

_POWER_SECONDS = 30.0
WELL_SECONDS = 120.0
"""Working this long, the next trouble begins with the first step again."""


class Step(StrEnum):
    """The first one, escape, is the dialogue's own business."""

    REOPEN = "reopen"  # close the port, open it, set everything up
    RADIO = "radio"  # radio off and on
    RESTART = "restart"  # the modem restarts and appears anew
    POWER = "power"  # the owner's own command cuts its power
    REST = "rest"  # nothing helped: leave it alone for a while


class Ladder:
    """Which step comes next."""

    def __init__(self, *, has_power_command: bool) -> None:
        steps = (Step.REOPEN, Step.RADIO, Step.RESTART, Step.POWER, Step.REST)
        self._steps = tuple(step for step in steps if step is not Step.POWER or has_power_command)
        self._next = 0

    def climb(self, *, restarts: bool = True) -> Step:
        """`restarts`: this modem comes back from a restart of its own."""
        step = self._steps[self._next]
        self._next = (self._next + 1) % len(self._steps)
        return self.climb() if step is Step.RESTART and not restarts else step

    def reset(self) -> None:
        """It works again."""
        self._next = 0


async def cycle_radio(link: Dialogue) -> None:
    """Leave the network and register anew. One that is too slow or too busy for it is left with its radio off: whoever goes on
    with it sees to that."""
    await try_command(link, "AT+CFUN=4", timeout=RADIO_SECONDS)
    await switch_radio_on(link)


async def restart(link: Dialogue) -> bool:
    """Ask the modem to start anew. True when it said that it does; it may also be gone at once, or not do it at all."""
    try:
        await link.command("AT+CFUN=1,1", timeout=RADIO_SECONDS)
    except (CommandFailed, NoAnswer):
        return False
    return True


async def cut_power(command: Sequence[str]) -> bool:
    """Run the owner's command. True when it ended well within its bound; it is killed at the bound."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(_POWER_SECONDS):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
