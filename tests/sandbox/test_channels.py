"""Every channel of ours, set up as `sandbox_settings` says, gets its message through to the sandbox: nothing to configure."""

import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from daemon.channels.registry import CHANNELS, build
from daemon.http import Http, open_http
from daemon.sandbox import Sandbox, config_text, sandbox_settings
from daemon.sandbox.callback import CustomerAct
from daemon.sandbox.providers import PROVIDERS
from outbox.clock import SystemClock
from outbox.outcome import Accepted
from tests.support.channel_case import EMAIL, NOW, inbound, outgoing
from tests.support.channel_cases import CASES
from tests.support.stand_in import StandIns

ELSEWHERE = {"apprise", "modem"}
"""What has no stand-in: a hundred services, and a radio."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture
async def box(folder: Path) -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=SystemClock(), rng=Random(3), folder=folder) as box:
        yield box


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with open_http(SystemClock()) as http:
        yield http


@pytest.mark.parametrize("name", sorted(set(CHANNELS) - ELSEWHERE))
async def test_a_message_gets_through(name: str, box: Sandbox, http: Http, folder: Path) -> None:
    tables, secrets = sandbox_settings(box.url, box.smtp_port, folder)
    channel = build(name, tables[name], secrets, http)
    to = CASES[name].out if name in CASES else {"to": EMAIL}
    outcome = await channel.send(outgoing(**{**to, "now": SystemClock().now()}))
    await channel.close()
    assert isinstance(outcome, Accepted), outcome
    arrived = [arrival for arrival in box.messages if arrival.provider == name]
    assert arrived
    assert all(arrival.text or arrival.html or arrival.data for arrival in arrived)


@pytest.mark.parametrize("name", sorted(set(CHANNELS) - ELSEWHERE - {"activecampaign", "webhook"}))
async def test_credentials_are_proved_by_a_harmless_call(name: str, box: Sandbox, http: Http, folder: Path) -> None:
    tables, secrets = sandbox_settings(box.url, box.smtp_port, folder)
    channel = build(name, tables[name], secrets, http)
    health = await channel.check()
    await channel.close()
    assert health.ok, health
    assert not box.messages


@pytest.mark.parametrize("name", [name for name, kind in PROVIDERS.items() if "writes" in kind.tells])
async def test_what_its_customers_write_is_understood(name: str, http: Http, folder: Path) -> None:
    """The stand-in signs as the vendor does, and the channel reads it: neither knows the other."""
    tables, secrets = sandbox_settings("http://127.0.0.1:9100", 9125, folder)
    channel = build(name, tables[name], secrets, http)
    url = f"http://127.0.0.1:8787/v1/receipts/{name}"
    word = CustomerAct(customer=CASES[name].outgoing().to, to="+15005550006", text="Merci", at=NOW)
    callback = StandIns().providers[name].callback(word, url)
    [reply] = channel.receive(inbound(callback.body, callback.headers, url=url)).replies
    await channel.close()
    assert (reply.address, reply.text) == (word.customer, "Merci")


def test_the_text_to_paste_says_the_same(folder: Path) -> None:
    tables, secrets = sandbox_settings("http://127.0.0.1:9100", 9125, folder)
    toml, _, env = config_text("http://127.0.0.1:9100", 9125, folder).partition("\n# .env\n")
    pasted: dict[str, Any] = tomllib.loads(toml)
    assert pasted["channels"] == tables
    assert dict(line.split("=", 1) for line in env.strip().splitlines()) == secrets


def test_the_service_accounts_key_is_made_once_and_private(folder: Path) -> None:
    first = sandbox_settings("http://x", 1, folder)[1]["GOOGLE_APPLICATION_CREDENTIALS"]
    before = Path(first).read_bytes()
    assert sandbox_settings("http://x", 1, folder)[1]["GOOGLE_APPLICATION_CREDENTIALS"] == first
    assert Path(first).read_bytes() == before
    assert Path(first).stat().st_mode & 0o077 == 0
