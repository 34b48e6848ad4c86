"""Looks through what waits on a channel that can't send for now: some of it gets too late, loses patience, or goes on to another channel."""

from daemon.dispatch.delivery import Delivery
from daemon.dispatch.fallback import LINE_DOWN, next_via_index, over_to, patience_from
from daemon.dispatch.lane import Lane
from daemon.dispatch.prepare import Preparer
from daemon.dispatch.ways import Ways
from outbox import Outbox
from outbox.clock import Clock
from outbox.model import Message, State, Transition

SWEEP_EVERY = 60.0
"""Seconds between looks at what waits on a channel that can't be used."""
RESWEEP_AFTER = 15.0
"""Seconds after which all of it is looked through again, not only what is new."""
PAGE = 200


class Sweep:
    """Of one lane."""

    def __init__(
        self, lane: Lane, ways: Ways, box: Outbox, delivery: Delivery, preparer: Preparer, clock: Clock
    ) -> None:
        self._lane = lane
        self._ways = ways
        self._box = box
        self._delivery = delivery
        self._preparer = preparer
        self._clock = clock
        self._swept_to = 0
        self._swept_at = float("-inf")
        """How far (message seq) it has looked, and when it began from the start (monotonic)."""
        self._came_back = 0
        """The first message (seq) that may have come to wait here since; 0: none."""

    def comes_back(self, seq: int) -> None:
        """That message may have come to wait here: the next sweep is not to pass it by."""
        self._came_back = min(self._came_back, seq) if self._came_back else seq

    async def run(self, *, move_on: bool) -> bool:
        """`move_on`: whoever has another channel goes there, however patient. True when something stays."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        if monotonic - self._swept_at >= RESWEEP_AFTER:
            self._swept_to, self._swept_at = 0, monotonic
        at = self._begin()
        while page := await self._box.spool.waiting(self._lane.name, after=at, limit=PAGE):
            staying = []
            for due in page:
                to = self._preparer.too_late(due, now) or self._on_to_another(due.message, now, move_on=move_on)
                if to:
                    await self._delivery.move(due.message, to)
                else:
                    staying.append(due.message.seq)
            if staying:
                moving = self._ways.moving()
                coming = [name for name in moving if self._ways.takes_out_of_turn(name)]
                aside = self._ways.left_aside(coming)
                await self._delivery.let_pass(staying, moving, offline=bool(coming), aside=aside)
            at = page[-1].message.seq
        self._swept_to = at
        return at > 0

    def _begin(self) -> int:
        """The message (seq) after which to look. What comes back meanwhile is for the next sweep."""
        start = min(self._swept_to, self._came_back - 1) if self._came_back else self._swept_to
        self._came_back = 0
        return start

    def _on_to_another(self, message: Message, now: int, *, move_on: bool) -> Transition | None:
        lane, ways = self._lane, self._ways
        impatient = now >= patience_from(message, self._delivery.outages.up_at) + message.policy.patience * 1000
        if not move_on and not impatient:
            return None
        via_index = next_via_index(message, ways.is_usable if move_on else ways.is_reached)
        if via_index is None and lane.day.left(now) == 0 and message.due_at <= now:
            to_tomorrow, why = lane.tomorrow(now), lane.over_the_day(1)
            return Transition(state=State.QUEUED, reason=why, due_at=to_tomorrow, relative=False, counts=False)
        if not move_on:
            via_index = self._beside_the_modem(message, via_index)
        if via_index is None:
            return None
        why = LINE_DOWN if ways.is_cut(lane) and not move_on else lane.why(now)
        return over_to(message, via_index, why, now)

    def _beside_the_modem(self, message: Message, via_index: int | None) -> int | None:
        """What it comes for by itself waits for it; what it does not take goes to what is reached behind it."""
        while via_index is not None and self._ways.takes_out_of_turn(name := message.via[via_index]):
            if self._ways.is_moving(name) and not self._ways.leaves_aside(name, message.seq):
                return None
            via_index = next_via_index(message, self._ways.is_reached, after=via_index)
        return via_index
