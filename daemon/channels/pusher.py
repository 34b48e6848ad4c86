"""Pusher Channels, events over HTTP: https://pusher.com/docs/channels/library_auth_reference/rest-api (2026-11).

Quirks: every call is signed with the time, which Pusher believes within 600 seconds; the answer names no id and nothing is kept
for who is not connected, so a channel that nobody listens to is passed over. A page that gets an event may confirm it with a
client event `client-received` carrying its `reference`, which Pusher's webhook then brings here. The file is longer than most for the signature, which goes both ways.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec

from daemon.channels._http import HttpChannel
from daemon.channels._values import title_of
from daemon.channels._verdict import Problem, Verdict, channel, later, message, throttled
from daemon.channels.base import Health, HttpSettings, Inbound, InboundRefused, InboundRequest, Outgoing, ReceiptUpdate
from daemon.http import Http, Request, Response, objects
from outbox.outcome import Accepted, Outcome, ReceiptState, Rejected, Scope

_NAME = re.compile(r"[-a-zA-Z0-9_=@,.;]{1,200}")
_LARGEST = 10_240
"""Bytes of an event's data."""
_FRESH = 300_000
"""How old a webhook may be, ms."""
_CREDENTIALS = "PUSHER_KEY or PUSHER_SECRET is wrong (dashboard.pusher.com, your app, App Keys), or this machine's clock is off by minutes"


class PusherSettings(HttpSettings, frozen=True, kw_only=True):
    cluster: str = "mt1"
    event: str = ""
    """The events' name; "": the event's own type ("order.ready")."""
    channel: str = ""
    """The team's own channel."""
    only_if_listening: bool = True
    """Ask first whether anybody is subscribed, and pass over the channel when nobody is."""


