"""Zoho: the contact and the record, tokens of a data centre, and what `tether doctor --fix` makes."""

import json
from urllib.parse import parse_qs

import pytest

from outbox.outcome import Accepted, Deferred, Rejected, Scope
from tests.conformance.cases.zoho import CONTACT, DEAL, done, error
from tests.support.at_vendor import bench
from tests.support.channel_case import says

TOKEN, FIELDS = r"POST .*/oauth/v2/token", r"GET .*/settings/fields"
PHONE = {"to": "+447700900123", "addresses": {"phone": "+447700900123"}}


async def test_the_contact_first_without_a_sound_then_the_deal_that_fires() -> None:
    async with bench("zoho") as at:
        assert await at.channel.send(at.out()) == Accepted(DEAL)
        contact, deal = at.body("Contacts/upsert"), at.body("Deals/upsert")
    assert contact["duplicate_check_fields"] == ["Email"]
    assert contact["trigger"] == []
    assert deal == {
        "data": [
            {
                "Order_No": "B-1042",
                "Order_Status": "order.ready B-1042",
                "Deal_Name": "Order B-1042",
                "Contact_Name": {"id": CONTACT},
            }
        ],
        "duplicate_check_fields": ["Order_No"],
        "trigger": ["workflow"],
    }


async def test_a_known_deal_gets_the_status_and_nothing_else() -> None:
    """Its stage has moved on since it was made."""
    found = says({"data": [{"id": DEAL, "Order_No": "B-1042"}]})
    async with bench("zoho", {r"GET .*/Deals/search": found}, values={"Stage": "Qualification"}) as at:
        assert await at.channel.send(at.out()) == Accepted(DEAL)
        assert at.lines()[1:] == ["GET /crm/v8/Deals/search", f"PUT /crm/v8/Deals/{DEAL}"]
        assert at.body("PUT") == {"data": [{"Order_Status": "order.ready B-1042"}], "trigger": ["workflow"]}


@pytest.mark.parametrize(
    ("ref", "criteria"), [("B-1042", "(Order_No:equals:B-1042)"), ("A(1),2", r"(Order_No:equals:A\(1\)\,2)")]
)
async def test_a_number_is_searched_for_as_it_stands(ref: str, criteria: str) -> None:
    async with bench("zoho") as at:
        await at.channel.send(at.out(order_ref=ref))
        assert parse_qs(at.last("Deals/search").query) == {"criteria": [criteria]}


async def test_the_status_may_go_to_the_customer_s_own_record() -> None:
    async with bench("zoho", module="Contacts") as at:
        assert await at.channel.send(at.out(name="Ada Lovelace")) == Accepted(CONTACT)
        assert at.body("Contacts/upsert") == {
            "data": [
                {
                    "First_Name": "Ada",
                    "Last_Name": "Lovelace",
                    "Email": "ada@example.com",
                    "Phone": "+447700900123",
                    "Order_Status": "order.ready B-1042",
                }
            ],
            "duplicate_check_fields": ["Email"],
            "trigger": ["workflow"],
        }
    async with bench("zoho", {r"Contacts/search": says({"data": [{"id": CONTACT}]})}, module="Contacts") as at:
        await at.channel.send(at.out())
        assert at.body(f"PUT .*/Contacts/{CONTACT}")["data"] == [{"Order_Status": "order.ready B-1042"}]


async def test_by_phone_a_contact_is_searched_for_and_made_without_an_upsert() -> None:
    async with bench("zoho", {r"Contacts/search": says({"data": [{"id": CONTACT}]})}) as at:
        await at.channel.send(at.out(**PHONE))
        assert parse_qs(at.last("Contacts/search").query) == {"phone": ["+447700900123"]}
        assert at.lines()[-1] == "POST /crm/v8/Deals/upsert"
    async with bench("zoho") as at:
        await at.channel.send(at.out(**PHONE))
        assert "POST /crm/v8/Contacts" in at.lines()


async def test_a_contact_that_is_not_found_yet_is_not_made_twice() -> None:
    for module in ("Contacts", "Deals"):
        async with bench("zoho", module=module) as at:
            await at.channel.send(at.out(**PHONE))
            outcome = await at.channel.send(at.out(attempt=2, **PHONE))
            assert at.lines().count("POST /crm/v8/Contacts") == 1
        assert isinstance(outcome, Deferred)


