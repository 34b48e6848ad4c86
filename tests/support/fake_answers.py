"""How the fake service puts what it says: an event of its stream, and a problem."""

import json

from aiohttp import web

from tests.support.sample_shop import Json


def frame(number: int, name: str, data: Json) -> bytes:
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()


def problem(status: int, detail: str) -> web.Response:
    body = {"type": "about:blank", "title": "Refused", "status": status, "detail": detail}
    return web.json_response(body, status=status, content_type="application/problem+json")
