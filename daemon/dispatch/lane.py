"""One channel as the dispatcher uses it: its limits, its breaker, whether it is paused, and what it did lately."""

import asyncio
import math
from collections.abc import Iterable, Set
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from daemon.channels.base import Channel
from daemon.dispatch.breaker import Breaker
from daemon.dispatch.limits import Day, midnight_after
from daemon.token_bucket import TokenBucket
from daemon.wire.durations import spoken
from outbox.model import Medium, Message
from outbox.outcome import Rejected
from outbox.reasons import Reason

LaneState = Literal["ready", "open", "paused", "misconfigured"]


FIRST_REST = 1.0
LONGEST_REST = 300.0
"""Seconds that a provider is left alone at least which says "too many requests": twice as long each time that it says so again."""
SHOWN_AFTER = 3
"""So many times in a row, and people are told. So they are of a rest that it asks for and that is longer than any of ours."""
PASSED_BY = 3600.0
"""Seconds of rest still to come with which a channel counts as none: what another one refused goes past it."""
AHEAD = 3
BLOCKED_LOOK_EVERY = 2.0
"""Seconds between looks at a channel that can't be used until something passes: its own life brings that about."""


class Trouble(msgspec.Struct, frozen=True):
    """Something that went wrong on a channel, in words, and when (ms)."""

    at: int
    reason: str


