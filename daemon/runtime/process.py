"""`tether run` as a process: its loop, and how it ends."""

import asyncio
import contextlib
import ctypes
import gc
import random
from collections.abc import Callable

import msgspec

from daemon.config import Settings
from daemon.runtime.app import serve
from daemon.runtime.logs import configure_logs
from outbox.clock import SystemClock
from outbox.errors import StorageDamaged

YOUNG = 5_000
"""Objects that may come before a round of garbage collection looks at the youngest: at 700, as Python has it, the rounds took 60 µs of
each event, at this 27; at 20,000 almost nothing, but one of them as long as a till's whole request."""


M_ARENA_MAX = -8
"""malloc.h of glibc."""


def main(
    settings: Settings, *, reread: Callable[[], Settings], host: str | None = None, port: int | None = None
) -> int:
    """`tether run`. Returns the exit code; raises ConfigError, OutboxError for what the command line explains."""
    import uvloop

    _share_one_heap()
    given = {key: value for key, value in (("host", host), ("port", port)) if value is not None}

    def with_given(read: Settings) -> Settings:
        return msgspec.structs.replace(read, hook=msgspec.structs.replace(read.hook, **given))

    configure_logs(settings.log.level, settings.log.format, secrets=settings.secrets)
    work = serve(
        with_given(settings),
        lambda: with_given(reread()),
        clock=SystemClock(),
        rng=random.SystemRandom(),
        ready=lambda url: _spare_what_stays(),
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(work)
        except BaseExceptionGroup as group:
            if (damaged := group.subgroup(StorageDamaged)) is None:
                raise
            raise StorageDamaged("the database is damaged: the next start repairs it") from damaged
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None  # somebody asked twice
    return 0


def _share_one_heap() -> None:
    """glibc gives each thread a heap of its own, and what is free in one is of no use to the others: 1 MiB of an idle service, 2 to 3 under
    load. Ours hold the interpreter's lock most of the time, so that they hardly ever meet at it. Other C libraries have no such setting."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def _spare_what_stays() -> None:
    """What the start made stays until the end. A full round of garbage collection through it takes 40 ms on a PC, many times that on a
    Pi, in the middle of somebody's request; without it there is hardly anything to go through."""
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
