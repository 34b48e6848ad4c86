"""Every verb says what it does, with an example that the verb itself understands."""

import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from daemon.cli import VERBS, modules
from daemon.cli.frame import app, explain

for module in modules():
    import_module(f"daemon.cli.{module}")

PUBLIC = {
    "run", "demo", "tui", "init", "doctor", "status", "event", "send", "orders", "messages", "retry", "cancel", "channels",
    "templates check", "templates preview", "token new", "token list", "token revoke", "optout add", "optout remove",
    "optout list", "audit verify", "audit export", "forget", "backup", "restore", "sandbox", "modem info", "modem test",
    "modem ussd", "install", "uninstall", "upgrade",
}  # fmt: skip
"""What is promised to stay."""


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every verb by its words; a group that can be called by itself is one too."""
    below = getattr(command, "commands", {})
    if not below or (command.invoke_without_command and path):
        yield " ".join(path), command
    for name, each in below.items():
        yield from commands(each, (*path, name))


ROOT: Any = typer.main.get_command(app)
ALL = dict(commands(ROOT))


def example(name: str) -> str:
    told = ALL[name].epilog
    assert told.startswith("Example: "), f"tether {name} gives no example"
    return str(told.removeprefix("Example: ").removeprefix("sudo "))


def test_all_that_is_promised_is_there() -> None:
    assert set(ALL) >= PUBLIC
    assert {name.split()[0] for name in ALL} == set(VERBS)


def test_the_list_of_verbs_says_of_each_what_its_own_help_says() -> None:
    assert {name: verb.summary for name, verb in VERBS.items()} == {
        name: ROOT.commands[name].get_short_help_str(200) for name in VERBS
    }


@pytest.mark.parametrize("name", ALL)
def test_help_tells_what_it_does_and_gives_an_example(name: str) -> None:
    command = ALL[name]
    assert command.help or command.callback.__doc__
    assert example(name).startswith(f"tether {name.split()[0]}")
    assert all(option.help for option in command.params if option.name != "context"), "an option without its help"


@pytest.mark.parametrize("name", ALL)
def test_the_example_is_understood(name: str) -> None:
    words = shlex.split(example(name).removeprefix("tether "))
    stops = [n for n, word in enumerate(words) if word in ("&&", "|", ">") or word.startswith("(")]
    words = words[: stops[0]] if stops else words
    words = [word.rstrip(",") for word in words[: next((n + 1 for n, w in enumerate(words) if w.endswith(",")), None)]]
    command: Any = ROOT
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    command.make_context(name, words)


def groups(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, each in getattr(command, "commands", {}).items():
        if getattr(each, "commands", {}):
            yield " ".join((*path, name)), each
        yield from groups(each, (*path, name))


def test_each_group_gives_an_example_of_its_own() -> None:
    found = {name: group.epilog or "" for name, group in groups(ROOT)}
    assert {name for name, told in found.items() if not told.startswith("Example: ")} == set()


@pytest.mark.parametrize("name", [name for name in ALL if len(example(name)) > 60])
def test_a_long_example_can_be_copied_into_a_shell(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Broken at the edge of the window, its first line ran as a command of its own."""
    app(args=[*name.split(), "--help"], prog_name="tether", standalone_mode=False)
    assert f"  {ALL[name].epilog}\n" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("--language", "it"), ("--theme", "blue"), ("--url", "pi:8787")])
def test_a_screen_that_can_t_be_opened_so_blames_no_other_option(
    words: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tether.toml").touch()
    with pytest.raises(SystemExit), explain():
        app(args=["tui", *words], prog_name="tether", standalone_mode=False)
    _, told = capsys.readouterr().err.split("Error:")
    assert words[1] in told
    assert "for --url" not in told


def test_wrong_use_is_answered_with_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), explain():
        app(args=["token", "new"], prog_name="tether", standalone_mode=False)
    assert capsys.readouterr().err.endswith(f"\n\n{ALL['token new'].epilog}\n")


ACTS = (
    "retry", "cancel", "orders hold", "orders release", "orders status", "optout add", "optout remove", "token revoke", "channels pause",
    "channels resume", "uplink", "modem test", "modem ussd", "reload", "export-person",
)  # fmt: skip


@pytest.mark.parametrize("name", ACTS)
def test_a_script_may_read_what_an_act_led_to(name: str) -> None:
    assert any("--json" in option.opts for option in ALL[name].params)


@pytest.mark.parametrize("name", ALL)
def test_what_a_verb_does_is_said_in_a_short_sentence(name: str) -> None:
    *group, own = name.split()
    beside = [each.split()[-1] for each in ALL if each.split()[:-1] == group]
    room = 80 - len("    ") - max(len(each) for each in beside) - len("  ")
    assert not ALL[name].get_short_help_str(room).endswith("..."), f"the list of verbs would cut what {own} does"


def test_no_example_puts_a_token_where_every_login_can_read_it() -> None:
    """`ps` shows the arguments of a screen that is open all day."""
    assert [name for name in ALL if "--token " in example(name)] == []
    guide = Path(__file__).parents[2] / "docs" / "counter.md"
    assert "--token" not in guide.read_text(encoding="utf-8")
