"""HQ's HTTP face: the door for joining stores, and the API over all of them. Tokens as a store's own API has them; errors are RFC 9457's.

The door needs no token: a code is one. All else does, and reads PostgreSQL only; while that is away the answer is 503 and says how far the
archive is behind.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog
from aiohttp import web
from psycopg import DataError
from psycopg_pool import PoolTimeout

from daemon.config import ConfigError
from daemon.fleet.join_code import JoinWish, Welcome
from daemon.fleet.nats_connection import NatsAway
from daemon.hq import answers
from daemon.hq.database import Connection, Weather, opened
from daemon.hq.doors import prove
from daemon.hq.openapi import document
from daemon.hq.page.pages import PAGES
from daemon.hq.page.site import add_pages
from daemon.hq.services import Services
from daemon.hq.stores import Declined
from daemon.hq.tokens import whose

log = structlog.get_logger(__name__)


BODY_MOST = 16 * 1024
STREAM_SECONDS = 1.0
WRITTEN_WITHIN = timedelta(seconds=10)
"""What a store said is in PostgreSQL so long after it came, at most: it is written in lots."""
STREAMS_MOST = 50
HEARTBEATS = 15
GUARD: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_TITLES = {
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    409: "Conflict",
    410: "Gone",
    413: "Too large",
    422: "Not valid",
    429: "Too many at once",
    503: "Not now",
}


class Problem(Exception):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


Ask = Callable[[Services, Connection, web.Request], Awaitable[Any]]


def make_app(services: Services) -> web.Application:
    app = web.Application(client_max_size=BODY_MOST, middlewares=[_guard(services)])
    face = _Face(services)
    app.router.add_get("/healthz", face.healthz)
    app.router.add_get("/openapi.json", face.openapi)
    app.router.add_get("/v1/join/ca", face.authority)
    app.router.add_post("/v1/join", face.join)
    app.router.add_get("/metrics", face.asked(_metrics, raw=True))
    app.router.add_get("/v1/stores", face.asked(_stores))
    app.router.add_get("/v1/stores/{store}", face.asked(_store))
    app.router.add_get("/v1/messages", face.asked(_messages))
    app.router.add_get("/v1/orders/{ref}", face.asked(_order))
    app.router.add_get("/v1/audit/verify", face.asked(_verify))
    app.router.add_get("/v1/stream", face.stream)
    app.on_shutdown.append(face.end)
    add_pages(app, services, PAGES)
    return app


def _guard(services: Services) -> Any:
    @web.middleware
    async def guard(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except (Problem, Declined) as error:
            return _problem(error.status, str(error))
        except web.HTTPException as error:
            return _problem(error.status, error.reason)
        except DataError as error:
            log.warning("what was asked can't be asked of PostgreSQL", reason=str(error).strip())
            return _problem(422, "what was asked holds what can't be asked")
        except (*Weather, PoolTimeout):
            behind = services.archive()
            log.warning("PostgreSQL can't be asked", behind=behind.behind)
            return _problem(
                503,
                f"PostgreSQL can't be asked; the archive is behind by {behind.behind} messages and catches up by itself",
            )
        except (NatsAway, ConfigError) as error:
            return _problem(503, str(error))

    return guard


def _problem(status: int, detail: str) -> web.Response:
    body = {"type": "about:blank", "title": _TITLES.get(status, "Not possible"), "status": status, "detail": detail}
    return web.Response(
        status=status, body=msgspec.json.encode(body), content_type="application/problem+json", headers=GUARD
    )


def _json(value: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json", headers=GUARD)


class _Face:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._stopping = asyncio.Event()
        self._streams = 0
        self._enforcing = asyncio.Lock()
        self._is_owed = False
        """Whether keys went out of use since NATS was last told which do."""

    async def end(self, app: web.Application) -> None:
        self._stopping.set()

    def asked(self, ask: Ask, *, raw: bool = False) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handler(request: web.Request) -> web.StreamResponse:
            async with self._services.pool.connection() as db:
                await self._admit(request, db)
                value = await ask(self._services, db, request)
            return web.Response(text=value, headers=GUARD) if raw else _json(value)

        return handler

    async def _admit(self, request: web.Request, db: Connection) -> None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise Problem(401, "say who is asking: Authorization: Bearer TOKEN (tether hq token new NAME makes one)")
        digest = hashlib.sha256(secret.strip().encode("utf-8", "replace")).digest()
        token = await whose(db, digest)
        if token is None:
            raise Problem(401, "that token is none of headquarters'")
        if not {"read", "admin"} & set(token.scopes):
            raise Problem(403, f"the token {token.name} has no scope that may read")
        prove(request)

    async def healthz(self, request: web.Request) -> web.StreamResponse:
        return _json({"ok": True})

    async def openapi(self, request: web.Request) -> web.StreamResponse:
        return _json(document(self._services.release))

    async def authority(self, request: web.Request) -> web.StreamResponse:
        """Everybody may know it; who has a code knows its fingerprint."""
        return web.Response(
            text=self._services.settings.ca.read_text(encoding="ascii"),
            content_type="application/x-pem-file",
            headers=GUARD,
        )

    async def join(self, request: web.Request) -> web.StreamResponse:
        try:
            wish = msgspec.json.decode(await request.read(), type=JoinWish)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Problem(422, "that is no wish of a store's") from error
        stores = self._services.stores
        async with self._services.pool.connection() as db:
            welcome: Welcome = await stores.welcome(db, wish)
            has_old_keys = await stores.had_other_keys(db, welcome.store)
        answer = _json(welcome)
        try:
            await answer.prepare(request)
            await answer.write_eof()
        finally:
            # Only now, since it takes as long as a server of NATS that does not answer, and also where the box is gone.
            if has_old_keys:
                await self._enforce()
        return answer

    async def _enforce(self) -> None:
        """The keys that stores had before are out: of all that joined until it begins, on a line that nobody else waits for. The archive's next
        line does it again."""
        self._is_owed = True
        async with self._enforcing:
            if not self._is_owed:
                return
            self._is_owed = False
            try:
                async with opened(self._services.settings.postgres.dsn) as db:
                    await self._services.stores.enforce(db)
            except (NatsAway, *Weather) as error:
                log.error("not every server of NATS may know which keys do not count", reason=str(error).strip())

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Each store of which something was heard, as it stands: `event: store`."""
        services = self._services
        async with services.pool.connection() as db:
            await self._admit(request, db)
        if self._streams >= STREAMS_MOST:
            raise Problem(503, f"{STREAMS_MOST} streams are open already: close one")
        response = web.StreamResponse(headers={**GUARD, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        self._streams += 1
        try:
            await response.write(b"retry: 2000\n\n")
            since, quiet = datetime.fromtimestamp(0, UTC), 0
            known: dict[str, int] = {}
            while not self._stopping.is_set():
                looked = services.now()
                told = await self._told(request, since, known)
                quiet = 0 if told else quiet + 1
                if told or quiet % HEARTBEATS == 0:
                    await response.write(told or b": quiet\n\n")
                since = looked - WRITTEN_WITHIN
                await services.clock.wait(self._stopping, STREAM_SECONDS)
        except ConnectionError:
            log.debug("a stream's reader is gone")
        except Problem as problem:
            log.info("a stream's reader may read no more", why=str(problem))
        finally:
            self._streams -= 1
        return response

    async def _told(self, request: web.Request, since: datetime, known: dict[str, int]) -> bytes:
        """What is another than its reader knows, by hashes. Raises Problem once they may read no more."""
        services = self._services
        async with services.pool.connection() as db:
            await self._admit(request, db)
            names = set(await answers.changed(db, since))
            rows = [row for row in await answers.stores(db, services.now()) if row.name in names] if names else []
        found = {row.name: msgspec.json.encode(row) for row in rows}
        fresh = [text for name, text in found.items() if known.get(name) != hash(text)]
        known.update({name: hash(text) for name, text in found.items()})
        return b"".join(b"event: store\ndata: " + text + b"\n\n" for text in fresh)


async def _stores(services: Services, db: Connection, request: web.Request) -> answers.Stores:
    return answers.Stores(await answers.stores(db, services.now()))


async def _store(services: Services, db: Connection, request: web.Request) -> answers.StoreDetail:
    found = await answers.store(db, services.now(), request.match_info["store"])
    if found is None:
        raise Problem(404, "no store of that name is in this fleet")
    return found


async def _messages(services: Services, db: Connection, request: web.Request) -> answers.Messages:
    query = request.query
    return await answers.messages(
        db,
        store=query.get("store"),
        state=query.get("state"),
        order_ref=query.get("order"),
        limit=_limit(query.get("limit", "50")),
        cursor=_cursor(query.get("cursor")),
    )


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 6 or not 1 <= int(text) <= 500:
        raise Problem(422, "limit: a number from 1 to 500")
    return int(text)


def _cursor(text: str | None) -> tuple[int, str, str] | None:
    if text is None:
        return None
    at, _, rest = text.partition(".")
    store, _, id = rest.partition(".")
    if not at.isascii() or not at.isdecimal() or len(at) > 18 or not id:
        raise Problem(422, "cursor: only what `next` said")
    return int(at), store, id


async def _order(services: Services, db: Connection, request: web.Request) -> answers.OrderOut:
    found = await answers.order(db, request.match_info["ref"], request.query.get("store"))
    if found is None:
        raise Problem(404, "no store told of an order with that number")
    return found


async def _verify(services: Services, db: Connection, request: web.Request) -> answers.Verified:
    if services.heavy.locked():
        raise Problem(429, "a record is being computed anew already: ask again when that is done")
    async with services.heavy:
        return await answers.verify(db, request.query.get("store"))


async def _metrics(services: Services, db: Connection, request: web.Request) -> str:
    stores, late, silent, forks, gaps, optouts, entries, refused = await answers.figures(db, services.now())
    archive = services.archive()
    figures = (
        ("tether_hq_stores", "Stores that joined.", stores),
        ("tether_hq_stores_late", "Stores of which nothing was heard for 90 s.", late),
        ("tether_hq_stores_silent", "Stores of which nothing was heard for 10 minutes.", silent),
        ("tether_hq_forks", "Entries that came with two contents.", forks),
        ("tether_hq_gaps", "Open gaps in stores' records.", gaps),
        ("tether_hq_optouts", "Opt-outs that stand.", optouts),
        ("tether_hq_archived_entries", "Entries in the archive.", entries),
        ("tether_hq_bundle_refused", "Stores that do not take what is published for them.", refused),
        ("tether_hq_behind_messages", "Messages that NATS has and the archive has not.", archive.behind),
        ("tether_hq_archive_running", "1 while the archive is kept.", int(archive.state == "running")),
    )
    return "".join(f"# HELP {name} {text}\n# TYPE {name} gauge\n{name} {value}\n" for name, text, value in figures)
