"""Providers' receipts and sources' webhooks: what reaches the channel or source, and what its sender is answered."""

import asyncio
import json
from typing import Any

import pytest

from daemon.config import Hook
from tests.http.test_hostile import ask, connected, status
from tests.support.busy import MOST
from tests.support.face import Answer, Face, event, opened
from tests.support.senders import signed_by_till, signed_by_twilio
from tests.support.small_store import CHANNELS, SmallStore, store_settings

PUBLIC = "https://shop.example.com/tether"


async def receipt(face: Face, path: str, body: bytes, *, called: str | None = None, **options: Any) -> Answer:
    """Twilio posts that; `called`: the URL that it knows us by."""
    headers = signed_by_twilio(called or face.url + path, body, **options)
    return await face.call("POST", path, raw=body, as_=None, headers=headers)


REPLY = b"MessageSid=SM9&From=%2B447700900123&Body=%F0%9F%8E%88"


async def test_receipt_reaches_its_channel_as_it_was_sent() -> None:
    path = "/v1/receipts/twilio?a=1&b=%2F&a=2"
    async with opened(store_settings(hook=Hook(port=0, public_url=PUBLIC + "/"))) as face:
        answer = await receipt(face, path, REPLY, called=PUBLIC + path)
        assert (answer.status, answer.body) == (200, b"<Response/>")
        assert answer.headers["Content-Type"] == "text/xml"
        (heard,) = (await face.get("/v1/replies")).json["items"]
        assert (heard["text"], heard["channel"]) == ("🎈", "twilio")


async def test_url_without_a_public_one_is_the_requests_own(face: Face) -> None:
    assert (await receipt(face, "/v1/receipts/twilio", REPLY)).status == 200
    assert (await receipt(face, "/v1/receipts/twilio", REPLY, called=PUBLIC + "/v1/receipts/twilio")).status == 401


async def test_metas_challenge_is_passed_through() -> None:
    channels = {"whatsapp": {"phone_number_id": "106540352242922", "version": "v23.0"}}
    known = {"WHATSAPP_ACCESS_TOKEN": "a", "WHATSAPP_APP_SECRET": "b", "WHATSAPP_VERIFY_TOKEN": "known"}
    asked = "/v1/receipts/whatsapp?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    async with opened(store_settings(channels=channels, secrets=known)) as face:
        answer = await face.get(asked + "known", as_=None)
        assert (answer.status, answer.body) == (200, b"1158201444")
        assert (await face.get(asked + "guessed", as_=None)).status == 403


async def test_setting_a_webhook_up_proves_nobody() -> None:
    """A stranger sends a shop's unsigned ping on each of many connections, so that they count as the till's and keep its places."""
    shop = {"webshop": {"kind": "woocommerce"}}
    async with opened(store_settings(sources=shop, secrets={"WEBSHOP_WEBHOOK_SECRET": "s"})) as face:
        async with connected(face) as (reader, writer):
            form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\nwebhook_id=9"
            writer.write(b"POST /v1/hooks/webshop HTTP/1.1\r\nHost: x\r\n" + form)
            async with asyncio.timeout(MOST):
                assert status(await reader.readuntil(b"\r\n\r\n")) == 200
                await face.store.clock.advance(12)
                assert not (await reader.read()).startswith(b"HTTP")
        assert (await face.get("/healthz", as_=None)).status == 200


async def test_receipts_that_are_forged_or_nobodys(face: Face, store: SmallStore) -> None:
    path = "/v1/receipts/twilio"
    assert (await face.call("POST", path, raw=REPLY, as_=None)).status == 401
    assert (await face.call("POST", path, raw=REPLY, as_="owner")).status == 401
    assert (await receipt(face, path, REPLY, token="another")).status == 401
    assert (await receipt(face, "/v1/receipts/pigeon", REPLY)).status == 404
    assert (
        await face.call("PUT", path, raw=REPLY, as_=None, headers=signed_by_twilio(face.url + path, REPLY))
    ).status == 405
    assert (await store.box.replies.list(unread=False, order_ref=None, limit=1, cursor=None)).items == []


async def test_a_signature_that_is_no_text_is_a_forged_one(face: Face) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", face.port)
    writer.write(b"POST /v1/receipts/twilio HTTP/1.1\r\nHost: x\r\nX-Twilio-Signature: \xff\r\n")
    writer.write(b"Content-Length: 1\r\nConnection: close\r\n\r\nx")
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert answer.split(b" ", 2)[1] == b"401", answer


async def test_forged_receipts_are_slowed_down(face: Face) -> None:
    statuses = [(await face.call("POST", "/v1/receipts/twilio", raw=b"x", as_=None)).status for _ in range(31)]
    assert statuses == [401] * 30 + [429]


