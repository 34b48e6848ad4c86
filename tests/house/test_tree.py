"""The tree itself: sizes, names, and words that have no business in it."""

import ast
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 400
LONG_WITH_REASON = {
    "tests/planning/test_render.py": "one renderer's whole behaviour, case by case",
}
TEXT = {".py", ".md", ".toml", ".j2", ".sql", ".tcss", ".html", ".css", ".sh", ".service", ".timer", ".yml", ""}
NOT_OURS = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|proxy\.golang\.org"  # whence packages come is each machine's business
    r"|/root/\.|/home/(?!balloons)\w+/"  # nobody else has these folders
    r"|\bTODO\b|\bFIXME\b|\bXXX\b(?!X)"
)


def tracked() -> list[Path]:
    """The files of the tree that are there, as git knows them: whatever else lies about is nobody's."""
    git = shutil.which("git")
    done = git and subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if not done or done.returncode != 0:
        pytest.skip("this is no git work tree", allow_module_level=True)
    return [file for name in done.stdout.split("\0") if name and (file := ROOT / name).is_file()]


FILES = tracked()
SOURCES = [file for file in FILES if file.suffix == ".py"]


DOCSTRING = re.compile(rb'"""(?:(?!""").)+"""\r?\n', re.DOTALL)
"""What needs no parsing to be known for one: it stands at the very beginning, and ends its line."""


def test_no_source_file_is_too_long() -> None:
    lengths = {str(file.relative_to(ROOT)): file.read_bytes().count(b"\n") for file in SOURCES}
    assert {name for name, length in lengths.items() if length > LONGEST} == set(LONG_WITH_REASON)


def test_every_module_says_why_it_exists() -> None:
    silent = [
        str(file.relative_to(ROOT))
        for file in SOURCES
        if not DOCSTRING.match(code := file.read_bytes())
        and (tree := ast.parse(code)).body
        and ast.get_docstring(tree) is None
    ]
    assert silent == []


def test_folders_of_tests_shadow_no_package() -> None:
    names = {file.relative_to(ROOT / "tests").parts[0] for file in SOURCES if file.is_relative_to(ROOT / "tests")}
    assert not names & {"daemon", "outbox", "tui", "templates", "systemd"}
    packages = [str(file) for file in FILES if file.name == "__init__.py" and file.relative_to(ROOT).parts[0] not in
                ("daemon", "outbox", "tui")]  # fmt: skip
    assert packages == [], "an __init__.py there would shadow python3-systemd or a package of ours"


def test_no_word_that_belongs_elsewhere() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for file in FILES
        if file.suffix in TEXT and file != Path(__file__)
        for match in NOT_OURS.finditer(file.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_ci_runs_what_make_test_runs() -> None:
    run = ROOT / ".ci" / "run"
    assert run.stat().st_mode & stat.S_IXUSR
    assert os.access(run, os.X_OK)
    assert "make test" in run.read_text()


def test_links_between_pages_lead_somewhere() -> None:
    dead = [
        f"{file.relative_to(ROOT)} -> {target}"
        for file in FILES
        if file.suffix == ".md"
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", file.read_text(encoding="utf-8"))
        if not (file.parent / target).exists()
    ]
    assert dead == []
