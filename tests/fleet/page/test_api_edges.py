"""Headquarters' API against those who may not use it, and those who may use it only so far."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import islice

import aiohttp
import msgspec
import pytest

from daemon.fleet.wire import Health, pack
from daemon.hq import tokens
from daemon.hq.answers import Verified
from daemon.hq.checks import examine
from daemon.hq.commands import give
from daemon.hq.pulse import Pulse
from daemon.hq.stores import Declined, Groups
from tests.support.busy import until
from tests.support.fake_clock import FakeClock
from tests.support.hq_page import Site

pytestmark = pytest.mark.engines


async def test_what_the_api_is_asked_by_somebody_who_means_ill(site: Site) -> None:
    """Whoever has a token wants more rows than the API gives at once; whoever has none wants errors that say what runs here."""
    async with site.services.pool.connection() as db:
        await tokens.add(db, 0, "grafana", hashlib.sha256(b"hq_x").digest(), ["read"], actor="maria")
    async with aiohttp.ClientSession(site.url) as http:

        async def status(path: str, token: bytes = b"hq_x") -> int:
            headers = {"Authorization": f"Bearer {token.decode('utf-8', 'surrogateescape')}"}
            async with http.get(path, headers=headers) as answer:
                return answer.status

        assert await status("/v1/messages?limit=500") == 200
        assert await status("/v1/messages?limit=0000010000000") == 422
        assert await status("/v1/messages?limit=" + "9" * 5000) == 422
        assert await status("/v1/messages?store=%00") == 422
        assert await status("/v1/orders/%00") == 422
        assert await status("/v1/stores", token=b"\xff\xfe") == 401
        async with http.post("/v1/join", data=b'{"x":' + b"[" * 16_000) as answer:
            assert answer.status == 422


@asynccontextmanager
async def the_stream(site: Site) -> AsyncIterator[aiohttp.ClientResponse]:
    """As a dashboard reads it."""
    async with site.services.pool.connection() as db:
        await tokens.add(db, 0, "grafana", hashlib.sha256(b"hq_x").digest(), ["read"], actor="maria")
    async with (
        aiohttp.ClientSession(site.url, headers={"Authorization": "Bearer hq_x"}) as http,
        http.get("/v1/stream") as answer,
    ):
        yield answer


async def test_a_stream_ends_for_who_may_read_no_more(site: Site, clock: FakeClock) -> None:
    """A dashboard's token was stolen and taken away; the thief's stream is open and goes on watching the stores."""
    await site.store("soho")
    async with the_stream(site) as answer:
        while not (await answer.content.readline()).startswith(b"data:"):
            pass
        async with site.services.pool.connection() as db:
            await tokens.revoke(db, 0, "grafana", actor="maria")
        while not answer.content.is_eof():
            await clock.advance(1.0)
            await asyncio.sleep(0.01)


async def test_a_stream_has_what_was_written_after_it_looked_though_it_came_before(
    site: Site, clock: FakeClock
) -> None:
    """What stores say is written in lots, a second later: a dashboard that looked in between never saw that the line was down."""
    await site.store("soho")
    async with the_stream(site) as answer:
        seen: list[str] = []

        async def read() -> None:
            async for line in answer.content:
                if line.startswith(b"data:"):
                    seen.append(msgspec.json.decode(line[5:])["health"]["uplink"])

        reading = asyncio.create_task(read())
        await comes(clock, lambda: bool(seen))
        pulse, at = Pulse(site.services.now), clock.now()
        word = Health(at=at, clock_trusted=True, release="1.0", uplink="down", epoch="e1", seq=0, hash="")
        pulse.hear("health.soho", pack(word))
        await passes(clock)
        async with site.services.pool.connection() as db:
            await pulse.write(db)
        await comes(clock, lambda: len(seen) > 1)
        await passes(clock)
        reading.cancel()
    assert seen == ["up", "down"], "each once"


async def passes(clock: FakeClock, turns: int = 3) -> None:
    """Seconds, in which something might come."""
    for _ in range(turns):
        await clock.advance(1.0)
        await asyncio.sleep(0.1)


async def comes(clock: FakeClock, is_so: Callable[[], bool]) -> None:
    """Seconds, until it is so."""

    async def so() -> bool:
        await clock.advance(1.0)
        return is_so()

    await until(so, seconds=10, every=0.1)


async def test_a_shop_that_was_closed_rings_no_alarm_for_ever(site: Site, clock: FakeClock) -> None:
    """One store was revoked while it was silent, refused its texts and lacked entries; another came here without entries that it keeps no more."""
    await site.store("camden", bundle_problem="all/1: broken")
    for store, why in (("camden", "missing"), ("soho", "not kept at the store"), ("lyon", "missing")):
        await site.sql(
            "INSERT INTO gap (store, epoch, from_seq, to_seq, why, seen_at) VALUES (%s, 'e1', 1, 9, %s, %s)",
            store, why, site.services.now(),
        )  # fmt: skip
    await site.sql("UPDATE store SET revoked_at = %s WHERE name = 'camden'", site.services.now())
    await site.store("lyon", bundle_problem="all/1: broken")
    clock.step(601)
    await site.store("soho")
    async with site.services.pool.connection() as db:
        await tokens.add(db, 0, "prometheus", hashlib.sha256(b"hq_x").digest(), ["read"], actor="maria")
    async with (
        aiohttp.ClientSession(site.url, headers={"Authorization": "Bearer hq_x"}) as http,
        http.get("/metrics") as answer,
    ):
        told = dict(line.split() for line in (await answer.text()).splitlines() if not line.startswith("#"))
        async with http.get("/v1/stores") as answer:
            rows = msgspec.json.decode(await answer.read())["items"]
    assert {row["name"]: row["gaps"] for row in rows} == {"camden": 1, "lyon": 1, "soho": 0}
    names = ("stores", "stores_late", "stores_silent", "gaps", "bundle_refused")
    assert [told[f"tether_hq_{name}"] for name in names] == ["2", "0", "1", "1", "1"], "lyon's alone"
    found = await examine(site.services.settings, clock, random.Random())
    summaries = [each.summary for each in found if "or its messages" in each.summary]
    assert summaries == ["lyon: some of its record or its messages is missing, or can't be read"]


async def test_a_store_that_joined_after_the_backup_that_was_restored(site: Site, clock: FakeClock) -> None:
    """Its word comes in by NATS, which knows its key; PostgreSQL knows no key of it, and was told of no group."""
    await site.hear("paris")
    page = await (await site.as_user()).get("/")
    assert "join anew It joined after the backup that was restored here" in page.words
    async with site.services.pool.connection() as db:
        with pytest.raises(Declined, match="tether hq store add paris"):
            await site.services.stores.regroup(db, "paris", Groups(region="france"), by="maria")
        with pytest.raises(Declined, match="tether hq store add paris"):
            await give(db, site.services.now(), "paris", "doctor", by="maria", lasting=timedelta(minutes=5))
    assert await site.sql("SELECT grp FROM store") == [("",)]
    found = await examine(site.services.settings, clock, random.Random())
    assert [each.level for each in found if "tether hq store add paris" in each.summary] == ["problem"]


async def test_who_has_all_computed_anew_again_and_again_keeps_nobody_out(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script asks for the whole archive, gives up and asks again; the owner wants to see her stores meanwhile."""
    done = asyncio.Event()

    async def for_long(*_: object) -> Verified:
        await done.wait()
        return Verified(True, 0, None, [])

    monkeypatch.setattr("daemon.hq.answers.verify", for_long)
    async with site.services.pool.connection() as db:
        await tokens.add(db, 0, "script", hashlib.sha256(b"hq_x").digest(), ["read"], actor="maria")
    maria = await site.as_user()
    async with aiohttp.ClientSession(site.url, headers={"Authorization": "Bearer hq_x"}) as http:

        async def ask() -> int:
            async with http.get("/v1/audit/verify") as answer:
                return answer.status

        asking = [asyncio.create_task(ask()) for _ in range(9)]
        for answered in islice(asyncio.as_completed(asking), 8):
            assert await answered == 429
        assert (await maria.get("/")).status == 200
        done.set()
        assert sorted(await asyncio.gather(*asking)) == [200] + [429] * 8