class Lane:
    """A channel with its limits. `channel` is None for one that could not be built: it is misconfigured, and says what it lacks."""

    def __init__(
        self,
        name: str,
        medium: Medium,
        channel: Channel | None,
        *,
        problem: str,
        rate: float | None,
        concurrency: int,
        daily_limit: int | None,
        zone: ZoneInfo,
        now: float,
    ) -> None:
        self.name = name
        self.medium = medium
        self.channel = channel
        self.problem = problem
        self.paused_by: str | None = None
        """Who or what paused it, in words; None: it is not paused."""
        self.resume_at: float | None = None
        """Monotonic: when a pause ends by itself (a quota that renews)."""
        self.concurrency = concurrency
        self.gate = asyncio.Semaphore(concurrency)
        """Held while a request is at the provider."""
        self.bucket = TokenBucket(rate, now)
        self.day = Day(daily_limit, zone)
        self.breaker = Breaker()
        self.hold_until = 0.0
        """Monotonic: the provider asked for a rest until then (Retry-After)."""
        self._rests = 0
        """How often in a row it did."""
        self._long_rest = 0.0
        """Seconds of the rest that it is given, where it asked for more than we would give it; 0: it is given none such."""
        self.wake = asyncio.Event()
        self.changes = 0
        """How often something changed that may matter to what waits here."""
        self.sending = 0
        """Messages under way here: being put on record, at the provider, or being settled."""
        self.tries: dict[int, int] = {}
        """How often in a row a message was deferred here: what backoff grows with."""
        self._aside: dict[int, float] = {}
        """Messages of other channels that this one can't take, while the line is down: until when (monotonic)."""
        self.last_success: int | None = None
        self.last_failure: Trouble | None = None
        self._zone = zone

    @property
    def is_cloud(self) -> bool:
        return self.channel is None or self.channel.is_cloud

    @property
    def state(self) -> LaneState:
        if self.channel is None:
            return "misconfigured"
        if self.paused_by is not None:
            return "paused"
        return "open" if self.breaker.is_open or self.is_throttled or self.channel.obstacle() else "ready"

    @property
    def reason(self) -> str:
        if self.channel is None:
            return self.problem
        if self.paused_by is not None:
            return self.paused_by
        if obstacle := self.channel.obstacle():
            return obstacle.reason
        if self._long_rest:
            asked = spoken(self._long_rest)
            return f"throttled: it asked for {asked} of rest, and is then tried with one at a time ({self._said()})"
        if self.is_throttled:
            return f"throttled: it wants fewer requests, and is tried with one at a time ({self._said()})"
        return self._said() if self.breaker.is_open else ""

    def _said(self) -> str:
        return self.last_failure.reason if self.last_failure else "nothing more was said"

    @property
    def is_throttled(self) -> bool:
        return self._rests >= SHOWN_AFTER or self._long_rest > 0

    def rests_long(self, monotonic: float) -> bool:
        """Whether it is to be left alone for so long that nobody should come to wait here."""
        return self.hold_until - monotonic > PASSED_BY

    def is_stalled(self, monotonic: float) -> bool:
        """Nothing or hardly anything goes this way for a while: whoever has no patience left goes another."""
        return self.breaker.is_open or self.is_blocked or self.is_throttled or monotonic < self.hold_until

    @property
    def is_blocked(self) -> bool:
        """Something stands in the way that passes by itself: nothing is tried meanwhile, and it costs no message anything."""
        obstacle = self.channel.obstacle() if self.channel else None
        return obstacle is not None and obstacle.passes

    def why(self, now: int) -> Reason:
        """The same for a message that goes another way because of it."""
        if self.state == "ready" and self.day.left(now) == 0:
            return self.over_the_day(1)
        words = self.reason or self._said()
        return Reason(words, "channel_out", channel=self.name, code="", words=words)

    def over_the_day(self, units: int) -> Reason:
        """The day has no room for so many."""
        limit = self.day.limit or 0
        words = f"{self.name}'s daily limit of {limit} has no room for {units} more today"
        return Reason(words, "daily_limit", channel=self.name, parts=units, limit=limit)

    def usable(self, now: int) -> bool:
        """Whether a message may be sent this way, now or soon."""
        return self.state in ("ready", "open") and self.day.left(now) != 0

    def room(self, monotonic: float, now: int) -> int:
        """How many more may start at this moment."""
        if monotonic < self.hold_until or self.is_blocked:
            return 0
        bounds = (
            self.width - self.sending,
            self.breaker.room(monotonic),
            1 - self.sending if self._rests else None,
            self.bucket.available(monotonic),
            self.day.left(now),
        )
        return max(0, min(bound for bound in bounds if bound is not None))

    def seconds_until_room(self, monotonic: float, now: int) -> float | None:
        """When `room` may grow without an attempt ending; None: only then. 0.0: it has grown since it was last asked."""
        if self.room(monotonic, now):
            return 0.0
        if monotonic < self.hold_until:
            return self.hold_until - monotonic
        if self._rests and self.sending:
            return None
        if self.day.left(now) == 0:
            return (midnight_after(now, self._zone) - now) / 1000
        if self.is_blocked:
            return BLOCKED_LOOK_EVERY
        if self.breaker.is_open and (self.sending or self.breaker.seconds_until_probe(monotonic)):
            return self.breaker.seconds_until_probe(monotonic) or None
        if self.sending >= self.width:
            return None
        return self.bucket.seconds_until_one(monotonic)

    @property
    def width(self) -> int:
        """How many messages may be under way: on a fast channel some are put on record or settled while others are sent."""
        return self.concurrency * AHEAD if self.is_fast else self.concurrency

    @property
    def is_fast(self) -> bool:
        """Whether reading ahead pays: a paced channel should rather see a more urgent message that comes in meanwhile."""
        return self.bucket.rate is None or self.bucket.rate >= self.concurrency

    def seconds_until_usable(self, monotonic: float, now: int, otherwise: float | None) -> float | None:
        """When a pause or a used-up day ends by itself, or `otherwise`, whichever comes first."""
        waits = [] if otherwise is None else [otherwise]
        if self.resume_at is not None:
            waits.append(max(0.0, self.resume_at - monotonic))
        if self.channel is not None and self.day.left(now) == 0:
            waits.append((midnight_after(now, self._zone) - now) / 1000)
        return min(waits, default=None)

    def pause(self, why: Rejected, monotonic: float) -> None:
        """The provider refuses everything: until somebody mends it, or until the quota it speaks of renews. Who paused it until further
        notice is not overruled by one that was under way."""
        if self.paused_by is not None and self.resume_at is None:
            return
        self.paused_by = f"{why.reason}. {why.remedy}" if why.remedy else why.reason
        self.resume_at = None if why.after is None else monotonic + why.after

    def throttle(self, monotonic: float, after: float | None) -> bool:
        """The provider asked for a rest, perhaps of so many seconds: that long, and no less than ours, since its word may be "at once".
        True when it begins to show. What was under way when it first said so counts as no further time."""
        asked, was_shown = after or 0.0, self.is_throttled
        if asked > LONGEST_REST:
            self._long_rest = asked
        if monotonic < self.hold_until:
            self.hold_until = max(self.hold_until, monotonic + asked)
        else:
            rest = min(FIRST_REST * 2.0 ** min(self._rests, 16), LONGEST_REST)
            self.hold_until = monotonic + max(rest, asked)
            self._rests += 1
        return self.is_throttled and not was_shown

    def relent(self, monotonic: float) -> bool:
        """The provider took a request again. True when its throttling had shown. What was under way when it asked for a rest ends none."""
        if monotonic < self.hold_until:
            return False
        was_shown = self.is_throttled
        self._rests, self._long_rest = 0, 0.0
        return was_shown

    def resume(self) -> None:
        self.paused_by, self.resume_at = None, None
        self.hold_until, self._rests, self._long_rest = 0.0, 0, 0.0
        self.breaker = Breaker()

    def rests_as(self, before: "Lane") -> None:
        """Its provider asked for that: it is the same one, asked with the same secrets."""
        self.hold_until, self._rests, self._long_rest = before.hold_until, before._rests, before._long_rest
        self.last_failure = before.last_failure

    def line_returned(self) -> None:
        """What went wrong while the line was going down says nothing of the provider."""
        self._aside.clear()
        if self.is_cloud:
            self.breaker = Breaker()
            self.tries.clear()

    def resume_if_due(self, monotonic: float) -> None:
        if self.resume_at is not None and monotonic >= self.resume_at:
            self.resume()
        if monotonic >= self.hold_until:
            self._long_rest = 0.0

    def starts(self, monotonic: float, now: int) -> None:
        self.sending += 1
        self.bucket.take(monotonic)
        self.day.add(now)
        self.breaker.start()

    def takes(self, more: int, monotonic: float, now: int) -> bool:
        """What was started takes so much more of the rate and the day. False, and nothing taken, where the day has not so much."""
        left = self.day.left(now)
        if left is not None and left < more:
            return False
        self.bucket.take(monotonic, more)
        self.day.add(now, more)
        return True

    def trial(self, units: int, monotonic: float, now: int) -> str:
        """Let an operator's own text through, once the rate lets one through; or why not."""
        wait = self.bucket.seconds_until_one(monotonic)
        if wait and self.paused_by is None:
            return f"its rate lets the next one through in {wait:.0f} s"
        return self.admit(units, monotonic, now)

    def admit(self, units: int, monotonic: float, now: int) -> str:
        """Let what is no message through within the day's limit; or why not. For what it takes of the rate, those after it wait."""
        if self.paused_by is not None:
            return f"the channel is paused: {self.paused_by}"
        if not self.takes(units, monotonic, now):
            return f"today's limit of {self.day.limit} ([channels.{self.name}] daily_limit) has no room for it"
        return ""

    def tomorrow(self, now: int) -> int:
        """When the day's limit begins anew (ms)."""
        return midnight_after(now, self._zone)

    def nothing_left(self, now: int, units: int = 1) -> None:
        """What was started turned out not to leave: its place in the rate and the day is free again."""
        self.bucket.give_back(units)
        self.day.take_back(now, units)
        self.breaker.abandon()

    def leave_aside(self, seq: int, until: float) -> None:
        """That message stays at its own channel: this one is not to look at it before."""
        self._aside[seq] = until

    def recall_aside(self, seqs: Iterable[int]) -> None:
        """These are left aside by the record. What it refused, or put off, it may look at again: that may have been mended."""
        self._aside = dict.fromkeys(seqs, math.inf)

    def left_aside(self, monotonic: float) -> Set[int]:
        """Messages of other channels that it is not to look at now."""
        self._aside = {seq: until for seq, until in self._aside.items() if until > monotonic}
        return self._aside.keys()

    def leaves_aside(self, seq: int, monotonic: float) -> bool:
        """Whether that message is one of them."""
        return self._aside.get(seq, monotonic) > monotonic

    def out_of_turn(self, message: Message) -> tuple[str, ...]:
        """The ways of a message that this channel took before its turn: those that it passed by, and nobody asked, come last."""
        via, own, here = message.via, message.via_index, message.via.index(self.name)
        return via if here < own else (*via[:own], self.name, *via[here + 1 :], *via[own:here])

    def ends(self) -> None:
        self.sending -= 1
        self.wake.set()

    def look_again(self) -> None:
        """Something changed: the pump is to see for itself what is due."""
        self.changes += 1
        self.wake.set()
