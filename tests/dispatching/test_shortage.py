"""A machine without a descriptor or a byte of memory left is no reason to give a message up: nothing is counted, and it goes out when there is room."""

import asyncio
import errno
import os
import random
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.channels.twilio import Twilio
from daemon.config import Duration, Retry
from daemon.demo.stage import demo_settings
from daemon.http import Request, open_http
from daemon.planner.render import Renderer
from daemon.runtime.app import Service, open_service
from daemon.runtime.notify import Notifier
from daemon.sandbox import Sandbox
from daemon.shortage import CODE
from outbox.clock import SystemClock
from outbox.model import Message, State
from outbox.outcome import Deferred
from outbox.writer import Writer
from tests.support.outbox_box import posted

OUT = (State.SENT, State.DELIVERED)
FULL = OSError(errno.EMFILE, "Too many open files")


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Really none: what is free is taken, as a flood of connections takes it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 8, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):  # noqa: PT012
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for each in taken:
            os.close(each)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_request_that_no_descriptor_was_left_for_says_nothing_of_the_line(host: str) -> None:
    async with open_http(SystemClock()) as http:
        with no_descriptor_left():
            answer = await http.exchange(f"http://{host}:9", Request(method="GET", path="/"), 5)
    assert isinstance(answer, Deferred)
    assert (answer.code, answer.local, answer.unreachable) == (CODE, True, False)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Service]:
    clock, rng = SystemClock(), random.Random(7)
    async with Sandbox(clock=clock, rng=rng, pace=0.02, folder=folder) as sandbox:
        retry = Retry(base=Duration(0.02), cap=Duration(0.05), max_attempts=3)
        demo = demo_settings(sandbox, folder, 0)
        settings = msgspec.structs.replace(demo, retry=retry, channels={"twilio": demo.channels["twilio"]})
        async with open_service(settings, clock=clock, rng=rng, reread=lambda: settings) as service:
            ready = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(service.run(Notifier(clock, {}), ready=ready.set))
                await ready.wait()
                yield service
                service.stop.set()


async def told(service: Service, *states: State) -> Message:
    """The customer's message, once it is in one of these states."""
    changes = service.box.changes.subscribe()
    event = posted(at=service.clock.now(), customer={"name": "Ada", "phone": "+447700900123"})
    await service.engine.door.accept(event)
    async with asyncio.timeout(20):
        async for _ in changes:
            page = await service.box.views.messages(
                states=(), channel=None, order_ref="B-1", recipient=None, since=None, limit=10, cursor=None
            )
            for message in page.items:
                assert message.state is not State.FAILED, message.reason
                if message.audience == "customer" and message.state in states:
                    return message
    raise AssertionError("it never came to that")


def failing(times: int, error: BaseException, real: Callable[..., Any]) -> Callable[..., Any]:
    """`real`, after it has failed so often."""
    left = iter(range(times))

    def call(*args: Any, **more: Any) -> Any:
        if next(left, None) is not None:
            raise error
        return real(*args, **more)

    return call


@pytest.mark.parametrize("error", [FULL, OSError(errno.EIO, "Input/output error"), MemoryError()], ids=repr)
async def test_rendering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(Renderer, "_run", failing(5, error, Renderer._run))
    async with running(tmp_path) as service:
        message = await told(service, *OUT)
        assert (message.attempt_count, message.possible_duplicate) == (1, False)


async def test_sending_without_a_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Twilio, "send", failing(5, FULL, Twilio.send))
    async with running(tmp_path) as service:
        message = await told(service, *OUT)
        assert (message.attempt_count, message.channel, message.possible_duplicate) == (1, "twilio", False)


async def test_sending_without_memory_may_have_arrived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Twilio, "send", failing(1, MemoryError(), Twilio.send))
    async with running(tmp_path) as service:
        assert (await told(service, State.UNKNOWN)).channel == "twilio"


async def test_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as service:
        real = Writer._transact
        calls = iter(range(9))

        def transact(writer: Writer, *args: Any, **more: Any) -> Any:
            if 2 <= next(calls, 9) < 6:
                raise MemoryError
            return real(writer, *args, **more)

        monkeypatch.setattr(Writer, "_transact", transact)
        message = await told(service, *OUT)
        assert message.attempt_count == 1
