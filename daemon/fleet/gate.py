"""Holds the first messages after an outage until the fleet's opt-outs were asked for, or for so long at most: a STOP that came to another
store meanwhile must count, and a headquarters that is away must not keep customers waiting."""

import asyncio

from outbox.clock import Clock


class ConsentGate:
    """Shut when the service starts and when the line comes back; opened by the link, and by itself after `patience` seconds."""

    def __init__(self, clock: Clock, patience: float) -> None:
        self._clock = clock
        self._patience = patience
        self._open = asyncio.Event()
        self._until = clock.monotonic() + patience

    def shut(self) -> None:
        self._open.clear()
        self._until = self._clock.monotonic() + self._patience

    def open(self) -> None:
        self._open.set()

    @property
    def is_open(self) -> bool:
        return self._open.is_set() or self._clock.monotonic() >= self._until

    async def passed(self) -> None:
        """Returns once messages may go."""
        while not self.is_open:
            await self._clock.wait(self._open, self._until - self._clock.monotonic())
