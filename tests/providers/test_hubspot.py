"""HubSpot: which record gets the status, single mails and their fate, and what `tether doctor --fix` makes."""

import json
from typing import Any

import pytest

from daemon.channels.base import ReceiptUpdate
from outbox.outcome import Accepted, Deferred, ReceiptState, Rejected, Scope
from tests.conformance.cases.hubspot import RECORD, error, polled
from tests.support.at_vendor import bench
from tests.support.channel_case import NOW, Answer, says, sent
from tests.support.openapi_oracle import violations
from tests.support.shared import shared

GET_ORDER, CREATE = r"GET .*/objects/orders/", r"POST .*/objects/orders$"
UPSERT = r"POST .*/contacts/batch/upsert$"
GONE = error("OBJECT_NOT_FOUND", "no such record")
STATUS = "order.ready B-1042"


async def test_a_known_contact_gets_the_status_and_keeps_its_name() -> None:
    async with bench("hubspot") as at:
        assert await at.channel.send(at.out()) == Accepted("44001122")
        assert at.lines() == [
            "GET /crm/v3/objects/contacts/ada%40example.com",
            "PATCH /crm/v3/objects/contacts/44001122",
        ]
        assert at.body("PATCH") == {
            "properties": {"tether_order_status": STATUS, "tether_reference": at.out().reference}
        }


async def test_a_new_contact_gets_all_that_is_known() -> None:
    async with bench("hubspot", {r"GET .*/objects/contacts/": GONE}) as at:
        assert await at.channel.send(at.out(name="Ada Lovelace")) == Accepted("44001122")
        (entry,) = at.body(UPSERT)["inputs"]
        assert (entry["id"], entry["idProperty"]) == ("ada@example.com", "email")
        assert entry["properties"] == {
            "firstname": "Ada",
            "lastname": "Lovelace",
            "email": "ada@example.com",
            "phone": "+447700900123",
            "tether_order_status": STATUS,
            "tether_reference": at.out().reference,
        }


async def test_a_contact_made_by_somebody_else_meanwhile_is_written_all_the_same() -> None:
    taken = says({"status": "COMPLETE", "results": [{"id": "7", "new": False, "properties": {}}]})
    async with bench("hubspot", {r"GET .*/objects/contacts/": GONE, UPSERT: taken}) as at:
        assert await at.channel.send(at.out()) == Accepted("7")


async def test_an_upsert_that_went_wrong_inside_is_no_success() -> None:
    wrong = {"status": "error", "category": "VALIDATION_ERROR", "message": "no such option"}
    partly = says({"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [wrong]}, 207)
    async with bench("hubspot", {r"GET .*/objects/contacts/": GONE, UPSERT: partly}) as at:
        outcome = await at.channel.send(at.out())
    assert isinstance(outcome, Rejected)
    assert outcome.code == "VALIDATION_ERROR"


async def test_a_contact_without_a_mail_address_made_by_somebody_else_meanwhile_is_tried_again() -> None:
    phone = {"to": "+447700900123", "addresses": {"phone": "+447700900123"}}
    async with bench("hubspot", {r"POST .*/contacts$": error("CONFLICT", "Contact already exists")}) as at:
        assert isinstance(await at.channel.send(at.out(**phone)), Deferred)


async def test_two_orders_in_the_same_state_are_two_values() -> None:
    async with bench("hubspot") as at:
        values = []
        for ref in ("B-1042", "B-1043"):
            await at.channel.send(at.out(order_ref=ref))
            values.append(at.body("PATCH")["properties"]["tether_order_status"])
    assert values == [STATUS, "order.ready B-1043"]


async def test_by_phone_a_contact_is_searched_for_first() -> None:
    phone = {"to": "+447700900123", "addresses": {"phone": "+447700900123"}}
    found = says({"total": 1, "results": [{"id": "9"}]})
    async with bench("hubspot", {r"contacts/search": found, r"PATCH": RECORD}) as at:
        await at.channel.send(at.out(**phone))
        assert at.lines() == ["POST /crm/v3/objects/contacts/search", "PATCH /crm/v3/objects/contacts/9"]
    async with bench("hubspot") as at:
        await at.channel.send(at.out(**phone))
        assert at.lines()[-1] == "POST /crm/v3/objects/contacts"


@pytest.mark.parametrize("kind", ["contacts", "orders"])
async def test_who_was_just_made_is_not_made_again_before_the_search_can_show_them(kind: str) -> None:
    """By another try whose answer was lost, or the next message: the search is some seconds behind."""
    phone = {"to": "+447700900123", "addresses": {"phone": "+447700900123"}}
    async with bench("hubspot", object=kind) as at:
        await at.channel.send(at.out(**phone))
        for again in ({"attempt": 4}, {"message_id": "m2"}):
            outcome = await at.channel.send(at.out(now=NOW + 2000, **phone, **again))
            assert isinstance(outcome, Deferred)
            assert outcome.after == 28
        assert at.lines().count("POST /crm/v3/objects/contacts") == 1
        await at.channel.send(at.out(now=NOW + 31_000, **phone))
        assert at.lines().count("POST /crm/v3/objects/contacts") == 2


async def test_a_known_order_is_written_and_a_new_one_is_made_with_its_contact() -> None:
    async with bench("hubspot", {GET_ORDER: RECORD}, object="orders") as at:
        await at.channel.send(at.out())
        assert at.lines() == ["GET /crm/v3/objects/orders/B-1042", "PATCH /crm/v3/objects/orders/44001122"]
        assert at.last(GET_ORDER).query == "idProperty=tether_order_number"
        assert at.body("PATCH")["properties"]["tether_order_status"] == STATUS
    async with bench("hubspot", object="orders") as at:
        await at.channel.send(at.out())
        body = at.body(CREATE)
    assert body["properties"]["tether_order_number"] == "B-1042"
    assert body["associations"] == [
        {
            "to": {"id": "44001122"},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 507}],
        }
    ]


