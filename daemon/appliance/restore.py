"""Puts a backup in the database's place: proved first, what it replaces kept aside, nothing sent that may have been sent since.

The order is: fetch, know whose it is, open it beside the database, prove (every page, the chain, the counts), let it begin a new epoch
and decide on what waited in it, and only then swap the files. Until the swap nothing has changed.
"""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from daemon import VERSION
from daemon.appliance.opening import Openers, open_backup
from daemon.config import Settings
from daemon.keys.box_key import BoxKey
from daemon.keys.digests import BoxKeys
from daemon.keys.heads import vouch
from daemon.keys.keyring import keyring
from daemon.planner.identity import StoreIdentities
from daemon.upkeep.archive import Manifest, free_in
from daemon.upkeep.errors import BackupError
from daemon.upkeep.recover import mark_path, not_mounted
from daemon.upkeep.seal_header import Header
from daemon.upkeep.swap import put_in_place, set_aside
from outbox import Outbox
from outbox.carry import ACTOR, Carried
from outbox.clock import Clock
from outbox.confirmation import RestoredFrom
from outbox.digest import Keys
from outbox.errors import OutboxError
from outbox.heads import Break, End, newest_end
from outbox.lock import Lock
from outbox.losses import WORDS
from outbox.migrate import migrations
from outbox.model import Message, State
from outbox.promises import Promises, promises_of
from outbox.proof import Proof, prove, trouble_with
from outbox.rekey import rekey

OPEN = (State.QUEUED, State.SENDING, State.HELD, State.UNKNOWN)
PAGE = 500
AHEAD_MS = 300_000
"""Clocks of two machines that are right differ by less."""
COPIES = 2
"""In which a backup lies beside the database before anything is unpacked: as it came, and opened."""
RESTORED = "backup.restored"

Fetch = Callable[[Path, int], Awaitable[None]]
"""Brings a backup to that path; it may have so many bytes. Raises BackupError."""


