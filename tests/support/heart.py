"""The heart of a store in one process, and what a test may do to it: dispatcher, delivery, resolver, receipts and preparer as the service
runs them, on a real outbox and a clock that is moved by hand. Only the providers are scripted. It may be stopped, reloaded and killed."""

import asyncio
import random
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, closing
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import daemon.engine
from daemon.channels import registry
from daemon.channels.base import ReceiptUpdate
from daemon.config import Settings
from daemon.dispatch.delivery import Hold, at_once
from daemon.engine import Engine
from daemon.http import Http, open_http
from daemon.planner.render import Renderer
from daemon.runtime.clockwatch import ClockWatch
from outbox import Outbox, write_queue
from outbox.model import Acceptance, Attempt, Message, State
from outbox.outcome import ReceiptState
from tests.support import scripted
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import KEY, posted
from tests.support.planning import store
from tests.support.scripted import Providers, Request
from tests.support.stillness import Stillness

ROUTES: list[Mapping[str, Any]] = [
    {"on": "order.delayed", "to": "customer", "via": ["twilio", "sendgrid"], "delay": "2m"},
    {"on": "order.[!d]*", "to": "customer", "via": ["twilio", "modem", "sendgrid"], "expires": "12h"},
    {"on": "payment.*", "to": "customer", "via": ["sendgrid", "vonage"], "on_unknown": "ask"},
    {"on": "return.*", "to": "team", "via": ["webhook", "sendgrid"]},
    {"on": "refund.*", "to": "customer", "via": ["vonage", "modem"]},
]
CHANNELS: Mapping[str, Mapping[str, Any]] = {
    "twilio": {"concurrency": 2},
    "vonage": {"concurrency": 1},
    "sendgrid": {"concurrency": 2},
    "modem": {"concurrency": 1},
    "webhook": {"concurrency": 2},
}


def shop(**changes: Any) -> Settings:
    """A store of those channels and routes, in which no hour is quiet."""
    tables = {"channels": CHANNELS, "route": ROUTES, "quiet_hours": {"enabled": False}, "retry": {"max_attempts": 8}}
    return store(**tables | changes)


_renderers: list[tuple[Settings, Renderer]] = []


def _renderer(settings: Settings, *, monotonic: Callable[[], float]) -> Renderer:
    """One for all lives of a store: its texts are compiled once, and no text takes any time."""
    known = next((renderer for of, renderer in _renderers if of is settings), None)
    if known is None:
        known = Renderer(settings, monotonic=lambda: 0.0)
        _renderers.append((settings, known))
    return known


@cache
def shop_without(channel: str | None) -> Settings:
    """The usual store, with one channel less."""
    return shop(channels={name: table for name, table in CHANNELS.items() if name != channel})


