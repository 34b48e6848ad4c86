"""Publishing: a signed word on a group is written down first and sent then, so that what a person did counts once, whatever dies meanwhile.
Whoever runs headquarters goes on with it: sends what was not sent, and tells NATS again what it lost.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from daemon.config import ConfigError
from daemon.fleet.bundle import (
    ALL,
    CANARY,
    BadBundle,
    Manifest,
    Parcel,
    digest_of,
    encode,
    is_file_of_bundle,
    pack,
    sign,
    version_claimed,
)
from daemon.fleet.nats_connection import NatsConnection
from daemon.fleet.wire import NAME
from daemon.hq.config import HqSettings
from daemon.hq.database import Connection, Now, queries
from daemon.hq.published import standings, stores
from daemon.hq.record import record
from daemon.hq.stores import Declined
from daemon.wire.near import or_known

log = structlog.get_logger(__name__)

_SQL = queries("bundles.sql")

STREAM = "BUNDLE"
LONGEST_CANARY = timedelta(days=7)
NUMBERS_END = 10**15
"""What stream and stores say of numbers is proved by nothing: one of more digits counts for none."""


class BeingTried(Declined):
    """Canaries try something there."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants published. `release`: the least that a store must have."""

    group: str
    by: str
    release: str = ""
    note: str = ""
    canary: timedelta | None = None


def files_in(folder: Path) -> dict[str, bytes]:
    """What of a folder is published; hidden files are left out. Raises BadBundle."""
    if not folder.is_dir():
        raise BadBundle(f"{folder} is no folder")
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if any(part.startswith(".") for part in name.split("/")) or (path.is_dir() and not path.is_symlink()):
            continue
        if path.is_symlink() or not path.is_file():
            raise BadBundle(f"{name} is no plain file")
        found[name] = path.read_bytes() if is_file_of_bundle(name) else b""
    if not found:
        raise BadBundle(f"{folder} has no templates/<locale>/<name>.j2, routes.toml or settings.toml")
    return found


