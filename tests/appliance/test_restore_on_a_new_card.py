"""A backup on a machine that has nothing of the box that made it: its configuration comes along, and who opens it is asked."""

import asyncio
import os
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.appliance import setup
from daemon.cli.frame import app
from daemon.config import load
from daemon.keys.box_key import BoxKey
from daemon.keys.keyring import keyring
from daemon.upkeep.backup import back_up_there
from tests.support import forks
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import accept_one, open_own_box

LOSSES = ("--accept", "optouts,forgotten,tokens,receipts")


class Kept:
    """A backup of a box that ran from its own folder, and its words."""

    def __init__(self, folder: Path, data: str, texts: Sequence[str] = ()) -> None:
        folder.mkdir()
        toml = folder / "tether.toml"
        for text in texts:
            (folder / "templates" / text).parent.mkdir(parents=True, exist_ok=True)
            (folder / "templates" / text).write_text("Je ballonnen staan klaar: {{ order.ref }}\n")
        toml.write_text(f'# Ours.\n{data}\n[store]\nname = "Loft"\n[backup]\nto = "kept"  # the stick\n')
        settings, clock = load(toml), FakeClock()

        async def made() -> str:
            async with open_own_box(folder, clock) as box:
                await accept_one(box)
            return (await back_up_there(settings, clock)).name

        self.archive = folder / "kept" / asyncio.run(made())
        self.words = keyring(settings).own.words
        self.file = folder / "words"
        self.file.write_text(self.words)
        self.text = toml.read_text()


def test_looking_at_it_writes_no_configuration(tmp_path: Path) -> None:
    """From then on it stood in the way of the one that was to come along."""
    kept, new = Kept(tmp_path / "old", ""), tmp_path / "new/tether.toml"
    looked = ("restore", str(kept.archive), "--dry-run", "--words", str(kept.file), "--config", str(new))
    done = forks.run(looked, env=dict(os.environ))
    assert (done.returncode, "nothing was replaced" in done.stdout) == (0, True), done.stderr
    assert "was taken from the backup" not in done.stdout
    assert [path.name for path in (tmp_path / "new").iterdir()] == []


@pytest.mark.parametrize(
    "data",
    [
        "",
        '[data]  # ours\npath = "tether.db"\nretention = "90d"\n',
        'data.path = "./tether.db"\n',
        "[data]\r\n  path = 'tether.db'",
    ],
)
def test_one_of_a_clone_s_has_its_database_where_the_service_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str
) -> None:
    """It was to lie beside the configuration, in /etc, and the next start failed."""
    kept, system, database = Kept(tmp_path / "old", data), tmp_path / "etc", tmp_path / "lib/tether.db"
    monkeypatch.setattr(setup, "SYSTEM_FOLDER", system)
    monkeypatch.setattr(setup, "SYSTEM_DATABASE", str(database))
    new = system / "tether.toml"
    done = CliRunner().invoke(
        app, ["restore", str(kept.archive), "--yes", "--words", str(kept.file), "--config", str(new), *LOSSES]
    )
    assert done.exit_code == 0, done.output
    assert f"its database is {database} now" in done.output
    assert database.exists()
    assert not (system / "tether.db").exists()
    before = tomllib.loads(kept.text)
    assert tomllib.loads(new.read_text()) == {**before, "data": {**before.get("data", {}), "path": str(database)}}
    assert ("# Ours." in new.read_text()) is ("data.path" not in data)


def test_an_identity_is_read_before_words_are_asked_for(tmp_path: Path) -> None:
    """As root, then as the service's user, who may not see it: the words were typed, and it "holds no identity"."""
    kept, new, identity = Kept(tmp_path / "old", ""), tmp_path / "new/tether.toml", tmp_path / "identity"
    new.parent.mkdir()
    new.write_text("")
    identity.write_text(f"{BoxKey.new().identity}\n")
    master, slave = os.openpty()
    command = ("restore", str(kept.archive), "--identity", str(identity), "--config", str(new), *LOSSES)
    with os.fdopen(slave, "r+b", buffering=0) as terminal, os.fdopen(master, "r+b", buffering=0) as owner:
        process = forks.start(
            command, cwd=tmp_path, env=dict(os.environ), stdin=terminal, stdout=terminal, stderr=terminal
        )
        said = b""
        while b"The twelve words" not in said:
            said += owner.read(1024)
        identity.unlink()
        owner.write(f"{kept.words}\ny\n".encode())
        assert process.wait(30) == 0, owner.read(4096)


def test_the_shop_s_own_texts_are_for_the_service_to_read(tmp_path: Path) -> None:
    """They came back as root's alone: the service could look at none, shipped ones neither, and nobody was written to any more."""
    kept, new = Kept(tmp_path / "old", "", ["nl/order.ready.sms.j2"]), tmp_path / "new/tether.toml"
    done = forks.run(
        ("restore", str(kept.archive), "--yes", "--words", str(kept.file), "--config", str(new), *LOSSES),
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    brought = tmp_path / "new/templates"
    modes = {path.relative_to(brought).as_posix(): path.stat().st_mode & 0o777 for path in brought.rglob("*")}
    assert (brought.stat().st_mode & 0o777, modes) == (0o755, {"nl": 0o755, "nl/order.ready.sms.j2": 0o644})


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")
@pytest.mark.parametrize("link", ["shop/templates/nl/order.ready.sms.j2", "shop/templates/nl", "shop/templates"])
def test_root_writes_texts_through_no_link_of_the_service_s(tmp_path: Path, link: str) -> None:
    """Who had got into the service laid it, and put what they liked into a backup, which its key signs: root wrote that to where they liked."""
    kept = Kept(tmp_path / "old", "", ["nl/order.ready.sms.j2"])
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        folder.chmod(0o755)
        roots, shop, laid = folder / "roots", folder / "shop", folder / link
        laid.parent.mkdir(parents=True)
        if laid.suffix:
            laid.symlink_to(roots)
        else:
            roots.mkdir()
            laid.symlink_to(roots)
        for path in (shop, *(each for each in shop.rglob("*") if each.is_dir() or each.is_symlink())):
            os.chown(path, 1, 2, follow_symlinks=False)
        new = folder / "tether.toml"
        new.write_text('[data]\npath = "shop/tether.db"\n[templates]\npath = "shop/templates"\n')
        done = CliRunner().invoke(
            app, ["restore", str(kept.archive), "--yes", "--words", str(kept.file), "--config", str(new), *LOSSES]
        )
        assert done.exit_code == 0, done.output
        text = shop / "templates/nl/order.ready.sms.j2"
        if laid == text:
            assert not roots.exists()
            assert (text.is_symlink(), text.stat().st_uid) == (False, 1)
        else:
            assert "texts can't be written: " in done.output
            assert list(roots.iterdir()) == []


def test_one_that_is_refused_leaves_nothing_by_which_there_was_a_database(tmp_path: Path) -> None:
    """The first start said that the database was gone, and held every text of a shop that never had one."""
    kept, new = Kept(tmp_path / "old", ""), tmp_path / "new/tether.toml"
    lock = tmp_path / "new/tether.db.lock"
    command = ("restore", str(kept.archive), "--yes", "--words", str(kept.file), "--config", str(new))
    assert "nothing was replaced" in forks.run(command, env=dict(os.environ)).stderr
    assert not lock.exists()
    lock.touch()
    assert "nothing was replaced" in forks.run(command, env=dict(os.environ)).stderr
    assert lock.exists(), "there was one, and it is gone"
