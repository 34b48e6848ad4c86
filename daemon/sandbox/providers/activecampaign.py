"""ActiveCampaign v3 and event tracking (https://developers.activecampaign.com/reference).

There is no `POST /api/3/contactEmails`, here or there. trackcmp.net's `/event` answers 200 even for failures: `success` decides.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.fate import Fate, fate_of
from daemon.sandbox.providers.base import Provider, Routes, World, as_list, as_object, as_text, whole, with_headers
from daemon.sandbox.times import offset

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_KEEP = 10_000


class ActiveCampaign(Provider):
    name = "activecampaign"
    medium = "crm"
    secrets: ClassVar[Mapping[str, str]] = {
        "ACTIVECAMPAIGN_URL": "https://sandbox.api-us1.com",
        "ACTIVECAMPAIGN_API_KEY": "sandbox-activecampaign-key",
        "ACTIVECAMPAIGN_EVENT_KEY": "sandbox-event-key",
    }
    table: ClassVar[Mapping[str, Any]] = {"field": "ORDER_STATUS"}

    def __init__(self, world: World) -> None:
        self._contacts: dict[str, dict[str, Any]] = {}
        self._fields: dict[str, str] = {}
        super().__init__(world)

    def routes(self) -> Routes:
        return {
            "POST /api/3/contact/sync": self.sync,
            "GET /api/3/contacts": self.contacts,
            "GET /api/3/fields": self.fields,
            "POST /api/3/fields": self.create_field,
            "GET /api/3/automations": self.automations,
            "POST /api/3/contactAutomations": self.enrol,
            "GET /api/3/contactAutomations/{id}": self.enrolment,
            "POST /api/3/eventTrackingEvents": self.create_event,
            "GET /api/3/users/me": self.me,
            "POST /event": self.event,
        }

    def authorize(self, call: Call) -> None:
        """Event tracking has a key of its own, in the form."""
        if call.path != "/event" and call.headers.get("Api-Token") != self.world.secrets["ACTIVECAMPAIGN_API_KEY"]:
            raise self.refuse(403, "", "You are not authorized to access this file")

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        if status in (401, 403):
            return reply(status, {"message": text or "Forbidden"})
        if status == 404:
            return reply(404, {"message": text or "No Result found"})
        return reply(
            status, {"errors": [{"title": text or "Error", "detail": "", "code": code, "source": {"pointer": ""}}]}
        )

    def throttled(self, call: Call, seconds: float) -> Response:
        headers = {"Retry-After": whole(seconds), "RateLimit-Limit": "5", "RateLimit-Remaining": "0"}
        return with_headers(reply(429, {"message": "Too many requests"}), headers)

    # ------------------------------------------------------------ contacts

    def sync(self, call: Call) -> Response:
        given = as_object(as_object(call.json).get("contact"))
        email = as_text(given.get("email"))
        if not _EMAIL.fullmatch(email) or fate_of(email) is Fate.INVALID:
            raise self.refuse(422, "email_invalid", "Contact Email Address is not valid.")
        values = [as_object(value) for value in as_list(given.get("fieldValues"))]
        if not all(str(v.get("field", "")).isdecimal() and isinstance(v.get("value"), str) for v in values):
            raise self.refuse(422, "field_invalid", "fieldValues need a numeric field and a string value.")
        contact = self._contacts.get(email)
        new = contact is None
        if contact is None:
            contact = {"id": str(len(self._contacts) + 10), "email": email, "cdate": offset(call.now), "values": {}}
            self._contacts[email] = contact
            if len(self._contacts) > _KEEP:
                del self._contacts[next(iter(self._contacts))]
        changes = {str(v["field"]): v["value"] for v in values if contact["values"].get(str(v["field"])) != v["value"]}
        contact["values"].update(changes)
        contact.update({key: given[key] for key in ("firstName", "lastName", "phone") if key in given})
        if values:
            self.accept(
                call,
                id=contact["id"],
                to=email,
                text=", ".join(f"{self._title(v['field'])}: {v['value']}" for v in values),
                data={"changed": changes},
                repeat=not changes,
            )
        written = [
            {"contact": contact["id"], "field": str(v["field"]), "value": v["value"], "id": f"{n}"}
            for n, v in enumerate(values)
        ]
        return reply(201 if new else 200, {"fieldValues": written, "contact": self._resource(contact)})

    def contacts(self, call: Call) -> Response:
        email = call.query.get("email")
        found = [c for c in self._contacts.values() if email in (None, c["email"])]
        return reply(
            200,
            {
                "scoreValues": [],
                "contacts": [self._resource(c) for c in found[:20]],
                "meta": {"total": str(len(found))},
            },
        )

    def _resource(self, contact: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in contact.items() if key != "values"}

    # ------------------------------------------------------------ fields

    def fields(self, call: Call) -> Response:
        """A field asked for by its tag is there: a number is given to it at first sight."""
        tag = call.query.get("filters[perstag]", "")
        if tag and "MISSING" not in tag.upper():
            self._fields.setdefault(tag, str(len(self._fields) + 6))
        found = [
            {"id": id, "perstag": name, "title": name.replace("_", " ").title(), "type": "text"}
            for name, id in self._fields.items()
            if tag in ("", name)
        ]
        return reply(200, {"fieldOptions": [], "fieldRels": [], "fields": found, "meta": {"total": str(len(found))}})

    def create_field(self, call: Call) -> Response:
        field = as_object(as_object(call.json).get("field"))
        title, tag = as_text(field.get("title")), as_text(field.get("perstag"))
        if not title or not field.get("type"):
            raise self.refuse(422, "field_missing", "The field title and type are required.")
        tag = tag or title.upper().replace(" ", "_")
        id = self._fields.setdefault(tag, str(len(self._fields) + 6))
        return reply(201, {"field": {**field, "id": id, "perstag": tag}})

    def _title(self, field: object) -> str:
        return next((name for name, id in self._fields.items() if id == str(field)), f"field {field}")

    # ------------------------------------------------------------ automations and events

    def automations(self, call: Call) -> Response:
        return reply(200, {"automations": [{"id": "1", "name": "Order status", "status": "1"}], "meta": {"total": "1"}})

    def enrol(self, call: Call) -> Response:
        given = as_object(as_object(call.json).get("contactAutomation"))
        contact, automation = str(given.get("contact", "")), str(given.get("automation", ""))
        if not contact.isdecimal() or not automation.isdecimal():
            raise self.refuse(422, "field_invalid", "contact and automation are required.")
        email = next((c["email"] for c in self._contacts.values() if c["id"] == contact), "")
        if not email:
            raise self.refuse(403, "", "Could not create SubscriberSeries")
        id = str(self.world.mailbox.next_seq)
        self.accept(call, id=id, to=email, text=f"automation {automation}", data={"automation": automation})
        value = {"contact": contact, "seriesid": automation, "status": "1", "completed": 0, "lastblock": "0", "id": id}
        return reply(201, {"contacts": [], "contactAutomation": value})

    def enrolment(self, call: Call, id: str) -> Response:
        if self.world.mailbox.find(self.name, id) is None:
            raise self.refuse(404, "", f"No Result found for ContactAutomation with id {id}")
        return reply(200, {"contactAutomation": {"id": id, "status": "1", "completed": 1}})

    def create_event(self, call: Call) -> Response:
        event = as_object(as_object(call.json).get("eventTrackingEvent"))
        return reply(201, {"eventTrackingEvent": {"name": as_text(event.get("name"))}})

    def event(self, call: Call) -> Response:
        """POST https://trackcmp.net/event, a form; `visit` is JSON in text."""
        if call.media_type != "application/x-www-form-urlencoded":
            return _event(0, "Missing or malformed request")
        name = call.field("event")
        if call.field("key") != self.world.secrets["ACTIVECAMPAIGN_EVENT_KEY"] or not call.field("actid").isdecimal():
            return _event(0, "Missing or invalid actid or key")
        if not name or len(name) > 32:
            return _event(0, "Missing or too long event name")
        try:
            email = msgspec.json.decode(call.field("visit") or "null", type=dict[str, str]).get("email", "")
        except msgspec.MsgspecError:
            return _event(0, "visit is not a JSON object")
        if not _EMAIL.fullmatch(email) or fate_of(email) is Fate.INVALID:
            return _event(0, "Invalid email address")
        data = call.field("eventdata")
        self.accept(call, id="", to=email, subject=name, text=data, reference=data.rpartition("|")[2])
        return _event(1, "Event spawned")

    def me(self, call: Call) -> Response:
        return reply(200, {"user": {"id": "1", "username": "sandbox", "email": "sandbox@example.com"}})


def _event(success: int, message: str) -> Response:
    return reply(200, {"success": success, "message": message})
