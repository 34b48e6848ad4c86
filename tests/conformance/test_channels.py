"""Every channel keeps the same promises: what its provider says, or fails to say, becomes the right outcome, and nothing leaks."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from daemon.channels._http import HttpChannel
from daemon.channels.base import Channel, InboundRefused, InboundRequest, Misconfigured
from daemon.channels.registry import CHANNELS, build, channel_class
from daemon.config import ConfigError
from daemon.http import open_http
from outbox.model import Rendered
from outbox.outcome import Accepted, Deferred, Rejected, Unknown
from tests.support.busy import too_late
from tests.support.channel_case import Answer, Case, outgoing, says, sent, told
from tests.support.channel_cases import CASES
from tests.support.fake_clock import FakeClock
from tests.support.vendor import Detour, Fault, Vendor, serving

NO_HTTP = {"modem", "smtp", "apprise"}
"""Channels that speak something else: they have tests of their own."""

Make = Callable[..., Channel]


@pytest.fixture(params=CASES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def case(name: str) -> Case:
    return CASES[name]


@pytest.fixture
async def vendor(case: Case) -> AsyncIterator[Vendor]:
    async with serving(Vendor(case.steps)) as vendor:
        yield vendor


@pytest.fixture
async def make(name: str, case: Case, vendor: Vendor) -> AsyncIterator[Make]:
    """Builds the channel of the case against its vendor; `settings` add to those of the case."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(open_http(FakeClock()))
        detour = Detour(http._session, http.clock, vendor.port)

        def make(**settings: Any) -> Channel:
            channel = build(name, {**case.settings, **settings}, {**case.secrets, **case.receipt_secrets}, detour)
            stack.push_async_callback(channel.close)
            return channel

        yield make


async def send_answered(case: Case, vendor: Vendor, make: Make, answer: Answer, **out: Any) -> Any:
    vendor.steps = {case.write: answer, **vendor.steps}
    return await make().send(case.outgoing(**out))


def test_every_channel_has_a_case() -> None:
    assert set(CHANNELS) - NO_HTTP == set(CASES)


# ---------------------------------------------------------------- sending


async def test_a_good_answer_is_accepted(case: Case, vendor: Vendor, make: Make) -> None:
    outcome = await make().send(case.outgoing())
    assert outcome == Accepted(case.provider_id, detail=outcome.detail)
    vendor.last(case.write)


def test_the_case_names_every_code_of_the_table(name: str, case: Case) -> None:
    kind = channel_class(name)
    assert issubclass(kind, HttpChannel)
    assert set(case.codes) == set(kind.CODES)


async def test_each_code_means_what_the_provider_says(case: Case, vendor: Vendor, make: Make) -> None:
    channel, good = make(), dict(vendor.steps)
    for code, meaning in case.codes.items():
        vendor.steps = {case.write: case.error(code, "their words"), **good}
        outcome = await channel.send(case.outgoing())
        assert (code, told(outcome)) == (code, meaning)
        assert outcome.code == code, "the provider's own code is kept"
        assert "their words" in outcome.reason, "and so are its words"
        if isinstance(outcome, Rejected) and meaning == "rejected:channel":
            assert outcome.remedy, f"{code} pauses the channel: the owner must be told what to do"


async def test_other_answers(case: Case, vendor: Vendor, make: Make) -> None:
    channel, good = make(), dict(vendor.steps)
    for answer, meaning in case.rows:
        vendor.steps = {case.write: answer, **good}
        outcome = await channel.send(case.outgoing())
        meaning, _, after = meaning.partition("@")
        assert (answer, told(outcome)) == (answer, meaning)
        if after:
            assert outcome.after == (None if after == "never" else pytest.approx(float(after)))


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (400, "rejected:message"),
        (401, "rejected:channel"),
        (403, "rejected:channel"),
        (404, "rejected:channel"),
        (408, "deferred"),
        (413, "rejected:message"),
        (422, "rejected:message"),
        (429, "deferred:throttled"),
        (500, "5xx"),
        (502, "5xx"),
        (503, "5xx"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"{}", b"no json"])
