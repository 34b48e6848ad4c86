"""GET /v1/stream: all changes, live and resumable. It reads the record from where the client was; what changed several times since
then is told once, as it is now.
"""

from aiohttp import web

from daemon.api.handlers.frames import frames
from daemon.api.plumbing.route import Call, Route, get
from daemon.api.plumbing.services import Services
from daemon.api.plumbing.sse import MEDIA_TYPE, START, Streams, frame
from daemon.wire.queries import StreamQuery

BATCH = 200
FAR_BEHIND = 20_000
"""A client that missed more changes than this is told (`reset`) to read everything again."""
MOST_CLIENTS = 64
EPOCH = "Tether-Epoch"
"""The header that names the history which the numbers belong to: where it is another one than before, a client reads all anew."""


class Stream:
    """The stream of one application."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.open = Streams(services, most=MOST_CLIENTS, each=MOST_CLIENTS)

    async def follow(self, call: Call[StreamQuery, None]) -> web.StreamResponse:
        newest = await self._services.box.views.newest()
        history = {EPOCH: await self._services.box.views.epoch()}
        asked = _last_id(call)
        if asked is None or max(0, newest - FAR_BEHIND) <= asked <= newest:
            since = newest if asked is None else asked
            return await self.open.serve(call.request, self._after, since, headers=history, may=call.caller.stands)
        start = START + _reset(newest)
        return await self.open.serve(
            call.request, self._after, newest, start=start, headers=history, may=call.caller.stands
        )

    async def _after(self, since: int) -> tuple[bytes, int]:
        changes = await self._services.box.views.changes(since, limit=BATCH)
        if not changes:
            return b"", since
        told, reached = await frames(self._services, changes), changes[-1].seq
        if any(change.kind == "person" for change in changes):
            told.append(_reset(reached))
        return b"".join(told), reached

    def routes(self) -> tuple[Route[StreamQuery, None], ...]:
        return (
            get(
                "/v1/stream",
                self.follow,
                "Follow all changes",
                "Service",
                MEDIA_TYPE,
                StreamQuery,
                refusals=(503,),
                description="Server-sent events named `order`, `message`, `attempt`, `receipt`, `channel`, `uplink` and `reply`, with "
                "the thing as its GET shows it as data and the record's sequence number as id; resumable with Last-Event-ID. "
                "`reset` says that too much was missed, or that somebody was forgotten: read everything again, and let go of what is not there; so does another `Tether-Epoch` than before (a restored or another database). A comment comes every 15 s.",
            ),
        )


def _reset(seq: int) -> bytes:
    """What a client shows may be gone: it is to read everything again."""
    return frame("reset", seq, b"{}")


def _last_id(call: Call[StreamQuery, None]) -> int | None:
    """Where the client was. The header wins: browsers send it by themselves when they come back. Nonsense counts as long ago."""
    given = call.request.headers.get("Last-Event-ID", "").strip()
    if not given:
        return call.query.last_event_id
    return int(given) if given.isascii() and given.isdigit() and len(given) <= 18 else -1
