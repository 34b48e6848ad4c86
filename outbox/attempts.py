"""An attempt's life: recorded before its request leaves, ended by one outcome, looked up when that is not known."""

from collections.abc import Callable, Sequence

import msgspec

from outbox.batch import Batch
from outbox.model import Attempt, Message, Rendered, State, Transition
from outbox.moves import go
from outbox.outcome import Accepted, Deferred, Outcome, ReceiptState, Rejected, Unknown
from outbox.reasons import FORGOTTEN, UNDELIVERED, Reason
from outbox.remote import stopped_elsewhere
from outbox.rows import AttemptRow, MessageRow, encode
from outbox.shares import Asked
from outbox.silence import Said, decode_silence, heed
from outbox.snapshot import Wants
from outbox.writer import Operation

Digest = Callable[[str], str]
"""The keyed digest of an address."""

INTERRUPTED = "interrupted"
"""The code of an attempt that our own process left without an outcome."""
SAID_TO_ALL = frozenset({"stop", "help"})
"""What is answered even to whom asked for silence: that they will have it, and what this number is."""


class Refusal(msgspec.Struct, frozen=True):
    """Why a message may not be tried now. `opted_out`: the recipient asked for silence."""

    reason: Reason
    opted_out: bool = False


class Begin(Operation["Attempt | Refusal"]):
    """Put an attempt on record before anything leaves, unless the message is elsewhere by now or its recipient opted out."""

    __slots__ = (
        "_address",
        "_asked",
        "_channel",
        "_digest",
        "_medium",
        "_sent",
        "_seq",
        "_units",
        "_via",
        "_via_index",
    )

    def __init__(
        self,
        seq: int,
        *,
        channel: str,
        via_index: int,
        medium: str,
        address: str,
        digest: str,
        sent: Rendered | None,
        units: int,
        asked: Sequence[Asked] = (),
        via: Sequence[str] | None = None,
    ) -> None:
        """`via`: its ways from now on, where the channel takes it before its turn; `via_index` is a place in them."""
        self._via = via
        self._asked = asked
        self._seq = seq
        self._channel = channel
        self._via_index = via_index
        self._medium = medium
        self._address = address
        self._digest = digest
        self._sent = sent
        self._units = units

    @property
    def follows(self) -> int:
        return self._seq

    def wants(self, wants: Wants) -> None:
        wants.messages.append(self._seq)
        if self._digest:
            wants.digests.append(self._digest)

    def apply(self, batch: Batch) -> Attempt | Refusal:
        row = batch.find(self._seq)
        if row is None:
            return Refusal(Reason("its event was not taken after all", "elsewhere", state=""))
        if row.state is not State.QUEUED:
            return Refusal(Reason(f"it is {row.state} by now", "elsewhere", state=row.state.value))
        if row.due_at > batch.now:
            return Refusal(Reason("it waits for another moment by now", "elsewhere", state=row.state.value))
        if not row.ready:
            return Refusal(Reason("an earlier message of its order to the same recipient is unfinished", "in_line"))
        if row.message().policy.answers not in SAID_TO_ALL and (why := self._opted_out(batch)) is not None:
            return Refusal(why, opted_out=True)
        self._place(batch, row)
        if not row.relative:  # its moment came: nobody was impatient with this channel before
            row.channel_since = max(row.channel_since, row.due_at)
        row.tries += 1
        told = {"n": row.tries, "to": self._named(batch), "possible_duplicate": bool(row.possible_duplicate)}
        batch.move(row, State.SENDING, row.why, detail=told, in_our_words=False)
        attempt = self._attempt(batch, row)
        row.last_attempt = attempt.seq
        batch.add_attempt(attempt)
        return attempt.attempt()

    def _named(self, batch: Batch) -> str:
        return batch.pseudonym(self._digest) if self._digest else ""

    def _opted_out(self, batch: Batch) -> Reason | None:
        """Why nothing of this medium may go to this address, by our own ledger or another store's."""
        stop = batch.stop_of(self._digest, self._medium) if self._digest else None
        if stop is not None:
            said = "the recipient opted out"
            return Reason(said, "opted_out", medium=stop.medium, since=stop.at, how=stop.reason)
        elsewhere = stopped_elsewhere(batch.db, self._asked)
        if elsewhere is None:
            return None
        return Reason(f"the recipient opted out: {elsewhere}", "opted_out_elsewhere", how=elsewhere)

    def _place(self, batch: Batch, row: MessageRow) -> None:
        if self._via is not None:
            row.via = ",".join(self._via)
        if row.via_index != self._via_index or row.channel != self._channel:
            row.via_index, row.channel, row.channel_since = self._via_index, self._channel, batch.now

    def _attempt(self, batch: Batch, row: MessageRow) -> AttemptRow:
        batch.sequences.attempt += 1
        return AttemptRow(
            seq=batch.sequences.attempt,
            message_seq=row.seq,
            earlier=row.last_attempt,
            n=row.tries,
            channel=self._channel,
            started_at=batch.now,
            finished_at=None,
            outcome=None,
            scope=None,
            code="",
            provider_id="",
            receipt=None,
            receipt_at=None,
            poll_at=None,
            counts=1,
            detail="",
            receipt_detail="",
            address=self._address,
            units=self._units,
            sent=None if self._sent is None else encode(self._sent).decode(),
            message_id=row.id,
        )


