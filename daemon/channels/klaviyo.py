"""Klaviyo, an event that a flow waits for: https://developers.klaviyo.com/en/reference/create_event (revision 2026-07-15).

Quirks: a 202 has neither body nor id and means taken, not processed; `unique_id` makes a repeat for the same profile and metric
harmless; all keys of an account share one quota. A metric exists from its first event on, and only then can a flow be built on it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote

from daemon.channels._http import HttpChannel
from daemon.channels._values import values_of
from daemon.channels._verdict import Problem, Verdict, channel, message, throttled
from daemon.channels.base import Health, HttpSettings, Outgoing
from daemon.http import Http, Request, Response, json_request, objects
from outbox.outcome import Accepted

_SCOPES = (
    "give the key the scopes events:write, profiles:write, metrics:read and flows:read: klaviyo.com, Settings, API keys"
)


class KlaviyoSettings(HttpSettings, frozen=True, kw_only=True):
    metric: str = "Order status"
    """The name of the events; a flow is built on it."""
    metrics: Mapping[str, str] = {}
    """Event type -> a metric of its own."""
    revision: str = "2026-07-15"
    """Of their API; one lives about two years."""


class Klaviyo(HttpChannel):
    name = "klaviyo"
    medium = "crm"
    title = "Klaviyo"
    address_kinds = ("email", "phone")
    secrets_begin: ClassVar[Mapping[str, tuple[str, ...]]] = {"KLAVIYO_API_KEY": ("pk_",)}
    rank = 20
    Settings = KlaviyoSettings
    secrets = ("KLAVIYO_API_KEY",)
    console = "klaviyo.com, Settings, API keys"
    origin = "https://a.klaviyo.com"
    ambiguous_5xx = False
    repeat_is_harmless = True
    passes_order_on = True
    default_rate = 10

    CODES: ClassVar[Mapping[str, Verdict]] = {
        "invalid": message("Klaviyo does not take this event: is the phone number or address one it knows?"),
        "duplicate_profile": message("the e-mail and the phone number belong to two profiles: merge them in Klaviyo"),
        "not_authenticated": channel("KLAVIYO_API_KEY is wrong: make a private key at klaviyo.com, Settings, API keys"),
        "authentication_failed": channel(
            "KLAVIYO_API_KEY is wrong: make a private key at klaviyo.com, Settings, API keys"
        ),
        "permission_denied": channel(_SCOPES),
        "throttled": throttled(),
    }
    STATUSES: ClassVar[Mapping[int, Verdict]] = {
        410: channel("this revision of the API is retired: set a newer revision in [channels.klaviyo]"),
    }

    settings: KlaviyoSettings

    def __init__(self, settings: KlaviyoSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        self.headers = {
            "Authorization": f"Klaviyo-API-Key {self.secret['KLAVIYO_API_KEY']}",
            "Accept": "application/vnd.api+json",
            "Content-Type": "application/vnd.api+json",
            "revision": settings.revision,
        }

    def build(self, out: Outgoing) -> Request:
        metric = self.settings.metrics.get(out.trigger, self.settings.metric)
        attributes: dict[str, Any] = {
            "properties": {**values_of(out), "order": out.order},
            "unique_id": out.message_id,
            "time": datetime.fromtimestamp(out.happened_at / 1000, UTC).isoformat(timespec="seconds"),
            "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
            "profile": {"data": {"type": "profile", "attributes": _profile(out)}},
        }
        total = _number(out.order.get("total"))
        if total is not None:
            attributes["value"] = total
            if out.order.get("currency"):
                attributes["value_currency"] = str(out.order["currency"])
        return json_request(
            "POST", "/api/events", {"data": {"type": "event", "attributes": attributes}}, headers=self.headers
        )

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        return Accepted(detail="taken; whether a flow sends is Klaviyo's business") if response.status == 202 else None

    def problem(self, response: Response) -> Problem:
        error = next(iter(objects(response.object().get("errors"))), {})
        return Problem(code=str(error.get("code") or ""), text=str(error.get("detail") or error.get("title") or ""))

    async def check(self) -> Health:
        """The key, the metric, and whether a live flow hangs on it: without one events are taken and nothing is sent."""
        until = self.deadline()
        listed = Request(method="GET", path="/api/metrics", headers=self.headers)
        answer = await self.call(listed, until=until)
        if not isinstance(answer, Response) or not answer.ok or answer.is_page:
            return self.unwell(answer)
        metric = next((row for row in objects(answer.object().get("data")) if _name(row) == self.settings.metric), None)
        if metric is None:
            remedy = "send one test message, then build a flow on this metric in Klaviyo"
            return Health(
                ok=True, summary=f"the key holds; no event {self.settings.metric!r} was ever sent", remedy=remedy
            )
        path = f"/api/metrics/{quote(str(metric.get('id')), safe='')}/flow-triggers"
        answer = await self.call(Request(method="GET", path=path, headers=self.headers), until=until)
        if not isinstance(answer, Response) or not answer.ok or answer.is_page:
            return self.unwell(answer)
        live = any(_attributes(row).get("status") == "live" for row in objects(answer.object().get("data")))
        summary = (
            f"a live flow waits for {self.settings.metric!r}"
            if live
            else f"no live flow waits for {self.settings.metric!r}"
        )
        return Health(
            ok=live, summary=summary, remedy="" if live else "build a flow on this metric and set it live in Klaviyo"
        )


def _profile(out: Outgoing) -> dict[str, str]:
    """As few identifiers as do, since several may belong to different profiles; and no name, which would replace the profile's own."""
    email = out.addresses.get("email")
    return {"email": email} if email else {"phone_number": out.addresses.get("phone", out.to)}


def _number(total: Any) -> float | None:
    try:
        return float(total)
    except (TypeError, ValueError):
        return None


def _attributes(row: Mapping[str, Any]) -> Mapping[str, Any]:
    attributes = row.get("attributes")
    return attributes if isinstance(attributes, dict) else {}


def _name(row: Mapping[str, Any]) -> str:
    return str(_attributes(row).get("name"))
