"""Marketing Cloud: events and transactional sends, the token's own host, and what may be repeated."""

import pytest

from daemon.channels.base import Misconfigured
from daemon.channels.registry import build
from daemon.http import open_http
from outbox.outcome import Absent, Accepted, CannotTell, Deferred, Rejected, Scope, Unknown
from tests.conformance.cases.sfmc import KEY, SUB
from tests.conformance.cases.sfmc import status as told_of
from tests.support.at_vendor import bench
from tests.support.channel_case import Answer, says, sent
from tests.support.fake_clock import FakeClock

TOKEN, SEND, EVENT = r"POST .*/v2/token", r"POST .*/messages/", r"POST .*/interaction/v1/events"
JOURNEY = {"event_definition_key": "APIEvent-order", "templates": {}}


async def test_a_journey_s_event_carries_the_order_in_the_fields_of_its_data_extension() -> None:
    async with bench("sfmc", **JOURNEY) as at:
        assert await at.channel.send(at.out()) == Accepted("b4a4a0cd-8f2a-4a0e-9d2b-0a4c1c2f7a11")
        assert at.body(EVENT) == {
            "ContactKey": "ada@example.com",
            "EventDefinitionKey": "APIEvent-order",
            "Data": {
                "EventId": KEY,
                "OrderId": "B-1042",
                "Status": "order.ready",
                "EmailAddress": "ada@example.com",
                "Phone": "+447700900123",
                "Name": "Ada",
                "Text": "Order B-1042 is ready.",
            },
        }
        assert at.last(EVENT).headers["content-type"] == "application/json; charset=UTF-8"


async def test_an_event_can_not_be_looked_up_and_may_not_be_repeated() -> None:
    async with bench("sfmc", **JOURNEY) as at:
        assert not at.channel.repeat_is_harmless
        assert isinstance(await at.channel.lookup(sent(at.out())), CannotTell)
        assert at.channel.poll is None
        assert not at.vendor.seen


async def test_a_send_definition_gets_our_own_key() -> None:
    async with bench("sfmc") as at:
        assert await at.channel.send(at.out()) == Accepted(KEY)
        assert at.lines()[-1] == f"POST /messaging/v1/email/messages/{KEY}"
        assert at.channel.repeat_is_harmless


@pytest.mark.parametrize("status", [400, 409])
async def test_a_key_that_was_used_is_an_earlier_try_s_only_where_there_was_one(status: int) -> None:
    """In a business unit that a chain shares it is another store's: their customer was told, and ours counted as told, too."""
    used = says({"message": "Duplicate messageKey", "errorcode": 10003}, status)
    async with bench("sfmc", {SEND: used}) as at:
        for again in ({"attempt": 2}, {"possible_duplicate": True}):
            assert await at.channel.send(at.out(**again)) == Accepted(KEY, detail="an earlier try had arrived")
        outcome = await at.channel.send(at.out())
    assert isinstance(outcome, Rejected)
    assert outcome.scope is Scope.MESSAGE


async def test_a_key_that_was_used_for_somebody_else_is_no_earlier_try_s() -> None:
    """The earlier try went by SendGrid, or was put off: our customer counted as told, for another store's had been."""
    used = says({"message": "Duplicate messageKey", "errorcode": 10003}, 409)
    async with bench("sfmc", {SEND: used, r"GET .*/messages/": told_of("EmailSent", to="bob@example.com")}) as at:
        outcome = await at.channel.send(at.out(attempt=2))
    assert isinstance(outcome, Rejected)
    assert outcome.scope is Scope.MESSAGE
    for unsaid in (Answer(403, b"{}"), says({"message": "Not found"}, 404)):
        async with bench("sfmc", {SEND: used, r"GET .*/messages/": unsaid}) as at:
            assert await at.channel.send(at.out(attempt=2)) == Accepted(KEY, detail="an earlier try had arrived")
    async with bench("sfmc", {SEND: used, r"GET .*/messages/": Answer(503)}) as at:
        assert isinstance(await at.channel.send(at.out(attempt=2)), Unknown), "it is looked up later whose it was"


