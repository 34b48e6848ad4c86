"""Who may hold a connection with headquarters, before a handshake is begun or a byte is read: so many of one address, so many in all, some of
them only for addresses from which somebody proved lately who they are. The one that waits longest without having done so makes room: of its
own address where that has all that it may, else of the one that has most.
"""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from outbox.clock import Clock

log = structlog.get_logger(__name__)

TOTAL, KEPT = 500, 100
EACH, EACH_KNOWN = 50, 400
"""Of one address; an office has one for all its people, who proved themselves."""
WAIT_SECONDS, REQUEST_SECONDS = 10.0, 60.0
"""In which a stranger must have asked something, and in which it must have been answered."""
HANDSHAKE_SECONDS, GOODBYE_SECONDS, SHORT_SECONDS = 10.0, 2.0, 0.5
KNOWN_SECONDS, KNOWN_MOST = 24 * 3600.0, 1024
PROXY = ("127.0.0.1", "::1")
"""The owner's own: all the world comes from there."""
LOG_SECONDS = 60.0
_OPTIONS: Mapping[str, Any] = {"access_log": None, "keepalive_timeout": 75.0, "lingering_time": 2.0}


@dataclass(eq=False)
class Place:
    """One connection, from the moment it is accepted."""

    address: str
    since: float
    """When it was accepted, or its latest request came or was answered (monotonic)."""
    is_busy: bool = False
    """A request of its is being answered."""
    is_proved: bool = False
    end: Callable[[], object] = field(default=lambda: None)


class Places:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken: dict[Place, None] = {}
        self._known: dict[str, float] = {}
        self._logged_at = float("-inf")

    def enter(self, address: str) -> Place | None:
        """None: there is none, not even by making room."""
        knows = self._knows(address)
        own = [place for place in self._taken if place.address == address]
        is_crowded = len(own) >= (EACH_KNOWN if knows else EACH) and address not in PROXY
        if is_crowded and not self._make_room(own):
            return None
        unproved = [place for place in self._taken if not place.is_proved]
        strangers = [place for place in self._taken if not self._knows(place.address)]
        is_full = len(self._taken) >= TOTAL or (not knows and len(strangers) >= TOTAL - KEPT)
        if is_full and not self._make_room(strangers) and not (knows and self._make_room(unproved)):
            return None
        place = Place(address, self._clock.monotonic())
        self._taken[place] = None
        return place

    def leave(self, place: Place) -> None:
        self._taken.pop(place, None)

    def prove(self, place: Place) -> None:
        place.is_proved = True
        self._known.pop(place.address, None)
        self._known[place.address] = self._clock.monotonic()
        if len(self._known) > KNOWN_MOST:
            del self._known[next(iter(self._known))]

    def turn(self, place: Place, *, is_busy: bool) -> None:
        place.is_busy, place.since = is_busy, self._clock.monotonic()

    def sweep(self) -> None:
        """Hang up on strangers that take too long."""
        now = self._clock.monotonic()
        for place in list(self._taken):
            most = REQUEST_SECONDS if place.is_busy else WAIT_SECONDS
            if not place.is_proved and now - place.since > most:
                self._end(place)

    def _knows(self, address: str) -> bool:
        return self._clock.monotonic() - self._known.get(address, float("-inf")) < KNOWN_SECONDS

    def _make_room(self, places: Collection[Place]) -> bool:
        """A stranger goes also in the middle of a request: who sends half of one is no better than who sends none. Those go first of whose
        address there are most: a store that joins has one."""
        may_go = [place for place in places if not (place.is_proved and place.is_busy)]
        held = Counter(place.address for place in places)
        if may_go:
            self._end(min(may_go, key=lambda place: (place.is_proved, -held[place.address], place.since)))
        return bool(may_go)

    def _end(self, place: Place) -> None:
        self.leave(place)
        place.end()
        if (now := self._clock.monotonic()) - self._logged_at >= LOG_SECONDS:
            self._logged_at = now
            log.warning("hung up on a stranger", address=place.address, connections=len(self._taken))


class Guest(RequestHandler):
    """aiohttp's connection, in a place of its own, which it leaves when it is gone."""

    __slots__ = ("place", "places")

    def __init__(self, server: web.Server, place: Place, places: Places) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **_OPTIONS)
        self.place = place
        self.places = places

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # Its own, since aiohttp may have let go of it while what was not taken lies there still.
        self.place.end = cast(asyncio.Transport, transport).abort

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.places.leave(self.place)


def prove(request: web.BaseRequest) -> None:
    """Who asks is one of ours."""
    if isinstance(guest := request.protocol, Guest):
        guest.places.prove(guest.place)


def listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.create_server((host, port), family=family)
    made.setblocking(False)
    return made


async def serve(runner: web.AppRunner, door: socket.socket, tls: ssl.SSLContext | None, clock: Clock) -> None:
    """Accept for ever. Connections that are open go with the runner."""
    assert runner.server is not None
    _keep_busy(runner.server)
    places = Places(clock)
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        group.create_task(_sweep(places, clock), name="sweep")
        while True:
            try:
                accepted, address = await loop.sock_accept(door)
            except (OSError, MemoryError) as error:
                log.warning("a connection can't be taken", reason=str(error))
                await clock.sleep(SHORT_SECONDS)
                continue
            place = places.enter(str(address[0]))
            if place is None:
                accepted.close()
                continue
            meeting = group.create_task(_meet(runner.server, accepted, tls, place, places), name="connection")
            place.end = meeting.cancel
            meeting.add_done_callback(partial(_let_go, place, accepted, places))


def _keep_busy(server: web.Server) -> None:
    route = server.request_handler

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if not isinstance(guest := request.protocol, Guest):
            return await route(request)
        guest.places.turn(guest.place, is_busy=True)
        try:
            return await route(request)
        except ConnectionError:
            log.debug("who asked is gone")
            return web.Response(status=400)
        finally:
            guest.places.turn(guest.place, is_busy=False)

    server.request_handler = handle


async def _meet(
    server: web.Server, accepted: socket.socket, tls: ssl.SSLContext | None, place: Place, places: Places
) -> None:
    waits = {"ssl_handshake_timeout": HANDSHAKE_SECONDS, "ssl_shutdown_timeout": GOODBYE_SECONDS} if tls else {}
    try:
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: Guest(server, place, places), accepted, ssl=tls, **waits
        )
    except (OSError, MemoryError):
        places.leave(place)
        accepted.close()


def _let_go(place: Place, accepted: socket.socket, places: Places, done: "asyncio.Task[None]") -> None:
    if done.cancelled():
        places.leave(place)
        accepted.close()


async def _sweep(places: Places, clock: Clock) -> None:
    while True:
        await clock.sleep(1.0)
        places.sweep()
