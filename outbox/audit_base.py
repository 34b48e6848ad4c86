"""Where the record begins, once its oldest entries are at headquarters and were taken out here: the number and hash of the last of them, from
which the rest is proved. The record says itself, further on, that they were: who cuts its beginning off can't add that without changing its end.
Headquarters has the same hash, so that a beginning that was made up does not stand."""

import msgspec

from outbox.batch import Batch
from outbox.chain import START
from outbox.errors import StorageDamaged
from outbox.queries import Queries
from outbox.writer import Operation

_SQL = Queries("audit.sql")


class Base(msgspec.Struct, frozen=True):
    """The entry just before the first that is kept. Of a whole record: number 0, and the hash that stands before the first."""

    seq: int = 0
    hash: str = START.hex()

    @property
    def before(self) -> bytes:
        return bytes.fromhex(self.hash)


WHOLE = Base()
_TAKEN_OUT = "audit.taken_out"


class _TakenOut(msgspec.Struct):
    """What the record says of itself."""

    up_to: int
    hash: str


def read_base(note: str | None) -> Base:
    """Raises StorageDamaged for a note that says no beginning."""
    if note is None:
        return WHOLE
    try:
        base = msgspec.json.decode(note, type=Base)
        bytes.fromhex(base.hash)
    except (msgspec.MsgspecError, ValueError) as error:
        raise StorageDamaged(f"the note of where the record begins can't be read: {error}") from error
    return base


def is_vouched(base: Base, kind: str, detail: str) -> bool:
    """Whether that entry is the record's own word that it begins there. It may be from a file that anybody wrote."""
    if kind != _TAKEN_OUT:
        return False
    try:
        said = msgspec.json.decode(detail, type=_TakenOut)
    except msgspec.MsgspecError:
        return False
    return said.up_to == base.seq and said.hash == base.hash


class TakeOut(Operation[int]):
    """The next archived entries that are old enough go, and the record begins after them. The last one's number; 0: there are none."""

    __slots__ = ("_archived", "_before", "_limit")

    alone = True

    def __init__(self, archived: int, before: int, limit: int) -> None:
        self._archived = archived
        self._before = before
        self._limit = limit

    def apply(self, batch: Batch) -> int:
        values = {"archived": self._archived, "before": self._before, "limit": self._limit}
        last: int | None = batch.db.execute(_SQL["old_enough"], values).fetchone()[0]
        if last is None:
            return 0
        (hash_,) = batch.db.execute(_SQL["hash_of"], {"seq": last}).fetchone()
        base = Base(last, bytes(hash_).hex())
        batch.db.execute(_SQL["keep_base"], {"value": msgspec.json.encode(base).decode()})
        batch.db.execute(_SQL["take_out"], {"seq": last})
        batch.record(_TAKEN_OUT, {"up_to": last, "hash": base.hash})
        return last
