"""Taking an event: known before or not, what it makes of its order, what is planned, and what that puts aside."""

import hashlib
import math

import msgspec

from outbox.batch import Batch
from outbox.errors import EventConflict, NotItsOwn, OrderExists
from outbox.model import Acceptance, Customer, Order, Outlook, Plan, PlannedMessage, Planner, Policy, Posted, State
from outbox.orders import ENDS, known_of, moves_status, project
from outbox.person_index import PersonIndex
from outbox.reasons import ON_HOLD, Reason, encode_args
from outbox.rows import EventRow, MessageRow, body_of, decode_body, encode
from outbox.snapshot import OrderRow, Wants
from outbox.writer import Operation

_WAITING = (State.QUEUED, State.HELD)
_MAY_MOVE = (*_WAITING, State.SENDING)
"""What is on record as being sent may wait for its turn at the modem still (`Spool.wanted`)."""
PROMISED_ANEW = Reason("the order is promised for another time", "promised_anew")


LEFT_BEFORE = Reason("it left, or may have, before the database was restored from a backup", "left_before")


class Accept(Operation[Acceptance]):
    """One event: taken once, planned, and its older news put aside, all in one transaction."""

    __slots__ = ("_index", "_plan", "_posted")
    goes_first = True

    def __init__(self, posted: Posted, plan: Planner, index: PersonIndex) -> None:
        self._posted = posted
        self._plan = plan
        self._index = index

    def wants(self, wants: Wants) -> None:
        event = self._posted.event
        wants.events.append((event.id, self._posted.source))
        wants.refs.append(event.order.ref)

    def apply(self, batch: Batch) -> Acceptance:
        posted, event = self._posted, self._posted.event
        key = (event.id, posted.source)
        if key in batch.events:
            return self._again(*batch.events[key])
        known = batch.orders.get(event.order.ref)
        there = known.order if known else None
        if posted.own_orders and there is not None and not is_beneath(there.source, posted.token):
            raise NotItsOwn(
                f"the token {posted.token!r} may tell only of its own orders, and {there.ref!r} is not one of them"
            )
        if posted.begins and there is not None:
            raise OrderExists(f"there is an order {there.ref!r} already: take another number")
        batch.sequences.event += 1
        seq = batch.sequences.event
        before = known_of(there, posted)
        after = project(before, posted)
        if there is not None and before is None:
            after = msgspec.structs.replace(after, began=seq)
        if before is not None and before.customer != after.customer:
            batch.calls_off = True
        order = self._keep_order(batch, known, after)
        batch.events[key] = (seq, posted.raw)
        batch.new_events.append(
            EventRow(
                seq=seq,
                order_seq=order.seq,
                earlier=order.last_event,
                source=posted.source,
                id=event.id,
                type=event.type,
                actor=posted.actor,
                received_at=posted.received_at,
                raw=posted.raw,
            )
        )
        order.last_event = seq
        told = {"id": event.id, "source": posted.source, "type": event.type}
        batch.record("event.accepted", told, after.ref, "", _actor(posted))
        plan = self.planned(before, after)
        batch.look_for_ids([planned.id for planned in plan.messages])
        self._drop(batch, order, plan)
        left = batch.told_before([planned.id for planned in plan.messages])
        wanted = [_already(planned) if planned.id in left else planned for planned in plan.messages]
        led_to = tuple(
            Outlook(row.id, planned.audience, State(row.state), planned.via, row.reason)
            for planned in wanted
            if (row := self.add(batch, order, seq, planned))
        )
        self._reschedule(batch, order, seq, plan)
        self._keep_people(batch, order, before, after, plan)
        return Acceptance(event.id, seq, messages=led_to, why=plan.why, unrouted=plan.unrouted)

    def _again(self, seq: int, raw: bytes) -> Acceptance:
        posted = self._posted
        forgotten = not raw
        if not (forgotten or raw == posted.raw or _form(raw) == _form(posted.raw)):
            raise EventConflict(
                f"event {posted.event.id!r} of {posted.source!r} was taken before with different content: send the change as a new event"
            )
        return Acceptance(posted.event.id, seq, duplicate=True)

    def _keep_order(self, batch: Batch, known: OrderRow | None, after: Order) -> OrderRow:
        if known is None:
            return batch.add_order(after)
        batch.change_order(known, after)
        return known

    def planned(self, before: Order | None, after: Order) -> Plan:
        """The planner is total; if it fails all the same, the event is taken and one failed message says so."""
        try:
            return self._plan(self._posted, before, after)
        except MemoryError:  # of this machine: the event is not taken, and told again
            raise
        except Exception as error:
            digest = hashlib.sha256(f"{self._posted.source}\0{self._posted.event.id}".encode()).hexdigest()
            failed = PlannedMessage(
                id=f"x{digest[:24]}",
                audience="team",
                recipient="team",
                addresses={},
                via=(),
                template=self._posted.event.type,
                trigger=self._posted.event.type,
                due_at=self._posted.received_at,
                state=State.FAILED,
                reason=Reason(
                    f"planning failed inside: {type(error).__name__}", "planning_failed", error=type(error).__name__
                ),
            )
            return Plan((failed,))

    def _drop(self, batch: Batch, order: OrderRow, plan: Plan) -> None:
        """What waits for a trigger that this event settled is not to be sent any more, nor is at its end what waits for a moment before
        or after the promised time, unless it tells of that end. The end of an order is newer news like any other: what its route wants
        told in any case stays."""
        if not plan.drops:
            return
        type = self._posted.event.type
        is_end = type in ENDS
        is_over = is_end and order.order.status == type
        for row in batch.open_of(order.seq):
            stays = row.manual or (is_end and moves_status(row.trigger) and not row.supersedes)
            is_earlier = is_over and moves_status(row.trigger) and row.trigger != type
            reminds = is_earlier and _reminds(row, batch.now)
            if (row.trigger in plan.drops or reminds) and not stays:
                self._put_aside(batch, row, _superseded_by(type))

    def _reschedule(self, batch: Batch, order: OrderRow, seq: int, plan: Plan) -> None:
        """What waits for a moment that is counted from the promised time goes with it."""
        if not plan.moved:
            return
        for row in batch.open_of(order.seq):
            moment = plan.moved.get(row.queue_place)
            if moment is not None and row.event_seq < seq and row.state in _MAY_MOVE:
                batch.calls_off = batch.calls_off or row.state is State.SENDING
                batch.reschedule(row, moment, PROMISED_ANEW)

    def _put_aside(self, batch: Batch, row: MessageRow, reason: Reason) -> None:
        if row.state in _WAITING:
            batch.move(row, State.SUPERSEDED, reason)
        elif not row.pending_state:
            batch.call_off(row, State.SUPERSEDED)

    def add(self, batch: Batch, order: OrderRow, event_seq: int, planned: PlannedMessage) -> MessageRow | None:
        """One planned message; None where it exists."""
        if planned.id in batch.ids:
            return None
        row = self._row(batch, order, event_seq, planned)
        batch.ids[row.id] = row.seq
        if row.supersedes and row.state in _WAITING:
            self._supersede(batch, row)
        self._line_up(batch, row)
        batch.add_message(row, self._posted.event)
        told = {
            "to": row.recipient,
            "type": row.trigger,
            "channel": row.channel,
            "reason": row.reason,
            "source": self._posted.source,
            "reason_code": row.reason_code,
        }
        batch.record(f"message.{row.state}", {k: v for k, v in told.items() if v}, row.order_ref, row.id)
        return row

    def _supersede(self, batch: Batch, new: MessageRow) -> None:
        """Older news of the same family, for the same recipient, that has not left yet."""
        for row in batch.open_of(new.order_seq):
            older = row.supersedes and row.event_seq < new.event_seq
            if older and row.recipient == new.recipient and row.family == new.family:
                self._put_aside(batch, row, _superseded_by(new.trigger))

    def _line_up(self, batch: Batch, new: MessageRow) -> None:
        """What was to wait for a while, and did, stands where it came: this is newer news. What is said of a moment keeps its place."""
        for row in batch.open_of(new.order_seq):
            is_over = 0 < row.queue_place <= batch.now
            if is_over and row.recipient == new.recipient and not decode_body(row.body).policy.timed:
                batch.line_up(row)

    def _row(self, batch: Batch, order: OrderRow, event_seq: int, planned: PlannedMessage) -> MessageRow:
        batch.sequences.message += 1
        policy, now = planned.policy, self._posted.received_at
        at_once = planned.due_at <= now
        state, reason = _first_state(planned, order.order)
        return MessageRow(
            seq=batch.sequences.message,
            id=planned.id,
            event_seq=event_seq,
            order_seq=order.seq,
            recipient=planned.recipient,
            queue_place=0 if at_once else planned.due_at,
            state=state,
            ready=0,
            channel=planned.via[0] if planned.via else "",
            priority=int(planned.priority),
            due_at=planned.due_at,
            relative=int(at_once or planned.relative),
            offline_after=_offline_after(policy),
            expires_at=planned.expires_at,
            via_index=0,
            channel_since=max(planned.due_at, now),
            attempt_count=0,
            tries=0,
            first_try=1,
            last_attempt=0,
            possible_duplicate=0,
            pending_state="",
            supersedes=int(moves_status(planned.trigger) and policy.supersede and not policy.stands_alone),
            manual=int(policy.stands_alone),
            trigger=planned.trigger,
            created_at=now,
            updated_at=now,
            reason=str(reason),
            reason_code=reason.code,
            reason_args=encode_args(reason),
            via=",".join(planned.via),
            addresses=encode(planned.addresses).decode(),
            body=body_of(planned).decode(),
            event_id=self._posted.event.id,
            order_ref=order.order.ref,
            order_held=int(order.order.held),
            order_began=order.order.began,
        )

    def _keep_people(self, batch: Batch, order: OrderRow, before: Order | None, after: Order, plan: Plan) -> None:
        """Under which addresses the order is kept: all that its customer ever had, whether or not anything is planned for them."""
        said = self._posted.event.customer
        if before is not None and before.customer == after.customer and (said is None or said == before.customer):
            return
        known = set(self._index.of_customer(after.customer))
        if said is not None:
            known |= self._index.of_customer(said)
        for planned in plan.messages:
            if planned.audience == "customer":
                known |= self._index.of_customer(Customer(addresses=dict(planned.addresses)))
        batch.keep_people(order.seq, self._index.digests_known(known))