async def test_an_order_made_by_somebody_else_meanwhile_is_tried_again_and_found() -> None:
    async with bench("hubspot", {CREATE: error("CONFLICT", "already exists")}, object="orders") as at:
        outcome = await at.channel.send(at.out())
        assert isinstance(outcome, Deferred)
        at.vendor.steps = {GET_ORDER: RECORD, **at.vendor.steps}
        assert await at.channel.send(at.out(attempt=2)) == Accepted("44001122")


async def test_a_contact_that_is_refused_is_the_message_s_fate() -> None:
    gone = {r"GET .*/objects/(deals|contacts)/": GONE}
    async with bench("hubspot", {**gone, UPSERT: error("VALIDATION_ERROR", "no")}, object="deals") as at:
        outcome = await at.channel.send(at.out())
        assert "POST /crm/v3/objects/deals" not in at.lines()
    assert isinstance(outcome, Rejected)
    assert outcome.scope is Scope.MESSAGE


async def test_a_record_of_hubspot_s_own_is_named_by_its_id() -> None:
    async with bench("hubspot", object="deals", order_property="") as at:
        await at.channel.send(at.out(order_source_id="5544"))
        assert at.lines() == ["PATCH /crm/v3/objects/deals/5544"]


async def test_a_mail_of_its_own_heeds_who_wants_no_mail() -> None:
    async with bench("hubspot", templates={"order.ready": 4126643121}) as at:
        assert (at.channel.heeded("order.ready"), at.channel.silences) == (("email",), "email")
        assert at.channel.heeded("order.placed") == (), "a property is written, whoever wants no mail"


async def test_a_single_mail_carries_the_message_s_id() -> None:
    async with bench("hubspot", templates={"order.ready": 4126643121}) as at:
        assert await at.channel.send(at.out()) == Accepted("cf3f0d5a")
        body = at.body("single-email")
        assert (body["emailId"], body["message"]["sendId"]) == (4126643121, at.out().message_id)
        await at.channel.send(at.out(trigger="order.delayed"))
        assert at.lines()[-1].startswith("PATCH"), "other events have no mail: the property is written"


