"""The cable between the simulator and whoever talks to it: octets both ways, with the faults that cables have."""

import asyncio
import random
from collections.abc import Callable

from daemon.modem.simulator.character import Faults
from outbox.clock import Clock


class Gone(Exception):
    """The other end is no longer there: pulled out, or restarting."""


class Wire:
    """One connection. `write` puts octets on the real thing, `cut` pulls it out; `restart` plugs it in again by itself."""

    def __init__(
        self,
        faults: Faults,
        clock: Clock,
        rng: random.Random,
        write: Callable[[bytes], None],
        cut: Callable[[bool], None],
    ) -> None:
        self._faults, self._clock, self._rng = faults, clock, rng
        self._write, self._cut = write, cut
        self._incoming: asyncio.Queue[int | None] = asyncio.Queue()
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()

    def feed(self, data: bytes) -> None:
        """Octets that the computer sent."""
        for octet in data:
            if not self._lost(self._faults.lose_input):
                self._incoming.put_nowait(octet)

    def hang_up(self) -> None:
        """The computer's end is gone."""
        self._incoming.put_nowait(None)

    async def receive(self) -> int:
        """The next octet. Raises Gone."""
        octet = await self._incoming.get()
        if octet is None:
            raise Gone
        return octet

    def send(self, data: bytes) -> None:
        """Octets to the computer, in the pieces and with the losses that `faults` asks for."""
        self._outgoing.put_nowait(data)

    async def carry(self) -> None:
        """Write what was sent, until cancelled."""
        while True:
            data = await self._outgoing.get()
            kept = bytes(octet for octet in data if not self._lost(self._faults.lose_output))
            while kept:
                size = self._piece(len(kept))
                self._write(kept[:size])
                kept = kept[size:]
                if kept:
                    await self._clock.sleep(0)

    def unplug(self) -> None:
        """Pull it out for good. Raises Gone."""
        self._cut(False)
        raise Gone

    def restart(self) -> None:
        """Vanish, and come back as after a start. Raises Gone."""
        self._cut(True)
        raise Gone

    def _piece(self, length: int) -> int:
        limit = self._faults.chunk
        if limit is None:
            return length
        return self._rng.randint(1, 9) if limit == 0 else limit

    def _lost(self, chance: float) -> bool:
        return chance > 0 and self._rng.random() < chance
