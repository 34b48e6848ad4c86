"""The systemd units, by systemd's own tools."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from daemon.appliance.checks.unit import MOST_EXPOSURE
from tests.support.units import complaints

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "systemd"
NAMES = sorted(file.name for file in UNITS.iterdir() if file.suffix in (".service", ".timer"))
MOST_EXPOSED = {"tether.service": MOST_EXPOSURE, "tether-hq.service": 1.5, "tether-nats.service": 1.5}
OTHERWISE = 1.6

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine (apt-get install systemd)"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units as they are installed, with a program that exists."""
    folder = tmp_path_factory.mktemp("units")
    for name in NAMES:
        text = (UNITS / name).read_text(encoding="utf-8")
        (folder / name).write_text(
            text.replace("/opt/tether/venv/bin/tether", shutil.which("true") or "/bin/true").replace(
                "/usr/local/bin/nats-server", "/bin/true"
            )
        )
    return folder


def analyze(*words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["systemd-analyze", *words], cwd=folder, capture_output=True, text=True, timeout=60,
        env={"SYSTEMD_UNIT_PATH": f"{folder}:", "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_is_clean(name: str, folder: Path) -> None:
    done = analyze("verify", "--man=no", name.replace("@.", "@x."), folder=folder)
    assert complaints(done.stdout + done.stderr) == []


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".service")])
def test_a_unit_is_hardened(name: str, folder: Path) -> None:
    done = analyze("security", "--offline=true", "--no-pager", str(folder / name.replace("@.", "@x.")), folder=folder)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= MOST_EXPOSED.get(name, OTHERWISE)


def test_what_is_said_of_the_service_s_exposure() -> None:
    assert f"exposure {MOST_EXPOSURE} by" in (ROOT / "SECURITY.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["tether.service", "tether-failed@.service"])
def test_the_kernel_can_be_asked_whether_its_clock_is_synchronised(name: str, folder: Path) -> None:
    """daemon.runtime.clockwatch asks: a filter that forbids it has the clock look wrong for good."""
    text = (UNITS / name).read_text(encoding="utf-8")
    assert "ProtectClock" not in re.findall(r"^(\w+)=", text, re.MULTILINE)
    allowed: set[str] = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", text, re.MULTILINE):
        calls = {call for word in line.removeprefix("~").split() for call in _calls(word, folder)}
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    assert allowed & _calls("@clock", folder) == {"adjtimex", "clock_adjtime", "clock_adjtime64"}


def _calls(word: str, folder: Path) -> set[str]:
    """The system calls of a set, and of those in it; one that is none is itself."""
    if not word.startswith("@"):
        return {word}
    said = analyze("syscall-filter", word, folder=folder).stdout
    inside = [line.strip() for line in said.splitlines()[1:] if line.strip() and "#" not in line]
    return {call for each in inside for call in _calls(each, folder)}


DRIVERS = {"ttyUSB": "usbserial", "ttyACM": "cdc_acm"}
"""Groups of devices whose driver is a module, loaded when the first of them is plugged in."""


def test_a_modem_that_is_plugged_in_after_the_start_is_let_in() -> None:
    """systemd allows a group of devices only where its driver is there when the unit starts (systemd.resource-control(5), DeviceAllow=)."""
    text = (UNITS / "tether.service").read_text(encoding="utf-8")
    groups = set(re.findall(r"^DeviceAllow=char-(\S+) rw$", text, re.MULTILINE))
    assert groups >= DRIVERS.keys()
    for word in ("Wants", "After"):
        units = {unit for line in re.findall(rf"^{word}=(.*)$", text, re.MULTILINE) for unit in line.split()}
        assert units >= {f"modprobe@{DRIVERS[group]}.service" for group in groups & DRIVERS.keys()}


def test_the_service_is_told_of_and_watched() -> None:
    text = (UNITS / "tether.service").read_text(encoding="utf-8")
    for line in ("Type=notify-reload", "WatchdogSec=60", "RestartPreventExitStatus=78", "NoNewPrivileges=yes"):
        assert line in text.splitlines()
    assert text.index("Type=notify\n") < text.index("Type=notify-reload\n"), (
        "what systemd 252 does not know it passes over"
    )


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not on this machine")
def test_every_unit_has_its_user_and_a_store_none_of_headquarters(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    of_store = _users(tmp_path, UNITS / "tether.sysusers")
    with_headquarters = _users(tmp_path, UNITS / "tether-hq.sysusers")
    assert of_store == {"tether"}, "a box that is a store has no account that nothing of it uses"
    assert with_headquarters == {"tether", "tether-hq", "tether-nats"}
    groups = {line.partition(":")[0] for line in (tmp_path / "etc/group").read_text().splitlines()}
    for name in NAMES:
        text = (UNITS / name).read_text(encoding="utf-8")
        users = set(re.findall(r"^User=(\S+)$", text, re.MULTILINE))
        assert users <= (with_headquarters if "-hq" in name or "-nats" in name else of_store), name
        assert name.endswith(".timer") or users, f"{name} would run as root"
        wanted = re.findall(r"^(?:Supplementary)?Groups?=(.+)$", text, re.MULTILINE)
        assert {group for line in wanted for group in line.split()} <= groups, name


def _users(root: Path, file: Path) -> set[str]:
    """Those of a system on which there is nothing else, once systemd has seen to that file too."""
    subprocess.run(["systemd-sysusers", f"--root={root}", str(file)], check=True, capture_output=True, timeout=30)
    lines = (root / "etc/passwd").read_text().splitlines()
    assert all(line.endswith(":/usr/sbin/nologin") for line in lines)
    return {line.partition(":")[0] for line in lines}
