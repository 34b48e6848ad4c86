"""A store's way to headquarters, which can be cut and mended: a port that hands on to one of NATS's servers, and what it carries it can't read."""

import asyncio

CHUNK = 65_536


class Relay:
    """Takes connections between `listen` and `deafen`, always on the same port."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def deafen(self) -> None:
        """Breaks what stands, too."""
        if self._server is None:
            return
        self._server.close()
        for end in list(self._ends):
            end.transport.abort()
        await self._server.wait_closed()
        self._server = None

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = {writer}
        self._ends.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            ends.add(far_writer)
            self._ends.add(far_writer)
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, far_writer), name="to headquarters")
                group.create_task(_pump(far_reader, writer), name="to the store")
        except* OSError:
            """Either end is gone, and with it the other: a line that breaks is what this is for."""
        finally:
            for end in ends:
                end.transport.abort()
            self._ends -= ends


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    writer.close()