class Proved(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that holds what its manifest says."""

    manifest: Manifest
    header: Header | None
    """None: one of an earlier release, neither encrypted nor signed."""
    doubtful: int
    """Messages that were due, under way or of unknown outcome when it was made: they may have been sent since."""
    later: int
    """Messages that are not due yet: they stay as they are."""
    lost: Mapping[str, str]
    """What was promised since and can't be carried over, by its name, with what that means."""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    proof: Proof
    epoch: str
    aside: Path | None
    """Where the database that was there is now."""
    cancelled: int
    carried: Carried
    forgotten: int
    """Addresses of people who were forgotten since, and are again."""
    texts: Mapping[str, bytes]
    """The shop's own that were in the backup, by their names: `bring_back` is for who may write beside tether.toml."""


class Origin(msgspec.Struct, frozen=True):
    """What the new history begins with: what the backup's record ends with, and that of the database it replaces; and who says so."""

    key: BoxKey
    kept: End | None
    replaced: End | None


class Candidate:
    """A backup that is unpacked beside the database and proved, and has replaced nothing."""

    def __init__(
        self,
        settings: Settings,
        path: Path,
        name: str,
        proved: Proved,
        promises: Promises,
        keys: Keys,
        origin: Origin,
        clock: Clock,
        rng: random.Random,
        texts: Mapping[str, bytes],
    ) -> None:
        self.proved = proved
        self._texts = texts
        self._promises = promises
        self._origin = origin
        self._keys = keys
        self._settings = settings
        self._path = path
        self._name = name
        self._clock = clock
        self._rng = rng

    async def put_in_place(self, *, send_waiting: bool) -> Restored:
        """`send_waiting`: what waited is sent, though it may have been sent since. Else it is cancelled, and staff may send it
        again by hand. What the replaced database promised since holds on, and texts wait until staff confirm."""
        made_at = self.proved.manifest.made_at
        made = datetime.fromtimestamp(made_at / 1000, UTC)
        identities = StoreIdentities(self._settings.store.country)
        opened = Outbox.open(self._path, clock=self._clock, rng=self._rng, keys=self._keys, identities=identities)
        async with opened as box:
            epoch = await box.audit.begin_epoch(f"restored from {self._name}", actor=ACTOR)
            await box.spool.rescue()
            carried = await box.promises.carry(self._promises, made_at=made_at)
            forgotten = await box.people.forget_again(self._promises.forgotten, actor=ACTOR)
            cancelled = 0 if send_waiting else await self._cancel(box, made)
            left = Break(epoch, self._origin.kept, self._origin.replaced, self._clock.now())
            detail = {
                **vouch(self._origin.key, RESTORED, left),
                "backup": self._name,
                "made_at": made.isoformat(),
                "cancelled": cancelled,
                "send_waiting": send_waiting,
            }
            await box.audit.append(RESTORED, actor=ACTOR, detail=detail)
            await box.confirmation.ask(RestoredFrom(self._name, made_at, self._clock.now()))
        proof = await asyncio.to_thread(prove, self._path)
        if proof.first_bad != self.proved.manifest.proof.first_bad:  # a repair may have lost entries before it was made
            raise BackupError(
                f"the chain does not hold after the new epoch began (entry {proof.first_bad}): nothing was replaced"
            )
        aside = await asyncio.to_thread(_replace, self._path, self._settings.database, self._clock.now())
        return Restored(
            proof=proof,
            epoch=epoch,
            aside=aside,
            cancelled=cancelled + carried.cancelled,
            carried=carried,
            forgotten=len({one.digest for one in forgotten}),
            texts=self._texts,
        )

    async def _cancel(self, box: Outbox, made: datetime) -> int:
        reason = f"it waited in the backup of {made:%d %B %H:%M} UTC and may have been sent since"
        due = _due_by(self._clock.now(), self.proved.manifest.made_at)
        doubtful = [message async for message in _open_messages(box) if _is_doubtful(message, due)]
        for message in doubtful:
            await box.spool.cancel(message.id, actor=ACTOR, reason=reason)
        return len(doubtful)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which backup, and how it is to be looked at."""

    name: str
    openers: Openers
    is_kept: bool
    """It stands in the store under that name; else it is somebody's file, whatever it is called."""
    unsigned: bool = False
    """One that is neither encrypted nor signed was accepted."""
    lost_words: bool = False
    """The words that open the key of its digests are gone: what still names its address is kept under a new one."""
    look_only: bool = False
    """Nothing will be put in place: so the service may be running."""


@asynccontextmanager
async def candidate(
    settings: Settings, wanted: Wanted, fetch: Fetch, *, clock: Clock, rng: random.Random
) -> AsyncIterator[Candidate]:
    """Own the database (AlreadyRunning while the service runs), open what `fetch` brings, and prove it. Raises BackupError."""
    database = settings.database
    if absent := not_mounted(database):
        raise BackupError(absent)
    database.parent.mkdir(parents=True, exist_ok=True)
    lock, beside = Lock(database), Lock.path_for(database.resolve())
    was_here = beside.exists()
    if not wanted.look_only:
        lock.take()
    try:
        with tempfile.TemporaryDirectory(prefix=".tether-restore-", dir=database.resolve().parent) as folder:
            archive, path = Path(folder) / "fetched", Path(folder) / "restored.db"
            reserve = settings.data.reserve if wanted.look_only else 0
            await fetch(archive, max(free_in(Path(folder)) - reserve, 0) // COPIES)
            opened = await asyncio.to_thread(
                open_backup,
                archive,
                wanted.name,
                path,
                wanted.openers,
                unsigned=wanted.unsigned,
                is_kept=wanted.is_kept,
                reserve=reserve,
            )
            archive.unlink()
            manifest = opened.manifest
            await asyncio.to_thread(_hold_to, manifest, path)
            if wanted.lost_words:
                await asyncio.to_thread(rekey, path)
            keys = BoxKeys(settings, wanted.openers.keys)
            identities = StoreIdentities(settings.store.country)
            async with Outbox.open(path, clock=clock, rng=rng, keys=keys, identities=identities) as box:
                due = _due_by(clock.now(), manifest.made_at)
                waiting = [_is_doubtful(message, due) async for message in _open_messages(box)]
            key = wanted.openers.keys[0] if wanted.openers.keys else keyring(settings).own
            origin = Origin(key, newest_end(path), _end_of(database))
            promises = await asyncio.to_thread(promises_of, database, path, made_at=manifest.made_at)
            proved = Proved(
                manifest=manifest,
                header=opened.header,
                doubtful=sum(waiting),
                later=len(waiting) - sum(waiting),
                lost={name: meaning for name, meaning in WORDS.items() if name in promises.lost},
            )
            yield Candidate(settings, path, wanted.name, proved, promises, keys, origin, clock, rng, opened.texts)
    finally:
        if not (wanted.look_only or was_here or database.exists()):
            beside.unlink(missing_ok=True)  # by it the next start would take the database for one that is gone
        lock.release()


def _end_of(database: Path) -> End | None:
    """None: its record is empty, or can't be read."""
    try:
        return newest_end(database) if database.exists() else None
    except OutboxError:
        return None


def _hold_to(manifest: Manifest, path: Path) -> None:
    """The file is what its manifest says, page by page and entry by entry."""
    newest = migrations()[-1][0]
    if manifest.proof.schema > newest:
        raise BackupError(
            f"the backup was made by Tether {manifest.release} (schema {manifest.proof.schema}; this is {VERSION}, "
            f"which knows {newest}): install that one first"
        )
    trouble = trouble_with(path, whole=True)
    if trouble:
        raise BackupError(f"the backup's database is damaged: {trouble}. Try an older one")
    proof = prove(path)
    if not manifest.proof.epoch:  # an earlier release did not say
        proof = msgspec.structs.replace(proof, epoch="", seq=0)
    if proof.first_bad is not None and manifest.proof.first_bad is None:
        raise BackupError(f"the backup's audit does not hold from entry {proof.first_bad} on. Try an older one")
    if proof != manifest.proof:
        raise BackupError("the backup does not hold what its manifest says (counts or audit differ). Try an older one")


async def _open_messages(box: Outbox) -> AsyncIterator[Message]:
    cursor: str | None = None
    while True:
        page = await box.views.messages(
            states=OPEN, channel=None, order_ref=None, recipient=None, since=None, limit=PAGE, cursor=cursor
        )
        for message in page.items:
            yield message
        if page.next is None:
            return
        cursor = page.next


def _due_by(now: int, made_at: int) -> float:
    """What was due by then may have been sent since. A clock from before the backup was made can't tell: anything may have been."""
    return max(now, made_at) if now > made_at - AHEAD_MS else float("inf")


def _is_doubtful(message: Message, due: float) -> bool:
    return message.state in (State.SENDING, State.UNKNOWN) or message.due_at <= due


def _replace(fresh: Path, database: Path, now: int) -> Path | None:
    aside = set_aside(database, "before-restore", now) if database.exists() else None
    put_in_place(fresh, database)
    mark_path(database).unlink(missing_ok=True)  # it spoke of the one before
    return aside
