"""Klaviyo: events, profiles, metrics (https://developers.klaviyo.com/en/reference/api_overview).

Of events with the same `unique_id`, profile and metric only the first counts. A 202 has no body and no id.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.mailbox import Arrival
from daemon.sandbox.providers.base import Provider, Routes, World, as_list, as_object, as_text
from daemon.sandbox.times import offset

MEDIA = "application/vnd.api+json"
_REVISION = re.compile(r"\d{4}-\d{2}-\d{2}(\.pre)?")
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_KEEP = 50_000


class Klaviyo(Provider):
    name = "klaviyo"
    medium = "crm"
    secrets: ClassVar[Mapping[str, str]] = {
        "KLAVIYO_API_KEY": "pk_sandbox",
    }

    def __init__(self, world: World) -> None:
        self._seen: dict[tuple[str, str, str], None] = {}
        self._metrics: dict[str, str] = {}
        super().__init__(world)

    def routes(self) -> Routes:
        return {
            "POST /api/events": self.create,
            "GET /api/events": self.events,
            "POST /api/event-bulk-create-jobs": self.bulk,
            "POST /api/profile-import": self.profile,
            "GET /api/metrics": self.metrics,
            "GET /api/metrics/{id}/flow-triggers": self.flow_triggers,
            "GET /api/accounts": self.accounts,
        }

    def authorize(self, call: Call) -> None:
        if call.token("Klaviyo-API-Key") != self.world.secrets["KLAVIYO_API_KEY"]:
            raise self.refuse(401, "not_authenticated", "Authentication credentials were not provided or are wrong.")
        if not _REVISION.fullmatch(call.headers.get("revision", "")):
            raise self.refuse(400, "invalid", "A revision header is required.")

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        names = {400: "invalid", 404: "not_found", 415: "unsupported_media_type", 429: "throttled"}
        error = {
            "id": self.uuid(),
            "status": status,
            "code": code or names.get(status, "error"),
            "title": text or "Error",
            "detail": text or "Error",
            "source": {"pointer": "/data"},
            "links": {},
            "meta": {},
        }
        return reply(status, {"errors": [error]}, content_type=MEDIA)

    # ------------------------------------------------------------ events

    def create(self, call: Call) -> Response:
        self._take(call, as_object(self._data(call, "event").get("attributes")))
        return Response(202)

    def bulk(self, call: Call) -> Response:
        attributes = as_object(self._data(call, "event-bulk-create-job").get("attributes"))
        entries = as_list(as_object(attributes.get("events-bulk-create")).get("data"))
        for entry in entries:
            inner = as_object(as_object(entry).get("attributes"))
            profile = inner.get("profile")
            for event in as_list(as_object(inner.get("events")).get("data")):
                self._take(call, {**as_object(as_object(event).get("attributes")), "profile": profile})
        return Response(202)

    def _data(self, call: Call, kind: str) -> Mapping[str, Any]:
        if call.media_type not in (MEDIA, "application/json"):
            raise self.refuse(415, "", f"Content-Type must be {MEDIA}")
        data = as_object(as_object(call.json).get("data"))
        if data.get("type") != kind:
            raise self.refuse(400, "invalid", f"data.type must be {kind}")
        return data

    def _take(self, call: Call, event: Mapping[str, Any]) -> None:
        metric = as_text(_attributes(event.get("metric")).get("name"))
        properties = event.get("properties")
        if not isinstance(properties, dict) or len(properties) > 400:
            raise self.refuse(400, "invalid", "properties is required, with at most 400 entries.")
        if not 1 <= len(metric) < 128:
            raise self.refuse(400, "invalid", "metric.name is required, shorter than 128 characters.")
        profile = self._check_profile(_attributes(event.get("profile")))
        who = as_text(profile.get("email") or profile.get("phone_number") or profile.get("external_id"))
        unique = as_text(event.get("unique_id")) or as_text(event.get("time")) or offset(call.now)
        key = (unique, who, metric)
        repeat = key in self._seen
        self._seen[key] = None
        if len(self._seen) > _KEEP:
            del self._seen[next(iter(self._seen))]
        self._metrics.setdefault(metric, f"Metric{len(self._metrics) + 1:02d}")
        self.accept(
            call,
            id="",
            to=who,
            subject=metric,
            text=as_text(properties.get("status") or properties.get("text")) or metric,
            reference=as_text(event.get("unique_id")),
            data={
                "metric": metric,
                "properties": properties,
                "time": event.get("time"),
                "backfill": event.get("backfill"),
            },
            repeat=repeat,
        )

    def _check_profile(self, profile: Mapping[str, Any]) -> Mapping[str, Any]:
        if not any(profile.get(key) for key in ("email", "phone_number", "external_id", "anonymous_id", "id", "_kx")):
            raise self.refuse(
                400, "invalid", "One of email, phone_number, external_id is required to identify a profile."
            )
        phone = as_text(profile.get("phone_number"))
        if phone and not _PHONE.fullmatch(phone):
            raise self.refuse(
                400,
                "invalid",
                f"Invalid phone number format (Example of a valid format: +12345678901): {len(phone)} characters",
            )
        if profile.get("email") and "@" not in as_text(profile["email"]):
            raise self.refuse(400, "invalid", "Invalid email address")
        return profile

    def events(self, call: Call) -> Response:
        """`filter`'s metric_id is honoured; the rest is left to the caller to match."""
        match = re.search(r'equals\(metric_id,"([^"]+)"\)', call.query.get("filter", ""))
        names = [name for name, id in self._metrics.items() if match is None or id == match[1]]
        size = call.number("page[size]", 20)
        found = [a for a in self.mine() if a.subject in names and not a.repeat][:size]
        links = {"self": f"https://a.klaviyo.com{call.path}"}
        return reply(200, {"data": [self._event(a) for a in found], "links": links}, content_type=MEDIA)

    def _event(self, arrival: Arrival) -> dict[str, Any]:
        id = f"event{arrival.seq}"
        attributes = {
            "timestamp": arrival.at // 1000,
            "event_properties": arrival.data["properties"],
            "datetime": offset(arrival.at),
            "uuid": id,
        }
        return {
            "type": "event",
            "id": id,
            "attributes": attributes,
            "links": {"self": f"https://a.klaviyo.com/api/events/{id}"},
        }

    # ------------------------------------------------------------ profiles, metrics

    def profile(self, call: Call) -> Response:
        data = self._data(call, "profile")
        profile = self._check_profile(as_object(data.get("attributes")))
        value = {"type": "profile", "id": f"01{self.hex(24).upper()}", "attributes": profile}
        return reply(
            200, {"data": value | {"links": {"self": "https://a.klaviyo.com/api/profiles/"}}}, content_type=MEDIA
        )

    def metrics(self, call: Call) -> Response:
        data = [
            {
                "type": "metric",
                "id": id,
                "attributes": {"name": name},
                "links": {"self": f"https://a.klaviyo.com/api/metrics/{id}"},
            }
            for name, id in self._metrics.items()
        ]
        return reply(200, {"data": data, "links": {"self": "https://a.klaviyo.com/api/metrics"}}, content_type=MEDIA)

    def flow_triggers(self, call: Call, id: str) -> Response:
        flow = {
            "type": "flow",
            "id": "Flow01",
            "attributes": {"name": "Order status", "status": "live", "trigger_type": "Metric"},
        }
        data = (
            [flow | {"links": {"self": "https://a.klaviyo.com/api/flows/Flow01"}}]
            if id in self._metrics.values()
            else []
        )
        return reply(200, {"data": data, "links": {"self": f"https://a.klaviyo.com{call.path}"}}, content_type=MEDIA)

    def accounts(self, call: Call) -> Response:
        return reply(
            200,
            {"data": [{"type": "account", "id": "Sandbx", "attributes": {"test_account": True}}]},
            content_type=MEDIA,
        )


def _attributes(value: Any) -> Mapping[str, Any]:
    """A relationship's attributes: `{"data": {"attributes": {...}}}`."""
    data = as_object(as_object(value).get("data"))
    return {**as_object(data.get("attributes")), **({"id": data["id"]} if data.get("id") else {})}
