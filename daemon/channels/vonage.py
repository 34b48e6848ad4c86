"""Vonage (Nexmo) SMS API: https://developer.vonage.com/en/api/sms (2026-11).

Quirks: HTTP 200 even for errors, `messages[].status` decides; no plus sign in numbers; text outside GSM 7-bit must say
`type=unicode`; an opt-out shows only in the receipt; of a long text some parts may be taken and others not. Asking later (Reports) is a paid product: `reports = true`. Longer than
most files here because receipts come in two formats with two signatures, as the account's "default SMS setting" has it.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from daemon.channels._form import MOST_FIELDS, fields_of, too_many
from daemon.channels._http import HttpChannel, basic
from daemon.channels._verdict import Problem, Verdict, channel, later, message, recipient, throttled
from daemon.channels.base import (
    Health,
    HttpSettings,
    Inbound,
    InboundRefused,
    InboundRequest,
    Outgoing,
    PollPlan,
    ReceiptUpdate,
    Reply,
    Sent,
)
from daemon.gsm_alphabet import septets
from daemon.http import Http, Request, Response, form_request, objects
from outbox.outcome import Accepted, CannotTell, Deferred, Found, Lookup, Outcome, ReceiptState, Unknown

_API = "https://api.nexmo.com"
_SECRETS = "check VONAGE_API_KEY and VONAGE_API_SECRET in .env against dashboard.vonage.com, API settings"
_RECEIPTS: Mapping[str, ReceiptState] = {
    "submitted": ReceiptState.SENT,
    "buffered": ReceiptState.SENT,
    "delivered": ReceiptState.DELIVERED,
    "read": ReceiptState.READ,
    "expired": ReceiptState.UNDELIVERED,
    "failed": ReceiptState.UNDELIVERED,
    "rejected": ReceiptState.UNDELIVERED,
    "undeliverable": ReceiptState.UNDELIVERED,
    "deleted": ReceiptState.UNDELIVERED,
}
_WORST_FIRST = (ReceiptState.UNDELIVERED, None, ReceiptState.SENT, ReceiptState.DELIVERED, ReceiptState.READ)
_OPTED_OUT = frozenset({"9", "1240"})
_DEAD_NUMBERS = frozenset({"3", "1190"})
_WAIT = re.compile(r"\[\s*(\d+)\s*\]")
_PARTIAL = "partial"
_MOST_IN_PART = 1000
_HASHES = {64: "sha256", 128: "sha512", 40: "sha1", 32: "md5"}


_LEEWAY = 60.0
"""Seconds by which two clocks may differ."""


class VonageSettings(HttpSettings, frozen=True, kw_only=True):
    from_: str = msgspec.field(name="from")
    """A number without plus sign, or up to eleven letters where the country allows it."""
    receipts_url: str = ""
    """`[hook] public_url` and /v1/receipts/vonage, where the outside reaches it: receipts are then posted too."""
    reports: bool = False
    """The account has bought the Reports API: receipts are polled and unknown attempts looked up."""


class Vonage(HttpChannel):
    name = "vonage"
    medium = "sms"
    title = "Vonage"
    address_kinds = ("phone",)
    rank = 20
    Settings = VonageSettings
    secrets = ("VONAGE_API_KEY", "VONAGE_API_SECRET")
    optional_secrets = ("VONAGE_SIGNATURE_SECRET",)
    console = "dashboard.vonage.com, API settings"
    origin = "https://rest.nexmo.com"
    default_rate = 30
    tells_delivery = True
    can_look_up = True

    CODES: ClassVar[Mapping[str, Verdict]] = {
        "1": throttled(),
        "2": message(),
        "3": message(),
        "4": channel(_SECRETS),
        "5": later(),
        "6": recipient("this number can't be reached by Vonage"),
        "7": recipient("this number is barred"),
        "8": channel("the account is barred: ask Vonage's support"),
        "9": channel("the account has no credit: top it up at dashboard.vonage.com, Billing"),
        "10": throttled(),
        "11": channel("the account is not enabled for this API: see dashboard.vonage.com"),
        "12": message("the text is too long"),
        "13": later(),
        "14": channel(
            "Vonage wants signed requests, which Tether does not make: choose API secret in the API settings"
        ),
        "15": recipient("this country does not allow `from` as it is: use a number of your own there"),
        "16": message(),
        "19": channel("the account is not enabled for this: see dashboard.vonage.com"),
        "20": message(),
        "22": recipient("this number's network is not known"),
        "23": message(),
        "29": recipient("a trial account sends only to the numbers on its list: dashboard.vonage.com, Test numbers"),
        "32": channel(_SECRETS),
        "33": recipient("this number is no longer in use"),
        "34": recipient("this is not a phone number"),
    }

    settings: VonageSettings

    def __init__(self, settings: VonageSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        self.poll = PollPlan(delays=(60, 300, 900, 3600, 14400, 43200), batch=50) if settings.reports else None
        self.account = self.secret["VONAGE_API_KEY"]
        self.headers = basic(self.account, self.secret["VONAGE_API_SECRET"])
        self._in_part: deque[str] = deque(maxlen=_MOST_IN_PART)
        """The references of texts of which some parts were refused, or did not arrive."""
        self._awaited: dict[str, set[str]] = {}
        """By reference of a text in several parts, the ids of those that are not known to have arrived."""

    def build(self, out: Outgoing) -> Request:
        pairs = [
            ("api_key", self.account),
            ("api_secret", self.secret["VONAGE_API_SECRET"]),
            ("from", self.settings.from_.removeprefix("+")),
            ("to", out.to.removeprefix("+")),
            ("text", out.rendered.text),
            ("type", "text" if septets(out.rendered.text) is not None else "unicode"),
            ("client-ref", out.reference),
        ]
        if self.settings.receipts_url:
            pairs.append(("callback", self.settings.receipts_url))
        if out.expires_at is not None:
            pairs.append(("ttl", str(min(max(out.expires_at - out.now, 20_000), 604_800_000))))
        return form_request("POST", "/sms/json", pairs)

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        parts = objects(response.object().get("messages"))
        if not parts or _taken(parts) < len(parts):
            return None
        return Accepted(str(parts[0].get("message-id") or ""))

    def read(self, response: Response, out: Outgoing) -> Outcome:
        """Of a long text some parts may be taken and others not: no phone shows it, or only with a hole."""
        outcome, parts = super().read(response, out), objects(response.object().get("messages"))
        taken = _taken(parts)
        if isinstance(outcome, Accepted) and len(parts) > 1:
            self._await(out.reference, {str(part.get("message-id") or "") for part in parts})
        if isinstance(outcome, Accepted) or not taken:
            return outcome
        self._in_part.append(out.reference)
        if isinstance(outcome, Deferred):
            return Unknown(f"{taken} of {len(parts)} parts were taken: {outcome.reason}", _PARTIAL)
        return outcome

    def _await(self, reference: str, ids: set[str]) -> None:
        """Those parts of a text are not known to have arrived."""
        self._awaited[reference] = ids
        if len(self._awaited) > _MOST_IN_PART:
            del self._awaited[next(iter(self._awaited))]

    def _of_whole_texts(self, said: Inbound) -> Inbound:
        """Without the news that a part of a text arrived whose others were refused, did not arrive, or have not yet: its reference is the
        whole text's."""
        return msgspec.structs.replace(said, receipts=[each for each in said.receipts if self._is_of_the_whole(each)])

    def _is_of_the_whole(self, receipt: ReceiptUpdate) -> bool:
        if receipt.state is ReceiptState.UNDELIVERED:
            if self._awaited.pop(receipt.reference, None) is not None:
                self._in_part.append(receipt.reference)
            return True
        if receipt.reference in self._in_part:
            return False
        awaited = self._awaited.get(receipt.reference)
        if awaited and receipt.state is not ReceiptState.SENT:
            awaited.discard(receipt.provider_id)
        return not awaited or receipt.state is ReceiptState.SENT

    def problem(self, response: Response) -> Problem:
        parts = objects(response.object().get("messages"))
        part = next((part for part in parts if str(part.get("status")) != "0"), {})
        text = str(part.get("error-text") or "")
        wait = _WAIT.search(text)
        return Problem(str(part.get("status") or ""), text, after=int(wait[1]) / 1000 if wait else None)

    # what became of it

    def _records(self, *query: tuple[str, str]) -> Request:
        pairs = [("account_id", self.account), ("product", "SMS"), ("direction", "outbound"), *query]
        return Request(method="GET", path="/v2/reports/records", query=pairs, headers=self.headers, origin=_API)

    def lookup_request(self, sent: Sent) -> Request | None:
        if not self.settings.reports or sent.attempt.code == _PARTIAL:
            return None
        since, until = sent.attempt.started_at - 60_000, min(sent.now, sent.attempt.started_at + 3600_000) + 60_000
        return self._records(("date_start", _iso(since)), ("date_end", _iso(until)))

    def read_lookup(self, response: Response, sent: Sent) -> Lookup:
        """Of a text in several parts no more is known than of the one that is worst off."""
        rows = [row for row in objects(response.object().get("records")) if row.get("client_ref") == sent.reference]
        if rows:
            told = [(str(row.get("message_id") or ""), _RECEIPTS.get(str(row.get("status")))) for row in rows]
            if len(told) > 1:
                self._await(sent.reference, {id for id, state in told if state is not ReceiptState.DELIVERED})
            return Found(*min(told, key=lambda each: _WORST_FIRST.index(each[1])))
        late = sent.now - sent.attempt.started_at > 300_000
        return CannotTell("Vonage's reports do not list it", again=None if late else 120)

    def receipts_request(self, sent: Sequence[Sent]) -> Request | None:
        asked = (self._awaited.get(each.reference) or {each.attempt.provider_id} for each in sent)
        ids = [id for each in asked for id in sorted(each) if id]
        return self._records(("id", ",".join(ids))) if ids and self.settings.reports else None

    def read_receipts(self, response: Response, sent: Sequence[Sent]) -> Sequence[ReceiptUpdate]:
        rows = objects(response.object().get("records"))
        updates = [
            _receipt(
                row,
                row.get("message_id"),
                row.get("client_ref"),
                row.get("error_code"),
                row.get("error_code_description"),
            )
            for row in rows
        ]
        return [update for update in updates if update and self._is_of_the_whole(update)]

    def receive(self, request: InboundRequest) -> Inbound:
        secret = self.secret.get("VONAGE_SIGNATURE_SECRET")
        if not secret:
            raise InboundRefused(
                "VONAGE_SIGNATURE_SECRET is needed to check Vonage's signature: put it in .env", status=503
            )
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token:
            _check_jwt(token, secret, request.body, request.now)
            return self._of_whole_texts(_read(_posted(request)))  # the token covers the body, and nothing of the query
        fields = {**dict(request.query), **_posted(request)}
        _check_sig(fields, secret)
        return self._of_whole_texts(_read(fields))

    def check_request(self) -> Request:
        query = [("api_key", self.account), ("api_secret", self.secret["VONAGE_API_SECRET"])]
        return Request(method="GET", path="/account/get-balance", query=query)

    def read_check(self, response: Response) -> Health:
        return Health(ok=True, summary=f"the account's balance is {response.object().get('value', 'not told')}")


