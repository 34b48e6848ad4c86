"""The box's words open the key of the database's digests, which lies in the database and is of no use without them."""

from collections.abc import Sequence

from daemon.config import Settings
from daemon.keys.box_key import BoxKey
from daemon.keys.keyring import keyring, known

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
