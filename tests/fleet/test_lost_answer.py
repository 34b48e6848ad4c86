"""A box joins, and headquarters' answer is late or lost on its way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.web_protocol import RequestHandler
from typer.testing import CliRunner

from daemon.cli.fleet import fleet as app
from daemon.fleet import join as join_module
from daemon.fleet.join import Joined
from daemon.fleet.join_code import SECRET_BYTES, Code, JoinRefused, Welcome, make_code
from daemon.fleet.nkey import KeyPair
from daemon.hq.authority import make_authority
from daemon.hq.config import ACCOUNT, CONSENT, Hq, HqSettings, Nats, Postgres
from daemon.hq.stores import Stores
from tests.fleet.test_join import wish_of
from tests.support.fake_clock import FakeClock
from tests.support.hq_page import CONSENT_KEY, Site, page_site


def test_the_same_code_is_good_for_the_same_box_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code was used up, the box threw its key away, and the store's old box was out as well."""
    config = tmp_path / "tether.toml"
    config.write_text('[store]\nname = "Loft"\n')
    (tmp_path / ".env").write_text('FLEET_SEED="old"\n')
    authority = make_authority("x", datetime.now(UTC)).certificate.decode()
    code = make_code("https://hq.example:8788", authority, b"s" * SECRET_BYTES)
    traded: list[str] = []

    async def trade(given: Code, key: KeyPair) -> Joined:
        traded.append(key.seed)
        if len(traded) == 1:
            raise JoinRefused("headquarters did not answer")
        return Joined(Welcome("soho", ("tls://hq1.example:443",), "PEM", "CLAIM"), key, {})

    monkeypatch.setattr(join_module, "join", trade)
    words = ["join", str(code), "--config", str(config)]
    assert CliRunner().invoke(app, words).exit_code == 1
    env = (tmp_path / ".env").read_text()
    assert 'FLEET_SEED="old"' in env, "until it is traded the box is whom it was"
    assert CliRunner().invoke(app, words).exit_code == 0
    assert traded[0] == traded[1]
    env = (tmp_path / ".env").read_text()
    assert f'FLEET_SEED="{traded[0]}"' in env
    assert "NEXT" not in env
    assert CliRunner().invoke(app, words).exit_code == 0
    assert traded[2] != traded[1]


def test_another_code_is_traded_with_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer was lost, and headquarters revoked what it took for joined: with the key that was revoked the box joined once more, and when it
    was stolen and off, headquarters would not revoke it."""
    config = tmp_path / "tether.toml"
    config.write_text('[store]\nname = "Loft"\n')
    authority = make_authority("x", datetime.now(UTC)).certificate.decode()
    traded: list[str] = []

    async def trade(given: Code, key: KeyPair) -> Joined:
        traded.append(key.seed)
        raise JoinRefused("headquarters did not answer")

    monkeypatch.setattr(join_module, "join", trade)
    for secret in (b"s", b"t", b"t"):
        code = make_code("https://hq.example:8788", authority, secret * SECRET_BYTES)
        assert CliRunner().invoke(app, ["join", str(code), "--config", str(config)]).exit_code == 1
    assert traded[0] != traded[1] == traded[2]


def test_a_key_that_was_damaged_in_its_file_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "tether.toml"
    config.write_text('[store]\nname = "Loft"\n')
    authority = make_authority("x", datetime.now(UTC)).certificate.decode()
    code = make_code("https://hq.example:8788", authority, b"s" * SECRET_BYTES)
    traded: list[str] = []

    async def trade(given: Code, key: KeyPair) -> Joined:
        traded.append(key.seed)
        raise JoinRefused("headquarters did not answer")

    monkeypatch.setattr(join_module, "join", trade)
    words = ["join", str(code), "--config", str(config)]
    CliRunner().invoke(app, words)
    env = tmp_path / ".env"
    env.write_text(env.read_text().replace(traded[0], traded[0][:-1]))
    refused = CliRunner().invoke(app, words)
    assert str(refused.exception) == "headquarters did not answer"
    assert traded[1] != traded[0]


@asynccontextmanager
async def office(database: str, folder: Path) -> AsyncIterator[Site]:
    (folder / "ca.pem").write_bytes(make_authority("x", datetime.now(UTC)).certificate)
    settings = HqSettings(
        hq=Hq("Balloon Loft", public_url="https://hq.example:8788"),
        nats=Nats(("tls://127.0.0.1:1",), folder / "ca.pem"),
        postgres=Postgres(database),
        secrets={ACCOUNT: KeyPair.make("account").seed, CONSENT: CONSENT_KEY},
    )
    async with asyncio.timeout(40), page_site(database, folder, FakeClock(), settings=settings) as site:
        yield site


async def request_of(site: Site, name: str) -> bytes:
    async with site.services.pool.connection() as db:
        code = Code.read(await site.services.stores.offer(db, name))
    wish = msgspec.json.encode(wish_of(code, KeyPair.make("user")))
    return f"POST /v1/join HTTP/1.1\r\nHost: x\r\nContent-Length: {len(wish)}\r\n\r\n".encode() + wish


@asynccontextmanager
async def joining(database: str, folder: Path) -> AsyncIterator[tuple[int, bytes]]:
    """Headquarters' port, and the request of a box that takes the place of another."""
    async with office(database, folder) as site:
        await site.sql("INSERT INTO revoked (key, store, at) VALUES ('UOLD', 'soho', now())")
        yield port_of(site), await request_of(site, "soho")


