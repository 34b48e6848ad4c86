"""Messages that a person sends."""

import re
from typing import Any

import pytest

from daemon.planner.manual import ManualWish, manual_planner
from outbox.model import Customer, PlannedMessage, Priority, State
from tests.support.planning import HOUR, NOW, REACH, order, posted, store


def sent(wish: ManualWish, *channels: str, after: Any = None, **tables: Any) -> list[PlannedMessage]:
    settings = store(*channels, **tables)
    planner = manual_planner(wish, settings, {name: REACH[name] for name in channels})
    return list(planner(posted("staff.message", source="counter"), None, after or order()).messages)


def test_a_persons_own_words() -> None:
    [message] = sent(ManualWish(text="Hello {{ x }}", subject="Hi"), "twilio", "sendgrid")
    assert (message.template, message.text, message.subject) == ("", "Hello {{ x }}", "Hi")
    assert message.via == ("twilio", "sendgrid")
    assert (message.priority, message.state) == (Priority.HIGH, State.QUEUED)
    assert message.policy.manual
    assert not message.policy.supersede
    assert not message.policy.urgent
    assert (message.due_at, message.expires_at) == (NOW, NOW + 24 * HOUR)


def test_by_the_channel_they_choose() -> None:
    [message] = sent(ManualWish(template="staff.call_us", via=("sendgrid",), urgent=True), "twilio", "sendgrid")
    assert message.via == ("sendgrid",)
    assert message.policy.urgent


def test_to_the_team_and_to_an_audience() -> None:
    assert sent(ManualWish(text="x", audience="team"), "twilio", "slack")[0].via == ("slack",)
    owners = sent(
        ManualWish(text="x", audience="owner"),
        "twilio",
        "slack",
        audiences={"owner": {"phone": ["+447400123456", "+447400123457"]}},
    )
    assert [message.recipient for message in owners] == ["owner", "owner.2"]
    assert owners[0].via == ("twilio",)


def test_somebody_who_can_not_be_reached_is_said_in_words() -> None:
    [message] = sent(
        ManualWish(text="x"), "twilio", after=order(customer=Customer(consent={"sms": False}, phone="07700 900123"))
    )
    assert (message.state, message.reason) == (State.SUPPRESSED, "the customer wants no texts")
    [message] = sent(ManualWish(text="x"))
    assert (message.state, message.reason) == (State.SUPPRESSED, "no channel that could reach them is enabled")
    abroad = order(customer=Customer(phone="+33 6 12 34 56 78"))
    [message] = sent(ManualWish(text="x"), "twilio", after=abroad)
    assert (message.state, message.reason.code) == (State.FAILED, "sms_country")


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (ManualWish(text="x", audience="onwer"), "no audience 'onwer'; did you mean 'owner'?"),
        (ManualWish(text="x", audience="boss"), "no audience 'boss'; known are customer, team, owner"),
        (ManualWish(text="x", via=("twillio",)), "no channel 'twillio' is enabled; did you mean 'twilio'?"),
        (ManualWish(text="x", via=("fax",)), "no channel 'fax' is enabled; enabled are twilio"),
    ],
)
def test_what_is_not_there_is_refused(wish: ManualWish, words: str) -> None:
    with pytest.raises(LookupError, match=re.escape(words)):
        sent(wish, "twilio", audiences={"owner": {"phone": "+447400123456"}})
