"""Which messages no pump is to take up: they are on their way, or it is told of them in a moment."""

import asyncio
from collections.abc import Iterable, Set
from typing import TypeAlias

from daemon.dispatch.bulk import Bulk
from daemon.dispatch.gathering import Gathering
from outbox.clock import Clock
from outbox.model import Message

Sending: TypeAlias = "asyncio.Task[Message | None]"

DRAIN_SECONDS = 15.0
"""How long a stopping service waits for attempts under way; what is cut then is looked up at the next start."""


class UnderWay:
    """Of all channels: what one has taken up, another is not to send."""

    def __init__(self, gathering: Gathering, bulk: Bulk, clock: Clock) -> None:
        self._gathering = gathering
        self._bulk = bulk
        self._clock = clock
        self._busy: set[int] = set()
        """Messages (seq) that are on their way: brought, or being sent."""
        self._sends: set[Sending] = set()
        self._ended = asyncio.Event()

    def is_busy(self, seq: int) -> bool:
        return seq in self._busy

    def kept(self, channel: str) -> Set[int]:
        """Messages (seq) that its pump is told of in a moment."""
        return self._gathering.of(channel) | self._bulk.of(channel)

    def passed_over(self, channel: str) -> Set[int]:
        """Those, and all that are on their way."""
        return self._busy | self.kept(channel)

    def take_up(self, seqs: Set[int]) -> None:
        self._busy |= seqs
        self._gathering.take_out(seqs)

    def let_go(self, seqs: Iterable[int]) -> None:
        """They are free to be taken up again."""
        self._busy.difference_update(seqs)

    def begins(self, task: Sending) -> None:
        self._sends.add(task)

    def ends(self, task: Sending) -> None:
        self._sends.discard(task)
        self._ended.set()

    async def drain(self) -> None:
        """Let what is being sent end; cut what does not in time."""
        deadline = self._clock.monotonic() + DRAIN_SECONDS
        while self._sends and (left := deadline - self._clock.monotonic()) > 0:
            self._ended.clear()
            await self._clock.wait(self._ended, left)
        for task in self._sends:
            task.cancel()