@pytest.mark.parametrize(
    ("answer", "updates"),
    [
        (polled(status="PROCESSING"), []),
        (polled(sendResult="QUEUED"), []),
        (polled(sendResult="SENT"), [ReceiptUpdate(state=ReceiptState.SENT, provider_id="cf3f0d5a")]),
        (polled(sendResult="IDEMPOTENT_IGNORE"), [ReceiptUpdate(state=ReceiptState.SENT, provider_id="cf3f0d5a")]),
        (
            polled(sendResult="PREVIOUSLY_BOUNCED", message="bounced before"),
            [
                ReceiptUpdate(
                    state=ReceiptState.UNDELIVERED,
                    provider_id="cf3f0d5a",
                    code="PREVIOUSLY_BOUNCED",
                    detail="bounced before",
                    bad_address=True,
                )
            ],
        ),
        (
            polled(sendResult="PREVIOUSLY_UNSUBSCRIBED_PORTAL"),
            [
                ReceiptUpdate(
                    state=ReceiptState.UNDELIVERED,
                    provider_id="cf3f0d5a",
                    code="PREVIOUSLY_UNSUBSCRIBED_PORTAL",
                    detail="PREVIOUSLY_UNSUBSCRIBED_PORTAL",
                    opted_out=True,
                )
            ],
        ),
        (
            polled(status="CANCELED"),
            [ReceiptUpdate(state=ReceiptState.UNDELIVERED, provider_id="cf3f0d5a", detail="cancelled")],
        ),
    ],
)
async def test_the_fate_of_a_single_mail(answer: Answer, updates: list[ReceiptUpdate]) -> None:
    async with bench("hubspot", {"send-statuses": answer}, templates={"order.ready": 1}) as at:
        assert list(await at.channel.receipts([sent(at.out(), "cf3f0d5a")])) == updates


async def test_a_written_property_has_no_fate_to_ask_for() -> None:
    async with bench("hubspot") as at:
        assert at.channel.poll is None
        assert not await at.channel.receipts([sent(at.out(), "44001122")])
        assert not at.vendor.seen


# ---------------------------------------------------------------- setting up

FLOWS = r"GET .*/automation/v4/flows"
PROPERTY = r"GET .*/properties/"


async def test_a_check_names_the_properties_that_are_missing() -> None:
    async with bench("hubspot", {rf"{PROPERTY}orders/tether_order_number": GONE}, object="orders") as at:
        health = await at.channel.check()
    assert not health.ok
    assert health.missing == ["tether_order_number"]
    assert "--fix" in health.remedy


async def test_fix_makes_what_is_missing_and_a_workflow_that_is_off() -> None:
    steps = {
        PROPERTY: GONE,
        r"POST .*/properties/": says({"name": "x"}, 201),
        FLOWS: says({"results": []}),
        r"POST .*/flows": says({"id": "1800000001"}, 201),
    }
    async with bench("hubspot", steps, object="orders", receipt_property="", reference_property="") as at:
        said = await at.channel.fix()
        bodies = {
            json.loads(seen.body)["name"]: json.loads(seen.body) for seen in at.vendor.seen if seen.method == "POST"
        }
    assert said == [
        "made the property tether_order_status",
        "made the property tether_order_number",
        "made the workflow 'Tether: tell the customer'",
    ]
    assert bodies["tether_order_number"]["hasUniqueValue"] is True
    flow = bodies["Tether: tell the customer"]
    assert (flow["isEnabled"], flow["objectTypeId"]) == (False, "0-123")
    assert flow["enrollmentCriteria"]["shouldReEnroll"] is True


async def test_fix_may_be_repeated() -> None:
    async with bench("hubspot", {FLOWS: says({"results": [{"name": "Tether: tell the customer"}]})}) as at:
        assert list(await at.channel.fix()) == []
        assert not any(seen.method == "POST" for seen in at.vendor.seen)
    there = {PROPERTY: GONE, r"POST .*/properties/": error("CONFLICT", "exists"), FLOWS: Answer(403, b"{}")}
    async with bench("hubspot", there, receipt_property="", reference_property="") as at:
        said = await at.channel.fix()
    assert said[0] == "the property tether_order_status was there already"
    assert said[1].startswith("could not look for the workflow")


@pytest.mark.parametrize("kind", ["contacts", "deals", "orders"])
async def test_what_fix_makes_is_what_hubspot_describes(kind: str) -> None:
    steps: dict[str, Any] = {
        PROPERTY: GONE,
        r"POST .*/properties/": says({"name": "x"}, 201),
        FLOWS: says({"results": []}),
        r"POST .*/flows": says({"id": "1800000001"}, 201),
    }
    async with bench("hubspot", steps, object=kind) as at:
        await at.channel.fix()
        posted = [seen for seen in at.vendor.seen if seen.method == "POST"]
    for seen in posted:
        exact = "specs/hubspot-workflows.json" if "flows" in seen.path else "specs/hubspot.json"
        assert not violations(shared(exact), seen)
