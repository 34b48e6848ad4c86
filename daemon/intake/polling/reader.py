"""Reads what a source shows of one stretch of time, page by page, and gives it on. It keeps no cursor: `poller` does.

Three kinds of lists there are. One in the order of change is gone on with from where a page ended (not at a number of pages, under
which orders move while they are read). One in no order is read by its tokens to the end. And one that can be asked to repeat the last
of each page shows by that whether it moved up meanwhile; then the page before is read once more.
"""

import hashlib
import itertools
from collections.abc import Awaitable, Callable, Iterable, Sequence

import msgspec
import structlog

from daemon.http import Response
from daemon.intake.base import Reading, Snapshot
from daemon.intake.polling.calls import Caller
from daemon.intake.polling.polled import Fault, Polled, SourcePage, Turn, fault_of
from outbox.clock import Clock
from outbox.orders import to_ms

log = structlog.get_logger(__name__)

STEP_MS = 1_000
"""The grain of a shop's moments."""
PAGES = 20
"""Pages read before it is looked whether there is something else to do, where it can be gone on with from a moment."""
MOST_PAGES = 500
"""Pages of one stretch at most, where the cursor can't move between them: a longer one is read in halves."""
MOST_BACKS = 50
"""How often a page is read once more because the list moved up under it; after that the stretch is read again the next time."""
LONGEST_WAIT = 300.0
SEEN = 4_000

Tell = Callable[[Reading, int], Awaitable[None]]
"""Takes what was read, as of the moment (ms) at which it was asked for."""


class Read(msgspec.Struct, frozen=True):
    """How far a stretch was read: up to the newest change (ms) that lies no later than now."""

    reached: int
    left: int = 0
    """The moment (ms) from which on it is to be gone on with; 0: it was read to its end."""


