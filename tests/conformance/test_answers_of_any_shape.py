"""Whatever shape an answer or a signed post has, a channel reads it without an exception: those are bugs, and would park a message."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from daemon.channels._http import HttpChannel
from daemon.channels.registry import build
from daemon.http import Answer as Reading
from daemon.http import Http, Request, Response
from outbox.outcome import Accepted, Deferred, Rejected, Unknown
from tests.support.channel_case import Answer, Case, sent
from tests.support.channel_cases import CASES
from tests.support.fake_clock import FakeClock
from tests.support.mutants import mutants


class Table(Http):
    """Answers from the case's steps, without a socket."""

    def __init__(self, steps: Mapping[str, Answer]) -> None:
        self.steps = dict(steps)
        self.clock = FakeClock()

    async def exchange(self, base: str, request: Request, seconds: float) -> Reading:
        line = f"{request.method} {base.rstrip('/')}{request.path}"
        answer = next((answer for pattern, answer in self.steps.items() if re.search(pattern, line)), Answer(404))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(status=answer.status, headers=headers, body=answer.bytes)


def parsed(answer: Answer) -> Any:
    try:
        return json.loads(answer.bytes)
    except ValueError:
        return None


async def life(channel: HttpChannel, case: Case) -> None:
    """Everything that reads an answer."""
    assert isinstance(await channel.send(case.outgoing()), Accepted | Deferred | Rejected | Unknown)
    asked = sent(case.outgoing(), case.provider_id or "x", channel=channel.name)
    await channel.lookup(asked)
    await channel.receipts([asked])
    await channel.check()
    await channel.fix()


@pytest.mark.parametrize("name", CASES)
async def test_answers_of_any_shape(name: str) -> None:
    case = CASES[name]
    http = Table(case.steps)
    tables: list[Mapping[str, Any]] = [{}, *(variant.settings for variant in case.variants)]
    for settings in tables:
        channel = build(name, {**case.settings, **settings}, {**case.secrets, **case.receipt_secrets}, http)
        assert isinstance(channel, HttpChannel)
        for pattern, answer in case.steps.items():
            for mutant in mutants(parsed(answer)):
                http.steps = {pattern: Answer(answer.status, json.dumps(mutant), answer.headers), **case.steps}
                try:
                    await life(channel, case)
                except Exception as error:
                    error.add_note(f"{pattern} answered {mutant!r} with {settings!r}")
                    raise


@pytest.mark.parametrize("name", CASES)
async def test_refusals_of_any_shape(name: str) -> None:
    case = CASES[name]
    http = Table(case.steps)
    channel = build(name, case.settings, {**case.secrets, **case.receipt_secrets}, http)
    assert isinstance(channel, HttpChannel)
    for code in list(case.codes)[:3]:
        for status in (200, 400, 429, 500):
            for mutant in mutants(parsed(case.error(code, "words"))):
                http.steps = {case.write: Answer(status, json.dumps(mutant)), **case.steps}
                try:
                    await channel.send(case.outgoing())
                except Exception as error:
                    error.add_note(f"{status} {mutant!r}")
                    raise
