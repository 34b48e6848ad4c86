"""What can go wrong in the outbox that a caller must decide on: each says what to do."""


class OutboxError(Exception):
    """Anything the outbox refuses. Its text is a sentence for a person."""


class EventConflict(OutboxError):
    """The same source and id were taken before with different content. Nothing was changed."""


class NotItsOwn(OutboxError):
    """Whoever posted this may tell only of its own orders, and this one is another's. Nothing was changed."""


class OrderExists(OutboxError):
    """It was to take a new order in, and its number is another's. Nothing was changed."""


class UnknownOrder(OutboxError):
    """No event named this order, so its customer is not known."""


class NotFound(OutboxError):
    """No such thing: the text says which."""


class IllegalMove(OutboxError):
    """The message is not in a state from which it can go there (a delivered one can't be retried)."""


class StorageFull(OutboxError):
    """Less space than the reserve is left on the disk: events are refused, sending goes on."""


class StorageBusy(OutboxError):
    """The database could not be written within its bound: another program holds it, or the disk does not answer."""


class StorageLost(StorageBusy):
    """The database's files are not the ones any more that were opened: nothing is written until the service starts anew."""

    def __init__(self, words: str, *, log: bool) -> None:
        super().__init__(words)
        self.log = log
        """Only the log went: all that was in it can still be brought into the database."""


class StorageDamaged(OutboxError):
    """The database file is damaged: see `tether doctor`."""


class AlreadyRunning(OutboxError):
    """Another process owns this database."""


class SchemaTooNew(OutboxError):
    """The database was written by a newer Tether: install that one, or restore the backup made before the upgrade."""


class KeyMissing(OutboxError):
    """The key of the database's digests is not there, or can't be read."""


class KeyChanged(OutboxError):
    """The digests were made with another key than the one that is there."""