class Reader:
    """The pages of one source. What it showed before, unchanged, is left out: stretches overlap."""

    def __init__(self, name: str, source: Polled, caller: Caller, clock: Clock) -> None:
        self._name = name
        self._source = source
        self._caller = caller
        self._clock = clock
        self._warned = ""
        self._shut = ""
        self._seen: dict[str, bytes] = {}

    def forget(self, ids: Iterable[str] | None = None) -> None:
        """Give on whatever comes of these orders (None: of all), as if it had not been read yet."""
        for id in list(self._seen) if ids is None else ids:
            self._seen.pop(id, None)

    async def read(self, turn: Turn, reached: int, tell: Tell) -> Read:
        """One stretch. `reached`: how far it was read before. Raises Fault, and what `tell` raises."""
        kept: list[tuple[Reading, int]] = []
        known: set[str] = set()
        newest, backs = reached, 0
        for number in itertools.count(1):
            asked = self._clock.now()
            page = await self._whole(await self._page(turn), turn)
            if known and page.ids and page.back_token and page.ids[0] not in known and backs < MOST_BACKS:
                backs += 1
                turn = msgspec.structs.replace(turn, token=page.back_token)
                continue
            known.update(page.ids)
            newest = max([newest, *(at for moment in page.changed if (at := to_ms(moment)) <= asked)])
            if page.ids:
                kept.append((_reversed(page.reading), asked))
            else:
                await self._give([(page.reading, asked)], tell)
            if not page.next_token:
                await self._give(kept, tell)
                return Read(reached if backs >= MOST_BACKS else newest)
            if max(number, page.pages) >= MOST_PAGES and (half := self._half(turn, asked)):
                read = await self.read(half, reached, tell)
                return msgspec.structs.replace(read, left=read.left or half.until - STEP_MS)
            if number >= MOST_PAGES:
                raise Fault(f"there is no end to its pages: after {MOST_PAGES} it was given up", lasting=True)
            turn = _next(turn, page)
            await self._leave(page.wait)
            if page.ordered and number >= PAGES and not turn.token:
                return Read(newest, left=turn.since)
        raise AssertionError("there is always a next number")

    def _half(self, turn: Turn, asked: int) -> Turn | None:
        """The first half of that stretch; None: it can't be asked for, or is too short to be divided."""
        middle = (turn.since + (turn.until or asked)) // 2 // STEP_MS * STEP_MS
        if self._source.window is None or middle - turn.since < 2 * STEP_MS:
            return None
        return msgspec.structs.replace(turn, until=middle, token="")

    async def _give(self, kept: Sequence[tuple[Reading, int]], tell: Tell) -> None:
        """From the last page to the first where several were kept: those list the newest first."""
        for reading, asked in reversed(kept):
            fresh = self._fresh(reading)
            await tell(fresh, asked)
            for one in fresh.snapshots:
                self._seen.pop(one.id, None)
                self._seen[one.id] = _mark(one)
        while len(self._seen) > SEEN:
            del self._seen[next(iter(self._seen))]

    def _fresh(self, reading: Reading) -> Reading:
        fresh = tuple(one for one in reading.snapshots if self._seen.get(one.id) != _mark(one))
        return msgspec.structs.replace(reading, snapshots=fresh)

    async def _whole(self, page: SourcePage, turn: Turn) -> SourcePage:
        """The page with those of its orders whole that it shows in part."""
        found: dict[str, Snapshot] = {}
        wait = page.wait
        for id in page.cut:
            await self._leave(wait)
            single = self._read_page(await self._single(id), turn)
            wait = single.wait
            found |= {one.id: one for one in single.reading.snapshots}
        if not found:
            return page
        snapshots = tuple(found.get(one.id, one) for one in page.reading.snapshots)
        return msgspec.structs.replace(
            page, reading=msgspec.structs.replace(page.reading, snapshots=snapshots), wait=wait
        )

    async def _single(self, id: str) -> Response:
        at = self._clock.now()
        return await self._caller.call(lambda token: self._source.single_request(id, at, token))

    async def _leave(self, seconds: float) -> None:
        if seconds > 0:
            await self._clock.sleep(min(seconds, LONGEST_WAIT))

    async def _page(self, turn: Turn) -> SourcePage:
        turn = msgspec.structs.replace(turn, at=self._clock.now())
        return self._read_page(await self._caller.call(lambda token: self._source.request(turn, token)), turn)

    def _read_page(self, response: Response, turn: Turn) -> SourcePage:
        if not (response.ok or response.status == 304) or response.is_page:
            raise fault_of(response, self._source.words(response))
        try:
            page = self._source.page(response, turn)
        except Fault:
            raise
        except Exception as error:
            log.exception("reading a source's answer failed inside", source=self._name)
            raise Fault(f"reading its answer failed inside: {type(error).__name__}", lasting=True) from error
        if page.warning and page.warning != self._warned:
            log.warning("a source answers oddly", source=self._name, what=page.warning)
        self._warned = page.warning
        return page

    async def look_up(self, ids: Sequence[str], tell: Tell) -> Sequence[str] | None:
        """How these orders are now; which of them the source has no more. None: it can't be asked, or refuses it. Raises Fault.

        A list leaves out what stands at a status that a plug-in hides from lists: one by one it is told from what is gone."""
        asked = self._clock.now()
        request = self._source.lookup_request(ids, asked)
        if request is None:
            return None
        response = await self._caller.call(lambda token: request)
        if not response.ok or response.is_page:
            self._refused(fault_of(response, self._source.words(response)), "a source shows no orders by their numbers")
            return None
        page = self._read_page(response, Turn(asked))
        await self._give([(page.reading, asked)], tell)
        return [id for id in ids if id not in page.ids and await self._is_gone(id, tell)]

    async def _is_gone(self, id: str, tell: Tell) -> bool:
        asked = self._clock.now()
        response = await self._single(id)
        if self._source.is_gone(response):
            return True
        if not response.ok or response.is_page:
            fault = fault_of(response, self._source.words(response))
            self._refused(
                fault, "a source lists no such order and does not show it by itself; it stays as it is", order=id
            )
            return False
        await self._give([(self._read_single(response, id), asked)], tell)
        return False

    def _read_single(self, response: Response, id: str) -> Reading:
        """One order that can't be understood costs only itself."""
        try:
            return self._source.read_single(response)
        except Exception as error:
            log.exception("reading a source's order failed inside", source=self._name, order=id)
            return Reading(unread=(f"order {id}: reading it failed inside: {type(error).__name__}",))

    def _refused(self, fault: Fault, what: str, **of: str) -> None:
        """A way to known orders that is shut says nothing of them, and is no reason to ask for the list of changes more seldom. Raises what
        passes."""
        if not (fault.lasting or fault.page):
            raise fault
        if str(fault) != self._shut:
            log.warning(what, source=self._name, **of, reason=str(fault))
        self._shut = str(fault)


def _reversed(reading: Reading) -> Reading:
    return msgspec.structs.replace(reading, snapshots=reading.snapshots[::-1])


def _mark(snapshot: Snapshot) -> bytes:
    """All of it: a shop may change an order's details without saying that it changed."""
    return hashlib.blake2b(msgspec.json.encode(snapshot), digest_size=16).digest()


def _next(turn: Turn, page: SourcePage) -> Turn:
    """From the end of this page on; where all of it changed in one second, or pages are in no order, by its token."""
    newest = max((to_ms(moment) for moment in page.changed), default=0)
    begin = newest - STEP_MS if page.ordered else turn.since
    if begin > turn.since:
        return msgspec.structs.replace(turn, since=begin, token="")
    return msgspec.structs.replace(turn, token=page.next_token)
