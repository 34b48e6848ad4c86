"""Somebody outside counts on what is not there: a secret that was never filled in, a signature that nobody set up, a peer that is not
named. Absence is never permission.
"""

import hmac
import inspect
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from daemon.api.plumbing.connection import connection_of
from daemon.api.plumbing.gate import SocketGate
from daemon.api.plumbing.guards import Guards
from daemon.api.plumbing.peers import Peer, Peers
from daemon.api.plumbing.services import Services
from daemon.api.schema.problem import Problem
from daemon.config import load
from daemon.intake.base import HookRefused
from tests.support.small_store import open_store
from tests.support.sources import NOW, AHook, source_of

BODY = b'{"id": "1", "type": "order.ready", "order": {"ref": "B-1"}}'
MAPPING = {"id": "id", "type": "type", "order": {"ref": "order.ref"}}
STAMP = str(NOW // 1000)


def signed(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def standard(key: bytes) -> dict[str, str]:
    mac = b64encode(signed(key, b"m1." + STAMP.encode() + b"." + BODY)).decode()
    return {"webhook-id": "m1", "webhook-timestamp": STAMP, "webhook-signature": f"v1,{mac}"}


def stripe(key: bytes) -> dict[str, str]:
    return {"stripe-signature": f"t={STAMP},v1={signed(key, STAMP.encode() + b'.' + BODY).hex()}"}


def plain(key: bytes) -> dict[str, str]:
    return {"x-signature": signed(key, BODY).hex()}


@pytest.mark.parametrize(
    ("signature", "headers"),
    [
        ({"kind": "standard"}, standard(b"")),
        ({"kind": "stripe"}, stripe(b"whsec_")),
        ({"kind": "hmac", "header": "X-Signature"}, plain(b"whsec_")),
    ],
    ids=["standard", "stripe", "hmac"],
)
def test_a_secret_that_is_only_its_prefix_is_none(signature: dict[str, Any], headers: dict[str, str]) -> None:
    """Who never filled in what comes after `whsec_` has given everybody the key."""
    source = source_of("mapped", {"WEBSHOP_WEBHOOK_SECRET": "whsec_"}, **MAPPING, signature=signature)
    with pytest.raises(HookRefused, match="empty"):
        source.verify(AHook(body=BODY, headers=headers))


@pytest.mark.parametrize("value", ["", " ", "\t", "\n  "], ids=repr)
def test_a_secret_of_nothing_but_space_is_none(tmp_path: Path, value: str) -> None:
    """In the environment, in `.env` and in systemd's credentials: one that an older place sets stays in force."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "SLACK_SIGNING_SECRET").write_text(value)
    (credentials / "TWILIO_AUTH_TOKEN").write_text(value)
    (tmp_path / "tether.toml").write_text("")
    (tmp_path / ".env").write_text(f'VONAGE_SIGNATURE_SECRET="{value}"\nTWILIO_AUTH_TOKEN=known\n')
    environ = {"CREDENTIALS_DIRECTORY": str(credentials), "TETHER_WEBHOOK_SECRET": value}
    secrets = load(tmp_path / "tether.toml", environ).secrets
    assert {"SLACK_SIGNING_SECRET", "VONAGE_SIGNATURE_SECRET", "TETHER_WEBHOOK_SECRET"}.isdisjoint(secrets)
    assert secrets["TWILIO_AUTH_TOKEN"] == "known"


async def test_a_webhook_without_a_signature_set_up_is_taken_from_nobody() -> None:
    source = source_of("mapped", **MAPPING)
    with pytest.raises(HookRefused, match="not guarded"):
        source.verify(AHook(body=BODY))


def test_what_decides_on_trust_has_no_default() -> None:
    """Whether the clock is right, and whether events can be taken: who makes the services must say."""
    required = {
        name
        for name, parameter in inspect.signature(Services).parameters.items()
        if parameter.default is parameter.empty
    }
    assert {"clock_trusted", "box", "engine", "reload", "seen"} <= required


async def test_a_socket_whose_peer_is_not_named_lets_nobody_in(tmp_path: Path) -> None:
    """As on a system that doesn't say who is at the other end."""

    class Nameless(Peers):
        def of(self, connection: Any) -> Peer:
            raise OSError(95, "Operation not supported")

    async with open_store() as store:
        gate = SocketGate(store.services, Guards(store.clock), Nameless({}, owner=0))
        request: Any = type("Asked", (), {"headers": {}, "path": "/v1/orders"})()
        connection: Any = type("Made", (), {"peer": None})()
        with pytest.raises(Problem) as refused:
            gate.identify(request, connection)
    assert refused.value.status == 401


def test_a_request_of_no_connection_of_ours_is_nobodys() -> None:
    for protocol in (None, object()):
        request: Any = type("Asked", (), {"protocol": protocol})()
        with pytest.raises(ConnectionError):
            connection_of(request)
