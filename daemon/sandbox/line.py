"""The store's line to the stand-ins: two listening sockets that can be cut and mended."""

import asyncio
import socket
from typing import Literal, Protocol, TypeAlias

from outbox.clock import Clock

Mode: TypeAlias = Literal["refused", "silent"]
"""How a cut line feels: connections are refused, or made and never answered."""


class Listener(Protocol):
    """One listening socket."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        ...

    async def listen(self) -> None:
        """Begin to take connections; on the same port as before, if there was one."""
        ...

    async def deafen(self) -> None:
        """Take no more connections and break those there are."""
        ...


class Line:
    """Up until it is cut. A cut may mend itself after a while: the switch is behind the same port that a cut closes."""

    def __init__(self, clock: Clock, *listeners: Listener) -> None:
        self._clock = clock
        self._listeners = listeners
        self._mended = asyncio.Event()
        self._closing = asyncio.Event()
        self._change = asyncio.Lock()
        self._cuts = 0
        self._held: list[socket.socket] = []
        """The ports of a line that is cut: bound, so that no other program is given them meanwhile, and deaf."""
        self._timers = asyncio.TaskGroup()
        self.mode: Mode | None = None
        """None: it is up."""

    async def __aenter__(self) -> "Line":
        try:
            for listener in self._listeners:
                await listener.listen()
        except OSError:
            await self._each("deafen")
            raise
        await self._timers.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._closing.set()
        self._mended.set()
        await self._timers.__aexit__(None, None, None)
        self._let_go()
        await self._each("deafen")

    @property
    def up(self) -> bool:
        return self.mode is None

    async def cut(self, mode: Mode = "refused", for_seconds: float | None = None) -> None:
        """Cut it, for so long or until `restore`. Connections that stand are broken, except in silence."""
        async with self._change:
            self._cuts += 1
            if mode != self.mode:
                if mode == "refused":
                    await self._each("deafen")
                    self._hold()
                elif self.mode == "refused":
                    self._let_go()
                    await self._each("listen")
                self.mode = mode
            if for_seconds is not None:
                self._timers.create_task(self._mend_after(for_seconds, self._cuts))

    def cut_soon(self, mode: Mode, for_seconds: float) -> None:
        """Cut it in a moment: whoever asked over the line itself still gets an answer."""
        self._timers.create_task(self._cut_after(0.1, mode, for_seconds))

    async def restore(self) -> None:
        async with self._change:
            if self.mode == "refused":
                self._let_go()
                await self._each("listen")
            self.mode = None
            self._mended.set()
            self._mended = asyncio.Event()

    async def quiet(self) -> None:
        """Wait as one does who hears nothing: until the line is mended."""
        await self._clock.wait(self._mended, None)

    async def _mend_after(self, seconds: float, cut: int) -> None:
        if not await self._clock.wait(self._closing, seconds) and cut == self._cuts:
            await self.restore()

    async def _cut_after(self, seconds: float, mode: Mode, for_seconds: float) -> None:
        if not await self._clock.wait(self._closing, seconds):
            await self.cut(mode, for_seconds)

    async def _each(self, action: Literal["listen", "deafen"]) -> None:
        for listener in self._listeners:
            await (listener.listen() if action == "listen" else listener.deafen())

    def _hold(self) -> None:
        """As far as they can be had at this moment."""
        for listener in self._listeners:
            held = socket.socket()
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                held.bind(listener.address)
            except OSError:
                held.close()
            else:
                self._held.append(held)

    def _let_go(self) -> None:
        while self._held:
            self._held.pop().close()
