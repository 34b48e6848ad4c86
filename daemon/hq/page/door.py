"""The door: logging in and out. Passwords are checked one at a time in a thread, since one takes 64 MiB and a tenth of a second (and OpenSSL's
threads for argon2 wait for each other for ever when two checks share them); who would wait behind more than a few others is sent away."""

import asyncio
import hashlib
import hmac
from datetime import timedelta
from typing import Any

import aiohttp
import structlog
from aiohttp import web

from daemon.hq.config import Oidc
from daemon.hq.database import Connection, queries
from daemon.hq.doors import prove
from daemon.hq.page import oidc
from daemon.hq.page.attempts import Attempts, is_known, known_word
from daemon.hq.page.frame import GUARD, Frame, Refusal, own_path, read_form, respond, words_for
from daemon.hq.page.people import User
from daemon.hq.page.sessions import LONGEST, Session, begin, end, find, new_secret, token_of
from daemon.hq.passwords import MOST, is_right
from daemon.hq.record import record

log = structlog.get_logger(__name__)

_SQL = queries("sessions.sql")

WAITING_MOST = 16
FORM_MOST = 4096
KNOWN_FOR = timedelta(days=400)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SESSION, DOOR, KNOWN, PROVIDER = "tether-session", "tether-door", "tether-known", "tether-provider"