def publish_key(settings: HqSettings) -> Ed25519PrivateKey:
    """Raises ConfigError."""
    path = settings.publish.key
    if path is None:
        raise ConfigError("[publish] key is not set in hq.toml: tether hq init makes publish.key")
    try:
        key = load_pem_private_key((settings.folder / path).read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise ConfigError(f"publish.key: {path} can't be read: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"publish.key: {path} is no Ed25519 key")
    return key


class Publisher:
    """Times are HQ's."""

    def __init__(self, settings: HqSettings, now: Now) -> None:
        self._settings = settings
        self._now = now

    # ------------------------------------------------------------ what people do

    async def publish(self, db: Connection, files: Mapping[str, bytes], wanted: Wanted) -> Sequence[str]:
        """Write it down, signed; the names it has now ("all/7"). Raises Declined, BadBundle, ConfigError."""
        if not files:
            raise BadBundle(
                f"nothing is left in it, and stores would lose by it what wider groups have: withdraw what {wanted.group} has instead"
            )
        raw = pack(files)
        async with db.transaction():
            await db.execute(_SQL["lock"])
            await self._known(db, wanted.group)
            await db.execute(_SQL["keep_content"], {"digest": digest_of(raw), "zip": raw})
            return await self._put(db, raw, digest_of(raw), wanted)

    async def roll_back(self, db: Connection, group: str, by: str) -> Sequence[str]:
        """What the group had before its newest counts again, under a new number; a canary that is not decided is taken back. Raises Declined."""
        async with db.transaction():
            await db.execute(_SQL["lock"])
            under_way = await (await db.execute(_SQL["of_group"], {"grp": group})).fetchone()
            if under_way is not None:
                return await self.end_canary(db, Rollout(*under_way), "taken_back", f"by {by}", by)
            await self._not_tried(db, group)
            rows = await (await db.execute(_SQL["history"], {"grp": group})).fetchall()
            if not rows or not rows[0][1]:
                raise Declined(409, f"{group} has nothing published that could be rolled back: tether hq bundles")
            before = await (await db.execute(_SQL["before"], {"grp": group, "digest": rows[0][1]})).fetchone()
            version, digest, release = before or (0, "", "")
            note = f"back to {group}/{version}" if before else "back to none"
            name = await self._add(db, group, digest, Wanted(group=group, by=by, release=release, note=note))
            await record(
                db, self._ms(), "bundle.rolled_back", {"bundle": name, "from": f"{group}/{rows[0][0]}"}, actor=by
            )
            return [name]

    async def withdraw(self, db: Connection, group: str, by: str) -> str:
        """The group has no bundle of its own any more. Raises Declined."""
        async with db.transaction():
            await db.execute(_SQL["lock"])
            await self._no_canary(db, group)
            await self._not_tried(db, group)
            rows = await (await db.execute(_SQL["history"], {"grp": group})).fetchall()
            if not rows or not rows[0][1]:
                raise Declined(409, f"{group} has no bundle that could be withdrawn: tether hq bundles")
            name = await self._add(db, group, "", Wanted(group=group, by=by))
            await record(db, self._ms(), "bundle.withdrawn", {"bundle": name}, actor=by)
            return name

    async def _known(self, db: Connection, group: str) -> None:
        if not NAME.fullmatch(group):
            raise Declined(422, f"{group!r} is no group: small letters, digits and hyphens, 31 at most")
        groups = {CANARY, ALL} | {each for store in await stores(db) for each in store.groups}
        if group not in groups:
            raise Declined(
                404, f"no store is in a group {group!r}{or_known(group, sorted(groups), known_are='there are')}"
            )

    async def _put(self, db: Connection, raw: bytes, digest: str, wanted: Wanted) -> Sequence[str]:
        await self._no_canary(db, wanted.group)
        await self._not_tried(db, wanted.group)
        if wanted.canary is None:
            name = await self._add(db, wanted.group, digest, wanted)
            detail = {"bundle": name, "digest": digest, "note": wanted.note}
            await record(db, self._ms(), "bundle.published", detail, actor=wanted.by)
            return [name]
        if not timedelta(minutes=1) <= wanted.canary <= LONGEST_CANARY:
            raise Declined(422, "--canary: from 1m to 7d")
        first, names = await self._canaries(db, wanted.group)
        await self._not_tried(db, *first, stores=names)
        told = [await self._add(db, group, digest, wanted) for group in first]
        now = self._now()
        values: dict[str, object] = {
            "grp": wanted.group, "digest": digest, "release": wanted.release, "note": wanted.note, "by": wanted.by, "first": first,
            "stores": names, "now": now, "until": now + wanted.canary,
        }  # fmt: skip
        await db.execute(_SQL["begin_rollout"], values)
        began: dict[str, object] = {
            "group": wanted.group,
            "bundles": told,
            "digest": digest,
            "stores": names,
            "minutes": wanted.canary.total_seconds() / 60,
        }
        await record(db, self._ms(), "canary.began", began, actor=wanted.by)
        return told

    async def _no_canary(self, db: Connection, group: str) -> None:
        """Raises BeingTried while something is tried that is to be the group's: it would go out over whatever came before."""
        if await (await db.execute(_SQL["of_group"], {"grp": group})).fetchone() is not None:
            raise BeingTried(
                409, f"a canary for {group} is under way: wait for it, or tether hq rollback --group {group}"
            )

    async def _not_tried(self, db: Connection, *groups: str, stores: Sequence[str] = ()) -> None:
        """What stores try is judged alone: nobody publishes over it, and no other canary runs on them. Raises BeingTried."""
        found = await (await db.execute(_SQL["tried_by"], {"groups": list(groups), "stores": list(stores)})).fetchone()
        if found is not None:
            raise BeingTried(
                409,
                f"a canary for {found[0]} is under way there: wait for it, or tether hq rollback --group {found[0]}",
            )

    async def _canaries(self, db: Connection, group: str) -> tuple[list[str], list[str]]:
        """To which groups it goes first, and which stores these are: for all, the group canary; for a region, each of its canaries by name."""
        standing = {one.group for one in await standings(db) if one.digest}
        canaries = [store for store in await stores(db) if CANARY in store.groups and group in store.groups]
        nearer = [
            store for store in canaries if not standing & set(store.groups[: store.groups.index(group)]) - {CANARY}
        ]
        if not nearer or group == CANARY:
            raise Declined(
                409,
                f"no store that would try it for {group} is a canary: tether hq store group NAME --group canary, or without --canary",
            )
        names = [store.name for store in nearer]
        if group in names:
            raise Declined(409, f"{group} is a store, which has it at once: nobody tries it for it; without --canary")
        return ([CANARY] if group == ALL else names), names

    # ------------------------------------------------------------ what follows by itself

    async def end_canary(self, db: Connection, rollout: "Rollout", state: str, why: str, by: str) -> Sequence[str]:
        """In one transaction: the group has it now, or nobody has and those who tried it have what they had."""
        wanted = Wanted(group=rollout.group, by=rollout.by, release=rollout.release, note=rollout.note)
        names = [await self._add(db, rollout.group, rollout.digest, wanted)] if state == "passed" else []
        for group in rollout.first:
            rows = await (await db.execute(_SQL["history"], {"grp": group})).fetchall()
            digest, release = (rows[1][1], rows[1][2]) if state == "taken_back" and len(rows) > 1 else ("", "")
            note = f"canary {state.replace('_', ' ')}"
            await self._add(db, group, digest, Wanted(group=group, by=by, release=release, note=note))
        await db.execute(_SQL["end_rollout"], {"id": rollout.id, "state": state, "now": self._now(), "why": why})
        await record(
            db, self._ms(), f"canary.{state}", {"group": rollout.group, "why": why, "bundles": names}, actor=by
        )
        log.warning("a canary is decided", group=rollout.group, state=state, why=why)
        return names

    async def send(self, db: Connection, line: NatsConnection) -> int:
        """All that NATS does not have, in order; how many."""
        rows = await (await db.execute(_SQL["unsent"])).fetchall()
        for version, group, manifest, signature, raw in rows:
            await line.publish(f"bundle.{group}", encode(Parcel(manifest, bytes(signature), bytes(raw))))
            await db.execute(_SQL["sent"], {"version": version, "now": self._now()})
        return len(rows)

    async def see_that_nats_has_all(self, db: Connection, line: NatsConnection) -> None:
        """Its stream may have been lost, or made anew; or this database is an older copy, and stores have heard of more than it knows."""
        standing = {one.group: one for one in await standings(db)}
        shared = {group for store in await stores(db) for group in store.groups if group != store.name}
        for group in sorted({ALL, CANARY, *shared, *standing}):
            one, found = standing.get(group), await line.newest(STREAM, f"bundle.{group}")
            told = 0 if found is None else version_claimed(found.body)
            if one is not None and one.sent_at is not None and told < one.version:
                log.warning("NATS lost what was published; it is told again", group=group)
                await db.execute(_SQL["send_again"], {"grp": group})
            elif (one.version if one is not None else 0) < told < NUMBERS_END:
                await db.execute(_SQL["note_told"], {"version": told})

    async def _add(self, db: Connection, group: str, digest: str, wanted: Wanted) -> str:
        (version,) = (await (await db.execute(_SQL["next_version"])).fetchone()) or (1,)
        manifest = Manifest(
            group=group,
            version=version,
            at=self._ms(),
            by=wanted.by,
            release=wanted.release,
            digest=digest,
            withdrawn=not digest,
            note=wanted.note,
        )
        parcel = sign(manifest, b"", publish_key(self._settings))
        values = {
            "version": version, "grp": group, "digest": digest, "release": wanted.release, "note": wanted.note, "by": wanted.by,
            "now": self._now(), "manifest": parcel.manifest, "signature": parcel.signature,
        }  # fmt: skip
        await db.execute(_SQL["add"], values)
        return manifest.name

    def _ms(self) -> int:
        return round(self._now().timestamp() * 1000)


class Rollout(msgspec.Struct, frozen=True):
    id: int
    group: str
    digest: str
    release: str
    note: str
    by: str
    first: Sequence[str]
    """The groups that it was published to first."""
    stores: Sequence[str]
    began_at: datetime
    until: datetime
    """Had all its stores taken it at once."""
    taken: Mapping[str, int]
    """Since when those that have it have it; ms."""
