"""The first page live: one look at all stores a second, however many watch, and to each what became different for them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
from aiohttp import web

from daemon.hq.database import Weather
from daemon.hq.glance import Glance, glance
from daemon.hq.page.door import Door
from daemon.hq.page.frame import GUARD, Frame, words_for
from daemon.hq.page.people import User
from daemon.hq.services import Services

LOOK_SECONDS = 1.0
BEAT_SECONDS = 15
ASKED_AGAIN_SECONDS = 30
WATCHERS_MOST, WATCHERS_OF_ONE = 200, 20

Render = Callable[[Sequence[Glance]], Sequence[str]]


class Changed(msgspec.Struct, frozen=True):
    """One store as it stands now. `key` says where it belongs."""

    name: str
    key: str
    well: bool
    html: str


class Change(msgspec.Struct, frozen=True):
    stores: Sequence[Changed]
    gone: Sequence[str]
    summary: str


class Lookout:
    """Looks for all who watch."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._turn = asyncio.Lock()
        self._looked_at = float("-inf")
        self._seen: Sequence[Glance] = ()

    async def look(self) -> Sequence[Glance]:
        async with self._turn:
            clock = self._services.clock
            if clock.monotonic() - self._looked_at >= LOOK_SECONDS * 0.9:
                async with self._services.pool.connection() as db:
                    self._seen = await glance(db, self._services.now())
                self._looked_at = clock.monotonic()
            return self._seen


class Live:
    """GET /live/stores"""

    def __init__(self, frame: Frame, door: Door) -> None:
        self._frame = frame
        self._door = door
        self._lookout = Lookout(frame.services)
        self._watchers: Counter[str] = Counter()
        self._stopping = asyncio.Event()

    async def end(self, app: web.Application) -> None:
        self._stopping.set()

    async def _who(self, request: web.Request) -> User | None:
        async with self._frame.services.pool.connection() as db:
            session = await self._door.admit(request, db, used=False)
        return session.user if session else None

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Ends by itself when who watches may no more; the browser comes again."""
        user = await self._who(request)
        if user is None or not user.may("see"):
            return web.Response(status=401, text="log in first", headers=GUARD)
        if self._watchers.total() >= WATCHERS_MOST or self._watchers[user.name] >= WATCHERS_OF_ONE:
            return web.Response(status=503, text="too many watch already", headers=GUARD)
        response = web.StreamResponse(headers={**GUARD, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        self._watchers[user.name] += 1
        try:
            await self._tell(request, response, user)
        except ConnectionError:
            """Whoever watched is gone."""
        finally:
            self._watchers[user.name] -= 1
        return response

    async def _tell(self, request: web.Request, response: web.StreamResponse, user: User) -> None:
        clock, words = self._frame.services.clock, words_for(request, "stores")
        await response.write(b"retry: 1000\n\n")
        known: dict[str, Glance] | None = None
        beats = 0
        while not self._stopping.is_set():
            try:
                if beats % ASKED_AGAIN_SECONDS == ASKED_AGAIN_SECONDS - 1 and await self._who(request) != user:
                    return
                seen = {each.name: each for each in await self._lookout.look() if user.sees(each.name)}
            except Weather:
                await response.write(b"event: away\ndata: {}\n\n")
            else:
                changed = [each for each in seen.values() if known is None or known.get(each.name) != each]
                gone = [] if known is None else [name for name in known if name not in seen]
                if changed or gone or known is None:
                    change = Change(
                        [Changed(each.name, each.key, is_well(each), self._row(each, words)) for each in changed],
                        gone,
                        summary(list(seen.values()), words),
                    )
                    await response.write(b"event: stores\ndata: " + msgspec.json.encode(change) + b"\n\n")
                elif beats % BEAT_SECONDS == 0:
                    await response.write(b": quiet\n\n")
                known = seen
            beats += 1
            await clock.wait(self._stopping, LOOK_SECONDS)

    def _row(self, each: Glance, words: object) -> str:
        return self._frame.environment.get_template("store_row.html.j2").render(w=words, store=each)


def is_well(each: Glance) -> bool:
    return each.level in ("good", "off")


def summary(stores: Sequence[Glance], words: Callable[..., str]) -> str:
    """How many are how, in a sentence."""
    counts = {level: sum(each.level == level for each in stores) for level in ("bad", "warn", "good")}
    told = [words(f"count_{level}", n=n) for level, n in counts.items() if n]
    return " · ".join(told) or words("nothing")
