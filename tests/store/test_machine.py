"""Whatever happens in whatever order: no message is lost, none reaches a state it can't, none that was superseded is sent, and one
recipient hears of one order in order. The outbox is compared with a small model in memory."""

import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from outbox import Outbox, Refusal
from outbox.errors import IllegalMove, NotFound
from outbox.model import MOVES, Attempt, Message, Plan, Policy, State, Transition
from outbox.outcome import Accepted, Deferred, Outcome, ReceiptState, Rejected, Scope, Unknown
from outbox.reasons import Reason
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import PHONE, Update, open_box, planned, plans, posted

REFS = ["B-1", "B-2"]
CHANNELS = ["twilio", "sendgrid"]
TYPES = ["order.placed", "order.ready", "payment.failed", "refund.issued"]
ENDED = {State.SENT, State.DELIVERED, State.FAILED, State.EXPIRED, State.SUPERSEDED, State.SUPPRESSED, State.CANCELLED}

BACK: list[tuple[Outcome, Transition]] = [
    (Accepted("P"), Transition(state=State.SENT)),
    (Deferred("busy"), Transition(state=State.QUEUED, reason=Reason("busy"))),
    (Deferred("no line", unreachable=True), Transition(state=State.QUEUED, reason=Reason("line"), counts=False)),
    (Rejected(Scope.RECIPIENT, "1", "no"), Transition(state=State.QUEUED, reason=Reason("no"), via_index=1)),
    (Rejected(Scope.MESSAGE, "2", "no"), Transition(state=State.FAILED, reason=Reason("no"))),
    (Unknown("cut"), Transition(state=State.UNKNOWN, reason=Reason("cut"), due_at=0)),
    (Unknown("cut"), Transition(state=State.QUEUED, reason=Reason("cut"), possible_duplicate=True)),
]


