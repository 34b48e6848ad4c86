"""Twilio Programmable Messaging, API 2010-04-01: send, fetch, list, cancel (https://www.twilio.com/docs/messaging/api).

Magic numbers as https://www.twilio.com/docs/iam/test-credentials lists them.
+15005550006 is the sender that always works there, as any other well-formed one does here.
"""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

import msgspec

from daemon.sandbox.callback import Callback, CustomerAct
from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.fate import Fate, Stage, fate_of
from daemon.sandbox.gsm import is_gsm
from daemon.sandbox.mailbox import Arrival
from daemon.sandbox.providers.base import FORM, Provider, Routes, with_headers
from daemon.sandbox.times import moment, rfc2822

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_TEMPLATE = re.compile(r"HX[0-9a-fA-F]{32}")
_SENDER = re.compile(r"\+?[1-9]\d{6,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 +\-_&]{1,11}")
"""A number with its country, a short code, or an alphanumeric sender."""

MAGIC_FROM = {
    "+15005550001": ("21212", "The 'From' number +15005550001 is not a valid phone number, shortcode, or alphanumeric sender ID."),
    "+15005550007": ("21606", "The From phone number +15005550007 is not a valid, SMS-capable inbound phone number or short code for your account."),
    "+15005550008": ("21611", "This 'From' number has exceeded the maximum number of queued messages"),
}  # fmt: skip
MAGIC_TO = {
    "+15005550001": ("21211", "The 'To' number +15005550001 is not a valid phone number."),
    "+15005550002": ("21612", "The 'To' phone number: +15005550002, is not currently reachable using the 'From' phone number."),
    "+15005550003": ("21408", "Permission to send an SMS has not been enabled for the region indicated by the 'To' number."),
    "+15005550004": ("21610", "Attempt to send to unsubscribed recipient"),
    "+15005550009": ("21614", "'To' number is not a valid mobile number"),
}  # fmt: skip
_BY_FATE = {
    Fate.INVALID: ("21211", "The 'To' number is not a valid phone number."),
    Fate.OPTED_OUT: MAGIC_TO["+15005550004"],
}

_STATUS = {
    Stage.QUEUED: "queued",
    Stage.SENT: "sent",
    Stage.DELIVERED: "delivered",
    Stage.UNDELIVERED: "undelivered",
}


