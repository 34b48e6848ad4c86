"""Whatever is sent to a stand-in, it answers: refusals have a body of the vendor's, and nothing raises."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.sandbox.providers.fcm import PROJECT
from tests.support.channel_cases import CASES
from tests.support.stand_in import C, Said, StandIns

JSON_REQUESTS = [(name, path, value) for name, case in CASES.items() for path, value in case.good]
AS_JSON = {"Content-Type": "application/json"}
WORDS = ["", "x", "+447700900123", "ada@example.com", "1", "text"]
OTHERS: list[Any] = [None, True, 7, 1e300, "", "x", "é🎈", [], {}, [None], ["x"], {"x": "y"}, {"data": None}, [[]]]
FORM = st.dictionaries(
    st.sampled_from(["To", "From", "Body", "to", "from", "text", "type", "event", "key", "visit", "grant_type", "assertion", "h:Message-Id", "t:variables"]),
    st.sampled_from(WORDS) | st.text(max_size=5),
)  # fmt: skip
QUERY = st.dictionaries(
    st.sampled_from(["limit", "PageSize", "id", "product", "account_id", "query", "filter", "page[size]", "per_page", "oldest", "criteria", "To"]),
    st.sampled_from([*WORDS, "SMS", "-1", "9" * 30, "٣"]) | st.text(max_size=5),
)  # fmt: skip


def routes() -> Iterator[tuple[str, str, str]]:
    for name, provider in StandIns().providers.items():
        for route in provider.routes():
            method, _, path = route.partition(" ")
            if name != "webhook" or path == "/":
                yield name, method, path


def fill(name: str, path: str) -> str:
    """The route with what is known there in the place of its parameters: as in the documented requests, else as below."""
    for good, _ in CASES[name].good if name in CASES else ():
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)), good):
            return good
    known = {
        "{account}": C["TWILIO_ACCOUNT_SID"],
        "{auth_id}": C["PLIVO_AUTH_ID"],
        "{app}": C["PUSHER_APP_ID"],
        "{project}": PROJECT,
        "{tenant}": C["OUTLOOK_TENANT_ID"],
        "{kind}": "orders",
        "{version}": "v23.0",
        "{phone_number_id}": "106540352242922",
    }
    for parameter, value in known.items():
        path = path.replace(parameter, value)
    return "/".join("1042" if part.startswith("{") else part for part in path.split("/"))


def replaced(value: Any, by: Any) -> Iterator[Any]:
    """The value with each of its parts in turn replaced, and with each member in turn left out."""
    yield by
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {name: other for name, other in value.items() if name != key}
            yield from ({**value, key: changed} for changed in replaced(inner, by))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from ([*value[:index], changed, *value[index + 1 :]] for changed in replaced(inner, by))


@pytest.mark.parametrize(("name", "path", "good"), JSON_REQUESTS)
def test_a_good_request_is_taken_and_with_any_part_replaced_it_is_answered(name: str, path: str, good: Any) -> None:
    assert StandIns().ask(name, "POST", path, value=good).status in (200, 201, 202)
    stand_ins = StandIns()
    for other in OTHERS:
        for strange in replaced(good, other):
            assert_answered(stand_ins.ask(name, "POST", path, body=json.dumps(strange).encode(), headers=AS_JSON))


@pytest.mark.parametrize(
    ("name", "path", "value", "status", "words"), [(name, *bad) for name, case in CASES.items() for bad in case.bad]
)
def test_what_the_vendor_refuses_is_refused_in_its_words(
    stand_ins: StandIns, name: str, path: str, value: Any, status: int, words: str
) -> None:
    said = stand_ins.ask(name, "POST", path, value=value)
    assert (said.status, words in said.text) == (status, True), said.text
    assert not stand_ins.mailbox.select(provider=name)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.proof])
def test_who_proves_nothing_sends_nothing(stand_ins: StandIns, name: str) -> None:
    for path, value in CASES[name].good:
        assert stand_ins.ask(name, "POST", path, value=value, signed=False).text
    assert not stand_ins.mailbox.select(provider=name)


@pytest.mark.parametrize(("name", "method", "path"), sorted(routes()))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(form=FORM, query=QUERY, raw=st.binary(max_size=20), kind=st.sampled_from(["json", "form", "raw", "none"]))
def test_any_call_is_answered(
    name: str, method: str, path: str, form: dict[str, str], query: dict[str, str], raw: bytes, kind: str
) -> None:
    what: dict[str, Any] = {"query": query} if name != "pusher" else {}
    if kind == "json":
        what |= {"body": json.dumps(form).encode(), "headers": AS_JSON}
    elif kind == "form":
        what["form"] = form
    elif kind == "raw":
        what |= {"body": raw, "headers": AS_JSON}
    assert_answered(StandIns().ask(name, method, fill(name, path), **what))


def assert_answered(said: Said) -> None:
    assert 200 <= said.status < 500
    kind = said.headers.get("Content-Type", "")
    for part in said.text.splitlines() if "ndjson" in kind else [said.text] if "json" in kind else ():
        json.loads(part)


@pytest.mark.parametrize("name", sorted(StandIns().providers))
@pytest.mark.parametrize(
    ("status", "code"), [(400, ""), (401, ""), (404, "x"), (418, "odd/code"), (500, ""), (503, "")]
)
def test_every_vendor_can_be_made_to_say_any_error(stand_ins: StandIns, name: str, status: int, code: str) -> None:
    answer = stand_ins.providers[name].problem(status, code, "words")
    assert 200 <= answer.status < 600
    assert answer.body


@pytest.mark.parametrize("name", sorted(StandIns().providers))
def test_every_vendor_says_too_many_and_when_to_come_back_in_its_own_way(stand_ins: StandIns, name: str) -> None:
    call = stand_ins.call(name, "POST", "/anything", signed=False)
    answer = stand_ins.providers[name].throttled(call, 7)
    assert answer.body
    told = b"7" in answer.body or any(text in ("7", str(stand_ins.now // 1000 + 7)) for text in answer.headers.values())
    assert told or not stand_ins.providers[name].says_when
