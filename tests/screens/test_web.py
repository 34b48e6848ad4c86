"""The counter in a browser: behind its token, from its own page, with nothing from outside."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from aiohttp import ClientSession, CookieJar, WSMsgType, web

from tests.support.axe import axe_source, violations
from tests.support.chromium import Browser
from tests.support.fake_clock import FakeClock
from tests.support.fake_service import FakeService
from tests.support.sample_shop import SampleShop
from tui.browser.counter import COOKIE, WebCounter

SLOW = "task queue exceeded allotted deadline"
"""What xterm.js says on a machine that is busy with other things."""


@asynccontextmanager
async def serving(
    *command: str, most: int = 4, log: Callable[[str], object] = lambda line: None
) -> AsyncIterator[tuple[str, ClientSession]]:
    """The web counter on loopback, and a browser of sorts."""
    counter = WebCounter(command or ("true",), "sesame", most=most, log=log)
    runner = web.AppRunner(counter.application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}", browser
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("path", ["/", "/?token=", "/?token=wrong", "/ws", "/static/js/textual.js", "/static/"])
async def test_without_the_token_nobody_sees_anything(path: str) -> None:
    async with serving() as (url, browser), browser.get(url + path) as answer:
        assert answer.status == 401
        assert "sesame" not in await answer.text()


async def test_the_token_opens_and_is_gone_from_the_address() -> None:
    async with serving() as (url, browser):
        async with browser.get(url + "/?token=sesame") as answer:
            assert answer.status == 200
            assert str(answer.url) == url + "/"
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
        cookie = next(each for each in browser.cookie_jar if each.key == COOKIE)
        assert cookie["httponly"]
        assert cookie["samesite"] == "Strict"
        async with browser.get(url + "/static/js/textual.js") as answer:
            assert answer.status == 200


async def test_the_page_fetches_nothing_from_outside() -> None:
    async with serving() as (url, browser), browser.get(url + "/?token=sesame") as answer:
        page = await answer.text()
        addresses = re.findall(r"(?:https?|wss?)://[^/\"]+", page)
        assert addresses == [url.replace("http", "ws")]
        for path in re.findall(r'(?:src|href)="(/static[^"]+)"', page):
            async with browser.get(url + path) as found:
                assert found.status == 200, path


async def test_another_sites_page_may_not_use_the_cookie() -> None:
    """Somebody's page, open in a browser of the shop, wants to type at the counter."""
    told: list[str] = []
    async with serving(log=told.append) as (url, browser):
        await browser.get(url + "/?token=sesame")
        strange = ["http://evil.example", "null", url.replace("http", "https"), url + "0", None]
        for origin in strange:
            headers = {} if origin is None else {"Origin": origin}
            async with browser.get(url + "/ws", headers=headers) as answer:
                assert answer.status == 403, origin
    assert len(told) == len(strange)
    assert all("was refused: its page is not ours" in line for line in told)


async def test_a_host_that_is_none_does_not_get_into_the_page() -> None:
    async with serving() as (url, browser):
        await browser.get(url + "/?token=sesame")
        async with browser.get(url + "/?fontsize=<b>", headers={"Host": 'x"><script>'}) as answer:
            page = await answer.text()
            assert "<script>" not in page.replace("<script nonce", "")
            assert 'data-font-size="16"' in page


