"""The stream: live, resumable, bounded; and the pickup board that lives on it."""

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import msgspec
import pytest
import structlog
from aiohttp import ClientError, ClientResponse

from daemon.api.handlers import board, stream
from daemon.config import Board
from outbox.errors import StorageBusy
from outbox.model import State
from tests.support.busy import MOST
from tests.support.face import Face, event, opened
from tests.support.small_store import CALLERS, SmallStore, store_settings

NEWEST = len(CALLERS)
"""The record's number in a store where nothing has happened but its tokens."""


T = TypeVar("T")


class Event(msgspec.Struct):
    name: str
    id: int
    data: Any


class Reader:
    """Reads one stream's events; comments are counted."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self.comments = 0

    async def next(self) -> Event:
        while True:
            block = (await self._block()).decode()
            fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
            if block.startswith(":"):
                self.comments += 1
            if "data" in fields:
                return Event(fields["event"], int(fields["id"]), msgspec.json.decode(fields["data"]))

    async def _block(self) -> bytes:
        async with asyncio.timeout(MOST):
            return await self.response.content.readuntil(b"\n\n")

    async def until_comment(self) -> None:
        block = await self._block()
        assert block.startswith(b":"), block

    async def until_end(self) -> bytes:
        async with asyncio.timeout(MOST):
            return await self.response.content.read()


@asynccontextmanager
async def following(
    face: Face, path: str = "/v1/stream", *, as_: str | None = "screen", **headers: str
) -> AsyncIterator[Reader]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if as_:
        sent["Authorization"] = f"Bearer {face.secret(as_)}"
    async with face.session.get(face.url + path, headers=sent) as response:
        assert response.status == 200, await response.read()
        assert response.headers["Content-Type"] == "text/event-stream"
        reader = Reader(response)
        assert (await reader._block()) == b"retry: 2000\n\n"
        yield reader


async def test_a_database_that_can_t_be_read_for_a_moment_ends_a_stream_and_is_no_bug(
    face: Face, store: SmallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second answer was written into the middle of the first, and a traceback into the log, for each who followed."""

    looked, changes = asyncio.Event(), store.box.views.changes

    async def away_from_then_on(since: int, *, limit: int) -> Any:
        if looked.is_set():
            raise StorageBusy("disk I/O error")
        try:
            return await changes(since, limit=limit)
        finally:
            looked.set()

    monkeypatch.setattr(store.box.views, "changes", away_from_then_on)
    with structlog.testing.capture_logs() as told:
        async with following(face) as reader:
            await looked.wait()
            await face.post("/v1/events", event())
            with pytest.raises(ClientError):
                pytest.fail(str(await reader.until_end()))
    assert [each for each in told if each["log_level"] == "error"] == []


async def test_changes_are_told_as_their_gets_show_them(face: Face) -> None:
    async with following(face) as reader:
        await face.post("/v1/events", event())
        order, message = await reader.next(), await reader.next()
        assert (order.name, order.data) == ("order", (await face.get("/v1/orders")).json["items"][0])
        assert (message.name, message.data) == ("message", (await face.get("/v1/messages")).json["items"][0])
        assert [order.id, message.id] == [NEWEST + 1, NEWEST + 2]


async def test_attempts_receipts_channels_the_line_and_replies(face: Face, store: SmallStore) -> None:
    await face.post("/v1/events", event())
    (message,) = await store.messages()
    told: dict[str, Any] = {}
    async with following(face) as reader:
        await store.end(message.id, State.DELIVERED)
        await store.hears("twilio", "thanks")
        await face.post("/v1/channels/twilio/pause", {})
        await face.post("/v1/uplink", {"state": "down"})
        while not told.keys() >= {"attempt", "receipt", "message", "channel", "uplink", "reply"}:
            change = await while_time_passes(store, reader.next())
            told[change.name] = change.data
    assert told["attempt"]["message_id"] == message.id
    assert told["attempt"]["outcome"] == "accepted"
    assert told["receipt"]["receipt"] == "delivered"
    assert told["message"]["id"] == message.id
    assert told["channel"]["name"] == "twilio"
    assert told["uplink"]["state"] == "down"
    assert told["reply"]["text"] == "thanks"


