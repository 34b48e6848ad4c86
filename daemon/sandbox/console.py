"""The sandbox's own face under `/_sandbox`: the mailbox to read, trouble to order, the line to cut. Never part of a vendor."""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from daemon.sandbox.callback import Deed
from daemon.sandbox.customers import Customers, NotSaid
from daemon.sandbox.exchange import Response, plain, reply
from daemon.sandbox.faults import Fault, Faults
from daemon.sandbox.line import Line, Mode
from daemon.sandbox.mailbox import Arrival
from daemon.sandbox.providers.base import World
from daemon.sandbox.stand_ins import StandIns
from daemon.sandbox.times import iso
from outbox.clock import Clock

PAGE = (Path(__file__).parent / "page.html").read_bytes()
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-src 'self'"
)
"""The page fetches nothing from outside, nor do the mails shown in it."""


class LineSwitch(msgspec.Struct, forbid_unknown_fields=True):
    """POST line."""

    up: bool
    mode: Mode = "refused"
    for_seconds: float = 30.0
    """A refusing cut closes this port too, so that it must mend itself."""


class Wrote(msgspec.Struct, forbid_unknown_fields=True):
    """POST wrote: a customer wrote, which opens a window of 24 hours."""

    provider: str
    customer: str


class Write(msgspec.Struct, forbid_unknown_fields=True):
    """POST write: a customer writes to the store, complains of a mail or unsubscribes."""

    customer: str
    """The address; of those it was reached at."""
    text: str = ""
    deed: Deed = "writes"
    provider: str = ""
    """Who carries it. Default: who sent them the newest message."""