def _taken(parts: Sequence[Mapping[str, Any]]) -> int:
    return sum(str(part.get("status")) == "0" for part in parts)


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _posted(request: InboundRequest) -> dict[str, Any]:
    if request.headers.get("content-type", "").startswith("application/json"):
        posted = Response(status=200, body=request.body).object()
        if len(posted) > MOST_FIELDS:
            raise too_many()
        return posted
    return dict(fields_of(request.body))


def _check_sig(fields: Mapping[str, Any], secret: str) -> None:
    """Signed SMS webhooks: developer.vonage.com/en/getting-started/concepts/signing-messages. The hash's length tells its kind."""
    given = str(fields.get("sig", "")).lower()
    clean = {name: re.sub("[&=]", "_", str(value)) for name, value in fields.items() if name != "sig"}
    signed = "".join(f"&{name}={clean[name]}" for name in sorted(clean)).encode()
    kind = _HASHES.get(len(given))
    if kind is None:
        raise InboundRefused(
            "the callback is not signed: ask Vonage to sign them, and put VONAGE_SIGNATURE_SECRET in .env",
            status=503 if "message_uuid" in fields else 401,  # of this format some come unsigned, and again signed
        )
    good = [hmac.new(secret.encode(), signed, kind).hexdigest()]
    if kind == "md5":
        good.append(hashlib.md5(signed + secret.encode(), usedforsecurity=False).hexdigest())
    if not any(hmac.compare_digest(each.encode(), given.encode()) for each in good):
        raise InboundRefused("the signature does not hold: is VONAGE_SIGNATURE_SECRET the one in the API settings?")


