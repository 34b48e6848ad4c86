"""Tokens work the moment they are made and not after they are revoked; notes are kept."""

from pathlib import Path

import pytest

from outbox.errors import IllegalMove, NotFound
from tests.support.outbox_box import open_box


async def test_a_token_is_known_by_its_secret_alone(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        secret = await box.tokens.create("till", ["events", "read"], actor="owner")
        found = box.tokens.find(secret)
        assert found is not None
        assert (found.name, found.scopes) == ("till", frozenset({"events", "read"}))
        assert box.tokens.find(secret + "x") is None
        with pytest.raises(IllegalMove, match="till"):
            await box.tokens.create("till", [])
    assert secret.encode() not in (tmp_path / "tether.db").read_bytes()
    async with open_box(tmp_path) as box:
        assert box.tokens.find(secret) == found
        await box.tokens.create("another", [])
        assert [token.name for token in await box.tokens.list()] == ["another", "till"]
        await box.tokens.revoke("till", actor="owner")
        assert box.tokens.find(secret) is None
        with pytest.raises(NotFound):
            await box.tokens.revoke("till")
    async with open_box(tmp_path) as box:
        assert box.tokens.find(secret) is None


async def test_notes_are_kept(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        assert await box.notes.get("channel.twilio.paused") is None
        await box.notes.set("channel.twilio.paused", "by Mia")
        await box.notes.set("channel.twilio.paused", "")
        await box.notes.set("cursor_x", "1")
    async with open_box(tmp_path) as box:
        assert await box.notes.get("channel.twilio.paused") == ""
        assert await box.notes.all("cursor_") == {"cursor_x": "1"}
