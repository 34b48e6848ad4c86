"""The Debian package, `tether install`, the watchdog, upgrades and their way back, in a real Debian that is booted for it.

It takes a few minutes, root, debootstrap, qemu, and a package mirror, so it runs when asked: `make boot-test`. What it needs is
kept in build/boot. boot/trial.sh is what happens inside.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.appliance.checks.unit import MOST_EXPOSURE
from daemon.packaging.minisign import SUFFIX, SecretKey, public_text, sign

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("TETHER_BOOT_CACHE", ROOT / "build" / "boot"))
PACKAGES = "systemd,systemd-sysv,udev,dbus,python3,python3-venv,linux-image-cloud-amd64,libpam-systemd,procps"
MIRROR = "http://deb.debian.org/debian"
QEMU = ["qemu-system-x86_64", "-m", "1536", "-smp", "2", "-no-reboot"]
QEMU += ["-display", "none", "-monitor", "none", "-nic", "none"]
BY_KVM = ("-accel", "kvm", "-cpu", "host")
EMULATED = ("-accel", "tcg,thread=multi", "-cpu", "max")
SLOWNESS = 6
"""How many times longer all may take where it is emulated."""
KEY = SecretKey.new()
BOOT_SECONDS = 900
EMULATED_SECONDS = 3000
_LINE = re.compile(r"TRIAL (ok|FAIL) (.+?)\r?\n((?:    .*\r?\n)*)")


def run(*command: str | Path, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"


def debian() -> Path:
    """A Debian tree, made once."""
    tree = CACHE / "root"
    if not (tree / "boot").is_dir() or not list((tree / "boot").glob("vmlinuz-*")):
        CACHE.mkdir(parents=True, exist_ok=True)
        run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "trixie", tree, MIRROR)
    return tree


def runs_by_kvm(kernel: Path) -> bool:
    """Some nested ones can't run a whole machine: they stop in its firmware, or at a register of the processor's. A kernel that finds no
    disk gives up at once, and the machine ends."""
    if not os.access("/dev/kvm", os.W_OK):
        return False
    machine = [*QEMU, *BY_KVM, "-kernel", kernel, "-append", "panic=-1"]
    try:
        return subprocess.run(machine, stdin=subprocess.DEVNULL, timeout=60, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def wheels_into(folder: Path, python: str) -> None:
    """All dependencies for the Python inside, so that nothing there needs the internet."""
    lock = ROOT / "requirements.lock"
    cached = CACHE / f"wheels-{python}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if not cached.is_dir():
        part = cached.with_name(f"{cached.name}.part")
        levels = (*(f"manylinux_2_{n}" for n in (17, 24, 26, 27, 28, 31, 34)), "manylinux2014")
        tags = [word for level in levels for word in ("--platform", f"{level}_x86_64")]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--only-binary=:all:"]
        run(*pip, "--implementation", "cp", "--python-version", python, *tags, "--dest", part, "--requirement", lock)
        part.rename(cached)
    shutil.copytree(cached, folder)


def python_in(tree: Path) -> str:
    """Such as "3.13": the Debian's, whatever runs the tests."""
    return (tree / "usr/bin/python3").readlink().name.removeprefix("python")


BROKEN = {
    "0.1.0": {},
    "0.2.0": {},
    "0.3.0": {
        "daemon/runtime/app.py": (
            "    notifier = Notifier(clock)\n",
            "    raise SystemExit(3)\n    notifier = Notifier(clock)\n",
        )
    },
    "0.4.0": {
        "daemon/runtime/app.py": (
            "            news = [] if note is None else [note.words]\n",
            "            raise SystemExit(3)\n",
        )
    },
}
"""Release -> what is put in place of what: one that never starts, and one that brings the database to a schema of its own first."""


def with_faults(version: str) -> dict[str, str]:
    """File -> what it says in that release."""
    said = {"daemon/__init__.py": (ROOT / "daemon/__init__.py").read_text()}
    assert said["daemon/__init__.py"].count('"0.1.0"') == 1
    said["daemon/__init__.py"] = said["daemon/__init__.py"].replace('"0.1.0"', f'"{version}"')
    for file, (old, new) in BROKEN[version].items():
        text = (ROOT / file).read_text()
        assert text.count(old) == 1, f"{file} has changed: mend BROKEN"
        said[file] = text.replace(old, new)
    return said


