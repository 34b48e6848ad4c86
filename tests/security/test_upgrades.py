"""An upgrade that does not come to its end: the old release runs again, on its own database, and nobody is told twice."""

import asyncio
import errno
import itertools
import os
import signal
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

import pytest

from daemon.appliance.machine import Machine, Ran
from daemon.appliance.upgrade import Upgrade
from daemon.config import ConfigError, Settings, load
from daemon.upkeep.errors import InstallError
from outbox.errors import StorageFull
from outbox.model import State, Transition
from outbox.outcome import Accepted, Unknown
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import NOW, PHONE, SENT, accept_one, open_own_box, planned, send, state_of
from tests.support.releases import built, library, prepared, release, signed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return prepared(tmp_path)


class Stopping(Machine):
    """Makes environments of nothing, and notes what the service is told to do. It never becomes well again: nobody waits for that here."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.told: list[str] = []

    async def run(
        self, *command: str | Path, seconds: float = 30.0, env: Mapping[str, str] | None = None
    ) -> Ran | None:
        if "venv" in command:
            Path(command[-1]).mkdir(parents=True)
        if command[0] == "systemctl" and not str(command[1]).startswith(("is-", "show")):
            self.told.append(str(command[1]))
        return Ran(int("is-active" in command), "")


async def test_without_room_for_the_safety_copy_the_old_release_runs_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what there is of the copy, which is of customers' data, is nobody else's to read while it is made."""
    made = signed(release(folder, library(folder / "links")))
    machine, settings = Stopping(folder / "root"), Settings(file=folder / "tether.toml")
    settings.database.write_bytes(b"all of it")
    copy = settings.database.with_name("tether.db.before-upgrade")
    modes: list[int] = []

    def half(database: Path, target: Path) -> None:
        with target.open("ab") as file:
            file.write(database.read_bytes()[:3])
        modes.append(target.stat().st_mode & 0o777)
        raise StorageFull("the disk is full")

    monkeypatch.setattr("daemon.appliance.upgrade.copy_of", half)
    home = machine.path("/opt/tether")
    (home / "releases/0.1.0/bin").mkdir(parents=True)
    (home / "venv").symlink_to("releases/0.1.0")
    upgrade, umask = Upgrade(machine, FakeClock(), settings), os.umask(0o022)
    try:
        with pytest.raises(InstallError, match=r"could not be copied, so 0\.1\.0 runs on: the disk is full"):
            await upgrade.run(made, links=None, key=folder / "key.pub", older=False)
    finally:
        os.umask(umask)
    assert machine.told[:1] == ["stop"]
    assert "start" in machine.told
    assert (built(folder), (home / "venv").resolve().name) == (["0.1.0"], "0.1.0")
    assert (modes, copy.exists()) == ([0o600], False)


