"""The one task of a store that speaks with headquarters. It reads the outbox and tells what is new, asks for the fleet's opt-outs and for its
own mark, and reports how the store is. Nothing at the store waits for it but the first messages after an outage, and those not for long.

In need's order, one batch in flight: opt-outs, health, messages, record; then what headquarters publishes.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import structlog

from daemon.fleet.consent import ConsentShare
from daemon.fleet.feed import Costs, Feed
from daemon.fleet.gate import ConsentGate
from daemon.fleet.listener import Listener, Offers
from daemon.fleet.membership import Membership
from daemon.fleet.nats_connection import Identity, NatsAway, NatsConnection, NotAuthorised, connected, pinned
from daemon.fleet.pace import Pace, Rush
from daemon.fleet.reporter import Observe, Reporter
from daemon.supervise import call_off
from daemon.wire.link import FleetStatus, LinkState
from outbox import Outbox
from outbox.backoff import full_jitter
from outbox.clock import Clock

log = structlog.get_logger(__name__)

PULL_SECONDS = 30.0
HEALTH_SECONDS = 30.0
GATHER_SECONDS = 0.2
"""A commit is seldom alone: what comes within this goes together. So it is with what others say of consent, which not every server has yet when
all stores are told of it."""
TELL_SECONDS = 1.0
"""Between two batches of a kind while there is no backlog."""
BACKOFF_FIRST, BACKOFF_LONGEST = 1.0, 300.0
CLOCK_LOOK_SECONDS = 5.0
FORK_SECONDS = 3600.0
"""Between two batches of a record of which headquarters has another: it takes none of them, and hears by them that it is still so."""
AUDIT_IN_A_ROW = 8
"""Batches of the record between two looks at what matters more."""
STALE_POKES = 4
"""Reads that may come from a server that is behind before we wait for the next round."""
LOG_SECONDS = 60.0
RATE = 64 * 1024.0
UNKNOWN = -1

Connect = Callable[..., AbstractAsyncContextManager[NatsConnection]]


class Link:
    """`run` works until `stop`; `status` says how it stands."""

    def __init__(
        self,
        membership: Membership,
        box: Outbox,
        clock: Clock,
        rng: random.Random,
        *,
        gate: ConsentGate,
        trusted: Callable[[], bool],
        observe: Observe,
        on_bundles: Callable[[Offers], None] | None = None,
        on_commands: Callable[[str], None] = lambda commands: None,
        costs: Costs = Costs(),  # noqa: B008 - it is frozen
        rate: float = RATE,
        connect: Connect = connected,
    ) -> None:
        self._me = membership
        self._box = box
        self._clock = clock
        self._rng = rng
        self._gate = gate
        self._trusted = trusted
        self._connect = connect
        self._feed = Feed(box.fleet, costs)
        self._consent = ConsentShare(box.fleet, membership.store, membership.key, membership.claim)
        self._reporter = Reporter(membership, box, self._feed, self._consent, Pace(clock, rate), observe)
        self._listener = Listener(
            membership, box, clock, self._feed, self._consent, on_bundles=on_bundles, on_commands=on_commands
        )
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._server = rng.randrange(len(membership.servers))
        self._state: LinkState = "connecting"
        self._since = clock.now()
        self._reason = ""
        self._consent_at: int | None = None
        self._poked: set[str] = set()
        self._pull_at = self._health_at = self._tell_at = float("-inf")
        self._phase = 0.0
        self._fork_told_at = float("-inf")
        self._owes = False
        """Something may be to tell once it is time."""
        self._optouts_looked = self._record_looked = UNKNOWN
        """At which commit the outbox was last looked through, and had nothing left of its kind to tell."""
        self._errors = 0
        self._logged_at = float("-inf")
        self._nats: NatsConnection | None = None
        self._was_useful = False
        self._rush = Rush(clock)

    # ------------------------------------------------------------ what others may ask and say

    @property
    def archived(self) -> int:
        """Up to which entry HQ has the record and its messages, as it said itself since the start; 0 before, and while what it has is another's."""
        return self._feed.settled if self._listener.heard_at is not None else 0

    def trouble(self) -> str:
        """What somebody at the store must act on; "" for nothing."""
        if self._state == "refused":
            return f"headquarters refuses this store: {self._reason}"
        if self._feed.is_forked:
            return (
                "headquarters has another record under this store's name: two boxes run as it. Switch the copy off; then ask HQ for a code "
                f"(tether hq store add {self._me.store}), and here: tether fleet join CODE"
            )
        return ""

    def line_is_up(self) -> None:
        """The store's own line came back: HQ's opt-outs come before the first message, and the link doesn't sit out its patience."""
        self._gate.shut()
        self._hurry.set()
        self._wake.set()

    def health_changed(self) -> None:
        self._health_at = min(self._health_at, self._clock.monotonic() - HEALTH_SECONDS + TELL_SECONDS)
        self._wake.set()

    async def status(self) -> FleetStatus:
        fleet = self._box.fleet
        position = await fleet.position()
        behind = max(position.seq - self._feed.archived, 0)
        oldest = await fleet.made_at(self._feed.archived + 1) if behind else None
        return FleetStatus(
            store=self._me.store,
            state=self._state,
            since=self._since,
            reason=self._reason,
            server=self._nats.server if self._nats else "",
            epoch=position.epoch,
            seq=position.seq,
            archived=self._feed.archived,
            behind=behind,
            behind_since=oldest,
            acknowledged=self._feed.audit,
            last_heard=self._listener.heard_at,
            consent_at=self._consent_at,
            from_elsewhere=await fleet.from_elsewhere(),
            untold=len(await fleet.untold(limit=500)),
            refused_optins=self._consent.refused,
            kids=tuple(self._box.fleet.kids),
            bytes_out=self._reporter.bytes_out,
            errors=self._errors,
        )

    # ------------------------------------------------------------ its life

    async def run(self, stop: asyncio.Event) -> None:
        """Whatever goes wrong here, the store goes on: it is logged once a minute at most, and tried again."""
        self._box.when_committed(self._committed)
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self._work(), name="fleet link")
            try:
                await stop.wait()
            finally:
                await call_off(work)
        self._box.when_committed(lambda: None)

    def _committed(self) -> None:
        self._rush.commits += 1
        self._wake.set()

    async def _work(self) -> None:
        tries, is_recalled = 0, False
        while True:
            await self._until_the_clock_is_set()
            began = self._clock.monotonic()
            self._hurry.clear()
            try:
                if not is_recalled:
                    await self._listener.recall()
                    is_recalled = True
                await self._session()
            except* NatsAway as errors:
                self._fell(_first(errors))
            except* Exception as errors:
                self._failed(_first(errors))
            finally:
                self._nats = None
            tries = 0 if self._clock.monotonic() - began > BACKOFF_LONGEST or self._was_useful else tries + 1
            wait = max(full_jitter(tries, base=BACKOFF_FIRST, cap=BACKOFF_LONGEST, rng=self._rng), BACKOFF_FIRST / 2)
            await self._clock.wait(self._hurry, wait)
            self._server = (self._server + 1) % len(self._me.servers)

    async def _until_the_clock_is_set(self) -> None:
        """A certificate can't be judged by a clock that stands in 1970."""
        while not self._trusted():
            self._turn("waiting", "the clock is not set: HQ is called once it is")
            await self._clock.sleep(CLOCK_LOOK_SECONDS)

    def _turn(self, state: LinkState, reason: str = "") -> None:
        if state != self._state:
            self._state, self._since = state, self._clock.now()
        self._reason = reason

    def _fell(self, error: BaseException) -> None:
        self._errors += 1
        if isinstance(error, NotAuthorised):
            self._turn(
                "refused",
                f"not authorised: {error}. If this store was revoked or its card replaced, ask HQ for a code (tether hq store add "
                f"{self._me.store}), then: tether fleet join CODE",
            )
        else:
            self._turn("away", str(error))
        self._log_now_and_then(self._reason)

    def _failed(self, error: BaseException) -> None:
        self._errors += 1
        self._turn("away", f"the link failed inside: {type(error).__name__}")
        self._log_now_and_then(f"{type(error).__name__}: {error}")

    def _log_now_and_then(self, reason: str) -> None:
        if (now := self._clock.monotonic()) - self._logged_at >= LOG_SECONDS:
            self._logged_at = now
            log.warning(
                "headquarters can't be reached; the store goes on by itself", reason=reason, errors=self._errors
            )

    # ------------------------------------------------------------ one connection

    async def _session(self) -> None:
        server, me, self._was_useful = self._me.servers[self._server], self._me, False
        claim = self._listener.claim
        identity = Identity(me.key, claim, f"_INBOX.{me.store}", f"tether {me.store}")
        async with self._connect(server, pinned(me.ca), identity) as nats:
            self._nats = nats
            nats.on_loss = self._wake.set
            await self._begin(nats)
            self._turn("connected")
            while True:
                if nats.lost.is_set():
                    raise NatsAway(f"{server}: the line was lost")
                self._wake.clear()
                self._hurry.clear()
                if claim != self._listener.claim:
                    return
                more = await self._round(nats)
                self._was_useful = True
                await self._listener.fetch_bundles(nats)
                await self._listener.note()
                if not more:
                    await self._clock.wait(self._wake, self._next_look())
                    await self._clock.sleep(GATHER_SECONDS)

    async def _begin(self, nats: NatsConnection) -> None:
        self._pull_at = self._health_at = self._tell_at = float("-inf")
        self._phase = self._rng.uniform(0, PULL_SECONDS)
        self._look_through()
        if self._me.shares_optouts:
            await nats.listen("optout.>", lambda message: self._poke(message.subject))
        await self._listener.begin(nats, self._wake.set)

    def _look_through(self) -> None:
        """Whatever was committed or not: HQ may miss what it had, and a commit may be another process's."""
        self._optouts_looked = self._record_looked = UNKNOWN

    def _poke(self, subject: str) -> None:
        self._poked.add(subject)
        self._wake.set()

    def _next_look(self) -> float:
        due = min(self._pull_at + PULL_SECONDS, self._health_at + HEALTH_SECONDS, self._listener.due)
        if self._owes:
            due = min(due, self._tell_at + TELL_SECONDS)
        return max(min(due - self._clock.monotonic(), PULL_SECONDS), 0.0)

    async def _round(self, nats: NatsConnection) -> bool:
        """All that is due, once; whether more waits to be told."""
        now = self._clock.monotonic()
        timed = now - self._pull_at >= PULL_SECONDS
        if self._me.shares_optouts and (timed or self._poked or not self._gate.is_open):
            await self._hear_optouts(nats, only_poked=self._gate.is_open and not timed)
            if not (timed or self._owes or self._record_looked == UNKNOWN):
                self._tell_at = now  # all stores hear of it at once: what they look through is in nobody's way
        if timed or now >= self._listener.due:
            await self._listener.ask_for_mark(nats)
            self._look_through()
        if timed:
            self._pull_at = self._in_phase(now, self._pull_at)
        more = await self._tell_optouts(nats)
        if now - self._health_at >= HEALTH_SECONDS:
            await self._reporter.report(nats)
            self._health_at = self._in_phase(now, self._health_at)
        return await self._tell_record(nats, now) or more

    def _in_phase(self, now: float, last: float) -> float:
        """From when the next half minute counts. All stores of a fleet come back at once when headquarters does: after that each has its own."""
        return now if last > float("-inf") else now - self._phase

    # ------------------------------------------------------------ up

    async def _tell_optouts(self, nats: NatsConnection) -> bool:
        """Whether more of them wait to be told."""
        if not self._me.shares_optouts or self._optouts_looked == (commits := self._rush.commits):
            return False
        self._optouts_looked = UNKNOWN
        if await self._consent.tell(nats, clock_trusted=self._trusted()):
            return True
        self._optouts_looked = commits
        return False

    async def _tell_record(self, nats: NatsConnection, now: float) -> bool:
        """Messages and record, a batch or some; whether more of them wait, and may go at once."""
        if self._record_looked == (commits := self._rush.commits):
            return False
        if now - self._tell_at < TELL_SECONDS:
            self._owes = True
            return False
        self._record_looked = UNKNOWN
        rush = self._rush.is_on()
        backlog = await self._reporter.tell_states(nats)
        if not self._feed.is_forked:
            backlog = await self._reporter.tell_audit(nats, 1 if rush else AUDIT_IN_A_ROW) or backlog
        elif now - self._fork_told_at >= FORK_SECONDS:
            self._fork_told_at = now
            await self._reporter.tell_audit(nats, 1)
        if rush or not backlog:
            self._tell_at = now
        self._owes = rush and backlog
        if not backlog:
            self._record_looked = commits
        return backlog and not rush

    # ------------------------------------------------------------ down

    async def _hear_optouts(self, nats: NatsConnection, *, only_poked: bool) -> None:
        """A read may be answered by a server that lags behind the one that poked us."""
        for look in range(STALE_POKES):
            poked = self._poked
            self._poked = set()
            news = await self._consent.pull(nats, poked if only_poked else ())
            self._consent_at = self._clock.now()
            if not poked or news or look == STALE_POKES - 1:
                break
            await self._clock.sleep(GATHER_SECONDS)
            self._poked |= poked
        self._gate.open()


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """What several at once comes to: a batch is sent while the next one is made ready."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