def port_of(site: Site) -> int:
    return int(site.url.rpartition(":")[2])


async def answer_of(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length: ")[2].split()[0])
    return head.split()[1], await reader.readexactly(size)


@pytest.mark.engines
async def test_a_box_has_its_answer_before_every_server_of_nats_knows_of_it(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them is off; a box waits no longer than a person does."""
    may, enforced = asyncio.Event(), asyncio.Event()

    async def enforce(*_: object) -> None:
        await may.wait()
        enforced.set()

    monkeypatch.setattr(Stores, "enforce", enforce)
    async with joining(database, tmp_path) as (port, request):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        status, body = await answer_of(reader)
        assert status == b"200", body
        assert msgspec.json.decode(body, type=Welcome).store == "soho"
        assert not enforced.is_set()
        may.set()
        await enforced.wait()
        writer.close()


@pytest.mark.engines
async def test_the_key_before_is_out_also_where_nobody_waits_for_the_answer(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line broke while headquarters changed keys: the old box was let in until the archive's next line."""
    lost, enforced = asyncio.Event(), asyncio.Event()
    welcome, gone = Stores.welcome, RequestHandler.connection_lost

    async def leave(*asked: Any) -> Welcome:
        writer.transport.abort()
        await lost.wait()
        return await welcome(*asked)

    def connection_lost(handler: RequestHandler, why: BaseException | None) -> None:
        gone(handler, why)
        lost.set()

    async def enforce(*_: object) -> None:
        enforced.set()

    monkeypatch.setattr(Stores, "welcome", leave)
    monkeypatch.setattr(Stores, "enforce", enforce)
    monkeypatch.setattr(RequestHandler, "connection_lost", connection_lost)
    async with joining(database, tmp_path) as (port, request):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        await enforced.wait()


@pytest.mark.engines
@pytest.mark.parametrize("anew", [False, True], ids=["new stores", "new cards of old ones"])
async def test_many_boxes_that_join_at_once_wait_for_no_server_of_nats(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anew: bool
) -> None:
    """One of them is off, and a chain opens its stores: each box held a line to PostgreSQL until that server was given up, and there was none for
    the ninth, nor for the page."""
    begun: list[None] = []

    async def enforce(*_: object) -> None:
        begun.append(None)
        await asyncio.Event().wait()

    monkeypatch.setattr(Stores, "enforce", enforce)
    async with office(database, tmp_path) as site:
        statuses = []
        for n in range(12):
            if anew:
                await site.sql("INSERT INTO revoked (key, store, at) VALUES (%s, %s, now())", f"UOLD{n}", f"store-{n}")
            request = await request_of(site, f"store-{n}")
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(site))
            writer.write(request)
            statuses.append((await answer_of(reader))[0])
            writer.close()
        assert statuses == [b"200"] * 12
        assert len(begun) <= 1, "one tells NATS for all"