class Spooling(RuleBasedStateMachine):
    """`seen` is the model: every message that was ever planned, with the last state it was seen in."""

    attempts: Bundle[Attempt] = Bundle("attempts")

    @initialize(
        first=st.lists(st.tuples(st.sampled_from(REFS), st.sampled_from(TYPES), st.booleans()), min_size=2, max_size=5)
    )
    def open(self, first: list[tuple[str, str, bool]]) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.clock = FakeClock()
        self.seen: dict[str, State] = {}
        self.superseded: set[str] = set()
        self.place: dict[str, tuple[int, int, int]] = {}
        """Of each message in its line: when it was planned for (0: at once), then the order in which they came."""
        self.events = 0
        self.stack = AsyncExitStack()
        self.box: Outbox = self.run(self.stack.enter_async_context(open_box(self.folder, self.clock)))
        for ref, type, supersede in first:
            self.accept(ref, type, count=1, supersede=supersede, manual=False, urgent=False, delay=0, drops=())
        self.at_start: dict[str, State] = {}

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def all(self) -> list[Message]:
        messages: list[Message] = self.run(self.box.views.messages(limit=500)).items
        return messages[::-1]

    # ------------------------------------------------------------ what may happen

    @rule(
        ref=st.sampled_from(REFS),
        type=st.sampled_from(TYPES),
        count=st.integers(0, 2),
        supersede=st.booleans(),
        manual=st.booleans(),
        urgent=st.booleans(),
        delay=st.sampled_from([0, 0, 0, 60_000]),
        drops=st.sampled_from([(), ("payment.failed",)]),
    )
    def accept(
        self,
        ref: str,
        type: str,
        count: int,
        supersede: bool,
        manual: bool,
        urgent: bool,
        delay: int,
        drops: tuple[str, ...],
    ) -> None:
        self.events += 1
        messages = [
            planned(
                f"m{self.events}_{n}",
                trigger=type,
                due_at=self.clock.now() + delay,
                via=tuple(CHANNELS),
                relative=not delay,
                policy=Policy(supersede=supersede, manual=manual, urgent=urgent),
            )
            for n in range(count)
        ]
        event = posted(f"e{self.events}", type, ref, at=self.clock.now())
        if messages:
            self.line_up(ref)
        self.run(self.box.spool.accept(event, plans(*messages, drops=drops)))
        assert self.run(self.box.spool.accept(event, plans(*messages))).duplicate
        self.seen |= {message.id: State.QUEUED for message in messages}
        later = self.clock.now() + delay if delay else 0
        self.place |= {message.id: (later, self.events, n) for n, message in enumerate(messages)}

    def line_up(self, ref: str) -> None:
        """What was to wait for a while, and did, stands where it came when there is newer news."""
        for message in self.all():
            moment, *came = self.place[message.id]
            if message.order_ref == ref and message.state not in ENDED and 0 < moment <= self.clock.now():
                self.place[message.id] = (0, *came)  # type: ignore[assignment]

    @rule(ref=st.sampled_from(REFS), by=st.sampled_from([-90_000, -30_000, 45_000]))
    def promise_anew(self, ref: str, by: int) -> None:
        """What is planned for a moment of the order goes with it."""
        self.events += 1
        now = self.clock.now()
        waiting = [m for m in self.all() if m.order_ref == ref and m.state in (State.QUEUED, State.HELD)]
        later = {m.id: self.place[m.id] for m in waiting if self.place[m.id][0]}
        moved = {moment: moment + by for moment, *_ in later.values()}
        event = posted(f"e{self.events}", "order.changed", ref, at=now)
        self.run(self.box.spool.accept(event, lambda *_: Plan(moved=moved)))
        for id, (moment, *came) in later.items():
            self.place[id] = (moment + by if moment + by > now else 0, *came)  # type: ignore[assignment]
        for message in self.all():
            if message.id in later:
                assert message.due_at == max(later[message.id][0] + by, now)

    @rule(data=st.data())
    def wait_for_the_morning(self, data: st.DataObject) -> None:
        if waiting := [message for message in self.all() if message.state is State.QUEUED]:
            message = data.draw(st.sampled_from(waiting))
            morning = Transition(
                state=State.QUEUED, reason=Reason("quiet"), due_at=self.clock.now() + 100_000, relative=False
            )
            self.run(self.box.spool.move(message.seq, morning))

    @rule(target=attempts, channel=st.sampled_from(CHANNELS), limit=st.integers(1, 3))
    def begin(self, channel: str, limit: int) -> Any:
        return multiple(*self._begin(channel, limit))

    @rule(channel=st.sampled_from(CHANNELS), limit=st.integers(1, 3), back=st.sampled_from(BACK))
    def send(self, channel: str, limit: int, back: tuple[Outcome, Transition]) -> None:
        for attempt in self._begin(channel, limit):
            self.settle(attempt, back)

    def _begin(self, channel: str, limit: int) -> list[Attempt]:
        begun = []
        found = [due.message for due in self.run(self.box.spool.due(channel, now=self.clock.now(), limit=limit))]
        for message in found:
            assert message.id not in self.superseded
            self.may_go(message)
        for message in found:
            attempt = self.run(
                self.box.spool.begin(
                    message.seq, channel=channel, via_index=message.via_index, medium="sms", address=PHONE
                )
            )
            assert isinstance(attempt, Attempt | Refusal)
            if isinstance(attempt, Attempt):
                begun.append(attempt)
        return begun

    def may_go(self, message: Message) -> None:
        """None of the same (order, recipient) is under way, and none that comes before it waits: what is urgent passes a line whose first
        waits for the morning, and what may have arrived stands beside it."""
        line = [one for one in self.all() if (one.order_ref, one.recipient) == (message.order_ref, message.recipient)]
        assert State.SENDING not in [one.state for one in line]
        if message.possible_duplicate:
            return
        waiting = (one for one in line if one.state is State.QUEUED and not one.possible_duplicate)
        first = min(waiting, key=lambda one: self.place[one.id])
        passed = message.policy.urgent and not first.relative and message.due_at < first.due_at
        assert first.id == message.id or passed, (first, message)

    @rule(attempt=consumes(attempts), back=st.sampled_from(BACK))
    def settle(self, attempt: Attempt, back: tuple[Outcome, Transition]) -> None:
        outcome, to = back
        if isinstance(outcome, Accepted):
            outcome = Accepted(f"P{attempt.seq}")
        ended = self.run(self.box.spool.settle(attempt, outcome, to))
        assert ended.state is not State.SENDING

    @rule(attempt=consumes(attempts))
    def interrupt(self, attempt: Attempt) -> None:
        self.run(self.box.spool.interrupt(attempt))

    @precondition(lambda self: State.UNKNOWN in self.seen.values())
    @rule(back=st.sampled_from(BACK))
    def resolve(self, back: tuple[Outcome, Transition]) -> None:
        for _, attempt in self.run(self.box.spool.unknowns(now=self.clock.now(), limit=1)):
            self.run(self.box.spool.resolve(attempt, *back))

    @rule(data=st.data(), state=st.sampled_from(list(ReceiptState)))
    def receipt(self, data: st.DataObject, state: ReceiptState) -> None:
        if self.seen:
            id = data.draw(st.sampled_from(sorted(self.seen)))
            self.run(self.box.receipts.apply("twilio", Update(state=state, reference=f"{id}.1")))

    @rule(data=st.data(), to=st.sampled_from([State.EXPIRED, State.FAILED, State.SUPPRESSED, State.QUEUED]))
    def move(self, data: st.DataObject, to: State) -> None:
        if self.seen:
            id = data.draw(st.sampled_from(sorted(self.seen)))
            (message,) = self.run(self.box.views.messages_by_id([id]))
            self.run(self.box.spool.move(message.seq, Transition(state=to, reason=Reason("moved"))))

    @rule(ref=st.sampled_from(REFS), held=st.booleans())
    def hold(self, ref: str, held: bool) -> None:
        act = self.box.spool.hold if held else self.box.spool.release
        try:
            self.run(act(ref, actor="Mia", reason=""))
        except NotFound:
            assert self.run(self.box.views.orders_by_ref([ref])) == []

    @rule(data=st.data(), again=st.booleans())
    def staff(self, data: st.DataObject, again: bool) -> None:
        if not self.seen:
            return
        id = data.draw(st.sampled_from(sorted(self.seen)))
        try:
            if again:
                self.run(self.box.spool.retry(id, actor="Mia"))
                self.superseded.discard(id)
            else:
                self.run(self.box.spool.cancel(id, actor="Mia", reason=""))
        except IllegalMove:
            pass

    @rule(seconds=st.sampled_from([1, 30, 120]))
    def time_passes(self, seconds: int) -> None:
        self.clock._monotonic += seconds
        self.clock.step(seconds)

    @precondition(lambda self: self.seen != self.at_start)
    @rule()
    def restart(self) -> None:
        self.run(self.stack.aclose())
        self.box = self.run(self.stack.enter_async_context(open_box(self.folder, self.clock)))
        self.run(self.box.spool.rescue())
        self.at_start = {message.id: message.state for message in self.all()}
        assert State.SENDING not in self.at_start.values()

    # ------------------------------------------------------------ what must hold

    @invariant()
    def nothing_is_lost_and_every_step_was_legal(self) -> None:
        if not hasattr(self, "box"):
            return
        now = {message.id: message.state for message in self.all()}
        assert now.keys() == self.seen.keys()
        for id, state in now.items():
            assert state is self.seen[id] or _reachable(self.seen[id], state), (id, self.seen[id], state)
        self.seen = now
        self.superseded |= {id for id, state in now.items() if state is State.SUPERSEDED}

    @invariant()
    def at_most_one_of_a_line_is_under_way(self) -> None:
        if hasattr(self, "box"):
            lines = [(m.order_ref, m.recipient) for m in self.all() if m.state is State.SENDING]
            assert len(lines) == len(set(lines))

    @invariant()
    def what_is_under_way_has_one_open_attempt(self) -> None:
        if not hasattr(self, "box"):
            return
        messages = self.all()
        attempts = self.run(self.box.views.attempts([message.id for message in messages]))
        open_ones = {attempt.message_id for attempt in attempts if attempt.outcome is None}
        assert open_ones == {message.id for message in messages if message.state is State.SENDING}
        for message in messages:
            own = [attempt for attempt in attempts if attempt.message_id == message.id]
            assert [attempt.n for attempt in own] == list(range(1, len(own) + 1))
            assert message.attempt_count == sum(a.counts for a in own if a.outcome is not None)

    @invariant()
    def someone_is_ready_in_every_line_that_waits(self) -> None:
        if not hasattr(self, "box"):
            return
        far = self.clock.now() + 10**9
        ready = {
            (due.message.order_ref, due.message.recipient)
            for channel in CHANNELS
            for due in self.run(self.box.spool.due(channel, now=far, limit=100))
        }
        waiting = {(m.order_ref, m.recipient) for m in self.all() if m.state is State.QUEUED}
        busy = {(m.order_ref, m.recipient) for m in self.all() if m.state is State.SENDING}
        assert ready == waiting - busy

    def teardown(self) -> None:
        if hasattr(self, "box"):
            assert self.run(self.box.audit.verify()).ok
            self.run(self.stack.aclose())
            self.runner.close()
            shutil.rmtree(self.folder)


def _reachable(start: State, end: State) -> bool:
    """Whether legal moves lead from one state to the other: one rule of the machine may make several."""
    seen, front = {start}, [start]
    while front:
        for state in MOVES[front.pop()] - seen:
            seen.add(state)
            front.append(state)
    return end in seen


TestSpooling = Spooling.TestCase
TestSpooling.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
