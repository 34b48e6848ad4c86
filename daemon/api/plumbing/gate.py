"""Where every request comes in: who is asking, whether they may, how often; and where every failure becomes a problem."""

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog
from aiohttp import HttpVersion11, web

from daemon.api.plumbing import voices
from daemon.api.plumbing.connection import Connection, connection_of
from daemon.api.plumbing.guards import Guards
from daemon.api.plumbing.limits import RateLimit
from daemon.api.plumbing.peers import Peers
from daemon.api.plumbing.reply import as_json, as_problem
from daemon.api.plumbing.route import B, Call, Caller, Handler, JsonAnswer, Q, Route, Scope
from daemon.api.plumbing.services import Services
from daemon.api.schema import body as bodies
from daemon.api.schema.problem import Problem, of

log = structlog.get_logger(__name__)

EVENT_LIMIT = 256 * 2**10
BODY_LIMIT = 2 * 2**20
BODY_WAIT_S = 30.0
"""A body that takes longer to arrive is given up."""
UNVOUCHED_BODY_WAIT_S = 10.0
"""The same from somebody who has proved nothing yet."""
FAILURES_PER_S, FAILURES_AT_ONCE = 2.0, 30.0
"""Wrong tokens and signatures that one address may send before it is told to wait."""
BURST_S = 10.0
"""How many seconds' worth of `[hook] rate` may come at once."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_JSON_TYPES = frozenset({"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"})

NOT_KNOWN = "this token is not known, or was revoked"

NOBODY = Caller("", frozenset(), "", "")


class Gate(ABC):
    """Admits requests at one door. The listener's application is made with the gate of that door, and with no other."""

    def __init__(self, services: Services, guards: Guards) -> None:
        self.services = services
        self.guards = guards
        rate = float(services.settings.hook.rate)
        self.calls = RateLimit(services.clock, rate=rate, burst=max(1.0, rate * BURST_S))
        self.failures = RateLimit(services.clock, rate=FAILURES_PER_S, burst=FAILURES_AT_ONCE)

    # ------------------------------------------------------------ who

    def admit(self, request: web.Request, scope: Scope | None) -> Caller:
        """Who is asking, if they may. Raises Problem 401, 403 or 429, ConnectionError when nobody is there any more."""
        connection = connection_of(request)
        caller = self.identify(request, connection) if scope else NOBODY
        self.count(caller.name or connection.guest.address)
        if scope and not caller.may(scope):
            raise self.insufficient(caller, scope, connection)
        return caller

    @abstractmethod
    def identify(self, request: web.Request, connection: Connection) -> Caller:
        """The caller as this door knows one. Raises Problem 401 or 403."""

    @abstractmethod
    def insufficient(self, caller: Caller, scope: Scope, connection: Connection) -> Problem:
        """What a caller is told who may not do that."""

    def still(self, request: web.Request, caller: Caller) -> None:
        """A body takes its time to arrive: whose token was revoked meanwhile is refused. Raises Problem 401."""
        if not caller.stands():
            raise self.refused(request, NOT_KNOWN, error="invalid_token")

    def vouched(self, request: web.Request) -> None:
        """A good token or signature came: its address gets the places that are kept for such."""
        connection = connection_of(request)
        if not connection.guest.proved:
            connection.places.prove(connection.guest)

    def refused(self, request: web.Request, detail: str, *, error: str = "") -> Problem:
        """What a caller without good credentials is told: 401, or 429 when they have tried too often."""
        address = connection_of(request).guest.address
        self.guards.tally.count("credentials", path=request.path, address=address, why=error or "no credentials")
        if wait := self.failures.take(address):
            return _too_often(wait, "too many wrong credentials from this address")
        challenge = 'Bearer realm="tether"' + (f', error="{error}"' if error else "")
        return Problem(401, detail, headers={"WWW-Authenticate": challenge})

    def count(self, client: str) -> None:
        """Raises Problem 429 when the client calls too often."""
        if wait := self.calls.take(client):
            self.guards.tally.count("rate", client=client)
            raise _too_often(wait, "too many requests; `[hook] rate` in tether.toml sets the limit")

    # ------------------------------------------------------------ what

    async def body_of(self, request: web.Request, limit: int = BODY_LIMIT) -> bytes:
        """The whole body, within bounds of size, time and coding. Raises Problem 408, 413, 415."""
        if "Content-Encoding" in request.headers:
            raise Problem(
                415, "compressed bodies are not taken; send the body as it is", headers={"Accept-Encoding": "identity"}
            )
        if (request.content_length or 0) > limit:
            self.guards.tally.count("body_bytes", path=request.path)
            raise _too_large(limit)
        proved = connection_of(request).guest.proved
        try:
            async with asyncio.timeout(BODY_WAIT_S if proved else UNVOUCHED_BODY_WAIT_S):
                raw = await _up_to(request, limit)
        except TimeoutError as error:
            self.guards.tally.count("body_wait", path=request.path)
            raise Problem(408, "the body did not arrive in time", headers={"Connection": "close"}) from error
        except (ConnectionError, web.RequestPayloadError) as error:
            # aiohttp keeps the error with the body: by its traceback the half that came would live until the next round of gc.
            error.__traceback__ = None
            raise Problem(400, "the body ended before its end", headers={"Connection": "close"}) from error
        if len(raw) > limit:
            self.guards.tally.count("body_bytes", path=request.path)
            raise _too_large(limit)
        connection_of(request)
        return raw

    @asynccontextmanager
    async def unvouched_body(self, request: web.Request) -> AsyncIterator[bytes]:
        """A body that only its own signature vouches for: such are read a few at a time, small ones first. The place is held until it
        was checked. Raises as `body_of`, and Problem 503 when too many wait."""
        guest = connection_of(request).guest
        size = BODY_LIMIT if request.content_length is None else request.content_length
        async with self.guards.bodies.place(guest, min(size, BODY_LIMIT)):
            yield await self.body_of(request)

    async def json_of(self, request: web.Request, *, required: bool) -> bytes:
        """A JSON body's bytes; b"" where none came and none is required."""
        raw = await self.body_of(request, EVENT_LIMIT)
        if raw or required:
            _check_json_type(request)
        return raw

    def bind(self, route: Route[Q, B]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The call as aiohttp serves it."""
        lists, handler = bodies.list_fields(route.query), route.handler
        assert handler is not None, f"{route.path} serves itself"

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return await self._call(request, route, handler, lists)
            except Exception as error:  # every failure becomes a problem here, a bug too
                return self.failed(request, error)

        return handle

    async def _call(
        self, request: web.Request, route: Route[Q, B], handler: Handler[Q, B], lists: Mapping[str, bool]
    ) -> web.StreamResponse:
        caller = self.admit(request, route.scope)
        given = {} if route.free_query else _parameters(request, lists)
        query = bodies.convert(given, route.query, strict=False)
        body: object = None
        if route.body is not None and not route.raw:
            raw = await self.json_of(request, required=route.body_required)
            self.still(request, caller)
            body = bodies.parse(raw or b"{}", route.body)
        try:
            answer = await handler(Call(request, self.services, caller, query, body))  # type: ignore[arg-type]
        except ValueError as error:
            if getattr(query, "cursor", None) is None:
                raise
            raise Problem(422, f"cursor: {error}", field="cursor") from error
        if isinstance(answer, web.StreamResponse):
            return answer
        if isinstance(answer, JsonAnswer):
            return as_json(answer.value, status=answer.status, headers=answer.headers)
        return as_json(answer)

    # ------------------------------------------------------------ what went wrong

    def failed(self, request: web.BaseRequest, error: Exception) -> web.Response:
        """The answer to a failed request. What is no problem but a bug is logged whole, and told without its words."""
        if isinstance(error, ConnectionError) and request.transport is None:
            self.guards.tally.count("gone", path=request.path)
            error = Problem(400, "the connection is gone")
        problem = of(error)
        request_id = self._request_id(request)
        if problem is None:
            log.error("a request failed", path=request.path, request_id=request_id, exc_info=error)
            problem = Problem(500, f"this should not have happened; the log has the reason under {request_id}")
        elif problem.status >= 500:
            about = {"path": request.path, "status": problem.status, "why": problem.detail, "request_id": request_id}
            self.guards.tally.count("unavailable", **about)
        return as_problem(problem, request_id)

    async def expect(self, request: web.Request) -> web.StreamResponse | None:
        """What a client that waits for our word before its body is told: go on, or 417 for any other wish (RFC 9110, 10.1.1)."""
        if request.headers.get("Expect", "").lower() == "100-continue":
            if request.version >= HttpVersion11:
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                request.writer.output_size = 0
            return None
        return self.failed(request, Problem(417, "only `Expect: 100-continue` is understood"))

    def _request_id(self, request: web.BaseRequest) -> str:
        given = request.headers.get("X-Request-Id", "")
        return given if _REQUEST_ID.fullmatch(given) else f"{self.services.rng.getrandbits(64):016x}"


class TokenGate(Gate):
    """The TCP door: a bearer token says who it is, and nothing else does."""

    def identify(self, request: web.Request, connection: Connection) -> Caller:
        header = request.headers.get("Authorization", "")
        if header[:7].lower() != "bearer ":
            raise self.refused(request, "send `Authorization: Bearer TOKEN`; `tether token new` makes one")
        secret = header[7:].strip()
        token = self.services.box.tokens.find(secret) if secret.isascii() else None
        if token is None:
            raise self.refused(request, NOT_KNOWN, error="invalid_token")
        self.vouched(request)
        person = _person(request)
        actor = f"{person} ({token.name})" if person else token.name
        tokens = self.services.box.tokens
        return Caller(token.name, token.scopes, actor, person, token.bounds, lambda: tokens.stands(token))

    def insufficient(self, caller: Caller, scope: Scope, connection: Connection) -> Problem:
        return Problem(
            403,
            f"the token {caller.name!r} lacks the scope {scope}; make one with `tether token new NAME --scope {scope}`",
            headers={"WWW-Authenticate": f'Bearer realm="tether", error="insufficient_scope", scope="{scope}"'},
        )


class SocketGate(Gate):
    """The unix socket: the kernel says which user it is, the configuration what the user's groups may do."""

    def __init__(self, services: Services, guards: Guards, peers: Peers) -> None:
        super().__init__(services, guards)
        self._peers = peers

    def identify(self, request: web.Request, connection: Connection) -> Caller:
        peer = connection.peer
        if peer is None:
            raise Problem(401, "the system did not say which user is asking")
        if not peer.scopes:
            self.guards.tally.count("credentials", path=request.path, address=connection.guest.address, why="no group")
            raise Problem(403, self._peers.refusal(peer))
        person = _person(request)
        actor = f"{person} ({peer.label})" if person and person != peer.user else peer.name
        name = voices.at_the_door(request.headers.get("X-Tether-Source", ""))
        return Caller(name, peer.scopes, actor, actor)

    def insufficient(self, caller: Caller, scope: Scope, connection: Connection) -> Problem:
        given = ", ".join(sorted(caller.scopes))
        return Problem(
            403, f"{caller.actor} has the scope {given} here, and this wants {scope}; {self._peers.which(scope)}"
        )


def _parameters(request: web.Request, lists: Mapping[str, bool]) -> dict[str, object]:
    """The parameters by name. Those that the call doesn't know are refused, since a typing error would widen a list."""
    plain: dict[str, object] = {}
    for name in dict.fromkeys(request.query):
        if name not in lists:
            raise _unknown(name)
        values = request.query.getall(name)
        if not lists[name] and len(values) > 1:
            raise Problem(422, f"{name}: is given twice", field=name)
        if any("\0" in value for value in values):
            raise Problem(422, f"{name}: holds a NUL character", field=name)
        plain[name] = values if lists[name] else values[0]
    return plain


def _unknown(name: str) -> Problem:
    return Problem(422, f"{name}: no such parameter here", field=name)


def _check_json_type(request: web.Request) -> None:
    given = request.headers.get("Content-Type")
    if given is None or given.lower() in _JSON_TYPES:
        return
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() not in ("utf-8", "us-ascii"):
        raise Problem(
            415,
            f"send the body as application/json in UTF-8, not {given[:80]!r}",
            headers={"Accept": "application/json"},
        )


async def _up_to(request: web.Request, limit: int) -> bytes:
    """The body, or as much of it as shows that it is too large: one that comes in chunks does not say so beforehand."""
    body = bytearray()
    while len(body) <= limit and (piece := await request.content.readany()):
        body += piece
    return bytes(body)


def _too_large(limit: int) -> Problem:
    return Problem(413, f"the body is larger than the {limit // 1024} KiB that this call takes")


def _too_often(wait: float, why: str) -> Problem:
    return Problem(429, why, headers={"Retry-After": str(max(1, round(wait)))})


def _person(request: web.Request) -> str:
    """Who sits at the counter, as `X-Tether-Actor` says: printable, at most 60 characters."""
    given = request.headers.get("X-Tether-Actor", "").strip()[:60]
    return given if given.isprintable() else ""
