"""Headquarters puts its claims in force on NATS's servers, some of which may be away."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daemon.fleet.claim import read_claim
from daemon.fleet.nats_connection import NatsAway
from daemon.fleet.nkey import KeyPair
from daemon.hq import nats
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


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    made = Line()

    @asynccontextmanager
    async def as_system(*_: object) -> AsyncIterator[Line]:
        yield made

    monkeypatch.setattr(nats, "as_system", as_system)
    return made


def settings() -> HqSettings:
    seeds = {name: KeyPair.make("account").seed for name in (ACCOUNT, SYSTEM)}
    servers = Nats(("tls://1", "tls://2", "tls://3"), Path("ca.pem"))
    return HqSettings(
        Hq("Balloon Loft"), servers, Postgres(""), secrets={**seeds, OPERATOR: KeyPair.make("operator").seed}
    )


async def put_in_force() -> None:
    async with asyncio.timeout(5):
        await nats.put_in_force(settings(), FakeClock(), random.Random(), {"U": 1})


async def test_who_is_out_is_told_though_a_server_is_away(line: Line) -> None:
    """A box was stolen while one of three servers is being updated: its revocation waited five seconds behind a claim that says nothing new."""
    await put_in_force()
    assert sorted(line.told) == ["archive", "fleet"]


@pytest.mark.parametrize("lost", ["archive", "fleet"])
async def test_a_claim_that_nobody_took_is_not_in_force(line: Line, lost: str) -> None:
    line.refuses = lost
    with pytest.raises(NatsAway):
        await put_in_force()
