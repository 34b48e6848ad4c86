"""Every request that a channel makes is one that the vendor's own description allows."""

import json
import re
from contextlib import AsyncExitStack
from typing import Any

import pytest

from daemon.channels.registry import build
from daemon.http import open_http
from outbox.model import Rendered
from tests.support.channel_case import Case, Variant, sent
from tests.support.channel_cases import CASES
from tests.support.fake_clock import FakeClock
from tests.support.openapi_oracle import violations
from tests.support.shared import shared
from tests.support.vendor import Detour, Seen, Vendor, serving

TEXTS = [
    Rendered("Order B-1042 is ready.", "Order B-1042", "<p>Order B-1042 is ready.</p>"),
    Rendered('Ünïcøde 🎈 & <b>"quotes"</b>\nsecond line; a=b&c=d %41 +', "Prêt 🎈"),
]


async def requests(name: str, case: Case) -> list[Seen]:
    """Everything the channel says to its vendor in the life of a few messages."""
    async with serving(Vendor(case.steps)) as vendor, AsyncExitStack() as stack:
        http = await stack.enter_async_context(open_http(FakeClock()))
        detour = Detour(http._session, http.clock, vendor.port)
        for variant in [Variant(), *case.variants]:
            table: dict[str, Any] = {**case.settings, **variant.settings}
            channel = build(name, table, {**case.secrets, **case.receipt_secrets}, detour)
            stack.push_async_callback(channel.close)
            for text in TEXTS:
                out = case.outgoing(**{"rendered": text, **variant.out})
                await channel.send(out)
                asked = sent(out, case.provider_id, channel=name)
                await channel.lookup(asked)
                await channel.receipts([asked])
            await channel.check()
        return vendor.seen


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.spec.endswith(".json")])
async def test_requests_match_the_vendors_description(name: str) -> None:
    case = CASES[name]
    description = shared(f"specs/{case.spec}")
    if "paths" not in json.loads(description.read_text()):
        pytest.skip(f"{case.spec} is no OpenAPI document: this channel has a test of its own")
    judged = 0
    for seen in await requests(name, case):
        if any(re.search(pattern, seen.line) for pattern in case.beyond_spec):
            continue
        judged += 1
        found = [
            each for each in violations(description, seen) if not any(re.search(slip, each) for slip in case.excused)
        ]
        assert not found, (seen.line, seen.query, seen.body)
    assert judged >= 2
