"""Whatever happens in whatever order, to the whole heart of a store: no message is lost, none that was superseded, cancelled or held leaves,
none goes out twice without its mark, and each recipient hears of each order in order.

The suite plays the same schedules every time. `TETHER_SCHEDULES=5000 pytest tests/dispatching/test_schedules.py --hypothesis-seed=1` plays
others, and more."""

import asyncio
import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from daemon.dispatch.fallback import MOST_CUTS, next_via_index
from outbox.errors import IllegalMove, NotFound, StorageBusy
from outbox.model import Acceptance, State
from outbox.orders import moves_status
from outbox.outcome import ReceiptState
from tests.support.heart import CHANNELS, Heart, shop_without
from tests.support.scripted import BUSY, CUT, MISTAKE, NO_CREDIT, NOT_THEM, NOT_THIS_TEXT, SHORT, SLOWER, TOOK, Request

REFS = ["B-1", "B-2"]
TYPES = [
    "order.placed",
    "order.in_production",
    "order.ready",
    "order.delayed",
    "payment.failed",
    "payment.confirmed",
    "refund.issued",
    "return.received",
]
ANSWERS = [
    *[(TOOK, True)] * 3,
    (BUSY, False),
    (SLOWER, False),
    (CUT, True),
    (CUT, False),
    (NOT_THIS_TEXT, False),
    (NOT_THEM, False),
    (NO_CREDIT, False),
    (SHORT, False),
    (MISTAKE, False),
    (MISTAKE, True),
]
WAITS = (State.QUEUED, State.HELD)

CAME_BACK = ("unsure", "had_not_arrived", "released", "retried", "undelivered")
"""Why a message waits that others of its line may have passed meanwhile."""
OVER = (State.SENT, State.DELIVERED, State.FAILED, State.EXPIRED, State.SUPERSEDED, State.SUPPRESSED, State.CANCELLED)


