"""The modem as a channel, plugged into the simulator, with what the outbox would hold of it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.channels.base import Outgoing, ReceiptUpdate, Reply, Sent, Surroundings
from daemon.channels.modem import ModemChannel, ModemSettings
from daemon.config import decode
from daemon.modem.simulator import Plug, Sim, SimulatedModem
from outbox.errors import StorageBusy
from outbox.model import Attempt, Rendered
from outbox.outcome import Accepted, Lookup, Outcome, Unknown
from tests.support.gsm import MemoryNotes, PassingClock, plugged

ADA = "+447700900123"
BEN = "+447700900999"
TEXT = "Hi Ada, your balloons (order B-1042) are ready to collect. Balloon Loft"


@dataclass
class Record:
    """What the outbox would hold."""

    clock: PassingClock
    attempts: list[Attempt] = field(default_factory=list)
    receipts: list[ReceiptUpdate] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    busy: bool = False

    async def on_reply(self, reply: Reply) -> None:
        self._look()
        self.replies.append(reply)

    async def on_receipt(self, update: ReceiptUpdate) -> None:
        self._look()
        self.receipts.append(update)

    def _look(self) -> None:
        if self.busy:
            raise StorageBusy("another program holds the database")

    def keep(
        self,
        outcome: Outcome,
        *,
        text: str = TEXT,
        to: str = ADA,
        started_at: int | None = None,
        message: str = "m1",
        n: int = 1,
    ) -> Attempt:
        attempt = Attempt(
            seq=len(self.attempts) + 1,
            message_seq=1,
            message_id=message,
            n=n,
            channel="modem",
            address=to,
            started_at=self.clock.now() if started_at is None else started_at,
            provider_id=outcome.provider_id if isinstance(outcome, Accepted) else "",
            sent=Rendered(text=text),
        )
        self.attempts.append(attempt)
        return attempt


@dataclass
class Shop:
    clock: PassingClock
    modem: SimulatedModem
    plug: Plug
    channel: ModemChannel
    record: Record
    make: Callable[[], ModemChannel]
    group: asyncio.TaskGroup
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.stop = asyncio.Event()
        self.running = self.group.create_task(self.channel.run(self.stop, self.record))

    async def end(self, *, killed: bool = False) -> None:
        """Stop the service; `killed`: whatever it is at."""
        assert self.running
        self.stop.set()
        if killed:
            self.running.cancel()
        await asyncio.wait([self.running], timeout=10)
        self.running.cancel()

    async def again(self, *, killed: bool = False) -> None:
        """The service ends, and another one begins at the same modem with what is on the disk."""
        await self.end(killed=killed)
        self.channel = self.make()
        self.start()

    async def ready(self) -> None:
        await self.clock.until(lambda: self.channel.status().stage == "ready")

    async def send(
        self, text: str = TEXT, *, to: str = ADA, expires_in: float | None = None, message: str = "m1", attempt: int = 1
    ) -> Outcome:
        return await self.channel.send(
            self.outgoing(text, to=to, expires_in=expires_in, message=message, attempt=attempt)
        )

    def outgoing(
        self, text: str = TEXT, *, to: str = ADA, expires_in: float | None = None, message: str = "m1", attempt: int = 1
    ) -> Outgoing:
        now = self.clock.now()
        return Outgoing(
            message_id=message,
            attempt=attempt,
            to=to,
            addresses={"phone": to},
            trigger="order.ready",
            template="order.ready",
            order_ref="B-1042",
            order_source_id="B-1042",
            name="Ada",
            locale="en-GB",
            rendered=Rendered(text=text),
            data={},
            order={},
            now=now,
            happened_at=now,
            expires_at=None if expires_in is None else now + round(expires_in * 1000),
        )


async def look_up(shop: Shop, attempt: int = 1, *, message: str = "m1", to: str = ADA) -> Lookup:
    """What the channel says of that try, as the resolver asks."""
    kept = shop.record.keep(Unknown("x"), message=message, n=attempt, to=to)
    return await shop.channel.lookup(Sent(attempt=kept, order_ref="B", trigger="order.ready", now=shop.clock.now()))


@asynccontextmanager
async def open_shop(
    folder: Path,
    *,
    kind: str = "tcp",
    character: str = "plain",
    sim: Sim | None = None,
    settings: dict[str, Any] | None = None,
    secrets: dict[str, str] | None = None,
    record: Record | None = None,
    notes: MemoryNotes | None = None,
    country: str = "GB",
) -> AsyncIterator[Shop]:
    clock, rng, kept = PassingClock(), random.Random(3), notes or MemoryNotes()
    modem = SimulatedModem(clock, rng, character=character, sim=sim)
    record = record or Record(clock)
    record.clock = clock
    async with plugged(kind, modem, clock, rng, folder) as plug:

        def make() -> ModemChannel:
            return ModemChannel(
                decode({"device": plug.device, **(settings or {})}, ModemSettings, where="test"),
                secrets or {},
                Surroundings(clock=clock, rng=rng, notes=kept, country=country),
            )

        async with asyncio.TaskGroup() as group:
            passing = group.create_task(clock.pass_by())
            shop = Shop(clock, modem, plug, make(), record, make, group)
            shop.start()
            try:
                yield shop
            finally:
                await shop.end()
                passing.cancel()
