"""What providers say later of what they took. Receipts come twice, late, out of turn and before the provider's own answer: each says
no less than those before it, and none is lost."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Protocol

import msgspec

from outbox.batch import Batch
from outbox.errors import NotFound
from outbox.model import Attempt, Message, State, Transition
from outbox.moves import go
from outbox.outcome import ReceiptState
from outbox.queries import Queries
from outbox.reasons import UNDELIVERED, Reason
from outbox.rows import AttemptRow, MessageRow, encode
from outbox.silence import Said, Silence, heed, said_at
from outbox.snapshot import EarlyReceipt, Wants
from outbox.store import Store
from outbox.writer import Operation

_SQL = Queries("receipts.sql")

EARLY_KEPT_SECONDS = 86_400
RIVALS_MS = 60_000

_MAY_GO_AGAIN = frozenset({State.UNKNOWN, State.QUEUED, State.HELD})
"""Where a message may stand of whose newest attempt it is not known whether it arrived."""


OUTDATED = Reason("it could not be delivered, and a newer message came meanwhile", "superseded")


class ReceiptUpdate(Protocol):
    """`daemon.channels.base.ReceiptUpdate`, as far as the outbox reads it."""

    @property
    def state(self) -> ReceiptState: ...
    @property
    def provider_id(self) -> str: ...
    @property
    def reference(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def at(self) -> int | None: ...


class GoOn(msgspec.Struct, frozen=True):
    """A message whose newest attempt could not be delivered goes on to its next channel among the usable ones, waits at one that is
    enabled where none is, and fails without any."""

    reason: Reason
    usable: Collection[str]
    enabled: Collection[str] = ()

    def from_here(self, row: MessageRow) -> Transition:
        ways = row.channels()
        left = range(row.via_index + 1, len(ways))
        via_index = next(
            (place for names in (self.usable, self.enabled) for place in left if ways[place] in names), None
        )
        if via_index is None:
            return Transition(state=State.FAILED, reason=self.reason)
        return Transition(state=State.QUEUED, reason=self.reason, via_index=via_index)


class Awaited(msgspec.Struct, frozen=True):
    """An attempt whose receipt is to be asked for."""

    attempt: Attempt
    order_ref: str
    trigger: str


class Apply(Operation["Message | None"]):
    """One receipt."""

    __slots__ = ("_channel", "_go_on", "_said", "_silence", "_update")

    def __init__(
        self, channel: str, update: ReceiptUpdate, go_on: GoOn | None, silence: Silence | None, said: Said
    ) -> None:
        self._channel = channel
        self._update = update
        self._go_on = go_on
        self._silence = silence
        self._said = said

    def wants(self, wants: Wants) -> None:
        if self._update.provider_id:
            wants.provider_ids.append((self._channel, self._update.provider_id))
        if reference := _reference(self._update.reference):
            wants.references.append(reference)

    def apply(self, batch: Batch) -> Message | None:
        attempt = self._find(batch)
        if attempt is None:
            self._keep(batch)
            return None
        row, update = batch.message(attempt.message_seq), self._update
        is_known = not batch.is_forgotten(row)
        if is_known and not attempt.provider_id and update.provider_id and attempt.outcome is not None:
            attempt.provider_id = update.provider_id
            batch.change_attempt(attempt)
        if update.state.says_more_than(attempt.receipt):
            self._take(batch, row, attempt, words=_words(update) if is_known else "")
        elif update.state is not attempt.receipt:
            batch.record("receipt.ignored", self._told(attempt), row.order_ref, row.id)
        if self._silence and attempt.address:
            heed(batch, self._said(self._silence, attempt.address))
        return row.message()

    def _find(self, batch: Batch) -> AttemptRow | None:
        update = self._update
        seq = batch.at_provider.get((self._channel, update.provider_id)) if update.provider_id else None
        if seq is None and (reference := _reference(update.reference)):
            seq = batch.by_reference.get(reference)
        return None if seq is None else batch.attempt(seq)

    def _keep(self, batch: Batch) -> None:
        """Until its attempt is settled. What bears a reference is late or another box's, for an attempt is on record before it leaves; so
        is what comes while none by this channel awaits its end: an account may mail a newsletter too."""
        update = self._update
        if update.reference or not update.provider_id:
            return
        silence = None if self._silence is None else encode(self._silence).decode()
        early = EarlyReceipt(update.state, update.at or batch.now, _words(update), silence)
        named = {"channel": self._channel, "provider_id": update.provider_id}
        news = batch.db.execute(_SQL["keep_early"], {**named, **early._asdict(), "now": batch.now}).rowcount
        if silence is not None:
            news += batch.db.execute(_SQL["keep_silence"], {**named, "silence": silence}).rowcount
        if not news:
            return
        # The attempt it belongs to may be settled in this very transaction.
        known = batch.early_receipts.get((self._channel, update.provider_id))
        batch.early_receipts[self._channel, update.provider_id] = early.beside(known)
        batch.record("receipt.early", {"channel": self._channel, "state": update.state.value})

    def _take(self, batch: Batch, row: MessageRow, attempt: AttemptRow, *, words: str) -> None:
        update = self._update
        attempt.receipt, attempt.receipt_at = update.state, update.at or batch.now
        attempt.receipt_detail = words
        if update.state is not ReceiptState.SENT:
            attempt.poll_at = None
        batch.change_attempt(attempt)
        batch.record(f"receipt.{update.state}", self._told(attempt), row.order_ref, row.id)
        if attempt.outcome is not None:
            self._move(batch, row, attempt)

    def _move(self, batch: Batch, row: MessageRow, attempt: AttemptRow) -> None:
        """An attempt still under way is left to its settlement, which sees the receipt."""
        if self._update.state in (ReceiptState.DELIVERED, ReceiptState.READ):
            if row.state is State.SENDING:
                batch.calls_off = True
            elif row.state is not State.DELIVERED:
                go(batch, row, Transition(state=State.DELIVERED))
            return
        newest = attempt.n == row.tries
        if self._update.state is ReceiptState.SENT:
            if newest and attempt.outcome == "unknown" and row.state in _MAY_GO_AGAIN:
                go(batch, row, Transition(state=State.SENT))
            return
        if newest and row.state in (State.SENT, State.UNKNOWN):
            if row.pending_state:
                go(batch, row, Transition(state=State.QUEUED, reason=UNDELIVERED))
            elif row.state is State.SENT and (batch.is_outdated(row) or batch.is_settled(row)):
                go(batch, row, Transition(state=State.SUPERSEDED, reason=OUTDATED))
            elif self._go_on is None or batch.is_forgotten(row):
                go(batch, row, Transition(state=State.FAILED, reason=UNDELIVERED))
            else:
                go(batch, row, self._go_on.from_here(row), in_our_words=False)

    def _told(self, attempt: AttemptRow) -> Mapping[str, object]:
        told = {"n": attempt.n, "channel": self._channel, "state": self._update.state.value, "code": self._update.code}
        return {name: value for name, value in told.items() if value}


class Schedule(Operation[None]):
    """When to ask for the receipts of these attempts, as far as any is awaited still: it may have come meanwhile by another way."""

    __slots__ = ("_times",)

    def __init__(self, times: Mapping[int, int | None]) -> None:
        self._times = times

    def wants(self, wants: Wants) -> None:
        wants.attempts += self._times

    def apply(self, batch: Batch) -> None:
        for seq, at in self._times.items():
            with suppress(NotFound):  # it was removed with its order while its provider was asked
                attempt = batch.attempt(seq)
                if attempt.poll_at is not None:
                    attempt.poll_at = at
                    batch.change_attempt(attempt)


class Receipts:
    """`box.receipts`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def apply(
        self, channel: str, update: ReceiptUpdate, go_on: GoOn | None = None, silence: Silence | None = None
    ) -> Message | None:
        """Put a receipt on record and move its message. The message it belongs to, None when that is not known (yet): then one that
        names it by the provider's id alone is kept for a day and applied when its attempt is settled, if any by that channel is under way
        or in doubt.

        `go_on`: whither a message goes whose newest attempt was not delivered (None: it fails). `silence`: what it says of consent.
        """
        return await self._store.write(Apply(channel, update, go_on, silence, said_at(self._store)))

    async def is_anothers(self, channel: str, provider_id: str, seq: int) -> bool:
        """Whether the channel calls another attempt than that one (its seq) by this id."""
        return await self._store.value(_SQL["anothers"], channel=channel, provider_id=provider_id, seq=seq) is not None

    async def rivals(self, attempt: Attempt) -> int:
        """How many for other messages by its channel to its address, of within a minute, are under way or ended in doubt, whatever became of
        their messages: what is known of one by number and time alone may be another's."""
        found: int = await self._store.value(
            _SQL["rivals"],
            channel=attempt.channel,
            address=attempt.address,
            seq=attempt.seq,
            message=attempt.message_seq,
            since=attempt.started_at - RIVALS_MS,
            until=attempt.started_at + RIVALS_MS,
        )
        return found

    async def schedule(self, times: Mapping[int, int | None]) -> None:
        """When (ms) to ask for the receipts of attempts, by their seq, where they are awaited still; None: no more."""
        if times:
            await self._store.write(Schedule(times))

    async def due(self, *, now: int, limit: int) -> list[Awaited]:
        """Attempts whose receipts are to be asked for, the longest waiting first."""
        text = await self._store.value(_SQL["due"], now=now, limit=limit)
        return self._store.decoded(_awaited, text or "[]")

    async def next_due(self) -> int | None:
        """When (ms) the next receipt is to be asked for."""
        found: int | None = await self._store.value(_SQL["next_due"])
        return found


_awaited_rows = msgspec.json.Decoder(list[tuple[AttemptRow, str, str]]).decode


def _awaited(text: str) -> list[Awaited]:
    return [Awaited(row.attempt(), ref, kind) for row, ref, kind in _awaited_rows(text)]


def _reference(text: str) -> tuple[str, int] | None:
    """`<message id>.<n>`"""
    id, _, n = text.rpartition(".")
    return (id, int(n)) if id and n.isdecimal() else None


def _words(update: ReceiptUpdate) -> str:
    return " ".join(part for part in (update.code, update.detail) if part)
