"""Secrets that are added after the service was started: systemd handed it those of then, and hands over others at a start only."""

import random
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.appliance import unit
from daemon.appliance.machine import Machine, Ran
from daemon.appliance.unit import HANDED_OVER, Secrets, hand_over_secrets
from daemon.appliance.upgrade import Upgrade
from daemon.cli import status
from daemon.cli.frame import EX_CONFIG, Failure
from daemon.config import ConfigError, Fleet, Settings, load
from daemon.keys.box_key import BoxKey
from daemon.keys.digests import BoxKeys
from daemon.keys.keyring import key_path
from daemon.runtime.app import open_service, serve
from daemon.upkeep.errors import InstallError
from outbox.clock import SystemClock
from outbox.errors import KeyChanged, KeyMissing
from outbox.model import State
from tests.security.test_upgrades import Active
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import accept_one, open_box, state_of
from tests.support.releases import library, prepared, release, signed


class Box(Machine):
    """Files under a folder, and a systemd that keeps what it was told. The service's process is 71."""

    def __init__(self, root: Path, code: int = 0) -> None:
        super().__init__(root)
        self.told: list[tuple[str, ...]] = []
        self.code = code

    async def run(
        self, *command: str | Path, seconds: float = 30.0, env: Mapping[str, str] | None = None
    ) -> Ran | None:
        if "MainPID" in command:
            return Ran(0, "71")
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
    assert await hand_over_secrets(box, laid_out(tmp_path, handed="A=1\n", now="A=1\nB=2\n")) is Secrets.HANDED_OVER
    assert box.told == [("systemctl", "restart", "tether.service")]


@pytest.mark.parametrize("handed", ["A=1\n", None], ids=["the same", "not under systemd"])
async def test_where_nothing_changed_nothing_is_started_anew(tmp_path: Path, handed: str | None) -> None:
    box = Box(tmp_path)
    assert await hand_over_secrets(box, laid_out(tmp_path, handed=handed, now="A=1\n")) is Secrets.SAME
    assert box.told == []


async def test_another_store_s_reload_leaves_the_unit_alone(tmp_path: Path) -> None:
    box = Box(tmp_path)
    laid_out(tmp_path, handed="A=1\n", now="B=2\n")
    assert await hand_over_secrets(box, Settings(file=tmp_path / "tether.toml")) is Secrets.SAME
    assert box.told == []


async def test_a_start_that_fails_says_so(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="the secrets changed, and"):
        await hand_over_secrets(Box(tmp_path, code=1), laid_out(tmp_path, handed="A=1\n", now="B=2\n"))


# ---------------------------------------------------------------- a start that would be refused

WORDS = BoxKey.new().words


async def has_run(settings: Settings, words: str = WORDS) -> None:
    """As a store that has its database, under those words."""
    known = msgspec.structs.replace(settings, secrets={"TETHER_WORDS": words})
    async with open_service(known, clock=SystemClock(), rng=random.Random(1), reread=lambda: known):
        """Made, and closed again."""


async def said_by_run(settings: Settings, secrets: Mapping[str, str]) -> str:
    settings = msgspec.structs.replace(settings, secrets=dict(secrets))
    with pytest.raises((ConfigError, KeyMissing, KeyChanged)) as refused:
        await serve(
            settings, lambda: settings, clock=SystemClock(), rng=random.Random(1), ready=lambda url: pytest.fail(url)
        )
    return str(refused.value)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, "the box's twelve words, which open tether.db, are not there"),
        ({"TETHER_WORDS": BoxKey.new().words}, "tether.db was made under other twelve words"),
        ({"TETHER_WORDS": "legal winner"}, "TETHER_WORDS (in .env or the environment): these are 2 words"),
    ],
    ids=["lost: tee without -a", "another box's", "ten were forgotten"],
)
async def test_a_service_that_would_not_start_any_more_goes_on_as_it_is(
    tmp_path: Path, now: dict[str, str], words: str
) -> None:
    """It ended with 78, and nobody started it again."""
    box = Box(tmp_path)
    written = "".join(f"{name}='{value}'\n" for name, value in now.items())
    settings = laid_out(tmp_path, handed=f"TETHER_WORDS='{WORDS}'\n", now=written)
    await has_run(settings)
    with pytest.raises((ConfigError, KeyMissing, KeyChanged)) as refused:
        await hand_over_secrets(box, settings)
    assert box.told == []
    assert words in str(refused.value)
    assert str(refused.value) == await said_by_run(settings, now)


async def test_words_that_systemd_keeps_in_a_file_of_their_own_are_not_lost(tmp_path: Path) -> None:
    box = Box(tmp_path)
    settings = laid_out(tmp_path, handed="A=1\n", now="A=2\n")
    await has_run(settings)
    (tmp_path / HANDED_OVER.lstrip("/")).with_name("TETHER_WORDS").write_text(WORDS)
    assert await hand_over_secrets(box, settings) is Secrets.HANDED_OVER


