"""What came in: read it from the modem's memories, hand it over, and empty the place only when it is on record.

So a crash hands a message over twice at most, under the same id, and never loses one; and the memory never stays full.
"""

import contextlib
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from daemon.modem import answers, pdu
from daemon.modem.answers import Room, Stored
from daemon.modem.codes import Kind
from daemon.modem.dialogue import CommandRefused, Dialogue, Taken
from daemon.modem.errors import CommandFailed, ModemError, NoAnswer, NotCommitted
from daemon.modem.framing import Unsolicited
from daemon.modem.multipart import Arrived, Assembly, Incoming, Whole
from daemon.modem.pdu import Deliver, StatusReport
from daemon.modem.quirks import GENERIC, family_of
from daemon.modem.setup import Ready
from daemon.modem.status import Identity
from outbox.clock import Clock

_LIST_SECONDS = 20.0
_MOST_KEPT = 256
_MOST_MEMORIES = 8


class Hear(Protocol):
    """Whoever takes what comes in. Each returns when it is on record, or raises NotCommitted."""

    async def message(self, message: Incoming) -> None: ...

    async def report(self, report: StatusReport) -> None: ...

    async def late(self, submission: Taken | CommandRefused) -> None:
        """The answer to the text whose answer was given up."""
        ...

    async def settled(self) -> None:
        """That answer is awaited no more. Said again and again; what can't be put on record now is left."""
        ...


@dataclass
class Tally:
    """What one look into the memories found."""

    heard: int = 0
    ignored: int = 0
    room: Room | None = None


@dataclass(frozen=True)
class _Ready:
    """A text to hand over, and where it lies: a memory's places, or ("") among what came inline."""

    memory: str
    whole: Whole
    pdus: tuple[str, ...] = ()