async def test_a_bare_status(case: Case, vendor: Vendor, make: Make, status: int, meaning: str, body: bytes) -> None:
    channel = make()
    assert isinstance(channel, HttpChannel)
    vendor.steps = {case.write: Answer(status, body), **vendor.steps}
    outcome = await channel.send(case.outgoing())
    if meaning == "5xx":
        meaning = "unknown" if channel.ambiguous_5xx else "deferred"
    assert told(outcome) == case.statuses.get(status, meaning)
    assert outcome.reason
    if isinstance(outcome, Rejected) and outcome.scope == "channel":
        assert outcome.remedy


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({}, None),
        ({"Retry-After": "37"}, 37.0),
        ({"Retry-After": "2.128"}, 2.128),
        ({"Retry-After": "Tue, 24 Nov 2026 10:16:00 GMT", "Date": "Tue, 24 Nov 2026 10:15:00 GMT"}, 60.0),
        ({"Retry-After": "Tue, 24 Nov 2026 10:14:00 GMT", "Date": "Tue, 24 Nov 2026 10:15:00 GMT"}, 0.0),
        ({"Retry-After": "99999999"}, 86400.0),
        ({"Retry-After": "soon"}, None),
    ],
)
async def test_a_throttle_waits_as_told(
    case: Case, vendor: Vendor, make: Make, headers: dict[str, str], after: float | None
) -> None:
    outcome = await send_answered(case, vendor, make, Answer(429, b"", headers))
    if case.statuses.get(429, "deferred:throttled") != "deferred:throttled":
        pytest.skip("a 429 means something else here")
    assert isinstance(outcome, Deferred)
    assert outcome.throttled
    if after is None:
        assert outcome.after is None or outcome.after <= 60, "without their word it is ours, and short"
    else:
        assert outcome.after == pytest.approx(after)


GARBLED = {
    "empty": b"",
    "open": b"{",
    "null": b"null",
    "list": b"[]",
    "numbers": b"[1]",
    "text": b'"yes"',
    "number": b"17",
    "binary": b"\xff\xfe\x00",
    "deep": b"[" * 5000,
    "half": b'{"half": ',
}


@pytest.mark.parametrize("body", GARBLED.values(), ids=GARBLED)
async def test_a_garbled_yes_is_unknown(case: Case, vendor: Vendor, make: Make, body: bytes) -> None:
    outcome = await send_answered(case, vendor, make, Answer(200, body, {"Content-Type": "application/json"}))
    if case.bodyless:
        assert isinstance(outcome, Accepted)
    else:
        assert told(outcome) == "unknown"


@pytest.mark.parametrize("status", [200, 202])
async def test_a_login_page_is_never_a_yes(case: Case, vendor: Vendor, make: Make, status: int) -> None:
    page = Answer(
        status, "<!DOCTYPE html><title>Welcome to our free wifi</title>", {"Content-Type": "text/html; charset=utf-8"}
    )
    outcome = await send_answered(case, vendor, make, page)
    assert isinstance(outcome, Rejected)
    assert outcome.scope == "channel"
    assert outcome.after is not None, "it mends by itself"
    assert "page" in outcome.reason


@pytest.mark.parametrize("status", [401, 403, 404, 405, 406])
async def test_a_firewalls_page_says_nothing_of_the_credentials(
    case: Case, vendor: Vendor, make: Make, status: int
) -> None:
    page = Answer(status, "<!DOCTYPE html><title>Request blocked</title>", {"Content-Type": "text/html; charset=utf-8"})
    outcome = await send_answered(case, vendor, make, page)
    assert isinstance(outcome, Rejected)
    assert outcome.scope == "channel"
    assert outcome.after is not None, "it mends by itself"
    assert "page" in outcome.reason
    assert ".env" not in outcome.remedy


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(case: Case, vendor: Vendor, make: Make, status: int) -> None:
    outcome = await send_answered(case, vendor, make, Answer(status, b"", {"Location": "http://10.0.0.1/login"}))
    assert isinstance(outcome, Rejected)
    assert outcome.scope == "channel"
    assert "redirect" in outcome.reason
    assert all("login" not in seen.path for seen in vendor.seen)


