"""HTTP on the service's socket, as commands speak it. The standard library's client is loaded in a fifth of the time that aiohttp takes."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import urlencode

from daemon.cli.failure import Failure

if TYPE_CHECKING:
    from daemon.wire.requests.act import Act

T = TypeVar("T")
Parameter: TypeAlias = str | int | Sequence[str] | None
"""Of a query: several values of one name, or None where it is left out."""

CONNECT_SECONDS = 5
ANSWER_SECONDS = 60.0
PIECE = 64 * 1024
_PEER = Struct("3i")
"""Process, user and group at the other end of a unix socket (unix(7))."""


class Silent(Failure):
    """Somebody took the call, and does not answer it."""


class _Connection(HTTPConnection):
    """One call's. Its waits are in a thread, and end when it hangs up."""

    def __init__(self, path: Path, seconds: float = ANSWER_SECONDS) -> None:
        super().__init__("tether", timeout=seconds)
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX)
        self.process = 0
        """That took the call; 0: none did."""

    def connect(self) -> None:
        self._socket.settimeout(CONNECT_SECONDS)
        self._socket.connect(str(self._path))
        self.process = _PEER.unpack(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[0]
        self._socket.settimeout(self.timeout)
        self.sock = self._socket

    def hang_up(self) -> None:
        with suppress(OSError):  # not connected, or the other side was first
            self._socket.shutdown(socket.SHUT_RDWR)
        self.close()
        self._socket.close()


class Client:
    """Calls of the HTTP face at that socket; a problem that it answers becomes a Failure with its words."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def answers(self) -> bool:
        """Whether a service is there, and well. Raises Failure where this user may not get to it, Silent where it says nothing."""
        try:
            if not self._path.is_socket():
                return False
        except PermissionError as error:
            raise Failure(
                f"{self._path}: this user may not get there; `[hook] socket_groups` says which groups may"
            ) from error
        connection = _Connection(self._path)
        try:
            answer, _ = await _waited(connection, lambda: _exchange(connection, "GET", "/healthz"), CONNECT_SECONDS)
        except TimeoutError as error:
            if not connection.process:
                return False
            raise Silent(
                f"the service (process {connection.process}) runs and does not answer at {self._path}: it is held up, by a slow disk or by "
                "much work. Try again in a minute; systemd ends one that hangs"
            ) from error
        except (HTTPException, OSError):
            return False
        return answer.status == 200

    async def get(self, path: str, *, seconds: float = ANSWER_SECONDS, **query: Parameter) -> Any:
        return await self.call("GET", path, query=query, seconds=seconds)

    async def post(self, path: str, body: Any = None, *, source: str | None = None) -> Any:
        return await self.call("POST", path, body={} if body is None else body, source=source)

    async def act(self, act: "Act") -> Any:
        return await self.call(act.method, act.path, body=act.body, seconds=act.seconds or ANSWER_SECONDS)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Parameter] | None = None,
        body: Any = None,
        source: str | None = None,
        content_type: str = "application/json",
        seconds: float = ANSWER_SECONDS,
    ) -> Any:
        import msgspec

        own = actor().encode().decode("latin-1")  # the library writes headers in it, and the service reads UTF-8
        headers = {"X-Tether-Actor": own, **({"X-Tether-Source": source} if source else {})}
        if body is not None:
            headers["Content-Type"] = content_type
        data = None if body is None else (body if isinstance(body, bytes) else msgspec.json.encode(body))
        connection, target = _Connection(self._path, seconds), _target(path, query or {})
        try:
            answer, content = await _waited(
                connection, lambda: _exchange(connection, method, target, data, headers), seconds
            )
        except TimeoutError as error:
            done = "" if method == "GET" else "; it may be done still: look at what there is now before you ask again"
            raise Failure(f"no answer within {seconds:g} s{done}") from error
        except (HTTPException, OSError) as error:
            raise Failure(f"the service did not answer: {str(error) or type(error).__name__}") from error
        try:
            value = msgspec.json.decode(content) if _is_json(answer) and content else content
        except msgspec.DecodeError as error:
            raise Failure(f"what answered at {self._path} is no service of ours: {error}") from error
        if answer.status >= 400 and not _is_of_items(value):
            raise Failure(_words(answer.status, value))
        return value

    async def download(self, path: str, **query: Parameter) -> AsyncIterator[bytes]:
        """What is too long to be held at once, in pieces. Raises Failure when it breaks off."""
        import msgspec

        connection, target = _Connection(self._path), _target(path, query)

        def ask() -> HTTPResponse:
            connection.request("GET", target)
            return connection.getresponse()

        try:
            answer = await asyncio.to_thread(ask)
            if answer.status >= 400:
                raise Failure(_words(answer.status, msgspec.json.decode(await asyncio.to_thread(answer.read))))
            while piece := await asyncio.to_thread(answer.read, PIECE):
                yield piece
            if answer.length:  # the library takes an early end for the end
                raise IncompleteRead(b"", answer.length)
        except (HTTPException, OSError) as error:
            raise Failure(f"the service broke off: {str(error) or type(error).__name__}") from error
        finally:
            connection.hang_up()

    async def pages(self, path: str, *, most: int, **query: Parameter) -> list[Any]:
        """The items of a list, page by page, at most that many."""
        items: list[Any] = []
        cursor: str | None = None
        while len(items) < most:
            asked = {**query, "limit": min(500, most - len(items)), "cursor": cursor}
            page = await self.call("GET", path, query=asked)
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        return items


async def _waited(connection: _Connection, work: Callable[[], T], seconds: float) -> T:
    """Raises TimeoutError after so many seconds; then, and when the command is stopped, the thread ends with its connection."""
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(work)
    finally:
        connection.hang_up()


def _exchange(
    connection: HTTPConnection, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] = {}
) -> tuple[HTTPResponse, bytes]:
    connection.request(method, target, body, headers)
    answer = connection.getresponse()
    return answer, answer.read()


def _is_json(answer: HTTPResponse) -> bool:
    return "json" in answer.headers.get_content_type()


def _is_of_items(value: Any) -> bool:
    """Whether it says of each event of an array what became of it: its status is what they share."""
    return isinstance(value, dict) and "items" in value


def actor() -> str:
    """Who types this command: for the audit."""
    import getpass

    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        return "cli"
    return name if name.isprintable() else "cli"


def _words(status: int, problem: Any) -> str:
    if not isinstance(problem, dict):
        return f"the service answered {status}"
    detail = problem.get("detail") or problem.get("title") or f"the service answered {status}"
    fields = [
        f"{item['field']}: {item['detail']}" for item in problem.get("errors") or () if item["detail"] not in detail
    ]
    return f"{detail} ({'; '.join(fields)})" if fields else str(detail)


def _target(path: str, query: Mapping[str, Parameter]) -> str:
    params = [(key, each) for key, value in query.items() for each in _each(value)]
    return f"{path}?{urlencode(params)}" if params else path


def _each(value: Parameter) -> Sequence[str]:
    if value is None:
        return ()
    return (str(value),) if isinstance(value, str | int) else value
