"""What every check of `tether doctor` is given, and what a check is."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import msgspec

from daemon.appliance.finding import Finding
from daemon.appliance.machine import Machine
from daemon.config import Settings
from daemon.http import Http
from outbox.clock import Clock


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    settings: Settings
    clock: Clock
    http: Http
    machine: Machine
    running: bool
    """Whether the service answers on its socket: then its port and its modem are its own."""
    offline: bool
    """Ask nothing outside this machine."""
    fix: bool
    """Mend what can be mended without a person."""
    ask_service: Callable[[str], Awaitable[object]]
    """GET a path of the running service's face."""


Check: TypeAlias = Callable[[Examination], Awaitable[Sequence[Finding]]]
