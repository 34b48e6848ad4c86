"""Puts the pages on headquarters' HTTP face: each asks who is there, what they may, and where a form came from, before it does anything."""

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import quote

import structlog
from aiohttp import web
from psycopg import DataError
from psycopg_pool import PoolTimeout

from daemon.config import ConfigError
from daemon.fleet.nats_connection import NatsAway
from daemon.hq.database import Weather
from daemon.hq.page.door import Door
from daemon.hq.page.frame import (
    GUARD,
    YEAR_SECONDS,
    Frame,
    Page,
    Refusal,
    Visit,
    read_form,
    respond,
    words_for,
)
from daemon.hq.page.live import Live
from daemon.hq.page.looks import Assets, make_environment
from daemon.hq.services import Services
from daemon.hq.stores import Declined

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_pages(app: web.Application, services: Services, pages: Sequence[Page]) -> Frame:
    assets = Assets()
    frame = Frame(services, make_environment(assets), pages)
    door = Door(frame)
    site = _Site(frame, door)
    app.router.add_get("/static/{name}", _static(assets))
    app.router.add_get("/login", site.guarded(door.ask))
    app.router.add_post("/login", site.guarded(door.enter))
    app.router.add_get("/login/oidc", site.guarded(door.ask_provider))
    app.router.add_get("/login/oidc/done", site.guarded(door.enter_by_provider))
    app.router.add_post("/logout", site.guarded(door.leave))
    live = Live(frame, door)
    app.router.add_get("/live/stores", site.guarded(live.stream))
    app.on_shutdown.append(live.end)
    for page in pages:
        app.router.add_route(page.method, page.path, site.guarded(site.handler(page), page.name))
    return frame


def _static(assets: Assets) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in assets.files:
            raise web.HTTPNotFound
        body, content_type = assets.files[name]
        is_current = request.query.get("v") == assets.versions[name]
        kept = f"public, max-age={YEAR_SECONDS}, immutable" if is_current else "no-cache"
        return web.Response(
            body=body, content_type=content_type, charset="utf-8", headers={**GUARD, "Cache-Control": kept}
        )

    return answer


class _Site:
    def __init__(self, frame: Frame, door: Door) -> None:
        self._frame = frame
        self._door = door

    def handler(self, page: Page) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            words = words_for(request, page.name)
            async with self._frame.services.pool.connection() as db:
                session = await self._door.admit(request, db)
                if session is not None and page.method == "GET":
                    return await self._show(Visit(self._frame, request, page, session, db, words))
            if session is None:
                return self._ask_who(request, page)
            form = await read_form(request, session.secret, page.most)
            async with self._frame.services.pool.connection() as db:
                # Their rights may have been taken while the form came in.
                session = await self._door.admit(request, db)
                if session is not None:
                    return await self._show(Visit(self._frame, request, page, session, db, words, form))
            return self._ask_who(request, page)

        return answer

    async def _show(self, visit: Visit) -> web.StreamResponse:
        if not visit.user.may(visit.page.right):
            raise Refusal(403, "not_allowed")
        return await visit.page.show(visit)

    def _ask_who(self, request: web.Request, page: Page) -> web.StreamResponse:
        if page.method != "GET":
            raise Refusal(403, "logged_out")
        return web.Response(
            status=303, headers={**GUARD, "Location": f"/login?next={quote(request.path_qs, safe='/')}"}
        )

    def guarded(self, handler: Handler, name: str = "frame") -> Handler:
        """What can't be shown is said on a page, too."""

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except Refusal as refusal:
                return self._refuse(request, name, refusal.status, refusal.word, **refusal.args_of_word)
            except (Declined, NatsAway, ConfigError) as error:
                status = error.status if isinstance(error, Declined) else 503
                return self._refuse(request, name, status, "because", why=str(error))
            except DataError as error:
                log.warning("what was asked can't be asked of PostgreSQL", reason=str(error).strip())
                return self._refuse(request, name, 404, "not_there")
            except (*Weather, PoolTimeout):
                behind = self._frame.services.archive()
                log.warning("PostgreSQL can't be asked", behind=behind.behind)
                return self._refuse(request, name, 503, "away", n=behind.behind)

        return answer

    def _refuse(self, request: web.Request, name: str, status: int, word: str, **args: object) -> web.Response:
        words = words_for(request, name)
        return respond(
            self._frame, request, "refused.html.j2", words, None, None, status=status, sentence=words(word, **args)
        )
