"""Who gets a place: connections and unvouched bodies, for one address and in all."""

import asyncio
import resource

import pytest
import structlog

from daemon.api.plumbing.places import KNOWN_FOR_S, MOST_UNREAD, REQUEST_WAIT_S, Guest, Places, Room
from daemon.api.plumbing.tally import TELL_EVERY_S, Tally
from daemon.api.plumbing.unvouched import (
    EACH,
    EACH_KNOWN,
    EACH_WAITING,
    MOST,
    MOST_OF_STRANGERS,
    MOST_WAITING,
    PATIENCE_S,
    UnvouchedBodies,
)
from daemon.api.schema.problem import Problem
from daemon.runtime import descriptors
from tests.support.face import Face
from tests.support.fake_clock import FakeClock, settle

ROOM = Room(total=8, each=3, each_known=5, kept=3, wait=10.0)


class Door:
    """Places, and who was hung up on."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.tally = Tally(self.clock)
        self.places = Places(ROOM, self.clock, self.tally)
        self.gone: list[str] = []

    def enter(self, address: str, name: str = "") -> Guest | None:
        guest = self.places.enter(address)
        if guest is not None:
            guest.end = lambda: self.gone.append(name or address)
        return guest

    async def later(self) -> None:
        await self.clock.advance(0.1)

    def known(self, *addresses: str) -> None:
        for address in addresses:
            guest = self.places.enter(address)
            assert guest is not None
            self.places.prove(guest)
            self.places.leave(guest)


async def test_the_one_that_waits_longest_makes_room_for_its_own_address() -> None:
    door = Door()
    for name in "abc":
        assert door.enter("10.0.0.1", name)
        await door.later()
    assert door.enter("10.0.0.2", "other")
    assert door.enter("10.0.0.1", "d")
    assert door.gone == ["a"]
    assert door.tally.counts["connections_address"] == 1


async def test_nobody_who_is_being_answered_makes_room() -> None:
    door = Door()
    for _ in range(3):
        guest = door.enter("10.0.0.1")
        assert guest is not None
        door.places.begin(guest)
    assert door.enter("10.0.0.1") is None
    assert door.gone == []


async def test_who_leaves_most_of_its_answers_lying_goes_when_there_is_no_room_for_more() -> None:
    door = Door()
    for name, unread in (("a", MOST_UNREAD // 4), ("b", MOST_UNREAD // 2), ("c", MOST_UNREAD // 4), ("d", 1)):
        guest = door.enter(f"10.0.0.{name}", name)
        assert guest is not None
        guest.unread = lambda unread=unread: unread
        door.places.begin(guest)
    assert door.gone == ["b"]
    assert door.tally.counts["answers"] == 1


async def test_strangers_leave_the_kept_places_to_those_who_proved_themselves() -> None:
    door = Door()
    for n in range(20):
        assert door.enter(f"10.0.1.{n}")
        await door.later()
    assert door.places.taken == ROOM.total - ROOM.kept
    door.known("10.0.0.9")
    for _ in range(ROOM.kept):
        assert door.enter("10.0.0.9", "till")
    assert door.enter("10.0.0.9", "till")
    assert "till" not in door.gone
    assert door.places.taken <= ROOM.total


async def test_proof_is_forgotten_after_a_day() -> None:
    door = Door()
    door.known("10.0.0.9")
    assert door.places.knows("10.0.0.9")
    await door.clock.advance(KNOWN_FOR_S)
    assert not door.places.knows("10.0.0.9")


async def test_leaving_twice_frees_one_place() -> None:
    door = Door()
    guest = door.enter("10.0.0.1")
    assert guest is not None
    door.enter("10.0.0.1")
    door.places.leave(guest)
    door.places.leave(guest)
    assert door.places.taken == 1


async def test_who_proves_nothing_in_time_is_hung_up_on() -> None:
    door = Door()
    names = ("idle", "busy", "proved", "stream")
    idle, busy, proved, stream = (door.enter(f"10.0.0.{n}", name) for n, name in enumerate(names))
    assert idle is not None
    assert busy is not None
    assert proved is not None
    assert stream is not None
    door.places.begin(busy)
    door.places.begin(stream)
    stream.stays = True
    door.places.prove(proved)
    await door.clock.advance(ROOM.wait + 1)
    door.places.sweep()
    assert door.gone == ["idle"]
    await door.clock.advance(REQUEST_WAIT_S)
    door.places.sweep()
    assert door.gone == ["idle", "busy"]


def test_places_follow_what_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    def allowed(limit: int) -> descriptors.Rooms:
        monkeypatch.setattr(resource, "getrlimit", lambda which: (limit, limit))
        return descriptors.rooms()

    wide, narrow, tiny = allowed(4096), allowed(300), allowed(64)
    assert (wide.tcp.total, wide.socket.total) == (descriptors.TCP, descriptors.SOCKET)
    assert narrow.tcp.total + narrow.socket.total <= 300 - descriptors.OWN_WORK
    assert tiny.tcp.total >= descriptors.LEAST_TCP
    for rooms in (wide, narrow, tiny):
        for room in (rooms.tcp, rooms.socket):
            assert 0 < room.each <= room.total
            assert 0 < room.kept < room.total


async def test_a_cap_is_told_once_a_minute_and_counted_always() -> None:
    clock = FakeClock()
    tally = Tally(clock)
    with structlog.testing.capture_logs() as told:
        for _ in range(100):
            tally.count("rate", client="till-1")
        await clock.advance(TELL_EVERY_S)
        tally.count("rate", client="till-2")
    assert [(each["cap"], each["times"]) for each in told] == [("rate", 1), ("rate", 100)]
    assert tally.counts["rate"] == 101


async def test_every_cap_is_in_the_figures(face: Face) -> None:
    await face.get("/v1/orders", as_=None)
    text = (await face.get("/metrics", as_=None)).body.decode()
    assert 'tether_turned_away_total{cap="credentials"} 1' in text
    assert 'tether_turned_away_total{cap="connections_total"} 0' in text
    assert 'tether_connections{door="tcp"} 1' in text
    assert 'tether_connections_limit{door="tcp"} ' in text


# ---------------------------------------------------------------- bodies that nobody vouched for


class Bodies:
    """Bodies being read until they are let go."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.bodies = UnvouchedBodies(self.clock, Tally(self.clock))
        self.reading: list[str] = []
        self.refused: list[str] = []
        self._tasks: dict[str, tuple[asyncio.Task[None], asyncio.Event]] = {}

    async def read(self, name: str, address: str, size: int = 1000, *, known: bool = False) -> None:
        enough = asyncio.Event()
        self._tasks[name] = asyncio.ensure_future(self._read(name, Guest(address, 0.0, known), size, enough)), enough
        await settle()

    async def _read(self, name: str, guest: Guest, size: int, enough: asyncio.Event) -> None:
        try:
            async with self.bodies.place(guest, size):
                self.reading.append(name)
                await enough.wait()
        except Problem as problem:
            self.refused.append(f"{name} {problem.status}")

    async def end(self, name: str) -> None:
        task, enough = self._tasks.pop(name)
        enough.set()
        await task
        if name in self.reading:
            self.reading.remove(name)
        await settle()