class Heart:
    """`async with Heart(folder) as heart`. The providers and the clock are there before the process, and after it."""

    def __init__(self, folder: Path, settings: Settings | None = None, *, seed: int = 7, hold: Hold = at_once) -> None:
        self.still = Stillness()
        self.clock = FakeClock(still=self.still)
        self.providers = Providers(self.clock)
        self.settings = settings or shop_without(None)
        self.synchronised = True
        self._kills = 0
        self._running: asyncio.Task[None] | None = None
        self._folder = folder
        self._hold = hold
        self.rng = random.Random(seed)

    async def __aenter__(self) -> "Heart":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._running is not None:
            await self.kill()
        await self._opened.aclose()

    # ------------------------------------------------------------ a process's life

    async def start(self) -> None:
        """A new process on what is on the disk."""
        self._opened = AsyncExitStack()
        self._opened.enter_context(patch.object(write_queue, "FOLLOW", 60.0))  # `Stillness` closes it
        self.box = await self._opened.enter_async_context(
            Outbox.open(self._database, clock=self.clock, rng=self.rng, keys=KEY, reserve=0)
        )
        self._http: Http = await self._opened.enter_async_context(open_http(self.clock))
        self.still.writes_left = None
        self.still.watch(self.box)
        self.watch = ClockWatch(
            self.clock,
            newest_record=await self.box.newest_record(),
            require_sync=False,
            on_step=self._stepped,
            synchronised=lambda: self.synchronised,
        )
        self.engine = self._make_engine()
        self._run()
        await self.still()

    async def stop(self, *, seconds: float = 20.0, meanwhile: Callable[[], None] = lambda: None) -> None:
        """As on SIGTERM: what is under way may end, then it is cut. The process ends within that time."""
        assert self._running is not None
        self._stop.set()
        await self.still()
        meanwhile()
        await self.clock.advance(seconds)
        assert self._running.done(), "it does not end"
        self._running.result()
        self._running = None
        await self._opened.aclose()

    async def kill(self) -> None:
        """As by SIGKILL or a power cut, at this very moment: what is on the disk stays, what is under way is gone."""
        assert self._running is not None
        await self.still()
        left = self._database
        self._kills += 1
        with closing(sqlite3.connect(left)) as old, closing(sqlite3.connect(self._database)) as new:
            old.backup(new)
        self.still.writes_left = 0
        self._running.cancel()
        while not self._running.done():
            await self.clock.advance(1)
        self._running = None
        await self._opened.aclose()

    async def reload(self, settings: Settings) -> None:
        """Another configuration in force, as the service exchanges its engines."""
        assert self._running is not None
        self.settings = settings
        fresh = self._make_engine()
        self._stop.set()
        await self.clock.advance(20)
        assert self._running.done(), "the old engine does not end"
        self._running.result()
        fresh.continues(self.engine)
        self.engine = fresh
        self._run()
        await self.still()

    def _make_engine(self) -> Engine:
        build = lambda name, table, *_: scripted.build(self.providers, name, table)  # noqa: E731
        with patch.object(registry, "build", build), patch.object(daemon.engine, "Renderer", _renderer):
            engine = Engine(
                self.settings,
                self.box,
                self._http,
                self.clock,
                self.rng,
                clock_trusted=self.watch.trusted,
                clock_sure=self.watch.sure,
                hold=self._hold,
            )
        engine.uplink._connect = self.providers.connect
        return engine

    def _run(self) -> None:
        self._stop = asyncio.Event()
        self._running = asyncio.create_task(self.engine.run(self._stop))

    @property
    def _database(self) -> Path:
        return self._folder / f"tether{self._kills}.db"

    async def _stepped(self, seconds: float) -> None:
        await self.box.spool.shift(round(seconds * 1000))
        await self.engine.clock_stepped()

    # ------------------------------------------------------------ what happens to it

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    async def step_clock(self, seconds: float) -> None:
        """The wall clock jumps, and the watch sees it."""
        self.clock.step(seconds)
        await self.watch.look()
        await self.still()

    async def cut_the_line(self) -> None:
        """And the store knows it: a message revealed it, and waits."""
        self.providers.line_is_cut = True
        await self.tell("reveals", "payment.failed", "B-0")
        assert self.engine.uplink.is_down

    async def tell(self, id: str, type: str = "order.ready", ref: str = "B-1", **fields: Any) -> Acceptance:
        """An event, taken; all that follows from it at once has happened."""
        taken = await self.accept(id, type, ref, **fields)
        await self.still()
        return taken

    async def accept(self, id: str, type: str, ref: str, **fields: Any) -> Acceptance:
        """An event, taken; nothing has followed from it yet."""
        fields.setdefault("customer", {"name": "Ada", "phone": "+447700900123", "email": "ada@example.com"})
        event = posted(id, type, ref, at=self.clock.now(), **fields)
        return await self.engine.door.accept(event)

    async def receipt(self, request: Request, state: ReceiptState, **more: Any) -> None:
        """The provider's later word on what it was sent; to a channel that there is no more nobody listens."""
        lane = self.engine.lanes.get(request.channel)
        if lane is None or lane.channel is None:
            return
        if state is ReceiptState.UNDELIVERED:
            request.undelivered = True
        update = ReceiptUpdate(state=state, provider_id=request.provider_id, reference=request.out.reference, **more)
        await self.engine.receipts.apply(lane.channel, update)
        await self.still()

    async def answer(self, outcome: Any, *, arrives: bool = False, nth: int = 0) -> None:
        """The provider answers one of the requests that wait for it."""
        self.providers.under_way[nth].answer(outcome, arrives=arrives)
        await self.still()

    # ------------------------------------------------------------ what people see

    async def message(self, ref: str = "B-1", nth: int = 0) -> Message:
        """Of that order the message that was planned first (second ...)."""
        return (await self.messages(ref))[nth]

    async def messages(self, ref: str) -> list[Message]:
        return list((await self.box.views.messages(order_ref=ref, limit=500)).items)[::-1]

    async def attempts(self, message: Message) -> list[Attempt]:
        return list(await self.box.views.attempts([message.id]))

    async def states(self, ref: str = "B-1") -> list[State]:
        return [message.state for message in await self.messages(ref)]