class Uncount(Operation[None]):
    """Let attempts that ended without success count for nothing. What waits since then for its provider's trouble to pass need not: it was the
    line's."""

    __slots__ = ("_attempts",)

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        self._attempts = attempts

    def wants(self, wants: Wants) -> None:
        wants.messages += [attempt.message_seq for attempt in self._attempts]
        wants.attempts += [attempt.seq for attempt in self._attempts]

    def apply(self, batch: Batch) -> None:
        for one in self._attempts:
            row, attempt = batch.message(one.message_seq), batch.attempt(one.seq)
            if attempt.counts and attempt.outcome in ("deferred", "unknown"):
                attempt.counts = 0
                row.attempt_count -= 1
                if row.state is State.QUEUED and row.last_attempt == attempt.seq and row.relative:
                    row.due_at = min(row.due_at, batch.now)
                    batch.requeue(row)
                batch.change_attempt(attempt)
                batch.touch(row)


class Settle(Operation[Message]):
    """End an attempt with its outcome and move its message, both in one."""

    __slots__ = ("_attempt", "_outcome", "_poll_at", "_said", "_to")

    def __init__(self, attempt: Attempt, outcome: Outcome, to: Transition, poll_at: int | None, said: Said) -> None:
        self._attempt = attempt
        self._outcome = outcome
        self._to = to
        self._poll_at = poll_at
        self._said = said

    def wants(self, wants: Wants) -> None:
        wants.messages.append(self._attempt.message_seq)
        wants.attempts.append(self._attempt.seq)
        if isinstance(self._outcome, Accepted) and self._outcome.provider_id:
            wants.receipts.append((self._attempt.channel, self._outcome.provider_id))

    def apply(self, batch: Batch) -> Message:
        row, attempt = batch.message(self._attempt.message_seq), batch.attempt(self._attempt.seq)
        if attempt.outcome is None or self._resolves(row, attempt):
            self._end(batch, row, attempt)
        return row.message()

    def _resolves(self, row: MessageRow, attempt: AttemptRow) -> bool:
        """Whether it is what its message is in doubt about: that an earlier one did not arrive says nothing of a later one."""
        is_in_doubt = attempt.outcome == "unknown" and row.state is State.UNKNOWN
        return is_in_doubt and (attempt.seq == row.last_attempt or isinstance(self._outcome, Accepted))

    def _end(self, batch: Batch, row: MessageRow, attempt: AttemptRow) -> None:
        counted = attempt.outcome is not None and bool(attempt.counts)
        was_uncounted = attempt.outcome is not None and not attempt.counts
        note_outcome(attempt, self._outcome, at=batch.now)
        attempt.counts = int(self._to.counts and (not was_uncounted or isinstance(self._outcome, Accepted)))
        attempt.poll_at = self._poll_at
        self._take_early_receipt(batch, attempt)
        if self._to.via is not None:
            row.via, row.via_index = ",".join(self._to.via), self._to.via.index(row.channel)
        to = self._in_hindsight(batch, row, attempt)
        if batch.is_forgotten(row):
            attempt.provider_id = attempt.detail = attempt.receipt_detail = ""
            attempt.poll_at = None
            to = msgspec.structs.replace(to, reason=FORGOTTEN)
        row.attempt_count += attempt.counts - int(counted)
        batch.change_attempt(attempt)
        told = {"n": attempt.n, "channel": attempt.channel, "code": attempt.code}
        batch.record(
            f"attempt.{attempt.outcome}",
            {name: value for name, value in told.items() if value},
            row.order_ref,
            row.id,
        )
        go(batch, row, to, in_our_words=False)

    def _in_hindsight(self, batch: Batch, row: MessageRow, attempt: AttemptRow) -> Transition:
        """What its receipt, which came before the provider's own answer was on record, makes of the move; or that of an earlier attempt
        which came while this one was under way."""
        if attempt.receipt in (ReceiptState.DELIVERED, ReceiptState.READ):
            return Transition(state=State.DELIVERED, reason=self._to.reason)
        if attempt.receipt is ReceiptState.SENT and attempt.outcome == "unknown":
            return Transition(state=State.SENT)
        if attempt.n > 1 and batch.was_delivered(row):
            return Transition(state=State.DELIVERED)
        if attempt.receipt is ReceiptState.UNDELIVERED and self._to.state is State.SENT:
            via_index = row.via_index + 1
            if row.pending_state:
                return Transition(state=State.QUEUED, reason=UNDELIVERED)
            if via_index < len(row.channels()):
                return Transition(state=State.QUEUED, reason=UNDELIVERED, via_index=via_index)
            return Transition(state=State.FAILED, reason=UNDELIVERED)
        return self._to

    def _take_early_receipt(self, batch: Batch, attempt: AttemptRow) -> None:
        if attempt.provider_id:
            batch.at_provider[attempt.channel, attempt.provider_id] = attempt.seq
        early = batch.early_receipts.get((attempt.channel, attempt.provider_id))
        if early is not None:
            batch.used_receipts.append((attempt.channel, attempt.provider_id))
            if early.state.says_more_than(attempt.receipt):
                attempt.receipt, attempt.receipt_at, attempt.receipt_detail, _ = early
            if early.silence is not None and attempt.address:
                heed(batch, self._said(decode_silence(early.silence), attempt.address))
        if attempt.receipt not in (None, ReceiptState.SENT):
            attempt.poll_at = None


