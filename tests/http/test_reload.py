"""A reload puts a whole new engine in force at once: what is asked from then on is answered by the new configuration."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from daemon.config import Board, ClockTable, Duration, RouteTable, Settings, Store
from daemon.runtime import app
from daemon.runtime.notify import Notifier
from daemon.runtime.signals import heed_signals
from outbox.errors import StorageBusy, StorageFull
from tests.support.busy import MOST
from tests.support.face import Face, event
from tests.support.fake_clock import settle
from tests.support.small_store import CHANNELS, TWILIO_TOKEN, SmallStore, store_settings


@asynccontextmanager
async def running(store: SmallStore) -> AsyncIterator[None]:
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(store.service.run(Notifier(store.clock, {}), ready=ready.set))
        await ready.wait()
        yield
        store.service.stop.set()


async def test_all_that_is_asked_after_a_reload_is_answered_by_the_new_configuration(
    face: Face, store: SmallStore
) -> None:
    late = RouteTable(
        on="stock.counted", to="customer", via=("sendgrid",), template="order.ready", delay=Duration(3600)
    )
    store.on_disk = store_settings(
        store=Store(name="The Other Shop"),
        channels={"sendgrid": dict(CHANNELS["sendgrid"])},
        sources={"erp": {"kind": "pos"}},
        board=Board(enabled=True),
        route=(late,),
        hook=store.on_disk.hook,
    )
    async with running(store):
        warned = (await face.post("/v1/events", event("e-1", "stock.counted", ref="B-1"))).json["warnings"]
        assert "no route names" in warned[0]
        assert (await face.call("POST", "/v1/reload")).json == {"reloaded": True}
        assert [row["name"] for row in (await face.get("/v1/channels")).json["items"]] == ["sendgrid"]
        assert (await face.get("/v1/status")).json["store"]["name"] == "The Other Shop"
        assert [row["name"] for row in (await face.get("/v1/sources")).json["items"]] == ["erp"]
        assert (await face.get("/board", as_=None)).status == 200
        assert (await face.call("POST", "/v1/hooks/webshop", raw=b"{}", as_=None)).status == 404
        (led_to,) = (await face.post("/v1/events", event("e-2", "stock.counted", ref="B-2"))).json["messages"]
        assert led_to["via"] == ["sendgrid"]
        shown = await face.post("/v1/messages/preview", {"template": "order.ready", "medium": "sms"})
        assert "The Other Shop" in shown.json["text"]
        await until_in_force(store)


async def test_a_configuration_that_can_t_be_used_changes_nothing(face: Face, store: SmallStore) -> None:
    before = store.services.engine
    store.on_disk = store_settings(store=Store(country="Atlantis"))
    async with running(store):
        assert (await face.call("POST", "/v1/reload")).status == 409
        assert store.services.engine is before
        assert (await face.post("/v1/events", event())).status == 202


async def test_secrets_of_both_configurations_stay_out_of_the_log_while_one_takes_over(
    face: Face, store: SmallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until what is under way has ended, both engines may say something."""
    hidden: list[set[str]] = []
    monkeypatch.setattr(app, "configure_logs", lambda *_, secrets: hidden.append(set(secrets.values())))
    store.on_disk = store_settings(secrets={"TWILIO_AUTH_TOKEN": "a-new-token-0123456789"})
    assert (await face.call("POST", "/v1/reload")).status == 200
    assert hidden[-1] >= {TWILIO_TOKEN, "a-new-token-0123456789"}


async def until_in_force(store: SmallStore) -> None:
    async with asyncio.timeout(MOST):
        while store.service.engine is not store.services.engine:
            await asyncio.sleep(0.001)


async def test_a_line_that_was_set_by_hand_is_not_forgotten(face: Face, store: SmallStore) -> None:
    """An owner tried the modem and forgot `tether uplink auto`: that counts after each reload too, and nobody was told."""

    async def told() -> list[str]:
        trouble = (await face.get("/v1/status", as_="screen")).json["trouble"]
        return [each["why"] for each in trouble if each["what"] == "uplink"]

    async with running(store):
        assert (await face.post("/v1/uplink", {"state": "up"})).json["forced"]
        store.clock.step(1800)
        assert (await face.call("POST", "/v1/reload")).status == 200
        await until_in_force(store)
        assert (await face.get("/v1/channels", as_="screen")).json["uplink"]["forced"]
        assert await told() == []
        store.clock.step(1800)
        (why,) = await told()
        assert "counts as up because it was set by hand" in why
        assert not (await face.post("/v1/uplink", {"state": "auto"})).json["forced"]
        assert await told() == []


