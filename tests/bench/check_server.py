"""The peer of the accept benchmarks: a bare aiohttp handler that reads a bearer token, decodes the same event, answers 202, stores nothing."""

import asyncio
import sys

import msgspec
from aiohttp import web

ANSWER = b'{"event_id":"x","duplicate":false}'


async def accept(request: web.Request) -> web.Response:
    if request.headers.get("Authorization") != "Bearer check":
        return web.Response(status=401)
    msgspec.json.decode(await request.read())
    return web.Response(status=202, body=ANSWER, content_type="application/json")


async def main() -> None:
    app = web.Application()
    app.router.add_post("/v1/events", accept)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=512).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
    sys.exit()
