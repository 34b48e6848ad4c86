"""What the HTTP face needs of how the record and the database are kept, as Protocols: for `daemon.api.plumbing.services`."""

from typing import Protocol

from daemon.keys.heads import Head
from outbox.confirmation import RestoredFrom
from outbox.heads import End


class Restored(Protocol):
    """What waits after a restore, until staff have looked."""

    async def awaited(self) -> RestoredFrom | None:
        """What staff have not confirmed yet; None: nothing."""
        ...

    async def confirm(self, actor: str) -> int | None:
        """How many messages that waited go on; None: nothing waited for that."""
        ...


class Heads(Protocol):
    """What the record ends with, signed by the box's own key."""

    async def current(self) -> Head | None:
        """None: the record is empty."""
        ...

    def sign(self, end: End) -> Head: ...
