"""Brings the shop to the screen: reads everything once, then follows the stream; what the stream does not carry is read again now and then.

It runs for as long as the screen does, in one task group. Trouble is the shop's `link`, never an exception.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence, Set
from contextlib import aclosing
from typing import TypeVar

import msgspec

from daemon.wire.customers import Call, Reply
from daemon.wire.messages import AttemptChange, Message, ReceiptChange
from daemon.wire.orders import Order
from daemon.wire.service import Channel, Uplink
from daemon.wire.stages import STAGES
from daemon.wire.values import decode
from tui.service.client import Client, Query, Refused, ServiceError
from tui.service.live import Connected, Gone, Live, StreamEvent
from tui.shop.revisions import Part
from tui.shop.state import Link, Shop
from tui.terminal.clock import Clock

T = TypeVar("T")

MOST_ORDERS = 5_000
MOST_OPEN = 5_000
"""Orders still open that are read besides, however long ago they changed last."""
OPEN = tuple(("stage", stage) for stage in STAGES if stage != "done")
MOST_MESSAGES = 20_000
SHORT_LIST = 500
GLANCE_EVERY = 30.0
"""Seconds between looks at what the stream does not carry, while all is quiet."""
GLANCE_PAUSE = 1.0
"""Seconds between such looks while much happens."""
LOAD_AGAIN = 3.0
"""Seconds before a reading that failed is tried again."""


class Feed:
    """`tell` hears which parts of the shop changed, `settled` that everything was read; both must be quick."""

    def __init__(
        self,
        client: Client,
        live: Live,
        shop: Shop,
        clock: Clock,
        tell: Callable[[Set[Part]], None],
        settled: Callable[[], None],
    ) -> None:
        self._client = client
        self._live = live
        self._shop = shop
        self._clock = clock
        self._tell = tell
        self._settled = settled
        self._look = asyncio.Event()
        self._loading: asyncio.Task[None] | None = None
        self._complete = False
        self._is_stale = False

    def read_anew(self) -> None:
        """Have everything read soon: what the service keeps no longer is gone then."""
        self._is_stale = True
        self._look.set()

    def look_again(self) -> None:
        """Have the glance and the short lists read soon."""
        self._look.set()

    async def run(self) -> None:
        """Follow the service until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_looking(group))
            async with aclosing(self._live.signals()) as signals:
                async for signal in signals:
                    self._take(signal, group)

    def _take(self, signal: Connected | StreamEvent | Gone, group: asyncio.TaskGroup) -> None:
        match signal:
            case Connected(resumed):
                self._set_link("up")
                self.look_again()
                if not (resumed and self._complete):
                    self._load(group)
            case Gone(reason, refused=refused):
                self._set_link("refused" if refused else "away", reason)
            case StreamEvent(name="reset"):
                self._load(group)
            case StreamEvent(name, data):
                try:
                    self._tell(self._apply(name, data))
                except msgspec.MsgspecError as error:
                    self._set_link("up", f"the service sends what this screen can't read ({name}: {error})")

    def _set_link(self, state: str, reason: str = "") -> None:
        link = self._shop.link
        since = link.since if link.state == state else self._clock.now() + self._client.skew
        if link != (told := Link(state, since, reason)):
            self._shop.link = told
            self._tell({Part.LINK})

    # ------------------------------------------------------------ the stream's events

    def _apply(self, name: str, data: str) -> Set[Part]:
        """Raises msgspec.MsgspecError."""
        shop = self._shop
        match name:
            case "order":
                return shop.change_order(decode(data, Order))
            case "message":
                self.look_again()
                return shop.change_message(decode(data, Message))
            case "channel":
                return shop.change_channel(decode(data, Channel))
            case "uplink":
                self.look_again()
                return shop.change_uplink(decode(data, Uplink))
            case "reply":
                self.look_again()
                return shop.change_reply(decode(data, Reply))
            case "attempt":
                return shop.touch(decode(data, AttemptChange).order_ref)
            case "receipt":
                return shop.touch(decode(data, ReceiptChange).order_ref)
            case _:
                return frozenset()

    # ------------------------------------------------------------ reading everything

    def _load(self, group: asyncio.TaskGroup) -> None:
        if self._loading is not None:
            self._loading.cancel()
        self._is_stale = False
        self._loading = group.create_task(self._load_until_done())

    async def _load_until_done(self) -> None:
        self._complete = False
        while not self._complete:
            try:
                await self._load_once()
                self._complete = True
                self._settled()
            except Refused as error:
                self._set_link("refused", str(error))
                await self._clock.sleep(LOAD_AGAIN)
            except ServiceError:
                await self._clock.sleep(LOAD_AGAIN)

    async def _load_once(self) -> None:
        shop = self._shop
        shop.begin_load()
        await self._read_glance()
        if await self._read_orders(MOST_ORDERS) >= MOST_ORDERS:
            await self._read_orders(MOST_OPEN, OPEN)
        await self._read_lists()
        async for messages in self._client.pages("/v1/messages", Message, most=MOST_MESSAGES):
            shop.load_messages(messages)
            self._tell({Part.MESSAGES})
        shop.end_load()
        self._set_link("up")
        self._tell({Part.ORDERS, Part.MESSAGES})

    async def _read_orders(self, most: int, query: Query = ()) -> int:
        """The newest so many; how many there were."""
        count = 0
        async for orders in self._client.pages("/v1/orders", Order, query, most=most):
            count += len(orders)
            self._shop.load_orders(orders)
            self._tell({Part.ORDERS})
        return count

    # ------------------------------------------------------------ what the stream does not carry

    async def _keep_looking(self, group: asyncio.TaskGroup) -> None:
        while True:
            await self._clock.wait(self._look, GLANCE_EVERY)
            if self._complete and self._shop.link.state == "up":
                self._look.clear()
                if self._is_stale:
                    self._load(group)
                else:
                    await self._look_once()
            await self._clock.sleep(GLANCE_PAUSE)

    async def _look_once(self) -> None:
        try:
            await self._read_glance()
            await self._read_lists()
            said = ""
        except ServiceError as error:
            said = str(error)
        self._set_link(self._shop.link.state, said)

    async def _read_glance(self) -> None:
        glance = await self._client.glance()
        if glance != self._shop.glance:
            self._shop.glance = glance
            self._tell({Part.GLANCE})

    async def _read_lists(self) -> None:
        shop = self._shop
        shop.channels = {channel.name: channel for channel in await self._client.channels()}
        shop.replies = await self._replies()
        shop.calls = {call.message_id: call async for page in self._some("/v1/call-list", Call) for call in page}
        shop.kept = await self._client.kept()
        shop.note_loaded({Part.CHANNELS, Part.REPLIES, Part.CALLS})
        self._tell({Part.CHANNELS, Part.REPLIES, Part.CALLS})

    async def _replies(self) -> dict[str, Reply]:
        """The newest, and those from before that nobody has read."""
        found = {reply.id: reply async for page in self._some("/v1/replies", Reply) for reply in page}
        if self._shop.glance.replies > sum(not reply.read for reply in found.values()):
            unread = self._some("/v1/replies", Reply, (("unread", "true"),))
            found |= {reply.id: reply async for page in unread for reply in page}
        return found

    def _some(self, path: str, kind: type[T], query: Query = ()) -> AsyncIterator[Sequence[T]]:
        return self._client.pages(path, kind, query, most=SHORT_LIST)
