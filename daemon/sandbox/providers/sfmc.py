"""Salesforce Marketing Cloud Engagement: token, journey entry event, transactional messages
(https://developer.salesforce.com/docs/marketing/marketing-cloud/guide)."""

from collections.abc import Mapping
from datetime import timedelta, timezone
from typing import Any, ClassVar

from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.fate import Fate, Stage, fate_of
from daemon.sandbox.mailbox import Arrival
from daemon.sandbox.providers.base import Provider, Routes, as_list, as_object, as_text, whole, with_headers
from daemon.sandbox.times import moment

LIFETIME = 1079
_CENTRAL = timezone(timedelta(hours=-6))
"""Their timestamps are in Central Standard Time, summer and winter."""
_DOCS = "https://developer.salesforce.com/docs/atlas.en-us.mc-apis.meta/mc-apis/error-handling.htm"


class Sfmc(Provider):
    name = "sfmc"
    medium = "crm"
    secrets: ClassVar[Mapping[str, str]] = {
        "SFMC_SUBDOMAIN": "mcsandbox00000000000000000000",
        "SFMC_CLIENT_ID": "sandbox-sfmc-client",
        "SFMC_CLIENT_SECRET": "sandbox-sfmc-secret",
    }
    table: ClassVar[Mapping[str, Any]] = {
        "event_definition_key": "APIEvent-balloon-order-status",
        "account_id": "7281698",
    }

    def routes(self) -> Routes:
        return {
            "POST /interaction/v1/events": self.event,
            "POST /interaction/v1/async/events": self.events,
            "POST /messaging/v1/email/messages/{key}": self.send_email,
            "GET /messaging/v1/email/messages/{key}": self.status,
            "POST /messaging/v1/sms/messages/{key}": self.send_sms,
            "GET /messaging/v1/sms/messages/{key}": self.status,
            "GET /platform/v1/tokenContext": self.context,
        }

    def authorize(self, call: Call) -> None:
        if not self.world.tokens.good(self.name, call.token(), call.now):
            raise self.refuse(401, "0", "Not Authorized")

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        number = int(code) if code.isdecimal() else 10006
        return reply(status, {"message": text or "Error", "errorcode": number, "documentation": _DOCS})

    def throttled(self, call: Call, seconds: float) -> Response:
        wait = whole(seconds)
        value = {"message": "Rate limit exceeded", "errorcode": 50100, "retryAfter": int(wait), "documentation": _DOCS}
        return with_headers(reply(429, value), {"Retry-After": wait})

    # ------------------------------------------------------------ journeys

    def event(self, call: Call) -> Response:
        body = as_object(call.json)
        contact, key = as_text(body.get("ContactKey")), as_text(body.get("EventDefinitionKey"))
        self._check_event(contact, key)
        id = self.uuid()
        self._enter(call, id, contact, key, body.get("Data"))
        return reply(201, {"eventInstanceId": id})

    def events(self, call: Call) -> Response:
        body = as_object(call.json)
        key, members = as_text(body.get("eventDefinitionKey")), [as_object(m) for m in as_list(body.get("members"))]
        if not 1 <= len(members) <= 100:
            raise self.refuse(400, "30000", "members must have 1 to 100 entries")
        for member in members:
            self._check_event(as_text(member.get("contactKey")), key)
        for member in members:
            self._enter(call, self.uuid(), as_text(member["contactKey"]), key, member.get("data"))
        return reply(201, {"requestId": self.uuid(), "count": len(members), "notQueuedCount": 0, "members": []})

    def _check_event(self, contact: str, key: str) -> None:
        if not contact:
            raise self.refuse(400, "30000", "ContactKey is required")
        if not key or "." in key or "missing" in key.split("-"):
            raise self.refuse(400, "30003", "EventDefinitionKey is not valid")
        if fate_of(contact) is Fate.INVALID:
            raise self.refuse(400, "30000", "The contact is not active")

    def _enter(self, call: Call, id: str, contact: str, key: str, data: Any) -> None:
        fields = as_object(data)
        self.accept(
            call,
            id=id,
            to=as_text(fields.get("EmailAddress")) or contact,
            subject=key,
            text=as_text(fields.get("Status")) or key,
            reference=as_text(fields.get("EventId")),
            data={"contact": contact, **fields},
        )

    # ------------------------------------------------------------ transactional messages

    def send_email(self, call: Call, key: str) -> Response:
        return self._send(call, key, "email")

    def send_sms(self, call: Call, key: str) -> Response:
        return self._send(call, key, "sms")

    def _send(self, call: Call, key: str, medium: str) -> Response:
        body = as_object(call.json)
        definition, recipient = as_text(body.get("definitionKey")), as_object(body.get("recipient"))
        to = as_text(recipient.get("to"))
        if not definition or not recipient.get("contactKey") or not to or len(key) > 100:
            raise self.refuse(400, "10006", "definitionKey, recipient.contactKey and recipient.to are required")
        if "missing" in definition.split("-"):
            raise self.refuse(404, "10002", "The definition does not exist")
        if self.world.mailbox.find(self.name, key):
            raise self.refuse(400, "10001", f"The messageKey {key} is a duplicate")
        variables = as_object(recipient.get("attributes"))
        self.accept(
            call,
            id=key,
            to=to,
            medium=medium,
            subject=definition,
            reference=key,
            data={"template": definition, "variables": variables},
        )
        return reply(202, {"requestId": self.uuid(), "errorcode": 0, "responses": [{"messageKey": key}]})

    def status(self, call: Call, key: str) -> Response:
        arrival = self.world.mailbox.find(self.name, key)
        if arrival is None:
            raise self.refuse(404, "10003", f"The messageKey {key} was not found")
        return reply(200, self._status(arrival, call.now))

    def _status(self, arrival: Arrival, now: int) -> dict[str, Any]:
        step = self.stage(arrival, now)
        word = {Stage.QUEUED: "Queued", Stage.UNDELIVERED: "NotSent"}.get(step, "Sent")
        info: dict[str, Any] = {"messageKey": arrival.id, "contactKey": arrival.to, "to": arrival.to}
        if step is Stage.UNDELIVERED:
            info |= {
                "statusCode": 24,
                "statusMessage": "Unsubscribed" if arrival.fate is Fate.OPTED_OUT else "Undeliverable",
            }
        return {
            "requestId": self.uuid(),
            "eventCategoryType": f"TransactionalSendEvents.{'SMS' if arrival.medium == 'sms' else 'Email'}{word}",
            "timestamp": moment(now).astimezone(_CENTRAL).strftime("%Y-%m-%dT%H:%M:%S.00"),
            "compositeId": "1F36.1.2.1.3",
            "info": info,
        }

    def context(self, call: Call) -> Response:
        return reply(200, {"organization": {"id": 7281698}, "user": {"id": 1}})

    # ------------------------------------------------------------ tokens

    def token_routes(self) -> Routes:
        return {"POST /v2/token": self.token}

    def token(self, call: Call) -> Response:
        """POST {auth}/v2/token"""
        body, secrets = as_object(call.json), self.world.secrets
        if body.get("grant_type") != "client_credentials":
            return _oauth_error(400, "unsupported_grant_type", "Grant type not supported.")
        if (
            body.get("client_id") != secrets["SFMC_CLIENT_ID"]
            or body.get("client_secret") != secrets["SFMC_CLIENT_SECRET"]
        ):
            return _oauth_error(
                401, "invalid_client", "Invalid client ID. Use the client ID in Marketing Cloud Installed Packages."
            )
        host = call.headers.get("Host", "127.0.0.1")
        value = {
            "access_token": self.world.tokens.issue(self.name, call.now, LIFETIME),
            "token_type": "Bearer",
            "expires_in": LIFETIME,
            "scope": "journeys_execute email_send sms_send",
            "soap_instance_url": f"http://{host}/sfmc/",
            "rest_instance_url": f"http://{host}/sfmc/",
        }
        return reply(200, value)


def _oauth_error(status: int, error: str, text: str) -> Response:
    return reply(
        status, {"error": error, "error_description": text, "error_uri": "https://developer.salesforce.com/docs"}
    )
