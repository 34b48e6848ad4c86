"""What is to be told of the record, in batches: reads the outbox beyond a cursor, and says where a store's own record stands against HQ's mark.

Cursors count in the record's own numbers. They begin at HQ's mark: what was acknowledged and is not archived is told again, which harms
nobody.
"""

from collections.abc import Callable, Collection, Sequence
from decimal import Decimal

import msgspec

from daemon.fleet.causes import leaving
from daemon.fleet.wire import (
    BATCH_BYTES,
    BATCH_ENTRIES,
    BATCH_STATES,
    AuditBatch,
    Mark,
    State,
    StateBatch,
    batch_of,
)
from outbox.chain import START
from outbox.fleet import Fleet, MessageState, Text

LOOK = 400
"""Entries looked at for changed messages at a time: a message has several."""
AFTER_FORK = "joined anew after a fork"
"""Why an epoch began: what HQ has beyond the one before is the other box's, where after a restore it is our own."""


class Costs(msgspec.Struct, frozen=True):
    """What text messages are estimated to cost. `channels`: those that send any; `of`: parts and price."""

    channels: Callable[[], Collection[str]] = tuple
    of: Callable[[Text], tuple[int, Decimal]] = lambda text: (0, Decimal(0))


class Feed:
    """Where the telling stands."""

    def __init__(self, fleet: Fleet, costs: Costs = Costs()) -> None:  # noqa: B008 - it is frozen
        self._costs = costs
        self._fleet = fleet
        self._states: list[State] = []
        """Of the last look, those that did not go into a batch yet."""
        self._looked = 0
        self.audit = 0
        self._read_to, self._head = 0, START
        """The last entry that was read, and its hash: with the next ones it need not be read again."""
        self.published = 0
        """Up to which entry messages were looked for in the last batch that was sent."""
        self.archived = 0
        self._told_rev = 0
        self.is_forked = False
        """HQ holds another entry under a number of ours, or more of this epoch than we have: two databases call themselves this store."""
        self._parted_at: int | None = None
        """The last entry of an earlier epoch of which HQ has more than we, or another record: what we have of it comes there no more."""
        self._is_others = False
        """Another record: what it was told of messages is another's too."""

    @property
    def settled(self) -> int:
        """Up to which entry HQ has the record and the messages that it speaks of; 0 while the record is another's."""
        looked = self.published if self._states else self._looked
        return (
            0 if self.is_forked else min(self.archived, looked if self.published <= self._told_rev else self._told_rev)
        )

    async def begin(self, mark: Mark | None) -> None:
        """From the mark on."""
        await self.take(mark)
        self.again()

    async def take(self, mark: Mark | None) -> None:
        """HQ's word on how far it has us."""
        self._parted_at, self._is_others = None, False
        self.archived, self.is_forked = await self._archived(mark)
        self._told_rev = await self._messages_at(mark)
        self.audit = max(self.audit, self.archived)

    def again(self) -> None:
        """From where HQ has us: it misses what NATS had acknowledged."""
        self.audit = self.archived
        self.published = self._looked = self._told_rev
        self._states = []

    async def _archived(self, mark: Mark | None) -> tuple[int, bool]:
        reaches = {reach.epoch: reach for reach in mark.reaches} if mark else {}
        later = ""
        for epoch, end in await self._ends():
            if (reach := reaches.get(epoch)) is None:
                later = epoch
                continue
            own = await self._fleet.hash_at(reach.seq)
            if reach.seq <= end and (own is None or own.hex() == reach.hash):
                return reach.seq, False
            if later:
                self._parted_at = end
                self._is_others = reach.seq <= end or await self._fleet.why_began(later) == AFTER_FORK
                return end, False
            return min(reach.seq, end), True
        return 0, False

    async def _messages_at(self, mark: Mark | None) -> int:
        reaches = {reach.epoch: reach for reach in mark.reaches} if mark else {}
        for epoch, end in await self._ends():
            if (reach := reaches.get(epoch)) is not None:
                return 0 if self._is_others else min(reach.rev, end)
        return 0

    async def _ends(self) -> Sequence[tuple[str, int]]:
        """Each epoch with its last entry, the newest first."""
        epochs = await self._fleet.epochs()
        end = (await self._fleet.position()).seq
        found = []
        for epoch, first in reversed(epochs):
            found.append((epoch, end))
            end = first - 1
        return found

    async def next_audit(self, *, after: int | None = None) -> AuditBatch | None:
        """The next entries (beyond what is told, or beyond `after`); None: there are none."""
        after = self.audit if after is None else after
        known = self._head if after == self._read_to else None
        slice_ = await self._fleet.entries(after, limit=BATCH_ENTRIES, most_bytes=BATCH_BYTES, hash_of_after=known)
        if slice_ is None:
            return None
        self._read_to, self._head = slice_.entries[-1].seq, slice_.head
        batch = batch_of(slice_)
        # Where HQ has our own entry before all the same, as after a restore, it takes this for no gap.
        return msgspec.structs.replace(batch, after_gap=True) if after == self._parted_at else batch

    def told_audit(self, batch: AuditBatch) -> None:
        """HQ takes nothing beyond a fork: that it is one is all that was told."""
        if not self.is_forked:
            self.audit = batch.entries[-1].seq

    async def next_states(self) -> StateBatch | None:
        """The next messages that changed; None: all are told."""
        if not self._states:
            changed = await self._fleet.changed(self._looked, look=LOOK, texts=self._costs.channels())
            if changed is None:
                return None
            self._states = [_told(state, self._costs) for state in changed.states]
            self._looked = changed.reached
        rest = len(self._states) > BATCH_STATES
        reached = self._states[BATCH_STATES - 1].rev if rest else self._looked
        epoch, _ = (await self._fleet.epochs())[-1]
        return StateBatch(epoch, self.published, reached, self._states[:BATCH_STATES])

    def told_states(self, batch: StateBatch) -> None:
        """One without any message was not sent: HQ knows of the ones that were only."""
        self._states = self._states[len(batch.states) :]
        if batch.states:
            self.published = batch.reached


def _told(state: MessageState, costs: Costs) -> State:
    parts, price = costs.of(state.text) if state.text else (None, None)
    return State(
        id=state.id,
        order_ref=state.order_ref,
        state=state.state,
        channel=state.channel,
        reason_code=state.reason_code,
        type=state.type,
        recipient=state.recipient,
        to=state.to,
        attempts=state.attempts,
        created_at=state.created_at,
        updated_at=state.updated_at,
        due_at=state.due_at,
        rev=state.rev,
        who=list(state.who),
        parts=parts,
        price=None if price is None else str(price),
        told_at=state.told_at,
        args=leaving(state.reason_args),
    )
