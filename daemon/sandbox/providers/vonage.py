"""Vonage: the SMS API, Messages v1 and Reports (https://developer.vonage.com/en/api/sms, /messages, /reports).

The SMS API answers 200 whatever happens: its body's `status` decides. A recipient who opted out is taken all the same, and only
the report tells.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from daemon.sandbox.callback import Callback, CustomerAct
from daemon.sandbox.exchange import Call, Refused, Response, reply
from daemon.sandbox.fate import Fate, Stage, fate_of
from daemon.sandbox.mailbox import Arrival
from daemon.sandbox.providers.base import FORM, Provider, Routes, as_object, as_text
from daemon.sandbox.times import moment

_NUMBER = re.compile(r"\d{7,15}")
_GSM_LIKE = re.compile(r"[\x00-\x7f£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà€]*")
_TYPES = ("text", "binary", "wappush", "unicode", "vcal", "vcard")

SMS_ERRORS = {
    "1": "Throughput Rate Exceeded - please wait [ 250 ] and retry",
    "2": "Missing {} param",
    "3": "Invalid value for param: {}",
    "4": "Bad Credentials",
    "5": "Internal Error",
    "6": "Unroutable message - rejected",
    "9": "Partner quota exceeded",
    "12": "Message too long",
    "15": "Illegal Sender Address - rejected",
}
_STATUS = {
    Stage.QUEUED: ("accepted", "0", "Delivered"),
    Stage.SENT: ("buffered", "0", "Delivered"),
    Stage.DELIVERED: ("delivered", "0", "Delivered"),
    Stage.UNDELIVERED: ("failed", "3", "Absent Subscriber - Permanent"),
}


class Vonage(Provider):
    name = "vonage"
    medium = "sms"
    tells = frozenset({"writes"})
    secrets: ClassVar[Mapping[str, str]] = {
        "VONAGE_API_KEY": "sandbox1",
        "VONAGE_API_SECRET": "SandboxSecret123",
        "VONAGE_SIGNATURE_SECRET": "sandbox-vonage-signature",
    }
    table: ClassVar[Mapping[str, Any]] = {"from": "BalloonLoft", "reports": True}
    says_when = False

    def routes(self) -> Routes:
        return {
            "POST /sms/json": self.sms,
            "POST /v1/messages": self.messages,
            "GET /v2/reports/records": self.records,
            "GET /account/get-balance": self.balance,
        }

    def authorize(self, call: Call) -> None:
        """By HTTP Basic, or by fields: in the form for SMS, in the query for the account."""
        given = call.basic
        if given is None and call.path == "/sms/json":
            given = (call.field("api_key"), call.field("api_secret"))
        if given is None and call.path.startswith("/account"):
            given = (call.query.get("api_key", ""), call.query.get("api_secret", ""))
        if given == (self.world.secrets["VONAGE_API_KEY"], self.world.secrets["VONAGE_API_SECRET"]):
            return
        if call.path == "/sms/json":
            raise self._sms_refusal("4")
        raise self.refuse(401, "unathorized", "You did not provide correct credentials.")  # their spelling

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        kind = code if code and not code.isdecimal() else f"messages-olympus#{code or 1000}"
        value = {
            "type": f"https://developer.nexmo.com/api-errors/{'' if '#' in kind else '#'}{kind}",
            "title": text or "Internal error",
            "detail": text or "There was an error processing your request in the Platform.",
            "instance": self.hex(32),
        }
        return reply(status, value, content_type="application/problem+json")

    # ------------------------------------------------------------ SMS API

    def sms(self, call: Call) -> Response:
        to, sender, text = call.field("to"), call.field("from"), call.field("text")
        for name in ("from", "to"):
            if not call.field(name):
                raise self._sms_refusal("2", name)
        kind = call.field("type") or "text"
        if kind not in _TYPES:
            raise self._sms_refusal("3", "type")
        if kind in ("text", "unicode") and not text:
            raise self._sms_refusal("2", "text")
        if not _NUMBER.fullmatch(to):
            raise self._sms_refusal("3", "to")
        ttl = call.field("ttl")
        if ttl and not (ttl.isdecimal() and 20_000 <= int(ttl) <= 604_800_000):
            raise self._sms_refusal("3", "ttl")
        if len(call.field("client-ref")) > 100:
            raise self._sms_refusal("3", "client-ref")
        if fate_of(to) is Fate.INVALID:
            raise self._sms_refusal("6")
        readable = text if kind == "unicode" else _without_unicode(text)
        arrival = self.accept(
            call, id=f"{self.hex(17).upper()}", to=to, sender=sender, text=readable, reference=call.field("client-ref")
        )
        return reply(200, {"message-count": "1", "messages": [self._part(arrival, to)]})

    def _part(self, arrival: Arrival, to: str) -> dict[str, str]:
        part = {
            "to": to,
            "message-id": arrival.id,
            "status": "0",
            "remaining-balance": "3.14159265",
            "message-price": "0.03330000",
            "network": "23410",
        }
        return part | ({"client-ref": arrival.reference} if arrival.reference else {})

    def _sms_refusal(self, status: str, name: str = "") -> Refused:
        part = {"status": status, "error-text": SMS_ERRORS[status].format(name)}
        return Refused(reply(200, {"message-count": "1", "messages": [part]}))

    def callback(self, word: CustomerAct, url: str) -> Callback:
        """An incoming SMS, signed with HMAC-SHA256 (developer.vonage.com/en/getting-started/concepts/signing-messages)."""
        fields = {
            "api-key": self.world.secrets["VONAGE_API_KEY"], "msisdn": word.customer.removeprefix("+"), "to": word.to,
            "messageId": self.hex(32).upper(), "text": word.text, "type": "text",
            "keyword": (word.text.split() or [""])[0].upper(),
            "message-timestamp": moment(word.at).strftime("%Y-%m-%d %H:%M:%S"),
            "timestamp": str(word.at // 1000), "nonce": self.uuid(),
        }  # fmt: skip
        clean = {name: value.replace("&", "_").replace("=", "_") for name, value in fields.items()}
        signed = "".join(f"&{name}={clean[name]}" for name in sorted(clean))
        key = self.world.secrets["VONAGE_SIGNATURE_SECRET"].encode()
        fields["sig"] = hmac.new(key, signed.encode(), hashlib.sha256).hexdigest()
        return Callback({"Content-Type": FORM}, urlencode(fields).encode())

    # ------------------------------------------------------------ Messages v1

    def messages(self, call: Call) -> Response:
        body = as_object(call.json)
        to, text = as_text(body.get("to")), as_text(body.get("text"))
        if body.get("channel") != "sms" or body.get("message_type") != "text":
            raise self.refuse(422, "1150", "Invalid params")
        if not as_text(body.get("from")):
            raise self.refuse(422, "1420", "Invalid sender")
        if not _NUMBER.fullmatch(to) or fate_of(to) is Fate.INVALID:
            raise self.refuse(422, "1430", "Invalid recipient")
        if not 1 <= len(text) <= 3200:
            raise self.refuse(422, "1150", "Invalid params")
        reference = as_text(body.get("client_ref"))
        arrival = self.accept(call, id=self.uuid(), to=to, sender=as_text(body["from"]), text=text, reference=reference)
        return reply(202, {"message_uuid": arrival.id})

    # ------------------------------------------------------------ Reports

    def records(self, call: Call) -> Response:
        query = call.query
        if query.get("account_id") != self.world.secrets["VONAGE_API_KEY"]:
            raise self.refuse(403, "", "Forbidden")
        if query.get("product") not in ("SMS", "MESSAGES"):
            raise self.refuse(422, "", "Invalid parameter: product")
        if "id" in query and ({"date_start", "date_end", "status"} & query.keys()):
            raise self.refuse(422, "", "id can't be combined with dates or a status")
        if "id" not in query and not {"date_start", "date_end"} <= query.keys():
            raise self.refuse(422, "", "date_start and date_end are required")
        held = {arrival.id: arrival for arrival in self.mine()}
        wanted = [id for id in query["id"].split(",") if id] if "id" in query else list(held)
        missing = [id for id in wanted if id not in held]
        records = [self._record(held[id], call.now) for id in wanted if id in held]
        value = {
            "_links": {"self": {"href": f"{call.path}?{call.wire_query}"}},
            "request_id": self.uuid(),
            "request_status": "SUCCESS",
            "account_id": query["account_id"],
            "product": query["product"],
            "direction": query.get("direction", "outbound"),
            "items_count": len(records),
            "records": records,
        }
        return reply(200, value | ({"ids_not_found": ",".join(missing)} if missing else {}))

    def _record(self, arrival: Arrival, now: int) -> dict[str, Any]:
        step = self.stage(arrival, now)
        status, code, words = _STATUS[step]
        if step is Stage.UNDELIVERED and arrival.fate is Fate.OPTED_OUT:
            status, code, words = "rejected", "9", "Illegal Sender - recipient opted out"
        received = moment(arrival.at).strftime("%Y-%m-%dT%H:%M:%S+0000")
        return {
            "account_id": self.world.secrets["VONAGE_API_KEY"],
            "message_id": arrival.id,
            "client_ref": arrival.reference,
            "direction": "outbound",
            "from": arrival.sender,
            "to": arrival.to.removeprefix("+"),
            "network": "23410",
            "country": "GB",
            "date_received": received,
            "date_finalized": received,
            "status": status,
            "error_code": code,
            "error_code_description": words,
            "currency": "EUR",
            "total_price": 0.0333,
        }

    def balance(self, call: Call) -> Response:
        return reply(200, {"value": 3.14, "autoReload": False})

    def throttled(self, call: Call, seconds: float) -> Response:
        """The SMS API says it in a 200, the others with a 429 and no Retry-After."""
        if call.path != "/sms/json":
            return self.problem(429, "1000", "Rate Limit Hit")
        part = {"status": "1", "error-text": SMS_ERRORS["1"]}
        return reply(200, {"message-count": "1", "messages": [part]})


def _without_unicode(text: str) -> str:
    """What arrives of characters that need `type=unicode`, which the SMS API does not detect."""
    return "".join(c if _GSM_LIKE.fullmatch(c) else "?" for c in text)