class Pusher(HttpChannel):
    name = "pusher"
    medium = "push"
    title = "Pusher Channels"
    address_kinds = ("pusher",)
    rank = 20
    Settings = PusherSettings
    secrets = ("PUSHER_APP_ID", "PUSHER_KEY", "PUSHER_SECRET")
    console = "dashboard.pusher.com, your app, App Keys"
    ambiguous_5xx = False
    tells_delivery = True
    repeat_is_harmless = True
    needs_time = True

    CODES: ClassVar[Mapping[str, Verdict]] = {
        "400": message("Pusher does not take this event"),
        "401": channel(_CREDENTIALS, after=900),
        "403": channel("the app is disabled, or its messages for today are used up: dashboard.pusher.com", after=3600),
        "404": channel("PUSHER_APP_ID or cluster is wrong: dashboard.pusher.com, your app, App Keys"),
        "413": message("the text is longer than Pusher's 10 kB"),
        "429": throttled(),
        "500": later(),
        "503": later(),
    }
    """Pusher has no codes but HTTP's; a compatible server may say them inside a 200."""
    STATUSES: ClassVar[Mapping[int, Verdict]] = {int(code): verdict for code, verdict in CODES.items()}

    settings: PusherSettings

    def __init__(self, settings: PusherSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        self.origin = f"https://api-{settings.cluster}.pusher.com"

    def destination(self) -> str | None:
        return self.settings.channel or None

    def signed(self, method: str, path: str, now: int, body: bytes = b"") -> Request:
        """A call with Pusher's own signature over method, path and query. `now` in ms."""
        path = f"/apps/{self.secret['PUSHER_APP_ID']}{path}"
        query = {"auth_key": self.secret["PUSHER_KEY"], "auth_timestamp": str(now // 1000), "auth_version": "1.0"}
        if body:
            query["body_md5"] = hashlib.md5(body, usedforsecurity=False).hexdigest()
        words = "\n".join([method, path, "&".join(f"{name}={query[name]}" for name in sorted(query))])
        query["auth_signature"] = hmac.new(
            self.secret["PUSHER_SECRET"].encode(), words.encode(), hashlib.sha256
        ).hexdigest()
        headers = {"Content-Type": "application/json"} if body else {}
        return Request(method=method, path=path, query=tuple(query.items()), headers=headers, body=body)

    async def prepare(self, out: Outgoing, *, until: float) -> Request | Outcome:
        if not _NAME.fullmatch(out.to):
            return Rejected(Scope.RECIPIENT, "bad_channel", "this is not a name of a Pusher channel")
        if len(_data(out)) > _LARGEST:
            return Rejected(Scope.MESSAGE, "too_long", "the text is longer than Pusher's 10 kB")
        if self.settings.only_if_listening:
            asked = self.signed("GET", f"/channels/{quote(out.to, safe='')}", out.now)
            answer = await self.ask(asked, out, until=until, also=(400, 404))
            if not isinstance(answer, Response):
                return answer
            if answer.object().get("occupied") is False:
                return Rejected(Scope.RECIPIENT, "nobody_listening", "nobody is subscribed to the channel now")
        return self.build(out)

    def build(self, out: Outgoing) -> Request:
        event = {
            "name": self.settings.event or out.trigger or "message",
            "channels": [out.to],
            "data": _data(out).decode(),
        }
        return self.signed("POST", "/events", out.now, msgspec.json.encode(event))

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        answer = response.json()
        return Accepted() if isinstance(answer, dict) and "error" not in answer else None

    def problem(self, response: Response) -> Problem:
        answer = response.object()
        if "error" not in answer:
            return Problem(text=response.text)
        return Problem(code=str(answer.get("code") or ""), text=str(answer["error"]))

    def check_request(self) -> Request:
        return self.signed("GET", "/channels", self.http.clock.now())

    def read_check(self, response: Response) -> Health:
        answer = response.object()
        if "error" in answer:
            return Health(ok=False, summary="the server refuses the signature", remedy=_CREDENTIALS)
        channels = answer.get("channels")
        count = len(channels) if isinstance(channels, dict) else 0
        return Health(ok=True, summary=f"the key holds; {count} channels have listeners now")

    def receive(self, request: InboundRequest) -> Inbound:
        due = hmac.new(self.secret["PUSHER_SECRET"].encode(), request.body, hashlib.sha256).hexdigest()
        told = request.headers.get("x-pusher-signature", "")
        key = request.headers.get("x-pusher-key", "")
        known = hmac.compare_digest(key.encode(), self.secret["PUSHER_KEY"].encode())
        if not hmac.compare_digest(due.encode(), told.encode()) or not known:
            raise InboundRefused("the signature does not hold: is PUSHER_SECRET the secret of the app that calls?")
        try:
            body = msgspec.json.decode(request.body, type=_Webhook)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InboundRefused("the body is not a webhook of Pusher's", status=400) from error
        if abs(request.now - body.time_ms) > _FRESH:
            raise InboundRefused("the webhook is minutes old, or this machine's clock is off")
        return Inbound(receipts=[_receipt(reference, body.time_ms) for reference in _confirmed(body.events)])


def _data(out: Outgoing) -> bytes:
    """What the page gets: the ids are for it to know a repeat by, and to confirm."""
    data = {
        "id": out.message_id,
        "reference": out.reference,
        "type": out.trigger,
        "order_ref": out.order_ref,
        "title": title_of(out),
        "text": out.rendered.text,
    }
    return msgspec.json.encode(data)


class _Webhook(msgspec.Struct):
    time_ms: int
    events: list[dict[str, Any]] = []


def _confirmed(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """The references that pages confirmed with `client-received`."""
    found = []
    for event in events:
        if event.get("name") == "client_event" and event.get("event") == "client-received":
            data = event.get("data")
            if isinstance(data, str):
                data = Response(status=200, body=data.encode()).json()
            found += [str(row["reference"]) for row in objects([data]) if row.get("reference")]
    return found


def _receipt(reference: str, at: int) -> ReceiptUpdate:
    return ReceiptUpdate(state=ReceiptState.DELIVERED, reference=reference, at=at)
