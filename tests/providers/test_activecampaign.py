"""ActiveCampaign: a field, an enrolment or an event, and which of them may be repeated."""

from urllib.parse import parse_qs

import pytest

from daemon.channels.base import Misconfigured
from daemon.channels.registry import build
from outbox.outcome import Accepted, Deferred, Rejected, Scope, Unknown
from tests.support.at_vendor import bench
from tests.support.channel_case import Answer, says

SYNC, ENROL, EVENT, FIELDS = r"POST .*/contact/sync", r"POST .*/contactAutomations", r"POST .*/event", r"GET .*/fields"


async def test_the_field_s_number_is_asked_for_once() -> None:
    async with bench("activecampaign") as at:
        assert await at.channel.send(at.out()) == Accepted("10")
        await at.channel.send(at.out(order_ref="B-1043"))
        assert at.lines().count("GET /api/3/fields") == 1
        assert at.body(SYNC)["contact"]["fieldValues"] == [{"field": "6", "value": "order.ready B-1043"}]


async def test_a_field_that_is_not_there_pauses_the_channel() -> None:
    async with bench("activecampaign", {FIELDS: says({"fields": [{"id": "1", "perstag": "OTHER"}]})}) as at:
        outcome = await at.channel.send(at.out())
        health = await at.channel.check()
    assert isinstance(outcome, Rejected)
    assert outcome.scope is Scope.CHANNEL
    assert "ORDER_STATUS" in outcome.remedy
    assert not health.ok


async def test_only_a_new_contact_gets_a_name() -> None:
    async with bench("activecampaign", {r"GET .*/contacts$": says({"contacts": []})}) as at:
        await at.channel.send(at.out(name="Ada King Lovelace"))
        contact = at.body(SYNC)["contact"]
    assert (contact["firstName"], contact["lastName"], contact["phone"]) == ("Ada King", "Lovelace", "+447700900123")
    async with bench("activecampaign") as at:
        await at.channel.send(at.out())
        assert set(at.body(SYNC)["contact"]) == {"email", "fieldValues"}
    async with bench("activecampaign", {r"GET .*/contacts$": Answer(500)}) as at:
        assert isinstance(await at.channel.send(at.out()), Deferred)


async def test_an_automation_is_entered_after_the_field_is_written() -> None:
    async with bench("activecampaign", automations={"order.ready": 42}) as at:
        assert await at.channel.send(at.out()) == Accepted("77")
        assert at.body(ENROL) == {"contactAutomation": {"contact": "10", "automation": 42}}
        assert await at.channel.send(at.out(trigger="order.delayed")) == Accepted("10")
        assert not at.channel.repeat_is_harmless


async def test_who_can_not_enter_again_moves_on_and_the_owner_is_told_why() -> None:
    refused = says({"errors": [{"title": "Could not create SubscriberSeries"}]}, 403)
    async with bench("activecampaign", {ENROL: refused}, automations={"order.ready": 42}) as at:
        outcome = await at.channel.send(at.out())
    assert isinstance(outcome, Rejected)
    assert outcome.scope is Scope.MESSAGE
    assert "multiple times" in outcome.remedy


async def test_an_automation_that_is_not_there_stops_nothing_but_its_own_messages() -> None:
    gone = says({"message": "No Result found for Series with id 42"}, 404)
    async with bench("activecampaign", {ENROL: gone}, automations={"order.ready": 42}) as at:
        outcome = await at.channel.send(at.out())
        assert await at.channel.send(at.out(trigger="order.delayed")) == Accepted("10")
    assert isinstance(outcome, Rejected)
    assert outcome.scope is Scope.MESSAGE
    assert "automations" in outcome.remedy


async def test_an_event_goes_to_the_tracking_host_in_its_own_form() -> None:
    async with bench("activecampaign", account_id="1003", field="") as at:
        assert await at.channel.send(at.out()) == Accepted()
        seen = at.last(EVENT)
        assert seen.origin == "https://trackcmp.net"
        assert "api-token" not in seen.headers, "the tracking host is another one: it gets no API key"
        form = parse_qs(seen.body.decode())
    assert form["event"] == ["order_ready"]
    assert form["eventdata"] == [f"B-1042|order.ready|{at.out().message_id}"]
    assert form["visit"] == ['{"email":"ada@example.com"}']


async def test_an_event_that_failed_says_so_inside_a_200() -> None:
    async with bench("activecampaign", {EVENT: says({"success": 0, "message": "no"})}, account_id="1003") as at:
        outcome = await at.channel.send(at.out())
    assert isinstance(outcome, Rejected)
    assert outcome.code == "event_refused"


async def test_an_event_without_an_answer_is_unknown_and_the_write_before_it_is_not() -> None:
    async with bench("activecampaign", {EVENT: Answer(500)}, account_id="1003") as at:
        assert isinstance(await at.channel.send(at.out()), Unknown)
    async with bench("activecampaign", {SYNC: Answer(500)}, account_id="1003") as at:
        assert isinstance(await at.channel.send(at.out()), Deferred)


async def test_only_a_field_is_harmless_to_write_twice() -> None:
    async with bench("activecampaign") as at:
        assert at.channel.repeat_is_harmless
    async with bench("activecampaign", account_id="1003") as at:
        assert not at.channel.repeat_is_harmless


async def test_an_event_type_without_an_automation_moves_on() -> None:
    async with bench("activecampaign", field="", automations={"order.placed": 1}) as at:
        outcome = await at.channel.send(at.out())
        assert not at.vendor.seen
    assert isinstance(outcome, Rejected)
    assert outcome.code == "no_automation"


@pytest.mark.parametrize(
    ("url", "settings", "words"),
    [
        ("balloons.api-us1.com", {"field": "6"}, "no https address"),
        ("https://balloons.api-us1.com", {}, "field is missing"),
    ],
)
def test_what_is_missing_is_named(url: str, settings: dict[str, str], words: str) -> None:
    secrets = {"ACTIVECAMPAIGN_URL": url, "ACTIVECAMPAIGN_API_KEY": "k"}
    with pytest.raises(Misconfigured, match=words):
        build("activecampaign", settings, secrets, http=None)  # type: ignore[arg-type]


async def test_the_url_may_be_copied_with_its_path() -> None:
    async with bench("activecampaign", secrets={"ACTIVECAMPAIGN_URL": "https://balloons.api-us1.com/api/3/"}) as at:
        assert isinstance(await at.channel.send(at.out()), Accepted)
