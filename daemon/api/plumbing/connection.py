"""One connection as the HTTP face serves it: it knows its door and its place from the moment it is accepted."""

import asyncio
from typing import Any, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from daemon.api.plumbing.peers import Peer
from daemon.api.plumbing.places import Guest, Places
from daemon.api.plumbing.reply import as_problem
from daemon.api.plumbing.tally import Tally
from daemon.api.schema.problem import Problem

HEAD_BYTES = 32 * 2**10
"""Of one request's headers together."""
TLS_BYTES = 32 * 2**10
"""Taken in from a TLS connection while nobody reads it."""
MOST_AHEAD = 2
"""Requests that a connection may have sent ahead of the answer to its first."""
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Connection(RequestHandler):
    """aiohttp's, in a place of its own, which it leaves when it is gone."""

    __slots__ = ("_head", "guest", "peer", "places", "tally")

    def __init__(
        self,
        server: web.Server,
        *,
        guest: Guest,
        peer: Peer | None,
        places: Places,
        tally: Tally,
        **options: Any,
    ) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self.guest = guest
        self.peer = peer
        """Who is at the other end; None: whoever can reach the TCP port."""
        self.places = places
        self.tally = tally
        self._head = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        wire = cast(asyncio.Transport, transport)  # in deed, if not by class: uvloop's is a subclass of nothing
        self.guest.end, self.guest.unread = wire.abort, wire.get_write_buffer_size
        if limit := getattr(transport, "set_read_buffer_limits", None):  # TLS: what is not decrypted yet
            limit(high=TLS_BYTES)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.places.leave(self.guest)

    def data_received(self, data: bytes) -> None:
        waits = self._waiter is not None and not self._waiter.done()
        super().data_received(data)
        if not waits:
            if len(self._messages) > MOST_AHEAD and not self.guest.proved:
                self._too_much()
        elif not self._messages:
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self._too_much()
        else:
            self._head = 0

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """What can't be read as HTTP is refused as all else is: aiohttp's own answer names its release and Python's."""
        super().handle_error(request, status, exc, message)
        said = "this should not have happened; the log has the reason"
        if status < 500:
            what = (message or "").partition("\n")[0].rstrip(":")
            said = f"this can't be read as HTTP: {what[:200]}"
        refusal = as_problem(Problem(status, said))
        refusal.force_close()
        return refusal

    def _too_much(self) -> None:
        self.tally.count("header_bytes", address=self.guest.address)
        if self.transport is not None:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        self.force_close()


def connection_of(request: web.BaseRequest) -> Connection:
    """The connection that a request came by. Raises ConnectionError when it is gone: what nobody waits for is not carried out."""
    connection = request.protocol
    if not isinstance(connection, Connection) or connection.transport is None:
        raise ConnectionResetError("the connection is gone")
    return connection
