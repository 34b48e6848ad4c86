"""Answers as bytes: JSON by msgspec, the headers every answer carries, and problems."""

import asyncio
from collections.abc import Mapping

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from daemon.api.schema.problem import MEDIA_TYPE, Problem
from daemon.wire.values import encode
from outbox import harmless

JSON = "application/json"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"

GUARD: Mapping[str, str] = {
    "Server": "tether",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
"""On every answer. Pages add a Content-Security-Policy of their own."""

WRITE_WAIT_S = 30.0
"""A client that takes nothing of a long answer for so long is let go."""

API_POLICY = "default-src 'none'; frame-ancestors 'none'"


def answer(
    body: bytes, *, status: int = 200, content_type: str = JSON, headers: Mapping[str, str] | None = None
) -> web.Response:
    carried = CIMultiDict(GUARD)
    carried["Content-Type"] = content_type
    carried["Content-Security-Policy"] = API_POLICY
    if headers:
        carried.update(headers)
    return web.Response(body=body, status=status, headers=carried)


async def write(response: web.StreamResponse, piece: bytes) -> None:
    """One piece of a long answer. Raises TimeoutError for a client that takes nothing, ConnectionError for one that is gone."""
    async with asyncio.timeout(WRITE_WAIT_S):
        await response.write(piece)


def as_json(value: msgspec.Struct, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return answer(harmless.json_escaped(encode(value)), status=status, headers=headers)


def as_problem(problem: Problem, request_id: str | None = None) -> web.Response:
    headers = dict(problem.headers)
    if request_id:
        headers["X-Request-Id"] = request_id
    body = harmless.json_escaped(encode(problem.body(request_id)))
    return answer(body, status=problem.status, content_type=MEDIA_TYPE, headers=headers)
