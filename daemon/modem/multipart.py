"""Long texts that come in as parts (3GPP TS 23.040, 9.2.3.24.1): which stored messages make one. Pure.

Parts stay in the modem until their text is whole, or has waited too long, and is on record: a crash loses nothing.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from daemon.modem.addresses import Address
from daemon.modem.pdu import Deliver
from daemon.modem.userdata import mend

PATIENCE_SECONDS = 600.0
"""How long the parts that are there wait for the missing ones."""
_LEAST_FREE = 2
"""With fewer places left nothing is waited for: the missing parts could not come in."""
_GAP = "[…]"


@dataclass(frozen=True)
class Arrived:
    """A part or a whole message, and where it lies (`places`; two of them when the network delivered it twice)."""

    place: int
    pdu: str = field(repr=False)
    message: Deliver
    is_whole: bool = True
    """False: the line lost some of it, and what is left may say something else, by somebody else."""


@dataclass(frozen=True)
class Incoming:
    """A text that somebody sent us. `id` is the same each time it is read."""

    id: str
    sender: Address
    text: str = field(repr=False)
    sent_at: datetime | None
    complete: bool = True


@dataclass(frozen=True)
class Whole:
    """A text that is ready to be handed on, and the places to empty once it is on record."""

    incoming: Incoming
    places: tuple[int, ...]


_Key = tuple[str, int, int, int]


class Assembly:
    """Remembers since when incomplete texts wait; everything else is read from the modem each time."""

    def __init__(self) -> None:
        self._since: dict[_Key, float] = {}

    @property
    def waiting(self) -> int:
        """How many texts lack a part."""
        return len(self._since)

    def sort(self, arrived: Iterable[Arrived], *, now: float, free: int | None = None) -> list[Whole]:
        """What of the modem's whole list is ready. `now`: monotonic seconds; `free`: how many places are left beside that list."""
        whole: list[Whole] = []
        groups: dict[_Key, list[Arrived]] = {}
        for one in arrived:
            if one.message.words.header.concat is None:
                whole.append(_join([one], total=1))
            else:
                groups.setdefault(_key(groups, one), []).append(one)
        self._since = {key: self._since.get(key, now) for key in groups}
        ready = [key for key, parts in groups.items() if self._is_ready(key, parts, now)]
        if free is not None:
            free += len(whole) + sum(len(groups[key]) for key in ready)
        for key in ready if free is None or free >= _LEAST_FREE else groups:
            whole.append(_join(groups[key], total=key[2]))
            del self._since[key]
        return whole

    def _is_ready(self, key: _Key, parts: Sequence[Arrived], now: float) -> bool:
        missing = key[2] - len({_sequence(part) for part in parts})
        return not missing or now - self._since[key] >= PATIENCE_SECONDS


def _key(groups: dict[_Key, list[Arrived]], one: Arrived) -> _Key:
    """Sender, reference, total; and a count for a reference that was used again before the first text was whole."""
    concat = one.message.words.header.concat
    assert concat is not None
    turn = 0
    while True:
        key = (one.message.sender.value, concat.reference, concat.total, turn)
        rivals = [other for other in groups.get(key, ()) if _sequence(other) == concat.sequence]
        if all(rival.message.words == one.message.words for rival in rivals):
            return key
        turn += 1


def _sequence(one: Arrived) -> int:
    concat = one.message.words.header.concat
    return concat.sequence if concat else 1


def _join(parts: Sequence[Arrived], *, total: int) -> Whole:
    by_sequence = {_sequence(part): part for part in parts}
    first = by_sequence[min(by_sequence)]
    texts = [by_sequence[n].message.words.text if n in by_sequence else _GAP for n in range(1, total + 1)]
    digest = hashlib.sha256("\n".join(by_sequence[n].pdu for n in sorted(by_sequence)).encode("ascii")).hexdigest()[:24]
    return Whole(
        Incoming(
            id=digest,
            sender=first.message.sender,
            text=mend("".join(texts)),
            sent_at=first.message.sent_at,
            complete=len(by_sequence) == total and all(part.is_whole for part in by_sequence.values()),
        ),
        tuple(part.place for part in parts),
    )
