"""A heart beats where somebody outside listens: that the box lives, and what is wrong with it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from daemon.config import ConfigError, Duration, Settings
from daemon.config import Heartbeat as HeartbeatTable
from daemon.http import open_http
from daemon.upkeep.heads import RecordHeads
from daemon.upkeep.heartbeat import Heartbeat, check_heartbeat
from outbox.errors import StorageBusy
from tests.support.busy import MOST
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import open_own_box
from tests.support.vendor import Answer, Vendor, serving


@pytest.fixture
async def listener() -> AsyncIterator[Vendor]:
    async with serving(Vendor({"": Answer(200, "OK")})) as vendor:
        yield vendor


async def no_record() -> str:
    return ""


async def beats(vendor: Vendor, path: str, standing: Mapping[str, str], seconds: float) -> list[tuple[str, str]]:
    """What is heard in that time."""
    clock = FakeClock()
    url = f"http://127.0.0.1:{vendor.port}/https/hc.example.com{path}"
    settings = Settings(heartbeat=HeartbeatTable(url=url, every=Duration(60)))
    stop = asyncio.Event()
    async with open_http(clock) as http, asyncio.TaskGroup() as group:
        heart = Heartbeat(http, clock, lambda: settings, lambda: standing, no_record)
        group.create_task(heart.run(stop))
        for turn in range(round(seconds / 60) + 1):
            async with asyncio.timeout(MOST):
                while len(vendor.seen) < turn + 1 and clock.sleepers == 0:
                    await asyncio.sleep(0.005)
            await clock.advance(60)
        stop.set()
    return [(f"{seen.path}{'?' if seen.query else ''}{seen.query}", seen.body.decode()) for seen in vendor.seen]


async def test_start_and_success(listener: Vendor) -> None:
    heard = await beats(listener, "/uuid", {}, 120)
    assert heard[:2] == [("/uuid/start", ""), ("/uuid", "")]


async def test_failure_says_why_without_addresses(listener: Vendor) -> None:
    heard = await beats(listener, "/uuid", {"channel x": "Twilio is paused: +447700900123 and ada@example.com"}, 60)
    path, body = heard[1]
    assert path == "/uuid/fail"
    assert "Twilio is paused" in body
    assert "7700900" not in body
    assert "ada@" not in body


async def test_an_address_with_a_query_is_called_only_while_all_is_well(listener: Vendor) -> None:
    assert ("/push?status=up", "") in await beats(listener, "/push?status=up", {}, 120)
    assert {(seen.method, seen.body) for seen in listener.seen} == {("GET", b"")}, (
        "Uptime Kuma before 2.0 knows no other"
    )
    listener.seen.clear()
    assert await beats(listener, "/push?status=up", {"disk": "full"}, 60) == []


async def test_redirects_are_not_followed() -> None:
    """Who answers for the owner's address can't send the box elsewhere."""
    steps = {"/elsewhere": Answer(200, "secret"), "": Answer(302, "", {"Location": "/https/inside/elsewhere"})}
    async with serving(Vendor(steps)) as vendor:
        assert {path for path, _ in await beats(vendor, "/uuid", {}, 60)} == {"/uuid/start", "/uuid"}


@pytest.mark.parametrize(
    "url", ["ftp://x/y", "hc-ping.com/uuid", "file:///etc/passwd", "https://user:pass@host/x", "https://x:99999/y"]
)
def test_an_address_that_can_t_be_meant(url: str) -> None:
    with pytest.raises(ConfigError, match=r"heartbeat\.url") as refused:
        check_heartbeat(Settings(heartbeat=HeartbeatTable(url=url)))
    assert "pass@" not in str(refused.value)


@pytest.mark.parametrize("url", ["https://hc-ping..com/uuid", "https://x:99999/y", f"https://{'a' * 64}.com/uuid"])
async def test_an_address_that_no_name_can_have_is_not_heard(url: str) -> None:
    """A slip of the pen: the service fell over at each beat."""
    clock, settings = FakeClock(), Settings(heartbeat=HeartbeatTable(url=url))
    async with open_http(clock) as http:
        await Heartbeat(http, clock, lambda: settings, dict, no_record).beat()


async def test_the_heart_beats_while_the_database_can_not_be_read(
    listener: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(sql: str, **values: object) -> list[Any]:
        raise StorageBusy("disk I/O error")

    async with open_own_box(tmp_path) as box:
        settings = Settings(file=tmp_path / "tether.toml")
        heads = RecordHeads(box, lambda: settings, FakeClock())
        monkeypatch.setattr(f"{__name__}.no_record", heads.going_out)
        monkeypatch.setattr(box._store, "rows", away)
        assert (await beats(listener, "/uuid", {"disk": "full"}, 60))[1] == ("/uuid/fail", "full")


async def test_each_beat_carries_the_record_s_head(listener: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    async def head() -> str:
        return '{"epoch":"e","seq":7}'

    monkeypatch.setattr(f"{__name__}.no_record", head)
    heard = await beats(listener, "/uuid", {}, 60)
    assert heard[1] == ("/uuid", '{"epoch":"e","seq":7}')
    listener.seen.clear()
    path, body = (await beats(listener, "/uuid", {"disk": "the disk is full"}, 60))[1]
    assert (path, body.splitlines()) == ("/uuid/fail", ["the disk is full", '{"epoch":"e","seq":7}'])