class Inbox:
    """What lies in the modem's memories, and what it handed on directly: that is kept while it is set up anew, or another takes its place."""

    def __init__(self, hear: Hear, clock: Clock) -> None:
        self._hear, self._clock = hear, clock
        self._identity = Identity()
        self._family = GENERIC
        self._memories: tuple[str, ...] = ("SM",)
        self._selects = False
        self._lists = GENERIC.lists
        self._assemblies: dict[str, Assembly] = {}
        self._selected = ""
        """The memory that is read; "" while nobody knows."""
        self._wanted: dict[str, set[int]] = {}
        """Memories to look into, and the places that were announced there: not every listing shows all that lies in one."""
        self._inline: deque[Unsolicited] = deque(maxlen=_MOST_KEPT)
        self._inline_parts: deque[Arrived] = deque(maxlen=_MOST_KEPT)
        self._handed: deque[str] = deque(maxlen=_MOST_KEPT)
        """Parts of long texts that were handed over. One that is still there, or comes once more, would pass for half a text."""
        self._undated: dict[str, int] = {}
        """Texts that lie here and whose service centre wrote no moment, by id, and since when (ms): that tells equal ones apart."""
        self._inline_assembly = Assembly()
        self._inline_count = 0
        self._ignored = 0

    def begin(self, ready: Ready) -> None:
        """The modem was set up (again): the memory for new messages is selected, and anything may lie anywhere."""
        if ready.identity.is_another(self._identity):  # it may list what the one before could not
            self._lists = True
        self._identity = ready.identity
        self._family = family_of(self._identity.manufacturer, self._identity.model)
        self._lists = self._lists and self._family.lists
        self._memories, self._selects = ready.memories, ready.selects
        self._selected = self._memories[0]
        self.look_everywhere()

    def look_everywhere(self) -> None:
        """The next `collect` looks into all memories."""
        for memory in self._memories:
            self._want(memory)

    def notice(self, word: Unsolicited) -> bool:
        """Remember what an unsolicited word announces. True when there is something to collect."""
        if word.body and word.text.startswith(("+CDS:", "+CMT:")):
            self._inline.append(word)
            return True
        place = answers.arrival(word.text)
        if place is None:
            return False
        memory, number = place
        if not answers.MEMORY.fullmatch(memory):  # the line garbled its name
            self.look_everywhere()
        elif memory in self._memories or len(self._assemblies) < _MOST_MEMORIES:  # some announce one they did not list
            self._want(memory, [number])
        return True

    async def collect(self, link: Dialogue, *, sweep: bool = False) -> Tally:
        """Hand over what was announced, or (`sweep`) whatever lies in the memory for new messages. Texts go in the order in
        which they were sent, wherever they lie: a YES from before a STOP must not undo it.

        Raises NoAnswer and PortLost: what was not looked at is looked at the next time.
        """
        self._ignored = 0
        tally = Tally(heard=await self._take_inline())
        if sweep:
            self._want(self._memories[0])
        if self._wanted and self._family.arrival_pause:
            await self._clock.sleep(self._family.arrival_pause)
        trouble: ModemError | None = None
        ready = [_Ready("", whole) for whole in self._inline_assembly.sort(self._inline_parts, now=self._now)]
        for memory in list(self._wanted):
            places = self._wanted.pop(memory)  # what is announced from here on is for the next time
            try:
                room = await self._select(link, memory)
                if room is None and link.owed:  # what refused it may have been that answer
                    self._want(memory, places)
                ready += await self._look_into(link, memory, room, places, tally) if room else ()
            except ModemError as error:
                self._want(memory, places)
                trouble = error
                break
            tally.room = room if memory == self._memories[0] else tally.room
        handed = await self._hand_over_in_turn(sorted(ready, key=_moment))
        tally.heard += len(handed)
        await self._remove(link, handed)
        if trouble:
            raise trouble
        if self._selected != self._memories[0]:
            await self._select(link, self._memories[0])
        tally.ignored = self._ignored
        return tally

    @property
    def _now(self) -> float:
        return self._clock.monotonic()

    def _want(self, memory: str, places: Iterable[int] = ()) -> None:
        self._wanted.setdefault(memory, set()).update(places)

    async def _take_inline(self) -> int:
        """Hand over the reports and take the texts, which may be parts. How many that were."""
        taken = 0
        while self._inline:
            try:
                await self._hand_over_pdu(self._inline[0])
            except NotCommitted:
                break
            self._inline.popleft()
            taken += 1
        return taken

    async def _hand_over_in_turn(self, ready: Sequence[_Ready]) -> Sequence[_Ready]:
        """Those that are on record now: where one can't be, the later ones wait for it."""
        for count, one in enumerate(ready):
            if not await self._hand_over(one):
                for left in ready[count:]:
                    if left.memory:
                        self._want(left.memory, left.whole.places)
                return ready[:count]
        return ready

    async def _hand_over(self, one: _Ready) -> bool:
        """Whether it is on record. Else it stays where it is, for the next time."""
        try:
            await self._hear.message(self._told_apart(one.whole.incoming))
        except NotCommitted:
            return False
        places = one.whole.places
        if not one.memory:
            self._undated.pop(one.whole.incoming.id, None)
            left = (part for part in self._inline_parts if part.place not in places)
            self._inline_parts = deque(left, maxlen=_MOST_KEPT)
        elif len(places) > 1:
            self._handed.extend(one.pdus)
        return True

    async def _remove(self, link: Dialogue, handed: Iterable[_Ready]) -> None:
        """Empty the places of what is on record, the selected memory's first."""
        left = sorted((one for one in handed if one.memory), key=lambda one: one.memory != self._selected)
        try:
            while left:
                one = left[0]
                is_selected = one.memory == self._selected or await self._select(link, one.memory)
                if is_selected and await self._delete(link, one.whole.places):
                    self._undated.pop(one.whole.incoming.id, None)
                del left[0]
        except ModemError:
            for one in left:
                self._want(one.memory, one.whole.places)
            raise

    async def _hand_over_pdu(self, word: Unsolicited) -> None:
        """Nobody can read it once more. A report of which the line lost some may call delivered what is not."""
        is_whole = answers.came_whole(word.text, word.body)
        match _decoded(word.body):
            case StatusReport() as report if is_whole:
                await self._hear.report(report)
            case Deliver() as message if message.for_people:
                self._inline_count += 1
                self._inline_parts.append(Arrived(self._inline_count, word.body, message, is_whole))
            case _:
                self._ignored += 1

    async def _select(self, link: Dialogue, memory: str) -> Room | None:
        """Make it the memory that is read, and see how full it is. None where this modem doesn't let us.

        It may have obeyed also where no answer came, or an error in its place that was a text's: places of one memory would be
        emptied in another. Only one that never obeyed has but one memory, whatever it calls it.
        """
        is_selected = memory == self._selected
        if not is_selected and self._selects:
            self._selected = ""
        try:
            lines = await link.command("AT+CPMS?" if is_selected else f'AT+CPMS="{memory}"')
        except CommandFailed:
            return Room(0, 0) if is_selected else None
        self._selected = memory
        self._selects = self._selects or not is_selected
        return answers.room(lines) or Room(0, 0)

    async def _look_into(
        self, link: Dialogue, memory: str, room: Room, announced: set[int], tally: Tally
    ) -> list[_Ready]:
        """The texts that are ready in this memory. Reports are handed over and deleted as they are found."""
        arrived: list[Arrived] = []
        deleted = 0
        for listed in await self._all_stored(link, room, announced):
            stored = await self._read_surely(link, listed)
            if stored is None:
                continue
            match _decoded(stored.pdu):
                case StatusReport() as report:
                    with contextlib.suppress(NotCommitted):  # it stays in the modem, for the next time
                        await self._hear.report(report)
                        tally.heard += 1
                        await self._delete(link, [stored.place])
                        deleted += 1
                case Deliver() if stored.pdu in self._handed:
                    await self._delete(link, [stored.place])
                    deleted += 1
                case Deliver() as message if message.for_people:
                    arrived.append(Arrived(stored.place, stored.pdu, message))
                case _:
                    self._ignored += 1
                    await self._delete(link, [stored.place])
                    deleted += 1
        free = room.total - room.used + deleted if room.total else None
        assembly = self._assemblies.setdefault(memory, Assembly())
        return [
            _Ready(memory, whole, tuple(part.pdu for part in arrived if part.place in whole.places))
            for whole in assembly.sort(arrived, now=self._now, free=free)
        ]

    async def _read_surely(self, link: Dialogue, stored: Stored) -> Stored | None:
        """What the line garbled is read once more: alike twice, it is what it is. None: it is left for the next time, as is what
        was no PDU any more."""
        if stored.is_whole:
            return stored
        try:
            again = answers.reading(await link.command(f"AT+CMGR={stored.place}"), stored.place)
        except CommandFailed:
            return None
        return again if again and (again.is_whole or again.pdu == stored.pdu != "") else None

    async def _all_stored(self, link: Dialogue, room: Room, announced: set[int]) -> list[Stored]:
        found = await self._stored(link, room)
        for place in sorted(announced - {stored.place for stored in found}):
            with contextlib.suppress(CommandFailed):  # it was read before
                if (stored := answers.reading(await link.command(f"AT+CMGR={place}"), place)) and stored.came_in:
                    found.append(stored)
        return found

    async def _stored(self, link: Dialogue, room: Room) -> list[Stored]:
        if self._lists:
            try:
                lines = await link.command("AT+CMGL=4", timeout=_LIST_SECONDS)
            except CommandFailed as error:
                if error.fault.kind in (Kind.STORAGE, Kind.RETRY):  # CMS 321 is how some say "nothing there"
                    return []
            except NoAnswer:
                self._lists = False  # some hang over it for good: not asked again after the recovery that follows
                raise
            else:
                return [stored for stored in answers.listing(lines) if stored.came_in]
        return await self._one_by_one(link, room)

    async def _one_by_one(self, link: Dialogue, room: Room) -> list[Stored]:
        found: list[Stored] = []
        seen = 0
        for place in range(self._family.first_place, self._family.first_place + room.total):
            if seen >= room.used:
                break
            try:
                stored = answers.reading(await link.command(f"AT+CMGR={place}"), place)
            except CommandFailed:
                continue
            if stored:
                seen += 1
                found += [stored] if stored.came_in else []
        return found

    async def _delete(self, link: Dialogue, places: Iterable[int]) -> bool:
        """Whether all are gone. What stays is handed over again under the same id, and then deleted."""
        gone = True
        for place in places:
            try:
                await link.command(f"AT+CMGD={place}")
            except CommandFailed:
                gone = False
        return gone

    def _told_apart(self, incoming: Incoming) -> Incoming:
        """Equal texts of different moments are two, also where nothing in them says so."""
        if incoming.sent_at is not None:
            return incoming
        since = self._undated.setdefault(incoming.id, self._clock.now())
        return replace(incoming, id=f"{incoming.id}-{since:x}")


def _moment(one: _Ready) -> tuple[bool, float]:
    """When it was sent; what nobody knows of comes last."""
    sent_at = one.whole.incoming.sent_at
    return sent_at is None, sent_at.timestamp() if sent_at else 0.0


def _decoded(text: str) -> Deliver | StatusReport | None:
    try:
        message = pdu.decode(text)
    except pdu.PduError:
        return None
    return message if isinstance(message, Deliver | StatusReport) else None