async def test_what_is_not_listed_yet_is_not_yet_absent() -> None:
    missing = says({"message": "not found", "errorcode": 404}, 404)
    async with bench("sfmc", {r"GET .*/messages/": missing}) as at:
        assert isinstance(await at.channel.lookup(sent(at.out(), after=5)), CannotTell)
        assert isinstance(await at.channel.lookup(sent(at.out(), after=60)), Absent)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://mcother.rest.marketingcloudapis.com/", "mcother.rest.marketingcloudapis.com"),
        ("https://evil.example.com/", f"{SUB}.rest.marketingcloudapis.com"),
        (None, f"{SUB}.rest.marketingcloudapis.com"),
    ],
)
async def test_the_token_names_the_host_within_marketing_cloud(url: str | None, host: str) -> None:
    token = says({"access_token": "eyJ", "expires_in": 1079, "rest_instance_url": url})
    async with bench("sfmc", {TOKEN: token, SEND: says({"requestId": "r"}, 202)}) as at:
        await at.channel.send(at.out())
        assert at.last(SEND).origin == f"https://{host}"


async def test_the_token_is_asked_for_the_business_unit_and_renewed_by_its_own_word() -> None:
    async with bench("sfmc") as at:
        for wait in (0, 700, 200):
            await at.clock.advance(wait)
            await at.channel.send(at.out())
        assert sum("token" in line for line in at.lines()) == 2
        assert at.body(TOKEN)["account_id"] == "7281698"


async def test_blocked_without_a_wait_is_a_long_one() -> None:
    async with bench("sfmc", {SEND: says({"message": "temporarily blocked", "errorcode": 50200}, 429)}) as at:
        outcome = await at.channel.send(at.out())
    assert isinstance(outcome, Deferred)
    assert outcome.after == 900
    told = says({"message": "Rate limit exceeded", "errorcode": 50100, "retryAfter": 5}, 429)
    async with bench("sfmc", {SEND: told}) as at:
        outcome = await at.channel.send(at.out())
    assert isinstance(outcome, Deferred)
    assert outcome.after == 5


async def test_what_has_no_definition_or_no_address_moves_on() -> None:
    async with bench("sfmc") as at:
        outcome = await at.channel.send(at.out(trigger="order.delayed"))
        assert isinstance(outcome, Rejected)
        assert outcome.scope is Scope.MESSAGE
        phone_only = {"to": "+447700900123", "addresses": {"phone": "+447700900123"}}
        outcome = await at.channel.send(at.out(**phone_only))
        assert isinstance(outcome, Rejected)
        assert outcome.scope is Scope.RECIPIENT
        assert not at.vendor.seen


async def test_forbidden_names_the_scopes() -> None:
    async with bench("sfmc", {SEND: Answer(403, b"{}")}) as at:
        outcome = await at.channel.send(at.out())
    assert isinstance(outcome, Rejected)
    assert "scopes" in outcome.remedy


async def test_without_an_event_or_a_definition_there_is_nothing_to_do() -> None:
    secrets = {"SFMC_SUBDOMAIN": "mc", "SFMC_CLIENT_ID": "i", "SFMC_CLIENT_SECRET": "s"}
    async with open_http(FakeClock()) as http:
        with pytest.raises(Misconfigured, match="event_definition_key"):
            build("sfmc", {}, secrets, http)


async def test_what_it_mails_or_texts_heeds_who_wants_none_of_it() -> None:
    """A transactional send is a mail or a text by another hand; a journey's event is neither."""
    both = {"email": "ada@example.com", "phone": "+447700900123"}
    for medium, address in (("email", both["email"]), ("sms", both["phone"])):
        async with bench("sfmc", medium=medium) as at:
            assert (at.channel.heeded("order.ready"), at.channel.silences) == ((medium,), medium)
            assert at.channel.heeded("order.placed") == ()
            assert at.channel.address_of(both) == address
    async with bench("sfmc", medium="sms") as at:
        await at.channel.send(at.out(to=both["phone"], addresses=both))
        recipient = at.body(SEND)["recipient"]
    assert (recipient["contactKey"], recipient["to"]) == (both["email"], "447700900123"), "the contact's key stays"
