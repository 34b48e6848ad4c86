"""Somebody between the maker and the shop: they swap the wheel, offer an old one with a known hole, or a library under its right name.

No network: wheels are made here, and libraries come from a folder.
"""

import errno
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import pytest

from daemon.appliance.machine import Machine, Ran
from daemon.appliance.release import Releases
from daemon.appliance.trust import SHIPPED, prove, signature_of, trusted_keys
from daemon.appliance.upgrade import Upgrade
from daemon.config import Settings
from daemon.packaging.__main__ import main as packaging
from daemon.packaging.minisign import SecretKey, public_text, read_public, secret_text, sign, verify, write_secret
from daemon.packaging.sbom import pins
from daemon.upkeep.errors import InstallError
from tests.support.fake_clock import FakeClock
from tests.support.releases import EVIL, KEY, NAME, built, library, prepared, release, signed, wheel

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return prepared(tmp_path)


async def upgraded(folder: Path, path: Path, *, older: bool = False, running: str = "0.1.0") -> str:
    """Why it is not done. With nothing to run systemd on, a release that is believed and built ends at the service's stop."""
    machine = Machine(folder / "root")
    home = machine.path("/opt/tether")
    (home / "releases" / running / "bin").mkdir(parents=True)
    (home / "venv").symlink_to(f"releases/{running}")
    upgrade = Upgrade(machine, FakeClock(), Settings(file=folder / "tether.toml"))
    with pytest.raises(InstallError) as refused:
        await upgrade.run(path, links=folder / "links", key=folder / "key.pub", older=older)
    return str(refused.value)


async def test_one_that_nobody_signed_is_not_installed(folder: Path) -> None:
    made = release(folder, library(folder / "links"))
    assert "is not signed" in await upgraded(folder, made)
    assert built(folder) == ["0.1.0"]


@pytest.mark.parametrize(
    ("attack", "why"),
    [
        ("their own key under the maker's number", "changed after it was signed"),
        ("another key", "another key than the one that is trusted"),
        ("a byte of the wheel", "changed after it was signed"),
        ("the comment", "changed after it was signed"),
        ("an old release under a new name", "signed as another file"),
        ("a signature of another file", "changed after it was signed"),
        ("nothing in it", "no signature of minisign"),
        ("an endless signature", "no signature of minisign"),
    ],
)
async def test_what_was_tampered_with_is_not_installed(folder: Path, attack: str, why: str) -> None:
    made = signed(release(folder, library(folder / "links")))
    signature = signature_of(made)
    match attack:
        case "their own key under the maker's number":
            signed(made, EVIL)
        case "another key":
            signed(made, SecretKey(b"87654321", b"e" * 32))
        case "a byte of the wheel":
            content = bytearray(made.read_bytes())
            content[60] ^= 1
            made.write_bytes(content)
        case "the comment":
            signature.write_text(signature.read_text().replace("release:0.2.0", "release:9.9.9"))
        case "an old release under a new name":
            old = signed(release(folder, library(folder / "links"), "tether_box-0.0.9-py3-none-any.whl"))
            made.write_bytes(old.read_bytes())
            signature.write_text(signature_of(old).read_text())
        case "a signature of another file":
            (folder / "other").write_text("other")
            signature.write_text(sign(folder / "other", KEY, f"file:{made.name}"))
        case "nothing in it":
            signature.write_text("")
        case _:
            signature.write_text("untrusted comment: x\n" + "A" * 10_000_000)
    assert why in await upgraded(folder, made)
    assert built(folder) == ["0.1.0"]


async def test_an_older_release_wants_a_word_of_its_own(folder: Path) -> None:
    """A hole that was mended is opened again by a release that is signed as well as any."""
    made = signed(release(folder, library(folder / "links")))
    assert "0.2.0 is older than 0.10.0" in await upgraded(folder, made, running="0.10.0")


async def test_what_is_pressed_at_the_terminal_ends_no_program_of_the_machine_s() -> None:
    """`systemctl stop` that ends by Ctrl-C has stopped the service all the same."""
    ran = await Machine().run("cat", "/proc/self/stat")
    assert ran is not None
    fields = ran.said.split()
    assert fields[5] == fields[0], "it leads a session of its own"


