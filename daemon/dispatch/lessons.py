"""What an outcome says beyond its own message: of the channel (its breaker, its pauses) and of the store's line."""

from collections.abc import Awaitable, Callable

from daemon.dispatch.lane import Lane, Trouble
from daemon.dispatch.uplink import Uplink
from outbox.clock import Clock
from outbox.outcome import Accepted, Deferred, Outcome, Rejected, Scope, Unknown


def _is_cut(outcome: Outcome) -> bool:
    """The connection broke: that says nothing of whether the provider can be reached."""
    return isinstance(outcome, Deferred | Unknown) and outcome.code in ("cut", "no_answer")


def may_reveal_an_outage(outcome: Outcome) -> bool:
    return _is_cut(outcome) or (isinstance(outcome, Deferred) and outcome.unreachable)


class Lessons:
    """`on_channel` is told of every change that people should know of."""

    def __init__(self, uplink: Uplink, clock: Clock, on_channel: Callable[[Lane, str], Awaitable[None]]) -> None:
        self._uplink = uplink
        self._clock = clock
        self._on_channel = on_channel

    async def of_the_line(self, lane: Lane, outcome: Outcome) -> bool:
        """Whether it is down, with what this outcome shows. What works without it has no part in that."""
        if not lane.is_cloud:
            return False
        if isinstance(outcome, Deferred) and outcome.local:
            return self._uplink.is_down
        if may_reveal_an_outage(outcome):
            return await self._uplink.failed_to_connect(lane.name)
        self._uplink.connected(lane.name)
        return False

    async def of_the_channel(self, lane: Lane, outcome: Outcome, *, line_down: bool) -> None:
        now, monotonic = self._clock.now(), self._clock.monotonic()
        match outcome:
            case Accepted():
                lane.last_success = now
                relented = lane.relent(monotonic)
                if lane.breaker.succeed() or relented:
                    await self._on_channel(lane, "works again")
                return
            case Rejected(scope=Scope.CHANNEL):
                lane.breaker.abandon()
                lane.pause(outcome, monotonic)
                lane.last_failure = Trouble(now, outcome.reason)
                await self._on_channel(lane, lane.reason)
                return
            case Rejected():
                lane.relent(monotonic)
                lane.breaker.succeed()
            case Deferred(throttled=True):
                lane.breaker.abandon()
                if lane.throttle(monotonic, outcome.after):
                    await self._on_channel(lane, f"is throttled: {outcome.reason}")
            case Deferred(local=True) | Deferred(recipient=True):
                lane.breaker.abandon()
                return
            case Deferred() | Unknown() if line_down and lane.is_cloud and _is_cut(outcome):
                lane.breaker.abandon()
                return
            case Deferred(unreachable=True) if line_down:
                lane.breaker.abandon()
                return
            case Deferred() | Unknown():
                if lane.breaker.fail(monotonic):
                    await self._on_channel(lane, f"keeps failing: {outcome.reason}")
        lane.last_failure = Trouble(now, outcome.reason)
