"""Pusher against a real server of its protocol: soketi, where TETHER_SOKETI names the folder it was installed into with npm.

package.json: `"dependencies": {"@soketi/soketi": "1.6.1"}, "overrides": {"uWebSockets.js": "npm:@btc-vision/uwebsockets.js@20.57.0"}`,
then `npm install --ignore-scripts`. It is AGPL-3.0: run beside the tests, never shipped.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from daemon.channels.pusher import Pusher
from daemon.channels.registry import build
from daemon.http import open_http
from outbox.clock import SystemClock
from outbox.outcome import Accepted, Rejected, Scope
from tests.support.channel_case import outgoing
from tests.support.ports import free_port

FOLDER = Path(os.environ.get("TETHER_SOKETI", "/nonexistent"))
SECRETS = {"PUSHER_APP_ID": "3", "PUSHER_KEY": "278d425bdf160c739803", "PUSHER_SECRET": "7ad3773142a6692b25b8"}
CHANNEL = "customer-77"
STATUSES = """
const {HttpHandler} = require('@soketi/soketi/dist/http-handler');
HttpHandler.prototype.corsMiddleware = (res, next) => next(null, res);
"""
"""Stock soketi writes headers before the status line, so that every refusal looks like a 200: this lets the statuses out."""

pytestmark = pytest.mark.skipif(
    not (FOLDER / "node_modules/@soketi/soketi").is_dir(), reason="TETHER_SOKETI names no folder with soketi in it"
)


def settings(port: int) -> dict[str, object]:
    limits = ("maxConnections", "maxBackendEventsPerSecond", "maxClientEventsPerSecond", "maxReadRequestsPerSecond")
    app = {"id": "3", "key": SECRETS["PUSHER_KEY"], "secret": SECRETS["PUSHER_SECRET"], "enabled": True, "webhooks": []}
    return {
        "host": "127.0.0.1",
        "port": port,
        "metrics": {"enabled": False},
        "appManager.driver": "array",
        "appManager.array.apps": [{**app, **dict.fromkeys(limits, -1)}],
    }


@pytest.fixture(params=["stock", "statuses"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The server's address: as it comes, and with its statuses let out."""
    port = free_port()
    (tmp_path / "soketi.json").write_text(json.dumps(settings(port)))
    (tmp_path / "statuses.js").write_text(STATUSES)
    env = {**os.environ, "NODE_PATH": str(FOLDER / "node_modules")}
    if request.param == "statuses":
        env["NODE_OPTIONS"] = f"--require {tmp_path / 'statuses.js'}"
    command = ["node", str(FOLDER / "node_modules/.bin/soketi"), "start", f"--config={tmp_path / 'soketi.json'}"]
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=quiet, stderr=quiet)
    address = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(20), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"{address}/ready") as answer:
                        if answer.status == 200:
                            break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)
        yield address
    finally:
        process.kill()
        await process.wait()


async def heard(session: aiohttp.ClientSession, address: str) -> aiohttp.ClientWebSocketResponse:
    """A page that listens to the customer's channel."""
    page = await session.ws_connect(f"{address}/app/{SECRETS['PUSHER_KEY']}?protocol=7")
    await page.receive_json()
    await page.send_json({"event": "pusher:subscribe", "data": {"channel": CHANNEL}})
    assert (await page.receive_json())["event"] == "pusher_internal:subscription_succeeded"
    return page


async def test_the_page_gets_what_was_sent(server: str) -> None:
    async with open_http(SystemClock()) as http, aiohttp.ClientSession() as session:
        pusher = build("pusher", {"base_url": server}, SECRETS, http)
        out = outgoing(to=CHANNEL, now=SystemClock().now(), addresses={"pusher": CHANNEL})
        nobody = await pusher.send(out)
        assert isinstance(nobody, Rejected)
        assert nobody.code == "nobody_listening"
        page = await heard(session, server)
        assert await pusher.send(out) == Accepted()
        event = await page.receive_json(timeout=5)
        assert event["event"] == "order.ready"
        assert json.loads(event["data"])["id"] == out.message_id
        assert (await pusher.check()).ok
        await page.close()


async def test_a_wrong_secret_is_refused_whatever_the_status_says(server: str) -> None:
    async with open_http(SystemClock()) as http:
        table = {"base_url": server, "only_if_listening": False}
        pusher = build("pusher", table, {**SECRETS, "PUSHER_SECRET": "another"}, http)
        assert isinstance(pusher, Pusher)
        outcome = await pusher.send(outgoing(to=CHANNEL, now=SystemClock().now()))
        assert isinstance(outcome, Rejected)
        assert outcome.scope is Scope.CHANNEL
        assert not (await pusher.check()).ok
