"""Providers' receipts and sources' webhooks: what reaches the channel or source, and what its sender is answered."""

import json

import pytest

from daemon.config import Hook, Settings
from outbox.errors import StorageFull
from tests.support.face import Face, event, serving
from tests.support.fake_services import FakeServices, make_services

GOOD = {"X-Signature": "good"}


async def test_receipt_reaches_its_channel_as_it_was_sent() -> None:
    services = make_services(Settings(hook=Hook(public_url="https://shop.example.com/tether/")))
    async with serving(services) as face:
        answer = await face.call(
            "POST",
            "/v1/receipts/twilio?a=1&b=%2F&a=2",
            raw=b"MessageSid=SM1&Body=%F0%9F%8E%88",
            as_=None,
            headers={**GOOD, "Content-Type": "application/x-www-form-urlencoded"},
        )
    assert (answer.status, answer.body) == (200, b"<Response/>")
    assert answer.headers["Content-Type"] == "application/xml"
    (asked,) = services.receipts.asked
    assert asked.url == "https://shop.example.com/tether/v1/receipts/twilio?a=1&b=%2F&a=2"
    assert asked.query == (("a", "1"), ("b", "/"), ("a", "2"))
    assert asked.body == b"MessageSid=SM1&Body=%F0%9F%8E%88"
    assert asked.headers["x-signature"] == "good"
    assert services.receipts.applied[0][0] == "twilio"


async def test_url_without_a_public_one_is_the_requests_own(face: Face) -> None:
    await face.call("POST", "/v1/receipts/twilio", raw=b"", as_=None, headers=GOOD)
    assert face.services.receipts.asked[0].url == f"{face.url}/v1/receipts/twilio"


async def test_metas_challenge_is_passed_through(face: Face) -> None:
    answer = await face.get("/v1/receipts/twilio?hub.mode=subscribe&hub.challenge=1158201444", as_=None, headers=GOOD)
    assert (answer.status, answer.body) == (200, b"1158201444")


async def test_receipts_that_are_forged_or_nobodys(face: Face) -> None:
    assert (await face.call("POST", "/v1/receipts/twilio", raw=b"x", as_=None)).status == 401
    assert (await face.call("POST", "/v1/receipts/twilio", raw=b"x", as_="owner")).status == 401
    assert (await face.call("POST", "/v1/receipts/pigeon", raw=b"x", as_=None, headers=GOOD)).status == 404
    assert (await face.call("PUT", "/v1/receipts/twilio", raw=b"x", as_=None, headers=GOOD)).status == 405
    assert face.services.receipts.applied == []


async def test_forged_receipts_are_slowed_down(face: Face) -> None:
    statuses = [(await face.call("POST", "/v1/receipts/twilio", raw=b"x", as_=None)).status for _ in range(31)]
    assert statuses == [401] * 30 + [429]


async def hook(face: Face, body: bytes, **more: object) -> int:
    headers = {**GOOD, "Content-Type": "text/whatever"}
    return (await face.call("POST", "/v1/hooks/webshop?key=1", raw=body, as_=None, headers=headers)).status


async def test_webhook_becomes_events(face: Face) -> None:
    assert await hook(face, json.dumps(event()).encode()) == 200
    stored = face.services.box.stored[0]
    assert (stored.source, stored.id) == ("webshop", "e-1")


async def test_webhook_that_cannot_be_understood_is_kept_and_answered(face: Face) -> None:
    assert await hook(face, b"<xml/>") == 200
    ((kept, reason),) = face.services.intake.kept
    assert kept.body == b"<xml/>"
    assert reason


async def test_webhooks_id_with_other_content_keeps_the_first(face: Face) -> None:
    await hook(face, json.dumps(event()).encode())
    assert await hook(face, json.dumps(event(type="order.completed")).encode()) == 200
    assert [each.type for each in face.services.box.stored] == ["order.ready"]
    (act,) = face.services.box.acts
    assert (act.kind, act.order_ref, act.detail["event_id"]) == ("event.conflict", "B-1042", "e-1")


async def test_sender_comes_again_when_the_disk_is_full(face: Face) -> None:
    face.services.box.failure = StorageFull("the disk is nearly full")
    assert await hook(face, json.dumps(event()).encode()) == 507


async def test_webhooks_that_are_forged_or_nobodys(face: Face) -> None:
    assert (await face.call("POST", "/v1/hooks/webshop", raw=b"{}", as_=None)).status == 401
    assert (await face.call("POST", "/v1/hooks/nobody", raw=b"{}", as_=None, headers=GOOD)).status == 404


async def test_source_hook_may_be_larger_than_an_event(face: Face, services: FakeServices) -> None:
    body = json.dumps(event(data={"note": "x" * 500_000})).encode()
    assert await hook(face, body) == 200


@pytest.mark.parametrize("path", ["/v1/hooks/webshop", "/v1/receipts/twilio"])
async def test_compressed_webhooks_are_refused(face: Face, path: str) -> None:
    answer = await face.call("POST", path, raw=b"x", as_=None, headers={**GOOD, "Content-Encoding": "gzip"})
    assert answer.status == 415
