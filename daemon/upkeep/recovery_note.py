"""What became of a damaged database, kept in a file beside it: a service that comes up with less than it had says so at each start,
until staff have seen it."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from daemon.upkeep.swap import sync_folder
from outbox.losses import FORGOTTEN, OPTOUTS, RECEIPTS, TOKENS, WORDS
from outbox.salvage import Salvaged

_MEANS: Mapping[str, str] = {
    OPTOUTS: "opt-outs (who wants no more may be written to)",
    FORGOTTEN: "forgettings (a backup brings back who was forgotten)",
    TOKENS: "tokens (a till may be refused)",
    RECEIPTS: "what was sent or received (it may be sent or taken again)",
}


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What was wrong, where the damaged file is, and what was saved of it."""

    trouble: str
    aside: Path | None
    """None: there was nothing to set aside."""
    salvaged: Salvaged

    @property
    def words(self) -> str:
        rows = self.salvaged.rows
        back = "`tether restore latest` goes back to a backup"
        means = ", ".join(_MEANS[name] for name in WORDS if name in self.salvaged.lost)
        perhaps = f"; lost may be {means}" if means else ""
        if self.aside is None:
            return f"the database was gone, and a new one was begun{perhaps}; {back}"
        lost = f"; {self.salvaged.optouts_lost} opt-outs are lost" if self.salvaged.optouts_lost else ""
        return (
            f"the database was damaged ({self.trouble}); saved were {rows.get('orders', 0)} orders and "
            f"{rows.get('message', 0)} messages{lost}{perhaps}. The damaged file is {self.aside.name}; {back}"
        )


class Note(msgspec.Struct, frozen=True, kw_only=True):
    at: int
    recovered: Recovered
    is_recorded: bool = False
    """Whether the new database's own audit says it."""


def write(database: Path, recovered: Recovered, now: int) -> None:
    """Durable when it returns: to be called before anything takes the database's place."""
    _keep(database, Note(at=now, recovered=recovered))


def unseen(database: Path) -> Note | None:
    """None: nothing became of it, or staff have seen what did."""
    path = _path(database)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Note, dec_hook=_hook)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, ValueError, OSError):  # damage reaches notes too: that there was one is what counts
        lost = Recovered(
            trouble="what was wrong can't be read any more",
            aside=path,
            salvaged=Salvaged(rows={}, dropped=0, optouts_lost=0, lost=frozenset(WORDS)),
        )
        return Note(at=0, recovered=lost)


def recorded(database: Path) -> None:
    """The audit says it now."""
    if (note := unseen(database)) is not None:
        _keep(database, msgspec.structs.replace(note, is_recorded=True))


def seen(database: Path) -> bool:
    """Staff have seen it: nobody is told any more. False: there was nothing to see."""
    path = _path(database)
    if not path.exists():
        return False
    path.unlink()
    sync_folder(path.parent)
    return True


def _path(database: Path) -> Path:
    return database.with_name(database.name + ".recovered.json")


def _keep(database: Path, note: Note) -> None:
    path = _path(database)
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(note, enc_hook=str))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def _hook(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"can't read a {kind.__name__}")