@pytest.mark.parametrize("room", [True, False])
async def test_what_was_begun_is_undone_though_the_releases_lie_on_another_disk(
    folder: Path, monkeypatch: pytest.MonkeyPatch, room: bool
) -> None:
    """The card was small, and /opt/tether is a link. What is left of the new release would take the room that orders need."""
    made = signed(release(folder, library(folder / "links")))
    machine, settings = Stopping(folder / "root"), Settings(file=folder / "tether.toml")
    home, disk = machine.path("/opt/tether"), folder / "root/mnt/disk/tether"
    (disk / "releases/0.1.0/bin").mkdir(parents=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    home.symlink_to(disk)
    (home / "venv").symlink_to("releases/0.1.0")
    if not room:
        settings.database.write_bytes(b"all of it")

        def full(database: Path, target: Path) -> None:
            raise StorageFull("the disk is full")

        monkeypatch.setattr("daemon.appliance.upgrade.copy_of", full)
    with pytest.raises(InstallError, match="is not well, so" if room else "could not be copied, so"):
        await Upgrade(machine, FakeClock(), settings).run(made, links=None, key=folder / "key.pub", older=False)
    assert built(folder) == ["0.1.0"]
    assert (home / "venv/bin").is_dir(), "the old one runs again"


class Refusing(Stopping):
    """No release's units can be put in place any more."""

    async def run(
        self, *command: str | Path, seconds: float = 30.0, env: Mapping[str, str] | None = None
    ) -> Ran | None:
        ran = await super().run(*command, seconds=seconds, env=env)
        return Ran(1, "the service may write elsewhere") if "--no-start" in command else ran


async def test_the_old_release_is_started_though_its_units_can_not_be_put_back(folder: Path) -> None:
    """They are there already, as often as not: the service stayed stopped, and both releases were fine."""
    made = signed(release(folder, library(folder / "links")))
    machine, settings = Refusing(folder / "root"), Settings(file=folder / "tether.toml")
    home = machine.path("/opt/tether")
    (home / "releases/0.1.0/bin").mkdir(parents=True)
    (home / "venv").symlink_to("releases/0.1.0")
    with pytest.raises(InstallError, match="Its units could not be put back: the service may write elsewhere"):
        await Upgrade(machine, FakeClock(), settings).run(made, links=None, key=folder / "key.pub", older=False)
    assert [word for word in machine.told if word in {"stop", "start"}] == ["stop", "stop", "start"]


@pytest.mark.parametrize(
    ("failing", "in_force", "said"),
    [
        ({1}, "0.1.0", r"0\.2\.0 is not well, so 0\.1\.0 runs again: it can't be put in force: .*Read-only"),
        ({2}, "0.2.0", r"0\.2\.0 is not well, and 0\.1\.0 can't be put in force again \(.*Read-only"),
    ],
)
async def test_a_card_that_can_only_be_read_by_then_leaves_no_service_stopped(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failing: set[int], in_force: str, said: str
) -> None:
    """The release that was just written was too much for it: "Input/output error", and from then on no till was answered."""
    made = signed(release(folder, library(folder / "links")))
    machine, settings = Stopping(folder / "root"), Settings(file=folder / "tether.toml")
    home, symlink_to, tries = machine.path("/opt/tether"), Path.symlink_to, itertools.count(1)
    (home / "releases/0.1.0/bin").mkdir(parents=True)
    (home / "venv").symlink_to("releases/0.1.0")

    def link(path: Path, target: str) -> None:
        if next(tries) in failing:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        symlink_to(path, target)

    monkeypatch.setattr(Path, "symlink_to", link)
    with pytest.raises(InstallError, match=said):
        await Upgrade(machine, FakeClock(), settings).run(made, links=None, key=folder / "key.pub", older=False)
    assert [word for word in machine.told if word in {"stop", "start"}][-1] == "start"
    assert ((home / "venv").resolve().name, (home / "venv").resolve().is_dir()) == (in_force, True)


async def test_a_switch_of_which_nobody_knows_whether_the_card_has_it_is_undone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = signed(release(folder, library(folder / "links")))
    machine, settings = Stopping(folder / "root"), Settings(file=folder / "tether.toml")
    home = machine.path("/opt/tether")
    (home / "releases/0.1.0/bin").mkdir(parents=True)
    (home / "venv").symlink_to("releases/0.1.0")

    def dying(place: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("daemon.appliance.release.sync_folder", dying)
    with pytest.raises(InstallError, match=r"so 0\.1\.0 runs again: it can't be put in force: .*Input/output error"):
        await Upgrade(machine, FakeClock(), settings).run(made, links=None, key=folder / "key.pub", older=False)
    assert [word for word in machine.told if word in {"stop", "start"}][-1] == "start"
    assert (built(folder), (home / "venv").resolve().name) == (["0.1.0"], "0.1.0")


async def test_an_unreadable_schema_does_not_keep_the_old_release_from_running(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = signed(release(folder, library(folder / "links")))
    machine, settings = Stopping(folder / "root"), Settings(file=folder / "tether.toml")
    async with open_own_box(folder):
        pass
    home = machine.path("/opt/tether")
    (home / "releases/0.1.0/bin").mkdir(parents=True)
    (home / "venv").symlink_to("releases/0.1.0")

    def strange(database: Path) -> None:
        raise sqlite3.OperationalError("no such table: note")

    monkeypatch.setattr("daemon.appliance.upgrade.prove", strange)
    with pytest.raises(InstallError, match=r"could not be put back \(no such table: note\)"):
        await Upgrade(machine, FakeClock(), settings).run(made, links=None, key=folder / "key.pub", older=False)
    assert [word for word in machine.told if word in {"stop", "start"}][-1] == "start"


class Active(Stopping):
    async def run(
        self, *command: str | Path, seconds: float = 30.0, env: Mapping[str, str] | None = None
    ) -> Ran | None:
        await super().run(*command, seconds=seconds, env=env)
        return Ran(0, "")


UNUSABLE = {
    "route": (
        '[data]\npath = "/mnt/ssd/tether.db"\n[[route]]\non = "order.ready"\nto = "customer"\nvia = ["pigeon"]\n',
        "pigeon",
    ),
    "place": ('[data]\npath = "/srv/tether.db"\n', "may write under /var/lib/tether, /media, /mnt only"),
}


@pytest.mark.parametrize("fault", UNUSABLE)
async def test_a_service_that_could_not_start_again_is_not_stopped(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The owner's edit of months ago had been refused by `tether reload`, and the shop went on: until the upgrade, which left it stopped."""
    text, why = UNUSABLE[fault]
    made = signed(release(folder, library(folder / "links")))
    machine = Active(folder / "root")
    for place in ("/run/systemd/system", "/etc/tether", "/opt/tether/releases/0.1.0/bin"):
        machine.path(place).mkdir(parents=True)
    machine.path("/opt/tether/venv").symlink_to("releases/0.1.0")
    file = machine.path("/etc/tether/tether.toml")
    file.write_text(text)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises((ConfigError, InstallError), match=why):
        await Upgrade(machine, FakeClock(), load(file, environ={})).run(
            made, links=None, key=folder / "key.pub", older=False
        )
    assert machine.told == []
    assert built(folder) == ["0.1.0"]


class Running(Stopping):
    """The new release starts on a schema of its own, sends what waits, hears a STOP, and is not well."""

    def __init__(self, root: Path, folder: Path) -> None:
        super().__init__(root)
        self._folder = folder

    async def run(
        self, *command: str | Path, seconds: float = 30.0, env: Mapping[str, str] | None = None
    ) -> Ran | None:
        if "start" in command and self.told.count("start") == 0:
            async with open_own_box(self._folder) as box:
                message = (await box.views.messages_by_id(["waits"]))[0]
                await send(box, message, Accepted("P1"), SENT)
                await box.consent.stop("sms", PHONE, reason="STOP", actor="customer")
            with closing(sqlite3.connect(self._folder / "tether.db")) as db:
                db.execute("PRAGMA user_version = 99")
        return await super().run(*command, seconds=seconds, env=env)


async def test_what_the_new_release_did_is_not_done_again_by_the_old_one(folder: Path) -> None:
    made = signed(release(folder, library(folder / "links")))
    machine, settings = Running(folder / "root", folder), Settings(file=folder / "tether.toml")
    async with open_own_box(folder) as box:
        await accept_one(box, planned("waits"), id="e1", ref="B-1")
        doubtful = await accept_one(box, planned("in doubt"), id="e2", ref="B-2")
        await send(box, doubtful, Unknown("cut"), Transition(state=State.UNKNOWN, due_at=NOW))
    home = machine.path("/opt/tether")
    (home / "releases/0.1.0/bin").mkdir(parents=True)
    (home / "venv").symlink_to("releases/0.1.0")
    with pytest.raises(InstallError, match="what came in meanwhile is in") as refused:
        await Upgrade(machine, FakeClock(), settings).run(made, links=None, key=folder / "key.pub", older=False)
    assert "could not be carried over" not in str(refused.value)
    assert "not sent again: 1" in str(refused.value)
    async with open_own_box(folder) as box:
        assert await state_of(box, "waits") is State.CANCELLED
        looked_up = [due.message.id for due, _ in await box.spool.unknowns(now=NOW, limit=9)]
        assert looked_up == ["in doubt"], "it left, if it did, before the upgrade"
        assert await box.consent.blocked("sms", PHONE) == "STOP"
        assert (await box.audit.verify()).ok
    assert not list(folder.glob("tether.db.before-upgrade*"))


async def test_who_came_back_after_they_were_forgotten_is_not_forgotten_by_going_back(folder: Path) -> None:
    made = signed(release(folder, library(folder / "links")))
    machine, settings = Running(folder / "root", folder), Settings(file=folder / "tether.toml")
    async with open_own_box(folder) as box:
        await box.people.forget(PHONE, actor="owner")
        await accept_one(box, planned("waits", addresses={}), id="e1", ref="B-1")
        await accept_one(box, planned("theirs"), id="e9", ref="B-9", customer={"name": "Ada", "phone": PHONE})
    home = machine.path("/opt/tether")
    (home / "releases/0.1.0/bin").mkdir(parents=True)
    (home / "venv").symlink_to("releases/0.1.0")
    with pytest.raises(InstallError, match="what came in meanwhile is in"):
        await Upgrade(machine, FakeClock(), settings).run(made, links=None, key=folder / "key.pub", older=False)
    async with open_own_box(folder) as box:
        (order,) = await box.views.orders_by_ref(["B-9"])
        assert (order.customer.name, await state_of(box, "theirs")) == ("Ada", State.QUEUED)


class Interrupted(Stopping):
    """Ctrl-C comes while the service is being stopped, and once more; then the connection drops by which the owner is there."""

    async def run(
        self, *command: str | Path, seconds: float = 30.0, env: Mapping[str, str] | None = None
    ) -> Ran | None:
        ran = await super().run(*command, seconds=seconds, env=env)
        if "stop" in command:
            for _ in range(2):
                self.upgrading.cancel()
                await asyncio.sleep(0)
            for number in (signal.SIGHUP, signal.SIGTERM):
                assert signal.getsignal(number) is not signal.SIG_DFL
                os.kill(os.getpid(), number)
                await asyncio.sleep(0)
        return Ran(0, "") if "is-active" in command and self.told else ran

    upgrading: "asyncio.Task[object]"


async def test_who_goes_away_while_the_service_is_stopped_leaves_it_running(folder: Path) -> None:
    made = signed(release(folder, library(folder / "links")))
    machine = Interrupted(folder / "root")
    home = machine.path("/opt/tether")
    (home / "releases/0.1.0/bin").mkdir(parents=True)
    (home / "venv").symlink_to("releases/0.1.0")
    upgrade = Upgrade(machine, FakeClock(), Settings(file=folder / "tether.toml"))
    machine.upgrading = asyncio.create_task(upgrade.run(made, links=None, key=folder / "key.pub", older=False))
    with suppress(asyncio.CancelledError, InstallError):
        await machine.upgrading
    assert machine.told[:1] == ["stop"]
    assert "start" in machine.told, "it was left stopped"
