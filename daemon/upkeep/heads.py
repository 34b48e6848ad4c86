"""The heads of the record that went out: with the heartbeat, a backup, the owner's mail, to headquarters. Each is noted beside the
database, so that the doctor can hold the record against them; who keeps them elsewhere can do the same.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog

from daemon.config import ConfigError, Settings
from daemon.keys.heads import Head, heads_in, signed, vouched_by
from daemon.keys.keyring import Keyring, keyring
from daemon.upkeep.backup_folder import backup_folder
from daemon.upkeep.backup_store import NAME
from daemon.upkeep.errors import BackupError
from daemon.upkeep.seal_header import BLOCK, MAGIC, read_header
from outbox import Outbox
from outbox.clock import Clock
from outbox.errors import StorageBusy, StorageFull
from outbox.heads import Compared, End, compare

log = structlog.get_logger(__name__)

NOTED_EVERY = 3600.0
"""Seconds: the heartbeat beats often, and each note is a write to the card."""
MOST_NOTED = 400
NEWEST_BACKUPS = 5
WRAPPED = ("quoted-printable", "base64")


class RecordHeads:
    """`current` is for whoever tells the head to the outside; `going_out` notes it as told as well."""

    def __init__(self, box: Outbox, settings: Callable[[], Settings], clock: Clock) -> None:
        self._box = box
        self._settings = settings
        self._clock = clock
        self._noted: tuple[float, int] = (float("-inf"), 0)

    async def current(self) -> Head | None:
        """None: the record is empty. Raises ConfigError, OSError where the box has no key and none can be made."""
        end = await self._box.audit.end()
        return None if end is None else signed(end, keyring(self._settings()).own)

    async def told(self) -> Head | None:
        """The same, noted as told to the outside. Raises ConfigError, OSError."""
        head = await self.current()
        if head is not None:
            self._note(head)
        return head

    def sign(self, end: End) -> Head:
        return signed(end, keyring(self._settings()).own)

    async def going_out(self) -> str:
        """The line to send; "" where there is none to be had, which the log says."""
        try:
            head = await self.told()
        except (ConfigError, OSError, StorageBusy, StorageFull) as error:
            log.error("the record's head can't be read, signed or noted", error=str(error))
            return ""
        return "" if head is None else head.line

    def _note(self, head: Head) -> None:
        last, seq = self._noted
        now = self._clock.monotonic()
        if head.seq != seq and now - last >= NOTED_EVERY:
            note(self._settings(), head)
            self._noted = (now, head.seq)


def heads_path(settings: Settings) -> Path:
    return settings.database.with_name(settings.database.name + ".heads")


def note(settings: Settings, head: Head) -> None:
    """Keep it with those that went out before. Raises OSError."""
    path = heads_path(settings)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    if len(lines) < MOST_NOTED:
        with path.open("a", encoding="utf-8") as file:
            file.write(head.line + "\n")
        return
    part = path.with_name(path.name + ".part")
    part.write_text("\n".join([*lines[-MOST_NOTED // 2 :], head.line]) + "\n", encoding="utf-8")
    part.replace(path)


class KnownHeads(msgspec.Struct, frozen=True):
    """What went out, as far as this machine can see it."""

    ends: Sequence[End]
    forged: int = 0
    """Of those that are noted: how many no key of this box has signed."""


def told(settings: Settings, keys: Keyring) -> KnownHeads:
    """From the note beside the database, and from the newest backups in a store that is a folder. Raises OSError, ConfigError."""
    path = heads_path(settings)
    heads = heads_in(path.read_text(encoding="utf-8", errors="replace")) if path.exists() else []
    genuine = [head.end for head in heads if head.is_genuine and keys.trusts(head.key)]
    return KnownHeads([*genuine, *_in_the_store(settings, keys)], len(heads) - len(genuine))


def _in_the_store(settings: Settings, keys: Keyring) -> Sequence[End]:
    folder = backup_folder(settings)
    if folder is None or not folder.is_dir():
        return []
    files = sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name) and path.suffix == ".backup")
    found = [end_of_backup(path, keys.trusts) for path in files[-NEWEST_BACKUPS:]]
    return [end for end in found if end is not None]


def end_of_backup(path: Path, trusted: Callable[[str], bool]) -> End | None:
    """The head in a sealed backup's signed header; None: it is none of ours."""
    try:
        with path.open("rb") as file:
            header = read_header(file, path.name, trusted)
    except BackupError:
        return None
    return End(header.epoch, header.seq, header.hash, header.made_at) if header.seq else None


def heads_of_file(path: Path, trusted: Callable[[str], bool]) -> Sequence[End]:
    """The heads in a file that somebody kept: a mail, a log, an export, a backup. Raises OSError, ValueError with what is wrong."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2**20))
        text = _unwrapped(file.read()).decode("utf-8", "replace")
        file.seek(0)
        is_backup = file.read(BLOCK).startswith(MAGIC)
    if is_backup:
        end = end_of_backup(path, trusted)
        if end is None:
            raise ValueError("it is a backup that was changed, or that another box made")
        return [end]
    heads = heads_in(text)
    if not heads:
        raise ValueError(
            'no head of a record stands in it: JSON such as {"epoch": ..., "seq": ..., "hash": ..., "at": ..., "key": ..., "signature": ...}'
        )
    for head in heads:
        if not head.is_genuine:
            raise ValueError(f"its head of entry {head.seq} was changed: its signature does not fit")
        if not trusted(head.key):
            raise ValueError(f"its head of entry {head.seq} was signed by another box, {head.key}")
    return [head.end for head in heads]


def _unwrapped(content: bytes) -> bytes:
    """What a saved mail says (RFC 2045): a line as long as a head's is quoted-printable or base64 in it. What is no such mail is as it is."""
    from email import message_from_bytes

    parts = list(message_from_bytes(content).walk())
    if not any(str(part.get("Content-Transfer-Encoding", "")).strip().lower() in WRAPPED for part in parts):
        return content
    said = [part.get_payload(decode=True) for part in parts]
    return b"\n".join(each for each in said if isinstance(each, bytes))


def compared(settings: Settings, ends: Sequence[End], keys: Keyring) -> Sequence[Compared]:
    """How each stands in the store's database. Raises OutboxError."""
    return compare(settings.database, ends, vouched_by(keys.trusts), archived=bool(settings.fleet.store))


def words_of(found: Compared) -> str:
    """What is wrong, in a sentence."""
    place = f"entry {found.end.seq} of epoch {found.end.epoch}"
    if found.standing == "cut":
        return f"{place} was told to the outside, and the record ends before it: entries were cut off"
    return f"{place} was told to the outside, and another stands in its place: the record was written anew"
