"""The one door by which events become known, whoever tells of them: the hook, a source's webhook or poller, staff, the command line."""

from collections.abc import Sequence

from outbox import Outbox
from outbox.errors import EventConflict, OutboxError
from outbox.model import Acceptance, Planner, Posted


class Door:
    """Takes events by the routes in force. What it says is on the disk when it says so."""

    def __init__(self, box: Outbox, plan: Planner) -> None:
        self._box = box
        self.plan = plan

    async def accept(self, posted: Posted, plan: "Planner | None" = None) -> Acceptance:
        """Take one. `plan`: in place of the routes, where whoever tells of it says as well who is to hear of it.

        Raises EventConflict, OrderExists, StorageFull, StorageBusy.
        """
        return await self._box.spool.accept(posted, plan or self.plan)

    async def accept_many(
        self, posted: Sequence[Posted], plan: "Planner | None" = None
    ) -> Sequence[Acceptance | OutboxError]:
        """Take several in order: for each its answer, or why it was refused. Raises StorageFull when nothing may
        be taken."""
        return await self._box.spool.accept_many(posted, plan or self.plan) if posted else ()

    async def accept_told(self, posted: Sequence[Posted], plan: "Planner | None" = None) -> None:
        """Take what a source told. It can't be refused an id that came before with other content: that stays as it was, and the record
        says so. Raises OutboxError for what has nothing to do with the events themselves (a full disk): the source is to come again."""
        for one, result in zip(posted, await self.accept_many(posted, plan), strict=True):
            if isinstance(result, EventConflict):
                detail = {
                    "source": one.source,
                    "event_id": one.event.id,
                    "reason": "the same id came with other content",
                }
                await self._box.audit.append("event.conflict", order_ref=one.event.order.ref, detail=detail)
            elif isinstance(result, OutboxError):
                raise result
