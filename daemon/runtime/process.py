"""`tether run` as a process: its loop, and how it ends."""

import asyncio
import random
from collections.abc import Callable

import msgspec

from daemon.config import Settings
from daemon.runtime.app import serve
from daemon.runtime.logs import configure_logs
from outbox.clock import SystemClock
from outbox.errors import StorageDamaged


def main(
    settings: Settings, *, reread: Callable[[], Settings], host: str | None = None, port: int | None = None
) -> int:
    """`tether run`. Returns the exit code; raises ConfigError, OutboxError for what the command line explains."""
    import uvloop

    given = {key: value for key, value in (("host", host), ("port", port)) if value is not None}

    def with_given(read: Settings) -> Settings:
        return msgspec.structs.replace(read, hook=msgspec.structs.replace(read.hook, **given))

    configure_logs(settings.log.level, settings.log.format, secrets=settings.secrets)
    work = serve(
        with_given(settings),
        lambda: with_given(reread()),
        clock=SystemClock(),
        rng=random.SystemRandom(),
        ready=lambda url: None,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(work)
        except BaseExceptionGroup as group:
            if (damaged := group.subgroup(StorageDamaged)) is None:
                raise
            raise StorageDamaged("the database is damaged: the next start repairs it") from damaged
    return 0
