"""The judge of requests finds what is wrong: each of these differs from a good request in one thing."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.openapi_oracle import FORM, violations
from tests.support.shared import shared
from tests.support.vendor import Seen

PATH = "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json"
GOOD = Seen(
    method="POST",
    origin="https://api.twilio.com",
    path=PATH,
    query="",
    headers={"content-type": FORM, "authorization": "Basic eDp5"},
    body=b"To=%2B447700900123&From=%2B15005550006&Body=Ready",
)


@pytest.fixture
def description() -> Path:
    return shared("specs/twilio.json")


def test_a_good_request_passes(description: Path) -> None:
    assert violations(description, GOOD) == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"origin": "https://api.example.com"}, "ServerNotFound"),
        ({"path": PATH.replace(".json", "")}, "PathNotFound"),
        ({"method": "PUT"}, "OperationNotFound"),
        ({"headers": {"content-type": FORM}}, "Security"),
        ({"body": b"From=%2B15005550006&Body=Ready"}, "'To' is a required property"),
        ({"body": b"To=447700900123&From=%2B15005550006&Body=Ready"}, "does not match"),
        ({"body": GOOD.body + b"&Nope=1"}, "the form does not know 'Nope'"),
        ({"body": GOOD.body + b"&To=%2B447700900124"}, "'To' more than once"),
        ({"query": "nope=1"}, "the query does not know 'nope'"),
        ({"method": "GET"}, "takes no body"),
    ],
)
def test_what_is_wrong_is_found(description: Path, changes: dict[str, object], complaint: str) -> None:
    found = violations(description, replace(GOOD, **changes))  # type: ignore[arg-type]
    assert any(complaint in each for each in found), found


def test_one_of_several_ways_to_say_who_we_are_is_needed() -> None:
    vonage = shared("specs/vonage.json")
    form = b"to=447700900123&from=Balloons&text=Ready&api_key=abcd1234"
    seen = Seen("POST", "https://rest.nexmo.com", "/sms/json", "", {"content-type": FORM}, form)
    assert any("needs one of" in each for each in violations(vonage, seen))
    assert violations(vonage, replace(seen, body=form + b"&api_secret=0123456789abcdef")) == []