async def test_resumes_where_the_client_was(face: Face) -> None:
    for n in range(3):
        await face.post("/v1/events", event(f"e-{n}", ref=f"B-{n}"))
    async with following(face, Last_Event_ID=str(NEWEST + 2)) as reader:
        assert [(each.name, each.id - NEWEST) for each in [await reader.next() for _ in range(4)]] == [
            ("order", 3),
            ("message", 4),
            ("order", 5),
            ("message", 6),
        ]
    async with following(face, f"/v1/stream?last_event_id={NEWEST + 5}") as reader:
        assert (await reader.next()).id == NEWEST + 6


async def test_new_client_hears_only_what_comes(face: Face) -> None:
    await face.post("/v1/events", event("e-1"))
    async with following(face) as reader:
        await face.post("/v1/events", event("e-2", ref="B-2"))
        assert (await reader.next()).data["ref"] == "B-2"


async def test_what_changed_often_is_told_once(face: Face, store: SmallStore) -> None:
    await face.post("/v1/events", event())
    (message,) = await store.messages()
    await store.end(message.id, State.DELIVERED)
    changes = await store.box.views.changes(NEWEST, limit=100)
    assert [each.kind for each in changes].count("message") == 4
    async with following(face, Last_Event_ID=str(NEWEST)) as reader:
        told = [await reader.next() for _ in range(len({(each.kind, each.key) for each in changes}))]
    assert sorted(each.name for each in told) == ["attempt", "message", "order", "receipt"]
    (message_told,) = [each for each in told if each.name == "message"]
    assert (message_told.id, message_told.data["state"]) == (changes[-1].seq, "delivered")


@pytest.mark.parametrize("last", ["99", "nonsense", "-5"])
async def test_client_of_another_record_is_told_to_read_anew(face: Face, last: str) -> None:
    await face.post("/v1/events", event())
    async with following(face, Last_Event_ID=last) as reader:
        told = await reader.next()
    assert (told.name, told.id) == ("reset", NEWEST + 2)


async def test_client_far_behind_is_told_to_read_anew(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "FAR_BEHIND", 1)
    for n in range(3):
        await face.post("/v1/events", event(f"e-{n}", ref=f"B-{n}"))
    async with following(face, Last_Event_ID=str(NEWEST)) as reader:
        assert (await reader.next()).name == "reset"


async def test_client_is_told_to_read_anew_when_somebody_is_forgotten(face: Face, store: SmallStore) -> None:
    """What it shows of them is nowhere else any more."""
    async with following(face) as reader:
        await store.box.audit.append("person.exported", actor="Mia")
        await face.post("/v1/events", event())
        assert [(await reader.next()).name for _ in range(2)] == ["order", "message"]
        await store.box.people.forget("ada@example.com", actor="Mia")
        told = ""
        while told != "reset":
            told = (await while_time_passes(store, reader.next())).name


async def test_heartbeat_while_it_is_quiet(face: Face, store: SmallStore) -> None:
    async with following(face) as reader:
        for _ in range(2):
            await asleep(store)
            await store.clock.advance(15)
            await reader.until_comment()


async def asleep(store: SmallStore) -> None:
    """Until the stream sleeps on the clock, as the door does whose connections it looks at."""
    async with asyncio.timeout(MOST):
        while store.clock.sleepers < 2:
            await asyncio.sleep(0)


async def while_time_passes(store: SmallStore, what: Coroutine[Any, Any, T]) -> T:
    """It, with the clock going on meanwhile."""
    going = asyncio.ensure_future(what)
    while not going.done():
        await store.clock.advance(0.1)
    return await going


async def test_busy_hour_is_told_in_handfuls(face: Face, store: SmallStore) -> None:
    async with following(face) as reader:
        await face.post("/v1/events", event("e-1"))
        await reader.next()
        await reader.next()
        await asleep(store)
        for act in ("hold", "release", "hold"):
            await face.post(f"/v1/orders/B-1042/{act}", {})
        newest = await store.box.views.newest()
        await store.clock.advance(0.1)
        told = [await reader.next() for _ in range(2)]
        assert sorted(each.name for each in told) == ["message", "order"]
        assert max(each.id for each in told) == newest


async def test_ends_when_the_service_stops(face: Face, store: SmallStore) -> None:
    async with following(face) as reader:
        ending = asyncio.ensure_future(reader.until_end())
        await asleep(store)
        await face.stop()
        assert await ending == b""


async def test_ends_for_a_token_that_is_revoked_and_tells_it_no_more(face: Face, store: SmallStore) -> None:
    await store.token("lost-tablet", "read")
    async with following(face, as_="lost-tablet") as reader:
        assert (await face.call("DELETE", "/v1/tokens/lost-tablet")).status == 200
        await face.post("/v1/events", event())
        assert await reader.until_end() == b""


