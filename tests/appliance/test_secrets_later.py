"""Secrets that are added after the service was started: systemd handed it those of then, and hands over others at a start only."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from daemon.appliance.machine import Machine, Ran
from daemon.appliance.unit import HANDED_OVER, hand_over_secrets
from daemon.config import Settings
from daemon.upkeep.errors import InstallError


class Box(Machine):
    """Files under a folder, and a systemd that keeps what it was told."""

    def __init__(self, root: Path, code: int = 0) -> None:
        super().__init__(root)
        self.told: list[tuple[str, ...]] = []
        self.code = code

    async def run(
        self, *command: str | Path, seconds: float = 30.0, env: Mapping[str, str] | None = None
    ) -> Ran | None:
        self.told.append(tuple(map(str, command)))
        return Ran(self.code, "no")


def laid_out(root: Path, *, handed: str | None, now: str) -> Settings:
    etc = root / "etc" / "tether"
    etc.mkdir(parents=True)
    (etc / ".env").write_text(now)
    if handed is not None:
        place = root / HANDED_OVER.lstrip("/")
        place.parent.mkdir(parents=True)
        place.write_text(handed)
    return Settings(file=etc / "tether.toml")


async def test_changed_secrets_are_handed_over_by_a_start(tmp_path: Path) -> None:
    box = Box(tmp_path)
    assert await hand_over_secrets(box, laid_out(tmp_path, handed="A=1\n", now="A=1\nB=2\n"))
    assert box.told == [("systemctl", "restart", "tether.service")]


@pytest.mark.parametrize("handed", ["A=1\n", None], ids=["the same", "not under systemd"])
async def test_where_nothing_changed_nothing_is_started_anew(tmp_path: Path, handed: str | None) -> None:
    box = Box(tmp_path)
    assert not await hand_over_secrets(box, laid_out(tmp_path, handed=handed, now="A=1\n"))
    assert box.told == []


async def test_another_store_s_reload_leaves_the_unit_alone(tmp_path: Path) -> None:
    box = Box(tmp_path)
    laid_out(tmp_path, handed="A=1\n", now="B=2\n")
    assert not await hand_over_secrets(box, Settings(file=tmp_path / "tether.toml"))
    assert box.told == []


async def test_a_start_that_fails_says_so(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="the secrets changed, and"):
        await hand_over_secrets(Box(tmp_path, code=1), laid_out(tmp_path, handed="A=1\n", now="B=2\n"))
