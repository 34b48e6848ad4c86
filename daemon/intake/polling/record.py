"""What a poller needs of the record: to put down what it read, and to know which orders of its source are open."""

from collections.abc import Mapping, Sequence

from daemon.intake.base import DELETED, Reading, Source
from daemon.intake.recorder import Recorder
from outbox import Outbox
from outbox.model import Order

POLLED = "polled: "
"""How the reason begins of what was asked for: no body is kept with it, only what could not be understood."""
MOST_KEPT = 1000
PAGE = 500
_OVER = frozenset({"order.completed", "order.cancelled", DELETED})


class PollRecord:
    """The record as one source's poller sees it."""

    def __init__(self, source: Source, recorder: Recorder, box: Outbox) -> None:
        self._source = source
        self._recorder = recorder
        self._box = box
        self._kept: dict[str, None] = {}

    async def tell(self, reading: Reading, asked: int) -> Sequence[str]:
        """Take what was read; the refs of the orders of which something was news."""
        told = await self._recorder.tell(self._source, reading, asked=asked)
        for reason in told.unread:
            await self._keep(reason)
        return told.news

    async def _keep(self, reason: str) -> None:
        """Once since the start: what is asked for overlaps, and what staff dropped is not to come back with the next question."""
        if reason in self._kept:
            return
        await self._box.quarantine.keep(self._source.name, reason.encode(), headers={}, reason=f"{POLLED}{reason}")
        self._kept[reason] = None
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]

    async def born(self) -> int:
        return await self._recorder.born(self._source.name)

    async def standing(self, since: int) -> Mapping[str, str]:
        """Its orders that are open and changed since then (ms): the source's own id -> ref."""
        found: dict[str, str] = {}
        cursor: str | None = None
        while True:
            page = await self._box.views.orders(since=since, limit=PAGE, cursor=cursor)
            for order in page.items:
                if order.source_id and order.status not in _OVER and await self._is_its(order, order.source_id):
                    found[order.source_id] = order.ref
            if page.next is None:
                return found
            cursor = page.next

    async def _is_its(self, order: Order, id: str) -> bool:
        """Also where another, a payment provider, was the first to tell of it."""
        if self._source.name in (order.source, order.status_source):
            return True
        return any(one.order_ref == order.ref for one in await self._box.replay.told(self._source.name, id))

    def clean(self, words: str) -> str:
        return self._source.clean(words)
