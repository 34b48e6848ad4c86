"""A whole shop for end-to-end tests: the sandbox in this process, the service as a real process that may be killed."""

import asyncio
import os
import random
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import tomli_w

from daemon.sandbox import Sandbox, sandbox_settings
from daemon.sandbox.providers.fcm import GOOGLE_FILE, google_key
from outbox.clock import SystemClock
from tests.support import forks
from tests.support.busy import MOST, PROCESS_SECONDS

ROOT = Path(__file__).resolve().parents[2]


class Shop:
    """Posts to the service, looks at the sandbox, starts, stops and kills the service."""

    def __init__(self, folder: Path, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.session = session
        self.config = folder / "tether.toml"
        self._process: forks.Forked | None = None
        self._log = folder / "service.log"

    def configure(
        self, channels: list[str], routes: str = "", extra: str = "", *, timezone: str = "", **more: Mapping[str, Any]
    ) -> None:
        """Write tether.toml and .env for these channels of the sandbox; `more`: further keys for a channel's table."""
        tables, secrets = sandbox_settings(self.sandbox.url, self.sandbox.smtp_port, self.folder)
        where = f'timezone = "{timezone}"\n' if timezone else ""
        lines = [
            f'[store]\nname = "Balloon Loft"\n{where}[hook]\nport = 0\n[quiet_hours]\nenabled = false\n',
            extra,
        ]
        for name in channels:
            lines.append(tomli_w.dumps({"channels": {name: {**tables[name], **more.get(name, {})}}}))
        self.config.write_text("\n".join([*lines, routes]), encoding="utf-8")
        env = self.folder / ".env"
        env.write_text("".join(f"{key}={value}\n" for key, value in secrets.items()), encoding="utf-8")
        env.chmod(0o600)

    @property
    def url(self) -> str:
        """Where the service that was started last takes events over TCP."""
        return re.findall(r'"url": "(.+?)".*"event": "taking events"', self.log)[-1]

    @property
    def socket(self) -> Path:
        return self.folder / "tether.sock"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, constants: Mapping[str, float] = forks.NONE) -> None:
        """Start the service and wait until it takes events; `constants` as in `forks.start`."""
        with self._log.open("ab") as log, Path(os.devnull).open("rb") as nothing:
            self._process = forks.start(
                ["run", "--config", str(self.config)],
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=nothing,
                stdout=log,
                stderr=log,
                constants=constants,
            )
        deadline = time.monotonic() + PROCESS_SECONDS
        while not await self._answers():
            if self._process.poll() is not None:
                raise AssertionError(f"the service ended with {self._process.returncode}:\n{self.log}")
            if time.monotonic() > deadline:
                raise AssertionError(f"the service did not start in {PROCESS_SECONDS} s:\n{self.log}")
            await asyncio.sleep(0.02)

    async def _answers(self) -> bool:
        try:
            async with self.session.get("/healthz") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, OSError):
            return False

    def kill(self) -> None:
        """Power cut: SIGKILL, no goodbye."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    async def ended(self, seconds: float = PROCESS_SECONDS) -> int:
        """Wait until the service has ended by itself; its exit code."""
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, seconds)

    async def stop(self) -> int:
        """SIGTERM, and its exit code."""
        if self._process is None or self._process.poll() is not None:
            return self._process.returncode if self._process else 0
        self._process.terminate()
        return await asyncio.to_thread(self._process.wait, 40)

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    async def post(self, event: Mapping[str, Any]) -> int:
        """Post one event by the counter's own door; its status."""
        async with self.session.post("/v1/events", json=event) as answer:
            await answer.read()
            return answer.status

    async def get(self, path: str, **query: Any) -> Any:
        async with self.session.get(path, params=query) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def messages(self, **query: Any) -> list[dict[str, Any]]:
        """All messages, page by page."""
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = await self.get("/v1/messages", limit=500, **query, **({"cursor": cursor} if cursor else {}))
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                return found

    async def until(self, states: set[str], *, seconds: float = MOST) -> list[dict[str, Any]]:
        """Wait until every message is in one of these states; then all messages."""
        deadline = time.monotonic() + seconds
        while True:
            messages = await self.messages()
            others = [message for message in messages if message["state"] not in states]
            if not others:
                return messages
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(others)} messages are not in {states}: {others[:3]}\n{self.log[-4000:]}")
            await asyncio.sleep(0.1)

    async def until_line(self, state: str, *, seconds: float = MOST) -> None:
        """Wait until the service knows that the line is up, or down."""
        async with asyncio.timeout(seconds):
            while (await self.get("/v1/channels"))["uplink"]["state"] != state:
                await asyncio.sleep(0.05)

    async def until_under_way(self, *, seconds: float = MOST) -> None:
        """Wait until a message is being sent."""
        async with asyncio.timeout(seconds):
            while not await self.messages(state="sending"):
                await asyncio.sleep(0.02)

    def tether(
        self, *arguments: str, check: bool = True, stdin: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command on this shop's configuration."""
        done = forks.run(arguments, env={**os.environ, "TETHER_CONFIG": str(self.config)}, stdin=stdin)
        if check and done.returncode != 0:
            raise AssertionError(
                f"tether {' '.join(arguments)} exited with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done


def noon() -> str:
    """A zone in which it is about noon: who is in the middle of a day meets no midnight."""
    east = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-east:+d}"


@cache
def _service_account() -> bytes:
    """Made once: an RSA key for each shop takes longer than most of what is tested with it."""
    with tempfile.TemporaryDirectory() as folder:
        google_key(Path(folder))
        return (Path(folder) / GOOGLE_FILE).read_bytes()


@asynccontextmanager
async def open_shop(folder: Path, *, pace: float = 0.2) -> AsyncIterator[Shop]:
    """A shop in that folder, closed with whatever runs in it."""
    if not (key := folder / GOOGLE_FILE).exists():
        key.touch(0o600)
        key.write_bytes(_service_account())
    async with Sandbox(clock=SystemClock(), rng=random.Random(7), pace=pace, folder=folder) as sandbox:
        connector = aiohttp.UnixConnector(path=str(folder / "tether.sock"))
        async with aiohttp.ClientSession(
            "http://tether", connector=connector, timeout=aiohttp.ClientTimeout(20)
        ) as session:
            shop = Shop(folder, sandbox, session)
            try:
                yield shop
            finally:
                await shop.stop()


def event(number: int | str, type: str = "order.ready", **customer: Any) -> dict[str, Any]:
    """An event of an order of its own."""
    return {
        "id": f"till-{number}-{type}",
        "type": type,
        "order": {"ref": f"B-{number}", "total": "48.50", "currency": "GBP"},
        "customer": {"name": "Ada", "phone": "07700 900123", **customer},
    }
