"""SendGrid v3 Mail Send: https://www.twilio.com/docs/sendgrid/api-reference/mail-send (2026-11).

Quirks: the id is a response header and the body is empty; used-up credits are a 401 like a bad key, so the words decide; a
suppressed recipient is accepted and dropped later. Receipts can be polled only with the paid activity add-on: `activity = true`.
"""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from daemon.channels import _signed
from daemon.channels._http import HttpChannel
from daemon.channels._mail import headers, sender, subject
from daemon.channels._values import values_of
from daemon.channels._verdict import Problem, Verdict, channel, message, recipient
from daemon.channels.base import (
    Health,
    HttpSettings,
    Inbound,
    InboundRefused,
    InboundRequest,
    Misconfigured,
    Outgoing,
    PollPlan,
    ReceiptUpdate,
    Reply,
    Sent,
)
from daemon.http import Http, Request, Response, json_request, objects
from outbox.outcome import Accepted, ReceiptState

_HOSTS = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
_PHRASES = {
    "Maximum credits exceeded": "credits",
    "does not match a verified Sender Identity": "sender",
    "Temporary block": "blocked",
}
_EVENTS: Mapping[str, ReceiptState] = {
    "processed": ReceiptState.SENT,
    "delivered": ReceiptState.DELIVERED,
    "open": ReceiptState.READ,
    "click": ReceiptState.READ,
    "bounce": ReceiptState.UNDELIVERED,
    "dropped": ReceiptState.UNDELIVERED,
    "not_delivered": ReceiptState.UNDELIVERED,
}
_SILENCE = frozenset({"spamreport", "unsubscribe", "group_unsubscribe"})
_DROPPED_FOR_SILENCE = frozenset({"Unsubscribed Address", "Spam Reporting Address"})
_DEAD = frozenset({"Bounced Address", "Invalid"})


class SendGridSettings(HttpSettings, frozen=True, kw_only=True):
    from_: str = msgspec.field(name="from")
    region: Literal["global", "eu"] = "global"
    templates: Mapping[str, str] = {}
    """Event type -> id (`d-...`) of a dynamic template."""
    unsubscribe_group: int | None = None
    activity: bool = False
    """The account has the activity history add-on: receipts are polled."""


