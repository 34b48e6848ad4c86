"""Where the simulated modem is plugged in: a pty with a stable path, or a TCP port. It can be pulled out and put back."""

import asyncio
import contextlib
import os
import random
import tty
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from daemon.modem.simulator.modem import SimulatedModem
from daemon.modem.simulator.wire import Wire
from outbox.clock import Clock

RESTART_SECONDS = 5.0
_CHUNK = 4096


class Plug(Protocol):
    """What `plugged_in` gives: the device to name in `[channels.modem] device`, and a hand on the cable."""

    device: str

    def pull(self) -> None:
        """Take it out."""
        ...

    def put(self) -> None:
        """Put it (back) in: it starts as after a cut of power."""
        ...


class _Base:
    def __init__(self, modem: SimulatedModem, clock: Clock, rng: random.Random, group: asyncio.TaskGroup) -> None:
        self._modem, self._clock, self._rng, self._group = modem, clock, rng, group
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Pull it out, and forget about putting it back."""
        self.pull()
        for task in self._tasks:
            task.cancel()

    def pull(self) -> None:
        raise NotImplementedError

    def put(self) -> None:
        raise NotImplementedError

    def _cut(self, comes_back: bool) -> None:
        self.pull()
        if comes_back:
            self._start(self._return())

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _return(self) -> None:
        await self._clock.sleep(RESTART_SECONDS)
        self.put()


class _Pty(_Base):
    """A pseudo-terminal behind a symbolic link, as udev would keep one under /dev/serial/by-id."""

    def __init__(
        self, link: Path, modem: SimulatedModem, clock: Clock, rng: random.Random, group: asyncio.TaskGroup
    ) -> None:
        super().__init__(modem, clock, rng, group)
        self.device = str(link)
        self._link = link
        self._ends: tuple[int, int] | None = None
        self._wire: Wire | None = None

    def put(self) -> None:
        if self._ends:
            return
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        self._ends = ours, theirs
        self._wire = Wire(self._modem.faults, self._clock, self._rng, self._write, self._cut)
        if self._link.is_symlink():  # of one that was not taken out properly
            self._link.unlink()
        self._link.symlink_to(os.ttyname(theirs))
        asyncio.get_running_loop().add_reader(ours, self._read)
        self._start(self._modem.work(self._wire, cold=True))

    def pull(self) -> None:
        if not self._ends or not self._wire:
            return
        ours, theirs = self._ends
        asyncio.get_running_loop().remove_reader(ours)
        self._link.unlink(missing_ok=True)
        os.close(theirs)
        os.close(ours)
        self._wire.hang_up()
        self._ends = self._wire = None

    def _read(self) -> None:
        if self._ends and self._wire:
            with contextlib.suppress(OSError):  # nothing there after all
                self._wire.feed(os.read(self._ends[0], _CHUNK))

    def _write(self, data: bytes) -> None:
        if self._ends:
            with contextlib.suppress(BlockingIOError):  # nobody reads: a modem's words are lost then as well
                os.write(self._ends[0], data)


class _Tcp(_Base):
    """A TCP port on this machine; one caller at a time."""

    def __init__(self, modem: SimulatedModem, clock: Clock, rng: random.Random, group: asyncio.TaskGroup) -> None:
        super().__init__(modem, clock, rng, group)
        self.device = ""
        self._in = self._cold = False
        self._writer: asyncio.StreamWriter | None = None

    def put(self) -> None:
        self._in = self._cold = True

    def pull(self) -> None:
        self._in = False
        if self._writer:
            self._writer.transport.abort()
            self._writer = None

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A caller: refused while nothing is plugged in."""
        if not self._in or self._writer:
            writer.transport.abort()
            return
        self._writer = writer
        wire = Wire(self._modem.faults, self._clock, self._rng, writer.write, self._cut)
        cold, self._cold = self._cold, False
        try:
            async with asyncio.TaskGroup() as group:
                feeding = group.create_task(_feed(reader, wire))
                await self._modem.work(wire, cold=cold)
                feeding.cancel()
        finally:
            self._writer = None
            writer.transport.abort()


async def _feed(reader: asyncio.StreamReader, wire: Wire) -> None:
    with contextlib.suppress(OSError):  # the caller hung up in its own way
        while data := await reader.read(_CHUNK):
            wire.feed(data)
    wire.hang_up()


@asynccontextmanager
async def on_pty(modem: SimulatedModem, link: Path, clock: Clock, rng: random.Random) -> AsyncIterator[Plug]:
    """The modem at a device path, which is `link`: a symbolic link that is made, or renewed, here."""
    async with asyncio.TaskGroup() as group:
        plug = _Pty(link, modem, clock, rng, group)
        plug.put()
        try:
            yield plug
        finally:
            plug.close()


@asynccontextmanager
async def on_tcp(modem: SimulatedModem, clock: Clock, rng: random.Random, port: int = 0) -> AsyncIterator[Plug]:
    """The modem at `socket://127.0.0.1:port`; 0 takes a free port."""
    async with asyncio.TaskGroup() as group:
        plug = _Tcp(modem, clock, rng, group)
        plug.put()
        server = await asyncio.start_server(plug.answer, "127.0.0.1", port)
        plug.device = f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield plug
        finally:
            server.close()
            plug.close()