async def test_unicode_goes_out_and_comes_back(case: Case, vendor: Vendor, make: Make) -> None:
    text = 'Ünïcøde 🎈 "balloons" & <b>more</b> 中文 ' + "\n" + "second line"
    out = case.outgoing(
        rendered=Rendered(text, "Prêt 🎈", "<p>🎈</p>"), name="Zoë 🎈", data={"name": "Zoë 🎈", "order_ref": "B-1042"}
    )
    assert isinstance(await make().send(out), Accepted)
    vendor.last(case.write).body.decode()


async def test_an_over_long_text(case: Case, vendor: Vendor, make: Make) -> None:
    out = case.outgoing(rendered=Rendered("long " * 200_000, "s" * 3000, None))
    assert told(await make().send(out)) == (case.too_long or told(Accepted(case.provider_id)))


# ---------------------------------------------------------------- the line


async def test_a_refused_connection_was_never_sent(name: str, case: Case, vendor: Vendor) -> None:
    async with open_http(FakeClock()) as http:
        channel = build(name, case.settings, case.secrets, Detour(http._session, http.clock, port=1))
        outcome = await channel.send(case.outgoing())
    assert isinstance(outcome, Deferred)
    assert outcome.unreachable
    assert not vendor.seen


@pytest.mark.parametrize("fault", ["reset", "garbage"])
async def test_a_cut_after_writing_is_unknown(case: Case, vendor: Vendor, make: Make, fault: Fault) -> None:
    vendor.faults[case.write] = fault
    outcome = await make().send(case.outgoing())
    assert isinstance(outcome, Unknown)
    assert outcome.reason


async def test_no_answer_in_time_is_unknown(case: Case, vendor: Vendor, make: Make) -> None:
    vendor.faults[case.write] = "hang"
    assert isinstance(await too_late(make().send(case.outgoing()), vendor.arrived), Unknown)


@pytest.mark.parametrize("fault", ["cut", "endless"])
async def test_an_answer_that_does_not_end(case: Case, vendor: Vendor, make: Make, fault: Fault) -> None:
    vendor.faults[case.write] = fault
    outcome = await make().send(case.outgoing())
    assert isinstance(outcome, Accepted if case.bodyless else Unknown)


async def test_cancelled_in_flight_leaves_nothing_open(case: Case, vendor: Vendor, make: Make) -> None:
    vendor.faults[case.write] = "hang"
    async with asyncio.TaskGroup() as group:
        task = group.create_task(make().send(case.outgoing()))
        await vendor.arrived.wait()
        task.cancel()
    assert task.cancelled()
    async with asyncio.timeout(5):
        while vendor.connections > 1:  # the steps before the write may keep theirs alive
            await asyncio.sleep(0)


# ---------------------------------------------------------------- secrecy


