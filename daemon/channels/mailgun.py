"""Mailgun messages API: https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages (2026-11).

Quirks: a wrong path on the host answers 200 "Mailgun Magnificent API"; the wait of a 429 stands in its text; the id comes with
angle brackets and events have it without. Our own Message-Id is honoured, so an unknown attempt can be looked up by it.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import quote

import msgspec

from daemon.channels._http import HttpChannel, basic
from daemon.channels._mail import headers, in_ascii, sender, subject
from daemon.channels._values import values_of
from daemon.channels._verdict import Problem, Verdict, channel, message, recipient
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
from daemon.http import Http, Request, Response, form_request, objects
from daemon.waits import until
from outbox.outcome import Absent, Accepted, CannotTell, Found, Lookup, ReceiptState

_HOSTS = {"us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net"}
_PHRASES = (
    (r"is not a valid address", "bad_address"),
    (r"limit exceeded", "limit"),
    (r"is not allowed to send", "not_allowed"),
    (r"Domain not found", "domain"),
    (r"Magnificent API", "path"),
)
_WAIT = re.compile(r"try again after (?:(\d+) seconds|(\w{3}, [^,]*?(?:UTC|GMT|[+-]\d{4})))")
_SILENCE = frozenset({"unsubscribed", "complained"})
_SILENCED = frozenset({"suppress-unsubscribe", "suppress-complaint"})
_DEAD = frozenset({"bounce", "suppress-bounce"})


FRESH_MS = 15 * 60_000
"""How old a signature may be."""
LAG_MS = 30 * 60_000
"""How late an event may be listed: only then is one that is missing no news of one that happened."""


class MailgunSettings(HttpSettings, frozen=True, kw_only=True):
    domain: str
    from_: str = msgspec.field(name="from")
    region: Literal["us", "eu"] = "us"
    """Where the domain was made: it exists in that region only."""
    templates: Mapping[str, str] = {}
    """Event type -> name of a template kept at Mailgun."""


class Mailgun(HttpChannel):
    name = "mailgun"
    medium = "email"
    title = "Mailgun"
    address_kinds = ("email",)
    rank = 20
    Settings = MailgunSettings
    secrets = ("MAILGUN_API_KEY",)
    optional_secrets = ("MAILGUN_WEBHOOK_SIGNING_KEY",)
    console = "app.mailgun.com, API security"
    default_rate = 10
    poll = PollPlan(delays=(30, 60, 300, 1800, 7200, 21600))
    tells_delivery = True
    can_look_up = True

    CODES: ClassVar[Mapping[str, Verdict]] = {
        "bad_address": recipient("this is not a mail address"),
        "not_allowed": channel("the domain may not send yet: see app.mailgun.com, Sending, Domains"),
        "domain": channel(
            "the domain is not known there: check `domain` and `region` in [channels.mailgun]", after=600
        ),
        "path": channel("the address of the API is not known there: check `domain` and base_url in [channels.mailgun]"),
    }
    STATUSES: ClassVar[Mapping[int, Verdict]] = {413: message("the mail is larger than Mailgun takes")}

    settings: MailgunSettings

    def __init__(self, settings: MailgunSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        self.origin = _HOSTS[settings.region]
        self.sender = sender(settings.from_, "channels.mailgun.from")
        self.headers = basic("api", self.secret["MAILGUN_API_KEY"])

    def _path(self, rest: str) -> str:
        return f"/v3/{quote(self.settings.domain, safe='')}{rest}"

    def _id(self, reference: str) -> str:
        """Our own Message-Id of an attempt, without its angle brackets."""
        return f"{reference}@{self.settings.domain}"

    def _is_ours(self, id: str) -> bool:
        """Whether it is a Message-Id of this domain: the account's posts may tell of others' mail."""
        return id.rpartition("@")[2].lower() == self.settings.domain.lower()

    def build(self, out: Outgoing) -> Request:
        pairs = [("from", self.settings.from_), ("to", out.to), ("subject", subject(out))]
        template = self.settings.templates.get(out.trigger)
        if template:
            pairs += [("template", template), ("t:variables", msgspec.json.encode(values_of(out)).decode())]
        else:
            pairs.append(("text", out.rendered.text))
            if out.rendered.html:
                pairs.append(("html", out.rendered.html))
        pairs.append(("h:Message-Id", f"<{self._id(out.reference)}>"))
        pairs += [(f"h:{name}", value) for name, value in headers(out, self.sender).items()]
        if out.reply_to:
            pairs.append(("h:Reply-To", out.reply_to))
        if out.expires_at is not None:
            minutes = min(max((out.expires_at - out.now) // 60_000, 5), 24 * 60)
            pairs.append(("o:deliver-within", f"{minutes // 60}h{minutes % 60}m" if minutes >= 60 else f"{minutes}m"))
        return form_request("POST", self._path("/messages"), pairs, headers=self.headers)

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        answer = response.object()
        sid = str(answer.get("id") or "").strip("<>")
        return Accepted(sid) if sid and str(answer.get("message")).startswith("Queued") else None

    def problem(self, response: Response) -> Problem:
        text = str(response.object().get("message") or response.text)
        code = next((code for phrase, code in _PHRASES if re.search(phrase, text)), "")
        wait = _WAIT.search(text)
        after = None
        if wait:
            after = float(wait[1]) if wait[1] else until(wait[2], response.headers)
        return Problem("" if code == "limit" else code, text, after=after)

    # what became of it

    def _events(self, *query: tuple[str, str]) -> Request:
        return Request(method="GET", path=self._path("/events"), query=query, headers=self.headers)

    def lookup_request(self, sent: Sent) -> Request:
        return self._events(("message-id", self._id(sent.reference)))

    def read_lookup(self, response: Response, sent: Sent) -> Lookup:
        items = response.object().get("items")
        if not isinstance(items, list):
            return CannotTell("the list of events was not understood", again=60)
        events = _to(sent.attempt.address, items)
        updates = [update for update in map(_receipt, events) if update]
        known = [event for event in events if event.get("event") == "accepted"]
        if known or updates:
            return Found(self._id(sent.reference), updates[-1].state if updates else None)
        age = sent.now - sent.attempt.started_at
        if age < 120_000:
            return CannotTell("no event of it yet", again=60)
        return CannotTell("Mailgun lists no event of it") if age < LAG_MS else Absent()

    def receipts_request(self, sent: Sequence[Sent]) -> Request:
        """By its id, since the domain's own list holds whatever else goes by it: a newsletter fills many pages."""
        return self._events(("message-id", sent[0].attempt.provider_id))

    def read_receipts(self, response: Response, sent: Sequence[Sent]) -> Sequence[ReceiptUpdate]:
        attempt = sent[0].attempt
        updates = map(_receipt, _to(attempt.address, response.object().get("items")))
        return [update for update in updates if update and update.provider_id == attempt.provider_id]

    def receive(self, request: InboundRequest) -> Inbound:
        posted = Response(status=200, body=request.body).object()
        signature = posted.get("signature")
        once = self._verify(signature if isinstance(signature, dict) else {}, request.now)
        event = posted.get("event-data")
        told = event if isinstance(event, dict) else {}
        update = _receipt(told)
        wishes = []
        if str(told.get("event")) in _SILENCE and told.get("recipient"):
            wishes.append(Reply(address=str(told["recipient"]), id=str(told.get("id") or ""), consent="stop"))
        return Inbound(
            receipts=[update] if update and self._is_ours(update.provider_id) else (),
            replies=wishes,
            once=once,
            once_until=request.now + 2 * FRESH_MS,
        )

    def _verify(self, signature: Mapping[str, Any], now: int) -> str:
        """What it may be shown once by. Raises InboundRefused."""
        key = self.secret.get("MAILGUN_WEBHOOK_SIGNING_KEY")
        if not key:
            raise InboundRefused(
                "MAILGUN_WEBHOOK_SIGNING_KEY is needed to check Mailgun's signature: put it in .env", status=503
            )
        timestamp, token = str(signature.get("timestamp")), str(signature.get("token"))
        due = hmac.new(key.encode(), (timestamp + token).encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(due.encode(), str(signature.get("signature")).encode()):
            raise InboundRefused(
                "the signature does not hold: is MAILGUN_WEBHOOK_SIGNING_KEY the HTTP webhook signing key?"
            )
        is_time = timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 16
        if not is_time or abs(now - int(timestamp) * 1000) > FRESH_MS:
            raise InboundRefused("the signature is older than fifteen minutes, or this clock is wrong")
        return f"{timestamp} {token}"

    async def believed(self, inbound: Inbound) -> Inbound:
        """The signature covers a token and a time and no word of the event: what Mailgun says when it is asked counts."""
        until = self.deadline()
        receipts = [found for update in inbound.receipts for found in await self._asked(update, until)]
        replies = [reply for reply in inbound.replies if await self._is_silenced(reply.address, until)]
        return msgspec.structs.replace(inbound, receipts=receipts, replies=replies)

    async def _asked(self, update: ReceiptUpdate, until: float) -> Sequence[ReceiptUpdate]:
        """All that became of the mail. Who once had enough of them, and wants them again, is not silenced anew by opening an old one."""
        answer = await self._answer(self._events(("message-id", update.provider_id)), until)
        found = map(_receipt, objects(answer.object().get("items")))
        ours = [
            msgspec.structs.replace(each, opted_out=each.opted_out and update.opted_out)
            for each in found
            if each and each.provider_id == update.provider_id
        ]
        if not ours and update.state is ReceiptState.UNDELIVERED:
            raise InboundRefused("Mailgun does not list that it failed yet: it will be sent again", status=503)
        return ours

    async def _is_silenced(self, address: str, until: float) -> bool:
        """Whether they are on Mailgun's own list of those who want no mail, or complained of it. Who has enough of what bears one tag (the
        newsletter) still waits for word on an order: ours bears none."""
        for kind in ("unsubscribes", "complaints"):
            request = Request(method="GET", path=self._path(f"/{kind}/{quote(address, safe='')}"), headers=self.headers)
            answer = await self._answer(request, until, also=404)
            tags = answer.object().get("tags")
            if answer.ok and not (isinstance(tags, list) and tags and "*" not in tags):
                return True
        return False

    async def _answer(self, request: Request, until: float, *, also: int = 200) -> Response:
        answer = await self.call(request, until=until)
        if not isinstance(answer, Response) or not (answer.ok or answer.status == also):
            raise InboundRefused("Mailgun could not be asked whether it is so: it will be sent again", status=503)
        return answer

    def check_request(self) -> Request:
        return self._events(("limit", "1"))

    def read_check(self, response: Response) -> Health:
        return Health(ok=True, summary=f"the key holds for {self.settings.domain}")


def _to(address: str, items: Any) -> list[dict[str, Any]]:
    """The events of mail to that address, which Mailgun may name in ASCII: stores of a chain that share a domain may give two mails one
    Message-Id."""
    wanted = in_ascii("", address).casefold()
    return [each for each in objects(items) if in_ascii("", str(each.get("recipient") or address)).casefold() == wanted]


def _receipt(event: Mapping[str, Any]) -> ReceiptUpdate | None:
    state = _state(event)
    message = event.get("message")
    headers = message.get("headers") if isinstance(message, Mapping) else None
    sid = headers.get("message-id") if isinstance(headers, Mapping) else None
    if state is None or not sid:
        return None
    failed = state is ReceiptState.UNDELIVERED
    status = event.get("delivery-status")
    told = status if isinstance(status, Mapping) else {}
    reason = str(event.get("reason") or "")
    return ReceiptUpdate(
        state=state,
        provider_id=str(sid),
        reference=str(sid).partition("@")[0],
        code=str(told.get("code") or reason) if failed else "",
        detail=str(told.get("message") or told.get("description") or reason) if failed else "",
        at=round(event["timestamp"] * 1000) if isinstance(event.get("timestamp"), int | float) else None,
        opted_out=str(event.get("event")) in _SILENCE or (failed and reason in _SILENCED),
        bad_address=failed and reason in _DEAD,
    )


def _state(event: Mapping[str, Any]) -> ReceiptState | None:
    match event.get("event"):
        case "delivered" | "complained" | "unsubscribed":
            return ReceiptState.DELIVERED
        case "opened" | "clicked":
            return ReceiptState.READ
        case "rejected":
            return ReceiptState.UNDELIVERED
        case "failed" if event.get("severity") == "permanent":
            return ReceiptState.UNDELIVERED
        case _:
            return None
