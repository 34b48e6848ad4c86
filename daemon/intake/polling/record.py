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
IN_TURN = 25
"""Open orders at a time of those that have long been as they are."""
_OVER = ("order.completed", "order.cancelled", DELETED)


class PollRecord:
    """The record as one source's poller sees it."""

    def __init__(self, source: Source, recorder: Recorder, box: Outbox) -> None:
        self._source = source
        self._recorder = recorder
        self._box = box
        self._kept: dict[str, None] = {}
        self._last = ""
        """Up to which ref it came in turn."""

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

    async def standing(self, since: int, now: int) -> Sequence[str]:
        """Its own ids of its orders that are open: of all that changed since then (ms) or are promised for later than `now`, and of some of
        the others, in turn."""
        near: list[str] = []
        others: dict[str, str] = {}
        cursor: str | None = None
        while True:
            page = await self._box.views.orders(statuses=("",), any_but=_OVER, limit=PAGE, cursor=cursor)
            for order in page.items:
                if not order.source_id:
                    continue
                if order.updated_at >= since or (order.promised_at or 0) >= now:
                    near += [order.source_id] if await self._is_its(order, order.source_id) else []
                elif self._tells_of(order):
                    others[order.ref] = order.source_id
            if page.next is None:
                return [*near, *self._in_turn(others)]
            cursor = page.next

    def _in_turn(self, others: Mapping[str, str]) -> Sequence[str]:
        refs = sorted(others)
        some = [ref for ref in refs if ref > self._last][:IN_TURN] or refs[:IN_TURN]
        self._last = some[-1] if some else ""
        return [others[ref] for ref in some]

    def _tells_of(self, order: Order) -> bool:
        return self._source.name in (order.source, order.told_by, order.status_source)

    async def _is_its(self, order: Order, id: str) -> bool:
        """Also where others, a payment provider, tell of it too."""
        if self._tells_of(order):
            return True
        return any(one.order_ref == order.ref for one in await self._box.replay.told(self._source.name, id))

    def clean(self, words: str) -> str:
        return self._source.clean(words)
