"""The screen's only way to the service: typed calls over HTTP.

Reads are repeated when the line hiccups. Actions are not repeated here: `tui.service.perform` does, since it knows which may be.
Everything raised is a `ServiceError`; its text is for staff.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import copy_context
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from daemon.wire.messages import MessageDetail, Rendering, Template
from daemon.wire.orders import OrderDetail
from daemon.wire.problem import ProblemBody
from daemon.wire.record import VERIFY_SECONDS, Chain
from daemon.wire.requests.orders import WhatIf
from daemon.wire.service import Channel, Glance
from daemon.wire.sources import Kept
from daemon.wire.steps import Preview, Ways
from daemon.wire.values import Page, decode
from tui.i18n import text
from tui.service.address import Address
from tui.terminal.clock import Clock

T = TypeVar("T")
Query = Sequence[tuple[str, str]]
Body = msgspec.Struct | Mapping[str, Any]

CONNECT = 3.0
"""Seconds to be connected in."""
TOTAL = 10.0
"""Seconds for a whole call that says no other."""
SILENCE = 40.0
"""Seconds without a byte on the stream (the service comments every 15) before it is given up."""
READ_AGAIN = (0.2, 0.8)
"""Seconds before a read is tried again, in turn."""
PROMPT = 1.0
"""Seconds within which an answer tells the service's time."""
PAGE = 500


class ServiceError(Exception):
    """A call that gave no good answer."""


class Away(ServiceError):
    """No connection was made: nothing was asked, nothing was done."""


class Lost(ServiceError):
    """The connection broke before the answer: whether it was done is not known."""


class Refused(ServiceError):
    """The service said no. `status` is HTTP's."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Busy(ServiceError):
    """The service says that it can't now (429, 503, 507): nothing was done."""


class Failing(ServiceError):
    """The service failed inside (5xx), or its answer can't be read: whether an action was done is not known."""