class Quick(Machine):
    """Its environments borrow pip from this one: making it anew takes longer than all the rest."""

    async def run(
        self, *command: str | Path, seconds: float = 30.0, env: Mapping[str, str] | None = None
    ) -> Ran | None:
        if "venv" not in command:
            return await super().run(*command, seconds=seconds, env=env)
        ran = await super().run(*command, "--without-pip", seconds=seconds, env=env)
        (site,) = Path(str(command[-1])).glob("lib/python*/site-packages")
        (site / "pip.pth").write_text(sysconfig.get_path("purelib") + "\n")
        return ran


async def test_libraries_are_taken_by_the_hash_in_the_lock_and_by_nothing_else(folder: Path) -> None:
    """One of the right name and version and another content is refused; the right one makes a release that runs."""
    made = release(folder, library(folder / "links"))
    releases = Releases(Quick(folder / "root"))
    library(folder / "links", "import os; os.system('id > /tmp/owned')")
    with pytest.raises(InstallError, match="Expected sha256"):
        await releases.build(made, links=folder / "links")
    assert built(folder) == []
    library(folder / "links")
    new = await releases.build(made, links=folder / "links")
    said = subprocess.run([new / "bin/tether"], capture_output=True, text=True, check=False)
    assert said.stdout == "usage\n"


