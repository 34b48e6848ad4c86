"""Twilio Programmable Messaging (SMS), API 2010-04-01: https://www.twilio.com/docs/messaging/api/message-resource (2026-11).

Quirks: no idempotency key and no client reference, so an unknown attempt is looked up by recipient, time and text; a full
queue (21611) is a 400; `sent` may be a message's last state ever, where the carrier sends no receipt.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Literal

import msgspec

from daemon.channels._form import fields_of
from daemon.channels._http import HttpChannel, basic
from daemon.channels._values import values_of
from daemon.channels._verdict import Problem, Verdict, ahead, channel, later, message, recipient, throttled
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
from daemon.http import Http, Request, Response, form_request, objects
from outbox.outcome import Absent, Accepted, CannotTell, Found, Lookup, ReceiptState

_SENDER = "put a number of this account, or messaging_service_sid, into [channels.twilio]"
_RECEIPTS: Mapping[str, ReceiptState] = {
    "sent": ReceiptState.SENT,
    "delivered": ReceiptState.DELIVERED,
    "read": ReceiptState.READ,
    "undelivered": ReceiptState.UNDELIVERED,
    "failed": ReceiptState.UNDELIVERED,
    "canceled": ReceiptState.UNDELIVERED,
}
_DEAD_NUMBERS = frozenset({"21211", "21614", "30005", "30006"})
_SLACK = 5000
"""ms by which two clocks may still differ after the answer's Date was taken into account."""
_PAGE = 50
"""Messages of a list, the newest first: where all of them are newer than what is looked for, it may stand on the next."""


class TwilioSettings(HttpSettings, frozen=True, kw_only=True):
    from_: str = msgspec.field(name="from", default="")
    messaging_service_sid: str = ""
    origin: str = "https://api.twilio.com"
    """The API's host in a region of its own: `https://api.dublin.ie1.twilio.com`."""
    receipts_url: str = ""
    """`[hook] public_url` and /v1/receipts/twilio, where the outside reaches it: receipts are then posted as well as asked for."""
    templates: Mapping[str, str] = {}
    """Event type -> ContentSid (`HX...`) of a template kept at Twilio."""


