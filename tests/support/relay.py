"""A line between a client and a server that can be cut or slow: what the client connects with instead, byte for byte."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

PIECE = 8 * 1024


class Relay:
    """`url` is as the server's own, but for the port. Down, it hangs up at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: set[asyncio.StreamWriter] = set()
        self.is_up = True
        self.url = ""
        self.rate = float("inf")
        """Bytes a second that come back over each connection."""
        self.met = 0

    def cut(self) -> None:
        self.is_up = False
        for writer in self._open:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.is_up:
            writer.transport.abort()
            return
        self.met += 1
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._open |= {writer, back}
        try:
            await asyncio.gather(_pump(reader, back), self._answer(there, writer))
        finally:
            self._open -= {writer, back}

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _pump(reader, writer, lambda size: size / self.rate)


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, takes: Callable[[int], float] = lambda size: 0.0
) -> None:
    with suppress(OSError):
        while piece := await reader.read(PIECE):
            await asyncio.sleep(takes(len(piece)))
            writer.write(piece)
            await writer.drain()
    writer.transport.abort()


@asynccontextmanager
async def relays(urls: tuple[str, ...]) -> AsyncIterator[list[Relay]]:
    """One before each of these servers of NATS."""
    async with AsyncExitStack() as stack:
        made = []
        for url in urls:
            relay = Relay(int(url.rpartition(":")[2]))
            server = await stack.enter_async_context(await asyncio.start_server(relay.serve, "127.0.0.1", 0))
            relay.url = f"tls://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            made.append(relay)
        try:
            yield made
        finally:
            for relay in made:
                relay.cut()
