"""What a terminal was set to, for the next time: the language and the colours. One small file of the user who runs the screen."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from tui.i18n import LANGUAGES
from tui.terminal.themes import THEME_NAMES

MOST = 50
"""Terminals that are remembered: the oldest is forgotten."""


class Looks(msgspec.Struct, frozen=True, omit_defaults=True):
    """Empty: as the store and the program have it."""

    language: str = ""
    theme: str = ""


class Memory:
    """The looks of one terminal, in `file`. A file that can't be read is as none; one that can't be written is told by `remember`."""

    def __init__(self, file: Path, terminal: str) -> None:
        self._file = file
        self._terminal = terminal

    def looks(self) -> Looks:
        found = self._all().get(self._terminal, Looks())
        return Looks(
            found.language if found.language in LANGUAGES else "", found.theme if found.theme in THEME_NAMES else ""
        )

    def remember(self, **changed: str) -> None:
        """Raises OSError where the file can't be written."""
        known = self._all()
        mine = msgspec.structs.replace(known.pop(self._terminal, Looks()), **changed)
        kept = [*known.items()][-(MOST - 1) :]
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._file.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(msgspec.json.encode(dict([*kept, (self._terminal, mine)])))
        fresh.replace(self._file)

    def _all(self) -> dict[str, Looks]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, Looks])
        except (OSError, msgspec.MsgspecError):
            return {}


def own_folder(environ: Mapping[str, str]) -> Path:
    """Where this user's screens keep what they know."""
    state = environ.get("XDG_STATE_HOME", "")
    base = Path(state) if Path(state).is_absolute() else Path(environ.get("HOME") or "/") / ".local" / "state"
    return base / "tether"


def terminal_of(environ: Mapping[str, str], ttyname: Callable[[], str]) -> str:
    """What tells one terminal from another, and is the same tomorrow: the machine that one comes from, the console, or the
    kind of window; a browser is told apart by the web counter."""
    if browser := environ.get("TETHER_BROWSER"):
        return f"browser {browser}"
    if ssh := environ.get("SSH_CONNECTION", "").split(" ")[0]:
        return f"ssh {ssh}"
    try:
        name = ttyname()
    except OSError:
        name = ""
    if name.startswith("/dev/tty"):
        return name.removeprefix("/dev/")
    return f"window {environ.get('TERM_PROGRAM') or environ.get('TERM') or ''}".strip()
