"""Help comes at once: to print it, no verb loads what it works with, nor what another does."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAY = """
import contextlib, io, json, sys
from daemon.cli import VERBS, main

def loaded():
    foreign = {name.split(".")[0] for name, module in sys.modules.items() if "site-packages" in (getattr(module, "__file__", "") or "")}
    return foreign | {"asyncio", "email", "sqlite3", "ssl"} & sys.modules.keys()

found, before = {}, loaded()
for words in eval(sys.argv[1]):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main(words)
    assert out.getvalue(), words
    found[" ".join(words)] = sorted(loaded() - before)
print(json.dumps(found))
"""
COMMAND_LINE = {"typer", "annotated_doc", "shellingham", "typing_extensions", "msgspec"}


def loaded_by(words: str) -> dict[str, set[str]]:
    """What each of these commands, run in turn in one process, has loaded of other people's libraries and of the heavy ones of Python."""
    done = subprocess.run(
        [sys.executable, "-c", SAY, words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return {said: set(libraries) for said, libraries in json.loads(done.stdout).items()}


def test_no_help_loads_more_than_the_command_line_itself() -> None:
    found = loaded_by('[["--help"], *([verb, "--help"] for verb in VERBS)]')
    assert len(found) > 30
    assert {said: libraries - COMMAND_LINE for said, libraries in found.items() if libraries - COMMAND_LINE} == {}


def test_the_release_is_told_without_the_command_line() -> None:
    assert not loaded_by('[["--version"]]')["--version"] & {"typer", "asyncio", "msgspec"}