class Client:
    """Calls on one service. `skew`: how many ms its wall clock is ahead of ours, 0 where its Date header can't tell them apart."""

    def __init__(
        self, address: Address, session: aiohttp.ClientSession, clock: Clock, rng: random.Random, actor: str = ""
    ) -> None:
        self.address = address
        self.skew = 0
        self._session = session
        self._clock = clock
        self._rng = rng
        self._context = copy_context()
        """Whoever opened this: the connection's timers keep the context that they began in, and with a box's own they would keep the box."""
        self._headers = {"X-Tether-Actor": _plain(actor)} if actor else {}
        if address.token:
            self._headers["Authorization"] = f"Bearer {address.token}"

    @classmethod
    @asynccontextmanager
    async def open(
        cls, address: Address, *, clock: Clock, rng: random.Random, actor: str = ""
    ) -> AsyncIterator["Client"]:
        """A client and the one session it holds."""
        connector: aiohttp.BaseConnector = (
            aiohttp.UnixConnector(path=str(address.socket), limit=8)
            if address.socket
            else aiohttp.TCPConnector(limit_per_host=8)
        )
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield cls(address, session, clock, rng, actor)

    # ------------------------------------------------------------ reads

    async def read(self, path: str, kind: type[T], query: Query = ()) -> T:
        """GET one thing; tried three times when the line hiccups."""
        for wait in (*READ_AGAIN, None):
            try:
                return await self._call("GET", path, kind, query=query)
            except (Away, Lost, Busy, Failing):
                if wait is None:
                    raise
                await self._clock.sleep(wait * (0.5 + self._rng.random()))
        raise AssertionError("unreachable")

    async def pages(
        self, path: str, kind: type[T], query: Query = (), most: int = 20_000
    ) -> AsyncIterator[Sequence[T]]:
        """GET a list page by page, at most `most` things."""
        cursor: str | None = None
        count = 0
        while count < most:
            asked = [*query, ("limit", str(min(PAGE, most - count))), *([("cursor", cursor)] if cursor else [])]
            page = await self.read(path, Page[kind], asked)  # type: ignore[valid-type]
            yield page.items
            count += len(page.items)
            cursor = page.next
            if not cursor or not page.items:
                return

    async def glance(self) -> Glance:
        return await self.read("/v1/status", Glance)

    async def order(self, ref: str) -> OrderDetail:
        return await self.read(f"/v1/orders/{_segment(ref)}", OrderDetail)

    async def message(self, message_id: str) -> MessageDetail:
        return await self.read(f"/v1/messages/{_segment(message_id)}", MessageDetail)

    async def channels(self) -> Sequence[Channel]:
        return (await self.read("/v1/channels", Page[Channel])).items

    async def templates(self) -> Sequence[Template]:
        """What staff may send by hand; none where the service doesn't tell."""
        try:
            return (await self.read("/v1/templates", Page[Template])).items
        except Refused as error:
            if error.status in {404, 405}:
                return []
            raise

    async def preview(self, ref: str, wish: WhatIf) -> Preview:
        """What a status or a message would lead to. Changes nothing."""
        return await self._call("POST", f"/v1/orders/{_segment(ref)}/preview", Preview, body=wish)

    async def new_order_preview(self, event: Mapping[str, Any]) -> Preview:
        """What a new order would send. Raises Refused (409) for a number that exists."""
        return await self._call("POST", "/v1/orders/preview", Preview, body=event)

    async def ways(self, ref: str, message_id: str = "") -> Ways:
        """How an order's customer can be reached, or whom a message is for."""
        query = (("message_id", message_id),) if message_id else ()
        return await self.read(f"/v1/orders/{_segment(ref)}/ways", Ways, query)

    async def contact_preview(self, ref: str, body: Mapping[str, Any]) -> Preview:
        """What another address or way would send. Raises Refused for what can be no address."""
        return await self._call("POST", f"/v1/orders/{_segment(ref)}/contact/preview", Preview, body=body)

    async def kept(self) -> Sequence[Kept]:
        """What nobody understood; none where this service doesn't tell."""
        try:
            return (await self.read("/v1/quarantine", Page[Kept])).items
        except Refused as error:
            if error.status in {403, 404, 405}:
                return []
            raise

    async def rendering(self, body: Mapping[str, Any]) -> Rendering:
        return await self._call("POST", "/v1/messages/preview", Rendering, body=body)

    async def verify(self) -> Chain:
        """Whether the record's chain holds. Asked once: the service reads all of it."""
        return await self._call("GET", "/v1/audit/verify", Chain, seconds=VERIFY_SECONDS)

    # ------------------------------------------------------------ actions and the stream

    async def act(self, method: str, path: str, body: Body | None, key: str, *, seconds: float | None = None) -> bytes:
        """Ask for something to be done, once. `key` names the intention, the same whenever it is asked again; `seconds`: how long the answer
        may take, where that is longer than for others."""
        return await self._exchange(method, path, body=body, headers={"Idempotency-Key": key}, seconds=seconds)

    @asynccontextmanager
    async def stream(self, last_id: str) -> AsyncIterator[tuple[aiohttp.StreamReader, str]]:
        """The service's server-sent events from after `last_id` on ("": from now), and the history that their ids belong to."""
        headers = {**self._headers, "Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT, sock_read=SILENCE)
        try:
            async with self._session.get(
                self.address.base + "/v1/stream", headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise _refusal(response.status, await response.read())
                yield response.content, response.headers.get("Tether-Epoch", "")
        except aiohttp.ClientConnectorError as error:
            raise Away(_why_away(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Lost(text("the connection broke")) from error

    async def _call(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        query: Query = (),
        body: Body | None = None,
        seconds: float | None = None,
    ) -> T:
        data = await self._exchange(method, path, query=query, body=body, seconds=seconds)
        try:
            return decode(data, kind)
        except msgspec.MsgspecError as error:
            raise Failing(f"the service's answer to {method} {path} can't be read: {error}") from error

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> bytes:
        sent = {**self._headers, **(headers or {})}
        payload = None
        if body is not None:
            payload, sent["Content-Type"] = msgspec.json.encode(body, enc_hook=str), "application/json"
        asked_at = self._clock.monotonic()
        patience = aiohttp.ClientTimeout(total=seconds or TOTAL, connect=CONNECT)
        asking = self._ask(method, path, params=list(query), data=payload, headers=sent, timeout=patience)
        try:
            response, data = await asyncio.get_running_loop().create_task(asking, context=self._context.copy())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Away(_why_away(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Lost(text("no answer came")) from error
        if self._clock.monotonic() - asked_at < PROMPT:
            self._learn_skew(response.headers.get("Date"))
        if response.status >= 300:
            raise _refusal(response.status, data)
        return data

    async def _ask(self, method: str, path: str, **sent: Any) -> tuple[aiohttp.ClientResponse, bytes]:
        async with self._session.request(method, self.address.base + path, allow_redirects=False, **sent) as response:
            return response, await response.read()

    def _learn_skew(self, date: str | None) -> None:
        if not date:
            return
        try:
            ahead = round(parsedate_to_datetime(date).timestamp() * 1000) - self._clock.now()
        except ValueError:
            return
        self.skew = ahead if abs(ahead) > 2500 else 0


def _refusal(status: int, data: bytes) -> ServiceError:
    try:
        problem = decode(data, ProblemBody)
    except msgspec.MsgspecError:
        problem = ProblemBody()
    fields = "; ".join(f"{each.field}: {each.detail}" for each in problem.errors)
    says = problem.detail or fields or problem.title or f"HTTP {status}"
    if status in {429, 503, 507}:
        return Busy(says)
    return Failing(says) if status >= 500 else Refused(says, status)


def _why_away(error: BaseException) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None
    if isinstance(cause, FileNotFoundError):
        return text("its socket is not there")
    if isinstance(cause, PermissionError):
        return text("its socket may not be opened by this user")
    if isinstance(cause, ConnectionRefusedError):
        return text("it is not running")
    return text("it can't be reached")


def _segment(text: str) -> str:
    """One part of a path, whatever is in it."""
    return quote(text, safe="")


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isprintable())[:100]
