"""The sandbox as a whole, over real HTTP: faults, the line, the console, counting."""

import asyncio
import gc
import io
import re
import socket
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import aiohttp
import pytest

from daemon.sandbox import Sandbox
from daemon.sandbox.console import PAGE
from outbox.clock import SystemClock
from tests.support.fake_clock import FakeClock
from tests.support.stand_in import GOOD, C

TWILIO = f"/twilio/2010-04-01/Accounts/{C['TWILIO_ACCOUNT_SID']}/Messages.json"

CLOCK = SystemClock()


@pytest.fixture
async def box() -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=CLOCK, rng=Random(3), pace=0.0) as box:
        yield box


@pytest.fixture
async def http(box: Sandbox) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(base_url=box.url, timeout=aiohttp.ClientTimeout(total=5)) as session:
        yield session


async def text(http: aiohttp.ClientSession, body: str = "Ready", to: str = "+447700900123") -> tuple[int, bytes]:
    """Send one by twilio: status and body."""
    form = {"To": to, "From": "+15005550006", "Body": body}
    async with http.post(TWILIO, data=form, headers=GOOD["twilio"]) as response:
        return response.status, await response.read()


async def console(http: aiohttp.ClientSession, method: str, name: str, value: Any = None) -> Any:
    async with http.request(method, f"/_sandbox/{name}", json=value) as response:
        return await response.json()


@pytest.mark.parametrize("turns", range(6))
async def test_whoever_comes_while_it_closes_is_let_go(turns: int) -> None:
    async with Sandbox(clock=CLOCK, rng=Random(3), pace=0.0) as box:
        caller = socket.create_connection(("127.0.0.1", box.port))
        for _turn in range(turns):
            await asyncio.sleep(0)
    caller.close()
    for _turn in range(3):
        await asyncio.sleep(0)
    gc.collect()


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("kind", "status", "arrives"),
    [
        ("error", 500, 0),
        ("throttle", 429, 0),
        ("garbage", 200, 1),
        ("captive_portal", 200, 0),
        ("drop_before", None, 0),
        ("drop_after", None, 1),
    ],
)
async def test_each_kind_of_trouble(
    box: Sandbox, http: aiohttp.ClientSession, kind: Any, status: int | None, arrives: int
) -> None:
    box.fault(kind, count=1)
    if status is None:
        with pytest.raises(aiohttp.ClientError):
            await text(http)
    else:
        assert (await text(http))[0] == status
    assert len(box.messages) == arrives
    assert (await text(http))[0] == 201, "its count is used up"


async def test_latency_is_waited_for(box: Sandbox, http: aiohttp.ClientSession) -> None:
    box.fault("latency", seconds=0.05)
    before = CLOCK.monotonic()
    assert (await text(http))[0] == 201
    assert CLOCK.monotonic() - before >= 0.05


async def test_a_timeout_is_silence_and_the_client_gives_up(box: Sandbox, http: aiohttp.ClientSession) -> None:
    box.fault("timeout")
    with pytest.raises(TimeoutError):
        async with http.get("/slack/api/auth.test", timeout=aiohttp.ClientTimeout(total=0.1)):
            pass


async def test_an_error_may_have_sent_the_message_all_the_same(box: Sandbox, http: aiohttp.ClientSession) -> None:
    box.fault("error", "twilio", status=504, arrives=True)
    assert (await text(http))[0] == 504
    assert len(box.messages) == 1


async def test_a_fault_names_its_provider_and_code(box: Sandbox, http: aiohttp.ClientSession) -> None:
    box.fault("error", "slack", status=503)
    assert (await text(http))[0] == 201
    box.fault("error", "twilio", status=400, code="21610")
    status, body = await text(http)
    assert (status, b"21610" in body) == (400, True)


async def test_probability_is_a_share_of_the_requests(box: Sandbox, http: aiohttp.ClientSession) -> None:
    box.fault("error", probability=0.5)
    statuses = [(await text(http))[0] for _ in range(100)]
    assert 25 < statuses.count(500) < 75


async def test_a_fault_ends_after_its_time(box: Sandbox, http: aiohttp.ClientSession) -> None:
    box.fault("error", for_seconds=0.0)
    assert (await text(http))[0] == 201


# ---------------------------------------------------------------- the line


