"""ntfy against the real server, where TETHER_NTFY names its program: Debian's package `ntfy` has it (`apt-get download ntfy`, `dpkg -x`).

It is Apache-2.0 and GPL-2.0: run beside the tests, never shipped.
"""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from daemon.channels.base import Channel
from daemon.channels.registry import build
from daemon.http import open_http
from outbox.clock import SystemClock
from outbox.model import Rendered
from outbox.outcome import Accepted, Deferred, Found, Rejected, Scope
from tests.support.channel_case import outgoing, sent
from tests.support.ports import free_port

PROGRAM = Path(os.environ.get("TETHER_NTFY", "/nonexistent"))
pytestmark = pytest.mark.skipif(not PROGRAM.is_file(), reason="TETHER_NTFY names no program of ntfy's")


class Server:
    """One that lets in nobody without a token; the token's user reads `open`, and only writes to `team`."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.url, self.token = folder, f"http://127.0.0.1:{port}", ""
        (folder / "server.yml").write_text(
            f'listen-http: "127.0.0.1:{port}"\ncache-file: "{folder}/cache.db"\nauth-file: "{folder}/user.db"\n'
            'auth-default-access: "deny-all"\nvisitor-request-limit-burst: 8\nvisitor-request-limit-replenish: "1h"\n'
        )

    async def tell(self, *words: str) -> str:
        command = [str(PROGRAM), words[0], "--config", str(self.folder / "server.yml"), *words[1:]]
        both = asyncio.subprocess.STDOUT
        env = {**os.environ, "NTFY_PASSWORD": "a-password"}
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=both, env=env)
        said, _ = await process.communicate()
        return said.decode()

    async def wait(self) -> None:
        async with asyncio.timeout(20), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"{self.url}/v1/health"):
                        return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path, free_port())
    quiet = asyncio.subprocess.DEVNULL
    command = [str(PROGRAM), "serve", "--config", str(tmp_path / "server.yml")]
    process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    try:
        await server.wait()
        await server.tell("user", "add", "shop")
        await server.tell("access", "shop", "team", "write-only")
        await server.tell("access", "shop", "open", "read-write")
        found = re.search(r"tk_\w+", await server.tell("token", "add", "shop"))
        assert found is not None
        server.token = found[0]
        yield server
    finally:
        process.kill()
        await process.wait()


@pytest.fixture
async def ntfy(server: Server) -> AsyncIterator[Channel]:
    async with open_http(SystemClock()) as http:
        table = {"base_url": server.url, "topic": "team", "priority": 4, "tags": ["balloon"]}
        yield build("ntfy", table, {"NTFY_TOKEN": server.token}, http)


async def test_a_message_gets_through_whole_and_is_found_again(server: Server, ntfy: Channel) -> None:
    now = SystemClock().now()
    text = Rendered("Prêt 🎈\nB-1042", "Ready")
    out = outgoing(to="open", rendered=text, now=now, data={"order_url": "https://shop.example/1042"})
    outcome = await ntfy.send(out)
    assert isinstance(outcome, Accepted)
    assert await ntfy.lookup(sent(out, channel="ntfy", after=1)) == Found(outcome.provider_id)
    bearer = {"Authorization": f"Bearer {server.token}"}
    async with (
        aiohttp.ClientSession(headers=bearer) as session,
        session.get(f"{server.url}/open/json?poll=1") as answer,
    ):
        kept = json.loads(await answer.text())
    told = {name: kept[name] for name in ("title", "message", "priority", "tags", "click")}
    assert told == {
        "title": "Ready",
        "message": "Prêt 🎈\nB-1042",
        "priority": 4,
        "tags": ["balloon"],
        "click": "https://shop.example/1042",
    }


async def test_it_refuses_as_the_channel_understands_it(server: Server, ntfy: Channel) -> None:
    now = SystemClock().now()
    wrong = await ntfy.send(outgoing(to="no topic", now=now))
    foreign = await ntfy.send(outgoing(to="other", now=now))
    assert [(one.scope, one.code) for one in (wrong, foreign) if isinstance(one, Rejected)] == [
        (Scope.RECIPIENT, "40009"),
        (Scope.RECIPIENT, "40301"),
    ]
    assert isinstance(await ntfy.send(outgoing(to="team", now=now)), Accepted)
    outcomes = [await ntfy.send(outgoing(to="team", now=now)) for _ in range(8)]
    last = outcomes[-1]
    assert isinstance(last, Deferred)
    assert (last.code, last.throttled) == ("42901", True)


async def test_a_check_says_as_whom_it_writes_and_a_wrong_token_pauses_the_channel(
    server: Server, ntfy: Channel
) -> None:
    assert (await ntfy.check()).summary == "writes as shop"
    async with open_http(SystemClock()) as http:
        stranger = build("ntfy", {"base_url": server.url}, {"NTFY_TOKEN": "tk_" + "z" * 29}, http)
        assert not (await stranger.check()).ok
        outcome = await stranger.send(outgoing(to="team", now=SystemClock().now()))
    assert isinstance(outcome, Rejected)
    assert (outcome.scope, outcome.code) == (Scope.CHANNEL, "40101")
