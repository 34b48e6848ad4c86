"""Amazon SES API v2: SendEmail, bulk, account, insights, suppression (https://docs.aws.amazon.com/ses/latest/APIReference-V2).

Signatures are verified for real. The mailbox simulator's addresses (success@, bounce@, complaint@, suppressionlist@ at
simulator.amazonses.com) do what AWS says of them.
"""

from collections.abc import Mapping
from email import message_from_bytes
from email.policy import default as mail_policy
from typing import Any, ClassVar

import msgspec

from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.fate import Fate, Stage, fate_of
from daemon.sandbox.mailbox import Arrival
from daemon.sandbox.providers.base import Provider, Routes, as_list, as_object, as_text
from daemon.sandbox.sigv4 import SignatureProblem, verify

_SIMULATOR = {"bounce": Fate.UNDELIVERED, "complaint": Fate.OPTED_OUT, "suppressionlist": Fate.UNDELIVERED}
_TAG = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


class Ses(Provider):
    name = "ses"
    medium = "email"
    secrets: ClassVar[Mapping[str, str]] = {
        "AWS_ACCESS_KEY_ID": "SANDBOXACCESSKEY",
        "AWS_SECRET_ACCESS_KEY": "sandbox/" + "A" * 32,
    }
    table: ClassVar[Mapping[str, Any]] = {"region": "eu-west-1", "from": "orders@example.com"}
    says_when = False

    def routes(self) -> Routes:
        return {
            "POST /v2/email/outbound-emails": self.send,
            "POST /v2/email/outbound-bulk-emails": self.send_bulk,
            "GET /v2/email/account": self.account,
            "GET /v2/email/insights/{id}/": self.insights,
            "GET /v2/email/suppression/addresses/{address}": self.suppressed,
        }

    def authorize(self, call: Call) -> None:
        secrets = self.world.secrets
        try:
            verify(
                call,
                access_key=secrets["AWS_ACCESS_KEY_ID"],
                secret_key=secrets["AWS_SECRET_ACCESS_KEY"],
                session_token=secrets.get("AWS_SESSION_TOKEN", ""),
                service="ses",
            )
        except SignatureProblem as error:
            raise self.refuse(403, error.code, str(error)) from error

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        kind = code or {400: "BadRequestException", 404: "NotFoundException", 429: "TooManyRequestsException"}.get(
            status, "InternalFailure"
        )
        return reply(status, {"message": text or kind}, {"x-amzn-ErrorType": kind, "x-amzn-RequestId": self.uuid()})

    def throttled(self, call: Call, seconds: float) -> Response:
        return self.problem(429, "", "Maximum sending rate exceeded.")

    # ------------------------------------------------------------ sending

    def send(self, call: Call) -> Response:
        body = as_object(call.json)
        to = self._recipients(as_object(body.get("Destination")))
        content = self._content(as_object(body.get("Content")))
        sender = as_text(body.get("FromEmailAddress"))
        if not sender:
            raise self.refuse(400, "", "Missing required header 'From'.")
        self._check_address(sender)
        id = self._message_id()
        for address in to:
            self._take(call, id, address, sender, content, body.get("EmailTags"))
        return reply(200, {"MessageId": id}, {"x-amzn-RequestId": self.uuid()})

    def send_bulk(self, call: Call) -> Response:
        body = as_object(call.json)
        default = as_object(as_object(body.get("DefaultContent")).get("Template"))
        entries = as_list(body.get("BulkEmailEntries"))
        if not default or not 1 <= len(entries) <= 50:
            raise self.refuse(400, "", "DefaultContent.Template and 1 to 50 BulkEmailEntries are required.")
        results = []
        for entry in map(as_object, entries):
            replaced = as_object(as_object(entry.get("ReplacementEmailContent")).get("ReplacementTemplate"))
            variables = replaced.get("ReplacementTemplateData") or default.get("TemplateData")
            content = {"data": {"template": default.get("TemplateName"), "variables": variables}}
            id = self._message_id()
            for address in self._recipients(as_object(entry.get("Destination"))):
                self._take(
                    call, id, address, as_text(body.get("FromEmailAddress")), content, entry.get("ReplacementTags")
                )
            results.append({"Status": "SUCCESS", "MessageId": id})
        return reply(200, {"BulkEmailEntryResults": results})

    def _recipients(self, destination: Any) -> list[str]:
        to = [
            as_text(a)
            for kind in ("ToAddresses", "CcAddresses", "BccAddresses")
            for a in as_list(destination.get(kind))
        ]
        if not 1 <= len(to) <= 50:
            raise self.refuse(400, "", "Recipient count must be from 1 to 50.")
        for address in to:
            self._check_address(address)
        return to

    def _check_address(self, address: str) -> None:
        local, at, domain = address.rpartition(" ")[2].strip("<>").partition("@")
        if not (local and at and domain and local.isascii()):
            words = "Local address contains control or whitespace" if local else "Missing local part"
            raise self.refuse(400, "", words)

    def _content(self, content: Any) -> dict[str, Any]:
        if len(content) != 1 or not content.keys() <= {"Simple", "Raw", "Template"}:
            raise self.refuse(400, "", "Content must have exactly one of Simple, Raw and Template.")
        if template := as_object(content.get("Template")):
            if not _is_object(template.get("TemplateData", "{}")):
                raise self.refuse(400, "", "Template data must be a JSON object in a string.")
            return {"data": {"template": template.get("TemplateName"), "variables": template.get("TemplateData")}}
        if raw := as_object(content.get("Raw")):
            try:
                source = msgspec.convert(raw.get("Data"), bytes)
            except msgspec.ValidationError as error:
                raise self.refuse(400, "", "Raw.Data must be base64.") from error
            mail = message_from_bytes(source, policy=mail_policy)
            text = mail.get_body(("plain",))
            return {"subject": str(mail["Subject"] or ""), "text": text.get_content() if text else ""}
        simple = as_object(content.get("Simple"))
        body = as_object(simple.get("Body"))
        parts = {kind: as_object(body.get(kind)) for kind in ("Text", "Html")}
        subject = as_object(simple.get("Subject"))
        if "Data" not in subject or not any("Data" in part for part in parts.values()):
            raise self.refuse(400, "", "Simple needs Subject.Data and a Body with Text or Html.")
        for part in (subject, *parts.values()):
            if not as_text(part.get("Data")).isascii() and as_text(part.get("Charset")).upper() != "UTF-8":
                raise self.refuse(400, "", "Characters outside 7-bit ASCII need a Charset.")
        return {
            "subject": as_text(subject["Data"]),
            "text": as_text(parts["Text"].get("Data")),
            "html": as_text(parts["Html"].get("Data")),
        }

    def _take(self, call: Call, id: str, to: str, sender: str, content: dict[str, Any], tags: Any) -> None:
        named = {as_text(as_object(tag).get("Name")): as_text(as_object(tag).get("Value")) for tag in as_list(tags)}
        if not all(name and set(name + value) <= _TAG and len(value) <= 256 for name, value in named.items()):
            raise self.refuse(400, "", "Tags may hold ASCII letters, digits, '_' and '-' only.")
        local, _, domain = to.partition("@")
        fate = _SIMULATOR.get(local.partition("+")[0], Fate.DELIVERED) if domain == "simulator.amazonses.com" else None
        reference = named.get("msg_ref") or next(iter(named.values()), "")
        self.accept(call, id=id, to=to, fate=fate, sender=sender, reference=reference, **content)

    def _message_id(self) -> str:
        return f"0100{self.hex(12)}-{self.uuid()}-000000"

    # ------------------------------------------------------------ what became of it

    def insights(self, call: Call, id: str) -> Response:
        arrival = self.world.mailbox.find(self.name, id)
        if arrival is None:
            raise self.refuse(404, "", f"Message {id} does not exist.")
        entry = {"Destination": arrival.to, "Isp": "Sandbox", "Events": self._events(arrival, call.now)}
        value = {"MessageId": id, "FromEmailAddress": arrival.sender, "Subject": arrival.subject, "Insights": [entry]}
        return reply(200, value)

    def _events(self, arrival: Arrival, now: int) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = [{"Timestamp": arrival.at / 1000, "Type": "SEND"}]
        step = self.stage(arrival, now)
        if step is Stage.DELIVERED:
            events.append({"Timestamp": now / 1000, "Type": "DELIVERY"})
        if step is Stage.UNDELIVERED and arrival.fate is Fate.OPTED_OUT:
            complaint = {"ComplaintSubType": None, "ComplaintFeedbackType": "abuse"}
            events.append({"Timestamp": now / 1000, "Type": "COMPLAINT", "Details": {"Complaint": complaint}})
        elif step is Stage.UNDELIVERED:
            bounce = {"BounceType": "PERMANENT", "BounceSubType": "General", "DiagnosticCode": "550 5.1.1 no such user"}
            events.append({"Timestamp": now / 1000, "Type": "BOUNCE", "Details": {"Bounce": bounce}})
        return events

    def suppressed(self, call: Call, address: str) -> Response:
        if fate_of(address) is not Fate.INVALID:
            raise self.refuse(404, "", f"Email address {address} does not exist on your suppression list.")
        entry = {"EmailAddress": address, "Reason": "BOUNCE", "LastUpdateTime": call.now / 1000}
        return reply(200, {"SuppressedDestination": entry})

    def account(self, call: Call) -> Response:
        quota = {"Max24HourSend": 50000.0, "MaxSendRate": 14.0, "SentLast24Hours": float(len(self.mine()))}
        value = {
            "EnforcementStatus": "HEALTHY",
            "ProductionAccessEnabled": True,
            "SendingEnabled": True,
            "SendQuota": quota,
        }
        return reply(200, value)


def _is_object(text: Any) -> bool:
    try:
        msgspec.json.decode(as_text(text), type=dict[str, Any])
    except msgspec.MsgspecError:
        return False
    return True