def is_beneath(source: str, name: str) -> bool:
    """Whether it is that source, or one that it keeps apart beneath its own name (`till-1/theirs`)."""
    return source == name or source.startswith(f"{name}/")


def _actor(posted: Posted) -> str:
    """The person, as far as the caller says who, and the token that vouches for as much."""
    if not posted.actor or not posted.token:
        return posted.actor
    return f"{posted.actor} ({posted.token})"


def _already(planned: PlannedMessage) -> PlannedMessage:
    return msgspec.structs.replace(planned, state=State.CANCELLED, reason=LEFT_BEFORE)


def _first_state(planned: PlannedMessage, order: Order) -> tuple[State, Reason]:
    if planned.state is State.QUEUED and not planned.via:
        return State.FAILED, planned.reason or Reason("its route names no channel", "no_channel")
    if planned.state is State.QUEUED and order.held and not planned.policy.stands_alone:
        return State.HELD, planned.reason or ON_HOLD
    return planned.state, planned.reason


def _reminds(row: MessageRow, now: int) -> bool:
    """Whether it waits for a moment before or after the promised time, or did until the quiet hours or the line kept it."""
    return decode_body(row.body).policy.timed or (row.queue_place > now and not row.relative)


def _superseded_by(type: str) -> Reason:
    return Reason(f"{type} came meanwhile", "superseded", by=type)


def _offline_after(policy: Policy) -> int | None:
    if policy.offline_after is None:
        return None
    return 0 if policy.urgent else math.ceil(policy.offline_after)


def _number(written: str) -> float:
    """1.0 is 1, as far as each whole number has a float of its own."""
    value = float(written)
    return int(value) if abs(value) < 2**53 and value.is_integer() else value


_JSON = msgspec.json.Decoder(float_hook=_number)


def _form(raw: bytes) -> bytes:
    """One form for all JSON that says the same, however it is spaced, ordered, or its numbers are written. To compare what Python makes of it
    would take true for 1; to go through that by hand takes ten times as long, of whoever posts it again and again."""
    return msgspec.json.encode(_JSON.decode(raw), order="deterministic")
