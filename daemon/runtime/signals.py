"""What the service does on signals: SIGTERM and SIGINT end it, a second one at once; SIGHUP has it read its configuration anew."""

import asyncio
import signal
from collections.abc import Callable
from typing import Protocol

import structlog

from daemon.config import ConfigError
from daemon.runtime.notify import Notifier

log = structlog.get_logger(__name__)


class Reloadable(Protocol):
    @property
    def stop(self) -> asyncio.Event: ...

    async def reload(self, *, actor: str) -> None: ...


def heed_signals(service: Reloadable, notifier: Notifier, group: asyncio.TaskGroup) -> None:
    """For the task that runs the service."""
    loop, running = asyncio.get_running_loop(), asyncio.current_task()
    assert running is not None

    def on_end(act: Callable[[], object]) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, act)

    def end() -> None:
        service.stop.set()
        on_end(running.cancel)

    on_end(end)
    loop.add_signal_handler(signal.SIGHUP, lambda: group.create_task(_reload(service, notifier), name="reload"))


async def _reload(service: Reloadable, notifier: Notifier) -> None:
    notifier.reloading()
    try:
        await service.reload(actor="SIGHUP")
    except ConfigError as error:
        log.error("the new configuration is refused; the old one stays in force", reason=str(error))
        notifier.ready(f"running on the old configuration: {error}")
    except Exception:  # no reason to end what works
        log.exception("the configuration could not be read anew")
        notifier.ready("running on the old configuration: the log says why the new one could not be read")
    else:
        notifier.ready("running on the new configuration")