async def test_nor_are_words_in_the_unit_s_environment(tmp_path: Path) -> None:
    box = Box(tmp_path)
    settings = laid_out(tmp_path, handed="A=1\n", now="A=2\n")
    await has_run(settings)
    box.path("/proc/71").mkdir(parents=True)
    box.path("/proc/71/environ").write_text(f"LANG=C.UTF-8\0TETHER_WORDS={WORDS}\0")
    assert await hand_over_secrets(box, settings) is Secrets.HANDED_OVER


async def test_nor_does_one_that_lost_its_key_of_the_fleet(tmp_path: Path) -> None:
    box = Box(tmp_path)
    settings = laid_out(tmp_path, handed="A=1\n", now="A=2\n")
    settings = msgspec.structs.replace(
        settings, fleet=Fleet(store="soho", servers=("tls://hq1.example:443",), optouts="store")
    )
    with pytest.raises(ConfigError, match="FLEET_SEED is missing"):
        await hand_over_secrets(box, settings)
    assert box.told == []


def test_reload_says_what_is_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(status, "done", lambda *_, **__: None)
    monkeypatch.setattr(status, "settings_of", lambda _: Settings())

    async def refused(*_: Any) -> None:
        raise KeyMissing("the words are not there")

    monkeypatch.setattr(unit, "hand_over_secrets", refused)
    with pytest.raises(Failure, match=r"(?s)^the words are not there\nwith the secrets .* not started anew") as told:
        status.reload()
    assert told.value.code == EX_CONFIG
    assert "in force" not in capsys.readouterr().out


async def test_who_may_not_see_the_secrets_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`tether reload` without sudo said that all was in force."""
    settings = laid_out(tmp_path, handed="A=1\n", now="B=2\n")
    box = Box(tmp_path)
    read = Path.read_bytes

    def shut(path: Path) -> bytes:
        if path == box.path(HANDED_OVER):
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", shut)
    assert await hand_over_secrets(box, settings) is Secrets.UNSEEN
    assert box.told == []
    monkeypatch.setattr(status, "done", lambda *_, **__: None)
    monkeypatch.setattr(status, "settings_of", lambda _: settings)
    monkeypatch.setattr(status, "settle", lambda _: Secrets.UNSEEN)
    status.reload()
    assert "for those `sudo tether reload`" in capsys.readouterr().out


# ---------------------------------------------------------------- an upgrade


class Handing(Active):
    """systemd knows the box's words, and nobody else while the service is stopped. The new release has a schema of its own."""

    def __init__(self, root: Path, database: Path, place: str, text: str) -> None:
        super().__init__(root)
        self._database = database
        self._places = [self.path(folder) for folder in ("/run/credentials", "/proc/71")]
        file = self.path(place)
        for folder in (self.path("/run/credentials/tether.service"), file.parent):
            folder.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    async def run(
        self, *command: str | Path, seconds: float = 30.0, env: Mapping[str, str] | None = None
    ) -> Ran | None:
        if "MainPID" in command:
            return Ran(0, "71")
        if "stop" in command:
            for folder in self._places:
                shutil.rmtree(folder, ignore_errors=True)
        if "start" in command and self.told.count("start") == 0:
            with closing(sqlite3.connect(self._database)) as db:
                db.execute("PRAGMA user_version = 99")
        return await super().run(*command, seconds=seconds, env=env)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("/proc/71/environ", "LANG=C.UTF-8\0TETHER_WORDS={words}\0"),
        ("/run/credentials/tether.service/TETHER_WORDS", "{words}\n"),
    ],
    ids=["the unit's environment", "a credential of their own"],
)
async def test_an_upgrade_knows_words_that_systemd_alone_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, text: str
) -> None:
    """In the unit's environment they were not seen, and no upgrade was made; and going back made a key of root's, at which the old release
    ended."""
    folder = prepared(tmp_path)
    made = signed(release(folder, library(folder / "links")))
    machine = Handing(folder / "root", folder / "tether.db", place, text.format(words=WORDS))
    for other in ("/run/systemd/system", "/etc/tether", "/opt/tether/releases/0.1.0/bin"):
        machine.path(other).mkdir(parents=True)
    machine.path("/opt/tether/venv").symlink_to("releases/0.1.0")
    file = machine.path("/etc/tether/tether.toml")
    file.write_text(f'[data]\npath = "{folder / "tether.db"}"\n')
    keys = BoxKeys(Settings(), [BoxKey.from_words(WORDS)])
    async with open_box(folder, keys=keys) as box:
        await accept_one(box)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("daemon.appliance.install.WRITABLE", (str(folder),))
    settings = load(file, environ={})
    with pytest.raises(InstallError, match="what came in meanwhile is in") as refused:
        await Upgrade(machine, FakeClock(), settings).run(made, links=None, key=folder / "key.pub", older=False)
    assert "could not be carried over" not in str(refused.value)
    assert not key_path(settings).exists()
    async with open_box(folder, keys=keys) as box:
        assert await state_of(box, "m1") is State.QUEUED
