"""What the Debian package does by its own scripts: where its units lie, whose command is found, and what a purge takes away."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from daemon.appliance.packaged import COMMAND, EXECUTABLE
from daemon.fleet.files import CA, CLAIM

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "systemd" / "debian"


def program(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def laid_out(root: Path) -> Path:
    for file in ("etc/tether/.env", "var/lib/tether/tether.db"):
        (root / file).parent.mkdir(parents=True)
        (root / file).write_text("x")
    return root / "var/lib/tether/tether.db"


def purged(root: Path, **programs: str) -> "subprocess.CompletedProcess[str]":
    """The package's postrm as dpkg calls it for a purge, on a folder that stands for /. It finds no users."""
    script = (PACKAGE / "postrm").read_text()
    script = script.replace("/var/lib/tether", f"{root}/var/lib/tether").replace("/etc/", f"{root}/etc/")
    place = root / "bin"
    place.mkdir()
    for name, text in {"getent": "exit 2", **programs}.items():
        program(place, name, text)
    environment = {"PATH": f"{place}:/usr/bin:/bin"}
    return subprocess.run(
        ["sh", "-c", script, "postrm", "purge"], env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("debhelper", "place"), [("13.11.4", "debian/tether/lib"), ("13.24.2", "debian/tether/usr/lib")]
)
def test_units_lie_where_that_debian_s_debhelper_looks_for_them(debhelper: str, place: str, tmp_path: Path) -> None:
    """On Debian 12 the build ended with "does not install unit"."""
    if shutil.which("make") is None or not Path("/usr/share/dpkg/architecture.mk").exists():
        pytest.skip("make and dpkg-dev read the rules")
    program(tmp_path, "dpkg-query", f"echo {debhelper}")
    done = subprocess.run(
        ["make", "-n", "-f", str(PACKAGE / "rules"), "override_dh_auto_install"],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert f"> {place}/systemd/system/$unit" in done.stdout


@pytest.mark.parametrize(("leads_to", "stays"), [(EXECUTABLE, False), ("/opt/another/tether", True), (None, False)])
def test_the_command_of_a_wheel_makes_way_for_the_package_s(tmp_path: Path, leads_to: str | None, stays: bool) -> None:
    """It comes first in each PATH, and led nowhere once Debian itself was upgraded: no remedy that a page or message names could be typed."""
    laid_out(tmp_path)
    command = tmp_path / COMMAND.removeprefix("/")
    command.parent.mkdir(parents=True)
    if leads_to is not None:
        command.symlink_to(leads_to)
    script = (PACKAGE / "postinst").read_text()
    for place in (COMMAND, "/etc/tether", "/run/systemd"):
        script = script.replace(place, f"{tmp_path}{place}")
    done = subprocess.run(["sh", "-c", script, "postinst", "configure", ""], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert command.is_symlink() is stays


@pytest.mark.parametrize(
    ("state", "is_said"), [("active", False), ("activating", True), ("failed", True), ("inactive", False)]
)
def test_an_installation_ends_with_a_word_where_the_service_does_not_start(
    tmp_path: Path, state: str, is_said: bool
) -> None:
    """Of a start that came to nothing apt showed "Could not execute systemctl". One that nobody asked for (policy-rc.d) is none."""
    laid_out(tmp_path)
    for folder in ("bin", "run/systemd/system"):
        (tmp_path / folder).mkdir(parents=True)
    program(tmp_path / "bin", "udevadm", "")
    program(tmp_path / "bin", "systemctl", f'[ "$1" != is-active ] || echo {state}; [ {state} = active ]')
    script = (PACKAGE / "postinst").read_text()
    for place in (COMMAND, "/etc/tether", "/run/systemd"):
        script = script.replace(place, f"{tmp_path}{place}")
    environment = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    done = subprocess.run(
        ["sh", "-c", script, "postinst", "configure", ""], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, "the service does not run yet; `sudo tether doctor`" in done.stderr) == (0, is_said)


def test_a_purge_leaves_neither_data_nor_secrets(tmp_path: Path) -> None:
    database = laid_out(tmp_path)
    assert purged(tmp_path).returncode == 0
    assert (database.parent.exists(), (tmp_path / "etc/tether").exists()) == (False, False)


def test_a_purge_leaves_nothing_of_a_store_of_a_fleet(tmp_path: Path) -> None:
    laid_out(tmp_path)
    for name in (CA, CLAIM):
        (tmp_path / "etc/tether" / name).write_text("x")
    assert purged(tmp_path).returncode == 0
    assert not (tmp_path / "etc/tether").exists()


def test_a_purge_of_what_the_package_left_spares_a_service_that_was_installed_since(tmp_path: Path) -> None:
    """`apt purge '~c'`, which Debian advises after its own upgrade, took orders and opt-outs away beneath the running service."""
    database = laid_out(tmp_path)
    (tmp_path / "etc/sysusers.d").mkdir()
    (tmp_path / "etc/sysusers.d/tether.conf").touch()
    assert purged(tmp_path).returncode == 0
    assert database.exists()
    assert (tmp_path / "etc/tether/.env").exists()


def test_a_purge_ends_well_where_the_data_lie_on_a_disk_of_their_own(tmp_path: Path) -> None:
    """Its mount point can't be removed: the secrets stayed, and dpkg ended with an error each time."""
    database = laid_out(tmp_path)
    busy = 'case "$1" in -rf) find "$2" -type f -delete; echo "rm: Device or resource busy" >&2; exit 1;; esac; exec /bin/rm "$@"'
    done = purged(tmp_path, rm=busy)
    assert done.returncode == 0, done.stderr
    assert (database.exists(), (tmp_path / "etc/tether/.env").exists()) == (False, False)
