"""Finding the modem among the ports of this machine, and the right one of its several ports.

Only ports of makers of modems are written to, and those that the owner names: an AT in a receipt printer prints a receipt.
"""

import asyncio
import glob
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from daemon.modem.dialogue import Dialogue
from daemon.modem.errors import ModemError, NoAnswer, NoDevice, PortLost
from daemon.modem.port import open_port
from daemon.modem.quirks import MODEM_VENDORS
from daemon.modem.setup import greet
from outbox.clock import Clock

_INTERFACE = re.compile(r"\.(\d+)$")


async def candidates(patterns: Sequence[str]) -> list[str]:
    """Where a modem may be: what the owner's patterns match, then the ports of makers of modems, the likeliest first."""
    return await asyncio.to_thread(_candidates, tuple(patterns))


def _candidates(patterns: Sequence[str]) -> list[str]:
    named = [path for pattern in patterns for path in sorted(glob.glob(pattern))]  # noqa: PTH207 - absolute patterns
    return _distinct([*named, *_by_maker()])


def _by_maker() -> list[str]:
    try:
        ports = [port for port in list_ports.comports() if port.vid in MODEM_VENDORS]
    except TypeError:  # one was pulled out while pyserial read of it: looked at again in a moment
        return []
    return [port.device for port in sorted(ports, key=lambda port: (_is_other_interface(port), port.device))]


def _is_other_interface(port: ListPortInfo) -> bool:
    """Its maker takes commands at another interface than this one."""
    interface = _INTERFACE.search(port.location or "")
    known = MODEM_VENDORS[port.vid]
    return known is not None and interface is not None and int(interface[1]) != known


def _distinct(paths: Iterable[str]) -> list[str]:
    """Each device once, under the first of its names."""
    return list({str(Path(path).resolve()): path for path in reversed(list(paths))}.values())[::-1]


async def find(devices: Iterable[str], baud: int, clock: Clock) -> str:
    """The first of them that answers as a modem that sends SMS. Raises PortLost where there is no port to try or one can't be
    opened, and NoAnswer where none answers."""
    tried: list[str] = []
    closed: list[PortLost] = []
    for device in devices:
        tried.append(device)
        try:
            if await _answers(device, baud, clock):
                return device
        except NoDevice:
            continue
        except PortLost as error:
            closed.append(error)
    if not tried:
        raise NoDevice("no modem is plugged in: there is no port of a maker of modems")
    if closed:
        raise closed[0]
    raise NoAnswer(f"AT at {', '.join(tried)}")


async def _answers(device: str, baud: int, clock: Clock) -> bool:
    port = await open_port(device, baud)
    link = Dialogue(port, clock, lambda _: None)
    try:
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(link.listen())
            found = await _is_modem(link)
            listening.cancel()
    finally:
        port.close()
    return found


async def _is_modem(link: Dialogue) -> bool:
    try:
        await greet(link)
        await link.command("AT+CMGF=0")
    except ModemError:
        return False
    return True