async def test_secrets_and_addresses_are_never_told(
    case: Case, vendor: Vendor, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    channel, good, out = make(), dict(vendor.steps), case.outgoing()
    secrets = [value for key, value in case.secrets.items() if any(word in key for word in ("SECRET", "TOKEN", "KEY"))]
    addresses = [value for value in {out.to, *out.addresses.values()} if value]
    said = [repr(channel), repr(channel.settings)]
    for code in [*case.codes, "9999999"]:
        vendor.steps = {case.write: case.error(code, f"refused: {' '.join([*secrets, *addresses])}"), **good}
        said.append(repr(await channel.send(out)))
    words = "refused: " + " ".join(secrets)
    for answer in [Answer(400, words), Answer(500, words), says({"error": words}, 401), case.error("9999999", words)]:
        vendor.steps = {case.write: answer, **good}
        said.append(repr(await channel.send(out)))
        vendor.steps = {r".": answer, **good}
        said.append(repr(await channel.check()))
        said.append(repr(await channel.lookup(sent(out, case.provider_id, channel=channel.name))))
    everything = "\n".join([*said, caplog.text])
    for value in [*secrets, *addresses]:
        assert value not in everything


def test_a_missing_secret_is_named_and_nothing_is_sent(name: str, case: Case) -> None:
    for key in channel_class(name).__dict__.get("secrets", ()):
        secrets = {other: value for other, value in case.secrets.items() if other != key}
        with pytest.raises(Misconfigured, match=key):
            build(name, case.settings, secrets, http=None)  # type: ignore[arg-type]


def test_an_unknown_key_is_an_error_that_names_the_nearest(name: str, case: Case) -> None:
    with pytest.raises(ConfigError, match=rf"channels\.{name}: timeot: no such key; did you mean 'timeout'"):
        build(name, {**case.settings, "timeot": "5s"}, case.secrets, http=None)  # type: ignore[arg-type]


# ---------------------------------------------------------------- the later word


async def test_lookups(case: Case, vendor: Vendor, make: Make) -> None:
    channel, good = make(), dict(vendor.steps)
    await channel.send(case.outgoing())
    before = len(vendor.seen)
    for answer, meaning in case.lookups:
        vendor.steps = {r"^(?!.*(oauth|token))": answer, **good}
        assert told(await channel.lookup(sent(case.outgoing(), channel=channel.name))) == meaning, answer
    assert bool(len(vendor.seen) > before) == bool(case.lookups)


async def test_receipts_by_asking(case: Case, vendor: Vendor, make: Make) -> None:
    channel, good = make(), dict(vendor.steps)
    assert not case.polls or channel.poll is not None
    for answer, updates in case.polls:
        vendor.steps = {r"^(?!.*(oauth|token))": answer, **good}
        asked = [sent(case.outgoing(), case.provider_id, channel=channel.name)]
        assert list(await channel.receipts(asked)) == list(updates)
        assert list(await channel.receipts(asked)) == list(updates), "asked twice it says the same"


async def test_failed_asking_is_no_news(case: Case, vendor: Vendor, make: Make) -> None:
    channel, good = make(), dict(vendor.steps)
    asked = sent(case.outgoing(), case.provider_id, channel=channel.name)
    shapes = [b"", b"[]", b"[1]", b'{"items": 5}', b'{"messages": [1, null]}', b'{"records": {}}', b"null"]
    answers = [*(Answer(200, shape) for shape in shapes), *(Answer(status, b"{}") for status in (401, 404, 429, 500))]
    for answer in answers:
        vendor.steps = {r".": answer, **good}
        assert not await channel.receipts([asked])
        assert told(await channel.lookup(asked)) in {"cannot_tell", "absent"}
        await channel.check()
    assert not await channel.receipts([])


async def test_who_can_not_be_asked_now_is_left_alone(name: str, case: Case, vendor: Vendor, make: Make) -> None:
    channel, asked = make(), [sent(case.outgoing(), case.provider_id, channel=name)]
    for status in (429, 503):
        vendor.steps = {r".": Answer(status, b"{}"), **vendor.steps}
        assert await channel.receipts(asked) == (None if channel.receipts_request(asked) else ())


async def test_receipts_by_post(case: Case, make: Make) -> None:
    channel = make()
    for hook in case.hooks:
        for _ in range(2):
            got = channel.receive(hook.request)
            assert list(got.receipts) == list(hook.receipts)
            assert list(got.replies) == list(hook.replies)
        for forged in hook.forged:
            with pytest.raises(InboundRefused):
                channel.receive(forged)


def strangers() -> list[InboundRequest]:
    bodies = [b"", b"{}", b"[]", b"null", b"a=b", b"\xff\xff", b"{" * 100]
    return [
        InboundRequest(method="POST", url="https://x/", path="/", query=(), headers={}, body=body, now=outgoing().now)
        for body in bodies
    ]


async def test_a_strangers_post_is_refused(make: Make) -> None:
    channel = make()
    for request in strangers():
        with pytest.raises(InboundRefused):
            channel.receive(request)


async def test_a_check_proves_the_credentials(case: Case, vendor: Vendor, make: Make) -> None:
    channel, good = make(), dict(vendor.steps)
    assert (await channel.check()).ok
    if vendor.seen:
        vendor.steps = {r".": Answer(401, b"{}"), **good}
        health = await make().check()
        assert not health.ok
        assert health.remedy


async def test_closing_twice_is_fine(make: Make) -> None:
    channel = make()
    await channel.close()
    await channel.close()
