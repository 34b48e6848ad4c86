"""The calls about sources: who may make them, and what they answer."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from outbox import Kept
from tests.support.face import Face, serving
from tests.support.fake_services import FakeServices, make_services

EVENT = b'{"id": "1", "type": "order.ready", "order": {"ref": "B-1"}, "customer": {"phone": "+447700900123"}}'


def kept(seq: int = 1, **changes: object) -> Kept:
    one = Kept(seq, 1_795_515_300_000, "webshop", "waiting", "id is missing", False, 2, False, 2, {}, b"{}")
    return msgspec.structs.replace(one, **changes)


@pytest.fixture
def services() -> FakeServices:
    return make_services()


@pytest.fixture
async def face(services: FakeServices) -> AsyncIterator[Face]:
    async with serving(services) as face:
        yield face


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
async def test_who_may(face: Face, services: FakeServices, method: str, path: str, least: str) -> None:
    services.box.unread = [kept()]
    body = b'{"since": "2026-11-24T09:00:00Z"}' if path == "/v1/replay" else EVENT if path.endswith("/try") else None
    allowed = False
    for who in ("till-2", "screen", "desk", "owner"):
        allowed = allowed or who == least
        headers = {"Authorization": f"Bearer tt_{who}_secret"} | ({"Content-Type": "application/json"} if body else {})
        async with face.session.request(method, face.url + path, data=body, headers=headers) as answer:
            assert (answer.status != 403) is allowed, (who, await answer.text())


async def test_what_a_body_would_send(face: Face) -> None:
    headers = {"Authorization": "Bearer tt_desk_secret", "Content-Type": "text/x-anything"}
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
    assert face.services.box.stored == []


async def test_what_is_kept(face: Face, services: FakeServices) -> None:
    services.box.unread = [kept(1), kept(2, source="erp"), kept(3, state="done")]
    headers = {"Authorization": "Bearer tt_desk_secret"}
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
        assert await answer.json() == {"id": "1", "closed": False, "reason": "order.ref is missing"}
    async with face.session.post(f"{face.url}/v1/quarantine/3/drop", headers=headers) as answer:
        assert answer.status == 409


async def test_replay_tells_before_it_does(face: Face) -> None:
    owner = {"Authorization": "Bearer tt_owner_secret"}
    async with face.session.post(
        f"{face.url}/v1/events", data=EVENT, headers={**owner, "Content-Type": "application/json"}
    ) as answer:
        assert answer.status == 202
    face.services.box.sent.clear()
    for dry_run, planned in ((True, 1), (True, 1), (False, 1), (False, 0)):
        wish = {"since": "2026-11-24T09:00:00Z", "dry_run": dry_run}
        async with face.session.post(f"{face.url}/v1/replay", json=wish, headers=owner) as answer:
            told = await answer.json()
            assert (told["looked_at"], len(told["items"])) == (1, planned)
    assert len(face.services.box.sent) == 1
