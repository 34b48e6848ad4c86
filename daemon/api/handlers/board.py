"""The pickup board: one page for the shop's second screen, and the little that it is told. Open to whoever reaches the port, so it
says order numbers, or first names where the store wants that, and nothing else; off unless `[board] enabled`.
"""

import hashlib
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
from aiohttp import web

from daemon.api.plumbing.reply import HTML, answer
from daemon.api.plumbing.route import Call, NoQuery, Route, get
from daemon.api.plumbing.services import Services
from daemon.api.plumbing.sse import MEDIA_TYPE, Streams, frame
from daemon.api.schema.problem import Problem
from daemon.planner.rules import stages
from daemon.wire.values import encode
from outbox import harmless
from outbox.model import Order

MOST_CLIENTS = 32
MOST_OF_EACH = 8
"""Of one address: nobody proves who they are here, and one machine must not keep the shop's own screens out."""
MOST_SHOWN = 60
DAY_MS = 86_400_000
READY_FOR_MS = 2 * DAY_MS
MAKING_FOR_MS = 7 * DAY_MS
LONGEST_NAME = 14

WORDS = {
    "en": ("Making", "Ready", "Nothing here yet", "Reconnecting"),
    "de": ("In Arbeit", "Abholbereit", "Noch nichts da", "Verbindung wird hergestellt"),
    "es": ("Preparando", "Listo", "Nada por ahora", "Reconectando"),
    "fr": ("En préparation", "Prêt", "Rien pour l’instant", "Reconnexion"),
}


class Shown(msgspec.Struct, frozen=True):
    """What the board shows, whole each time."""

    title: str
    language: str
    words: tuple[str, str, str, str]
    """Making, Ready, nothing here, reconnecting."""
    making: list[str]
    ready: list[str]
    more: tuple[int, int]
    """How many of each there was no room for."""


class Board:
    """The board of one application: what it shows is made once for all who watch."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.open = Streams(services, most=MOST_CLIENTS, each=MOST_OF_EACH)
        self._page, self._policy = _page()
        self._seen = -1
        self._changed_at = -1
        self._content = b""

    async def page(self, call: Call[NoQuery, None]) -> web.StreamResponse:
        self._refuse_unless_enabled()
        return answer(self._page, content_type=HTML, headers={"Content-Security-Policy": self._policy})

    async def follow(self, call: Call[NoQuery, None]) -> web.StreamResponse:
        self._refuse_unless_enabled()
        return await self.open.serve(call.request, self._after, -1, may=self._is_enabled)

    def _is_enabled(self) -> bool:
        return self._services.settings.board.enabled

    def _refuse_unless_enabled(self) -> None:
        if not self._is_enabled():
            raise Problem(
                404, "the pickup board is switched off; `[board] enabled = true` in tether.toml switches it on"
            )

    async def _after(self, since: int) -> tuple[bytes, int]:
        newest = await self._services.box.views.newest()
        if newest != self._seen:
            content = encode(await self._shown())
            if content != self._content:
                self._content, self._changed_at = content, newest
            self._seen = newest
        return (frame("board", self._changed_at, self._content) if self._changed_at > since else b""), newest

    async def _shown(self) -> Shown:
        settings = self._services.settings
        locale = settings.store.locale.replace("_", "-")
        language = locale.split("-")[0].lower()
        making = sorted(
            await self._orders("making", MAKING_FOR_MS), key=lambda each: (each.promised_at or 2**62, each.ref)
        )
        ready = sorted(await self._orders("ready", READY_FOR_MS), key=lambda each: (-each.status_at, each.ref))
        labels = _labels([*making, *ready], names=settings.board.show == "name")
        return Shown(
            title=settings.board.title or settings.store.name,
            language=locale if "-" in locale else f"{locale}-{settings.store.country.upper()}",
            words=WORDS.get(language, WORDS["en"]),
            making=[labels[each.ref] for each in making[:MOST_SHOWN]],
            ready=[labels[each.ref] for each in ready[:MOST_SHOWN]],
            more=(max(0, len(making) - MOST_SHOWN), max(0, len(ready) - MOST_SHOWN)),
        )

    async def _orders(self, stage: str, window: int) -> list[Order]:
        page = await self._services.box.views.orders(
            statuses=stages.statuses_of([stage]),
            any_but=stages.any_but([stage]),
            search=None,
            since=self._services.clock.now() - window,
            limit=500,
            cursor=None,
        )
        return list(page.items)

    def routes(self) -> tuple[Route[NoQuery, None], ...]:
        return (
            get("/board", self.page, "Show the pickup board", "Board", "text/html", scope=None, refusals=(404,)),
            get(
                "/board/events",
                self.follow,
                "Follow the pickup board",
                "Board",
                MEDIA_TYPE,
                scope=None,
                refusals=(404, 503),
                description="Server-sent events named `board`, each with the whole board: order numbers or first names, nothing else.",
            ),
        )


def _labels(orders: Sequence[Order], *, names: bool) -> dict[str, str]:
    """What stands for each order; first names that several share carry the number as well."""
    if not names:
        return {each.ref: harmless.line(each.ref) for each in orders}
    first = {each.ref: _first_name(each.customer.name) for each in orders}
    count = Counter(first.values())
    return {
        ref: harmless.line(ref if not name else name if count[name] == 1 else f"{name} · {ref}")
        for ref, name in first.items()
    }


def _first_name(name: str | None) -> str:
    words = harmless.clean(name or "").split()
    return words[0][:LONGEST_NAME] if words else ""


def _page() -> tuple[bytes, str]:
    """The page, and a policy that lets it run its own script and style and reach nothing but this service."""
    page = Path(__file__).with_name("board.html").read_text(encoding="utf-8")
    script, style = (_hash_of(page, tag) for tag in ("script", "style"))
    policy = (
        f"default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    return page.encode(), policy


def _hash_of(page: str, tag: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    assert found is not None
    return "sha256-" + b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