class Twilio(HttpChannel):
    name = "twilio"
    medium = "sms"
    title = "Twilio"
    address_kinds = ("phone",)
    secrets_begin: ClassVar[Mapping[str, tuple[str, ...]]] = {"TWILIO_ACCOUNT_SID": ("AC",), "TWILIO_API_KEY": ("SK",)}
    asked = ("from", "TWILIO_AUTH_TOKEN")
    rank = 10
    Settings = TwilioSettings
    secrets = ("TWILIO_ACCOUNT_SID",)
    optional_secrets = ("TWILIO_AUTH_TOKEN", "TWILIO_API_KEY", "TWILIO_API_SECRET", "TWILIO_SHARED_KEY")
    console = "console.twilio.com, Account Info"
    default_rate = 10
    poll = PollPlan()
    can_look_up = True
    tells_delivery = True

    CODES: ClassVar[Mapping[str, Verdict]] = {
        "20003": channel(
            "the account SID or the token is wrong: copy both again from console.twilio.com, Account Info"
        ),
        "20429": throttled(),
        "21211": recipient("this is not a phone number"),
        "21212": channel(_SENDER),
        "21408": recipient("allow this country in Twilio's console: Messaging, Settings, Geo permissions"),
        "21606": channel(_SENDER),
        "21610": recipient("they answered STOP; only they can undo it, by answering START", opted_out=True),
        "21611": later(120),
        "21612": recipient("Twilio has no way from this sender to this number"),
        "21614": recipient("this number can't receive texts"),
        "21617": message("the text is longer than 1,600 characters"),
    }

    settings: TwilioSettings

    def __init__(self, settings: TwilioSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        self.origin = settings.origin
        self.account = self.secret["TWILIO_ACCOUNT_SID"]
        key = (self.secret.get("TWILIO_API_KEY", ""), self.secret.get("TWILIO_API_SECRET", ""))
        user, password = key if all(key) else (self.account, self.secret.get("TWILIO_AUTH_TOKEN", ""))
        if not password:
            raise Misconfigured(f"TWILIO_AUTH_TOKEN is missing: put it in .env ({self.console})")
        if not settings.from_ and not settings.messaging_service_sid:
            raise Misconfigured(f"from is missing: {_SENDER} of tether.toml")
        self.headers = basic(user, password)

    def _path(self, rest: str) -> str:
        return f"/2010-04-01/Accounts/{self.account}{rest}.json"

    def build(self, out: Outgoing) -> Request:
        pairs = [("To", out.to)]
        if self.settings.messaging_service_sid:
            pairs.append(("MessagingServiceSid", self.settings.messaging_service_sid))
        else:
            pairs.append(("From", self.settings.from_))
        template = self.settings.templates.get(out.trigger)
        if template:
            pairs += [("ContentSid", template), ("ContentVariables", msgspec.json.encode(values_of(out)).decode())]
        else:
            pairs.append(("Body", out.rendered.text))
        if self.settings.receipts_url:
            pairs.append(("StatusCallback", self.settings.receipts_url))
        if out.expires_at is not None:
            left = (out.expires_at - out.now) // 1000
            pairs.append(("ValidityPeriod", str(min(max(left, 6), 36000))))
        return form_request("POST", self._path("/Messages"), pairs, headers=self.headers)

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        sid = response.object().get("sid")
        return Accepted(sid) if isinstance(sid, str) and sid else None

    def problem(self, response: Response) -> Problem:
        answer = response.object()
        return Problem(code=str(answer.get("code") or ""), text=str(answer.get("message") or ""))

    # what became of it

    def lookup_request(self, sent: Sent) -> Request:
        query = [("To", sent.attempt.address), ("PageSize", str(_PAGE))]
        return Request(method="GET", path=self._path("/Messages"), query=query, headers=self.headers)

    def read_lookup(self, response: Response, sent: Sent) -> Lookup:
        rows = response.object().get("messages")
        if not isinstance(rows, list):
            return CannotTell("the list of messages was not understood", again=60)
        if sent.attempt.sent is None or self.settings.templates.get(sent.trigger):
            return CannotTell("the text that was sent is not known")
        since = sent.attempt.started_at + ahead(response, sent.now) - _SLACK
        created = [_ms(row.get("date_created")) for row in objects(rows)]
        for row, at in zip(objects(rows), created, strict=True):
            sid, is_it = str(row.get("sid")), _same(row.get("body"), sent.attempt.sent.text)
            if is_it and sid not in sent.others and at >= since:
                return Found(sid, _RECEIPTS.get(str(row.get("status"))))
        if len(rows) >= _PAGE and min(filter(None, created), default=since) >= since:
            return CannotTell("more messages went to that number since than one page lists")
        if sent.now - sent.attempt.started_at < 30_000:
            return CannotTell("not listed yet", again=30)
        return Absent()

    def receipts_request(self, sent: Sequence[Sent]) -> Request:
        return Request(method="GET", path=self._path(f"/Messages/{sent[0].attempt.provider_id}"), headers=self.headers)

    def read_receipts(self, response: Response, sent: Sequence[Sent]) -> Sequence[ReceiptUpdate]:
        row = response.object()
        update = _receipt(str(row.get("sid", "")), str(row.get("status", "")), row)
        return [update] if update else ()

    def receive(self, request: InboundRequest) -> Inbound:
        form = fields_of(request.body)
        self._verify(request, form)
        fields = dict(form)
        sid = fields.get("MessageSid", "")
        if "MessageStatus" in fields:
            code = {"error_code": fields.get("ErrorCode"), "error_message": fields.get("ErrorMessage")}
            update = _receipt(sid, fields["MessageStatus"], code)
            return Inbound(receipts=[update] if update else ())
        replies = [_reply(fields["From"], fields, sid)] if fields.get("From") else []
        return Inbound(replies=replies, answer=b"<Response/>", content_type="text/xml")

    def _verify(self, request: InboundRequest, form: list[tuple[str, str]]) -> None:
        """https://www.twilio.com/docs/usage/webhooks/webhooks-security; with a SharedKey the hash is SHA-256."""
        shared = "algorithm=HMAC_SHA256" in request.headers.get("x-twilio-webhooks-signature-settings", "")
        name, kind = ("TWILIO_SHARED_KEY", "sha256") if shared else ("TWILIO_AUTH_TOKEN", "sha1")
        key = self.secret.get(name)
        if not key:
            raise InboundRefused(f"{name} is needed to check Twilio's signature: put it in .env", status=503)
        given = request.headers.get("x-twilio-signature", "").encode()
        fields = "".join(name + value for name, value in sorted(set(form)))
        due = [
            b64encode(hmac.new(key.encode(), (url + fields).encode(), kind).digest()) for url in _spellings(request.url)
        ]
        if not any(hmac.compare_digest(each, given) for each in due):
            raise InboundRefused("the signature does not hold: is [hook] public_url the address that Twilio calls?")

    def check_request(self) -> Request:
        return Request(method="GET", path=self._path(""), headers=self.headers)

    def read_check(self, response: Response) -> Health:
        status = response.object().get("status", "active")
        return Health(ok=status == "active", summary=f"the account is {status}")


def _spellings(url: str) -> tuple[str, str]:
    """Twilio signs the URL with its port or without, as it pleases."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    name, _, port = host.partition(":")
    usual = "443" if scheme == "https" else "80"
    other = name if port == usual else f"{name}:{port or usual}"
    return url, f"{scheme}://{other}{slash}{path}"


def _reply(number: str, fields: Mapping[str, str], sid: str) -> Reply:
    words: Mapping[str, Literal["stop", "start"]] = {"STOP": "stop", "START": "start"}
    return Reply(address=number, text=fields.get("Body", ""), id=sid, consent=words.get(fields.get("OptOutType", "")))


def _receipt(sid: str, status: str, row: Mapping[str, Any]) -> ReceiptUpdate | None:
    state = _RECEIPTS.get(status)
    if state is None or not sid:
        return None
    code = str(row.get("error_code") or "")
    return ReceiptUpdate(
        state=state,
        provider_id=sid,
        code=code,
        detail=str(row.get("error_message") or ""),
        opted_out=code == "21610",
        bad_address=code in _DEAD_NUMBERS,
    )


def _same(listed: Any, sent: str) -> bool:
    """A trial account's texts are listed with words of Twilio's own before them."""
    return str(listed).strip().endswith(sent.strip())


def _ms(date: Any) -> int:
    try:
        return round(parsedate_to_datetime(str(date)).timestamp() * 1000)
    except ValueError:
        return 0