class Door:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._services = frame.services
        self._outside_is_tls = frame.services.settings.hq.public_url.startswith("https://")
        seed = frame.services.settings.secrets.get("HQ_ACCOUNT_SEED", "").encode()
        self._known_key = hmac.digest(seed, b"browsers of headquarters' page", hashlib.sha256)
        self._turn = asyncio.Lock()
        self._waiting = 0

    # ------------------------------------------------------------ who is there

    async def admit(self, request: web.Request, db: Connection, *, used: bool = True) -> Session | None:
        """`used`: by a person; a page that is merely open keeps nobody logged in."""
        session = await find(db, self._held(request, SESSION), self._services.now(), used=used)
        if session is not None:
            prove(request)
        return session

    def _is_secure(self, request: web.Request) -> bool:
        """Whether the browser came by TLS: to us, or to a proxy of the owner's, which keeps the name that the browser asked for."""
        return request.secure or (self._outside_is_tls and request.url.host not in LOOPBACK)

    def _name(self, request: web.Request, cookie: str) -> str:
        """Under TLS a name that no other host of the domain can set."""
        return f"__Host-{cookie}" if self._is_secure(request) else cookie

    def _held(self, request: web.Request, cookie: str) -> str:
        return request.cookies.get(self._name(request, cookie), "")

    def _keep(self, request: web.Request, response: web.StreamResponse, cookie: str, value: str, seconds: int) -> None:
        response.set_cookie(
            self._name(request, cookie), value, max_age=seconds, path="/", secure=self._is_secure(request), httponly=True, samesite="Lax",
        )  # fmt: skip

    def _drop(self, request: web.Request, response: web.StreamResponse, cookie: str) -> None:
        response.del_cookie(
            self._name(request, cookie), path="/", secure=self._is_secure(request), httponly=True, samesite="Lax"
        )

    # ------------------------------------------------------------ in

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """GET /login"""
        async with self._services.pool.connection() as db:
            if await self.admit(request, db) is not None:
                return _to(own_path(request.query.get("next", "")))
        return self._form(request, own_path(request.query.get("next", "")))

    # ------------------------------------------------------------ in, by a provider

    async def ask_provider(self, request: web.Request) -> web.StreamResponse:
        """GET /login/oidc: on to the provider's page."""
        settings = self._provider()
        begun = oidc.begin(own_path(request.query.get("next", "")))
        try:
            async with aiohttp.ClientSession() as http:
                endpoints = await oidc.discover(http, settings)
        except oidc.OidcRefused as error:
            log.warning("nobody can log in by the provider", reason=str(error))
            return self._form(request, "/", wrong="oidc_away", status=503)
        response = _to(oidc.where_to(endpoints, settings, begun, self._back(request)))
        self._keep(request, response, PROVIDER, begun.text, 600)
        return response

    async def enter_by_provider(self, request: web.Request) -> web.StreamResponse:
        """GET /login/oidc/done: the browser comes back."""
        settings, secret = self._provider(), self._services.settings.secrets.get(oidc.SECRET, "")
        now = self._services.clock.now() / 1000
        try:
            begun = oidc.read_begun(self._held(request, PROVIDER))
            async with aiohttp.ClientSession() as http:
                name = await oidc.name_of(http, settings, secret, begun, request.query, self._back(request), now)
        except oidc.OidcRefused as error:
            log.warning("a log-in by the provider failed", reason=str(error))
            return self._form(request, "/", wrong="oidc_refused", status=403)
        async with self._services.pool.connection() as db:
            found = await (await db.execute(_SQL["user"], {"name": name})).fetchone()
        if found is None:
            return self._form(request, "/", wrong="oidc_unknown", status=403)
        response = await self._let_in(request, found, None, own_path(begun.following))
        self._drop(request, response, PROVIDER)
        return response

    def _provider(self) -> Oidc:
        if self._services.settings.oidc is None:
            raise Refusal(404, "not_there")
        return self._services.settings.oidc

    def _back(self, request: web.Request) -> str:
        url = self._services.settings.hq.public_url or str(request.url.origin())
        return url.rstrip("/") + "/login/oidc/done"

    def _form(self, request: web.Request, following: str, *, wrong: str = "", status: int = 200) -> web.Response:
        word = self._held(request, DOOR) or new_secret()
        response = respond(
            self._frame, request, "login.html.j2", words_for(request, "login"), None, None, status=status, following=following,
            door=token_of(word), wrong=wrong, provider=self._services.settings.oidc,
        )  # fmt: skip
        self._keep(request, response, DOOR, word, 3600)
        return response

    async def enter(self, request: web.Request) -> web.StreamResponse:
        """POST /login"""
        try:
            form = await read_form(request, self._held(request, DOOR), FORM_MOST)
        except Refusal as refusal:
            return self._form(request, "/", wrong=refusal.word, status=refusal.status)
        name, password = form.get("name", "").strip()[:100], form.get("password", "")[:MOST]
        following = own_path(form.get("next", ""))
        known = is_known(self._known_key, name, self._held(request, KNOWN))
        attempts = Attempts(name, self._place(request), known=known)
        async with self._services.pool.connection() as db:
            now = self._services.now()
            if await attempts.are_too_many(db, now):
                return self._form(request, following, wrong="too_many", status=429)
            found = await (await db.execute(_SQL["user"], {"name": name})).fetchone()
        right = await self._check(password, found[3] if found else None)
        if right is None:
            return self._form(request, following, wrong="busy", status=503)
        if not right or found is None:
            log.warning("a log-in to the page failed", place=self._place(request))
            return self._form(request, following, wrong="wrong", status=403)
        return await self._let_in(request, found, attempts, following)

    async def _check(self, password: str, kept: str | None) -> bool | None:
        """None: too many wait already."""
        if self._waiting >= WAITING_MOST:
            return None
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(is_right, password, kept)
        finally:
            self._waiting -= 1

    async def _let_in(
        self, request: web.Request, found: tuple[Any, ...], attempts: Attempts | None, following: str
    ) -> web.Response:
        """A new session, whatever the browser held before. `found`: who they were when their word was looked at, which takes a while: one who
        got another password meanwhile, or was removed, does not get in by the old one."""
        user = User(found[0], found[1], tuple(found[2]))
        async with self._services.pool.connection() as db, db.transaction():
            if await (await db.execute(_SQL["user_for_now"], {"name": user.name})).fetchone() != found:
                return self._form(request, following, wrong="wrong", status=403)
            await end(db, self._held(request, SESSION))
            session = await begin(db, user, self._services.now())
            if attempts is not None:
                await attempts.forgive(db)
            await record(db, self._services.clock.now(), "page.entered", actor=user.name)
        response = _to(following)
        self._keep(request, response, SESSION, session.secret, int(LONGEST.total_seconds()))
        self._keep(request, response, KNOWN, known_word(self._known_key, user.name), int(KNOWN_FOR.total_seconds()))
        self._drop(request, response, DOOR)
        return response

    def _place(self, request: web.Request) -> str:
        return request.remote or ""

    # ------------------------------------------------------------ out

    async def leave(self, request: web.Request) -> web.StreamResponse:
        """POST /logout"""
        secret = self._held(request, SESSION)
        await read_form(request, secret, FORM_MOST)
        async with self._services.pool.connection() as db, db.transaction():
            session = await find(db, secret, self._services.now())
            if session is not None:
                await end(db, secret)
                await record(db, self._services.clock.now(), "page.left", actor=session.user.name)
        response = _to("/login")
        response.headers["Clear-Site-Data"] = '"cache"'
        self._drop(request, response, SESSION)
        return response


def _to(path: str) -> web.Response:
    return web.Response(status=303, headers={**GUARD, "Location": path})
