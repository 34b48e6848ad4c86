"""Where many stores tell, there is no moment in which nothing is under way."""

import asyncio
from typing import Any

import pytest

from daemon.fleet import link as link_module
from daemon.fleet.nats_connection import Ack, NatsConnection
from daemon.fleet.wire import StateBatch, deflate
from daemon.hq import archiver as archiver_module
from tests.support.busy import until
from tests.support.fleet_world import World

pytestmark = pytest.mark.engines


async def test_what_was_lost_of_one_store_is_asked_for_while_another_tells(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It healed at night."""
    monkeypatch.setattr(link_module, "HEALTH_SECONDS", 0.5)
    monkeypatch.setattr(link_module, "PULL_SECONDS", 2.0)
    monkeypatch.setattr(archiver_module, "CHECK_SECONDS", 0.5)
    lost, publish = False, NatsConnection.publish

    async def losing(line: NatsConnection, subject: str, body: bytes, **more: Any) -> Ack:
        nonlocal lost
        if not lost and subject == "up.soho.audit":
            lost = True
            return Ack(1)
        return await publish(line, subject, body, **more)

    monkeypatch.setattr(NatsConnection, "publish", losing)
    archiver = fleet.start_hq()

    async def running() -> bool:
        return archiver.status.state == "running"

    await until(running)
    soho, camden = await fleet.add_store("soho"), await fleet.add_store("camden")
    body = deflate(StateBatch("e1", 0, 0, []))
    async with fleet.line_of(camden) as line:

        async def tell() -> None:
            while True:
                await line.tell("up.camden.msg", body)
                await asyncio.sleep(0.02)

        telling = asyncio.create_task(tell())
        await soho.happen(3)
        soho.connect()
        await fleet.await_archived(soho, seconds=30)
        assert lost
        telling.cancel()
