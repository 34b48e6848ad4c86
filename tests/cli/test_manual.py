"""The manual page and the completions name every verb and option that there is, and nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_help import ALL

ROOT = Path(__file__).resolve().parents[2]


def printed(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "daemon", *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def page() -> str:
    return printed("manual")


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("bash") / "tether"
    file.write_text(printed("completion", "bash"))
    return file


def test_the_page_tells_of_every_verb_and_option(page: str) -> None:
    for name, command in ALL.items():
        start = page.index(f".SS tether {name}".replace("-", "\\-"))
        section = page[start : page.find(".SS ", start + 4)]
        for option in command.params:
            for each in option.opts:
                if each.startswith("-"):
                    assert each.replace("-", "\\-") in section, f"{name}: {each}"


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff here")
def test_the_page_means_nothing_to_troff_that_it_should_not(page: str) -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z"], input=page, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("tether ord", {"orders"}),
        ("tether orders sh", {"show"}),
        ("tether --config shop.toml token n", {"new"}),
        ("tether token new till-3 --sc", {"--scope"}),
        ("tether completion --he", {"--help"}),
    ],
)
def test_bash_completes_what_is_typed(bash: Path, typed: str, wanted: set[str]) -> None:
    words = typed.split()
    script = (
        f'source "{bash}"; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _tether_words; echo "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert set(done.stdout.split()) == wanted


def test_the_other_shells_get_theirs() -> None:
    assert printed("completion", "zsh").startswith("#compdef tether\n")
    fish = printed("completion", "fish")
    assert "complete -c tether -f -n '__fish_use_subcommand' -a doctor" in fish
    assert "-n '__fish_seen_subcommand_from token && __fish_seen_subcommand_from new' -l scope" in fish
