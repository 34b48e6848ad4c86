"""A real headless Chromium, spoken to by the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/)."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.busy import PROCESS_SECONDS, until

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""The shell is the same engine without a window around it, at a fifth of the processor's time."""
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--remote-debugging-port=0",
)
LOAD_S = 30.0
LIVE_S = 5.0
"""Within which what a server tells a page that is open stands on it. How soon the server tells it is tested without a browser, on a clock."""
ANSWER_S = 40.0
"""To check a long page's accessibility takes 2 s, and 15 on a machine with two suites under way."""


class Page:
    """One tab. `requests` are the URLs it asked for, `complaints` what its console and its policy said."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._session = ""
        self._profile = ""
        self.requests: list[str] = []
        self.complaints: list[str] = []

    async def listen(self) -> None:
        async for message in self._socket:
            data = message.json()
            if "id" in data:
                future = self._answers.pop(data["id"])
                if "error" in data:
                    future.set_exception(RuntimeError(str(data["error"])))
                else:
                    future.set_result(data["result"])
            else:
                self._heard(data["method"], data["params"])

    def _heard(self, method: str, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(str(params["entry"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.complaints.append(str(params["args"]))

    async def ask(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        await self._socket.send_json(message)
        async with asyncio.timeout(ANSWER_S):
            return await future

    async def begin(self) -> None:
        self._profile = (await self.ask("Target.createBrowserContext"))["browserContextId"]

    async def end(self) -> None:
        """The tab and all that its profile held are gone."""
        self._session = ""
        await self.ask("Target.disposeBrowserContext", browserContextId=self._profile)

    async def open(self, url: str, *, width: int = 1280, height: int = 720) -> None:
        """A tab, in which the page is there as a whole."""
        target = await self.ask("Target.createTarget", url="about:blank", browserContextId=self._profile)
        attached = await self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Network", "Runtime", "Log", "Page"):
            await self.ask(f"{domain}.enable")
        await self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        await self.ask("Page.navigate", url=url)
        await self.at("location.href !== 'about:blank'")

    async def go(self, url: str) -> None:
        """In the same tab to another address."""
        await self.ask("Page.navigate", url=url)
        await self.at(f"location.href === '{url}'")

    async def at(self, place: str) -> None:
        """Wait until the page for which the expression is true is there as a whole, not its address alone."""
        await self.until(f"{place} && document.readyState === 'complete'", within=LOAD_S)

    async def run(self, script: str) -> Any:
        """The value of an expression (a promise is awaited)."""
        answer = await self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, script: str, *, within: float = 10.0) -> None:
        """Wait until an expression is true: so many seconds on a machine that has nothing else to do."""
        await until(partial(self.run, script), seconds=within, every=0.05)


class Browser:
    """One process for all who ask. Each gets a page in a profile of its own, with nothing of another's."""

    def __init__(self, door: str) -> None:
        self._door = door

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        async with aiohttp.ClientSession() as session, session.ws_connect(self._door, max_msg_size=0) as socket:
            page = Page(socket)
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(page.listen())
                try:
                    await page.begin()
                    yield page
                finally:
                    await page.end()
                    listening.cancel()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Skips the test where there is no Chromium."""
    binary = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if binary is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    with tempfile.TemporaryDirectory(prefix="tether-chromium-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [binary, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield Browser(_door(Path(profile), process))
        finally:
            with suppress(ProcessLookupError):  # it ended by itself
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _door(profile: Path, process: "subprocess.Popen[bytes]") -> str:
    file = profile / "DevToolsActivePort"
    until = time.monotonic() + PROCESS_SECONDS
    while not file.exists() or len(lines := file.read_text().splitlines()) < 2:
        if process.poll() is not None:
            raise RuntimeError(f"Chromium ended with {process.returncode} before it listened")
        if time.monotonic() > until:
            raise TimeoutError(f"Chromium did not start within {PROCESS_SECONDS} s")
        time.sleep(0.05)
    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
