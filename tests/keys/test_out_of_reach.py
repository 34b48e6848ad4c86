"""Words that stand where the asking user may not read them are no reason to make new ones: those would open nothing of the box's."""

import os
import random
from pathlib import Path

import pytest

from daemon.config import Backup, ConfigError, Settings, load
from daemon.keys.box_key import BoxKey
from daemon.keys.digests import BoxKeys
from daemon.keys.keyring import WORDS, key_path, keyring
from daemon.planner.identity import StoreIdentities
from daemon.upkeep.backup import back_up_there
from daemon.upkeep.errors import BackupError
from outbox import Outbox
from tests.support import forks
from tests.support.fake_clock import FakeClock


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """A box whose database its own words have locked, as one finds it who can't see the words."""
    (tmp_path / "tether.toml").write_text('[backup]\nto = "kept"\n')
    settings = load(tmp_path / "tether.toml", environ={WORDS: BoxKey.new().words})
    async with Outbox.open(
        settings.database,
        clock=FakeClock(),
        rng=random.Random(1),
        keys=BoxKeys(settings),
        identities=StoreIdentities(settings.store.country),
        reserve=0,
    ):
        pass
    return load(tmp_path / "tether.toml", environ={})


@pytest.mark.parametrize("verb", ["words", "public"])
def test_no_words_are_shown_that_open_nothing(settings: Settings, verb: str) -> None:
    """They were shown with the advice to put them into .env, over the right ones."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("TETHER")}
    done = forks.run(("key", verb), cwd=settings.folder, env=environ)
    assert done.returncode == 78
    assert done.stdout == ""
    assert "the box's twelve words, which open tether.db, are not there" in done.stderr
    assert not key_path(settings).exists()


async def test_no_backup_is_sealed_for_words_that_open_nothing(settings: Settings) -> None:
    """It was reported as made, and good ones went in its place."""
    assert settings.backup == Backup(to="kept")
    with pytest.raises(BackupError, match="without its key nothing can be sealed: the box's twelve words"):
        await back_up_there(settings, FakeClock())
    assert not key_path(settings).exists()
    assert not list((settings.folder / "kept").iterdir())


def test_no_key_is_made_while_another_user_s_env_may_hold_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = tmp_path / ".env"
    env.write_text(f"{WORDS}='{BoxKey.new().words}'\n")
    (tmp_path / "tether.toml").touch()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, *more: path != env and access(path, *more))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    settings = load(tmp_path / "tether.toml", environ={})
    with pytest.raises(ConfigError, match=r"\.env, where the box's words may stand, can't be read by this user"):
        keyring(settings)
    assert not key_path(settings).exists()