async def test_the_board_comes_through_and_keys_go_back(tmp_path: Path) -> None:
    async with FakeService.serving(SampleShop.ordinary(), FakeClock(), tmp_path / "t.sock") as service:
        command = (sys.executable, "-m", "tui", service.where, "--language", "en", "--name", "web")
        async with serving(*command, most=1) as (url, browser):
            await browser.get(url + "/?token=sesame")
            async with browser.ws_connect(url + "/ws?width=80&height=24", origin=url) as socket:
                await socket.send_str("not json")
                await socket.send_json(["of another version"])
                await socket.send_json(["ping", 7])
                assert "pong" in await _until(socket, "pong")
                assert "B-1042" in await _until(socket, "NOT TOLD")
                async with browser.get(url + "/ws", headers={"Origin": url}) as another:
                    assert another.status == 503, "as many screens as are allowed"
                await socket.send_json(["resize", {"width": 120, "height": 40}])
                await socket.send_json(["stdin", "n"])
                assert "READY" in await _until(socket, "READY")
            async with asyncio.timeout(20):
                while any(_is_screen(child) for child in psutil.Process().children()):
                    await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "habit",
    ["os.close(1); os.close(2); time.sleep(0.3)", "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"],
    ids=["is slow to end", "does not end"],
)
async def test_a_screen_is_gone_when_its_browser_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, habit: str
) -> None:
    monkeypatch.setattr("tui.browser.counter.STOPPING", 1.0)
    note = tmp_path / "pid"
    program = f"""import os, signal, time
open({str(note)!r}, "w").write(str(os.getpid()))
print("__GANGLION__", flush=True)
{habit}"""
    async with serving(sys.executable, "-c", program, most=1) as (url, browser):
        await browser.get(url + "/?token=sesame")
        async with browser.ws_connect(url + "/ws", origin=url), asyncio.timeout(20):
            while not (note.exists() and note.read_text()):
                await asyncio.sleep(0.02)
        async with asyncio.timeout(20):
            while (
                await browser.get(url + "/ws", headers={"Origin": url})
            ).status == 503:  # its place is free again only once it has ended
                await asyncio.sleep(0.02)
        assert not psutil.pid_exists(int(note.read_text())), "ended, and waited for"


async def test_in_a_real_browser_keys_act_and_nothing_leaves_this_machine(tmp_path: Path, browser: Browser) -> None:
    async with FakeService.serving(SampleShop.ordinary(), FakeClock(), tmp_path / "t.sock") as service:
        command = (sys.executable, "-m", "tui", service.where, "--language", "en", "--name", "web")
        async with serving(*command) as (url, _), browser.page() as page:
            await page.open(url + "/?token=sesame")
            await page.until("document.body?.classList.contains('-first-byte') === true")
            async with asyncio.timeout(50):
                while not service.streams:
                    await asyncio.sleep(0.02)
                while not service.posts:
                    for key, code, text in (("Escape", 27, "\x1b"), ("n", 78, "n"), ("Enter", 13, "\r")):
                        await page.ask(
                            "Input.dispatchKeyEvent", type="keyDown", key=key, text=text, windowsVirtualKeyCode=code
                        )
                        await asyncio.sleep(1)  # keys faster than that are text
            assert service.posts[0][1].endswith("/status")
            assert [each for each in page.complaints if SLOW not in each] == []
            assert {urlsplit(address).netloc for address in page.requests if not address.startswith("data:")} == {
                urlsplit(url).netloc
            }


async def test_it_is_accessible_while_it_runs_and_when_it_is_over(tmp_path: Path, browser: Browser) -> None:
    axe = axe_source()
    async with FakeService.serving(SampleShop.ordinary(), FakeClock(), tmp_path / "t.sock") as service:
        command = (sys.executable, "-m", "tui", service.where, "--language", "en", "--name", "web")
        async with serving(*command) as (url, _), browser.page() as page:
            await page.open(url + "/?token=sesame")
            await page.until("document.body?.classList.contains('-first-byte') === true", within=30)
            assert await violations(page, axe) == []
            await page.run("document.body.classList.add('-closed')")
            assert await violations(page, axe) == []


def _is_screen(child: psutil.Process) -> bool:
    try:
        return "tui" in child.cmdline()
    except psutil.NoSuchProcess:  # it went while it was asked, or is about to be reaped
        return False


async def _until(socket, sign: str) -> str:  # type: ignore[no-untyped-def]
    """What the browser was sent until this stood in it."""
    seen = ""
    async with asyncio.timeout(30):
        async for message in socket:
            seen += message.data.decode("utf-8", "replace") if message.type == WSMsgType.BINARY else message.data
            if sign in re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", seen):
                return re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", seen)
    raise AssertionError(seen)
