"""OAuth tokens: fetched once for all, renewed in time, dropped when refused; a failure to get one is never unknown."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from daemon.channels.registry import build
from daemon.http import open_http
from outbox.outcome import Accepted, Deferred, Rejected
from tests.conformance.cases.outlook import CASE
from tests.support.channel_case import Answer, says, told
from tests.support.fake_clock import FakeClock
from tests.support.vendor import Detour, Vendor, serving

TOKEN = r"/oauth2/v2\.0/token$"
SEND = r"/sendMail$"


class Office:
    """A channel that needs a token, its vendor, and its clock."""

    def __init__(self, vendor: Vendor, clock: FakeClock, channel: Any) -> None:
        self.vendor, self.clock, self.channel = vendor, clock, channel

    @property
    def fetched(self) -> int:
        return sum(seen.path.endswith("/token") for seen in self.vendor.seen)

    @property
    def sent(self) -> list[str]:
        return [seen.headers["authorization"] for seen in self.vendor.seen if seen.path.endswith("/sendMail")]

    def grant(self, token: str, **more: Any) -> None:
        self.vendor.steps = {TOKEN: says({"access_token": token, "expires_in": 3600, **more}), SEND: Answer(202)}

    async def send(self) -> Any:
        return await self.channel.send(CASE.outgoing())


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    clock = FakeClock()
    async with serving(Vendor({})) as vendor, open_http(clock) as http:
        channel = build("outlook", CASE.settings, CASE.secrets, Detour(http._session, clock, vendor.port))
        office = Office(vendor, clock, channel)
        office.grant("token-1")
        yield office


async def test_a_token_serves_many_sends(office: Office) -> None:
    for _ in range(3):
        assert isinstance(await office.send(), Accepted)
    assert office.fetched == 1
    assert office.sent == ["Bearer token-1"] * 3
    form = parse_qs(office.vendor.seen[0].body.decode())
    assert form["grant_type"] == ["client_credentials"]
    assert form["client_secret"] == [CASE.secrets["OUTLOOK_CLIENT_SECRET"]]


async def test_all_who_wait_share_one_fetch(office: Office) -> None:
    outcomes = await asyncio.gather(*(office.send() for _ in range(8)))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert office.fetched == 1


@pytest.mark.parametrize(("life", "renewed_after"), [(3600, 3300), (60, 45)])
async def test_it_is_renewed_before_it_lapses(office: Office, life: int, renewed_after: int) -> None:
    office.grant("token-1", expires_in=life)
    await office.send()
    await office.clock.advance(renewed_after - 1)
    await office.send()
    assert office.fetched == 1
    await office.clock.advance(2)
    office.grant("token-2")
    await office.send()
    assert office.sent[-1] == "Bearer token-2"


async def test_a_stepped_wall_clock_changes_nothing(office: Office) -> None:
    await office.send()
    office.clock.step(10 * 86400)
    office.clock.step(-20 * 86400)
    await office.send()
    assert office.fetched == 1


async def test_a_refused_token_is_replaced_once(office: Office) -> None:
    await office.send()
    refused = says({"error": {"code": "InvalidAuthenticationToken", "message": "expired"}}, 401)
    office.vendor.steps = {TOKEN: says({"access_token": "token-2"}), SEND: refused}
    outcome = await office.send()
    assert told(outcome) == "rejected:channel"
    assert office.sent == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


async def test_a_new_token_after_a_refusal_sends(office: Office) -> None:
    await office.send()

    class Once(dict[str, Answer]):
        """Refuses the first send only."""

        def items(self) -> Any:
            used = any(header.endswith("token-2") for header in office.sent)
            first = {TOKEN: says({"access_token": "token-2"}), SEND: Answer(202) if used else Answer(401, b"{}")}
            return first.items()

    office.vendor.steps = Once()
    assert isinstance(await office.send(), Accepted)
    assert office.fetched == 2


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (
            says({"error": "invalid_client", "error_description": "AADSTS7000215: wrong secret"}, 401),
            "rejected:channel",
        ),
        (says({"error": "unauthorized_client", "error_description": "no such app"}, 400), "rejected:channel"),
        (says({"error": "invalid_grant"}, 400), "rejected:channel"),
        (Answer(400, b""), "rejected:channel"),
        (Answer(403, b""), "rejected:channel"),
        (says({"error": "a_code_of_tomorrow"}), "rejected:channel"),
        (says({"error": "a_code_of_tomorrow"}, 422), "rejected:channel"),
        (Answer(410, b""), "rejected:channel"),
        (says({"error": "temporarily_unavailable"}, 503), "deferred"),
        (Answer(429, b"", {"Retry-After": "5"}), "deferred:throttled"),
        (Answer(500, b""), "deferred"),
        (Answer(200, b"{}"), "deferred"),
        (Answer(200, b"not json"), "deferred"),
        (Answer(200, "<html>log in", {"Content-Type": "text/html"}), "rejected:channel"),
        (Answer(302, b"", {"Location": "/login"}), "rejected:channel"),
    ],
)
async def test_no_token_no_send(office: Office, answer: Answer, meaning: str) -> None:
    office.vendor.steps = {TOKEN: answer, SEND: Answer(202)}
    outcome = await office.send()
    assert told(outcome) == meaning
    assert CASE.secrets["OUTLOOK_CLIENT_SECRET"] not in repr(outcome)
    assert not office.sent
    health = await office.channel.check()
    assert not health.ok
    if isinstance(outcome, Rejected):
        assert outcome.remedy


async def test_a_cut_while_fetching_is_deferred(office: Office) -> None:
    office.vendor.faults[TOKEN] = "reset"
    outcome = await office.send()
    assert isinstance(outcome, Deferred)
    assert not outcome.unreachable
    assert not office.sent


async def test_those_who_waited_share_a_failure_rather_than_ask_in_turn(office: Office) -> None:
    office.vendor.steps = {TOKEN: Answer(500, b""), SEND: Answer(202)}
    outcomes = await asyncio.gather(*(office.send() for _ in range(8)))
    assert {told(outcome) for outcome in outcomes} == {"deferred"}
    assert office.fetched == 1
    office.grant("token-1")
    assert isinstance(await office.send(), Accepted), "the failure is not remembered for those who come later"


async def test_a_token_is_never_told(office: Office) -> None:
    office.grant("token-secret-1")
    echo = says({"error": {"code": "x", "message": "bad header Bearer token-secret-1"}}, 400)
    office.vendor.steps = {TOKEN: says({"access_token": "token-secret-1"}), SEND: echo}
    assert "token-secret-1" not in repr(await office.send())
