"""CRMs: what changed is told by name, what it says is fetched; status words are the store's; our own writes come back as nothing."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.http import Request, Response
from daemon.intake.base import HookRefused
from outbox.outcome import Deferred
from tests.support.outbox_box import one_each, posted
from tests.support.shared import shared
from tests.support.sources import NOW, AHook, FakeHttp, Shopfront, base64_hmac, json_response, open_front

STATUSES = {"Ready": "order.ready", "in production": "order.in_production"}
HUBSPOT = {"kind": "hubspot", "statuses": STATUSES}
ZOHO = {"kind": "zoho", "dc": "eu", "statuses": STATUSES}
SECRETS = {"CRM_WEBHOOK_SECRET": "client-secret", "CRM_ACCESS_TOKEN": "pat-eu1-x"}
ZOHO_SECRETS = {
    "CRM_WEBHOOK_SECRET": "TOKEN_SET_BY_US",
    "CRM_CLIENT_ID": "1000.A",
    "CRM_CLIENT_SECRET": "s",
    "CRM_REFRESH_TOKEN": "1000.r",
}


def hubspot_hook(body: bytes) -> AHook:
    url = "https://relay.example.com/v1/hooks/crm"
    given = base64_hmac("client-secret", b"POST" + url.encode() + body + str(NOW).encode())
    headers = {"x-hubspot-signature-v3": given, "x-hubspot-request-timestamp": str(NOW)}
    return AHook(source="crm", url=url, body=body, headers=headers)


def change(**changed: Any) -> bytes:
    return changes(changed)


def changes(*each: Mapping[str, Any]) -> bytes:
    (one,) = msgspec.json.decode(shared("samples/hubspot-webhook-order-propertychange.json").read_bytes())
    return msgspec.json.encode([one | changed for changed in each])


def record(status: str = " READY ", at: str = "2026-11-24T10:14:00Z") -> dict[str, Any]:
    return {
        "id": "44001122",
        "createdAt": "2026-11-24T09:00:00Z",
        "updatedAt": at,
        "properties": {
            "balloon_order_status": status,
            "balloon_order_no": "B-1042",
            "hs_billing_address_email": "Ada@Example.com",
            "hs_lastmodifieddate": at,
        },
    }


async def fetch(front: Shopfront) -> list[str]:
    """What the fetching task does in a round."""
    return [await front.intake.reread(kept) for kept in await front.box.quarantine.retries(limit=10)]


async def test_hubspot_names_a_record_and_the_record_is_fetched(tmp_path: Path) -> None:
    http = FakeHttp(lambda request: json_response(record()))
    async with open_front(tmp_path, secrets=SECRETS, http=http, crm=HUBSPOT) as front:
        await front.take(hubspot_hook(change()))
        assert await front.events() == []
        assert await fetch(front) == [""]
        assert await front.events() == [("44001122:order.ready", "B-1042")]
        (request,) = http.asked
        assert request.target.startswith("/crm/v3/objects/0-123/44001122?properties=balloon_order_status")
        assert request.headers["Authorization"] == "Bearer pat-eu1-x"
        (order,) = await front.box.views.orders_by_ref(["B-1042"])
        assert order.customer.email == "ada@example.com"


async def test_an_old_record_whose_status_hubspot_says_has_changed_is_told(tmp_path: Path) -> None:
    """Its webhook says which property changed: that it is complete is news, though nothing was known of it before."""
    http = FakeHttp(lambda request: json_response(record("done") | {"createdAt": "2026-06-01T09:00:00Z"}))
    table = HUBSPOT | {"statuses": {"done": "order.completed"}}
    async with open_front(tmp_path, secrets=SECRETS, http=http, crm=table) as front:
        await front.take(hubspot_hook(change(propertyValue="done")))
        assert await fetch(front) == [""]
        assert await front.told() == ["order.completed"]


async def test_while_the_line_is_down_it_is_kept_and_fetched_later(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, crm=HUBSPOT) as front:
        await front.take(hubspot_hook(change()))
        assert await fetch(front) == ["not fetched: no connection"]
        front.http.answer = lambda request: json_response(record())
        assert await fetch(front) == [""]
        assert await fetch(front) == []
        assert len(await front.events()) == 1


async def test_an_answer_that_breaks_off_is_no_record(tmp_path: Path) -> None:
    """Its notification was done with, and nobody heard that the order is ready."""
    whole = json_response(record())
    http = FakeHttp(lambda request: msgspec.structs.replace(whole, body=whole.body[:40]))
    async with open_front(tmp_path, secrets=SECRETS, http=http, crm=HUBSPOT) as front:
        await front.take(hubspot_hook(change()))
        assert await fetch(front) == ["0-123 44001122: not fetched: the answer could not be read"]
        http.answer = lambda request: whole
        assert await fetch(front) == [""]
        assert await front.events() == [("44001122:order.ready", "B-1042")]


async def test_a_record_that_is_gone_costs_no_other_that_is_named_with_it(tmp_path: Path) -> None:
    """Twenty orders were set to ready at once: those after the one that is gone were never fetched."""

    def answer(request: Request) -> Response:
        return json_response(record()) if request.path.endswith("/44001122") else json_response({}, 404)

    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(answer), crm=HUBSPOT) as front:
        await front.take(hubspot_hook(changes({"objectId": 1}, {})))
        assert await fetch(front) == ["0-123 1: not fetched: it answered 404"]
        assert await fetch(front) == []
        assert await front.events() == [("44001122:order.ready", "B-1042")]
        assert await front.waiting() == ["0-123 1: not fetched: it answered 404"]


async def test_a_record_at_which_the_crm_fails_each_time_is_asked_for_again_and_costs_no_other(tmp_path: Path) -> None:
    def answer(request: Request) -> Response:
        return json_response(record()) if request.path.endswith("/44001122") else json_response({}, 500)

    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(answer), crm=HUBSPOT) as front:
        await front.take(hubspot_hook(changes({"objectId": 1}, {}, {"objectId": 2})))
        for _ in range(2):
            assert await fetch(front) == [
                "0-123 1: not fetched: it answered 500; 0-123 2: not fetched: it answered 500"
            ]
        assert await front.events() == [("44001122:order.ready", "B-1042")]


PAGE = Response(status=403, headers={"content-type": "text/html"}, body=b"<!DOCTYPE html><title>No</title>")


@pytest.mark.parametrize(
    "answer", [Deferred("no connection"), PAGE, *(json_response({}, status) for status in (401, 429, 502, 503, 504))]
)
async def test_where_no_record_is_to_be_had_one_is_asked_for(tmp_path: Path, answer: Response | Deferred) -> None:
    """A hundred of them, half a minute each, would keep the other sources' waiting."""
    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(lambda request: answer), crm=HUBSPOT) as front:
        await front.take(hubspot_hook(changes({"objectId": 1}, {})))
        await fetch(front)
        assert len(front.http.asked) == 1
        front.http.answer = lambda request: json_response(record())
        assert await fetch(front) == [""]