async def test_a_contact_that_zoho_refuses_is_the_message_s_fate() -> None:
    async with bench("zoho", {"Contacts/upsert": error("INVALID_DATA", "invalid data")}) as at:
        outcome = await at.channel.send(at.out())
        assert "POST /crm/v8/Deals/upsert" not in at.lines()
    assert isinstance(outcome, Rejected)
    assert (outcome.scope, outcome.code) == (Scope.MESSAGE, "INVALID_DATA")
    assert "Order_Status" in outcome.reason, "the field is named"


async def test_token_errors_come_as_200() -> None:
    async with bench("zoho", {TOKEN: says({"error": "invalid_code"})}) as at:
        outcome = await at.channel.send(at.out())
    assert isinstance(outcome, Rejected)
    assert outcome.scope is Scope.CHANNEL
    assert "dc" in outcome.remedy
    async with bench("zoho", {TOKEN: says({"error": "Access Denied"})}) as at:
        outcome = await at.channel.send(at.out())
    assert isinstance(outcome, Deferred)
    assert (outcome.throttled, outcome.after) == (True, 600)


async def test_secrets_go_in_the_body_and_the_token_in_zoho_s_own_scheme() -> None:
    async with bench("zoho") as at:
        await at.channel.send(at.out())
        token = at.last(TOKEN)
        assert token.query == ""
        assert parse_qs(token.body.decode())["grant_type"] == ["refresh_token"]
        assert at.last("Deals").headers["authorization"] == "Zoho-oauthtoken 1000.access0123456789"


@pytest.mark.parametrize(
    ("api_domain", "host"),
    [
        ("https://sandbox.zohoapis.eu", "sandbox.zohoapis.eu"),
        ("https://evil.example.com", "www.zohoapis.eu"),
        ("", "www.zohoapis.eu"),
    ],
)
async def test_the_token_names_the_host_within_zoho(api_domain: str, host: str) -> None:
    token = says({"access_token": "1000.x", "api_domain": api_domain, "expires_in": 3600})
    steps = {TOKEN: token, r"Contacts": done(CONTACT), r"Deals": done(DEAL)}
    async with bench("zoho", steps) as at:
        await at.channel.send(at.out())
        assert at.last("Deals").origin == f"https://{host}"


async def test_a_stale_token_is_renewed_once() -> None:
    async with bench("zoho", {"Deals/upsert": error("INVALID_TOKEN", "invalid oauth token")}) as at:
        outcome = await at.channel.send(at.out())
        assert sum("oauth" in line for line in at.lines()) == 2
    assert isinstance(outcome, Rejected)
    assert outcome.scope is Scope.CHANNEL


async def test_fix_makes_the_fields_that_are_missing() -> None:
    made = says({"fields": [{"code": "SUCCESS", "status": "success", "details": {"id": "1"}}]})
    steps = {FIELDS: says({"fields": [{"api_name": "Deal_Name"}]}), r"POST .*/settings/fields": made}
    async with bench("zoho", steps) as at:
        assert (await at.channel.check()).missing == ["Order_Status", "Order_No"]
        assert list(await at.channel.fix()) == [
            "made the field Order_Status in Deals",
            "made the field Order_No in Deals",
        ]
        posted = [
            json.loads(seen.body)["fields"][0]
            for seen in at.vendor.seen
            if seen.method == "POST" and "fields" in seen.path
        ]
        assert at.last(r"POST .*/settings/fields").query == "module=Deals"
    assert [field["field_label"] for field in posted] == ["Order Status", "Order No"]
    assert ["unique" in field for field in posted] == [False, True]


async def test_fix_says_what_it_could_not_make() -> None:
    refused = says({"code": "OAUTH_SCOPE_MISMATCH", "message": "invalid oauth scope", "status": "error"}, 401)
    steps = {FIELDS: says({"fields": [{"api_name": "Order_No"}]}), r"POST .*/settings/fields": refused}
    async with bench("zoho", steps) as at:
        assert list(await at.channel.fix()) == ["could not make Order_Status: invalid oauth scope"]
