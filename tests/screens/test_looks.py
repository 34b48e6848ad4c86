"""Language and colours change while the screen runs, from the command palette, and are remembered for the terminal."""

from pathlib import Path

import pytest

from tests.support.counter import opened
from tui.i18n import LANGUAGES
from tui.terminal.memory import Looks, Memory, own_folder, terminal_of


@pytest.mark.parametrize(
    ("language", "board", "order"),
    [
        ("es", "tablero", "Avisado por SMS"),
        ("fr", "tableau", "Prévenu par SMS"),
        ("de", "Tafel", "Benachrichtigt per SMS"),
    ],
)
async def test_every_page_speaks_the_language_that_was_chosen(
    tmp_path: Path, language: str, board: str, order: str
) -> None:
    memory = Memory(tmp_path / "screens.json", "tty1")
    async with opened(remember=memory.remember) as counter:
        await counter.press("3", "1")
        counter.app.open_order("B-1042")
        await counter.see("Told by text")
        await counter.command(f"language: {LANGUAGES[language]}")
        await counter.see(order, "B-1042")
        await counter.press("escape")
        await counter.see(board)
        assert memory.looks() == Looks(language=language)
        await counter.press("3")
        await counter.until(lambda: "The line is up" not in counter.text)


async def test_a_step_can_be_undone_over_a_change_of_language(tmp_path: Path) -> None:
    async with opened() as counter:
        await counter.press("n")
        await counter.see("READY")
        await counter.press("enter")
        await counter.see("u undo")
        await counter.command("language: Deutsch")
        await counter.see("u zurücknehmen")
        await counter.press("u")
        await counter.until(lambda: counter.posted("/undo"))


async def test_colours_are_kept_too(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "deep" / "screens.json", "tty1")
    async with opened(remember=memory.remember) as counter:
        await counter.command("colours: light")
        await counter.see("It stays so on this terminal.")
        assert counter.app.theme == "light"
    assert memory.looks() == Looks(theme="light")
    assert Memory(tmp_path / "deep" / "screens.json", "tty2").looks() == Looks()


async def test_what_cannot_be_kept_is_told() -> None:
    def full(**changed: str) -> None:
        raise OSError(28, "No space left on device")

    async with opened(remember=full) as counter:
        await counter.command("colours: light")
        await counter.see("can't be kept for the next time: No space left")
        assert counter.app.theme == "light"


def test_a_broken_or_strange_file_is_as_none(tmp_path: Path) -> None:
    file = tmp_path / "screens.json"
    memory = Memory(file, "tty1")
    assert memory.looks() == Looks()
    for content in (b"\xff", b"[]", b'{"tty1": {"language": 5}}', b'{"tty1": {"language": "xx", "theme": "../.."}}'):
        file.write_bytes(content)
        assert memory.looks() == Looks()
    memory.remember(theme="contrast")
    memory.remember(language="fr")
    assert memory.looks() == Looks("fr", "contrast")


def test_only_so_many_terminals_are_remembered(tmp_path: Path) -> None:
    for number in range(60):
        Memory(tmp_path / "screens.json", f"browser {number}").remember(language="fr")
    assert Memory(tmp_path / "screens.json", "browser 0").looks() == Looks()
    assert Memory(tmp_path / "screens.json", "browser 59").looks() == Looks("fr")


@pytest.mark.parametrize(
    ("environ", "tty", "name"),
    [
        ({"SSH_CONNECTION": "192.168.1.20 51234 192.168.1.5 22"}, "/dev/pts/3", "ssh 192.168.1.20"),
        ({"TERM": "linux"}, "/dev/tty1", "tty1"),
        ({"TERM": "xterm-256color"}, "/dev/pts/3", "window xterm-256color"),
        ({"TETHER_BROWSER": "k3", "SSH_CONNECTION": "x"}, "", "browser k3"),
    ],
)
def test_terminals_are_told_apart_by_what_is_the_same_tomorrow(environ: dict[str, str], tty: str, name: str) -> None:
    assert terminal_of(environ, lambda: tty) == name


def test_without_a_terminal_it_is_a_window() -> None:
    def none() -> str:
        raise OSError(25, "Inappropriate ioctl for device")

    assert terminal_of({}, none) == "window"


def test_the_folder_is_the_users_own() -> None:
    assert own_folder({"HOME": "/users/kim"}) == Path("/users/kim/.local/state/tether")
    assert own_folder({"HOME": "/users/kim", "XDG_STATE_HOME": "/state"}) == Path("/state/tether")
    assert own_folder({"HOME": "/users/kim", "XDG_STATE_HOME": "relative"}) == Path("/users/kim/.local/state/tether")
