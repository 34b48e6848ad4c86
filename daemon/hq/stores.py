"""Who is of the fleet: codes to join with, trading one for a right, and taking rights back."""

import base64
import hashlib
import random
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from daemon.config import ConfigError
from daemon.fleet.bundle import ALL, CANARY
from daemon.fleet.claim import read_claim
from daemon.fleet.join_code import SECRET_BYTES, JoinWish, Welcome, make_code
from daemon.fleet.nats_connection import NatsConnection
from daemon.fleet.nkey import BadKey, is_signed
from daemon.fleet.seal import seal
from daemon.fleet.wire import NAME
from daemon.hq.claims import store_rights, user_claim
from daemon.hq.config import ACCOUNT, HqSettings
from daemon.hq.database import Connection, queries
from daemon.hq.nats import as_system, claims_in_force, keys_that_come_as, put_in_force
from daemon.hq.record import NAME as HEADQUARTERS
from daemon.hq.record import record
from daemon.wire.near import did_you_mean
from outbox.clock import Clock

log = structlog.get_logger(__name__)

_SQL = queries("stores.sql")

CODE_GOOD_FOR = timedelta(hours=1)


class Declined(Exception):
    """A wish that is not granted: says why and what to do."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


async def not_in_fleet(db: Connection, name: str) -> Declined:
    known = [row[0] for row in await (await db.execute(_SQL["all"])).fetchall()]
    return Declined(404, f"no store {name!r} is in this fleet{did_you_mean(name, known) or ': tether hq store list'}")


def not_known_since_restore(name: str) -> Declined:
    """It is heard by a key that this database does not have."""
    return Declined(
        409,
        f"headquarters' archive is older than the joining of {name}: tether hq store add {name}, and tether fleet join CODE on its box",
    )


class StoreRow(msgspec.Struct, frozen=True):
    name: str
    group: str
    joined_at: datetime | None
    revoked_at: datetime | None
    heard_at: datetime | None


class Groups(msgspec.Struct, frozen=True):
    """What a store is in beside itself and all. None: as it was."""

    region: str | None = None
    canary: bool | None = None

    @classmethod
    def read(cls, words: Sequence[str]) -> "Groups":
        """As people name them: a region, `canary`, or both. Raises Declined."""
        for word in words:
            if not NAME.fullmatch(word):
                raise Declined(422, f"{word!r} is no name here: small letters, digits and hyphens, 31 at most")
        regions = [word for word in words if word not in (CANARY, ALL)]
        if len(regions) > 1:
            raise Declined(422, f"a store is in one region: {' or '.join(regions)}?")
        return cls(regions[0] if regions else None, True if CANARY in words else None)


def groups_of_store(name: str, region: str, *, canary: bool) -> tuple[str, ...]:
    """The nearest first."""
    return tuple(dict.fromkeys(word for word in (name, region, CANARY if canary else "", ALL) if word))


class Stores:
    """Joins and revokes. Times are HQ's clock's."""

    def __init__(self, settings: HqSettings, clock: Clock, rng: random.Random) -> None:
        self._settings = settings
        self._clock = clock
        self._rng = rng

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now() / 1000, UTC)

    async def offer(self, db: Connection, name: str, groups: Groups = Groups(), *, by: str = HEADQUARTERS) -> str:  # noqa: B008 - it is frozen
        """A code for that store, good once and for an hour. Raises Declined."""
        if not NAME.fullmatch(name):
            raise Declined(422, f"{name!r} is no name here: small letters, digits and hyphens, 31 at most")
        if name in (ALL, CANARY):
            raise Declined(422, f"{name!r} is a group's name: call the store otherwise")
        if name == HEADQUARTERS:
            raise Declined(422, f"{name!r} is how headquarters itself is called: call the store otherwise")
        url = self._settings.hq.public_url
        if not url.startswith("https://"):
            raise Declined(422, 'stores must know where to join: set [hq] public_url = "https://..." in hq.toml')
        code = make_code(url, self._settings.ca.read_text(encoding="ascii"), secrets.token_bytes(SECRET_BYTES))
        values = {
            "name": name, "grp": groups.region, "canary": groups.canary, "code": _digest(code.secret), "until": self._now() + CODE_GOOD_FOR,
        }  # fmt: skip
        async with db.transaction():
            await db.execute(_SQL["offer"], values)
            await record(db, self._clock.now(), "store.offered", {"store": name}, actor=by)
        return str(code)

    async def welcome(self, db: Connection, wish: JoinWish) -> Welcome:
        """Trade a code for a right: a key from before is out with the next `enforce`. Raises Declined."""
        _check(wish)
        async with db.transaction():
            found = await (await db.execute(_SQL["by_code"], {"code": _digest(wish.secret)})).fetchone()
            if found is None:
                raise Declined(
                    404, "headquarters does not know that code: ask for a new one (tether hq store add NAME)"
                )
            name, region, canary, key, until, used_at, held = found
            if used_at is not None and key != wish.key:
                raise Declined(
                    409,
                    f"that code was used on {used_at:%d %B at %H:%M} UTC: ask for a new one (tether hq store add {name})",
                )
            if self._now() > until:
                raise Declined(410, f"that code is older than an hour: ask for a new one (tether hq store add {name})")
            claim = self._claim(name, wish.key, region, canary=canary, held=held)
            values = {"name": name, "key": wish.key, "sealing": wish.sealing, "claim": claim, "now": self._now()}
            await db.execute(_SQL["join"], values)
            if key and key != wish.key:
                await self._note_revoked(db, name, key, read_claim(held).iat)
            if key != wish.key:
                await record(
                    db, self._clock.now(), "store.joined", {"store": name, "key": wish.key}, actor=HEADQUARTERS
                )
        return self._welcome(name, claim, wish)

    def _claim(self, name: str, key: str, region: str, *, canary: bool, held: str = "") -> str:
        """`held`: the one before, than which it is no older, whatever the clock says since: stores keep the newest."""
        account = self._settings.key(ACCOUNT, "account")
        rights = store_rights(name, groups_of_store(name, region, canary=canary))
        at = max(self._clock.now() // 1000, read_claim(held).iat)
        return user_claim(account, key, name, rights, at=at)

    async def _note_revoked(self, db: Connection, name: str, key: str, issued: int) -> None:
        """Also what a clock that ran ahead has issued to it."""
        at = max(self._now(), datetime.fromtimestamp(issued, UTC))
        await db.execute(_SQL["note_revoked"], {"key": key, "name": name, "now": at})

    async def regroup(self, db: Connection, name: str, groups: Groups, *, by: str) -> tuple[str, ...]:
        """The store is in these from its next mark on; all its groups. Raises Declined."""
        async with db.transaction():
            found = await (await db.execute(_SQL["one"], {"name": name})).fetchone()
            if found is None:
                raise await not_in_fleet(db, name)
            if not found[2] and found[6]:
                raise not_known_since_restore(name)
            key, region = found[2], found[1] if groups.region is None else groups.region
            canary = found[4] if groups.canary is None else groups.canary
            # A claim of a later date than its key's revocation would let a stolen box in again.
            is_in = bool(key) and found[3] is None
            claim = self._claim(name, key, region, canary=canary, held=found[5]) if is_in else found[5]
            await db.execute(_SQL["regroup"], {"name": name, "grp": region, "canary": canary, "claim": claim})
            named = groups_of_store(name, region, canary=canary)
            await record(db, self._clock.now(), "store.regrouped", {"store": name, "groups": named}, actor=by)
        return named

    async def renew(self, db: Connection) -> None:
        """Stores that joined under an earlier release hear what they may do now."""
        async with db.transaction():
            for name, region, canary, key, held in await (await db.execute(_SQL["claimed"])).fetchall():
                claim = self._claim(name, key, region, canary=canary, held=held)
                if read_claim(claim).nats != read_claim(held).nats:
                    values = {"name": name, "grp": region, "canary": canary, "claim": claim}
                    await db.execute(_SQL["regroup"], values)

    def _welcome(self, name: str, claim: str, wish: JoinWish) -> Welcome:
        log.info("a store joined", store=name)
        return Welcome(
            store=name,
            servers=self._settings.nats.servers,
            ca=self._settings.ca.read_text(encoding="ascii"),
            claim=claim,
            publisher=self._publisher(),
            keys={
                kid: seal(secret, wish.sealing, f"{name} {kid}") for kid, secret in self._settings.consent_keys.items()
            },
        )

    def _publisher(self) -> str:
        path = self._settings.publish.key
        if path is None:
            return ""
        try:
            key = load_pem_private_key((self._settings.folder / path).read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise ConfigError(f"publish.key: {path} can't be read: {error}") from error
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(raw).decode()

    async def revoke(self, db: Connection, name: str, *, by: str = HEADQUARTERS) -> None:
        """Out within seconds, on every server. Raises Declined, NatsAway: then nothing is said to have happened."""
        async with db.transaction(), as_system(self._settings, self._clock, self._rng) as line:
            found = await (await db.execute(_SQL["one"], {"name": name})).fetchone()
            if found is None:
                raise await not_in_fleet(db, name)
            known, held, was_heard, is_known_out = found[2], found[5], found[6], found[7]
            values = {"name": name, "now": self._now()}
            await db.execute(_SQL["revoke"], values)
            keys = dict(await keys_that_come_as(line, name, self._settings))
            if not keys and (is_known_out if known else was_heard):
                raise Declined(
                    409,
                    f"headquarters' archive is older than the joining of {name} and does not know its key: try again while it is connected",
                )
            if known:
                keys[known] = max(read_claim(held).iat, keys.get(known, 0))
            for key, issued in keys.items():
                await self._note_revoked(db, name, key, issued)
            await self._enforce(db, line)
            await record(db, self._clock.now(), "store.revoked", {"store": name}, actor=by)

    async def had_other_keys(self, db: Connection, name: str) -> bool:
        return bool(await (await db.execute(_SQL["had_other_keys"], {"name": name})).fetchone())

    async def enforce(self, db: Connection) -> None:
        """Have NATS know all keys that do not count, and keep those that it knows."""
        async with as_system(self._settings, self._clock, self._rng) as line:
            await self._enforce(db, line)

    async def _enforce(self, db: Connection, line: NatsConnection) -> None:
        async with db.transaction():
            await db.execute(_SQL["lock"])
            before = await claims_in_force(line, self._settings)
            for key, at in (each for claim in before for each in claim.revoked.items()):
                await db.execute(_SQL["keep_revoked"], {"key": key, "at": at})
            revoked = {key: int(at) for key, at in await (await db.execute(_SQL["revoked"])).fetchall()}
            newest = max((claim.iat for claim in before), default=0)
            await put_in_force(line, self._settings, self._clock, revoked, after=newest)

    async def list(self, db: Connection) -> list[StoreRow]:
        return [StoreRow(*row) for row in await (await db.execute(_SQL["all"])).fetchall()]


def _check(wish: JoinWish) -> None:
    """Who asks has the key it names, and it is a key."""
    try:
        X25519PublicKey.from_public_bytes(base64.b64decode(wish.sealing, validate=True))
        signed = is_signed(
            JoinWish.signed(wish.secret, wish.sealing),
            base64.b64decode(wish.signature, validate=True),
            wish.key,
            "user",
        )
    except (BadKey, ValueError) as error:
        raise Declined(422, "that is no wish of a store's: its key can't be read") from error
    if not signed:
        raise Declined(403, "that wish is not signed by the key it names")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(b"tether join " + secret.encode()).digest()
