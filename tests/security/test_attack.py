"""A minute of everything in the catalogue (tests/security/attack), as `make attack` does it for an hour: nobody gets what they want, and the
shop does not notice.
"""

from pathlib import Path

import pytest

from tests.security.attack.campaign import campaign
from tests.security.attack.catalogue import CATALOGUE


@pytest.mark.slow
async def test_a_minute_of_attacks(tmp_path: Path) -> None:
    verdict = await campaign(tmp_path, seconds=60.0, seed=12)
    assert not verdict.broken, verdict.words
    assert set(verdict.bursts) == {entry.name for entry in CATALOGUE}
    assert verdict.taken["till"] > 15
    assert verdict.taken["provider"] > 5


def test_every_attack_says_who_wants_what() -> None:
    for entry in CATALOGUE:
        assert len(entry.run.__doc__ or "") > 30, entry.name
