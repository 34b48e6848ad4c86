"""The modem's life against the simulator: set up, sending, hearing, hanging, vanishing."""

from pathlib import Path

import pytest

from daemon.modem.simulator import CHARACTERS
from tests.support.gsm import bench


@pytest.mark.parametrize("kind", ["pty", "tcp"])
@pytest.mark.parametrize("character", CHARACTERS)
async def test_every_family_is_set_up_and_sends(tmp_path: Path, kind: str, character: str) -> None:
    async with bench(tmp_path, kind=kind, character=character) as b:
        await b.ready()
        transmission = await b.send()
        assert transmission.complete
        assert transmission.references == tuple(b.modem.references)
        assert b.modem.texts() == [("+447700900123", "Your balloons are ready")]
        assert b.driver.status.identity.model == CHARACTERS[character].model
