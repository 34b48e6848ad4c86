"""Plivo SMS: https://www.plivo.com/docs/messaging/api/message (2026-11).

Quirks: the path ends in a slash; a bad number or an opt-out is accepted first and told by the receipt; there is no client
reference and the list of messages has no texts, so an unknown attempt is looked up by number and time only.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote

import msgspec

from daemon.channels._form import fields_of
from daemon.channels._http import HttpChannel, basic
from daemon.channels._verdict import Problem, Verdict, ahead, recipient
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
from outbox.outcome import Absent, Accepted, CannotTell, Found, Lookup, ReceiptState

_RECEIPTS: Mapping[str, ReceiptState] = {
    "sent": ReceiptState.SENT,
    "delivered": ReceiptState.DELIVERED,
    "read": ReceiptState.READ,
    "undelivered": ReceiptState.UNDELIVERED,
    "failed": ReceiptState.UNDELIVERED,
    "rejected": ReceiptState.UNDELIVERED,
}
_OPTED_OUT = "200"
_BAD_NUMBER = "50"
_SLACK = 5000
_PAGE = 20
"""Messages of a list, as many as Plivo gives, the newest first: where all are newer than what is looked for, it may stand on the next."""


_NONCE_MS = 7 * 86_400_000
"""How long a nonce is remembered: a signature without a time says nothing of its age."""


class PlivoSettings(HttpSettings, frozen=True, kw_only=True):
    from_: str = msgspec.field(name="from", default="")
    powerpack_uuid: str = ""
    receipts_url: str = ""
    """`[hook] public_url` and /v1/receipts/plivo, where the outside reaches it: receipts are then posted as well as asked for."""


class Plivo(HttpChannel):
    name = "plivo"
    medium = "sms"
    title = "Plivo"
    address_kinds = ("phone",)
    rank = 30
    Settings = PlivoSettings
    secrets = ("PLIVO_AUTH_ID", "PLIVO_AUTH_TOKEN")
    console = "console.plivo.com, Overview"
    origin = "https://api.plivo.com"
    default_rate = 5
    poll = PollPlan()
    tells_delivery = True
    can_look_up = True

    STATUSES: ClassVar[Mapping[int, Verdict]] = {
        403: recipient("allow this country at console.plivo.com: Messaging, Geo permissions"),
    }

    settings: PlivoSettings

    def __init__(self, settings: PlivoSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        if bool(settings.from_) == bool(settings.powerpack_uuid):
            raise Misconfigured(
                "from is missing: put a number of this account, or powerpack_uuid, into [channels.plivo] of tether.toml"
            )
        self.account = self.secret["PLIVO_AUTH_ID"]
        self.headers = basic(self.account, self.secret["PLIVO_AUTH_TOKEN"])

    def _get(self, rest: str, *query: tuple[str, str]) -> Request:
        return Request(method="GET", path=f"/v1/Account/{self.account}/{rest}", query=query, headers=self.headers)

    def build(self, out: Outgoing) -> Request:
        sender = (
            {"src": self.settings.from_} if self.settings.from_ else {"powerpack_uuid": self.settings.powerpack_uuid}
        )
        body: dict[str, Any] = {**sender, "dst": out.to.removeprefix("+"), "text": out.rendered.text}
        if self.settings.receipts_url:
            body |= {"url": self.settings.receipts_url, "method": "POST"}
        if out.expires_at is not None:
            body["message_expiry"] = min(max((out.expires_at - out.now) // 1000, 5), 10_800)
        return json_request("POST", f"/v1/Account/{self.account}/Message/", body, headers=self.headers)

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        ids = response.object().get("message_uuid")
        return Accepted(str(ids[0])) if isinstance(ids, list) and ids else None

    def problem(self, response: Response) -> Problem:
        return Problem(text=str(response.object().get("error") or ""))

    # what became of it

    def lookup_request(self, sent: Sent) -> Request:
        number = sent.attempt.address.removeprefix("+")
        return self._get("Message/", ("to_number", number), ("message_direction", "outbound"), ("limit", str(_PAGE)))

    def read_lookup(self, response: Response, sent: Sent) -> Lookup:
        rows = response.object().get("objects")
        if not isinstance(rows, list):
            return CannotTell("the list of messages was not understood", again=60)
        begun = sent.attempt.started_at + ahead(response, sent.now)
        window = range(begun - _SLACK, begun + round(self.settings.timeout * 2000) + _SLACK)
        times = [_ms(row.get("message_time")) for row in objects(rows)]
        listed = [
            (str(row.get("message_uuid")), row.get("message_state"))
            for row, at in zip(objects(rows), times, strict=True)
            if str(row.get("message_uuid")) not in sent.others and at in window
        ]
        if len(listed) > sent.rivals:
            uuid, state = listed[0]
            return Found(uuid, _RECEIPTS.get(str(state)))
        if listed:
            return CannotTell("it may be another text to that number that is listed", again=60)
        if len(rows) >= _PAGE and min(filter(None, times), default=window.start) >= window.start:
            return CannotTell("more messages went to that number since than one page lists")
        if sent.now - sent.attempt.started_at < 30_000:
            return CannotTell("not listed yet", again=30)
        return Absent()

    def receipts_request(self, sent: Sequence[Sent]) -> Request:
        return self._get(f"Message/{sent[0].attempt.provider_id}/")

    def read_receipts(self, response: Response, sent: Sequence[Sent]) -> Sequence[ReceiptUpdate]:
        row = response.object()
        update = _receipt(
            row.get("message_uuid"), row.get("message_state"), row.get("error_code"), row.get("error_message")
        )
        return [update] if update else ()

    def receive(self, request: InboundRequest) -> Inbound:
        form = fields_of(request.body)
        nonce = self._verify(request, form)
        fields = {**dict(request.query), **dict(form)}
        until = request.now + _NONCE_MS if nonce else 0
        if "Status" in fields:
            update = _receipt(fields.get("MessageUUID"), fields["Status"], fields.get("ErrorCode"), "")
            return Inbound(receipts=[update] if update else (), once=nonce, once_until=until)
        number = fields.get("From", "").removeprefix("+")
        if not number:
            return Inbound(once=nonce, once_until=until)
        reply = Reply(address=f"+{number}", text=fields.get("Text", ""), id=fields.get("MessageUUID", ""))
        return Inbound(replies=[reply], once=nonce, once_until=until)

    def _verify(self, request: InboundRequest, form: list[tuple[str, str]]) -> str:
        """V3 signs the URL and what is in the body, V2 the URL alone: then its nonce is returned, which may be shown once
        (plivo.com/docs/messaging/concepts/signature-validation)."""
        headers = request.headers
        third, nonce = (headers.get(f"x-plivo-signature-{name}", "") for name in ("v3", "v3-nonce"))
        named = f"{_v3_text(request.url, form)}.{nonce}"
        if self._signs(named, third) or self._signs(named, headers.get("x-plivo-signature-ma-v3", "")):
            return ""
        nonce = headers.get("x-plivo-signature-v2-nonce", "")
        bare = request.url.split("?")[0] + nonce
        if nonce and any(
            self._signs(bare, headers.get(name, "")) for name in ("x-plivo-signature-v2", "x-plivo-signature-ma-v2")
        ):
            return nonce
        raise InboundRefused("the signature does not hold: is [hook] public_url the address that Plivo calls?")

    async def believed(self, inbound: Inbound) -> Inbound:
        """A V2 signature covers nothing of the body: what Plivo says of the message when it is asked counts. The text of one that
        came in it does not say again."""
        if not inbound.once:
            return inbound
        until = self.deadline()
        receipts = [found for update in inbound.receipts for found in await self._asked(update, until)]
        replies = [
            msgspec.structs.replace(reply, vouched=False)
            for reply in inbound.replies
            if await self._wrote(reply, until)
        ]
        return msgspec.structs.replace(inbound, receipts=receipts, replies=replies)

    async def _asked(self, update: ReceiptUpdate, until: float) -> Sequence[ReceiptUpdate]:
        row = await self._message(update.provider_id, until)
        known = _receipt(
            row.get("message_uuid"), row.get("message_state"), row.get("error_code"), row.get("error_message")
        )
        return [known] if known and known.provider_id == update.provider_id else []

    async def _wrote(self, reply: Reply, until: float) -> bool:
        """Of a text that Plivo does not show yet it is to tell again: it may be a STOP."""
        row = await self._message(reply.id, until)
        if reply.id and not row:
            raise InboundRefused("Plivo does not show that text yet: it will be sent again", status=503)
        number = str(row.get("from_number") or "").removeprefix("+")
        return row.get("message_direction") == "inbound" and f"+{number}" == reply.address

    async def _message(self, uuid: str, until: float) -> Mapping[str, Any]:
        """What Plivo has under that id; nothing where it has none."""
        if not uuid:
            return {}
        answer = await self.call(self._get(f"Message/{quote(uuid, safe='')}/"), until=until)
        if isinstance(answer, Response):
            row = answer.object() if answer.ok else {}
            if row.get("message_uuid") or answer.status == 404:
                return row
        raise InboundRefused("Plivo could not be asked whether it is so: it will be sent again", status=503)

    def _signs(self, text: str, signatures: str) -> bool:
        """A header may list several, one for each token that is valid."""
        due = hmac.new(self.secret["PLIVO_AUTH_TOKEN"].encode(), text.encode(), hashlib.sha256).digest()
        return any(hmac.compare_digest(b64encode(due), each.strip().encode()) for each in signatures.split(","))

    def check_request(self) -> Request:
        return self._get("")

    def read_check(self, response: Response) -> Health:
        return Health(ok=True, summary=f"the account's credit is {response.object().get('cash_credits', 'not told')}")


def _v3_text(url: str, form: list[tuple[str, str]]) -> str:
    """What a V3 signature covers, as Plivo's own library puts it together: the URL without its query, the query's names and values in
    order and decoded, and the body's."""
    bare, _, query = url.partition("?")
    asked = "&".join(f"{name}={value}" for name, value in sorted(parse_qsl(query, keep_blank_values=True)))
    fields = "".join(name + value for name, value in sorted(form))
    return f"{bare}{'?' if asked or form else ''}{asked}{'.' if asked and form else ''}{fields}"


def _receipt(uuid: Any, state: Any, code: Any, detail: Any) -> ReceiptUpdate | None:
    known = _RECEIPTS.get(str(state))
    if known is None or not uuid:
        return None
    code = "" if str(code or "000") == "000" else str(code)
    return ReceiptUpdate(
        state=known,
        provider_id=str(uuid),
        code=code,
        detail=str(detail or ""),
        opted_out=code == _OPTED_OUT,
        bad_address=code == _BAD_NUMBER,
    )


def _ms(text: Any) -> int:
    """Plivo's times: `2017-05-22 21:36:14+05:30`, UTC where no offset stands. 0 where it is none."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return 0
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