def release(version: str, folder: Path, scratch: Path) -> None:
    """A wheel of this tree under that version, with the faults of `BROKEN`."""
    tree = scratch / version
    tree.mkdir()
    for name in ("daemon", "outbox", "tui", "templates", "systemd"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "LICENSE", "pyproject.toml", "requirements.lock"):
        shutil.copyfile(ROOT / name, tree / name)
    for file, text in with_faults(version).items():
        (tree / file).write_text(text)
    if version == "0.4.0":
        steps = sorted((tree / "outbox/sql/migrations").glob("*.sql"))
        number = int(steps[-1].name[:4]) + 1
        (steps[-1].parent / f"{number:04}_trial.sql").write_text(
            f"CREATE TABLE trial (seq INTEGER PRIMARY KEY) STRICT;\nPRAGMA user_version = {number};\n"
        )
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, tree)
    (wheel,) = folder.glob(f"tether_box-{version}-*.whl")
    wheel.with_name(wheel.name + SUFFIX).write_text(sign(wheel, KEY, f"file:{wheel.name} release:{version}"))


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the machine says on its console, from its start to its end."""
    assert os.geteuid() == 0, "debootstrap takes root"
    missing = [program for program in ("debootstrap", "qemu-system-x86_64", "mkfs.ext4") if not shutil.which(program)]
    assert not missing, f"{missing} are needed: debootstrap, qemu-system-x86 and e2fsprogs have them"
    scratch = tmp_path_factory.mktemp("boot")
    tree = scratch / "root"
    run("cp", "-a", debian(), tree)
    kernel, initrd = (next((tree / "boot").glob(f"{kind}-*")) for kind in ("vmlinuz", "initrd.img"))
    kvm = runs_by_kvm(kernel)
    home = tree / "root"
    run("make", "deb", cwd=ROOT)
    shutil.copyfile(
        max((ROOT / "dist").glob("tether_*_amd64.deb"), key=lambda deb: deb.stat().st_mtime), home / "tether.deb"
    )
    wheels_into(home / "wheels", python_in(tree))
    (home / "release.pub").write_text(public_text(KEY.public))
    for version in BROKEN:
        release(version, home, scratch)
    shutil.copyfile(ROOT / "tests/appliance/boot/trial.sh", home / "trial.sh")
    (home / "trial.sh").chmod(0o755)
    (home / "slow").write_text(f"{1 if kvm else SLOWNESS}\n")
    (home / "exposure").write_text(f"{MOST_EXPOSURE}\n")
    (tree / "etc/systemd/system/trial.service").write_text(
        "[Unit]\nAfter=multi-user.target\n[Service]\nType=exec\nExecStart=/root/trial.sh\n[Install]\nWantedBy=multi-user.target\n"
    )
    wants = tree / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    (wants / "trial.service").symlink_to("/etc/systemd/system/trial.service")
    (tree / "etc/fstab").write_text("/dev/vda / ext4 defaults 0 1\n")
    image = scratch / "disk.img"
    run("truncate", "-s", "4G", image)
    run("mkfs.ext4", "-q", "-d", tree, image)
    console, told = scratch / "console.log", scratch / "trial.log"
    machine = [*QEMU, *(BY_KVM if kvm else EMULATED), "-serial", f"file:{console}", "-serial", f"file:{told}"]
    machine += ["-kernel", str(kernel), "-initrd", str(initrd), "-append", "root=/dev/vda rw console=ttyS0 quiet"]
    machine += ["-drive", f"file={image},format=raw,if=virtio,cache=unsafe"]
    bound = BOOT_SECONDS if kvm else EMULATED_SECONDS
    try:
        subprocess.run(machine, stdin=subprocess.DEVNULL, timeout=bound, check=False)
    except subprocess.TimeoutExpired:
        pytest.fail(f"the machine did not end; it said:\n{told.read_text(errors='replace')[-3000:]}")
    finally:
        shutil.rmtree(tree, ignore_errors=True)
        image.unlink()
    return told.read_text(errors="replace") or console.read_text(errors="replace")


@pytest.mark.parametrize("version", BROKEN)
def test_each_fault_has_its_place_in_the_tree(version: str) -> None:
    """Which no boot is needed to know, and few changes boot a machine."""
    with_faults(version)


@pytest.mark.timeout(EMULATED_SECONDS + 900)
@pytest.mark.skipif(not os.environ.get("TETHER_BOOT"), reason="boots a machine: `make boot-test` asks for it")
def test_everything_that_was_tried_inside_worked(said: str) -> None:
    tried = _LINE.findall(said)
    failed = [f"{what}\n{words}" for verdict, what, words in tried if verdict == "FAIL"]
    assert not failed, "\n".join(failed)
    assert "TRIAL end" in said, said[-3000:]
    script = (ROOT / "tests/appliance/boot/trial.sh").read_text()
    assert len(tried) == len(re.findall(r'^trial "', script, re.MULTILINE)), "not all of trial.sh was reached"
