"""When nothing more will happen by itself: no task can go on, and the outbox's threads have answered all that they were asked.

What the outbox is asked is put to its threads in turn, so that with a clock moved by hand what follows is the same at every run, however
fast the disk is and whatever the threads' scheduling. What joins an event's transaction (`Offer`) does: it is closed when all are still."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import aiosqlite

from outbox import Outbox
from outbox.errors import StorageBusy
from outbox.writer import Offer, Operation

Query = Callable[[aiosqlite.Connection], Awaitable[Any]]
Answer = asyncio.Future[Any]


class Stillness:
    """`await still()` returns when all that runs waits for the clock, or for the test."""

    def __init__(self) -> None:
        self.writes_left: int | None = None
        """How many more operations reach the disk before the process dies; None: it lives."""
        self._asked: deque[tuple[Operation[Any] | Query, Answer]] = deque()
        self._work: asyncio.Task[None] | None = None
        self._done = asyncio.Event()
        self._offer: Offer | None = None
        self._joined = 0
        self._under_way: set[Answer] = set()
        """What joined an offer. On a slow machine that was over by then, and they are a transaction of their own."""
        self._closing: asyncio.Task[None] | None = None

    def watch(self, box: Outbox) -> None:
        """All that this outbox's parts ask of its database goes by here."""
        store: Any = box._store
        self._write, self._read = store.write, store._read
        store.write, store._read = self._asked_to_write, self._asked_to_read
        self._writer = store._writer
        self._show, self._writer._show = self._writer._show, self._offered

    def _asked_to_write(self, operation: Operation[Any]) -> Answer:
        if self.writes_left == 0:
            answer: Answer = asyncio.get_running_loop().create_future()
            answer.set_exception(StorageBusy("the process is dead"))
            return answer
        if self.writes_left is not None:
            self.writes_left -= 1
        if self._offer is not None and operation.follows in {due.message.seq for due in self._offer.dues}:
            return self._join(self._offer, operation)
        return self._ask(operation)

    def _join(self, offer: Offer, operation: Operation[Any]) -> Answer:
        self._joined += 1
        if self._joined == offer.taken and self._closing is not None:
            self._closing.cancel()
            self._offer = None
        joined: Answer = self._write(operation)
        self._under_way.add(joined)
        joined.add_done_callback(self._under_way.discard)
        return joined

    def _offered(self, offer: Offer) -> None:
        self._show(offer)
        if offer.taken:
            self._offer, self._joined = offer, 0
            self._closing = asyncio.create_task(self._close(offer))

    async def _close(self, offer: Offer) -> None:
        loop: Any = asyncio.get_running_loop()
        while loop._ready:
            await asyncio.sleep(0)
        self._offer, offer.taken = None, self._joined
        self._writer._queue.look()

    async def _asked_to_read(self, query: Query) -> Any:
        return await self._ask(query)

    def _ask(self, what: Operation[Any] | Query) -> Answer:
        answer: Answer = asyncio.get_running_loop().create_future()
        self._asked.append((what, answer))
        if self._work is None:
            self._work = asyncio.create_task(self._answer_all())
        return answer

    async def _answer_all(self) -> None:
        while self._asked:
            group = [self._asked.popleft()]
            if not isinstance(group[0][0], Operation):
                try:
                    results = [await self._read(group[0][0])]
                except Exception as error:
                    results = [error]
            else:
                while self._asked and isinstance(self._asked[0][0], Operation):
                    group.append(self._asked.popleft())
                results = await asyncio.gather(*(self._write(what) for what, _ in group), return_exceptions=True)
            for (_, answer), result in zip(group, results, strict=True):
                if not answer.done():
                    _put(answer, result)
        self._work = None
        self._done.set()

    async def __call__(self) -> None:
        loop: Any = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0)
            if self._work is not None:
                self._done.clear()
                await self._done.wait()
            elif self._under_way:
                await asyncio.wait(self._under_way)
            elif not loop._ready:
                return


def _put(answer: Answer, result: Any) -> None:
    if isinstance(result, BaseException):
        answer.set_exception(result)
    else:
        answer.set_result(result)
