"""A signed webhook to any system of the store's own: Standard Webhooks 1.0.0, https://www.standardwebhooks.com (2026-11).

The `webhook-id` is the message's own id over all tries, so a receiver that keeps ids takes each message once: a repeat is
harmless, and a 5xx is simply tried again.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import urlsplit

from daemon.channels._http import HttpChannel
from daemon.channels._verdict import Problem, Verdict, channel, later
from daemon.channels.base import HttpSettings, Misconfigured, Outgoing
from daemon.http import Http, Request, Response, json_request
from outbox.outcome import Accepted


class WebhookSettings(HttpSettings, frozen=True, kw_only=True):
    url: str


class Webhook(HttpChannel):
    name = "webhook"
    medium = "chat"
    title = "Webhook"
    address_kinds = ()
    Settings = WebhookSettings
    secrets = ("WEBHOOK_SECRET",)
    console = "make one with: openssl rand -base64 32, and write whsec_ before it"
    ambiguous_5xx = False
    needs_time = True
    repeat_is_harmless = True

    STATUSES: ClassVar[Mapping[int, Verdict]] = {
        409: later(),
        410: channel("the receiver wants no more of these (410): take [channels.webhook] out, or mend the receiver"),
    }

    settings: WebhookSettings

    def __init__(self, settings: WebhookSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        url = urlsplit(settings.url)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise Misconfigured(
                f"channels.webhook.url: {settings.url!r} is no address; write it like https://erp.example.com/orders"
            )
        self.origin = f"{url.scheme}://{url.netloc}"
        self.path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self.key = _key(self.secret["WEBHOOK_SECRET"])

    def build(self, out: Outgoing) -> Request:
        moment = datetime.fromtimestamp(out.now / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        value = {
            "type": out.trigger or "message",
            "timestamp": moment,
            "data": {
                "message_id": out.message_id,
                "attempt": out.attempt,
                "possible_duplicate": out.possible_duplicate,
                "order": out.order,
                "recipient": {"name": out.name, "locale": out.locale, "addresses": out.addresses},
                "subject": out.rendered.subject,
                "text": out.rendered.text,
            },
        }
        request = json_request("POST", self.path, value)
        stamp = str(out.now // 1000)
        signed = f"{out.message_id}.{stamp}.".encode() + request.body
        signature = b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()
        return request.with_headers(
            {"webhook-id": out.message_id, "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}
        )

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        return Accepted()

    def problem(self, response: Response) -> Problem:
        return Problem(text=response.text[:200])


def _key(secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not 24 <= len(key) <= 64:
        raise Misconfigured(
            "WEBHOOK_SECRET must be whsec_ and 24 to 64 bytes in base64: put one in .env "
            "(openssl rand -base64 32 makes the second part)"
        )
    return key
