"""A slip in `.env` or tether.toml, by which a channel can't be used for a while."""

from typing import Any

import pytest

from daemon.channels.base import Channel, Misconfigured
from outbox.model import State
from tests.support import scripted
from tests.support.heart import Heart
from tests.support.scripted import Providers


async def test_receipts_are_asked_for_once_a_channel_is_mended(heart: Heart, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip in `.env`, noticed a moment later: what had left meanwhile is no matter of the slip."""

    usual = scripted.build

    def lacking(providers: Providers, name: str, table: Any) -> Channel:
        if name == "twilio":
            raise Misconfigured("TWILIO_AUTH_TOKEN is missing")
        return usual(providers, name, table)

    await heart.tell("e1")
    with monkeypatch.context() as slip:
        slip.setattr(scripted, "build", lacking)
        await heart.reload(heart.settings)
        await heart.pass_time(60)
    await heart.reload(heart.settings)
    await heart.pass_time(900)
    assert await heart.states() == [State.DELIVERED]
