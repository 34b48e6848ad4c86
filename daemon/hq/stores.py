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
from psycopg.errors import UniqueViolation

from daemon.config import ConfigError
from daemon.fleet.join import SECRET_BYTES, Welcome, Wish, make_code
from daemon.fleet.nkey import BadKey, is_signed
from daemon.fleet.seal import seal
from daemon.fleet.wire import NAME
from daemon.hq.claims import store_rights, user_claim
from daemon.hq.config import ACCOUNT, HqSettings
from daemon.hq.database import Connection, queries
from daemon.hq.nats import put_in_force
from daemon.hq.record import NAME as HEADQUARTERS
from outbox.clock import Clock

log = structlog.get_logger(__name__)

_SQL = queries("stores.sql")

CODE_GOOD_FOR = timedelta(hours=1)
CANARY, ALL = "canary", "all"


class Declined(Exception):
    """A wish that is not granted: says why and what to do."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class StoreRow(msgspec.Struct, frozen=True):
    name: str
    group: str
    joined_at: datetime | None
    revoked_at: datetime | None
    heard_at: datetime | None


class Stores:
    """Joins and revokes. Times are HQ's clock's."""

    def __init__(self, settings: HqSettings, clock: Clock, rng: random.Random) -> None:
        self._settings = settings
        self._clock = clock
        self._rng = rng

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now() / 1000, UTC)

    async def offer(self, db: Connection, name: str, group: str) -> str:
        """A code for that store, good once and for an hour. Raises Declined."""
        for word in (name, group or name):
            if not NAME.fullmatch(word):
                raise Declined(422, f"{word!r} is no name here: small letters, digits and hyphens, 31 at most")
        if name in (ALL, CANARY):
            raise Declined(422, f"{name!r} is a group's name: call the store otherwise")
        if name == HEADQUARTERS:
            raise Declined(422, f"{name!r} is how headquarters itself is called: call the store otherwise")
        url = self._settings.hq.public_url
        if not url.startswith("https://"):
            raise Declined(422, 'stores must know where to join: set [hq] public_url = "https://..." in hq.toml')
        code = make_code(url, self._settings.ca.read_text(encoding="ascii"), secrets.token_bytes(SECRET_BYTES))
        values = {"name": name, "grp": group, "code": _digest(code.secret), "until": self._now() + CODE_GOOD_FOR}
        await db.execute(_SQL["offer"], values)
        return str(code)

    async def welcome(self, db: Connection, wish: Wish) -> Welcome:
        """Trade a code for a right. Raises Declined."""
        _check(wish)
        async with db.transaction():
            found = await (await db.execute(_SQL["by_code"], {"code": _digest(wish.secret)})).fetchone()
            if found is None:
                raise Declined(
                    404, "headquarters does not know that code: ask for a new one (tether hq store add NAME)"
                )
            name, group, key, until, used_at = found
            if used_at is not None and key != wish.key:
                raise Declined(
                    409,
                    f"that code was used on {used_at:%d %B at %H:%M} UTC: ask for a new one (tether hq store add {name})",
                )
            if self._now() > until:
                raise Declined(410, f"that code is older than an hour: ask for a new one (tether hq store add {name})")
            values = {"name": name, "key": wish.key, "sealing": wish.sealing, "now": self._now()}
            await db.execute(_SQL["join"], values)
            if key and key != wish.key:
                await db.execute(_SQL["note_revoked"], values | {"key": key})
        if key and key != wish.key:
            await self.enforce(db)
        return self._welcome(name, group, wish)

    def _welcome(self, name: str, group: str, wish: Wish) -> Welcome:
        account = self._settings.key(ACCOUNT, "account")
        groups = tuple(dict.fromkeys(word for word in (name, group, CANARY, ALL) if word))
        log.info("a store joined", store=name)
        return Welcome(
            store=name,
            servers=self._settings.nats.servers,
            ca=self._settings.ca.read_text(encoding="ascii"),
            claim=user_claim(account, wish.key, name, store_rights(name, groups), at=self._clock.now() // 1000),
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

    async def revoke(self, db: Connection, name: str) -> None:
        """Out within seconds, on every server. Raises Declined, LineError: then nothing is said to have happened."""
        async with db.transaction():
            found = await (await db.execute(_SQL["one"], {"name": name})).fetchone()
            if found is None:
                raise Declined(404, f"no store {name!r} is in this fleet: tether hq store list")
            values = {"name": name, "now": self._now()}
            await db.execute(_SQL["revoke"], values)
            if found[2]:
                await db.execute(_SQL["note_revoked"], values | {"key": found[2]})
            await self.enforce(db)

    async def enforce(self, db: Connection) -> None:
        """Have NATS know all keys that do not count."""
        revoked = {key: int(at) for key, at in await (await db.execute(_SQL["revoked"])).fetchall()}
        await put_in_force(self._settings, self._clock, self._rng, revoked)

    async def list(self, db: Connection) -> list[StoreRow]:
        return [StoreRow(*row) for row in await (await db.execute(_SQL["all"])).fetchall()]


def _check(wish: Wish) -> None:
    """Who asks has the key it names, and it is a key."""
    try:
        X25519PublicKey.from_public_bytes(base64.b64decode(wish.sealing, validate=True))
        signed = is_signed(
            Wish.signed(wish.secret, wish.sealing), base64.b64decode(wish.signature, validate=True), wish.key, "user"
        )
    except (BadKey, ValueError) as error:
        raise Declined(422, "that is no wish of a store's: its key can't be read") from error
    if not signed:
        raise Declined(403, "that wish is not signed by the key it names")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(b"tether join " + secret.encode()).digest()


async def add_token(db: Connection, name: str, digest: bytes, scopes: Sequence[str]) -> None:
    """Raises Declined for a name that is taken."""
    try:
        await db.execute(_SQL["add_token"], {"name": name, "digest": digest, "scopes": list(scopes)})
    except UniqueViolation as error:
        raise Declined(409, f"a token named {name!r} is there already: choose another name") from error