async def test_head_has_no_stream(face: Face) -> None:
    answer = await face.call("HEAD", "/v1/stream", as_="screen")
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, b"", "text/event-stream")


async def test_so_many_streams_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_CLIENTS", 2)
    async with opened() as small, following(small), following(small):
        answer = await small.get("/v1/stream", as_="screen")
        assert answer.status == 503
        assert answer.headers["Retry-After"]


# ---------------------------------------------------------------- the pickup board


@pytest.fixture
async def board_face() -> AsyncIterator[Face]:
    async with opened(store_settings(board=Board(enabled=True, show="name"))) as face:
        yield face


async def put(face: Face, ref: str, status: str, name: str) -> None:
    await face.post(
        "/v1/events", event(f"{ref}-{status}", status, ref=ref, customer={"name": name, "phone": "+447700900123"})
    )


async def test_board_is_off_unless_wanted(face: Face) -> None:
    for path in ("/board", "/board/events"):
        answer = await face.get(path, as_=None)
        assert answer.status == 404
        assert "[board] enabled" in answer.problem["detail"]


async def test_board_shows_first_names_and_nothing_else(board_face: Face) -> None:
    face = board_face
    await put(face, "B-1", "order.in_production", "Ada Lovelace")
    await put(face, "B-2", "order.ready", "Kofi Mensah")
    await put(face, "B-3", "order.ready", "Kofi Annan")
    await put(face, "B-4", "order.ready", "")
    await put(face, "B-5", "order.completed", "Gone Away")
    async with following(face, "/board/events", as_=None) as reader:
        shown = await reader.next()
        assert shown.name == "board"
        assert shown.data["making"] == ["Ada"]
        assert shown.data["ready"] == ["Kofi · B-2", "Kofi · B-3", "B-4"]
        assert set(shown.data) == {"title", "language", "words", "making", "ready", "more"}
        assert not re.search("Lovelace|447700", str(shown.data))
        await face.store.clock.advance(1)
        await put(face, "B-1", "order.ready", "Ada Lovelace")
        await face.store.clock.advance(1)
        assert (await reader.next()).data["ready"][0] == "Ada"


async def test_board_is_told_again_only_when_it_changed(board_face: Face) -> None:
    face = board_face
    await put(face, "B-1", "order.ready", "Ada")
    async with following(face, "/board/events", as_=None) as reader:
        await reader.next()
        (message,) = await face.store.messages()
        await face.store.end(message.id, State.SENT)
        await while_time_passes(face.store, reader.until_comment())


async def test_board_of_numbers_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "MOST_SHOWN", 2)
    async with opened(store_settings(board=Board(enabled=True, title="Ballons"))) as face:
        for n in range(5):
            await put(face, f"B-{n}", "order.in_production", "Ada")
        async with following(face, "/board/events", as_=None) as reader:
            shown = await reader.next()
    assert (shown.data["title"], shown.data["making"], shown.data["more"]) == ("Ballons", ["B-0", "B-1"], [3, 0])


async def test_one_machine_does_not_keep_the_other_boards_out(board_face: Face) -> None:
    face = board_face
    async with AsyncExitStack() as stack:
        for _ in range(board.MOST_OF_EACH):
            await stack.enter_async_context(following(face, "/board/events", as_=None))
        assert (await face.get("/board/events", as_=None)).status == 503
        reader, writer = await asyncio.open_connection("127.0.0.1", face.port, local_addr=("127.0.0.2", 0))
        stack.callback(writer.close)
        writer.write(b"GET /board/events HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(MOST):
            assert b"200 OK" in await reader.readline()


async def test_board_that_is_switched_off_shows_nothing_more(board_face: Face) -> None:
    face = board_face
    async with following(face, "/board/events", as_=None) as reader:
        await reader.next()
        face.store.on_disk = store_settings()
        assert (await face.post("/v1/reload")).status == 200
        await face.store.clock.advance(1)
        await put(face, "B-1", "order.ready", "Ada")
        assert await reader.until_end() == b""


async def test_board_page_reaches_nothing_else(board_face: Face) -> None:
    page = await board_face.get("/board", as_=None)
    assert page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(rb"https?://|//[a-z]+\.", page.body)
    assert b'aria-live="polite"' in page.body