async def test_so_many_bodies_of_one_address_and_of_strangers() -> None:
    at = Bodies()
    for n in range(EACH + 1):
        await at.read(f"a{n}", "10.0.0.1")
    assert len(at.reading) == EACH
    for n in range(MOST):
        await at.read(f"b{n}", f"10.0.1.{n}")
    assert len(at.reading) == MOST_OF_STRANGERS
    for n in range(EACH_KNOWN):
        await at.read(f"k{n}", "10.0.0.9", known=True)
    assert len(at.reading) == MOST
    for name in [*at._tasks]:
        await at.end(name)
    assert at.bodies.reading == 0
    await at.read("after", "10.0.0.1")
    assert at.reading == ["after"]
    await at.end("after")


async def test_small_ones_go_first() -> None:
    at = Bodies()
    for n in range(EACH):
        await at.read(f"first{n}", "10.0.0.1")
    for name, size in (("large", 2_000_000), ("small", 500), ("middle", 90_000)):
        await at.read(name, "10.0.0.1", size)
    order = []
    for name in ("first0", "first1", "small", "middle", "large"):
        await at.end(name)
        order.append(list(at.reading))
    assert order == [["first1", "small"], ["small", "middle"], ["middle", "large"], ["large"], []]


async def test_waiting_has_an_end_and_a_limit() -> None:
    at = Bodies()
    for n in range(EACH + EACH_WAITING + 1):
        await at.read(f"{n}", "10.0.0.1")
    assert at.refused == [f"{EACH + EACH_WAITING} 503"]
    await at.clock.advance(PATIENCE_S)
    assert len(at.refused) == EACH_WAITING + 1
    for n in range(EACH):
        await at.end(f"{n}")
    assert at.bodies.reading == 0


async def test_strangers_that_wait_leave_room_for_who_proved_themselves() -> None:
    """Nine addresses that send no body to hooks kept every shop's own webhook out."""
    at = Bodies()
    for n in range(MOST_OF_STRANGERS + MOST_WAITING):
        await at.read(f"s{n}", f"10.0.{n // EACH_WAITING}.1")
    assert len(at.reading) == MOST_OF_STRANGERS
    await at.read("shop", "10.9.0.9", known=True)
    assert at.reading[-1] == "shop"
    await at.clock.advance(PATIENCE_S)
    for name in list(at.reading):
        await at.end(name)
    assert at.bodies.reading == 0