async def test_a_cut_refuses_and_a_mend_is_on_the_same_port(box: Sandbox, http: aiohttp.ClientSession) -> None:
    await text(http)
    port = box.port
    await box.cut()
    with pytest.raises(aiohttp.ClientConnectorError):
        await text(http)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", box.smtp_port)
    await box.restore()
    assert box.port == port
    assert (await text(http))[0] == 201


async def test_a_silent_cut_takes_connections_and_says_nothing(box: Sandbox, http: aiohttp.ClientSession) -> None:
    await box.cut("silent")
    with pytest.raises(TimeoutError):
        async with http.get("/slack/api/auth.test", timeout=aiohttp.ClientTimeout(total=0.1)):
            pass
    reader, writer = await asyncio.open_connection("127.0.0.1", box.smtp_port)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await reader.read(1)
    writer.close()
    assert (await console(http, "GET", "status"))["line"] == {"up": False, "mode": "silent"}
    await console(http, "POST", "line", {"up": True})
    assert (await text(http))[0] == 201
    assert len(box.messages) == 1


async def test_a_cut_in_mid_flight_breaks_the_connection(box: Sandbox, http: aiohttp.ClientSession) -> None:
    async def cut_on_arrival() -> None:
        await box.mailbox.until(1)
        await box.cut()

    box.fault("latency", seconds=5)
    sent, _ = await asyncio.gather(text(http), cut_on_arrival(), return_exceptions=True)
    assert isinstance(sent, aiohttp.ClientError)


async def test_a_cut_over_http_is_answered_and_mends_itself() -> None:
    clock = FakeClock()
    async with Sandbox(clock=clock, rng=Random(3)) as box, aiohttp.ClientSession(base_url=box.url) as http:
        assert await console(http, "POST", "line", {"up": False, "for_seconds": 30}) == {"up": False, "mode": "refused"}
        await clock.advance(1)
        with pytest.raises(aiohttp.ClientConnectorError):
            await text(http)
        await clock.advance(30)
        assert (await text(http))[0] == 201


async def test_an_older_cut_does_not_mend_a_newer_one() -> None:
    clock = FakeClock()
    async with Sandbox(clock=clock, rng=Random(3)) as box:
        await box.cut(for_seconds=5)
        await box.cut()
        await clock.advance(6)
        assert not box.line.up


# ---------------------------------------------------------------- the console


async def test_messages_are_listed_in_order_and_from_a_number_on(box: Sandbox, http: aiohttp.ClientSession) -> None:
    for n in range(3):
        await text(http, f"no. {n}", to=f"+44770090012{n}")
    page = await console(http, "GET", "messages")
    assert [item["text"] for item in page["items"]] == ["no. 0", "no. 1", "no. 2"]
    assert page["items"][0]["request"]["method"] == "POST"
    assert "Authorization" not in str(page)
    assert [item["seq"] for item in (await console(http, "GET", "messages?since=2"))["items"]] == [3]
    assert [item["seq"] for item in (await console(http, "GET", "messages?to=%2B447700900121"))["items"]] == [2]
    assert (await console(http, "GET", "messages?provider=slack&since=1")) == {"items": [], "next": 1}


async def test_counts_tell_what_arrived_more_than_once(box: Sandbox, http: aiohttp.ClientSession) -> None:
    for body in ("one", "two", "two"):
        await text(http, body)
    counts = await console(http, "GET", "counts")
    assert (counts["total"], counts["distinct"]) == (3, 2)
    assert list(counts["more_than_once"].values()) == [2]


async def test_two_attempts_of_one_message_are_counted_as_one_message(
    box: Sandbox, http: aiohttp.ClientSession
) -> None:
    for reference in ("m1.1", "m1.2", "m2.1"):
        form = {"from": "A", "to": "447700900123", "text": "x", "client-ref": reference}
        async with http.post("/vonage/sms/json", data=form, headers=GOOD["vonage"]):
            pass
    assert box.mailbox.counts() == {"m1": 2, "m2": 1}


async def test_faults_are_put_in_force_listed_and_taken_back(box: Sandbox, http: aiohttp.ClientSession) -> None:
    listed = await console(http, "POST", "faults", {"provider": "twilio", "kind": "throttle", "count": 2})
    assert [(f["provider"], f["kind"], f["left"]) for f in listed["items"]] == [("twilio", "throttle", 2)]
    assert (await text(http))[0] == 429
    assert (await console(http, "GET", "faults"))["items"][0]["left"] == 1
    await console(http, "DELETE", "faults")
    assert (await text(http))[0] == 201


