"""Amazon SES as an independent stand-in of AWS understands it (moto), over HTTP and with signed requests."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from daemon.channels._sigv4 import Keys, sign
from daemon.channels.registry import build
from daemon.http import Response, json_request, open_http
from outbox.clock import SystemClock
from outbox.model import Rendered
from outbox.outcome import Accepted, Rejected
from tests.support.channel_case import EMAIL, outgoing

SECRETS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    moto = pytest.importorskip("moto.server", reason="moto is not installed: pip install moto flask flask-cors")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def stored() -> list[Any]:
    from moto.backends import get_backend

    return list(get_backend("ses")["123456789012"]["eu-west-1"].sent_messages)


async def test_a_mail_reaches_the_stand_in(endpoint: str) -> None:
    clock = SystemClock()
    async with open_http(clock) as http:
        table = {"region": "eu-west-1", "from": "Balloon Loft <orders@example.com>", "base_url": endpoint}
        channel = build("ses", table, SECRETS, http)
        out = outgoing(to=EMAIL, now=clock.now(), rendered=Rendered("Prêt 🎈", "Commande prête 🎈", "<p>Prêt</p>"))
        refused = await channel.send(out)
        assert isinstance(refused, Rejected), "an identity that is not verified may not send"
        assert refused.scope == "channel"
        keys = Keys(*SECRETS.values(), "", "eu-west-1", "ses")
        make = sign(
            json_request("POST", "/v2/email/identities", {"EmailIdentity": "orders@example.com"}),
            endpoint,
            keys,
            clock.now(),
        )
        made = await http.exchange(endpoint, make, 10)
        assert isinstance(made, Response), made
        assert made.ok, made.body
        outcome = await channel.send(out)
        assert isinstance(outcome, Accepted), outcome
        assert (await channel.check()).summary
    mail = stored()[-1]
    assert mail.id == outcome.provider_id
    assert "orders@example.com" in mail.source
    assert EMAIL in json.dumps(mail.destinations)
    assert mail.subject == "Commande prête 🎈"
