"""A canary of which headquarters heard nothing for a while, because it was away itself."""

import random
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from daemon.hq.config import Publish
from daemon.hq.database import opened
from daemon.hq.rollouts import Rollouts
from tests.fleet.test_bundle_format import KEY
from tests.fleet.test_publishing import HALF_AN_HOUR, Press
from tests.support.fleet_world import World


@pytest.mark.engines
async def test_it_is_decided_once_headquarters_knows_what_came_of_it(fleet: World, tmp_path: Path) -> None:
    """It is upgraded, or PostgreSQL is away, for an hour; what it has then of the store and its messages is from before."""
    key = tmp_path / "publish.key"
    key.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    fleet.settings = msgspec.structs.replace(fleet.settings, publish=Publish(key), file=tmp_path / "hq.toml")
    async with opened(fleet.settings.postgres.dsn) as db:
        press = Press(fleet, db)
        await press.store("soho", canary=True)
        await press.publish(canary=HALF_AN_HOUR)
        await press.clock.advance(60)
        await press.heard("soho", "canary/1")
        await press.messages("soho", "queued", 5)
        await press.clock.advance(3600)
        again = Rollouts(fleet.settings, press.clock, random.Random(1))
        await again.decide(db)
        assert (await press.canary())[0] == "canary"
        await fleet.sql("UPDATE message SET state = 'delivered'")
        for seconds, state in ((300, "canary"), (601, "passed")):
            await press.clock.advance(seconds)
            await press.heard("soho", "canary/1")
            await again.decide(db)
            assert (await press.canary())[0] == state
