"""A channel of the conformance cases against its vendor on loopback, for tests of what only that channel does."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from daemon.channels._http import HttpChannel
from daemon.channels.base import Outgoing
from daemon.channels.registry import build
from daemon.http import open_http
from tests.support.channel_case import Answer, Case
from tests.support.channel_cases import CASES
from tests.support.fake_clock import FakeClock
from tests.support.vendor import Detour, Seen, Vendor, serving


@dataclass
class Bench:
    """The channel, its vendor and the clock, together."""

    channel: HttpChannel
    vendor: Vendor
    case: Case
    clock: FakeClock

    def out(self, **changes: Any) -> Outgoing:
        return self.case.outgoing(**changes)

    def lines(self) -> list[str]:
        """What was asked of the vendor so far, without its hosts."""
        return [f"{seen.method} {seen.path}" for seen in self.vendor.seen]

    def body(self, pattern: str) -> Any:
        """The JSON of the newest request that matches."""
        return json.loads(self.vendor.last(pattern).body)

    def last(self, pattern: str) -> Seen:
        return self.vendor.last(pattern)


@asynccontextmanager
async def bench(
    name: str, steps: Mapping[str, Answer] | None = None, secrets: Mapping[str, str] | None = None, **settings: Any
) -> AsyncIterator[Bench]:
    """`steps` come before the case's own; `secrets` and `settings` are added to its own."""
    case = CASES[name]
    clock = FakeClock()
    async with serving(Vendor({**(steps or {}), **case.steps})) as vendor, open_http(clock) as http:
        known = {**case.secrets, **case.receipt_secrets, **(secrets or {})}
        channel = build(name, {**case.settings, **settings}, known, Detour(http._session, clock, vendor.port))
        assert isinstance(channel, HttpChannel)
        yield Bench(channel, vendor, case, clock)
