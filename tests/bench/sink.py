"""An instant SMS provider for benchmarks: takes Twilio's call, answers 201, counts. `python -m tests.bench.sink [SECONDS]` waits so long."""

import asyncio
import itertools
import sys
from collections.abc import Callable

HEAD = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Sink(asyncio.Protocol):
    """One connection. GET tells the count; anything else is a message."""

    count = itertools.count(1)
    taken = 0

    def __init__(self, delay: float, told: Callable[[bytes], None] | None = None) -> None:
        self.delay = delay
        self.told = told
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 : (head.find(b"\r", at) if head.find(b"\r", at) > 0 else None)]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            request, self.buffer = self.buffer[: end + 4 + length], self.buffer[end + 4 + length :]
            if request.startswith(b"GET"):
                self.reply(200, b"%d" % Sink.taken)
            elif self.delay:
                asyncio.get_running_loop().call_later(self.delay, self.take, request)
            else:
                self.take(request)

    def take(self, request: bytes) -> None:
        Sink.taken += 1
        if self.told:
            self.told(request)
        self.reply(201, b'{"sid":"SM%032x","status":"queued"}' % next(Sink.count))

    def reply(self, status: int, body: bytes) -> None:
        if not self.transport.is_closing():  # type: ignore[attr-defined]
            self.transport.write(HEAD % (status, len(body)) + body)  # type: ignore[attr-defined]


async def serve(delay: float, told: Callable[[bytes], None] | None = None) -> tuple[asyncio.Server, str]:
    server = await asyncio.get_running_loop().create_server(lambda: Sink(delay, told), "127.0.0.1", 0, backlog=512)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def main(delay: float) -> None:
    _, url = await serve(delay)
    print(url, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0))
