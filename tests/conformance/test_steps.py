"""Channels that need several calls for one message: what fails before the call that tells has told nobody anything (rule 4), and is no word that
there is nothing (rule 13)."""

import re

import pytest

from daemon.channels.registry import build
from daemon.http import open_http
from outbox.outcome import Accepted, Unknown
from tests.support.channel_case import Answer, Case
from tests.support.channel_cases import CASES
from tests.support.fake_clock import FakeClock
from tests.support.vendor import Detour, Fault, Vendor, serving


async def first_calls(name: str, case: Case) -> list[str]:
    """The calls a channel makes before the one that tells, in turn, as patterns."""
    async with serving(Vendor(case.steps)) as vendor, open_http(FakeClock()) as http:
        channel = build(name, case.settings, case.secrets, Detour(http._session, http.clock, vendor.port))
        assert isinstance(await channel.send(case.outgoing()), Accepted)
        tells = vendor.last(case.write)
        return [f"^{seen.line}$".replace(".", r"\.") for seen in vendor.seen[: vendor.seen.index(tells)]]


@pytest.mark.parametrize("name", CASES)
async def test_what_fails_before_the_last_call_has_told_nobody_and_is_never_unknown(name: str) -> None:
    case = CASES[name]
    calls = await first_calls(name, case)
    if not calls:
        pytest.skip("one call is all it makes")
    faults: list[Fault | Answer] = [
        "hang",
        "reset",
        "garbage",
        "cut",
        Answer(500, b"{}"),
        Answer(503),
        Answer(200, b"{"),
    ]
    for call in calls:
        for fault in faults:
            async with serving(Vendor(case.steps)) as vendor, open_http(FakeClock()) as http:
                if isinstance(fault, Answer):
                    vendor.steps = {call: fault, **vendor.steps}
                else:
                    vendor.faults[call] = fault
                detour = Detour(http._session, http.clock, vendor.port)
                patience = "200ms" if fault == "hang" else "10s"
                channel = build(name, {**case.settings, "timeout": patience}, case.secrets, detour)
                outcome = await channel.send(case.outgoing())
                assert not isinstance(outcome, Unknown), (call, fault)
                told = [seen.line for seen in vendor.seen if re.search(case.write, seen.line)]
                assert not told, (call, fault)
