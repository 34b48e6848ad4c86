"""Where a message goes next: by itself, or since an attempt, a receipt or staff had their say."""

from collections.abc import Collection, Sequence

from outbox.batch import Batch
from outbox.errors import IllegalMove
from outbox.model import Message, State, Transition
from outbox.reasons import ON_HOLD, Reason
from outbox.rows import MessageRow
from outbox.snapshot import Wants
from outbox.writer import Operation

_BACK = frozenset({State.QUEUED, State.UNKNOWN})
_UNDER_WAY = frozenset({State.SENDING, State.UNKNOWN})
TOLD_MEANWHILE = Reason("staff told them meanwhile", "told_meanwhile")
_WHILE_UNDER_WAY = {
    "superseded": Reason("a newer message came meanwhile", "superseded"),
    "cancelled": Reason("cancelled while it was under way", "cancelled"),
}


class Move(Operation["Message | None"]):
    """Without an attempt: expired, passed over, postponed. A message that is elsewhere by now stays there."""

    __slots__ = ("_expect", "_seq", "_to")

    def __init__(self, seq: int, to: Transition, expect: State) -> None:
        self._seq = seq
        self._to = to
        self._expect = expect

    @property
    def follows(self) -> int:
        return self._seq

    def wants(self, wants: Wants) -> None:
        wants.messages.append(self._seq)

    def apply(self, batch: Batch) -> Message | None:
        row = batch.find(self._seq)
        if row is None or row.state is not self._expect:
            return None
        go(batch, row, self._to)
        return row.message()


class ToldByPerson(Operation[Message]):
    """Staff told its recipient themselves: it is at its end, and says so. One that is just leaving stays as it is."""

    __slots__ = ("_actor", "_id", "_note", "_reason")

    def __init__(self, id: str, reason: Reason, actor: str, note: str) -> None:
        self._id = id
        self._reason = reason
        self._actor = actor
        self._note = note

    def wants(self, wants: Wants) -> None:
        wants.message_ids.append(self._id)

    def apply(self, batch: Batch) -> Message:
        row = batch.message_by_id(self._id)
        if row.state is State.SENDING:
            raise IllegalMove(f"message {row.id} is on its way: wait for what becomes of it")
        if row.state is not State.DELIVERED:
            by_no_channel = {"channel": "", "note": self._note}
            batch.move(row, State.DELIVERED, self._reason, actor=self._actor, detail=by_no_channel)
        return row.message()


class LetPass(Operation[None]):
    """These can't leave for now, as only who would have carried them knows: where one is the first of its queue, what is urgent and can
    leave goes before it."""

    __slots__ = ("_aside", "_moving", "_offline", "_seqs")

    def __init__(self, seqs: Sequence[int], moving: Collection[str], *, offline: bool, aside: Collection[int]) -> None:
        self._seqs = seqs
        self._moving = moving
        self._offline = offline
        self._aside = aside

    def wants(self, wants: Wants) -> None:
        wants.messages += self._seqs

    def apply(self, batch: Batch) -> None:
        for seq in self._seqs:
            batch.let_pass(batch.message(seq), self._moving, offline=self._offline, aside=self._aside)


def go(batch: Batch, row: MessageRow, to: Transition, *, in_our_words: bool = True) -> None:
    """Where the message goes, when what happened to it meanwhile has its say: a newer message, staff who cancelled it or hold
    its order."""
    batch.touched += 1
    state, reason = _after_all(batch, row, to)
    if to.via_index is not None and to.via_index != row.via_index:
        row.via_index, row.channel = to.via_index, row.channels()[to.via_index]
        row.channel_since = max(batch.now, to.due_at or 0)
        if batch.may_have_arrived(row):  # a repeat that is harmless at one channel is none at another
            row.possible_duplicate = 1
    is_put_off = row.state is State.SENDING and state is State.QUEUED and row.due_at > max(batch.now, to.due_at or 0)
    if (state in _BACK or state is State.HELD) and not is_put_off:
        row.due_at = batch.now if to.due_at is None else to.due_at
        row.relative = int(to.relative or to.due_at is None)
    if to.possible_duplicate is not None:
        row.possible_duplicate = int(to.possible_duplicate)
    again = bool(row.possible_duplicate) and state is State.QUEUED
    batch.move(
        row,
        state,
        reason,
        look_up=to.due_at is not None,
        detail={"possible_duplicate": again},
        in_our_words=in_our_words or reason != to.reason,
    )


def _after_all(batch: Batch, row: MessageRow, to: Transition) -> tuple[State, Reason]:
    if to.state is not State.QUEUED:
        return to.state, to.reason
    if row.pending_state:
        return State(row.pending_state), _WHILE_UNDER_WAY[row.pending_state]
    if row.state in _UNDER_WAY and batch.is_told_by_a_person(row):
        return State.SUPERSEDED, TOLD_MEANWHILE
    if row.order_held and not row.manual:
        return State.HELD, ON_HOLD
    return State.QUEUED, to.reason
