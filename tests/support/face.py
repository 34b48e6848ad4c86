"""The HTTP face served on loopback for a test, and short ways to call it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import BaseConnector, ClientSession, DummyCookieJar, TCPConnector, UnixConnector
from yarl import URL

from daemon.api.plumbing.guards import Guards
from daemon.config import Settings
from daemon.runtime.listeners import tcp_door, unix_door
from tests.support.small_store import SmallStore, open_store

JSON = "application/json"


class Answer(msgspec.Struct):
    """One answer, read whole."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def problem(self) -> Any:
        assert self.headers["Content-Type"] == "application/problem+json", self.body
        value = self.json
        assert value["status"] == self.status
        assert value["type"] == f"/docs#problem-{self.status}"
        return value

    @property
    def fields(self) -> list[str]:
        """The fields that a problem names."""
        return [each["field"] for each in self.problem.get("errors", [])]


class Face:
    """Calls as one token's owner; `as_` None: without a token."""

    def __init__(
        self, session: ClientSession, store: SmallStore, url: str, stop: Callable[[], Awaitable[None]]
    ) -> None:
        self.session = session
        self.stop = stop
        self.store = store
        self.url = url

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        as_: str | None = "owner",
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
        query: Any = None,
    ) -> Answer:
        sent = dict(headers or {})
        if as_ is not None:
            sent.setdefault("Authorization", f"Bearer {self.secret(as_)}")
        data = raw
        if body is not None:
            data = msgspec.json.encode(body)
        if data is not None:
            sent.setdefault("Content-Type", JSON)
        async with self.session.request(
            method,
            URL(self.url + path, encoded=True),
            data=data,
            headers=sent,
            params=query,
            allow_redirects=False,
            skip_auto_headers=["Content-Type"],
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.call("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.call("POST", path, {} if body is None and "raw" not in more else body, **more)

    def secret(self, name: str) -> str:
        return self.store.secrets[name]


@asynccontextmanager
async def serving(store: SmallStore, *, socket: Path | None = None) -> AsyncIterator[Face]:
    """Serve it as the service does, on loopback or on that unix socket."""
    services = store.services
    guards = Guards(services.clock)
    async with AsyncExitStack() as door:
        if socket is None:
            url = await door.enter_async_context(tcp_door(services, guards, folder=Path()))
            connector: BaseConnector = TCPConnector()
        else:
            await door.enter_async_context(unix_door(services, guards, socket))
            connector, url = UnixConnector(str(socket)), "http://tether"
        async with ClientSession(connector=connector, cookie_jar=DummyCookieJar()) as session:
            yield Face(session, store, url, door.aclose)


@asynccontextmanager
async def opened(settings: Settings | None = None, **options: Any) -> AsyncIterator[Face]:
    """The face of a store of its own on loopback. `options` are those of `open_store`."""
    async with open_store(settings, **options) as store, serving(store) as face:
        yield face


def event(id: str = "e-1", type: str = "order.ready", ref: str = "B-1042", **more: Any) -> dict[str, Any]:
    """A plain event of a customer with a phone number."""
    order = {"ref": ref, **more.pop("order", {})}
    customer = {"name": "Ada Lovelace", "phone": "+447700900123", "email": "ada@example.com"}
    return {"id": id, "type": type, "order": order, "customer": customer, **more}