class Console:
    """`reset` makes all of it as new."""

    def __init__(
        self,
        world: World,
        stand_ins: StandIns,
        customers: Customers,
        faults: Faults,
        line: Line,
        clock: Clock,
        *,
        reset: Callable[[], None],
    ) -> None:
        self._world = world
        self._stand_ins = stand_ins
        self._people = customers
        self._troubles = faults
        self._switch = line
        self._clock = clock
        self._make_new = reset
        self._calls: dict[tuple[str, str], Callable[[web.BaseRequest], Awaitable[Response]]] = {
            ("GET", ""): self._page,
            ("GET", "messages"): self._messages,
            ("GET", "customers"): self._customers,
            ("GET", "counts"): self._counts,
            ("GET", "status"): self._status,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "line"): self._line,
            ("POST", "wrote"): self._wrote,
            ("POST", "write"): self._write,
            ("POST", "reset"): self._reset,
        }

    async def answer(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        call = self._calls.get((request.method, name))
        if call is None:
            known = ", ".join(f"{method} /_sandbox/{path}" for method, path in self._calls)
            answer = plain(404, f"No such call. There are: {known}\n")
        elif not _is_plain(request.headers.get("Host", "")):
            answer = reply(421, {"error": "open the sandbox by its number, like http://127.0.0.1:9100/_sandbox/"})
        elif request.method == "POST" and request.content_type != "application/json":
            answer = reply(415, {"error": "send JSON: Content-Type: application/json"})
        else:
            try:
                answer = await call(request)
            except (msgspec.MsgspecError, ValueError) as error:
                answer = reply(400, {"error": str(error)})
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    # ------------------------------------------------------------ reading

    async def _page(self, request: web.BaseRequest) -> Response:
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": POLICY,
            "Cache-Control": "no-store",
        }
        return Response(200, PAGE, headers)

    async def _messages(self, request: web.BaseRequest) -> Response:
        query = request.query
        limit = int(query.get("limit", "500"))
        found = self._world.mailbox.select(
            provider=query.get("provider", ""), to=query.get("to", ""), since=int(query.get("since", "0")), limit=limit
        )
        newest = found[-1].seq if found else int(query.get("since", "0"))
        return reply(200, {"items": [_item(arrival) for arrival in found], "next": newest})

    async def _customers(self, request: web.BaseRequest) -> Response:
        customers = self._people
        said = customers.said(int(request.query.get("since", "0")))
        deeds = {name: sorted(deeds) for name, deeds in self._stand_ins.deeds.items()}
        value = {
            "store": customers.store,
            "names": customers.names,
            "tells": deeds,
            "said": [{**msgspec.to_builtins(word), "at": iso(word.at)} for word in said],
        }
        return reply(200, value)

    async def _counts(self, request: web.BaseRequest) -> Response:
        counts = self._world.mailbox.counts()
        more = {mark: count for mark, count in counts.items() if count > 1}
        return reply(200, {"total": self._world.mailbox.total, "distinct": len(counts), "more_than_once": more})

    async def _status(self, request: web.BaseRequest) -> Response:
        line = {"up": self._switch.up, "mode": self._switch.mode}
        value = {
            "line": line,
            "providers": list(self._stand_ins.media),
            "faults": self._troubles.listed(self._clock.monotonic()),
            "total": self._world.mailbox.total,
        }
        return reply(200, value)

    async def _faults(self, request: web.BaseRequest) -> Response:
        return reply(200, {"items": self._troubles.listed(self._clock.monotonic())})

    # ------------------------------------------------------------ doing

    async def _add_fault(self, request: web.BaseRequest) -> Response:
        fault = msgspec.json.decode(await request.read(), type=Fault)
        self._known(fault.provider, "*")
        self._troubles.add(fault, self._clock.monotonic())
        return reply(201, {"items": self._troubles.listed(self._clock.monotonic())})

    async def _clear_faults(self, request: web.BaseRequest) -> Response:
        self._troubles.clear()
        return reply(200, {"items": []})

    async def _line(self, request: web.BaseRequest) -> Response:
        switch = msgspec.json.decode(await request.read(), type=LineSwitch)
        if not 0 < switch.for_seconds <= 3600:
            raise ValueError("for_seconds is from 0 to 3600")
        if switch.up:
            await self._switch.restore()
        else:
            self._switch.cut_soon(switch.mode, switch.for_seconds)
        return reply(200, {"up": switch.up, "mode": None if switch.up else switch.mode})

    async def _wrote(self, request: web.BaseRequest) -> Response:
        wrote = msgspec.json.decode(await request.read(), type=Wrote)
        self._known(wrote.provider)
        self._world.windows.wrote(wrote.provider, wrote.customer, self._clock.now())
        return reply(200, {"open": True})

    async def _write(self, request: web.BaseRequest) -> Response:
        wish = msgspec.json.decode(await request.read(), type=Write)
        if wish.provider:
            self._known(wish.provider)
        if wish.deed == "writes" and not wish.text.strip():
            raise ValueError("text is what the customer writes: it can't be empty")
        try:
            said = await self._people.say(wish.customer, wish.text, wish.deed, wish.provider)
        except NotSaid as problem:
            return reply(409, {"error": str(problem)})
        return reply(200, {**msgspec.to_builtins(said), "at": iso(said.at)})

    async def _reset(self, request: web.BaseRequest) -> Response:
        self._make_new()
        return reply(200, {"total": 0})

    def _known(self, provider: str, *also: str) -> None:
        if provider not in (*self._stand_ins.media, *also):
            raise ValueError(f"no stand-in {provider!r}; there are: {', '.join(self._stand_ins.media)}")


def _is_plain(host: str) -> bool:
    """Whether it names an address, or this machine: any other name may be a stranger's, led here to reach us through a browser (DNS
    rebinding)."""
    try:
        name = urlsplit(f"//{host}").hostname if "@" not in host else None
        return name == "localhost" or bool(ip_address(name or ""))
    except ValueError:
        return False


def _item(arrival: Arrival) -> dict[str, Any]:
    item: dict[str, Any] = msgspec.to_builtins(arrival)
    request = {key: item.pop(key) for key in ("method", "path", "body")}
    return {**item, "at": iso(arrival.at), "mark": arrival.mark, "request": request}