async def test_what_a_notification_says_that_can_not_be_read_costs_none_of_its_records(tmp_path: Path) -> None:
    """They were kept to be fetched, and then kept to be looked at."""
    http = FakeHttp(lambda request: json_response(record()))
    async with open_front(tmp_path, secrets=SECRETS, http=http, crm=HUBSPOT) as front:
        await front.take(hubspot_hook(changes({"propertyName": None}, {})))
        assert await fetch(front) == ["events[0].propertyName is missing"]
        assert await front.events() == [("44001122:order.ready", "B-1042")]
        assert await fetch(front) == []
        assert await front.waiting() == ["events[0].propertyName is missing"]


async def test_a_record_that_is_gone_is_not_fetched_for_ever(tmp_path: Path) -> None:
    http = FakeHttp(lambda request: json_response({"message": "resource not found"}, 404))
    async with open_front(tmp_path, secrets=SECRETS, http=http, crm=HUBSPOT) as front:
        await front.take(hubspot_hook(change()))
        assert "404" in (await fetch(front))[0]
        assert await fetch(front) == []
        assert len(await front.waiting()) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_what_a_key_that_expired_could_not_fetch_is_fetched_with_the_next(tmp_path: Path, status: int) -> None:
    http = FakeHttp(lambda request: json_response({"message": "expired"}, status))
    async with open_front(tmp_path, secrets=SECRETS, http=http, crm=HUBSPOT) as front:
        await front.take(hubspot_hook(change()))
        assert str(status) in (await fetch(front))[0]
        http.answer = lambda request: json_response(record())
        assert await fetch(front) == [""]
        assert await front.events() == [("44001122:order.ready", "B-1042")]


