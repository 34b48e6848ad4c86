"""Whether a place can be reached at all: how the line is asked."""

import asyncio
import socket
from typing import Any

from aiohappyeyeballs import start_connection

NEXT_ADDRESS_AFTER = 0.25
"""Seconds before the next of a name's addresses is tried beside the one before."""


class Probe:
    """Makes TCP connections, to let go of them at once.

    While name servers say nothing, a lookup stays with the system for half a minute and can't be called off. So a name has one at a time, which
    whoever asks meanwhile waits for: else they would fill the few threads that do lookups, those for customers' messages among them, and
    hours of them would have to end first once the line is back."""

    def __init__(self) -> None:
        self._lookups: dict[tuple[str, int], asyncio.Task[Any]] = {}

    async def __call__(self, host: str, port: int, timeout: float) -> bool:
        """Whether a connection to that place can be made within that many seconds, at whichever of its addresses answers first (RFC 8305), as
        with requests: IPv6 that is announced and that nobody carries is no outage."""
        try:
            async with asyncio.timeout(timeout):
                found = await asyncio.shield(self._lookup(host, port))
                reached = await start_connection(found, happy_eyeballs_delay=NEXT_ADDRESS_AFTER)
        except (
            OSError,
            RuntimeError,
            TimeoutError,
            UnicodeError,
        ):  # uvloop refuses some sockets in its own words; what is no name
            return False
        reached.close()
        return True

    def close(self) -> None:
        """Nobody waits for what is still looked up."""
        for lookup in self._lookups.values():
            lookup.cancel()

    def _lookup(self, host: str, port: int) -> "asyncio.Task[Any]":
        place = (host, port)
        if place not in self._lookups:
            loop = asyncio.get_running_loop()
            lookup = loop.create_task(loop.getaddrinfo(host, port, type=socket.SOCK_STREAM), name=f"lookup of {host}")
            self._lookups[place] = lookup
            lookup.add_done_callback(lambda done: self._ended(place, done))
        return self._lookups[place]

    def _ended(self, place: tuple[str, int], lookup: "asyncio.Task[Any]") -> None:
        del self._lookups[place]
        if not lookup.cancelled():
            lookup.exception()  # told to those who waited, if anybody still does
