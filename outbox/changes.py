"""Tells those who watch what each commit changed. A slow watcher loses changes and is told so; it never holds up the writer."""

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Sequence

from outbox.chain import Change

KEPT = 1000
"""Changes that wait for a watcher at most."""


class Subscription:
    """One watcher: an async iterator of changes. `lagged` is set when some were left out: read anew what you show."""

    def __init__(self, kept: int) -> None:
        self.lagged = False
        self._waiting: deque[Change] = deque(maxlen=kept)
        self._wake = asyncio.Event()
        self._closed = False

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._waiting.popleft()

    def give(self, changes: Sequence[Change]) -> None:
        room = (self._waiting.maxlen or 0) - len(self._waiting)
        self.lagged = self.lagged or len(changes) > room
        self._waiting.extend(changes)
        self._wake.set()

    def end(self) -> None:
        self._closed = True
        self._wake.set()


class Changes:
    """`box.changes`."""

    def __init__(self) -> None:
        self._watchers: weakref.WeakSet[Subscription] = weakref.WeakSet()

    def subscribe(self, *, kept: int = KEPT) -> Subscription:
        """Iterate over it: each change after its commit, from now on, for as long as it is kept. Of a slow watcher's changes the
        oldest are left out."""
        watcher = Subscription(kept)
        self._watchers.add(watcher)
        return watcher

    def publish(self, changes: Sequence[Change]) -> None:
        for watcher in tuple(self._watchers):
            watcher.give(changes)

    def close(self) -> None:
        for watcher in tuple(self._watchers):
            watcher.end()