class SendGrid(HttpChannel):
    name = "sendgrid"
    medium = "email"
    title = "SendGrid"
    address_kinds = ("email",)
    secrets_begin: ClassVar[Mapping[str, tuple[str, ...]]] = {"SENDGRID_API_KEY": ("SG.",)}
    rank = 10
    Settings = SendGridSettings
    secrets = ("SENDGRID_API_KEY",)
    optional_secrets = ("SENDGRID_WEBHOOK_PUBLIC_KEY",)
    console = "app.sendgrid.com, Settings, API Keys"
    default_rate = 50
    tells_delivery = True

    CODES: ClassVar[Mapping[str, Verdict]] = {
        "credits": channel("the plan's credits are used up: upgrade it, or wait for the next period", after=3600),
        "sender": channel("verify `from` at app.sendgrid.com: Settings, Sender Authentication"),
        "blocked": channel("SendGrid blocks the account for a while after many bad requests", after=600),
        "to": recipient("this is not a mail address"),
    }
    STATUSES: ClassVar[Mapping[int, Verdict]] = {406: message()}

    settings: SendGridSettings

    def __init__(self, settings: SendGridSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        self.origin = _HOSTS[settings.region]
        self.poll = PollPlan(delays=(60, 300, 1800, 7200, 43200), batch=20) if settings.activity else None
        self.sender = sender(settings.from_, "channels.sendgrid.from")
        self.headers = {"Authorization": f"Bearer {self.secret['SENDGRID_API_KEY']}"}
        self._public_key = _key(self.secret.get("SENDGRID_WEBHOOK_PUBLIC_KEY", ""))

    def build(self, out: Outgoing) -> Request:
        person: dict[str, Any] = {
            "to": [{"email": out.to, **_named(out.name)}],
            "custom_args": {"msg_ref": out.reference},
        }
        body: dict[str, Any] = {
            "personalizations": [person],
            "from": {"email": self.sender.address, **_named(self.sender.name)},
            "headers": headers(out, self.sender),
        }
        if out.reply_to:
            body["reply_to"] = {"email": out.reply_to}
        template = self.settings.templates.get(out.trigger)
        if template:
            body["template_id"] = template
            person["dynamic_template_data"] = values_of(out)
        else:
            body["subject"] = subject(out)
            body["content"] = [{"type": "text/plain", "value": out.rendered.text}]
            if out.rendered.html:
                body["content"].append({"type": "text/html", "value": out.rendered.html})
        if self.settings.unsubscribe_group is not None:
            body["asm"] = {"group_id": self.settings.unsubscribe_group}
        return json_request("POST", "/v3/mail/send", body, headers=self.headers)

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        return Accepted(response.headers.get("x-message-id", ""))

    def problem(self, response: Response) -> Problem:
        error = next(iter(objects(response.object().get("errors"))), {})
        text = str(error.get("message") or "")
        code = next((code for phrase, code in _PHRASES.items() if phrase in text), "")
        if not code and str(error.get("field") or "").startswith("personalizations.0.to"):
            code = "to"
        return Problem(code, text)

    # what became of it

    def receipts_request(self, sent: Sequence[Sent]) -> Request | None:
        ids = [each.attempt.provider_id for each in sent if each.attempt.provider_id]
        if not ids or not self.settings.activity:
            return None
        query = " OR ".join(f"msg_id LIKE '{sid}%'" for sid in ids)
        limit = str(min(len(ids) * 2, 1000))
        return Request(
            method="GET", path="/v3/messages", query=[("limit", limit), ("query", query)], headers=self.headers
        )

    def read_receipts(self, response: Response, sent: Sequence[Sent]) -> Sequence[ReceiptUpdate]:
        rows = objects(response.object().get("messages"))
        return [
            ReceiptUpdate(state=_EVENTS[str(row.get("status"))], provider_id=_id(row.get("msg_id")))
            for row in rows
            if str(row.get("status")) in _EVENTS and row.get("msg_id")
        ]

    def receive(self, request: InboundRequest) -> Inbound:
        self._verify(request)
        events = objects(Response(status=200, body=request.body).json())
        updates = [_receipt(event) for event in events]
        wishes = [
            Reply(address=str(event["email"]), id=str(event.get("sg_event_id") or ""), consent="stop")
            for event in events
            if str(event.get("event")) in _SILENCE and event.get("email") and not self._is_of_another_group(event)
        ]
        return Inbound(receipts=[update for update in updates if update], replies=wishes)

    def _is_of_another_group(self, event: Mapping[str, Any]) -> bool:
        """The account's posts tell of all its mail: who has enough of the newsletter's group still waits for word on an order."""
        group = event.get("asm_group_id")
        return (
            event.get("event") == "group_unsubscribe"
            and isinstance(group, int)
            and group != self.settings.unsubscribe_group
        )

    def _verify(self, request: InboundRequest) -> None:
        if self._public_key is None:
            raise InboundRefused(
                "SENDGRID_WEBHOOK_PUBLIC_KEY is needed to check SendGrid's signature: put it in .env", status=503
            )
        stamp = request.headers.get("x-twilio-email-event-webhook-timestamp", "")
        given = request.headers.get("x-twilio-email-event-webhook-signature", "")
        text = stamp.encode() + request.body
        if not _signed.by_elliptic_key(self._public_key, _decode(given), text):
            raise InboundRefused("the signature does not hold: is SENDGRID_WEBHOOK_PUBLIC_KEY the one of this webhook?")

    def check_request(self) -> Request:
        return Request(method="GET", path="/v3/scopes", headers=self.headers)

    def read_check(self, response: Response) -> Health:
        scopes = response.object().get("scopes")
        if isinstance(scopes, list) and "mail.send" not in scopes:
            remedy = f"give the key the Mail Send permission ({self.console})"
            return Health(ok=False, summary="the key may not send mail", remedy=remedy)
        return Health(ok=True, summary="the key holds and may send mail")


def _named(name: str) -> dict[str, str]:
    return {"name": name} if name else {}


def _key(text: str) -> Any:
    if not text:
        return None
    try:
        return _signed.elliptic_key(_decode(text))
    except _signed.KeyUnreadable as error:
        where = "copy it whole from Mail Settings, Event Webhook"
        raise Misconfigured(f"SENDGRID_WEBHOOK_PUBLIC_KEY is no public key ({error}): {where}") from error


def _decode(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""


def _id(sg_message_id: Any) -> str:
    """The X-Message-Id within an event's `sg_message_id`: what stands before `.filter...` or `.recvd-...`."""
    return str(sg_message_id).split(".filter")[0].split(".recvd")[0]


def _receipt(event: Mapping[str, Any]) -> ReceiptUpdate | None:
    """Of a mail of ours: each bears our reference. A bounce that comes late has no id of theirs."""
    state, reference = _EVENTS.get(str(event.get("event"))), event.get("msg_ref")
    if state is None or not reference:
        return None
    failed = state is ReceiptState.UNDELIVERED
    reason = str(event.get("reason") or "")
    return ReceiptUpdate(
        state=state,
        provider_id=_id(event.get("sg_message_id") or ""),
        reference=str(reference),
        code=str(event.get("status") or event.get("event")) if failed else "",
        detail=reason if failed else "",
        at=int(event["timestamp"]) * 1000 if isinstance(event.get("timestamp"), int) else None,
        opted_out=failed and reason in _DROPPED_FOR_SILENCE,
        bad_address=failed and (reason in _DEAD or event.get("type") == "bounce"),
    )
