"""A box joins, and headquarters' answer is late or lost on its way."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import msgspec
import pytest
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
from tests.support.hq_page import CONSENT_KEY, page_site


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
    clock = FakeClock()
    (tmp_path / "ca.pem").write_bytes(make_authority("x", datetime.now(UTC)).certificate)
    settings = HqSettings(
        hq=Hq("Balloon Loft", public_url="https://hq.example:8788"),
        nats=Nats(("tls://127.0.0.1:1",), tmp_path / "ca.pem"),
        postgres=Postgres(database),
        secrets={ACCOUNT: KeyPair.make("account").seed, CONSENT: CONSENT_KEY},
    )
    async with page_site(database, tmp_path, clock, settings=settings) as site:
        async with site.services.pool.connection() as db:
            code = Code.read(await site.services.stores.offer(db, "soho"))
        wish = msgspec.json.encode(wish_of(code, KeyPair.make("user")))
        async with (
            asyncio.timeout(20),
            aiohttp.ClientSession() as http,
            http.post(f"{site.url}/v1/join", data=wish) as answer,
        ):
            assert answer.status == 200, await answer.text()
            assert msgspec.json.decode(await answer.read(), type=Welcome).store == "soho"
            assert not enforced.is_set()
        may.set()
        await asyncio.wait_for(enforced.wait(), 20)
