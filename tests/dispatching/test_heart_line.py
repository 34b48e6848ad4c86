"""What counts as the line, and what an outage may cost."""

from pathlib import Path

import pytest

from tests.support.heart import Heart
from tests.support.scripted import Providers, Webhook


async def test_a_system_in_the_shop_itself_says_nothing_of_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers on the LAN all the while: the line was never down, no text went by the modem, and all tries were used up."""
    till = ("192.168.1.20", 8080)

    async def connect(self: Providers, host: str, port: int, timeout: float) -> bool:
        return (host, port) == till or not self.line_is_cut

    monkeypatch.setattr(Providers, "connect", connect)
    monkeypatch.setattr(Webhook, "hosts", lambda self: [till])
    monkeypatch.setattr(Webhook, "send", lambda self, out: self._providers.take("webhook", out, is_cloud=False))
    async with Heart(tmp_path) as heart:
        heart.providers.line_is_cut = True
        await heart.tell("before", "return.received", "B-8")
        await heart.tell("e1")
        await heart.pass_time(70)
        assert heart.engine.uplink.is_down
        assert heart.providers.texts("modem") == ["order.ready"]
        await heart.tell("meanwhile", "return.received", "B-9")
        assert heart.providers.texts("webhook") == ["return.received"] * 2
        heart.providers.line_is_cut = False
        await heart.pass_time(10)
        assert not heart.engine.uplink.is_down
