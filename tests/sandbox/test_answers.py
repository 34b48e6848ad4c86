"""The stand-ins' answers have the shape that the vendors' own descriptions give them, good ones and refusals."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from daemon.sandbox.exchange import Call
from tests.support.good_requests import (
    FCM,
    HUBSPOT,
    HUBSPOT_MAIL,
    HUBSPOT_ORDERS,
    HUBSPOT_SEND,
    INTERCOM_MESSAGE,
    KLAVIYO_EVENT,
    MAILGUN,
    MAILGUN_MAIL,
    OUTLOOK,
    OUTLOOK_MAIL,
    PLIVO,
    PLIVO_SMS,
    SENDGRID_MAIL,
    SES,
    SES_MAIL,
    SFMC,
    SFMC_EVENT,
    SFMC_MAIL,
    SFMC_SEND,
    SLACK,
    SLACK_MESSAGE,
    TWILIO,
    TWILIO_SMS,
    VONAGE_MESSAGE,
    VONAGE_SMS,
    WHATSAPP,
    WHATSAPP_TEMPLATE,
    WHATSAPP_TEXT,
    WOOCOMMERCE,
)
from tests.support.shared import shared
from tests.support.stand_in import C, Said, StandIns

if TYPE_CHECKING:  # imported where it is used: it takes its time, in each process that collects tests
    from openapi_core import OpenAPI
    from openapi_core.datatypes import RequestParameters


@dataclass(frozen=True)
class Request:
    host_url: str
    path: str
    method: str
    body: bytes | None
    content_type: str
    parameters: "RequestParameters"


@dataclass(frozen=True)
class Response:
    data: bytes
    status_code: int
    content_type: str
    headers: Any


@cache
def description(file: Path) -> "OpenAPI":
    from openapi_core import OpenAPI

    return OpenAPI.from_dict(json.loads(file.read_text()))


def complaints(file: Path, host: str, path: str, call: Call, said: Said) -> list[str]:
    from openapi_core.datatypes import RequestParameters
    from werkzeug.datastructures import Headers, ImmutableMultiDict

    query = parse_qsl(call.wire_query, keep_blank_values=True)
    request = Request(
        host_url=host,
        path=path,
        method=call.method.lower(),
        body=call.body or None,
        content_type=call.headers.get("Content-Type", ""),
        parameters=RequestParameters(query=ImmutableMultiDict(query), header=Headers(list(call.headers.items()))),
    )
    kind = said.headers.get("Content-Type", "application/json").partition(";")[0]
    response = Response(said.text.encode(), said.status, kind, Headers(list(said.headers.items())))
    found = []
    for error in description(file).iter_response_errors(request, response):
        reasons = getattr(error.__cause__, "schema_errors", None) or [error.__cause__ or error]
        found += [f"{type(error).__name__}: {str(reason)[:300]}" for reason in reasons]
    return found


PROPERTY = {"name": "s", "label": "S", "type": "string", "fieldType": "text", "groupName": "order"}
MAILGUN_DOMAIN = "/v3/mg.example.com"
PHONE = "/v23.0/106540352242922"
REPORT = {"account_id": C["VONAGE_API_KEY"], "product": "SMS", "id": "x"}
JSON_API = {"Content-Type": "application/vnd.api+json"}
SIGNED_OUT = {"signed": False}

CASES: list[tuple[str, str, str, str, dict[str, Any], int]] = [
    ("twilio", "https://api.twilio.com", "POST", TWILIO, {"form": TWILIO_SMS}, 201),
    ("twilio", "https://api.twilio.com", "POST", TWILIO, {"form": {**TWILIO_SMS, "To": "+15005550001"}}, 400),
    ("twilio", "https://api.twilio.com", "POST", TWILIO, {"form": TWILIO_SMS, **SIGNED_OUT}, 401),
    ("twilio", "https://api.twilio.com", "GET", TWILIO, {"query": {"To": "+447700900123"}}, 200),
    ("vonage", "https://rest.nexmo.com", "POST", "/sms/json", {"form": VONAGE_SMS}, 200),
    ("vonage", "https://rest.nexmo.com", "POST", "/sms/json", {"form": {**VONAGE_SMS, "to": "447700900903"}}, 200),
    ("vonage", "https://api.nexmo.com", "POST", "/v1/messages", {"value": VONAGE_MESSAGE}, 202),
    ("vonage", "https://api.nexmo.com", "GET", "/v2/reports/records", {"query": REPORT}, 200),
    ("plivo", "https://api.plivo.com", "POST", PLIVO, {"value": PLIVO_SMS}, 202),
    ("plivo", "https://api.plivo.com", "POST", PLIVO, {"value": {**PLIVO_SMS, "text": ""}}, 400),
    ("plivo", "https://api.plivo.com", "GET", PLIVO, {}, 200),
    ("sendgrid", "https://api.sendgrid.com", "POST", "/v3/mail/send", {"value": SENDGRID_MAIL}, 202),
    ("sendgrid", "https://api.sendgrid.com", "POST", "/v3/mail/send", {"value": {**SENDGRID_MAIL, "subject": ""}}, 400),
    ("sendgrid", "https://api.sendgrid.com", "GET", "/v3/messages", {"query": {"limit": "10", "query": "to_email=\"a@b.c\""}}, 200),
    ("mailgun", "https://api.mailgun.net", "POST", MAILGUN, {"form": MAILGUN_MAIL}, 200),
    ("mailgun", "https://api.mailgun.net", "POST", MAILGUN, {"form": {**MAILGUN_MAIL, "to": "x"}}, 400),
    ("mailgun", "https://api.mailgun.net", "GET", f"{MAILGUN_DOMAIN}/events", {}, 200),
    ("outlook", "https://graph.microsoft.com/v1.0", "POST", OUTLOOK, {"value": OUTLOOK_MAIL}, 202),
    ("outlook", "https://graph.microsoft.com/v1.0", "POST", OUTLOOK, {"value": OUTLOOK_MAIL, **SIGNED_OUT}, 401),
    ("slack", "https://slack.com/api", "POST", SLACK, {"value": SLACK_MESSAGE}, 200),
    ("slack", "https://slack.com/api", "POST", SLACK, {"value": {**SLACK_MESSAGE, "text": ""}}, 200),
    ("slack", "https://slack.com/api", "POST", "/api/auth.test", {}, 200),
    ("whatsapp", "https://graph.facebook.com", "POST", WHATSAPP, {"value": WHATSAPP_TEMPLATE}, 200),
    ("whatsapp", "https://graph.facebook.com", "POST", WHATSAPP, {"value": WHATSAPP_TEXT}, 400),
    ("whatsapp", "https://graph.facebook.com", "GET", f"{PHONE}/message_history", {}, 200),
    ("intercom", "https://api.intercom.io", "POST", "/messages", {"value": INTERCOM_MESSAGE}, 200),
    ("intercom", "https://api.intercom.io", "POST", "/messages", {"value": {**INTERCOM_MESSAGE, "body": ""}}, 400),
    ("intercom", "https://api.intercom.io", "GET", "/me", {}, 200),
    ("klaviyo", "https://a.klaviyo.com", "POST", "/api/events", {"value": KLAVIYO_EVENT, "headers": JSON_API}, 202),
    ("klaviyo", "https://a.klaviyo.com", "GET", "/api/metrics", {}, 200),
    ("klaviyo", "https://a.klaviyo.com", "GET", "/api/events", {}, 200),
    ("hubspot", "https://api.hubapi.com", "POST", HUBSPOT, {"value": HUBSPOT_ORDERS}, 200),
    ("hubspot", "https://api.hubapi.com", "POST", HUBSPOT, {"value": {"inputs": []}}, 400),
    ("hubspot", "https://api.hubapi.com", "POST", "/crm/v3/properties/orders", {"value": PROPERTY}, 201),
    ("hubspot", "https://api.hubapi.com", "POST", HUBSPOT_SEND, {"value": HUBSPOT_MAIL}, 200),
    ("sfmc", "https://x.rest.marketingcloudapis.com", "POST", SFMC, {"value": SFMC_EVENT}, 201),
    ("sfmc", "https://x.rest.marketingcloudapis.com", "POST", SFMC_SEND, {"value": SFMC_MAIL}, 202),
    ("sfmc", "https://x.rest.marketingcloudapis.com", "GET", "/messaging/v1/email/messages/no", {}, 404),
    ("woocommerce", "https://shop.example.com", "POST", WOOCOMMERCE, {"value": {"note": "Ready", "customer_note": True}}, 201),
    ("woocommerce", "https://shop.example.com", "GET", WOOCOMMERCE, {}, 200),
    ("fcm", "https://fcm.googleapis.com", "POST", FCM, {"value": {"message": {"token": "abc"}}}, 200),
    ("fcm", "https://fcm.googleapis.com", "POST", FCM, {"value": {"message": {"token": "x-undelivered"}}}, 404),
]  # fmt: skip


@pytest.mark.parametrize(("name", "host", "method", "path", "what", "status"), CASES)
def test_answers_have_the_vendors_shape(
    stand_ins: StandIns, name: str, host: str, method: str, path: str, what: dict[str, Any], status: int
) -> None:
    call = stand_ins.call(name, method, path, **what)
    said = stand_ins.answer(name, call)
    assert said.status == status
    base = "/" + "/".join(host.split("/")[3:]) if host.count("/") > 2 else ""
    origin = "/".join(host.split("/")[:3])
    assert path.startswith(base)
    assert complaints(shared(f"specs/{name}.json"), origin, path, call, said) == []


def test_an_answer_of_another_shape_would_be_noticed(stand_ins: StandIns) -> None:
    call = stand_ins.call("twilio", "POST", TWILIO, form=TWILIO_SMS)
    said = stand_ins.answer("twilio", call)
    said.text = said.text.replace('"queued"', '"on its way"')
    assert complaints(shared("specs/twilio.json"), "https://api.twilio.com", TWILIO, call, said)


@pytest.mark.parametrize(
    ("method", "path", "shape", "value"),
    [
        ("POST", SES, "SendEmailResponse", True),
        ("GET", "/v2/email/account", "GetAccountResponse", False),
        ("GET", "/v2/email/suppression/addresses/invalid@example.com", "GetSuppressedDestinationResponse", False),
    ],
)
def test_amazon_answers_have_members_of_their_model(
    stand_ins: StandIns, method: str, path: str, shape: str, value: bool
) -> None:
    said = stand_ins.ask("ses", method, path, **({"value": SES_MAIL} if value else {}))
    model = json.loads(shared("specs/ses.botocore.json").read_text())["shapes"]
    assert said.json.keys() <= model[shape]["members"].keys()