def _check_jwt(token: str, secret: str, body: bytes, now: int) -> None:
    """Signed Messages webhooks (RFC 7519, HS256): the claim `payload_hash` is the SHA-256 of the body, which the SDK forgets; `exp` ends
    it, and none was issued later than now."""
    signed, _, signature = token.rpartition(".")
    due = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    head, _, claims = signed.partition(".")
    if _part(head).get("alg") != "HS256" or not hmac.compare_digest(due, _decode(signature)):
        raise InboundRefused("the signature does not hold: is VONAGE_SIGNATURE_SECRET the one in the API settings?")
    claimed = _part(claims)
    if claimed.get("payload_hash") != hashlib.sha256(body).hexdigest():
        raise InboundRefused("the signature is for another body")
    seconds = now / 1000
    if _time(claimed, "exp", otherwise=seconds) < seconds - _LEEWAY:
        raise InboundRefused("the signature has expired, or this clock is wrong")
    if _time(claimed, "iat", otherwise=seconds) > seconds + _LEEWAY:
        raise InboundRefused("the signature was made in the future, or this clock is wrong")


def _time(claims: Mapping[str, Any], name: str, *, otherwise: float) -> float:
    """A NumericDate; `otherwise` where it is not claimed. Raises InboundRefused for what is no time."""
    value = claims.get(name, otherwise)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InboundRefused(f"the claim {name} of the signature is no time")
    return float(value)


