"""Headquarters puts its claims in force on NATS's servers, some of which may be away."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from daemon.fleet.claim import read_claim
from daemon.fleet.nats_connection import NatsAway, NatsConnection
from daemon.fleet.nkey import KeyPair
from daemon.hq import nats
from daemon.hq.claims import fleet_claim
from daemon.hq.config import ACCOUNT, OPERATOR, SYSTEM, Hq, HqSettings, Nats, Postgres
from tests.support.fake_clock import FakeClock

TAKEN = b'{"data":{"code":200}}'


class Line:
    """The servers that are there take each claim, and the question stays open until all are asked: for one that is away."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.all_told = asyncio.Event()
        self.refuses = ""

    async def ask_all(self, subject: str, body: bytes, *, wait: float, most: int) -> list[bytes]:
        name = read_claim(body.decode()).name
        self.told.append(name)
        if len(self.told) == 2:
            self.all_told.set()
        await self.all_told.wait()
        if name == self.refuses:
            raise NatsAway("the line was lost")
        return [TAKEN] * (most - 1)


def settings() -> HqSettings:
    seeds = {name: KeyPair.make("account").seed for name in (ACCOUNT, SYSTEM)}
    servers = Nats(("tls://1", "tls://2", "tls://3"), Path("ca.pem"))
    return HqSettings(
        Hq("Balloon Loft"), servers, Postgres(""), secrets={**seeds, OPERATOR: KeyPair.make("operator").seed}
    )


async def put_in_force(line: Line) -> None:
    async with asyncio.timeout(5):
        await nats.put_in_force(cast("NatsConnection", line), settings(), FakeClock(), {"U": 1})


async def test_who_is_out_is_told_though_a_server_is_away() -> None:
    """A box was stolen while one of three servers is being updated: its revocation waited five seconds behind a claim that says nothing new."""
    line = Line()
    await put_in_force(line)
    assert sorted(line.told) == ["archive", "fleet"]


@pytest.mark.parametrize("lost", ["archive", "fleet"])
async def test_a_claim_that_nobody_took_is_not_in_force(lost: str) -> None:
    line = Line()
    line.refuses = lost
    with pytest.raises(NatsAway):
        await put_in_force(line)


@pytest.mark.parametrize("seed", range(6))
async def test_a_server_that_is_off_is_waited_for_last(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """A box was stolen while one of three servers is off: each of three connections waited ten seconds for it where it came first."""
    waited: list[float] = []

    @asynccontextmanager
    async def connected(server: str, *_: object, patience: float = 10.0) -> AsyncIterator[Line]:
        if server == "tls://1":
            waited.append(patience)
            raise NatsAway("no answer in time")
        yield Line()

    monkeypatch.setattr(nats, "connected", connected)
    monkeypatch.setattr(nats, "pinned", lambda ca: None)
    async with nats.as_system(settings(), FakeClock(), random.Random(seed)):
        assert sum(waited) < 3


async def test_what_any_server_keeps_out_is_kept_out() -> None:
    """One that just came back has an older claim; headquarters' archive is an older copy, and knows of neither."""
    made = settings()
    operator, account = made.key(OPERATOR, "operator"), made.key(ACCOUNT, "account").public
    held = [
        fleet_claim(operator, account, made.archive_key.public, at=at, revoked=revoked).encode()
        for at, revoked in ((5, {}), (9, {"USTOLEN": 8}), (7, {"UOLD": 1}))
    ]

    class Servers:
        async def ask_all(self, subject: str, body: bytes, *, wait: float, most: int) -> list[bytes]:
            return held[:most]

    found = await nats.claims_in_force(cast("NatsConnection", Servers()), made)
    assert {key for claim in found for key in claim.revoked} == {"USTOLEN", "UOLD"}
    assert max(claim.iat for claim in found) == 9
