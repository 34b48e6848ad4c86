"""The bare parts of an event's life, each done by nothing but the library it takes: what the service is measured against.

    python -m tests.bench.bare PART TOGETHER COUNT [URL]   ->   microseconds of this process's processor for each event

`check` decodes and checks an event with msgspec; `render` renders its text with a compiled jinja2 template; `post` posts its form with
aiohttp's client, TOGETHER in flight; `rows` writes what the service writes for it, by `executemany`, TOGETHER events a group and one
sync a group. `serve` reads and answers with aiohttp's server; it prints where, and its own processor time whenever it is asked.

One at a time there is a rest before each, as there is between the steps of lone events: what a processor has not done for some
milliseconds takes it several times as long as the same in a tight loop.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import aiohttp
import jinja2
import msgspec
import uvloop
from aiohttp import web

from outbox.model import Event
from tests.bench.bare_rows import lives, written_by
from tests.bench.harness import ROOT, folder
from tests.bench.loadgen import EVENT

T = TypeVar("T")

REST = 0.005
"""Seconds."""
ANSWER = b'{"event_id":"b1764254000-1","duplicate":false,"messages":[{"id":"m0123456789abcdef0123","audience":"customer","state":"queued","via":["twilio"],"reason":""}]}'
FORM = {
    "To": "+447700900123",
    "From": "+15005550006",
    "Body": "Hi Ada, your balloons (order B-1042) are ready to collect. Balloon Loft",
}


def check(together: int, count: int, url: str) -> float:
    """Decode the event into the structs that the service has for it, which check it."""
    decoder = msgspec.json.Decoder(Event)
    raws = [(EVENT % (f"c-{n}", f"c-{n}")).encode() for n in range(count)]
    return used_by(decoder.decode, raws, resting=together == 1)


def render(together: int, count: int, url: str) -> float:
    """The shipped text of the same event, in English, by a template that was compiled before."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "templates"), trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= dict.fromkeys(("day", "time", "fullday", "listed"), str)
    template = environment.get_template("en/order.ready.sms.j2")
    values = [
        {
            "order": {"ref": f"r-{n}", "delivered": False, "promised": None},
            "customer": {"first_name": "Ada"},
            "store": {"name": "Balloon Loft", "address": None, "hours": None},
        }
        for n in range(count)
    ]
    assert "Ada" in template.render(values[0])
    return used_by(template.render, values, resting=together == 1)


def post(together: int, count: int, url: str) -> float:
    """The same form to the same provider."""

    headers = {"Authorization": aiohttp.encode_basic_auth("AC0", "1" * 32)}

    async def one(session: aiohttp.ClientSession) -> None:
        async with session.post(f"{url}/2010-04-01/Accounts/AC0/Messages.json", data=FORM, headers=headers) as answer:
            msgspec.json.decode(await answer.read())

    async def work(session: aiohttp.ClientSession, left: "itertools.count[int]") -> None:
        while next(left) < count:
            await one(session)

    async def whole() -> float:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await work(session, itertools.count(count - together))
            if together == 1:
                took = 0.0
                for _ in range(count):
                    await asyncio.sleep(REST)
                    began = time.process_time()
                    await one(session)
                    took += time.process_time() - began
                return took
            left = itertools.count()
            began = time.process_time()
            await asyncio.gather(*(work(session, left) for _ in range(together)))
            return time.process_time() - began

    return uvloop.run(whole())


def rows(together: int, count: int, url: str) -> float:
    """What the service writes, recorded from its own outbox and written again by sqlite3 alone."""
    with folder() as place:
        recorded = asyncio.run(lives(place / "recorded", count, together))
        return written_by(place / "bare.db", recorded, rest=REST if together == 1 else 0.0)


def used_by(work: Callable[[T], object], each: Sequence[T], *, resting: bool) -> float:
    """Seconds of the processor."""
    if not resting:
        began = time.process_time()
        for one in each:
            work(one)
        return time.process_time() - began
    took = 0.0
    for one in each:
        time.sleep(REST)
        began = time.process_time()
        work(one)
        took += time.process_time() - began
    return took


async def serve() -> None:
    """Read a request, answer it."""

    async def accept(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=202, body=ANSWER, content_type="application/json")

    async def used(request: web.Request) -> web.Response:
        return web.Response(text=str(time.process_time()))

    app = web.Application()
    app.router.add_post("/v1/events", accept)
    app.router.add_get("/used", used)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=512).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


PARTS = {"check": check, "render": render, "post": post, "rows": rows}


def main(part: str, together: str = "1", count: str = "1", url: str = "") -> None:
    if part == "serve":
        uvloop.run(serve())
    else:
        print(PARTS[part](int(together), int(count), url) / int(count) * 1e6)


if __name__ == "__main__":
    main(*sys.argv[1:])
