"""The box's words open the key of the database's digests, which lies in the database and is of no use without them."""

from collections.abc import Sequence

from daemon.config import Settings
from daemon.keys.keyring import keyring, known

PURPOSE = "address digests"


class BoxKeys:
    """`outbox.digest.Keys`: one for each of the box's words, present and former."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def read(self, *, make: bool) -> Sequence[bytes]:
        """Raises ConfigError, OSError."""
        ring = keyring(self._settings) if make else known(self._settings)
        return () if ring is None else [key.derive(PURPOSE) for key in ring.all]
