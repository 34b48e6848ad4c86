"""Events as other systems send them, posted with curl to a running service, arrive at the provider."""

import asyncio
import base64
import hashlib
import hmac
import json
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.shared import shared
from tests.support.shop import Shop, open_shop

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine"),
]

KEY = b"balloon-shop-test-secret-0001"
ROUTES = """
[planning]
default_routes = false
[[route]]
on = "*"
to = "customer"
via = ["twilio"]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path_factory.mktemp("shop")) as it:
        it.configure(["twilio"], ROUTES, extra='[sms]\ncountries = ["GB", "DE"]\n')
        env = it.folder / ".env"
        env.write_text(env.read_text() + f"TETHER_WEBHOOK_SECRET=whsec_{base64.b64encode(KEY).decode()}\n")
        await it.start()
        yield it


async def curl(shop: Shop, sample: Path, *headers: str) -> tuple[int, dict[str, object]]:
    """Post the file as it is; the status and the answer."""
    process = await asyncio.create_subprocess_exec(
        "curl", "--silent", "--max-time", "10", "--write-out", "\n%{http_code}", "--data-binary", f"@{sample}",
        *(word for header in headers for word in ("--header", header)), f"{shop.url}/v1/events",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    body, _, status = said.decode().rpartition("\n")
    return int(status), json.loads(body)


async def token(shop: Shop, name: str) -> str:
    done = await asyncio.to_thread(shop.tether, "token", "new", name, "--scope", "events")
    return f"Authorization: Bearer {done.stdout.strip()}"


async def texts(shop: Shop, order: str) -> list[str]:
    await shop.until({"sent", "delivered"})
    return [arrival.text for arrival in shop.sandbox.messages if order in arrival.text]


async def test_a_signed_event(shop: Shop) -> None:
    sample = shared("samples/standard-webhooks-order.json")
    now = str(int(time.time()))
    signed = hmac.digest(KEY, f"msg_1.{now}.".encode() + sample.read_bytes(), hashlib.sha256)
    headers = (
        "webhook-id: msg_1",
        f"webhook-timestamp: {now}",
        f"webhook-signature: v1,{base64.b64encode(signed).decode()}",
    )
    status, answer = await curl(shop, sample, "Content-Type: application/json", *headers)
    assert (status, answer["duplicate"]) == (202, False), answer
    assert (await curl(shop, sample, "Content-Type: application/json", *headers))[0] == 200, "a repeat"
    [text] = await texts(shop, "B-1001")
    assert text.startswith("Hallo Ada") or "Ballons" in text, "in the customer's language"
    told = await shop.get(f"/v1/events/{answer['event_id']}?source=pos")  # a till may have posted the same id by now
    assert told["source"] == "pos"


async def test_a_signature_that_does_not_hold(shop: Shop) -> None:
    sample = shared("samples/standard-webhooks-order.json")
    headers = ("webhook-id: msg_2", f"webhook-timestamp: {int(time.time())}", "webhook-signature: v1,AAAA")
    assert (await curl(shop, sample, "Content-Type: application/json", *headers))[0] == 401


async def test_the_same_event_with_a_token(shop: Shop) -> None:
    sample = shared("samples/standard-webhooks-order.json")
    status, answer = await curl(shop, sample, "Content-Type: application/json", await token(shop, "till-2"))
    assert (status, answer["duplicate"]) == (202, False), "another source's id is another event"
    assert len(await texts(shop, "B-1001")) == 1, "of what they know already, customers do not hear twice"


async def test_a_cloudevent(shop: Shop) -> None:
    sample = shared("samples/cloudevents-order-structured.json")
    status, answer = await curl(shop, sample, "Content-Type: application/cloudevents+json", await token(shop, "erp"))
    assert status == 202, answer
    [text] = await texts(shop, "(order 1001)")
    assert "Ada" in text
    told = await shop.get(f"/v1/events/{answer['event_id']}")
    assert (told["source"], told["type"]) == ("erp//erp/berlin", "order.ready")


async def test_what_is_no_event_of_ours_is_refused_with_its_field(shop: Shop) -> None:
    """A shop's own webhook belongs to its source hook: here it is refused by name, and nothing is stored."""
    sample = shared("samples/shopify-orders-paid.json")
    status, answer = await curl(shop, sample, "Content-Type: application/json", await token(shop, "wrong-door"))
    assert status == 422
    assert answer["errors"]
