"""A signed webhook to any system of the store's own: Standard Webhooks 1.0.0, https://www.standardwebhooks.com (2026-11).

The `webhook-id` is the message's own id over all tries, so a receiver that keeps ids takes each message once: a repeat is
harmless, and a 5xx is simply tried again. 410 alone says for good that it wants no more: all else may be a receiver that is just being replaced.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import urlsplit

from daemon.channels._http import HttpChannel, is_address
from daemon.channels._verdict import Problem, Verdict, channel, later
from daemon.channels.base import HttpSettings, Misconfigured, Outgoing
from daemon.http import Http, Request, Response, json_request
from daemon.standard_webhooks import NoKey, key_of, secret_trouble, sign
from outbox.outcome import Accepted

_REFUSES_US = (
    "if it lasts, give the receiver the WEBHOOK_SECRET of .env, and let it through whatever guards the receiver"
)
_PLACE = "if it lasts, check url in [channels.webhook]"


class WebhookSettings(HttpSettings, frozen=True, kw_only=True):
    url: str


class Webhook(HttpChannel):
    name = "webhook"
    medium = "chat"
    title = "Webhook"
    address_kinds = ()
    ships_as = ("team",)
    rank = 20
    Settings = WebhookSettings
    secrets = ("WEBHOOK_SECRET",)
    console = "make one with: openssl rand -base64 32, and write whsec_ before it"
    ambiguous_5xx = False
    needs_time = True
    repeat_is_harmless = True
    passes_order_on = True

    STATUSES: ClassVar[Mapping[int, Verdict]] = {
        401: channel(_REFUSES_US, after=900),
        403: channel(_REFUSES_US, after=900),
        404: channel(_PLACE, after=300),
        405: channel(_PLACE, after=300),
        409: later(),
        410: channel("the receiver wants no more of these (410): take [channels.webhook] out, or mend the receiver"),
    }

    settings: WebhookSettings

    def __init__(self, settings: WebhookSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        if not is_address(settings.url):
            raise Misconfigured(
                f"channels.webhook.url: {settings.url!r} is no address; write it like https://erp.example.com/orders"
            )
        url = urlsplit(settings.url)
        self.origin = f"{url.scheme}://{url.netloc}"
        self.path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self.key = _key(self.secret["WEBHOOK_SECRET"])

    @classmethod
    def secret_trouble(cls, name: str, value: str) -> str:
        return secret_trouble(name, value)

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
        return request.with_headers(sign(self.key, out.message_id, str(out.now // 1000), request.body))

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        return Accepted()

    def problem(self, response: Response) -> Problem:
        return Problem(text=response.text[:200])


def _key(secret: str) -> bytes:
    try:
        return key_of(secret)
    except NoKey as error:
        raise Misconfigured(
            f"WEBHOOK_SECRET {error}: put one in .env (openssl rand -base64 32 makes the second part)"
        ) from error