async def test_that_the_clock_must_be_synchronised_is_in_force_at_once(
    face: Face, store: SmallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.service.watch, "_synchronised", lambda: False)
    store.on_disk = store_settings(clock=ClockTable(require_sync=True), hook=store.on_disk.hook)
    async with running(store):
        assert store.service.watch.trusted()
        assert (await face.call("POST", "/v1/reload")).status == 200
        await until_in_force(store)
        assert not store.service.watch.trusted()


async def test_a_full_disk_keeps_no_configuration_from_being_in_force(
    face: Face, store: SmallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was, and whoever asked was told that it failed; asked for by SIGHUP, the service fell over."""

    async def full(*_: object, **__: object) -> int:
        raise StorageFull("the disk is full")

    before = store.services.engine
    monkeypatch.setattr(store.box.audit, "append", full)
    await store.service.reload(actor="SIGHUP")
    assert store.services.engine is not before


async def test_a_reload_that_fails_as_nobody_foresaw_ends_nothing(
    store: SmallStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`systemctl reload` ended the service for a file that it may not read."""

    def shut() -> Settings:
        raise PermissionError("tether.toml: Permission denied")

    monkeypatch.setattr(store.service, "_reread", shut)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.setblocking(False)
        systemd.bind(str(tmp_path / "notify"))
        notifier = Notifier(store.clock, {"NOTIFY_SOCKET": str(tmp_path / "notify")})
        async with asyncio.TaskGroup() as group:
            heed_signals(store.service, notifier, group)
            signal.raise_signal(signal.SIGHUP)
            told = [(await asyncio.get_running_loop().sock_recv(systemd, 256)).decode() for _ in range(2)]
    assert told[0].startswith("RELOADING=1\n")
    assert told[1].startswith("READY=1\nSTATUS=running on the old configuration: ")


async def test_a_watchdog_is_not_told_that_all_is_well_while_nothing_can_be_read(
    store: SmallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service ended at the first time that the database could not be read."""
    alive: list[int] = []
    notifier = Notifier(store.clock, {"WATCHDOG_USEC": "60000000"})
    monkeypatch.setattr(notifier, "alive", lambda: alive.append(store.clock.now()))
    newest, failures = store.box.views.newest, 1

    async def away() -> Any:
        nonlocal failures
        if failures:
            failures -= 1
            raise StorageBusy("disk I/O error")
        return await newest()

    monkeypatch.setattr(store.box.views, "newest", away)
    async with asyncio.TaskGroup() as group:
        group.create_task(store.service._tell_systemd(notifier, 30.0))
        await settle()
        await store.clock.advance(30)
        assert (failures, alive) == (0, [])
        async with asyncio.timeout(10):
            while not alive:
                await store.clock.advance(30)
                await asyncio.sleep(0.001)
        store.service.stop.set()


# ---------------------------------------------------------------- the end


async def test_a_stop_has_an_end_whatever_does_not(store: SmallStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk what a step of the clock asked for waited for room: only `kill -9` ended the service."""
    waits, ready = asyncio.Event(), asyncio.Event()

    async def for_room(milliseconds: int) -> None:
        waits.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(store.box.spool, "shift", for_room)
    monkeypatch.setattr(app, "END_SECONDS", 0.05)
    monkeypatch.setattr(app, "AGAIN", 0.05)
    running = asyncio.ensure_future(store.service.run(Notifier(store.clock, {}), ready=ready.set))
    await ready.wait()
    await settle()
    store.clock.step(3600)
    async with asyncio.timeout(20):
        while not waits.is_set():
            await store.clock.advance(1)
        store.service.stop.set()
        await running


async def test_who_asks_twice_has_it_end_at_once(store: SmallStore) -> None:
    async def service() -> None:
        async with asyncio.TaskGroup() as group:
            heed_signals(store.service, Notifier(store.clock, {}), group)
            await asyncio.Event().wait()

    running = asyncio.ensure_future(service())
    await settle()
    signal.raise_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        await store.service.stop.wait()
        assert not running.done()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(asyncio.CancelledError):
            await running