ODD = [
    ("/v1/receipts/twilio", b"Host: x\r\nX-Twilio-Signature: \xff\r\n"),
    ("/v1/receipts/twilio", b"Host: \xff\r\nX-Twilio-Signature: a\r\n"),
    ("/v1/receipts/whatsapp", b"Host: x\r\nX-Hub-Signature-256: \xff\r\n"),
    ("/v1/receipts/vonage", b"Host: x\r\nAuthorization: Bearer \xff.\xff.\xff\r\n"),
    ("/v1/hooks/crm", b"Host: \xff\r\nX-HubSpot-Signature-v3: a\r\nX-HubSpot-Request-Timestamp: \xff\r\n"),
]


@pytest.mark.parametrize(("path", "headers"), ODD)
async def test_signatures_that_are_no_text_hold_as_little_as_others(
    path: str, headers: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    settings = store_settings(
        channels={"twilio": dict(CHANNELS["twilio"]), "whatsapp": {"phone_number_id": "1"}, "vonage": {"from": "Shop"}},
        sources={"crm": {"kind": "hubspot"}},
        secrets={
            **dict.fromkeys(("WHATSAPP_ACCESS_TOKEN", "WHATSAPP_APP_SECRET", "CRM_WEBHOOK_SECRET"), "known"),
            **dict.fromkeys(("VONAGE_API_KEY", "VONAGE_API_SECRET", "VONAGE_SIGNATURE_SECRET"), "known"),
        },
    )
    async with opened(settings) as face:
        begin = f"POST {path} HTTP/1.1\r\n".encode()
        answer = await ask(face, begin + headers + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}")
    assert status(answer) == 401, answer
    assert [each for each in caplog.records if each.exc_info] == []


@pytest.mark.parametrize("body", [b'{"token": "\xff"}', b'{"\xff": 1}'])
async def test_a_body_that_is_no_text_holds_no_token(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A stranger fills the journal: each was a fault with its traceback, which no limit of wrong credentials holds back."""
    settings = store_settings(sources={"crm": {"kind": "zoho"}}, secrets={"CRM_WEBHOOK_SECRET": "known"})
    async with opened(settings) as face:
        assert (await face.call("POST", "/v1/hooks/crm", raw=body, as_=None)).status == 401
    assert [each for each in caplog.records if each.exc_info] == []


async def hook(face: Face, body: bytes) -> int:
    headers = signed_by_till(face.store, body)
    return (await face.call("POST", "/v1/hooks/webshop?key=1", raw=body, as_=None, headers=headers)).status


async def test_webhook_becomes_events(face: Face, store: SmallStore) -> None:
    assert await hook(face, json.dumps(event()).encode()) == 200
    assert [(each.source, each.id) for each in await store.events()] == [("webshop", "e-1")]
    assert [each.trigger for each in await store.messages()] == ["order.ready"]


async def test_webhook_that_cannot_be_understood_is_kept_and_answered(face: Face, store: SmallStore) -> None:
    assert await hook(face, b"<xml/>") == 200
    (kept,) = (await store.box.quarantine.list(source=None, state="waiting", limit=2, cursor=None)).items
    assert (await store.box.quarantine.get(kept.seq)).body == b"<xml/>"
    assert kept.reason


async def test_webhooks_id_with_other_content_keeps_the_first(face: Face, store: SmallStore) -> None:
    await hook(face, json.dumps(event()).encode())
    assert await hook(face, json.dumps(event(type="order.completed")).encode()) == 200
    assert [each.type for each in await store.events()] == ["order.ready"]
    (act,) = await store.acts("event.conflict")
    assert (act.order_ref, act.detail["event_id"]) == ("B-1042", "e-1")


async def test_sender_comes_again_when_the_disk_is_full() -> None:
    async with opened(reserve=2**62) as face:
        assert await hook(face, json.dumps(event()).encode()) == 507


async def test_webhooks_that_are_forged_or_nobodys(face: Face, store: SmallStore) -> None:
    assert (await face.call("POST", "/v1/hooks/webshop", raw=b"{}", as_=None)).status == 401
    assert (await face.call("POST", "/v1/hooks/nobody", raw=b"{}", as_=None)).status == 404
    assert await store.events() == []


async def test_source_hook_may_be_larger_than_an_event(face: Face) -> None:
    body = json.dumps(event(data={"note": "x" * 500_000})).encode()
    assert await hook(face, body) == 200


@pytest.mark.parametrize("path", ["/v1/hooks/webshop", "/v1/receipts/twilio"])
async def test_compressed_webhooks_are_refused(face: Face, path: str) -> None:
    answer = await face.call("POST", path, raw=b"x", as_=None, headers={"Content-Encoding": "gzip"})
    assert answer.status == 415
