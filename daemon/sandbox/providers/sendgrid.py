"""SendGrid v3: mail send, Email Activity and suppressions (https://www.twilio.com/docs/sendgrid/api-reference).

The id is in the `X-Message-Id` header; the body of a 202 is empty. A suppressed recipient is taken all the same.
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import unquote

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from daemon.sandbox.callback import Callback, CustomerAct, Deed
from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.fate import Fate, Stage, fate_of
from daemon.sandbox.mailbox import Arrival
from daemon.sandbox.providers.base import Provider, Routes, as_list, as_object, as_text, with_headers
from daemon.sandbox.times import iso

_STATUS = {
    Stage.QUEUED: "processed",
    Stage.SENT: "processed",
    Stage.DELIVERED: "delivered",
    Stage.UNDELIVERED: "not_delivered",
}
_SUPPRESSED = {"bounces": Fate.UNDELIVERED, "invalid_emails": Fate.INVALID, "blocks": None, "spam_reports": None}

_TOLD: Mapping[Deed, str] = {"complains": "spamreport", "unsubscribes": "unsubscribe"}


MAIL_KEY = ec.derive_private_key(0x5A5A5A5A5A5A5A5A, ec.SECP256R1())
"""Signs its events. Known to everybody, like the secrets below."""


class SendGrid(Provider):
    name = "sendgrid"
    medium = "email"
    tells = frozenset({"complains", "unsubscribes"})
    secrets: ClassVar[Mapping[str, str]] = {
        "SENDGRID_API_KEY": "SG.sandbox.sandbox",
        "SENDGRID_WEBHOOK_PUBLIC_KEY": b64encode(
            MAIL_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ).decode(),
    }
    table: ClassVar[Mapping[str, Any]] = {"from": "orders@example.com"}

    def routes(self) -> Routes:
        return {
            "POST /v3/mail/send": self.send,
            "GET /v3/messages": self.activity,
            "GET /v3/messages/{id}": self.message,
            "GET /v3/suppression/{list}/{email}": self.suppression,
            "GET /v3/asm/suppressions/global/{email}": self.unsubscribed,
            "GET /v3/scopes": self.scopes,
        }

    def authorize(self, call: Call) -> None:
        if call.token() != self.world.secrets["SENDGRID_API_KEY"]:
            text = "The provided authorization grant is invalid, expired, or revoked"
            raise self.refuse(401, "", text)

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        return reply(status, {"errors": [{"message": text or "internal error", "field": code or None}]})

    def throttled(self, call: Call, seconds: float) -> Response:
        """No Retry-After here: the reset is a moment, in unix seconds."""
        reset = str(round(call.now / 1000 + seconds))
        headers = {"X-RateLimit-Limit": "600", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
        return with_headers(self.problem(429, "", "too many requests"), headers)

    # ------------------------------------------------------------ mail send

    def send(self, call: Call) -> Response:
        if call.media_type != "application/json":
            raise self.refuse(415, "", "Content-Type should be application/json.")
        body = as_object(call.json)
        sender = as_text(as_object(body.get("from")).get("email"))
        local, at, domain = sender.partition("@")
        if not (local and at and "." in domain):
            raise self.refuse(400, "from.email", "The from email does not contain a valid address.")
        people = as_list(body.get("personalizations"))
        if not 1 <= len(people) <= 1000:
            raise self.refuse(
                400, "personalizations", "The personalizations field is required and must have at least one."
            )
        self._check_content(body, people)
        envelopes = [self._recipients(index, as_object(person)) for index, person in enumerate(people)]
        if as_object(as_object(body.get("mail_settings")).get("sandbox_mode")).get("enable") is True:
            return reply(200, {})
        request_id = f"{self.hex(11)}.{self.hex(3)}.{self.hex(6)}"
        for person, envelope in zip(people, envelopes, strict=True):
            for to in envelope:
                self._take(call, body, as_object(person), to, sender, request_id)
        return Response(202, headers={"X-Message-Id": request_id})

    def _check_content(self, body: Any, people: list[Any]) -> None:
        if "reply_to" in body and "reply_to_list" in body:
            raise self.refuse(400, "reply_to", "The reply_to and reply_to_list parameters are mutually exclusive.")
        if len(as_list(body.get("categories"))) > 10:
            raise self.refuse(400, "categories", "You can only have 10 categories per message")
        if body.get("template_id"):
            return
        if not body.get("subject") and not all(as_object(person).get("subject") for person in people):
            raise self.refuse(
                400, "subject", "The subject is required. You can get around this requirement if you use a template."
            )
        content = [as_object(part) for part in as_list(body.get("content"))]
        if not content or not all(as_text(part.get("value")) for part in content):
            raise self.refuse(
                400, "content", "Unless a valid template_id is provided, the content parameter is required."
            )
        kinds = [part.get("type") for part in content]
        if "text/plain" in kinds and kinds[0] != "text/plain":
            raise self.refuse(
                400,
                "content",
                "If present, text/plain and text/html may only be provided once; text/plain must be first.",
            )

    def _recipients(self, index: int, person: Any) -> list[str]:
        field = f"personalizations.{index}.to"
        to = [as_text(as_object(entry).get("email")) for entry in as_list(person.get("to"))]
        if not to:
            raise self.refuse(400, field, "The to array is required for all personalization objects.")
        for position, address in enumerate(to):
            local, at, domain = address.partition("@")
            if not (local and at and "." in domain and local.isascii()):
                raise self.refuse(400, f"{field}.{position}.email", "Does not contain a valid address.")
        arguments = as_object(person.get("custom_args"))
        if not all(isinstance(value, str) for value in arguments.values()):
            raise self.refuse(400, f"personalizations.{index}.custom_args", "custom_args values must be strings")
        return to

    def _take(self, call: Call, body: Any, person: Any, to: str, sender: str, request_id: str) -> None:
        parts = {
            as_text(as_object(p).get("type")): as_text(as_object(p).get("value")) for p in as_list(body.get("content"))
        }
        arguments = {**as_object(body.get("custom_args")), **as_object(person.get("custom_args"))}
        template = as_text(body.get("template_id"))
        self.accept(
            call,
            id=f"{request_id}.filter0001.{self.hex(8)}.0",
            to=to,
            sender=sender,
            subject=as_text(person.get("subject") or body.get("subject")),
            text=parts.get("text/plain", ""),
            html=parts.get("text/html", ""),
            reference=next((value for value in arguments.values() if value), ""),
            data={"template": template, "variables": person.get("dynamic_template_data", {})} if template else {},
        )

    # ------------------------------------------------------------ what recipients do

    def callback(self, word: CustomerAct, url: str) -> Callback:
        """An event of the signed Event Webhook (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event)."""
        stamp = str(word.at // 1000)
        event = {
            "email": word.customer,
            "timestamp": word.at // 1000,
            "event": _TOLD[word.deed],
            "sg_event_id": self.hex(22),
            "sg_message_id": word.answers,
        }
        body = msgspec.json.encode([event])
        signature = MAIL_KEY.sign(stamp.encode() + body, ec.ECDSA(SHA256()))
        headers = {
            "X-Twilio-Email-Event-Webhook-Signature": b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
            "Content-Type": "application/json",
        }
        return Callback(headers, body)

    # ------------------------------------------------------------ what became of it

    def activity(self, call: Call) -> Response:
        """`query` in its two simplest forms: msg_id LIKE '<prefix>%' and to_email="..."."""
        limit, query = call.number("limit", 10), call.query.get("query", "")
        if not 1 <= limit <= 1000:
            raise self.refuse(400, "limit", "limit must be between 1 and 1000")
        found = self.mine()
        if "msg_id" in query:
            prefixes = tuple(
                part.split("'")[1].removesuffix("%") for part in query.split("msg_id")[1:] if part.count("'") > 1
            )
            found = [a for a in found if a.id.startswith(prefixes)]
        elif "to_email" in query:
            wanted = query.partition("=")[2].strip("\"' ")
            found = [a for a in found if a.to == wanted]
        return reply(200, {"messages": [self._summary(a, call.now) for a in found[:limit]]})

    def message(self, call: Call, id: str) -> Response:
        arrival = self.world.mailbox.find(self.name, id)
        if arrival is None:
            raise self.refuse(404, "", "not found")
        step = self.stage(arrival, call.now)
        names = {Stage.DELIVERED: ["processed", "delivered"], Stage.UNDELIVERED: ["processed", "bounced"]}.get(
            step, ["processed"]
        )
        events = [{"event_name": name, "processed": iso(arrival.at)} for name in names]
        return reply(200, {**self._summary(arrival, call.now), "events": events})

    def _summary(self, arrival: Arrival, now: int) -> dict[str, Any]:
        return {
            "msg_id": arrival.id,
            "from_email": arrival.sender,
            "to_email": arrival.to,
            "subject": arrival.subject,
            "status": _STATUS[self.stage(arrival, now)],
            "opens_count": 0,
            "clicks_count": 0,
            "last_event_time": iso(now),
        }

    def suppression(self, call: Call, kind: str, email: str) -> Response:
        if kind not in _SUPPRESSED:
            raise self.refuse(404, "", "not found")
        address = unquote(email)
        listed = fate_of(address) is _SUPPRESSED[kind] and any(a.to == address for a in self.mine())
        entry = {"created": call.now // 1000, "email": address, "reason": "550 5.1.1 no such user", "status": "5.1.1"}
        return reply(200, [entry] if listed else [])

    def unsubscribed(self, call: Call, email: str) -> Response:
        address = unquote(email)
        return reply(200, {"recipient_email": address} if fate_of(address) is Fate.OPTED_OUT else {})

    def scopes(self, call: Call) -> Response:
        return reply(200, {"scopes": ["mail.send", "messages.read", "suppression.read"]})
