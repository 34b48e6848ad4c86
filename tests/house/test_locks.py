"""The two lock files: every package with its hashes, what pyproject.toml asks for, and nothing that harms."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PIN = re.compile(
    r"^([A-Za-z0-9._-]+)==(\S+?)(?: ; (.+?))? \\$((?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)+)", re.MULTILINE
)


def pins(name: str) -> dict[str, str]:
    """Package -> version. Those pinned per platform or Python count once."""
    text = (ROOT / name).read_text(encoding="utf-8")
    found = PIN.findall(text)
    assert len(found) == len(re.findall(r"^\S+==", text, re.MULTILINE)), "a package without a hash"
    return {canonicalize_name(package): version for package, version, _, _ in found}


RUN, DEV = pins("requirements.lock"), pins("requirements-dev.lock")
ASKED = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
EXTRA = [Requirement(line) for lines in PROJECT["project"]["optional-dependencies"].values() for line in lines]
TESTS = [Requirement(line) for line in PROJECT["dependency-groups"]["dev"]]


@pytest.mark.parametrize(("asked", "lock"), [(ASKED, RUN), (ASKED + EXTRA + TESTS, DEV)], ids=["run", "dev"])
def test_what_is_asked_for_is_pinned(asked: list[Requirement], lock: dict[str, str]) -> None:
    wrong = {
        str(each): lock.get(canonicalize_name(each.name))
        for each in asked
        if not each.specifier.contains(lock.get(canonicalize_name(each.name), ""), prereleases=True)
    }
    assert wrong == {}, "run `make lock`"


def test_both_locks_agree() -> None:
    assert {name: version for name, version in RUN.items() if DEV.get(name) != version} == {}


def test_no_package_takes_our_names() -> None:
    """python-daemon installs a top-level `daemon` and silently overwrites ours."""
    assert not {"python-daemon", "outbox", "tui", "daemon"} & (set(RUN) | set(DEV))


def test_the_service_carries_no_tools_of_development() -> None:
    assert not {"pytest", "mypy", "ruff", "pydantic", "apprise", "botocore"} & set(RUN)