class Twilio(Provider):
    name = "twilio"
    medium = "sms"
    tells = frozenset({"writes"})
    secrets: ClassVar[Mapping[str, str]] = {
        "TWILIO_ACCOUNT_SID": "AC" + "5a" * 16,
        "TWILIO_AUTH_TOKEN": "sandbox-" + "0" * 24,
        "TWILIO_API_KEY": "SK" + "5a" * 16,
        "TWILIO_API_SECRET": "sandbox-" + "1" * 24,
    }
    table: ClassVar[Mapping[str, Any]] = {"from": "+15005550006"}

    def routes(self) -> Routes:
        messages = "/2010-04-01/Accounts/{account}/Messages"
        return {
            f"POST {messages}.json": self.send,
            f"GET {messages}.json": self.listed,
            f"GET {messages}/{{sid}}.json": self.fetch,
            f"POST {messages}/{{sid}}.json": self.update,
            "GET /2010-04-01/Accounts/{account}.json": self.account,
        }

    def authorize(self, call: Call) -> None:
        secrets = self.world.secrets
        keys = [
            (secrets["TWILIO_ACCOUNT_SID"], secrets["TWILIO_AUTH_TOKEN"]),
            (secrets["TWILIO_API_KEY"], secrets["TWILIO_API_SECRET"]),
        ]
        account = call.path.split("/")[3].removesuffix(".json")
        if call.basic not in keys or account != secrets["TWILIO_ACCOUNT_SID"]:
            raise self.refuse(401, "20003", "Authenticate")

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        usual = {401: 20003, 404: 20404, 405: 20004, 429: 20429}.get(status, 20001 if status < 500 else 20500)
        number = int(code) if code.isdecimal() else usual
        info = f"https://www.twilio.com/docs/errors/{number}"
        return reply(status, {"code": number, "message": text or "Error", "more_info": info, "status": status})

    # ------------------------------------------------------------ calls

    def send(self, call: Call, account: str) -> Response:
        to, sender, service = call.field("To"), call.field("From"), call.field("MessagingServiceSid")
        body, template = call.field("Body"), call.field("ContentSid")
        self._check_sender(sender, service)
        if not to:
            raise self.refuse(400, "21604", "A 'To' phone number is required.")
        if not _E164.fullmatch(to):
            raise self.refuse(400, "21211", f"The 'To' number {to} is not a valid phone number.")
        refusal = MAGIC_TO.get(to) or _BY_FATE.get(fate_of(to))
        if refusal:
            raise self.refuse(400, *refusal)
        if not body and not template and "MediaUrl" not in call.form:
            raise self.refuse(400, "21602", "Message body is required.")
        if len(body) > 1600:
            raise self.refuse(400, "21617", "The concatenated message body exceeds the 1600 character limit")
        self._check_options(call, template)
        arrival = self.accept(
            call, id=f"SM{self.hex(32)}", to=to, sender=sender or service, text=body, data=_template(call, template)
        )
        return with_headers(reply(201, self._resource(arrival, call.now)), {"Twilio-Concurrent-Requests": "1"})

    def fetch(self, call: Call, account: str, sid: str) -> Response:
        return reply(200, self._resource(self._find(sid), call.now))

    def update(self, call: Call, account: str, sid: str) -> Response:
        arrival = self._find(sid)
        if call.field("Status") == "canceled":
            raise self.refuse(400, "30409", "Message cannot be canceled: it was not scheduled")
        return reply(200, self._resource(arrival, call.now))

    def listed(self, call: Call, account: str) -> Response:
        size = min(call.number("PageSize", 50), 1000)
        found = [a for a in self.mine(call.query.get("To", "")) if _matches(a, call.query)][:size]
        uri = f"{call.path}?{urlencode(call.query)}"
        return reply(
            200,
            {
                "messages": [self._resource(arrival, call.now) for arrival in found],
                "first_page_uri": uri,
                "next_page_uri": None,
                "previous_page_uri": None,
                "uri": uri,
                "page": 0,
                "page_size": size,
                "start": 0,
                "end": max(len(found) - 1, 0),
            },
        )

    def account(self, call: Call, account: str) -> Response:
        return reply(200, {"sid": account, "friendly_name": "Sandbox", "status": "active", "type": "Trial"})

    def callback(self, word: CustomerAct, url: str) -> Callback:
        """An incoming message (https://www.twilio.com/docs/messaging/guides/webhook-request), signed as
        https://www.twilio.com/docs/usage/webhooks/webhooks-security has it."""
        sid = f"SM{self.hex(32)}"
        fields = {
            "MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "AccountSid": self.world.secrets["TWILIO_ACCOUNT_SID"],
            "From": word.customer, "To": word.to, "Body": word.text, "NumMedia": "0", "NumSegments": str(_segments(word.text)),
            "SmsStatus": "received", "ApiVersion": "2010-04-01",
        }  # fmt: skip
        signed = url + "".join(name + fields[name] for name in sorted(fields))
        digest = hmac.new(self.world.secrets["TWILIO_AUTH_TOKEN"].encode(), signed.encode(), hashlib.sha1).digest()
        headers = {"X-Twilio-Signature": b64encode(digest).decode(), "Content-Type": FORM}
        return Callback(headers, urlencode(fields).encode())

    # ------------------------------------------------------------ parts

    def _check_sender(self, sender: str, service: str) -> None:
        if not sender and not service:
            raise self.refuse(400, "21603", "A 'From' phone number is required.")
        if service and not _SERVICE.fullmatch(service):
            raise self.refuse(400, "21701", f"The Messaging Service Sid {service} is invalid")
        if sender in MAGIC_FROM:
            raise self.refuse(400, *MAGIC_FROM[sender])
        if sender and not _SENDER.fullmatch(sender):
            words = f"The 'From' number {sender} is not a valid phone number, shortcode, or alphanumeric sender ID."
            raise self.refuse(400, "21212", words)

    def _check_options(self, call: Call, template: str) -> None:
        if template and not _TEMPLATE.fullmatch(template):
            raise self.refuse(400, "21655", "The ContentSid is invalid")
        validity = call.field("ValidityPeriod")
        if validity and not (validity.isdecimal() and 1 <= int(validity) <= 36000):
            raise self.refuse(400, "21920", "ValidityPeriod must be between 1 and 36000")
        variables = call.field("ContentVariables")
        if variables:
            try:
                msgspec.json.decode(variables, type=dict[str, str])
            except msgspec.MsgspecError as error:
                raise self.refuse(400, "21656", "The ContentVariables Parameter is invalid") from error

    def _find(self, sid: str) -> Arrival:
        arrival = self.world.mailbox.find(self.name, sid)
        if arrival is None:
            raise self.refuse(404, "20404", f"The requested resource /Messages/{sid}.json was not found")
        return arrival

    def _resource(self, arrival: Arrival, now: int) -> dict[str, Any]:
        account = self.world.secrets["TWILIO_ACCOUNT_SID"]
        uri = f"/2010-04-01/Accounts/{account}/Messages/{arrival.id}"
        step = self.stage(arrival, now)
        lost = step is Stage.UNDELIVERED
        service = arrival.sender.startswith("MG")
        return {
            "sid": arrival.id,
            "account_sid": account,
            "status": "accepted" if service and step is Stage.QUEUED else _STATUS[step],
            "to": arrival.to,
            "from": None if service else arrival.sender,
            "messaging_service_sid": arrival.sender if service else None,
            "body": arrival.text,
            "num_segments": "0" if service and step is Stage.QUEUED else str(_segments(arrival.text)),
            "num_media": "0",
            "direction": "outbound-api",
            "error_code": 30003 if lost else None,
            "error_message": "Unreachable destination handset" if lost else None,
            "date_created": rfc2822(arrival.at),
            "date_updated": rfc2822(now),
            "date_sent": None if step is Stage.QUEUED else rfc2822(arrival.at),
            "price": None,
            "price_unit": "USD",
            "api_version": "2010-04-01",
            "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }


def _template(call: Call, template: str) -> dict[str, str]:
    return {"template": template, "variables": call.field("ContentVariables")} if template else {}


def _segments(text: str) -> int:
    single, joined = (160, 153) if is_gsm(text) else (70, 67)
    return 1 if len(text) <= single else -(-len(text) // joined)


def _matches(arrival: Arrival, query: dict[str, str]) -> bool:
    day = moment(arrival.at).date().isoformat()
    return (
        query.get("From", arrival.sender) == arrival.sender
        and query.get("DateSent", day)[:10] == day
        and query.get("DateSent>", day)[:10] <= day <= query.get("DateSent<", day)[:10]
    )
