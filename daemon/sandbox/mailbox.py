"""What the stand-ins accepted, in order and bounded: what tests count and staff look at."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from daemon.sandbox.fate import Fate
from outbox.model import Medium


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One message as a provider took it."""

    seq: int
    provider: str
    medium: Medium
    id: str
    """The provider's own id, as its answer named it ("" where it gives none)."""
    to: str
    """Phone numbers in E.164, else as sent."""
    sender: str = ""
    text: str = ""
    subject: str = ""
    html: str = ""
    reference: str = ""
    """Our mark on it, from where the vendor keeps a client's reference; "" where the vendor has no such place."""
    data: Mapping[str, Any] = {}
    """What else it carried: template and variables, properties, the event."""
    at: int
    """Wall ms."""
    method: str
    path: str
    body: str
    """The request as it came (of a mail: its source)."""
    fate: Fate = Fate.DELIVERED
    repeat: bool = False
    """The vendor knows it from before (an idempotency key, an unchanged value) and does nothing a second time."""

    @property
    def mark(self) -> str:
        """What tells this message from others: our reference without its attempt, else recipient and text."""
        return self.reference.partition(".")[0] or f"{self.provider} {self.to} {self.subject} {self.text}"


class Mailbox:
    """The last `keep` arrivals by sequence number, and how often each distinct message among them arrived."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._arrivals: OrderedDict[int, Arrival] = OrderedDict()
        self._by_id: dict[tuple[str, str], Arrival] = {}
        self._counts: Counter[str] = Counter()
        self._arrived = asyncio.Event()
        self.total = 0
        """How many ever arrived since the last reset, repeats and forgotten ones included."""

    def __len__(self) -> int:
        return len(self._arrivals)

    def __iter__(self) -> Iterator[Arrival]:
        return iter(tuple(self._arrivals.values()))

    @property
    def next_seq(self) -> int:
        return self.total + 1

    def add(self, arrival: Arrival) -> None:
        self.total = arrival.seq
        self._arrivals[arrival.seq] = arrival
        if arrival.id:
            self._by_id[arrival.provider, arrival.id] = arrival
        if not arrival.repeat:
            self._counts[arrival.mark] += 1
        if len(self._arrivals) > self._keep:
            self._forget(self._arrivals.popitem(last=False)[1])
        self._arrived.set()

    async def until(self, total: int) -> None:
        """Wait until so many have arrived, without bound: put it under a timeout."""
        while self.total < total:
            self._arrived.clear()
            await self._arrived.wait()

    def find(self, provider: str, id: str) -> Arrival | None:
        """The newest arrival under that provider's id."""
        return self._by_id.get((provider, id))

    def select(self, *, provider: str = "", to: str = "", since: int = 0, limit: int | None = None) -> list[Arrival]:
        """Those that match, oldest first: sequence number above `since`, at most `limit`."""
        found: list[Arrival] = []
        for arrival in self._arrivals.values():
            if arrival.seq <= since or (provider and arrival.provider != provider) or (to and arrival.to != to):
                continue
            found.append(arrival)
            if limit is not None and len(found) == limit:
                break
        return found

    def counts(self) -> Mapping[str, int]:
        """How often each message arrived, by `Arrival.mark`; repeats that had no effect don't count."""
        return dict(self._counts)

    def clear(self) -> None:
        self._arrivals.clear()
        self._by_id.clear()
        self._counts.clear()
        self.total = 0

    def _forget(self, old: Arrival) -> None:
        if self._by_id.get((old.provider, old.id)) is old:
            del self._by_id[old.provider, old.id]
        if not old.repeat:
            self._counts[old.mark] -= 1
            if not self._counts[old.mark]:
                del self._counts[old.mark]
