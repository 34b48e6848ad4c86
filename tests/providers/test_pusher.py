"""Pusher: its signature against the published vectors, and a channel that nobody listens to."""

from urllib.parse import parse_qsl

import pytest

from daemon.channels.base import InboundRefused
from daemon.channels.pusher import Pusher
from outbox.model import Rendered
from outbox.outcome import Accepted, Rejected, Scope
from tests.support.at_vendor import bench
from tests.support.channel_case import NOW, Answer, inbound, says

KEY, SECRET, AT = "278d425bdf160c739803", "7ad3773142a6692b25b8", 1_353_088_179_000
EVENT = rb'{"name":"foo","channels":["project-3"],"data":"{\"some\":\"data\"}"}'
BATCH = rb'{"batch":[{"channel":"project-3","name":"foo","data":"{\"some\":\"data\"}"}]}'


@pytest.mark.parametrize(
    ("method", "path", "body", "md5", "signature"),
    [
        (
            "POST",
            "/events",
            EVENT,
            "ec365a775a4cd0599faeb73354201b6f",
            "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c",
        ),
        (
            "POST",
            "/batch_events",
            BATCH,
            "39e691c1f6a83daf77df2397111bfd98",
            "9df3472fb01f5d693bc9bd922118eb51e8268ac59841d3c6e3c37d488a837534",
        ),
    ],
)
async def test_the_published_vectors(method: str, path: str, body: bytes, md5: str, signature: str) -> None:
    async with bench("pusher") as at:
        assert isinstance(at.channel, Pusher)
        request = at.channel.signed(method, path, AT, body)
    query = dict(request.query)
    assert (query["body_md5"], query["auth_signature"]) == (md5, signature)
    assert query["auth_timestamp"] == "1353088179"


async def test_the_vector_of_a_webhook() -> None:
    body = b'{"time_ms":1353088179000,"events":[{"name":"channel_occupied","channel":"project-3"}]}'
    signature = "92126e5746ea30b7a10aa24e7721bc898678a1d22a8112b752d27f70f04f41b3"
    headers = {"X-Pusher-Key": KEY, "X-Pusher-Signature": signature}
    async with bench("pusher") as at:
        assert not at.channel.receive(inbound(body, headers, now=AT)).receipts
        with pytest.raises(InboundRefused, match="signature"):
            at.channel.receive(inbound(body + b" ", headers, now=AT))
        with pytest.raises(InboundRefused, match="clock"):
            at.channel.receive(inbound(body, headers, now=AT + 301_000))


async def test_a_request_is_signed_when_it_is_sent() -> None:
    async with bench("pusher") as at:
        await at.channel.send(at.out())
        await at.channel.send(at.out(now=NOW + 700_000))
        times = [dict(parse_qsl(seen.query))["auth_timestamp"] for seen in at.vendor.seen if seen.method == "POST"]
    assert times == [str(NOW // 1000), str(NOW // 1000 + 700)]


async def test_a_channel_nobody_listens_to_is_passed_over() -> None:
    async with bench("pusher", {r"GET .*/channels/": says({"occupied": False})}) as at:
        outcome = await at.channel.send(at.out())
        assert not any(line.startswith("POST") for line in at.lines())
    assert isinstance(outcome, Rejected)
    assert (outcome.scope, outcome.code) == (Scope.RECIPIENT, "nobody_listening")


@pytest.mark.parametrize("answer", [Answer(404, b"{}"), Answer(400, b"unknown info"), says({})])
async def test_where_that_can_not_be_told_it_is_sent(answer: Answer) -> None:
    async with bench("pusher", {r"GET .*/channels/": answer}) as at:
        assert isinstance(await at.channel.send(at.out()), Accepted)


async def test_the_page_can_know_a_repeat_and_confirm() -> None:
    async with bench("pusher") as at:
        await at.channel.send(at.out())
        event = at.body("POST")
    assert event["name"] == "order.ready"
    assert event["channels"] == ["private-customer-77"]
    assert f'"id":"{at.out().message_id}","reference":"{at.out().reference}"' in event["data"]


@pytest.mark.parametrize("name", ["with space", "é", "a" * 201, "a/b"])
async def test_what_is_no_channel_s_name_is_not_asked_for(name: str) -> None:
    async with bench("pusher") as at:
        outcome = await at.channel.send(at.out(to=name))
        assert not at.vendor.seen
    assert isinstance(outcome, Rejected)


async def test_whoever_reads_it_sees_which_order_it_is_about() -> None:
    async with bench("pusher") as at:
        await at.channel.send(at.out(rendered=Rendered("Please call us.")))
        assert '"title":"Balloon Loft · B-1042"' in at.body("POST")["data"]
