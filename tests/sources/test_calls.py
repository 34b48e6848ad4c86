"""The calls about sources: who may make them, and what they answer."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from outbox.errors import NotFound, StorageBusy
from outbox.model import Event, Posted
from tests.support.face import Face, opened
from tests.support.outbox_box import plans

EVENT = b'{"id": "1", "type": "order.ready", "order": {"ref": "B-1"}, "customer": {"phone": "+447700900123"}}'


@pytest.fixture
async def face() -> AsyncIterator[Face]:
    async with opened() as face:
        yield face


async def keep(face: Face, source: str = "webshop", *, body: bytes = b"{}") -> None:
    await face.store.box.quarantine.keep(source, body, headers={}, reason="id is missing")


def bearer(face: Face, who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {face.secret(who)}"}


@pytest.mark.parametrize(
    ("method", "path", "least"),
    [
        ("GET", "/v1/sources", "screen"),
        ("POST", "/v1/sources/webshop/try", "desk"),
        ("GET", "/v1/quarantine", "desk"),
        ("GET", "/v1/quarantine/1", "desk"),
        ("POST", "/v1/quarantine/1/replay", "desk"),
        ("POST", "/v1/quarantine/1/drop", "desk"),
        ("POST", "/v1/replay", "owner"),
    ],
)
async def test_who_may(face: Face, method: str, path: str, least: str) -> None:
    await keep(face)
    body = b'{"since": "2026-11-24T09:00:00Z"}' if path == "/v1/replay" else EVENT if path.endswith("/try") else None
    allowed = False
    for who in ("till-2", "screen", "desk", "owner"):
        allowed = allowed or who == least
        headers = bearer(face, who) | ({"Content-Type": "application/json"} if body else {})
        async with face.session.request(method, face.url + path, data=body, headers=headers) as answer:
            assert (answer.status != 403) is allowed, (who, await answer.text())


async def test_what_a_body_would_send(face: Face) -> None:
    headers = {**bearer(face, "desk"), "Content-Type": "text/x-anything"}
    async with face.session.post(f"{face.url}/v1/sources/webshop/try", data=EVENT, headers=headers) as answer:
        (tried,) = (await answer.json())["events"]
        assert tried["event"]["order"]["ref"] == "B-1"
        assert [message["channel"] for message in tried["messages"]] == ["twilio"]
    async with face.session.post(f"{face.url}/v1/sources/webshop/try", data=b"{", headers=headers) as answer:
        told = await answer.json()
        assert (answer.status, told["events"]) == (200, [])
        assert told["unread"]
    async with face.session.post(f"{face.url}/v1/sources/nobody/try", data=b"{}", headers=headers) as answer:
        assert answer.status == 404
    assert await face.store.events() == []


async def test_what_is_kept(face: Face) -> None:
    for source, body in (("webshop", b"{}"), ("webshop", b"{}"), ("erp", b"{}"), ("webshop", b"[]")):
        await keep(face, source, body=body)
    await face.store.box.quarantine.close(3, "done", actor="desk")
    headers = bearer(face, "desk")
    async with face.session.get(f"{face.url}/v1/quarantine?state=waiting", headers=headers) as answer:
        assert [row["id"] for row in (await answer.json())["items"]] == ["2", "1"]
    async with face.session.get(f"{face.url}/v1/quarantine?state=odd", headers=headers) as answer:
        assert answer.status == 422
    async with face.session.get(f"{face.url}/v1/quarantine/1", headers=headers) as answer:
        row = await answer.json()
        assert (row["body"], row["times"], row["reason"]) == ("{}", 2, "id is missing")
    for path, status in (("/v1/quarantine/x", 404), ("/v1/quarantine/9", 404)):
        async with face.session.get(face.url + path, headers=headers) as answer:
            assert answer.status == status
    async with face.session.post(f"{face.url}/v1/quarantine/1/replay", headers=headers) as answer:
        again = await answer.json()
        assert (again["id"], again["closed"]) == ("1", False)
        assert "id is missing" in again["reason"]
    async with face.session.post(f"{face.url}/v1/quarantine/3/drop", headers=headers) as answer:
        assert answer.status == 409


async def test_what_a_broken_replay_planned_is_on_record(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of its events was past its time and removed meanwhile, or the database was busy: messages went, and nothing said why."""
    for number in range(3):
        raw = EVENT.replace(b'"1"', b'"%d"' % number).replace(b"B-1", b"B-%d" % number)
        told = Posted("till-2", msgspec.json.decode(raw, type=Event), raw, face.store.clock.now())
        await face.store.box.spool.accept(told, plans())
    replan, asked = face.store.box.replay.replan, 0

    async def breaks(*given: Any, **more: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise NotFound("it is gone")
        if asked == 3:
            raise StorageBusy("disk I/O error")
        return await replan(*given, **more)

    monkeypatch.setattr(face.store.box.replay, "replan", breaks)
    wish = {"since": "2026-11-24T09:00:00Z", "dry_run": False}
    async with face.session.post(f"{face.url}/v1/replay", json=wish, headers=bearer(face, "owner")) as answer:
        assert answer.status == 503
    assert asked == 3
    assert len(await face.store.messages()) == 1
    [noted] = await face.store.acts("events.replayed")
    assert noted.detail is not None
    assert noted.detail["events"] == 1


async def test_replay_tells_before_it_does(face: Face) -> None:
    """An event of a time when no route named it."""
    told = Posted("till-2", msgspec.json.decode(EVENT, type=Event), EVENT, face.store.clock.now())
    await face.store.box.spool.accept(told, plans())
    for dry_run, planned in ((True, 1), (True, 1), (False, 1), (False, 0)):
        wish = {"since": "2026-11-24T09:00:00Z", "dry_run": dry_run}
        async with face.session.post(f"{face.url}/v1/replay", json=wish, headers=bearer(face, "owner")) as answer:
            told_of = await answer.json()
            assert (told_of["looked_at"], len(told_of["items"])) == (1, planned)
    assert len(await face.store.messages()) == 1


@pytest.mark.parametrize(
    ("which", "looked_at"), [({"source": "till-2"}, 1), ({"source": "till2"}, 0), ({"order": "B-9"}, 0)]
)
async def test_replay_counts_what_was_asked_for(face: Face, which: dict[str, str], looked_at: int) -> None:
    """Of a source that there is none of, it said that it had looked at all events, and that there is nothing new."""
    told = Posted("till-2", msgspec.json.decode(EVENT, type=Event), EVENT, face.store.clock.now())
    await face.store.box.spool.accept(told, plans())
    wish = {"since": "2026-11-24T09:00:00Z", "dry_run": True, **which}
    async with face.session.post(f"{face.url}/v1/replay", json=wish, headers=bearer(face, "owner")) as answer:
        assert (await answer.json())["looked_at"] == looked_at
