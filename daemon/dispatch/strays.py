"""Messages at channels that the configuration does not name any more: no pump looks for those, so from here they go on."""

import asyncio
from collections.abc import Callable, Collection, Iterable

import structlog

from daemon.dispatch.delivery import Delivery
from daemon.dispatch.fallback import next_via_index, over_to
from daemon.dispatch.prepare import Preparer
from daemon.dispatch.recorded import STORAGE_WAIT
from outbox import Outbox
from outbox.clock import Clock
from outbox.errors import StorageBusy, StorageFull
from outbox.model import Message, State, Transition
from outbox.reasons import Reason

log = structlog.get_logger(__name__)

PAGE = 200


class Strays:
    """Looks at the start, and whenever it is told of a channel that is none of `channels`."""

    def __init__(
        self,
        box: Outbox,
        channels: Collection[str],
        delivery: Delivery,
        preparer: Preparer,
        clock: Clock,
        usable: Callable[[str], bool],
    ) -> None:
        self._box = box
        self._channels = channels
        self._delivery = delivery
        self._preparer = preparer
        self._clock = clock
        self._usable = usable
        self.wake = asyncio.Event()

    def heed(self, channels: Iterable[str]) -> None:
        """Messages wait at these."""
        if not all(channel in self._channels for channel in channels):
            self.wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Ends when `stop` is set and it is woken."""
        while not stop.is_set():
            self.wake.clear()
            wait = None
            try:
                await self.turn()
            except (StorageBusy, StorageFull) as error:
                log.error("can't read or write the database, trying again", error=str(error))
                wait = STORAGE_WAIT
            if not stop.is_set():
                await self._clock.wait(self.wake, wait)

    async def turn(self) -> None:
        for channel in await self._box.spool.channels_beside(self._channels):
            at = 0
            while page := await self._box.spool.waiting(channel, after=at, limit=PAGE):
                for due in page:
                    now = self._clock.now()
                    to = self._preparer.too_late(due, now) or self._on(due.message, now)
                    await self._delivery.move(due.message, to)
                at = page[-1].message.seq

    def _on(self, message: Message, now: int) -> Transition:
        """To its next channel; where none is left, to one that it came by and that is still there."""
        ways = (
            next_via_index(message, self._usable),
            next_via_index(message, self._channels.__contains__),
            next_via_index(message, self._channels.__contains__, after=-1),
        )
        via_index = next((way for way in ways if way is not None), None)
        if via_index is None:
            words = f"none of its channels has a table in tether.toml any more: {', '.join(message.via)}"
            why = Reason(words, "not_enabled", channels=list(message.via))
            return Transition(state=State.FAILED, reason=why, counts=False)
        words = f"{message.channel} has no table in tether.toml any more"
        why = Reason(words, "channel_out", channel=message.channel, code="", words=words)
        return over_to(message, via_index, why, now)
