"""The store's line to the internet, judged by evidence.

It is down when every cloud channel that was tried lately failed to connect and a probe agrees; it stays down until a probe
connects, or a channel reaches its provider all the same. A probe is a TCP connection to the enabled channels' own hosts (or to those that `[uplink] probe` names). An operator
may force either state. What a channel reaches in the shop's own network says nothing of it; that it can't reach it there is a reason to ask,
since such an address may be at the other end of a tunnel.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from enum import StrEnum
from typing import Any

from daemon.config import ConfigError
from daemon.supervise import first_of
from outbox.clock import Clock

Host = tuple[str, int]
Connect = Callable[[str, int, float], Coroutine[Any, Any, bool]]

LATELY = 1.0
"""Seconds for which another channel's success, or a probe that connected, speaks against an outage without asking again."""
PROBE_TIMEOUT = 3.0
PROBE = "(probe)"
_LAN_NAMES = (".local", ".localhost", ".localdomain", ".lan", ".home", ".home.arpa", ".internal")


class LineState(StrEnum):
    UP = "up"
    DOWN = "down"


def probe_hosts(entries: Sequence[str]) -> list[Host]:
    """The places that `[uplink] probe` names. Raises ConfigError for what is none."""
    hosts = []
    for entry in entries:
        host, _, port = entry.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ConfigError(f'uplink.probe: {entry!r} is no host and port; write it like "1.1.1.1:443"')
        hosts.append((host.strip("[]"), int(port)))
    return hosts


def near_channels(hosts: Mapping[str, Sequence[Host]], relayed: Collection[str] = ()) -> frozenset[str]:
    """Those of the channels that connect to nothing but this machine and its LAN; none where all do: then that is the line. `relayed`:
    those whose `base_url` stands for their vendor's API: wherever it is, the vendor is beyond the line."""
    near = frozenset(
        name
        for name, places in hosts.items()
        if name not in relayed and places and all(_is_near(host) for host, _ in places)
    )
    return near if any(places and name not in near for name, places in hosts.items()) else frozenset()


def _is_near(host: str) -> bool:
    """Whether a name or address can only be of this machine or its LAN."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.lower().endswith(_LAN_NAMES)
    return address.is_private or address.is_loopback or address.is_link_local


class Uplink:
    """Up until evidence says otherwise. `on_change(state, why)` is told of every change, before anything is sent again."""

    def __init__(
        self,
        clock: Clock,
        hosts: Sequence[Host],
        *,
        every: float,
        on_change: Callable[[LineState, str], Awaitable[None]],
        probe: Connect,
        near: Collection[str] = (),
    ) -> None:
        """`near`: channels that are reached with and without the line."""
        self._clock = clock
        self._near = near
        self._hosts = tuple(dict.fromkeys(hosts))
        self._every = every
        self._on_change = on_change
        self._connect = probe
        self._seen: dict[str, tuple[float, bool]] = {}
        self._judging = asyncio.Lock()
        self._suspect = asyncio.Event()
        self._reached = False
        """Whether a provider was reached since the line was judged to be down."""
        self.state = LineState.UP
        self.since = clock.now()
        self.down_since: float | None = None
        """Monotonic."""
        self.forced: LineState | None = None
        self.forced_at: int | None = None
        """When the operator said so, while that holds."""

    def continues(self, before: "Uplink") -> None:
        """It is the same line as that one judged, and an outage began when it did; what an operator said meanwhile stands."""
        if self.forced is None or self.state is before.state:
            self.state, self.since, self.down_since = before.state, before.since, before.down_since

    def was_down(self, since: int) -> None:
        """So the process before left it, since that moment (ms): it is down until a probe connects."""
        if not self.is_down:
            now = self._clock.now()
            self.state, self.since = LineState.DOWN, min(since, now)
            self.down_since = self._clock.monotonic() - (now - self.since) / 1000

    @property
    def is_down(self) -> bool:
        return self.state is LineState.DOWN

    def stops(self, channel: str) -> bool:
        """Whether it is down for that channel."""
        return self.is_down and channel not in self._near

    def down_for(self) -> float:
        """Seconds the line has been down; 0 while it is up."""
        return 0.0 if self.down_since is None else self._clock.monotonic() - self.down_since

    def connected(self, channel: str) -> None:
        """That channel's provider was reached (whatever it then said)."""
        if channel in self._near:
            return
        self._seen[channel] = (self._clock.monotonic(), True)
        self._reached = True

    async def failed_to_connect(self, channel: str) -> bool:
        """That channel's provider could not be reached. Judges the line; True when it is down for that channel."""
        if channel not in self._near:
            self._seen[channel] = (self._clock.monotonic(), False)
        async with self._judging:
            if self.is_down or self.forced:
                return self.stops(channel)
            horizon = self._clock.monotonic() - LATELY
            if any(reached for at, reached in self._seen.values() if at >= horizon):
                return False
            if await self._probe():
                self._seen[PROBE] = (self._clock.monotonic(), True)
                return False
            await self._change(LineState.DOWN, "no provider can be reached")
            return self.stops(channel)

    async def force(self, state: LineState | None, *, at: int) -> None:
        """An operator's word, said `at` that moment: down or up until taken back (None: evidence decides again)."""
        self.forced, self.forced_at = state, None if state is None else at
        if state is not None and state is not self.state:
            await self._change(state, "an operator said so")
        elif state is None and self.is_down:
            self._suspect.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Probe while the line is down; wait without cost while it is up."""
        while not stop.is_set():
            if not self.is_down or self.forced:
                await first_of(stop, self._suspect)
                self._suspect.clear()
                continue
            if (self._reached or await self._probe()) and not self.forced and self.is_down:
                self._seen.clear()
                await self._change(LineState.UP, "a provider answers again")
                continue
            await self._clock.wait(stop, self._every)

    async def _probe(self) -> bool:
        if not self._hosts:
            return True
        async with asyncio.TaskGroup() as group:
            tries = [group.create_task(self._connect(host, port, PROBE_TIMEOUT)) for host, port in self._hosts]
        return any(task.result() for task in tries)

    async def _change(self, state: LineState, why: str) -> None:
        self.state = state
        self._reached = False
        self.since = self._clock.now()
        self.down_since = self._clock.monotonic() if state is LineState.DOWN else None
        await self._on_change(state, why)
        self._suspect.set()
