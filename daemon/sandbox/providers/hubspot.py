"""HubSpot: CRM objects, properties, single send, flows (https://developers.hubspot.com/docs/reference/api).

Objects are kept. Writing an unchanged value is no change: it is noted as a repeat, since no workflow would run. A property must be
there before it can be written: HubSpot's own are, `PREMADE` are, others are when they were created.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from daemon.sandbox.exchange import Call, Refused, Response, reply
from daemon.sandbox.fate import Fate, Stage
from daemon.sandbox.providers.base import Provider, Routes, World, as_list, as_object, as_text, whole, with_headers
from daemon.sandbox.times import iso

_TYPES = {"0-1": "contacts", "0-3": "deals", "0-123": "orders"}
_OWN = {
    "contacts": {"email", "firstname", "lastname", "phone", "company"},
    "deals": {"dealname", "dealstage", "pipeline", "amount"},
    "orders": {"hs_order_name"},
}
PREMADE = {"balloon_order_status", "tether_order_status", "tether_order_number"}
"""What this portal was given when the store was set up."""
_KEEP = 10_000
_SEND_RESULTS = {
    Fate.UNDELIVERED: "PREVIOUSLY_BOUNCED",
    Fate.OPTED_OUT: "PREVIOUSLY_UNSUBSCRIBED_PORTAL",
    Fate.INVALID: "INVALID_TO_ADDRESS",
}


class HubSpot(Provider):
    name = "hubspot"
    medium = "crm"
    secrets: ClassVar[Mapping[str, str]] = {
        "HUBSPOT_ACCESS_TOKEN": "pat-eu1-sandbox",
    }
    table: ClassVar[Mapping[str, Any]] = {"object": "orders", "property": "balloon_order_status"}

    def __init__(self, world: World) -> None:
        self._objects: dict[tuple[str, str], dict[str, Any]] = {}
        self._properties: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._flows: dict[str, Mapping[str, Any]] = {}
        super().__init__(world)

    def routes(self) -> Routes:
        objects = "/crm/v3/objects/{kind}"
        return {
            f"POST {objects}": self.create,
            f"POST {objects}/search": self.search,
            f"POST {objects}/batch/upsert": self.upsert,
            f"GET {objects}/{{id}}": self.fetch,
            f"PATCH {objects}/{{id}}": self.update,
            "POST /crm/v3/properties/{kind}": self.create_property,
            "GET /crm/v3/properties/{kind}/{name}": self.property,
            "GET /automation/v4/flows": self.flows,
            "POST /automation/v4/flows": self.create_flow,
            "GET /automation/v4/flows/{id}": self.flow,
            "POST /marketing/v3/transactional/single-email/send": self.single_send,
            "GET /marketing/v3/email/send-statuses/{id}": self.send_status,
            "GET /account-info/v3/details": self.account,
        }

    def authorize(self, call: Call) -> None:
        if call.token() != self.world.secrets["HUBSPOT_ACCESS_TOKEN"]:
            raise self.refuse(401, "INVALID_AUTHENTICATION", "Authentication credentials not found or expired.")

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        names = {400: "VALIDATION_ERROR", 403: "MISSING_SCOPES", 404: "OBJECT_NOT_FOUND", 409: "CONFLICT"}
        category = code or names.get(status, "INTERNAL_ERROR")
        value = {"status": "error", "message": text or category, "correlationId": self.uuid(), "category": category}
        return reply(status, value)

    def throttled(self, call: Call, seconds: float) -> Response:
        value = {
            "status": "error",
            "message": "You have reached your ten_secondly_rolling limit.",
            "errorType": "RATE_LIMIT",
            "correlationId": self.uuid(),
            "policyName": "TEN_SECONDLY_ROLLING",
        }
        return with_headers(reply(429, value), {"Retry-After": whole(seconds), "X-HubSpot-RateLimit-Remaining": "0"})

    # ------------------------------------------------------------ objects

    def create(self, call: Call, kind: str) -> Response:
        kind = _TYPES.get(kind, kind)
        given = self._given(kind, call.json)
        email = given.get("email")
        if kind == "contacts" and email and self._by(kind, "email", email):
            raise self.refuse(409, "CONFLICT", "Contact already exists.")
        return reply(201, self._write(call, kind, None, given))

    def update(self, call: Call, kind: str, id: str) -> Response:
        kind = _TYPES.get(kind, kind)
        given = self._given(kind, call.json)
        known = self._by(kind, call.query.get("idProperty", "hs_object_id"), id)
        if known is None:
            raise self.refuse(404, "OBJECT_NOT_FOUND", "resource not found")
        return reply(200, self._write(call, kind, known, given))

    def fetch(self, call: Call, kind: str, id: str) -> Response:
        found = self._by(_TYPES.get(kind, kind), call.query.get("idProperty", "hs_object_id"), id)
        if found is None:
            raise self.refuse(404, "OBJECT_NOT_FOUND", "resource not found")
        return reply(200, found)

    def upsert(self, call: Call, kind: str) -> Response:
        kind, inputs = _TYPES.get(kind, kind), [as_object(i) for i in as_list(as_object(call.json).get("inputs"))]
        if not 1 <= len(inputs) <= 100:
            raise self.refuse(400, "VALIDATION_ERROR", "inputs must have 1 to 100 entries")
        results = []
        for entry in inputs:
            id, by = as_text(entry.get("id")), as_text(entry.get("idProperty")) or "hs_object_id"
            if not id:
                raise self.refuse(400, "VALIDATION_ERROR", "Every input needs an id")
            if not self._has(kind, by):
                raise self._no_property(by)
            known = self._by(kind, by, id)
            written = self._write(call, kind, known, {**self._given(kind, entry), by: id})
            results.append({**written, "new": known is None})
        times = {"startedAt": iso(call.now), "completedAt": iso(call.now), "requestedAt": iso(call.now)}
        return reply(200, {"status": "COMPLETE", "results": results, **times})

    def search(self, call: Call, kind: str) -> Response:
        kind, body = _TYPES.get(kind, kind), as_object(call.json)
        filters = [
            as_object(f)
            for group in as_list(body.get("filterGroups"))
            for f in as_list(as_object(group).get("filters"))
        ]
        wanted = {as_text(f.get("propertyName")): f.get("value") for f in filters if f.get("operator") == "EQ"}
        found = [
            value
            for (of, _), value in self._objects.items()
            if of == kind and all(value["properties"].get(name) == text for name, text in wanted.items())
        ]
        limit = body["limit"] if isinstance(body.get("limit"), int) else 10
        return reply(200, {"total": len(found), "results": found[:limit]})

    def _given(self, kind: str, value: Any) -> dict[str, str]:
        properties = as_object(value).get("properties")
        if not isinstance(properties, dict):
            raise self.refuse(400, "VALIDATION_ERROR", "Invalid input JSON: properties is required")
        if not all(isinstance(v, str) for v in properties.values()):
            raise self.refuse(400, "VALIDATION_ERROR", "Property values were not valid: all are strings")
        unknown = next((name for name in properties if not self._has(kind, name)), None)
        if unknown is not None:
            raise self._no_property(unknown)
        return dict(properties)

    def _has(self, kind: str, name: str) -> bool:
        """Whether objects of that kind have that property."""
        own = name.startswith("hs_") or name in _OWN.get(kind, ())
        return own or name in PREMADE or (kind, name) in self._properties

    def _no_property(self, name: str) -> Refused:
        value: dict[str, Any] = msgspec.json.decode(
            self.problem(400, "VALIDATION_ERROR", "Property values were not valid").body
        )
        error = {"message": f'Property "{name}" does not exist', "code": "PROPERTY_DOESNT_EXIST"}
        return Refused(reply(400, {**value, "errors": [error]}))

    def _by(self, kind: str, name: str, value: str) -> dict[str, Any] | None:
        if name == "hs_object_id":
            return self._objects.get((kind, value))
        return next(
            (o for (of, _), o in self._objects.items() if of == kind and o["properties"].get(name) == value), None
        )

    def _write(self, call: Call, kind: str, known: dict[str, Any] | None, given: dict[str, str]) -> dict[str, Any]:
        id = known["id"] if known else str(44_000_000 + self.world.mailbox.next_seq)
        before = known["properties"] if known else {}
        changed = {name: value for name, value in given.items() if before.get(name) != value}
        properties = {**before, **given, "hs_object_id": id, "hs_lastmodifieddate": iso(call.now)}
        created = known["createdAt"] if known else iso(call.now)
        value = {
            "id": id,
            "properties": properties,
            "createdAt": created,
            "updatedAt": iso(call.now),
            "archived": False,
        }
        self._objects[kind, id] = value
        if len(self._objects) > _KEEP:
            del self._objects[next(iter(self._objects))]
        self.accept(
            call,
            id=id,
            to=given.get("email") or before.get("email") or f"{kind}/{id}",
            text=", ".join(f"{name}: {text}" for name, text in given.items()),
            data={"kind": kind, "changed": changed},
            repeat=known is not None and not changed,
        )
        return value

    # ------------------------------------------------------------ properties and flows

    def create_property(self, call: Call, kind: str) -> Response:
        body = as_object(call.json)
        if not all(body.get(key) for key in ("name", "label", "type", "fieldType", "groupName")):
            raise self.refuse(400, "VALIDATION_ERROR", "name, label, type, fieldType and groupName are required")
        key = (_TYPES.get(kind, kind), as_text(body["name"]))
        if self._has(*key):
            raise self.refuse(409, "CONFLICT", f"A property named '{key[1]}' already exists.")
        self._properties[key] = {"description": "", "options": [], "archived": False, **body}
        return reply(201, self._properties[key])

    def property(self, call: Call, kind: str, name: str) -> Response:
        key = (_TYPES.get(kind, kind), name)
        if not self._has(*key):
            raise self.refuse(404, "OBJECT_NOT_FOUND", f"Property {name} does not exist")
        common = {
            "name": name,
            "label": name,
            "type": "string",
            "fieldType": "text",
            "groupName": f"{key[0]}information",
        }
        return reply(200, self._properties.get(key, {**common, "description": "", "options": []}))

    def flows(self, call: Call) -> Response:
        found = [
            {"id": id, "name": flow.get("name"), "isEnabled": flow.get("isEnabled")} for id, flow in self._flows.items()
        ]
        return reply(200, {"results": found})

    def create_flow(self, call: Call) -> Response:
        body = as_object(call.json)
        if not all(key in body for key in ("type", "flowType", "isEnabled", "objectTypeId", "actions")):
            raise self.refuse(
                400, "VALIDATION_ERROR", "type, flowType, isEnabled, objectTypeId and actions are required"
            )
        id = self.digits(9)
        self._flows[id] = {**body, "id": id, "revisionId": "1"}
        return reply(201, self._flows[id])

    def flow(self, call: Call, id: str) -> Response:
        if id not in self._flows:
            raise self.refuse(404, "OBJECT_NOT_FOUND", "flow not found")
        return reply(200, self._flows[id])

    # ------------------------------------------------------------ single send

    def single_send(self, call: Call) -> Response:
        body = as_object(call.json)
        message = as_object(body.get("message"))
        to, send_id = as_text(message.get("to")), as_text(message.get("sendId"))
        if not isinstance(body.get("emailId"), int) or "@" not in to:
            raise self.refuse(400, "VALIDATION_ERROR", "emailId and message.to are required")
        repeat = bool(send_id) and any(a.reference == send_id and a.medium == "email" for a in self.mine())
        arrival = self.accept(
            call,
            id=self.uuid(),
            to=to,
            medium="email",
            reference=send_id,
            data={"emailId": body["emailId"], "variables": body.get("customProperties", {})},
            repeat=repeat,
        )
        return reply(200, {"requestedAt": iso(call.now), "statusId": arrival.id, "status": "PENDING"})

    def send_status(self, call: Call, id: str) -> Response:
        arrival = self.world.mailbox.find(self.name, id)
        if arrival is None:
            raise self.refuse(404, "OBJECT_NOT_FOUND", "status not found")
        value = {"statusId": id, "requestedAt": iso(arrival.at)}
        if self.stage(arrival, call.now) is Stage.QUEUED:
            return reply(200, {**value, "status": "PROCESSING"})
        result = "IDEMPOTENT_IGNORE" if arrival.repeat else _SEND_RESULTS.get(arrival.fate, "SENT")
        return reply(200, {**value, "status": "COMPLETE", "sendResult": result, "completedAt": iso(call.now)})

    def account(self, call: Call) -> Response:
        return reply(200, {"portalId": 12345678, "timeZone": "Europe/London", "accountType": "STANDARD"})
