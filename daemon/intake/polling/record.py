"""What a poller needs of the record: to put down what it read, and to know which orders of its source are open."""

from collections.abc import Mapping, Sequence

from daemon.intake.base import DELETED, Reading, Source
from daemon.intake.recorder import Teller
from outbox import Outbox

PAGE = 500
_OVER = frozenset({"order.completed", "order.cancelled", DELETED})


class PollDesk:
    """`daemon.intake.polling.poller.Desk` of one source."""

    def __init__(self, source: Source, teller: Teller, box: Outbox) -> None:
        self._source = source
        self._teller = teller
        self._box = box

    async def tell(self, reading: Reading, asked: int) -> Sequence[str]:
        told = await self._teller.tell(self._source, reading, asked=asked)
        for reason in told.unread:
            await self._box.quarantine.keep(self._source.name, reason.encode(), headers={}, reason=f"polled: {reason}")
        return told.news

    async def born(self) -> int:
        return await self._teller.born(self._source.name)

    async def standing(self, since: int) -> Mapping[str, str]:
        found: dict[str, str] = {}
        cursor: str | None = None
        while True:
            page = await self._box.views.orders(since=since, limit=PAGE, cursor=cursor)
            for order in page.items:
                if order.source == self._source.name and order.source_id and order.status not in _OVER:
                    found[order.source_id] = order.ref
            if page.next is None:
                return found
            cursor = page.next

    def clean(self, words: str) -> str:
        return self._source.clean(words)
