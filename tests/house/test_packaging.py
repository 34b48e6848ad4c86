"""What is shipped: the wheel holds all that the program reads, and works where nothing but the wheel is."""

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from daemon.appliance.release import LOCK_IN_WHEEL
from tests.support.busy import PROCESS_SECONDS

ROOT = Path(__file__).parents[2]
PACKAGES = ("daemon", "outbox", "tui")
FETCH_SECONDS = 150


@pytest.fixture(scope="module")
def build_backend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what builds the wheel. Skips the tests where the network does not give it; that an index has none that will do fails."""
    folder = tmp_path_factory.mktemp("backend")
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--dest", folder, *asked],
            capture_output=True, text=True, timeout=FETCH_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.skip(f"the build backend can't be fetched within {FETCH_SECONDS} s")
    if done.returncode:
        assert "from versions: none" in done.stderr or "No matching distribution" not in done.stderr, done.stderr
        pytest.skip(f"the build backend can't be fetched: {done.stderr[-500:].strip()}")
    return folder


@pytest.fixture(scope="module")
def wheel(build_backend: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [
            sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--find-links", build_backend,
            "--wheel-dir", folder, ROOT,
        ],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean environment's Python: our wheel, and of this environment only the libraries."""
    folder = tmp_path_factory.mktemp("clean")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site, wheel],
        check=True,
    )
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


def ask(python: Path, code: str, folder: Path) -> str:
    """Run that in the clean environment, away from the tree."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [python, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=PROCESS_SECONDS
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_every_file_of_the_tree(wheel: Path) -> None:
    shipped = set(zipfile.ZipFile(wheel).namelist())
    code = {
        str(file.relative_to(ROOT))
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    units = {f"daemon/_systemd/{file.name}" for file in (ROOT / "systemd").iterdir() if file.is_file()}
    assert len(units) > 5
    texts = {f"daemon/_templates/{file.relative_to(ROOT / 'templates')}" for file in (ROOT / "templates").rglob("*.j2")}
    assert len(texts) > 100
    assert not (code | texts | units | {LOCK_IN_WHEEL}) - shipped
    assert {f"{package}/py.typed" for package in PACKAGES} <= shipped
    assert not {name for name in shipped if name.startswith(("tests/", "templates/", "systemd/", "docs/"))}


def test_the_program_starts_and_finds_its_texts(installed: Path, tmp_path: Path) -> None:
    assert "tether demo" in ask(installed, "from daemon.cli import main; main(['--help'])", tmp_path)
    where = ask(installed, "import daemon; print(daemon.__file__)", tmp_path)
    assert str(installed.parents[1]) in where, "the wheel is what ran"
    check = "from daemon.cli import main; main(['templates', 'check', '--json'])"
    assert json.loads(ask(installed, check, tmp_path)) == []


def test_every_module_can_be_imported(installed: Path, tmp_path: Path) -> None:
    code = """
import importlib, pkgutil
for package in ("daemon", "outbox", "tui"):
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""
    ask(installed, code, tmp_path)


def test_the_packages_are_nobody_elses(installed: Path, tmp_path: Path) -> None:
    """`daemon` is also python-daemon's top-level name: with it in the same environment, one overwrites the other."""
    code = "import importlib.metadata, json; print(json.dumps(importlib.metadata.packages_distributions()))"
    owners = json.loads(ask(installed, code, tmp_path))
    assert {name: set(owners[name]) for name in PACKAGES} == {name: {"tether-box"} for name in PACKAGES}


def test_nobody_is_sent_to_an_index_for_a_name_that_is_not_ours() -> None:
    """It is on none ("Private :: Do Not Upload"): whoever takes the name there would be installed by our owners."""
    assert "Private :: Do Not Upload" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    files = [path for folder in ("daemon", "docs", "tui") for path in (ROOT / folder).rglob("*.*")]
    told = [
        path for path in files if path.suffix in (".py", ".md") and "install 'tether-box" in path.read_text("utf-8")
    ]
    assert told == []
