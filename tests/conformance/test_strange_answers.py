"""What a channel makes of strange answers and posts is well formed: an outcome, a receipt or a reply, or a refusal."""

import hmac
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from daemon.channels._http import HttpChannel
from daemon.channels.base import Health, Inbound, InboundRefused, ReceiptUpdate
from daemon.channels.registry import build
from daemon.http import Response
from outbox.outcome import Absent, Accepted, CannotTell, Deferred, Found, Rejected, Unknown
from tests.conformance.test_channels import CASES
from tests.support.channel_case import Answer, Case, sent
from tests.support.fake_clock import FakeClock
from tests.support.mutants import mutants


@pytest.fixture(params=CASES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def channel(name: str) -> HttpChannel:
    case = CASES[name]
    built = build(
        name, case.settings, {**case.secrets, **case.receipt_secrets}, http=SimpleNamespace(clock=FakeClock())
    )  # type: ignore[arg-type]
    assert isinstance(built, HttpChannel)
    return built


def answers(case: Case) -> Iterator[Answer]:
    """Every answer that the case knows of."""
    yield from case.steps.values()
    yield from (answer for answer, _ in (*case.rows, *case.lookups, *case.polls))
    yield from (case.error(code, "words") for code in case.codes)


def strange_responses(case: Case) -> Iterator[Response]:
    seen = set()
    for answer in answers(case):
        try:
            value = json.loads(answer.bytes)
        except ValueError:
            continue
        headers = {name.lower(): text for name, text in answer.headers.items()}
        for other in mutants(value):
            body = json.dumps(other).encode()
            if (answer.status, body) not in seen:
                seen.add((answer.status, body))
                yield Response(status=answer.status, headers=headers, body=body)


def test_every_answer_to_a_message_is_an_outcome(name: str, channel: HttpChannel) -> None:
    case = CASES[name]
    out = case.outgoing()
    for response in strange_responses(case):
        outcome = channel.read(response, out)
        assert isinstance(outcome, Accepted | Deferred | Rejected | Unknown)
        assert all(isinstance(part, str) for part in _texts(outcome)), (outcome, response.body)
        assert not isinstance(outcome, Accepted) or response.status < 500


def test_every_later_answer_is_read_or_passed_over(name: str, channel: HttpChannel) -> None:
    case = CASES[name]
    asked = sent(case.outgoing(), case.provider_id, channel=name)
    for response in strange_responses(case):
        assert isinstance(channel.read_lookup(response, asked), Found | Absent | CannotTell)
        for update in channel.read_receipts(response, [asked]):
            assert all(isinstance(part, str) for part in _texts(update))
        assert isinstance(channel.read_check(response), Health)


def test_every_signed_post_is_read_or_refused(name: str, channel: HttpChannel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that signs nonsense is its own affair: nothing but a refusal may come of it."""
    monkeypatch.setattr(hmac, "compare_digest", lambda *_: True)
    for hook in CASES[name].hooks:
        try:
            value = json.loads(hook.request.body)
        except ValueError:
            continue
        for other in mutants(value):
            request = msgspec.structs.replace(hook.request, body=json.dumps(other).encode())
            try:
                inbound = channel.receive(request)
            except InboundRefused:
                continue
            assert isinstance(inbound, Inbound)
            for update in inbound.receipts:
                assert isinstance(update, ReceiptUpdate)
                assert update.provider_id or update.reference
                assert all(isinstance(part, str) for part in _texts(update))
            for reply in inbound.replies:
                assert reply.address
                assert all(isinstance(part, str) for part in _texts(reply))


def _texts(value: Any) -> list[Any]:
    """The fields that are declared as text."""
    return [getattr(value, field.name) for field in msgspec.structs.fields(value) if field.type is str]