@pytest.mark.parametrize(
    "fault",
    [{}, {"kind": "flood"}, {"kind": "error", "provider": "nobody"}, {"kind": "error", "often": 1}, {"kind": "error", "count": -1},
     {"kind": "error", "probability": 2}, {"kind": "error", "status": 99}],
)  # fmt: skip
async def test_a_fault_that_makes_no_sense_is_refused(
    box: Sandbox, http: aiohttp.ClientSession, fault: dict[str, Any]
) -> None:
    async with http.post("/_sandbox/faults", json=fault) as response:
        assert response.status == 400
        assert (await response.json())["error"]
    assert not box.faults.listed(CLOCK.monotonic())


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8788", "127.0.0.1@evil.example", "127.0.0.1.evil.example", "[", ""]
)
async def test_a_site_that_leads_its_own_name_here_reads_and_does_nothing(
    box: Sandbox, http: aiohttp.ClientSession, host: str
) -> None:
    """A web page that the owner has open points its own name at this machine (DNS rebinding), to read what customers got and to write
    STOP in their names."""
    headers = {"Host": host}
    async with http.get("/_sandbox/customers", headers=headers) as response:
        assert response.status in (400, 421)
    async with http.post("/_sandbox/line", json={"up": False}, headers=headers) as response:
        assert response.status in (400, 421)
    assert box.line.up
    async with http.get("/_sandbox/", headers={"Host": "localhost:1"}) as response:
        assert response.status == 200


async def test_a_browsers_form_cannot_work_the_console(box: Sandbox, http: aiohttp.ClientSession) -> None:
    async with http.post("/_sandbox/reset", data={"x": "y"}) as response:
        assert response.status == 415


async def test_reset_empties_everything(box: Sandbox, http: aiohttp.ClientSession) -> None:
    await text(http)
    box.fault("error")
    await console(http, "POST", "reset", {})
    assert len(box.messages) == 0
    assert (await text(http))[0] == 201
    assert box.messages[0].seq == 1


async def test_a_customer_who_wrote_may_be_answered(box: Sandbox, http: aiohttp.ClientSession) -> None:
    body = {"messaging_product": "whatsapp", "to": "447700900123", "type": "text", "text": {"body": "Ready"}}
    path = "/whatsapp/v23.0/106540352242922/messages"
    async with http.post(path, json=body, headers=GOOD["whatsapp"]) as response:
        assert response.status == 400
    await console(http, "POST", "wrote", {"provider": "whatsapp", "customer": "+447700900123"})
    async with http.post(path, json=body, headers=GOOD["whatsapp"]) as response:
        assert response.status == 200


async def test_the_page_fetches_nothing_from_outside(http: aiohttp.ClientSession) -> None:
    async with http.get("/_sandbox/") as response:
        assert response.status == 200
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        page = await response.text()
    assert page.encode() == PAGE
    assert not re.search(r"""(https?:)?//[a-z]|\bsrc=|\bhref=|@import|url\(""", page)
    assert ".innerHTML" not in page


async def test_what_is_too_large_is_refused_in_the_vendors_shape(http: aiohttp.ClientSession) -> None:
    async with http.post("/sendgrid/v3/mail/send", data=io.BytesIO(b"x" * (2**20 + 1))) as response:
        assert response.status == 413
        assert (await response.json())["errors"]


async def test_an_unknown_prefix_names_those_there_are(http: aiohttp.ClientSession) -> None:
    async with http.get("/nexmo/sms") as response:
        assert response.status == 404
        assert "twilio" in await response.text()


async def test_a_port_in_use_is_an_error_and_leaves_nothing_open(box: Sandbox) -> None:
    other = Sandbox(clock=SystemClock(), rng=Random(1), smtp_port=box.port)
    with pytest.raises(OSError, match="in use"):
        await other.__aenter__()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", other.port)


async def test_no_other_program_is_given_the_port_of_a_line_that_is_cut(box: Sandbox) -> None:
    """It could not be mended, since the system had given the port to somebody's connection."""
    await box.cut()
    for port in (box.port, box.smtp_port):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
    await box.restore()
    _, writer = await asyncio.open_connection("127.0.0.1", box.smtp_port)
    writer.close()
