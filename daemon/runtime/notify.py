"""Telling systemd how the service is, by datagrams to $NOTIFY_SOCKET (sd_notify(3)); silent where there is none."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog

from outbox import harmless
from outbox.clock import Clock

log = structlog.get_logger(__name__)

ASK_EVERY = 30.0
MORE = 90.0
"""Seconds that systemd is asked to wait for the next word of a start."""
LONGEST_START = 4 * 3600.0


class Notifier:
    """READY, RELOADING, STOPPING, STATUS and WATCHDOG, as `Type=notify-reload` wants them."""

    def __init__(self, clock: Clock, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self._clock = clock
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        usec = environ.get("WATCHDOG_USEC", "")
        self.watchdog_seconds = int(usec) / 1e6 if usec.isdigit() and int(usec) > 0 else None
        """How often systemd wants to hear that all is well; None: it does not watch."""

    @property
    def is_heard(self) -> bool:
        """Whether systemd started this, and so most likely no person."""
        return bool(self._address)

    def ready(self, status: str = "") -> None:
        self._send("READY=1", f"STATUS={harmless.line(status)}")

    def starting(self, seconds: float) -> None:
        """It is still at it, and says so again within that time."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def reloading(self) -> None:
        self._send("RELOADING=1", f"MONOTONIC_USEC={int(self._clock.monotonic() * 1e6)}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        self._send(f"STATUS={harmless.line(text)}")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if not self.is_heard:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.connect(self._address)
                channel.sendall("\n".join(lines).encode())
        except OSError as error:  # no descriptor is left, or systemd is at something else: no reason to end
            log.error("systemd can't be told how the service is", what=lines[0], error=str(error))


@contextmanager
def given_time(notifier: Notifier, clock: Clock) -> Iterator[Callable[[], object]]:
    """While in it, and until what it gives is called, systemd's TimeoutStartSec does not end the start: to look through a damaged database, to
    save what is in it or to bring it up to date takes as long as it is large, and would be begun anew each time."""
    asking = asyncio.get_running_loop().create_task(_ask(notifier, clock), name="start")
    try:
        yield asking.cancel
    finally:
        asking.cancel()


async def _ask(notifier: Notifier, clock: Clock) -> None:
    end = clock.monotonic() + LONGEST_START
    while clock.monotonic() < end:
        notifier.starting(MORE)
        await clock.sleep(ASK_EVERY)