@pytest.fixture(autouse=True)
def _nothing_is_logged() -> Iterator[None]:
    """Each of some thousand lives would tell of every line that is cut and every mistake that is made on purpose."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


one_of_them = st.integers(0, 7)
answers = st.sampled_from(ANSWERS)


class Planned(msgspec.Struct):
    """A message, as the model knows it."""

    id: str
    ref: str
    type: str
    place: tuple[int, int]
    """In its line: when it was planned for (0: at once), then the order in which they came."""

    @property
    def line(self) -> tuple[str, str]:
        return self.ref, "team" if self.type.startswith("return.") else "customer"


class Schedules(RuleBasedStateMachine):
    """The model: what was planned, and of which messages people were told that they would not leave."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.wrong: list[str] = []
        self.planned: dict[str, Planned] = {}
        self.superseded: set[str] = set()
        self.cancelled: set[str] = set()
        self.held: set[str] = set()
        """Refs of orders on hold."""
        self.let_go: set[str] = set()
        """What staff sent again, whatever its order's hold."""
        self.left_out: set[str] = set()
        """Channels that were not in the configuration for a while."""
        self.sent_again: set[str] = set()
        self.events = 0
        self.idle = True
        """Nothing happened since the start: another one would show nothing new."""

    def run(self, work: Any) -> Any:
        self.idle = False
        return self.runner.run(work)

    @initialize(first=st.lists(st.tuples(st.sampled_from(REFS), st.sampled_from(TYPES)), min_size=1, max_size=4))
    def begin(self, first: list[tuple[str, str]]) -> None:
        self.run(self._begin())
        for ref, type in first:
            self.an_event_comes(ref, type)

    async def _begin(self) -> None:
        self.heart = Heart(self.folder)
        self.heart.providers.waits = True
        self.heart.providers.on_leaving = self.leaves
        await self.heart.start()

    # ------------------------------------------------------------ what must hold when a message leaves

    async def leaves(self, request: Request) -> None:
        message = self.planned[request.out.message_id]
        id = message.id
        if id in self.superseded:
            self.wrong.append(f"{request} was superseded, and leaves")
        if id in self.cancelled:
            self.wrong.append(f"{request} was cancelled, and leaves")
        if message.ref in self.held and id not in self.let_go:
            self.wrong.append(f"the order of {request} is on hold, and it leaves")
        before = [one for one in self.heart.providers.arrived if one.out.message_id == id and not one.undelivered]
        harmless = {one.channel for one in before} <= {"webhook"} and request.channel == "webhook"
        if before and not request.out.possible_duplicate and not harmless:
            self.wrong.append(f"{request} arrived before as {before}, and leaves again without its mark")
        for other in await self.heart.messages(message.ref):
            known = self.planned[other.id]
            if known.line != message.line or other.id == id:
                continue
            if other.state is State.SENDING:
                self.wrong.append(f"{request} leaves while {other.id} of its line is under way")
            waits = other.state is State.QUEUED and not other.possible_duplicate and other.reason.code not in CAME_BACK
            if waits and known.place < message.place:
                self.wrong.append(f"{request} leaves before {other.id}, which comes before it")

    # ------------------------------------------------------------ what may happen

    @rule(ref=st.sampled_from(REFS), type=st.sampled_from(TYPES), lone=st.booleans())
    def an_event_comes(self, ref: str, type: str, lone: bool = True) -> None:
        """`lone`: its messages are shown before its commit; others are gathered for a moment, where one came right before."""
        self.heart.box.spool.on_offer = self.heart.engine.dispatcher.offer if lone else lambda dues: 0
        self.events += 1
        self.run(self._tell(f"e{self.events}", type, ref))

    async def _tell(self, id: str, type: str, ref: str) -> None:
        try:
            taken = await self.heart.accept(id, type, ref)
        except StorageBusy:
            return
        self._plan(taken, type, ref)
        await self.heart.still()

    def _plan(self, taken: Acceptance, type: str, ref: str) -> None:
        later = self.heart.clock.now() + 120_000 if type == "order.delayed" else 0
        for told in taken.messages:
            new = Planned(told.id, ref, type, (later, self.events))
            for old in self.planned.values():
                same_family = moves_status(type) and moves_status(old.type) and told.state in WAITS
                settled = type in ("payment.confirmed", "payment.failed") and old.type == "payment.failed"
                if old.line == new.line and (same_family or settled):
                    self.superseded.add(old.id)
            self.planned[told.id] = new

    @precondition(lambda self: self._to_arrive())
    @rule(which=one_of_them)
    def a_request_arrives(self, which: int) -> None:
        self.idle = False
        to_arrive = self._to_arrive()
        to_arrive[which % len(to_arrive)].arrive()

    def _to_arrive(self) -> list[Request]:
        return [request for request in self.heart.providers.under_way if not request.has_arrived]

    @precondition(lambda self: self.heart.providers.under_way)
    @rule(which=one_of_them, answer=answers)
    def a_provider_answers(self, which: int, answer: tuple[Any, bool]) -> None:
        self._answer(which, answer)
        self.run(self.heart.still())

    def _under_way(self, which: int) -> Request:
        under_way = self.heart.providers.under_way
        return under_way[which % len(under_way)]

    def _answer(self, which: int, answer: tuple[Any, bool]) -> None:
        outcome, arrives = answer
        request = self._under_way(which)
        if request.has_arrived and not (arrives or outcome is CUT):
            outcome, arrives = TOOK, True
        request.answer(outcome, arrives=arrives)

    @rule(seconds=st.sampled_from([1, 5, 20, 90, 700]))
    def time_passes(self, seconds: int) -> None:
        self.run(self.heart.pass_time(seconds))

    @rule(cut=st.booleans())
    def the_line(self, cut: bool) -> None:
        self.heart.providers.line_is_cut = cut

    @rule(known=st.booleans())
    def lookups(self, known: bool) -> None:
        self.heart.providers.answers_lookups = known

    @rule(out=st.booleans())
    def the_modem_has_no_signal(self, out: bool) -> None:
        (self.heart.providers.obstacles.add if out else self.heart.providers.obstacles.discard)("modem")

    @rule(seconds=st.sampled_from([-86_400, -3600, -30, 30, 240, 3600]))
    def the_clock_steps(self, seconds: int) -> None:
        self.run(self.heart.step_clock(seconds))

    @precondition(lambda self: self.heart.providers.left)
    @rule(which=one_of_them, state=st.sampled_from(list(ReceiptState)))
    def a_receipt_comes(self, which: int, state: ReceiptState) -> None:
        """Of what arrived: late or early, once more, and out of turn; a provider that delivered doesn't say that it could not."""
        arrived = self.heart.providers.arrived
        if arrived:
            self.run(self.heart.receipt(arrived[-1 - which % len(arrived)], state))

    # ------------------------------------------------------------ staff

    @rule(ref=st.sampled_from(REFS), held=st.booleans())
    def staff_hold(self, ref: str, held: bool) -> None:
        spool = self.heart.box.spool
        self.run(self._by_staff(lambda: self._hold(ref, held), spool.hold if held else spool.release, ref))

    def _hold(self, ref: str, held: bool) -> None:
        (self.held.add if held else self.held.discard)(ref)
        self.let_go -= {one.id for one in self.planned.values() if one.ref == ref}

    @precondition(lambda self: self.planned)
    @rule(which=one_of_them, again=st.booleans())
    def staff_cancel_or_retry(self, which: int, again: bool) -> None:
        id = list(self.planned)[-1 - which % len(self.planned)]
        spool = self.heart.box.spool
        self.run(self._by_staff(lambda: self._decided(id, again), spool.retry if again else spool.cancel, id))

    def _decided(self, id: str, again: bool) -> None:
        if again:
            self.superseded.discard(id)
            self.cancelled.discard(id)
            self.let_go.add(id)
            self.sent_again.add(id)
        else:
            self.cancelled.add(id)

    async def _by_staff(self, done: Callable[[], None], act: Any, what: str) -> None:
        more = {} if act == self.heart.box.spool.retry else {"reason": ""}
        try:
            await act(what, actor="Mia", **more)
        except (IllegalMove, NotFound, StorageBusy):
            return
        done()
        await self.heart.still()

    @rule(channel=st.sampled_from(sorted(CHANNELS)), paused=st.booleans())
    def staff_pause(self, channel: str, paused: bool) -> None:
        board = self.heart.engine.board
        if channel in self.heart.engine.lanes:
            self.run(board.pause(channel, reason="", actor="Mia") if paused else board.resume(channel, actor="Mia"))
        self.run(self.heart.still())

    # ------------------------------------------------------------ the process

    @precondition(lambda self: not self.idle)
    @rule()
    def the_service_restarts(self) -> None:
        self.run(self._again(self.heart.stop()))

    @precondition(lambda self: not self.idle)
    @rule()
    def the_process_is_killed(self) -> None:
        self.run(self._again(self.heart.kill()))

    @precondition(lambda self: self.heart.providers.under_way)
    @rule(writes=st.integers(0, 3), which=one_of_them, answer=answers, seconds=st.sampled_from([0, 0, 20]))
    def it_is_killed_in_the_middle(self, writes: int, which: int, answer: tuple[Any, bool], seconds: int) -> None:
        """An answer is on its way, and of what follows from it only so much reaches the disk."""
        self.heart.still.writes_left = writes
        self._answer(which, answer)
        self.run(self.heart.pass_time(seconds))
        self.run(self._again(self.heart.kill()))

    async def _again(self, end: Any) -> None:
        await end
        await self.heart.start()
        self.idle = True

    @precondition(lambda self: not self.idle)
    @rule(without=st.sampled_from([None, None, "twilio", "modem"]))
    def the_configuration_is_read_anew(self, without: str | None) -> None:
        if without:
            self.left_out.add(without)
        self.run(self.heart.reload(shop_without(without)))

    # ------------------------------------------------------------ what must hold

    @invariant()
    def nothing_left_that_should_not(self) -> None:
        assert not self.wrong, self.wrong

    def teardown(self) -> None:
        try:
            if hasattr(self, "heart"):
                self.run(self._end())
        finally:
            self.runner.close()
            shutil.rmtree(self.folder)

    async def _end(self) -> None:
        """All is well again, and time passes: whatever waited is told, or somebody decided otherwise."""
        heart = self.heart
        try:
            if not self.wrong:
                await self._all_is_well()
                assert not self.wrong, self.wrong
                await self._judge()
                assert (await heart.box.audit.verify()).ok
        finally:
            await heart.__aexit__()

    async def _all_is_well(self) -> None:
        heart, providers = self.heart, self.heart.providers
        providers.line_is_cut, providers.waits, providers.answers_lookups = False, False, True
        providers.obstacles.clear()
        await heart.reload(shop_without(None))
        for name in CHANNELS:
            await heart.engine.board.resume(name, actor="Mia")
        for ref in sorted(self.held):
            await heart.box.spool.release(ref, actor="Mia", reason="")
        self.held.clear()
        await heart.pass_time(7200)

    async def _judge(self) -> None:
        heart = self.heart
        messages = [message for ref in REFS for message in await heart.messages(ref)]
        assert {message.id for message in messages} == self.planned.keys()
        attempts = await heart.box.views.attempts([message.id for message in messages])
        on_record = {f"{one.message_id}.{one.n}": one for one in attempts}
        for request in heart.providers.left:
            assert request.out.reference in on_record, f"{request} left, and no attempt is on record"
            assert on_record[request.out.reference].channel == request.channel
        for message in messages:
            own = [one for one in attempts if one.message_id == message.id]
            assert all(one.outcome is not None for one in own), own
            assert message.attempt_count == sum(one.counts for one in own), (message, own)
            is_last = next_via_index(message, lambda name: name not in self.left_out) is None
            is_for_staff = is_last or message.policy.on_unknown == "ask"
            assert message.state in OVER or (message.reason.code == "staff_decide" and is_for_staff), (
                f"{message.id} is lost: {message.state} ({message.reason})"
            )
            doubts = Counter(one.channel for one in own if one.outcome == "unknown" and one.channel != "webhook")
            is_bound = message.id not in self.sent_again and not self.left_out
            assert not is_bound or max(doubts.values(), default=0) <= MOST_CUTS + 1, (message, own)
            if message.state in (State.SENT, State.DELIVERED):
                assert any(one.out.message_id == message.id for one in heart.providers.arrived), message
        await self._in_order(self.sent_again | {message.id for message in messages if message.possible_duplicate})

    async def _in_order(self, passed: set[str]) -> None:
        """Of those of a line that never stepped aside, none arrived for the first time after a later one."""
        aside = passed | {
            row.message_id
            for kind in ("message.held", "message.unknown", "receipt.undelivered")
            for row in (await self.heart.box.audit.list(kind=kind, limit=500)).items
        }
        first: dict[str, int] = {}
        for number, request in enumerate(self.heart.providers.arrived):
            first.setdefault(request.out.message_id, number)
        told = sorted((self.planned[id] for id in first if id not in aside), key=lambda one: one.place)
        for number, one in enumerate(told):
            for later in told[number + 1 :]:
                assert one.line != later.line or first[one.id] < first[later.id], f"{later} arrived before {one}"


MORE = os.environ.get("TETHER_SCHEDULES")

TestSchedules = pytest.mark.slow(pytest.mark.timeout(0 if MORE else 300)(Schedules.TestCase))
TestSchedules.settings = settings(
    max_examples=int(MORE or 45),
    stateful_step_count=40,
    deadline=None,
    derandomize=MORE is None,
    suppress_health_check=list(HealthCheck),
)
