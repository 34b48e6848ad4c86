"""Who is logged in: a random word in the browser, its digest in PostgreSQL, so that several processes of headquarters know it and who reads the
database can't use it. A log-in makes a new one and heeds none that was there before."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec

from daemon.hq.database import Connection, queries
from daemon.hq.page.people import User

_SQL = queries("sessions.sql")

IDLE, LONGEST = timedelta(hours=12), timedelta(days=7)
TOUCH = timedelta(minutes=1)
AHEAD = timedelta(minutes=5)
"""What another process's clock may be ahead of this one's. A session that began later than that was made by a clock that was wrong, and would
outlive its time by as much."""
Secret: TypeAlias = str


class Session(msgspec.Struct, frozen=True):
    """`secret` is what the browser holds; it is shown nowhere."""

    secret: Secret
    user: User

    @property
    def token(self) -> str:
        """What a form carries to prove that it is of our page (CSRF)."""
        return token_of(self.secret)

    def __repr__(self) -> str:
        return f"Session({self.user.name})"


def token_of(secret: Secret) -> str:
    return hmac.digest(secret.encode(), b"a form of headquarters' page", hashlib.sha256).hex()


def is_token(secret: Secret, given: str) -> bool:
    return bool(secret) and hmac.compare_digest(token_of(secret).encode(), given.encode("utf-8", "replace"))


def new_secret() -> Secret:
    return secrets.token_urlsafe(32)


async def begin(db: Connection, user: User, now: datetime) -> Session:
    """Old ones of anybody go by the way."""
    session = Session(new_secret(), user)
    await db.execute(_SQL["sweep"], _bounds(now))
    await db.execute(_SQL["begin"], {"digest": _digest(session.secret), "name": user.name, "now": now})
    return session


async def find(db: Connection, secret: Secret, now: datetime, *, used: bool = True) -> Session | None:
    """Rights are read anew each time: what is taken from somebody is gone at once."""
    if not secret:
        return None
    values = _bounds(now) | {"digest": _digest(secret), "now": now}
    found = await (await db.execute(_SQL["find"], values)).fetchone()
    if found is None:
        return None
    name, role, stores, seen = found
    if used and now - seen > TOUCH:
        await db.execute(_SQL["touch"], values)
    return Session(secret, User(name, role, tuple(stores)))


async def end(db: Connection, secret: Secret) -> None:
    await db.execute(_SQL["end"], {"digest": _digest(secret)})


async def end_all(db: Connection, name: str) -> None:
    await db.execute(_SQL["end_all"], {"name": name})


def _digest(secret: Secret) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _bounds(now: datetime) -> dict[str, object]:
    return {"idle": now - IDLE, "oldest": now - LONGEST, "ahead": now + AHEAD}