def _decode(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""


def _part(text: str) -> dict[str, Any]:
    return Response(status=200, body=_decode(text)).object()


def _read(fields: Mapping[str, Any]) -> Inbound:
    error = fields.get("error")
    title = error.get("title") if isinstance(error, Mapping) else None
    detail = error.get("detail") if isinstance(error, Mapping) else None
    sid = fields.get("messageId") or fields.get("message_uuid")
    if "status" in fields:
        reference = fields.get("client-ref") or fields.get("client_ref")
        update = _receipt(fields, sid, reference, fields.get("err-code") or title, detail)
        return Inbound(receipts=[update] if update else ())
    number = str(fields.get("msisdn") or fields.get("from") or "").removeprefix("+")
    if "text" in fields and number:
        reply = Reply(address=f"+{number}", text=str(fields["text"]), id=str(sid or ""))
        return Inbound(replies=[reply])
    return Inbound()


def _receipt(row: Mapping[str, Any], sid: Any, reference: Any, code: Any, detail: Any) -> ReceiptUpdate | None:
    state = _RECEIPTS.get(str(row.get("status")))
    if state is None or not (sid or reference):
        return None
    failed = state is ReceiptState.UNDELIVERED
    code = str(code) if failed and code else ""
    return ReceiptUpdate(
        state=state,
        provider_id=str(sid or ""),
        reference=str(reference or ""),
        code=code,
        detail=str(detail or "") if failed else "",
        opted_out=code in _OPTED_OUT,
        bad_address=code in _DEAD_NUMBERS,
    )
