"""What all pages share: who is there and what they may, forms that only our own page can send, the policy that lets nothing in from outside,
words, and headquarters' record of what people do.

A page is a `Page` in `pages.PAGES`; its `show` gets a `Visit`. A page that only shows is a GET; whatever changes something is a POST, which comes
here only with the session's own token and from our own origin, and puts on record what it did.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl

from aiohttp import web
from jinja2 import Environment

from daemon.hq.database import Connection
from daemon.hq.page.people import Right, User
from daemon.hq.page.sessions import Session, is_token
from daemon.hq.page.words import LANGUAGES, Words, language_of
from daemon.hq.record import Position, record
from daemon.hq.services import Services

FORM_MOST = 64 * 1024
FIELDS_MOST = 200
FORM_SECONDS = 20.0
THEMES = ("auto", "light", "dark")
YEAR_SECONDS = 31_536_000
GUARD: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Refusal(Exception):
    """A page that is not shown: says why, by a word of the frame's catalogue or the page's own."""

    def __init__(self, status: int, word: str, **args: object) -> None:
        super().__init__(word)
        self.status = status
        self.word = word
        self.args_of_word = args


class Turns:
    """So many at once, each a process of its own; so many more wait, each with a connection to PostgreSQL in hand, and who comes then is to
    come again."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._turn = asyncio.Semaphore(at_once)
        self._left = at_once + waiting

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Raises Refusal."""
        if not self._left:
            raise Refusal(503, "previews_busy")
        self._left -= 1
        try:
            async with self._turn:
                yield
        finally:
            self._left += 1


Show: TypeAlias = "Callable[[Visit], Awaitable[web.StreamResponse]]"


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page, or what a form does."""

    name: str
    """Of its catalogue of words. The word `title` is its title, `nav` (else `title`) how the navigation calls it."""
    path: str
    show: Show
    method: Literal["GET", "POST"] = "GET"
    right: Right = "see"
    """What who comes must have; what is asked of one store besides, `show` asks by `visit.store`."""
    nav: int | None = None
    """Its place in the navigation."""
    most: int = FORM_MOST
    """Bytes that a form may have."""


@dataclass(frozen=True)
class Frame:
    """Made once."""

    services: Services
    environment: Environment
    pages: Sequence[Page]
    trials: Turns = field(default_factory=lambda: Turns(2, 2))
    """Previews and checks of texts."""

    def nav(self, user: User) -> list[Page]:
        shown = [page for page in self.pages if page.nav is not None and user.may(page.right)]
        return sorted(shown, key=lambda page: page.nav or 0)


@dataclass
class Visit:
    """One request for a page, by somebody who is logged in and has the page's right."""

    frame: Frame
    request: web.Request
    page: Page
    session: Session
    db: Connection
    words: Words
    form: Mapping[str, str] = field(default_factory=dict)
    """Of a POST, once its token is proved."""

    @property
    def services(self) -> Services:
        return self.frame.services

    @property
    def user(self) -> User:
        return self.session.user

    @property
    def now(self) -> datetime:
        return self.services.now()

    def asked(self, name: str, most: int = 200) -> str:
        """A word of the query, "" where there is none."""
        return self.request.query.get(name, "").strip()[:most]

    def store(self, name: str, right: Right | None = None) -> str:
        """That store, if who is there may see it and has the right for it. Raises Refusal: a store of others is as one that is not there."""
        if not self.user.sees(name):
            raise Refusal(404, "no_store")
        if right is not None and not self.user.may(right, name):
            raise Refusal(403, "not_allowed")
        return name

    async def record(self, kind: str, *, order_ref: str = "", message_id: str = "", **detail: object) -> Position:
        """Put on headquarters' own record what was done, by whom; inside of the deed's own transaction. No address and no secret in it."""
        return await record(
            self.db,
            self.services.clock.now(),
            kind,
            detail,
            actor=self.user.name,
            order_ref=order_ref,
            message_id=message_id,
        )

    def shown(self, template: str, *, status: int = 200, **values: object) -> web.Response:
        return respond(self.frame, self.request, template, self.words, self.session, self.page, status=status, **values)

    def went(self, path: str, said: str = "") -> web.Response:
        """After a POST: on to that page, which says the page's word `said_...`."""
        where = f"{path}{'&' if '?' in path else '?'}said={said}" if said else path
        return web.Response(status=303, headers={**GUARD, "Location": where})


def respond(
    frame: Frame, request: web.Request, template: str, words: Words, session: Session | None, page: Page | None, *,
    status: int = 200, **values: object,
) -> web.Response:  # fmt: skip
    """A page, rendered."""
    nav = [] if session is None else [(each, Words(each.name, words.language)) for each in frame.nav(session.user)]
    said = f"said_{request.query.get('said', '')}"
    text = frame.environment.get_template(template).render(
        w=words,
        user=session.user if session else None,
        token=session.token if session else "",
        nav=[
            (each.path, w("nav" if "nav" in w else "title"), page is not None and each.name == page.name)
            for each, w in nav
        ],
        fleet=frame.services.settings.hq.name,
        release=frame.services.release,
        now=frame.services.now(),
        archive=frame.services.archive(),
        said=words(said) if said in words else "",
        theme=theme_of(request),
        languages=[(code, str(request.rel_url.update_query(lang=code))) for code in LANGUAGES],
        themes=[(name, str(request.rel_url.update_query(theme=name))) for name in THEMES],
        **values,
    )
    response = web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=GUARD)
    remember(request, response)
    return response


def remember(request: web.Request, response: web.Response) -> None:
    """The language and the colours that a link of the footer chose."""
    for key, known in (("lang", LANGUAGES), ("theme", THEMES)):
        if (chosen := request.query.get(key, "")) in known:
            response.set_cookie(
                f"tether-{key}",
                chosen,
                max_age=YEAR_SECONDS,
                path="/",
                samesite="Lax",
                secure=request.secure,
                httponly=True,
            )


def words_for(request: web.Request, page: str) -> Words:
    chosen = request.query.get("lang", "") or request.cookies.get("tether-lang", "")
    return Words(page, language_of(chosen, request.headers.get("Accept-Language", "")))


def theme_of(request: web.Request) -> str:
    chosen = request.query.get("theme", "") or request.cookies.get("tether-theme", "")
    return chosen if chosen in THEMES else "auto"


async def read_form(request: web.Request, secret: str, most: int = FORM_MOST) -> dict[str, str]:
    """The fields of a form that our own page sent, read while no connection to PostgreSQL is held. Raises Refusal for what another one did, and what is too large."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    if site != "same-origin" or (origin is not None and origin.partition("://")[2] != request.host):
        raise Refusal(403, "not_from_here")
    body = bytearray()
    try:
        async with asyncio.timeout(FORM_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > most:
                    raise Refusal(413, "too_large")
        fields = dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=FIELDS_MOST))
    except TimeoutError as error:
        raise Refusal(408, "not_from_here") from error
    except ValueError as error:
        raise Refusal(400, "not_from_here") from error
    if not is_token(secret, fields.pop("token", "")):
        raise Refusal(403, "not_from_here")
    return fields


def own_path(text: str) -> str:
    """Where to go after the log-in: a path of ours, else the first page."""
    is_ours = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() and "\\" not in text
    return text if is_ours else "/"
