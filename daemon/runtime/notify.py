"""Telling systemd how the service is, by datagrams to $NOTIFY_SOCKET (sd_notify(3)); silent where there is none."""

import os
import socket
from collections.abc import Mapping

from outbox import harmless
from outbox.clock import Clock


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

    def ready(self, status: str = "") -> None:
        self._send("READY=1", f"STATUS={harmless.line(status)}")

    def reloading(self) -> None:
        self._send("RELOADING=1", f"MONOTONIC_USEC={int(self._clock.monotonic() * 1e6)}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        self._send(f"STATUS={harmless.line(text)}")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.connect(self._address)
            channel.sendall("\n".join(lines).encode())
