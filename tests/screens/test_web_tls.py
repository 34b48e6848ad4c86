"""The web counter over TLS: with the shop's certificate or its own, whose fingerprint it prints; and who opened it is told."""

import asyncio
import hashlib
import os
import re
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar, Fingerprint
from typer.testing import CliRunner

from daemon.cli import status as status_verb  # noqa: F401 - a second verb: alone, it would need no name
from daemon.cli import tui as tui_verb  # noqa: F401 - it registers the verb
from daemon.cli.frame import app
from tests.support.certificate import server_context
from tests.support.fake_clock import FakeClock
from tests.support.fake_service import FakeService
from tests.support.ports import free_port
from tests.support.sample_shop import SampleShop
from tui.browser.counter import WebCounter
from tui.browser.tls import FILE, fingerprint, own_certificate

NOW = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)


@asynccontextmanager
async def web_counter(folder: Path, socket: Path, config: str = "") -> AsyncIterator[asyncio.StreamReader]:
    """`tether tui --web` as a process: what it prints."""
    tether = folder / "tether.toml"
    tether.write_text(f'[data]\npath = "{folder}/tether.db"\n[hook]\nsocket = "{socket}"\n{config}')
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("tether")), "tui", "--web", "--web-port", str(free_port()), "--config", str(tether),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "XDG_STATE_HOME": str(folder / "state"), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.terminate()
        await process.wait()


async def line_with(output: asyncio.StreamReader, sign: str) -> str:
    seen = ""
    async with asyncio.timeout(30):
        while line := (await output.readline()).decode():
            seen += line
            if sign in line:
                return line.strip()
    raise AssertionError(seen)


def test_who_is_at_the_counter_stands_in_the_record_of_browsers_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[str] = []

    async def served(counter: WebCounter, *where: object) -> int:
        commands.append(counter._command)
        return 0

    monkeypatch.setattr("tui.browser.counter._serve", served)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "tether.toml").write_text("[hook]\nport = 0\n")
    for who in (["--name", "kim"], []):
        done = CliRunner().invoke(app, ["tui", "--web", *who, "--config", str(tmp_path / "tether.toml")])
        assert done.exit_code == 0, done.output
    assert ["--name kim" in commands[0], "--name web" in commands[1]] == [True, True]


async def test_its_own_certificate_is_known_by_the_fingerprint_it_prints(tmp_path: Path) -> None:
    async with (
        FakeService.serving(SampleShop.ordinary(), FakeClock(), tmp_path / "t.sock"),
        web_counter(tmp_path, tmp_path / "t.sock") as output,
    ):
        printed = await line_with(output, ":")
        printed = await line_with(output, ":") if "SHA-256" in printed else printed
        address = await line_with(output, "https://")
        url = re.sub(r"//[^:]+:", "//127.0.0.1:", address)
        proof = Fingerprint(bytes.fromhex(printed.replace(":", "")))
        origin = url.partition("/?")[0]
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser:
            async with browser.get(url, ssl=proof) as answer:
                assert answer.status == 200
                assert f"wss://{origin.partition('//')[2]}/ws" in await answer.text()
            assert all(cookie["secure"] for cookie in browser.cookie_jar)
            async with browser.ws_connect(origin + "/ws", origin=origin, ssl=proof, headers={"User-Agent": "Till 2"}):
                assert "127.0.0.1 [Till 2] opened a screen (1 open)" in await line_with(output, "opened")
            assert "127.0.0.1 [Till 2] is gone (0 open)" in await line_with(output, "is gone")


async def test_the_shops_certificate_is_used_where_it_is_set(tmp_path: Path) -> None:
    server_context(tmp_path)
    config = 'tls_cert = "server.pem"\ntls_key = "server.pem"\n'
    async with web_counter(tmp_path, tmp_path / "t.sock", config) as output:
        url = re.sub(r"//[^:]+:", "//127.0.0.1:", await line_with(output, "://"))
        shops = ssl.PEM_cert_to_DER_cert(
            (tmp_path / "server.pem").read_text().partition("-----END PRIVATE KEY-----\n")[2]
        )
        proof = Fingerprint(hashlib.sha256(shops).digest())
        async with ClientSession() as browser, browser.get(url, ssl=proof, allow_redirects=False) as answer:
            assert answer.status == 303
    assert not (tmp_path / "state").exists()


def test_it_is_kept_and_made_anew_in_time(tmp_path: Path) -> None:
    file = own_certificate(tmp_path / "deep", NOW)
    first = fingerprint(file)
    assert file.stat().st_mode & 0o077 == 0, "its key is the shop's alone"
    assert fingerprint(own_certificate(tmp_path / "deep", NOW + timedelta(days=700))) == first
    assert fingerprint(own_certificate(tmp_path / "deep", NOW + timedelta(days=800))) != first


@pytest.mark.parametrize("content", [b"", b"\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_broken_one_is_made_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert re.fullmatch("([0-9A-F]{2}:){31}[0-9A-F]{2}", fingerprint(own_certificate(tmp_path, NOW)))