async def test_a_release_is_on_the_disk_before_it_is_in_force(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plug was pulled half a minute after "it runs": its youngest files were empty, and nobody went back to the old one."""
    steps: list[str] = []

    class Noting(Machine):
        async def run(
            self, *command: str | Path, seconds: float = 30.0, env: Mapping[str, str] | None = None
        ) -> Ran | None:
            if "venv" in command:
                Path(command[-1]).mkdir(parents=True)
            steps.append(Path(command[0]).name)
            return Ran(0, "")

    monkeypatch.setattr("daemon.appliance.release.sync_disk", lambda place: steps.append(f"sync all of {place.name}"))
    monkeypatch.setattr("daemon.appliance.release.sync_folder", lambda place: steps.append(f"sync {place.name}"))
    releases = Releases(Noting(folder / "root"))
    new = await releases.build(release(folder, library(folder / "links")))
    assert steps[-2:] == ["tether", f"sync all of {new.name}"]
    releases.put_in_force(new)
    assert releases.current() == new
    assert steps[-1] == "sync tether"


async def test_a_card_that_does_not_take_the_release_is_told_before_the_switch(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All disks were waited for, the stick that hangs too, and none was heard."""

    class Willing(Machine):
        async def run(
            self, *command: str | Path, seconds: float = 30.0, env: Mapping[str, str] | None = None
        ) -> Ran | None:
            if "venv" in command:
                Path(command[-1]).mkdir(parents=True)
            return Ran(0, "")

    def dying(place: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(place))

    monkeypatch.setattr("os.sync", pytest.fail)
    made = release(folder, library(folder / "links"))
    new = await Releases(Willing(folder / "root")).build(made)
    assert new.is_dir()
    monkeypatch.setattr("daemon.appliance.release.sync_disk", dying)
    with pytest.raises(InstallError, match=r"0\.2\.0-2 can't be written: Input/output error"):
        await Releases(Willing(folder / "root")).build(made)
    assert built(folder) == [new.name]


async def test_a_release_without_a_lock_is_not_installed(folder: Path) -> None:
    made = signed(wheel(folder, NAME, {"tether_fake.py": ""}))
    assert "carries no requirements.lock" in await upgraded(folder, made)
    assert built(folder) == ["0.1.0"]


def test_the_command_says_so(folder: Path) -> None:
    made = release(folder, library(folder / "links"))
    done = subprocess.run(
        [sys.executable, "-m", "daemon", "upgrade", "--from", str(made)], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, "is not signed" in done.stderr) == (1, True), done.stderr
    signed(made)
    done = subprocess.run(
        [sys.executable, "-m", "daemon", "upgrade", "--from", str(made)], cwd=ROOT, capture_output=True, text=True
    )
    assert "another key than the one that is trusted here" in done.stderr, "what ships is not the tests' key"


# ---------------------------------------------------------------- making one


BY_MINISIGN = """untrusted comment: signature from minisign secret key
RUQxMjM0NTY3OAubWE246RBWbp9UdyqFG3+oH3gxdtxk+zcBsnt9aqutd66TYqtz2IFFa4Xrcm6XoFBFFXDndL6cFL0cuBkdMgQ=
trusted comment: file:file made by minisign
/yc0tU3EIAbn6ra6Pj2mJ69LnATr8rFVSEfuaOyXinmM5NzLWDU6L5zSnKf9tH/S7Z91ElWtw2Q/r55+hp0vCA==
"""
"""What `minisign -S` of Debian 12 made of "test" and a line break, with `KEY` as `secret_text` writes it."""


def test_what_minisign_itself_signed_is_believed_and_ours_is_the_same(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"test\n")
    assert verify(file, BY_MINISIGN, (KEY.public,)) == "file:file made by minisign"
    ours = sign(file, KEY, "file:file made by minisign")
    assert ours.splitlines()[1:] == BY_MINISIGN.splitlines()[1:]
    key = read_public("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3")
    assert key.id.hex() == "1fe8b442180f62e7"  # the key of minisign's own releases, from its page


def test_a_release_is_whole(tmp_path: Path) -> None:
    """`make release`: what is in it, its checksums, and signatures that the upgrade takes."""
    secret, public, dist = tmp_path / "release.key", tmp_path / "release.pub", tmp_path / "dist"
    dist.mkdir()
    write_secret(secret, KEY)
    public.write_text(public_text(KEY.public))
    made = release(dist, "0" * 64)
    (dist / "tether_0.2.0_arm64.deb").write_bytes(b"!<arch>\n")
    arguments = ["--secret", str(secret), "--public", str(public), "--dist", str(dist), "--release", "0.2.0"]
    lock = ROOT / "requirements.lock"
    assert packaging(["release", *arguments, "--lock", str(lock), "--made-at", "1795515300"]) == 0
    assert prove(made, NAME, signature_of(made), (KEY.public,)) == "0.2.0"
    sums = dist / "SHA256SUMS"
    assert verify(sums, signature_of(sums).read_text(), (KEY.public,)).startswith("file:SHA256SUMS ")
    checked = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=dist, capture_output=True)
    assert checked.returncode == 0, checked
    assert len(sums.read_text().splitlines()) == 3
    bill = json.loads((dist / "tether-0.2.0.cdx.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"], bill["metadata"]["timestamp"]) == (
        "CycloneDX",
        "1.6",
        "2026-11-24T10:15:00Z",
    )
    libraries = {each["name"]: each for each in bill["components"] if each["type"] == "library"}
    assert {"aiohttp", "msgspec", "pyrage"} <= libraries.keys()
    assert all(each["externalReferences"] for each in libraries.values())
    refs = {each["bom-ref"] for each in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert len(refs) == len(bill["components"]) + 1
    assert all(ref in refs for each in bill["dependencies"] for ref in (each["ref"], *each["dependsOn"]))


def test_a_build_of_one_s_own_is_signed_with_one_s_own_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever has not the maker's key: a box takes it where its owner names that key, and only there."""
    dist, secret = tmp_path / "dist", tmp_path / "keys" / "release.key"
    dist.mkdir()
    made = release(dist, "0" * 64)
    arguments = ["--secret", str(secret), "--dist", str(dist), "--release", "0.2.0", "--made-at", "1"]
    assert packaging(["release", *arguments, "--lock", str(ROOT / "requirements.lock")]) == 0
    assert "--key release.pub" in capsys.readouterr().out
    with pytest.raises(InstallError, match="another key"):
        prove(made, NAME, signature_of(made), trusted_keys(None))
    assert prove(made, NAME, signature_of(made), trusted_keys(dist / "release.pub")) == "0.2.0"


def test_a_key_is_made_once_and_its_secret_is_nobody_s(tmp_path: Path) -> None:
    secret, public = tmp_path / "keys" / "release.key", tmp_path / "release.pub"
    assert packaging(["key", "--secret", str(secret), "--public", str(public)]) == 0
    assert secret.stat().st_mode & 0o777 == 0o600
    before = secret.read_text()
    assert packaging(["key", "--secret", str(secret), "--public", str(public)]) == 1
    assert secret.read_text() == before
    assert read_public(public.read_text()).key not in before.encode()
    assert "seed" not in repr(KEY)
    assert secret_text(KEY).startswith("untrusted comment: minisign encrypted secret key\n")


def test_the_shipped_key_is_one() -> None:
    (key,) = trusted_keys(None)
    assert SHIPPED.read_text() == public_text(key)


def test_every_library_of_the_lock_is_read() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    found = list(pins(lock))
    assert sum(len(pin.hashes) for pin in found) == lock.count("--hash=sha256:")
    assert len(found) == sum(1 for line in lock.splitlines() if "==" in line and not line.startswith(" "))
