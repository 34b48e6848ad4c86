"""The commands' way to the service: its socket while it runs; while it is stopped, the same calls on the opened database."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote

from daemon.cli.frame import Failure, settle

if TYPE_CHECKING:
    import aiohttp

    from daemon.config import Settings
    from daemon.wire.requests.act import Act

Parameter: TypeAlias = str | int | Sequence[str] | None
"""Of a query: several values of one name, or None where it is left out."""

CONNECT_SECONDS = 5
ANSWER_SECONDS = 60


class Client:
    """Calls of the HTTP face; a problem that it answers becomes a Failure with its words."""

    def __init__(self, session: "aiohttp.ClientSession") -> None:
        self._session = session

    async def get(self, path: str, **query: Parameter) -> Any:
        return await self.call("GET", path, query=query)

    async def post(self, path: str, body: Any = None, *, source: str | None = None) -> Any:
        return await self.call("POST", path, body={} if body is None else body, source=source)

    async def act(self, act: "Act") -> Any:
        return await self.call(act.method, act.path, body=act.body)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Parameter] | None = None,
        body: Any = None,
        source: str | None = None,
        content_type: str = "application/json",
    ) -> Any:
        import aiohttp
        import msgspec

        headers = {"X-Tether-Actor": actor(), **({"X-Tether-Source": source} if source else {})}
        if body is not None:
            headers["Content-Type"] = content_type
        params = _params(query or {})
        data = None if body is None else (body if isinstance(body, bytes) else msgspec.json.encode(body))
        try:
            async with self._session.request(method, path, params=params, data=data, headers=headers) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Failure(f"the service did not answer: {str(error) or type(error).__name__}") from error
        value = msgspec.json.decode(content) if "json" in answer.content_type and content else content
        if answer.status >= 400:
            raise Failure(_words(answer.status, value))
        return value

    async def download(self, path: str, **query: Parameter) -> AsyncIterator[bytes]:
        """What is too long to be held at once, in pieces. Raises Failure when it breaks off."""
        import aiohttp
        import msgspec

        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS)
        try:
            async with self._session.get(path, params=_params(query), timeout=timeout) as answer:
                if answer.status >= 400:
                    raise Failure(_words(answer.status, msgspec.json.decode(await answer.read())))
                async for piece in answer.content.iter_any():
                    yield piece
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Failure(f"the service broke off: {str(error) or type(error).__name__}") from error

    async def pages(self, path: str, *, most: int, **query: Parameter) -> list[Any]:
        """The items of a list, page by page, at most that many."""
        items: list[Any] = []
        cursor: str | None = None
        while len(items) < most:
            page = await self.get(path, limit=min(500, most - len(items)), cursor=cursor, **query)
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        return items


def done(settings: "Settings", act: "Act", *, only: str = "") -> Any:
    """Have it done, and what the service answers. `only`: why nothing but the running service can do it, where that is so."""

    async def ask() -> Any:
        async with running_service(settings, only) if only else service(settings) as client:
            return await client.act(act)

    return settle(ask)


def got(settings: "Settings", path: str, *, only: str = "") -> Any:
    """What the service answers to one question."""

    async def ask() -> Any:
        async with running_service(settings, only) if only else service(settings) as client:
            return await client.get(path)

    return settle(ask)


def listed(settings: "Settings", path: str, *, most: int, **query: Parameter) -> list[Any]:
    """The items of a list."""

    async def ask() -> list[Any]:
        async with service(settings) as client:
            return await client.pages(path, most=most, **query)

    return settle(ask)


@asynccontextmanager
async def service(settings: "Settings") -> AsyncIterator[Client]:
    """The running service, or else its database opened here for as long as the command takes."""
    from daemon.appliance.ownership import as_owner_of

    if await _answers(settings.socket):
        async with _session(settings.socket) as client:
            yield client
        return
    _check_place(settings)
    from daemon.runtime.app import open_offline
    from daemon.runtime.logs import configure_logs

    configure_logs("error", "text", secrets=settings.secrets)
    with as_owner_of(settings.database):
        async with open_offline(settings) as socket, _session(socket) as client:
            yield client


def _check_place(settings: "Settings") -> None:
    """Whether its database could be opened here. Raises Failure with what to do."""
    database = settings.database
    if settings.file is None and not database.exists():
        raise Failure(
            f"there is no store here: no tether.toml in {settings.folder} or /etc/tether, and no service that runs; "
            "`tether init` sets one up, `tether demo` shows one, `--config FILE` names another"
        )
    folder = next(each for each in database.parents if each.exists())
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise Failure(
            f"the service is stopped, and {folder} can only be read (the file system is read-only): "
            "a card that went read-only is dying; `tether doctor` says more"
        )
    if not os.access(folder, os.W_OK | os.X_OK) or (database.exists() and not os.access(database, os.R_OK | os.W_OK)):
        raise Failure(
            f"the service is stopped, and {actor()} may not open its database ({database}): "
            "start it (`sudo systemctl start tether`), or put sudo in front"
        )


@asynccontextmanager
async def running_service(settings: "Settings", why: str) -> AsyncIterator[Client]:
    """The running service only. Raises Failure with `why` it must run."""
    if not await _answers(settings.socket):
        raise Failure(f"the service is not running (nothing answers at {settings.socket}); {why}")
    async with _session(settings.socket) as client:
        yield client


async def is_running(settings: "Settings") -> bool:
    return await _answers(settings.socket)


def actor() -> str:
    """Who types this command: for the audit."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "cli"


def segment(text: str) -> str:
    """A reference as one part of a path."""
    return quote(text, safe="")


@asynccontextmanager
async def _session(socket: Path) -> AsyncIterator[Client]:
    import aiohttp

    connector = aiohttp.UnixConnector(path=str(socket))
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS, connect=CONNECT_SECONDS)
    async with aiohttp.ClientSession("http://tether", connector=connector, timeout=timeout) as session:
        yield Client(session)


async def _answers(socket: Path) -> bool:
    import aiohttp

    try:
        if not socket.is_socket():
            return False
    except PermissionError as error:
        raise Failure(f"{socket}: this user may not get there; `[hook] socket_groups` says which groups may") from error
    connector = aiohttp.UnixConnector(path=str(socket))
    async with aiohttp.ClientSession(
        "http://tether", connector=connector, timeout=aiohttp.ClientTimeout(CONNECT_SECONDS)
    ) as session:
        try:
            async with session.get("/healthz") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False


def _words(status: int, problem: Any) -> str:
    if not isinstance(problem, dict):
        return f"the service answered {status}"
    detail = problem.get("detail") or problem.get("title") or f"the service answered {status}"
    fields = [
        f"{item['field']}: {item['detail']}" for item in problem.get("errors") or () if item["detail"] not in detail
    ]
    return f"{detail} ({'; '.join(fields)})" if fields else str(detail)


def _params(query: Mapping[str, Parameter]) -> list[tuple[str, str]]:
    return [(key, each) for key, value in query.items() for each in _each(value)]


def _each(value: Parameter) -> Sequence[str]:
    if value is None:
        return ()
    return (str(value),) if isinstance(value, str | int) else value
