"""Log-ins that failed, counted in PostgreSQL for all processes of headquarters: by the name that was tried, and by where from. Whoever logged in
before from a browser is known by a word in it and has a count of their own there, so that strangers' guesses don't keep anybody out."""

import hashlib
import hmac
import ipaddress
from datetime import datetime, timedelta

from daemon.hq.database import Connection, queries
from daemon.hq.page.sessions import AHEAD

_SQL = queries("sessions.sql")

WINDOW = timedelta(minutes=15)
NAME_MOST, PLACE_MOST = 10, 50
"""Wrong passwords within `WINDOW` for one name, and from one place for any."""


class Attempts:
    """Of one try to log in."""

    def __init__(self, name: str, place: str, *, known: bool) -> None:
        who = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]
        self._known = known
        self._name = f"{'known' if known else 'name'} {who}"
        self._place = f"place {network_of(place)}"

    async def are_too_many(self, db: Connection, now: datetime) -> bool:
        """Counts this one before its password is looked at, so that many tries at once count each; of a place that is shut, no name is noted.
        Of somebody who is known here the place doesn't count: others guess from it too, behind the same proxy or the same line."""
        await db.execute(_SQL["forget"], {"oldest": now - WINDOW, "ahead": now + AHEAD})
        if not self._known and await _tried(db, self._place, now) > PLACE_MOST:
            return True
        return await _tried(db, self._name, now) > NAME_MOST

    async def forgive(self, db: Connection) -> None:
        """It was the right one."""
        await db.execute(_SQL["forgive"], {"name": self._name, "place": "" if self._known else self._place})


async def _tried(db: Connection, key: str, now: datetime) -> int:
    found = await (await db.execute(_SQL["tried"], {"key": key, "now": now, "oldest": now - WINDOW})).fetchone()
    return int(found[0]) if found else 1


def network_of(place: str) -> str:
    """An address as one place: of IPv6 a customer has a whole network."""
    try:
        address = ipaddress.ip_address(place)
    except ValueError:
        return "unknown"
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


def known_word(secret: bytes, name: str) -> str:
    """What a browser keeps of somebody who logged in from it."""
    return hmac.digest(secret, b"a browser of " + name.encode("utf-8", "replace"), hashlib.sha256).hex()


def is_known(secret: bytes, name: str, word: str) -> bool:
    return hmac.compare_digest(known_word(secret, name).encode(), word.encode("utf-8", "replace"))