async def test_records_that_the_key_may_not_read_keep_no_later_one_from_being_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are tried for ever; the oldest so many of all sources were all that was."""
    stop = asyncio.Event()

    def answer(request: Request) -> Response:
        return (
            json_response(record()) if request.path.endswith("/44001122") else json_response({"message": "scope"}, 403)
        )

    async def rests(event: asyncio.Event, seconds: float) -> bool:
        stop.set()
        return False

    monkeypatch.setattr("daemon.intake.intake.RETRIES", 3)
    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(answer), crm=HUBSPOT) as front:
        for number in (1, 2, 3):
            await front.take(hubspot_hook(change(objectId=number)))
        await front.take(hubspot_hook(change()))
        monkeypatch.setattr(front.clock, "wait", rests)
        await front.intake.run(stop)
        assert await front.events() == [("44001122:order.ready", "B-1042")]
        assert len(await front.waiting()) == 3


async def test_without_a_key_an_order_is_known_by_the_records_id(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets={"CRM_WEBHOOK_SECRET": "client-secret"}, crm=HUBSPOT) as front:
        await front.box.spool.accept(posted("e1", "order.placed", "B-7", order={"source_id": "44001122"}), one_each)
        await front.take(hubspot_hook(change()))
        assert ("44001122:order.ready", "B-7") in await front.events()
        await front.take(hubspot_hook(change(objectId=99009900)))
        assert "no order is known by that id" in (await front.waiting())[0]


@pytest.mark.parametrize(
    "changed",
    [
        {"changeSource": "INTEGRATION"},
        {"propertyName": "other"},
        {"subscriptionType": "object.deletion"},
        {"propertyValue": "sleeping"},
    ],
)
async def test_our_own_writes_and_what_is_none_of_ours_come_to_nothing(
    tmp_path: Path, changed: Mapping[str, Any]
) -> None:
    async with open_front(tmp_path, secrets={"CRM_WEBHOOK_SECRET": "client-secret"}, crm=HUBSPOT) as front:
        await front.take(hubspot_hook(change(**changed)))
        assert (await front.events(), await front.waiting()) == ([], [])


async def test_hubspot_is_asked_in_the_order_of_change(tmp_path: Path) -> None:
    def answer(request: Request) -> Response:
        search = msgspec.json.decode(request.body)
        assert search["sorts"] == ["hs_lastmodifieddate"]
        return json_response({"results": [record(at="2026-11-24T10:15:30Z")], "paging": {}})

    async with open_front(tmp_path, secrets=SECRETS, http=FakeHttp(answer), crm={**HUBSPOT, "poll": "60s"}) as front:
        await front.poll("crm")
        await front.take(hubspot_hook(change()))
        await front.poll("crm")
        assert await front.events() == [("44001122:order.ready", "B-1042")]


async def test_an_order_that_was_placed_is_told_as_confirmed_and_no_second_time(tmp_path: Path) -> None:
    """Its customer got no confirmation, and staff read that it was taken up again."""
    table = {**HUBSPOT, "statuses": {**STATUSES, "New": "order.placed", "Confirmed": "order.confirmed"}}
    shown: list[Any] = []
    http = FakeHttp(lambda request: json_response(shown[-1]))
    async with open_front(tmp_path, secrets=SECRETS, http=http, crm=table) as front:
        for minute, status in enumerate(["New", "Confirmed", "Ready", "Confirmed"]):
            shown.append(record(status, f"2026-11-24T10:{minute:02}:00Z"))
            await front.take(hubspot_hook(change(eventId=minute)))
            assert await fetch(front) == [""]
        assert await front.told() == ["order.placed", "order.confirmed", "order.ready", "order.reopened"]


def zoho(request: Request) -> Response:
    if request.path == "/oauth/v2/token":
        return json_response({"access_token": "1000.t", "expires_in": 3600, "api_domain": "https://www.zohoapis.eu"})
    assert request.headers["Authorization"] == "Zoho-oauthtoken 1000.t"
    row = {
        "id": "554023000000527002",
        "Order_No": "B-1042",
        "Order_Status": "Ready",
        "Customer_Email": "Ada@Example.com",
        "Modified_Time": "2026-11-24T11:14:00+01:00",
        "Created_Time": "2026-11-24T10:14:00+01:00",
    }
    return json_response({"data": [row], "info": {"more_records": False}})


async def test_zoho_is_believed_by_its_token_and_asked_for_the_record(tmp_path: Path) -> None:
    body = shared("samples/zoho-notification.json").read_bytes()
    http = FakeHttp(zoho)
    async with open_front(tmp_path, secrets=ZOHO_SECRETS, http=http, crm=ZOHO) as front:
        await front.take(AHook(source="crm", body=body))
        assert await fetch(front) == [""]
        assert await front.events() == [("554023000000527002:order.ready", "B-1042")]
        assert http.asked[-1].target.startswith("/crm/v8/Deals/554023000000527002?fields=Order_Status")
        with pytest.raises(HookRefused):
            await front.take(AHook(source="crm", body=body.replace(b"TOKEN_SET_BY_US", b"guessed")))


async def test_a_record_that_zoho_has_no_more_is_not_fetched_for_ever(tmp_path: Path) -> None:
    """It answers 204; fifty of these would keep all that comes after them from being fetched."""

    def answer(request: Request) -> Response:
        return zoho(request) if request.path == "/oauth/v2/token" else Response(status=204)

    async with open_front(tmp_path, secrets=ZOHO_SECRETS, http=FakeHttp(answer), crm=ZOHO) as front:
        await front.take(AHook(source="crm", body=shared("samples/zoho-notification.json").read_bytes()))
        assert "no such record" in (await fetch(front))[0]
        assert await fetch(front) == []


async def test_a_record_that_zoho_has_no_more_costs_no_other_that_is_named_with_it(tmp_path: Path) -> None:
    def answer(request: Request) -> Response:
        return Response(status=204) if request.path.endswith("/1") else zoho(request)

    body = msgspec.json.decode(shared("samples/zoho-notification.json").read_bytes())
    async with open_front(tmp_path, secrets=ZOHO_SECRETS, http=FakeHttp(answer), crm=ZOHO) as front:
        await front.take(AHook(source="crm", body=msgspec.json.encode(body | {"ids": ["1", *body["ids"]]})))
        assert await fetch(front) == ["Deals 1: not fetched: there is no such record any more"]
        assert await front.events() == [("554023000000527002:order.ready", "B-1042")]


@pytest.mark.parametrize("status", [200, 400])
async def test_what_zoho_gave_no_token_for_is_fetched_with_the_next(tmp_path: Path, status: int) -> None:
    http = FakeHttp(lambda request: json_response({"error": "invalid_code"}, status))
    body = msgspec.json.decode(shared("samples/zoho-notification.json").read_bytes())
    async with open_front(tmp_path, secrets=ZOHO_SECRETS, http=http, crm=ZOHO) as front:
        await front.take(AHook(source="crm", body=msgspec.json.encode(body | {"ids": [*body["ids"], "1"]})))
        assert "no access token was given" in (await fetch(front))[0]
        assert len(http.asked) == 1
        http.answer = zoho
        assert await fetch(front) == [""]


async def test_the_token_in_a_notification_is_not_kept_with_it(tmp_path: Path) -> None:
    """Who may read what is kept at the counter, or is handed all that is kept of them, would speak as the CRM by it."""
    async with open_front(tmp_path, secrets=ZOHO_SECRETS, http=FakeHttp(zoho), crm=ZOHO) as front:
        await front.take(AHook(source="crm", body=shared("samples/zoho-notification.json").read_bytes()))
        await front.take(AHook(source="crm", body=b'{"token": "TOKEN_SET_BY_US", "ids": [1]}'))
        waiting = (await front.box.quarantine.list(state="waiting", limit=9)).items
        bodies = [(await front.box.quarantine.get(each.seq)).body for each in waiting]
        assert len(bodies) == 2
        assert all(b"TOKEN_SET_BY_US" not in body and b"[secret]" in body for body in bodies)
        assert await fetch(front) == [""]


async def test_zoho_is_asked_for_every_field_that_is_read(tmp_path: Path) -> None:
    """It gives no other than it is asked for."""
    fields = {"country": "Mailing_Country", "phone": "Mobile", "ref": "Order_No"}
    brought = {"Mailing_Country": "Germany", "Mobile": "0151 23456789"}

    def answer(request: Request) -> Response:
        if request.path == "/oauth/v2/token":
            return zoho(request)
        (row,) = msgspec.json.decode(zoho(request).body)["data"]
        wanted = {"id", *dict(request.query)["fields"].split(",")}
        return json_response({"data": [{name: value for name, value in (row | brought).items() if name in wanted}]})

    table = {**ZOHO, **fields, "poll": "60s"}
    async with open_front(tmp_path, secrets=ZOHO_SECRETS, http=FakeHttp(answer), crm=table) as front:
        await front.poll("crm")
        (order,) = await front.box.views.orders_by_ref(["B-1042"])
        assert (order.customer.phone, order.customer.country) == ("0151 23456789", "Germany")


async def test_zoho_polled_and_nothing_changed(tmp_path: Path) -> None:
    def answer(request: Request) -> Response | Deferred:
        return zoho(request) if request.path == "/oauth/v2/token" else Response(status=304)

    async with open_front(tmp_path, secrets=ZOHO_SECRETS, http=FakeHttp(answer), crm={**ZOHO, "poll": "60s"}) as front:
        assert await front.poll("crm") == 60
        front.http.answer = zoho
        assert await front.poll("crm") == 60
        assert front.http.asked[-1].headers["If-Modified-Since"] == "2026-10-25T10:15:00+00:00"
        assert await front.events() == [("554023000000527002:order.ready", "B-1042")]


async def test_zoho_that_gives_no_token_says_why(tmp_path: Path) -> None:
    http = FakeHttp(lambda request: json_response({"error": "invalid_code"}))
    async with open_front(tmp_path, secrets=ZOHO_SECRETS, http=http, crm={**ZOHO, "poll": "60s"}) as front:
        assert await front.poll("crm") == 300
        assert "no access token was given" in front.intake.rows()[0].problem
        assert "invalid_code" in front.intake.rows()[0].problem
