"""Server-sent events (WHATWG HTML 9.2), kept open for many clients: woken by commits, beating while it is quiet, ending with the
service. What is told comes from a `Source`, which looks it up anew each time: no queue can grow.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import structlog
from aiohttp import web

from daemon.api.plumbing.connection import connection_of
from daemon.api.plumbing.reply import API_POLICY, GUARD, write
from daemon.api.plumbing.services import Services
from daemon.api.schema.problem import Problem
from outbox import Change, harmless
from outbox.errors import OutboxError

log = structlog.get_logger(__name__)

HEARTBEAT_S = 15.0
PACE_S = 0.1
"""Between looks: a busy hour is told in handfuls."""
MEDIA_TYPE = "text/event-stream"
HEADERS: Mapping[str, str] = {
    **GUARD,
    "Content-Type": MEDIA_TYPE,
    "Content-Security-Policy": API_POLICY,
    "X-Accel-Buffering": "no",
}
START = b"retry: 2000\n\n"

Source = Callable[[int], Awaitable[tuple[bytes, int]]]
"""What is new after that sequence number as events (b"": nothing), and the number it reaches to."""


def frame(name: str, seq: int, data: bytes) -> bytes:
    """One event. JSON holds no line break, so its data is one line."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, name.encode(), harmless.json_escaped(data))


class Streams:
    """The open streams of one kind: at most `most`, and `each` of one address."""

    def __init__(self, services: Services, *, most: int, each: int) -> None:
        self._services = services
        self._most = most
        self._each = each
        self._open_of: Counter[str] = Counter()
        self._stopping = asyncio.Event()
        self._wakes: set[asyncio.Event] = set()

    async def serve(
        self,
        request: web.Request,
        source: Source,
        since: int,
        *,
        start: bytes = START,
        headers: Mapping[str, str] = {},
        may: Callable[[], bool] = lambda: True,
    ) -> web.StreamResponse:
        """Answer with `start`, then with what the source has after `since`, until the client goes, `may` no longer be told, or the
        service stops."""
        if request.method == "HEAD":
            return web.Response(headers={**HEADERS, **headers})
        if len(self._wakes) >= self._most:
            raise Problem(503, f"{self._most} streams are open already", headers={"Retry-After": "10"})
        guest = connection_of(request).guest
        if self._open_of[guest.address] >= self._each:
            raise Problem(
                503, f"{self._each} streams are open already from this address", headers={"Retry-After": "10"}
            )
        response, wake = web.StreamResponse(headers={**HEADERS, **headers}), asyncio.Event()
        self._wakes.add(wake)
        self._open_of[guest.address] += 1
        guest.stays = True
        try:
            async with asyncio.TaskGroup() as group:
                watcher = group.create_task(_watch(self._services.box.changes.subscribe(), wake), name="stream watcher")
                try:
                    await response.prepare(request)
                    await write(response, start)
                    await self._tell(response, source, wake, since, may)
                except (ConnectionError, TimeoutError, OutboxError) as error:
                    log.debug("a stream broke off", remote=request.remote, error=str(error))
                    guest.end()  # who takes nothing takes no end of the answer either, and one that ended well would look whole
                finally:
                    watcher.cancel()
        finally:
            self._wakes.discard(wake)
            self._open_of[guest.address] -= 1
            self._open_of += Counter()  # forgets whose count is zero
        return response

    async def _tell(
        self, response: web.StreamResponse, source: Source, wake: asyncio.Event, since: int, may: Callable[[], bool]
    ) -> None:
        clock = self._services.clock
        while not self._stopping.is_set():
            wake.clear()
            data, reached = await source(since)
            if not may():
                return
            if data:
                await write(response, data)
            if reached != since:
                since = reached
                await clock.wait(self._stopping, PACE_S)
            elif not await clock.wait(wake, HEARTBEAT_S):
                await write(response, b": still here\n\n")

    async def stop(self, app: web.Application) -> None:
        """For `on_shutdown`: every stream ends after what it is writing."""
        self._stopping.set()
        for wake in self._wakes:
            wake.set()


async def _watch(changes: AsyncIterator[Change], wake: asyncio.Event) -> None:
    async for _ in changes:
        wake.set()
