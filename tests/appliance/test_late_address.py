"""After a power cut a Pi is up before its router has given it its address, or another program has its port; and nobody is there to start the
service again."""

import asyncio
import json
import random
import re
import shutil
import socket
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from daemon import supervise
from daemon.config import ConfigError, Hook, Settings
from daemon.runtime import listeners
from daemon.runtime.app import open_service
from tests.support.fake_clock import FakeClock
from tests.support.ports import free_port
from tests.support.shop import ROOT, Shop, event, open_shop

ABSENT = "198.51.100.7"  # TEST-NET-2 (RFC 5737): nobody's

IT_COMES = """
import socket, subprocess, sys
from daemon.config import Hook
from daemon.runtime.listeners import _tcp_sockets, absent_address

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
hook = Hook(host=sys.argv[1], port=8787)
assert absent_address(hook)
with _tcp_sockets(hook, early=True):
    subprocess.run(["ip", "address", "add", sys.argv[1], "dev", "lo"], check=True)
    socket.create_connection((hook.host, hook.port), timeout=5).close()
    assert not absent_address(hook)
"""
ALONE = ["unshare", "--user", "--map-root-user", "--net"]


def _may_be_alone() -> bool:
    """Whether a process here may have a network of its own, and set it up."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    return subprocess.run([*ALONE, "ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("host", "why"),
    [
        (ABSENT, f"hook.host: {ABSENT} is no address of this machine now"),
        ("tether-till.invalid", "hook.host, hook.port: can't listen on tether-till.invalid"),  # RFC 2606: nobody's
    ],
)
async def test_the_service_works_without_it_and_says_what_is_missing(
    host: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the counter takes in goes out; status and doctor say in one sentence why no till gets through."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        async with open_shop(tmp_path) as shop:
            shop.configure(["twilio"])
            shop.config.write_text(shop.config.read_text().replace("[hook]\n", f'[hook]\nhost = "{host}"\n'))
            await shop.start()
            assert await shop.post(event(7)) == 202
            await shop.until({"sent", "delivered"})
            trouble = {each["what"]: each["why"] for each in (await shop.get("/v1/status"))["trouble"]}
            doctor = json.loads(shop.tether("doctor", "--offline", "--json", check=False).stdout)
    assert f"no till on the network gets through: {why}" in trouble["hook"]
    assert [each["summary"] for each in doctor if each["check"] == "port" and each["level"] == "problem"] == [
        trouble["hook"]
    ]


async def test_a_port_that_another_program_has_for_a_while_keeps_no_service_down(tmp_path: Path) -> None:
    """It ended with 78, which the unit does not start again: one `python -m http.server 8787` at the wrong moment, and the shop was mute."""
    clock = FakeClock()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = Settings(file=tmp_path / "tether.toml", hook=Hook(host="127.0.0.1", port=port))
        async with open_service(settings, clock=clock, rng=random.Random(1), reread=lambda: settings) as service:
            services, path = service.services, settings.socket
            async with listeners.listening(services, path, folder=tmp_path, unattended=True) as url:
                assert url == f"unix:{path}"
                assert path.is_socket()
                assert (
                    "no till on the network gets through: hook.host, hook.port: can't listen" in services.hook_trouble
                )
                assert f"`ss -tlnp 'sport = :{port}'` says which" in services.hook_trouble
                await clock.advance(60)
                assert services.hook_trouble
                other.close()
                async with asyncio.timeout(10):
                    while services.hook_trouble:
                        await clock.advance(5)
                async with ClientSession(f"http://127.0.0.1:{port}") as till, till.get("/healthz") as answer:
                    assert answer.status == 200
            by_hand = listeners.listening(services, path, folder=tmp_path)
            with (
                socket.create_server(("127.0.0.1", port)),
                pytest.raises(ConfigError, match="Is another Tether running, or another program there"),
            ):
                await by_hand.__aenter__()


async def test_the_doctor_says_that_another_program_has_the_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service ran, so all was well, and no till got through."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        async with open_shop(tmp_path) as shop:
            shop.configure(["twilio"])
            _listen_at(shop.config, other.getsockname()[1])
            await shop.start()
            (port,) = await _said_of_the_port(shop)
    assert (port["level"], "`ss -tlnp" in port["summary"]) == ("problem", True)


async def test_the_doctor_says_that_the_service_was_started_with_another_port(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio"])
        _listen_at(shop.config, free_port())
        await shop.start()
        assert [each["level"] for each in await _said_of_the_port(shop)] == ["ok"]
        _listen_at(shop.config, free_port())
        (port,) = await _said_of_the_port(shop)
    assert (port["level"], "nothing listens at" in port["summary"]) == ("problem", True)


def _listen_at(config: Path, port: int) -> None:
    config.write_text(re.sub(r"port = \d+", f"port = {port}", config.read_text(), count=1))


async def _said_of_the_port(shop: Shop) -> list[Any]:
    done = await asyncio.to_thread(shop.tether, "doctor", "--offline", "--json", check=False)
    return [each for each in json.loads(done.stdout) if each["check"] == "port"]


@pytest.mark.skipif(not _may_be_alone(), reason="no network of its own can be had here (unshare, ip)")
@pytest.mark.parametrize("address", [ABSENT, "2001:db8::7"])
def test_tills_get_through_once_it_comes(address: str) -> None:
    done = subprocess.run([*ALONE, sys.executable, "-c", IT_COMES, address], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------- a name, and nobody to say what it stands for

AWAY = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


class NameServer:
    """Stands where the system asks; `refuses` until the router is up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, refuses: socket.gaierror | None) -> None:
        self.refuses = refuses
        monkeypatch.setattr(listeners, "getaddrinfo", self._asked)

    def _asked(self, host: str, port: int, **options: Any) -> list[Any]:
        if self.refuses is not None:
            raise self.refuses
        return socket.getaddrinfo("127.0.0.1", port, **options)


