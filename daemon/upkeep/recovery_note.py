"""What became of a damaged database, kept in a file beside it: a service that comes up with less than it had says so at each start,
until staff have seen it."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from daemon.upkeep.swap import sync_folder
from outbox.losses import FORGOTTEN, OPTOUTS, RECEIPTS, TOKENS, WORDS
from outbox.salvaged import Salvaged

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
    earlier: tuple[Path, ...] = ()
    """What repairs before it set aside, the newest first."""

    @property
    def words(self) -> str:
        rows = self.salvaged.rows
        back = "`tether restore latest` goes back to a backup"
        means = ", ".join(_MEANS[name] for name in WORDS if name in self.salvaged.lost)
        perhaps = f"; lost may be {means}" if means else ""
        before = f". Set aside before that: {', '.join(path.name for path in self.earlier)}" if self.earlier else ""
        if self.aside is None:
            return f"the database was gone, and a new one was begun{perhaps}{before}; {back}"
        lost = f"; {self.salvaged.optouts_lost} opt-outs are lost" if self.salvaged.optouts_lost else ""
        return (
            f"the database was damaged ({self.trouble}); saved were {rows.get('orders', 0)} orders and "
            f"{rows.get('message', 0)} messages{lost}{perhaps}. The damaged file is {self.aside.name}{before}; {back}"
        )

    def after(self, before: "Recovered") -> "Recovered":
        """Both as one: what there is now, and all that may be lost. Where the file is the same, the repair before came to no end."""
        optouts = self.salvaged.optouts_lost, before.salvaged.optouts_lost
        salvaged = msgspec.structs.replace(
            self.salvaged,
            optouts_lost=max(optouts) if before.aside == self.aside else sum(optouts),
            lost=self.salvaged.lost | before.salvaged.lost,
        )
        asides = (before.aside, *before.earlier)
        earlier = tuple(path for path in asides if path is not None and path != self.aside)
        return msgspec.structs.replace(self, salvaged=salvaged, earlier=earlier)


class Note(msgspec.Struct, frozen=True, kw_only=True):
    at: int
    recovered: Recovered
    """With what had become of it before that, and no audit says."""
    is_recorded: bool = False
    """Whether the new database's own audit says it."""
    before: Recovered | None = None
    """What had become of it before, as the audit says, and staff had not seen."""

    @property
    def words(self) -> str:
        """All that staff have not seen."""
        return self._whole.words

    @property
    def _whole(self) -> Recovered:
        return self.recovered if self.before is None else self.recovered.after(self.before)

    def followed_by(self, recovered: Recovered, now: int) -> "Note":
        if self.is_recorded:
            return Note(at=now, recovered=recovered, before=self._whole)
        return Note(at=now, recovered=recovered.after(self.recovered), before=self.before)


def write(database: Path, recovered: Recovered, now: int) -> None:
    """Durable when it returns: to be called before anything takes the database's place. What staff, or the audit, don't know yet of a repair
    before it stays to be told."""
    known = unseen(database)
    _keep(database, Note(at=now, recovered=recovered) if known is None else known.followed_by(recovered, now))


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