class Interrupt(Operation[None]):
    """Our own shutdown cut the attempt before anything left: it was none."""

    __slots__ = ("_attempt",)

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def wants(self, wants: Wants) -> None:
        wants.messages.append(self._attempt.message_seq)
        wants.attempts.append(self._attempt.seq)

    def apply(self, batch: Batch) -> None:
        row, attempt = batch.message(self._attempt.message_seq), batch.attempt(self._attempt.seq)
        if attempt.outcome is not None or row.state is not State.SENDING:
            return
        batch.cut_attempt(attempt)
        row.tries -= 1
        row.last_attempt = attempt.earlier
        if batch.was_delivered(row):
            go(batch, row, Transition(state=State.DELIVERED))
            return
        cut = Reason("cut before it left", "cut")
        go(batch, row, Transition(state=State.QUEUED, reason=cut, due_at=row.due_at, relative=bool(row.relative)))


class InTurn(Operation[None]):
    """Nothing but its place in the queue: when it is done, all that was asked for before is done."""

    __slots__ = ()

    def apply(self, batch: Batch) -> None:
        """Nothing to do."""


class Rescue(Operation[int]):
    """After a crash: what was on its way may have arrived. A slice of at most `limit`; returns how many."""

    __slots__ = ("_attempts", "_messages")

    def __init__(self, messages: list[int], attempts: list[int]) -> None:
        self._messages = messages
        self._attempts = attempts

    def wants(self, wants: Wants) -> None:
        wants.messages += self._messages
        wants.attempts += self._attempts

    def apply(self, batch: Batch) -> int:
        for seq in self._attempts:
            attempt = batch.attempt(seq)
            row = batch.message(attempt.message_seq)
            reason = Reason("Tether stopped before the answer came", INTERRUPTED)
            note_outcome(attempt, Unknown(reason, code=INTERRUPTED), at=batch.now)
            batch.change_attempt(attempt)
            row.attempt_count += attempt.counts
            batch.record(
                "attempt.unknown",
                {"n": attempt.n, "channel": attempt.channel, "code": INTERRUPTED},
                row.order_ref,
                row.id,
            )
            go(batch, row, Transition(state=State.UNKNOWN, reason=reason, due_at=batch.now))
        return len(self._attempts)


def note_outcome(attempt: AttemptRow, outcome: Outcome, *, at: int) -> None:
    """Write down what a try said."""
    attempt.finished_at = at
    attempt.scope = None
    attempt.units = outcome.used(attempt.units)
    match outcome:
        case Accepted():
            attempt.outcome, attempt.code, attempt.detail = "accepted", "", outcome.detail
            attempt.provider_id = outcome.provider_id
        case Deferred():
            attempt.outcome, attempt.code, attempt.detail = "deferred", outcome.code, outcome.reason
        case Rejected():
            attempt.outcome, attempt.code, attempt.detail = "rejected", outcome.code, outcome.reason
            attempt.scope = outcome.scope.value
        case Unknown():
            attempt.outcome, attempt.code, attempt.detail = "unknown", outcome.code, outcome.reason