def at_a_name(folder: Path) -> Settings:
    return Settings(file=folder / "tether.toml", hook=Hook(host="tether.lan", port=free_port()))


@pytest.mark.parametrize("refuses", [AWAY, UNKNOWN], ids=["it does not answer", "it knows of none yet"])
async def test_a_name_that_nobody_knows_yet_keeps_no_service_down(
    refuses: socket.gaierror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut the service ended with 78, for good: the router, which knows the name, is up a minute later."""
    names, settings, clock = NameServer(monkeypatch, refuses), at_a_name(tmp_path), FakeClock()
    async with open_service(settings, clock=clock, rng=random.Random(1), reread=lambda: settings) as service:
        services, path = service.services, settings.socket
        async with listeners.listening(services, path, folder=tmp_path, unattended=True) as url:
            assert url == f"unix:{path}"
            assert path.is_socket()
            assert services.hook_trouble.startswith("no till on the network gets through: hook.host")
            await clock.advance(60)
            assert services.hook_trouble
            names.refuses = None
            async with asyncio.timeout(10):
                while services.hook_trouble:
                    await clock.advance(5)
            socket.create_connection(("127.0.0.1", settings.hook.port), timeout=5).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", settings.hook.port), timeout=5)


async def test_what_is_under_way_at_that_door_is_answered_before_it_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The door's own end was called off once more after two seconds, and the database closed beneath what went on."""
    monkeypatch.setattr(supervise, "AGAIN", 0.02)
    names, settings, clock = NameServer(monkeypatch, AWAY), at_a_name(tmp_path), FakeClock()
    async with open_service(settings, clock=clock, rng=random.Random(1), reread=lambda: settings) as service:
        services, views = service.services, service.box.views
        orders, begun, enough = views.orders, asyncio.Event(), asyncio.Event()

        async def slowly(**asked: Any) -> Any:
            begun.set()
            await enough.wait()
            return await orders(**asked)

        monkeypatch.setattr(views, "orders", slowly)
        secret = await service.box.tokens.create("desk", ["read"], actor="test")
        door = AsyncExitStack()
        await door.enter_async_context(listeners.listening(services, settings.socket, folder=tmp_path, unattended=True))
        names.refuses = None
        async with asyncio.timeout(20), ClientSession(f"http://127.0.0.1:{settings.hook.port}") as desk:
            while services.hook_trouble:
                await clock.advance(5)
            asking = asyncio.ensure_future(desk.get("/v1/orders", headers={"Authorization": f"Bearer {secret}"}))
            await begun.wait()
            closing = asyncio.ensure_future(door.aclose())
            await asyncio.wait({closing}, timeout=0.2)
            assert not closing.done()
            enough.set()
            assert (await asking).status == 200
            await closing


@pytest.mark.parametrize(
    ("refuses", "words"),
    [
        (AWAY, "The name server that knows 'tether.lan' does not answer"),
        (UNKNOWN, "'tether.lan' is no name or address"),
    ],
)
async def test_by_hand_it_is_refused_with_the_reason(
    refuses: socket.gaierror, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    NameServer(monkeypatch, refuses)
    settings = at_a_name(tmp_path)
    async with open_service(settings, clock=FakeClock(), rng=random.Random(1), reread=lambda: settings) as service:
        with pytest.raises(ConfigError, match=words):
            async with listeners.listening(service.services, settings.socket, folder=tmp_path):
                pytest.fail("it listens")
