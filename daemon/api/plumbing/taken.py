"""The hook's answer, written with less ado than aiohttp's own responses: its head is the same each time but for date and length.

It saves an eighth of the processor time that an event costs the service (docs/performance.md).
"""

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.web_request import BaseRequest

from daemon.api.plumbing.reply import API_POLICY, GUARD, JSON

_REASONS = {200: "OK", 202: "Accepted"}
_HEAD = "".join(
    f"{name}: {value}\r\n"
    for name, value in {**GUARD, "Content-Type": JSON, "Content-Security-Policy": API_POLICY}.items()
)
_STATUS_LINES = {
    (status, version): f"HTTP/1.{version} {status} {reason}\r\n{_HEAD}"
    for status, reason in _REASONS.items()
    for version in (0, 1)
}


class Taken(web.StreamResponse):
    """200 or 202 with a small JSON body, whole in one write."""

    def __init__(self, body: bytes, status: int) -> None:
        super().__init__(status=status)
        self._json = body

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        self._keep_alive = keep_alive = request.keep_alive
        is_new = request.version >= HttpVersion11
        closing = (
            "" if keep_alive and is_new else "Connection: keep-alive\r\n" if keep_alive else "Connection: close\r\n"
        )
        head = _STATUS_LINES[self.status, int(is_new)]
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        transport.write(
            f"{head}Date: {rfc822_formatted_time()}\r\nContent-Length: {len(self._json)}\r\n{closing}\r\n".encode()
            + self._json
        )
        await request.writer.drain()
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """All was written by `prepare`."""
