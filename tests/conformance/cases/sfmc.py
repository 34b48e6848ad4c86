"""Salesforce Marketing Cloud, as its sheet tells it: the case sends by a transactional definition, a variant by a journey's event."""

from typing import Any

from daemon.channels.base import ReceiptUpdate
from outbox.outcome import ReceiptState
from tests.support.channel_case import EMAIL, PHONE, Answer, Case, Variant, says
from tests.support.good_requests import SFMC, SFMC_EVENT, SFMC_MAIL, SFMC_SEND

SUB = "mc0123456789abcdefghijklmnop"
KEY = "m1042ready0000000000000abc"


def error(code: str, words: str) -> Answer:
    status = 429 if code.startswith("50") else 400
    return says({"message": words, "errorcode": int(code), "documentation": "https://developer.salesforce.com"}, status)


def status(kind: str, **info: Any) -> Answer:
    event = f"TransactionalSendEvents.{kind}"
    told = {"messageKey": KEY, "contactKey": EMAIL, "to": EMAIL, **info}
    return says({"requestId": "r1", "eventCategoryType": event, "timestamp": "2026-11-24T04:15:00", "info": told})


CASE = Case(
    settings={"templates": {"order.ready": "order-ready"}, "account_id": "7281698"},
    secrets={"SFMC_SUBDOMAIN": SUB, "SFMC_CLIENT_ID": "client-0123456789", "SFMC_CLIENT_SECRET": "secret-0123456789"},
    out={"to": EMAIL},
    steps={
        rf"POST https://{SUB}\.auth\.marketingcloudapis\.com/v2/token$": says(
            {
                "access_token": "eyJ-token-0123456789",
                "token_type": "Bearer",
                "expires_in": 1079,
                "rest_instance_url": f"https://{SUB}.rest.marketingcloudapis.com/",
            }
        ),
        rf"POST https://{SUB}\.rest\.marketingcloudapis\.com/messaging/v1/(email|sms)/messages/{KEY}$": says(
            {"requestId": "r1", "errorcode": 0, "responses": [{"messageKey": KEY}]}, 202
        ),
        rf"GET https://{SUB}\.rest\.marketingcloudapis\.com/messaging/v1/(email|sms)/messages/{KEY}$": status(
            "EmailSent"
        ),
        rf"POST https://{SUB}\.rest\.marketingcloudapis\.com/interaction/v1/events$": says(
            {"eventInstanceId": "b4a4a0cd-8f2a-4a0e-9d2b-0a4c1c2f7a11"}, 201
        ),
    },
    write=r"POST .*\.rest\..*/(messages|events)",
    provider_id=KEY,
    error=error,
    codes={"50100": "deferred:throttled", "50200": "deferred:throttled"},
    statuses={404: "rejected:message"},
    rows=[
        (says({"message": "Duplicate messageKey", "errorcode": 10003}, 400), "rejected:message"),
        (says({"message": "Duplicate messageKey", "errorcode": 10003}, 409), "rejected:message"),
        (error("10006", "a field is missing"), "rejected:message"),
    ],
    lookups=[
        (status("EmailQueued"), f"found:{KEY}"),
        (status("EmailQueued", to="bob@example.com"), "cannot_tell"),
        (says({"message": "Not found", "errorcode": 404}, 404), "absent"),
    ],
    polls=[
        (status("EmailQueued"), []),
        (status("EmailSent", to="bob@example.com"), []),
        (status("EmailSent"), [ReceiptUpdate(state=ReceiptState.SENT, provider_id=KEY)]),
        (
            status("EmailNotSent", statusCode=19, statusMessage="Subscriber unsubscribed"),
            [
                ReceiptUpdate(
                    state=ReceiptState.UNDELIVERED,
                    provider_id=KEY,
                    code="19",
                    detail="Subscriber unsubscribed",
                    opted_out=True,
                )
            ],
        ),
    ],
    spec="sfmc.json",
    variants=[
        Variant(settings={"templates": {}, "event_definition_key": "APIEvent-balloon-order-status", "account_id": ""}),
        Variant(settings={"medium": "sms"}, out={"to": PHONE, "addresses": {"phone": PHONE}}),
        Variant(settings={"contact_key": "order_source_id", "fields": {"OrderId": "order_ref", "Store": "store_name"}}),
    ],
    good=[(SFMC, SFMC_EVENT), (SFMC_SEND, SFMC_MAIL)],
)
