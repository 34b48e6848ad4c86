"""What every handler may use: the outbox, the engine in force, and what those tell who keep the box.

A reload exchanges `engine` while requests run: a handler that asks it several things takes it once.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from daemon.api.schema.upkeep import KnownCopies, Vitals
from daemon.config import Settings
from daemon.engine import Engine
from daemon.wire.link import FleetStatus
from outbox import Outbox
from outbox.clock import Clock


@dataclass
class Services:
    """Handed to the HTTP face by the service."""

    box: Outbox
    engine: Engine
    clock: Clock
    rng: random.Random
    version: str
    clock_trusted: Callable[[], bool]
    reload: Callable[[str], Awaitable[None]]
    """Read the configuration anew, for that actor. Raises `daemon.config.ConfigError`, and then nothing has changed."""
    vitals: Callable[[], Awaitable[Vitals]]
    seen: Callable[[str], Awaitable[bool]]
    """Staff (named) know what was saved of a damaged database. False: nothing was damaged."""
    copies: Callable[[], Awaitable[KnownCopies]]
    """Copies of the database from before, and until when they are kept."""
    fleet: Callable[[], Awaitable[FleetStatus]] | None
    """How the line to headquarters stands; None: this store is in no fleet."""
    hook_trouble: str = ""
    """Why no till on the network gets through, where their door could not be opened yet."""

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self.engine.settings
