"""Headquarters puts its claims in force on NATS's servers, some of which may be away."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import msgspec
import pytest

from daemon.fleet.claim import read_claim
from daemon.fleet.nats_connection import NatsAway, NatsConnection
from daemon.fleet.nkey import KeyPair
from daemon.hq import nats
from daemon.hq.claims import EVERYTHING, fleet_claim, user_claim
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


class Slow:
    """Servers, each with its answer and after how many seconds that comes."""

    def __init__(self, answers: Mapping[bytes, float]) -> None:
        self._answers = answers
        self.waited = 0.0

    async def ask_all(self, subject: str, body: bytes, *, wait: float, most: int) -> list[bytes]:
        came = [answer for answer, seconds in self._answers.items() if seconds <= wait]
        self.waited += wait if len(came) < most else max(self._answers.values())
        return came


def connected_to(made: HqSettings, *names: str) -> bytes:
    """What a server says that has these stores: each with its own name for a key."""
    claims = [user_claim(made.key(ACCOUNT, "account"), f"U{name}", name, EVERYTHING, at=7) for name in names]
    return msgspec.json.encode({"data": {"connections": [{"jwt": claim} for claim in claims]}})


async def test_the_key_of_a_stolen_box_is_found_though_its_server_is_busy() -> None:
    """Headquarters' database is older than the joining: "try again while it is connected" was what the owner read while it was."""
    made = settings()
    there = {connected_to(made): 0.1, connected_to(made, "camden"): 0.1, connected_to(made, "soho"): 1.5}
    line = cast("NatsConnection", Slow(there))
    assert await nats.keys_that_come_as(line, "soho", made) == {"Usoho": 7}


async def test_a_key_that_is_found_is_out_before_a_server_that_is_off_is_given_up() -> None:
    made = settings()
    servers = Slow({connected_to(made, "soho"): 0.1, connected_to(made): 0.1})
    assert await nats.keys_that_come_as(cast("NatsConnection", servers), "soho", made) == {"Usoho": 7}
    assert servers.waited == nats.LOOKUP_SECONDS


async def test_what_a_busy_server_keeps_out_is_kept_out_where_no_other_says_more() -> None:
    """A fleet of one server, and an older copy of the archive: a stolen box was let in again by the next revocation."""
    made = settings()
    operator, account = made.key(OPERATOR, "operator"), made.key(ACCOUNT, "account").public
    held = fleet_claim(operator, account, made.archive_key.public, at=9, revoked={"USTOLEN": 8}).encode()
    (claim,) = await nats.claims_in_force(cast("NatsConnection", Slow({held: 1.5})), made)
    assert set(claim.revoked) == {"USTOLEN"}
    with pytest.raises(NatsAway, match="no server of NATS said"):
        await nats.claims_in_force(cast("NatsConnection", Slow({})), made)


async def test_a_busy_server_is_among_those_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor said that it did not answer, and headquarters that none said how it is set up."""

    @asynccontextmanager
    async def connected(server: str, *_: object, **more: object) -> AsyncIterator[Slow]:
        says = {"config": {"sync_always": True}}
        names = (("hq1", 0.1), ("hq2", 1.5), ("hq3", 0.1))
        yield Slow({msgspec.json.encode({"server": {"name": name}, "data": says}): after for name, after in names})

    monkeypatch.setattr(nats, "connected", connected)
    monkeypatch.setattr(nats, "pinned", lambda ca: None)
    assert await nats.check_servers(settings(), FakeClock(), random.Random(1)) == ["hq1", "hq2", "hq3"]
