"""The box's words open the key of the database's digests, which lies in the database and is of no use without them."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress

from daemon.config import Settings
from daemon.keys.box_key import BoxKey
from daemon.keys.keyring import Keyring, keyring, known
from outbox.digest import check_lock
from outbox.log_file import trouble_with_log
from outbox.proof import opened_to_read

PURPOSE = "address digests"


class BoxKeys:
    """`outbox.digest.Keys`: one for each of the box's words, present and former."""

    def __init__(self, settings: Settings, given: Sequence[BoxKey] = ()) -> None:
        """`given`: words that a person brought, which go before the box's own."""
        self._settings = settings
        self._given = given

    def read(self, *, make: bool) -> Sequence[bytes]:
        """Raises ConfigError, OSError."""
        ring = keyring(self._settings) if make and not self._given else known(self._settings)
        keys = (*self._given, *(ring.all if ring else ()))
        return [key.derive(PURPOSE) for key in keys]


def check_key(settings: Settings) -> None:
    """Whether a start would be given the key of its database's digests: it is refused without. Nothing is changed, and a database that is not
    there, or can't be read, is another matter. Raises ConfigError, KeyMissing, KeyChanged."""
    known(settings)
    if not settings.database.is_file() or trouble_with_log(settings.database):
        return
    with suppress(sqlite3.Error), closing(opened_to_read(settings.database)) as db:
        check_lock(db, BoxKeys(settings), settings.database)


def lasting_keyring(settings: Settings) -> Keyring:
    """The box's keys for who writes them down or seals with them: none are made for a database that others locked, since no start would take
    them. Raises ConfigError, OSError, KeyMissing."""
    if known(settings) is None:
        check_key(settings)
    return keyring(settings)
