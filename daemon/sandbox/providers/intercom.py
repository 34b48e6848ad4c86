"""Intercom 2.16: contacts and messages (https://developers.intercom.com/docs/references/2.16/rest-api/api.intercom.io).

Contacts are kept: one that was not created or found can't be written to, except the well-known ones that training uses
(ids that begin with "contact").
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.fate import Fate, fate_of
from daemon.sandbox.providers.base import Provider, Routes, World, as_object, as_text, with_headers

_KEEP = 10_000


class Intercom(Provider):
    name = "intercom"
    medium = "chat"
    secrets: ClassVar[Mapping[str, str]] = {
        "INTERCOM_ACCESS_TOKEN": "sandbox-intercom-token",
    }
    table: ClassVar[Mapping[str, Any]] = {"admin_id": "991267766"}

    def __init__(self, world: World) -> None:
        self._contacts: dict[str, dict[str, Any]] = {}
        super().__init__(world)

    def routes(self) -> Routes:
        return {
            "GET /me": self.me,
            "GET /admins": self.admins,
            "POST /messages": self.send,
            "POST /contacts": self.create,
            "POST /contacts/search": self.search,
            "GET /contacts/find_by_external_id/{external_id}": self.find_by_external_id,
            "GET /contacts/{id}": self.contact,
            "POST /conversations/search": self.conversations,
            "POST /conversations/{id}/reply": self.reply_to,
        }

    def authorize(self, call: Call) -> None:
        if call.token() != self.world.secrets["INTERCOM_ACCESS_TOKEN"]:
            raise self.refuse(401, "unauthorized", "Access Token Invalid")

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        names = {400: "parameter_invalid", 404: "not_found", 422: "parameter_not_found", 429: "rate_limit_exceeded"}
        error = {"code": code or names.get(status, "server_error"), "message": text or "Error"}
        return reply(status, {"type": "error.list", "request_id": self.uuid(), "errors": [error]})

    def throttled(self, call: Call, seconds: float) -> Response:
        reset = str(round(call.now / 1000 + seconds))
        headers = {"X-RateLimit-Limit": "167", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
        return with_headers(self.problem(429, "", "Exceeded rate limit of 167 in 10_seconds"), headers)

    # ------------------------------------------------------------ messages

    def send(self, call: Call) -> Response:
        body = as_object(call.json)
        kind, sender, to = body.get("message_type"), as_object(body.get("from")), as_object(body.get("to"))
        if kind not in ("inapp", "in_app", "email"):
            raise self.refuse(400, "parameter_invalid", "message_type is invalid")
        if not as_text(body.get("body")):
            raise self.refuse(400, "parameter_invalid", "Body is required")
        if kind == "email" and not body.get("subject"):
            raise self.refuse(422, "parameter_not_found", "No subject supplied for email message")
        if kind == "email" and body.get("template") not in ("plain", "personal"):
            raise self.refuse(422, "parameter_not_found", "No template supplied for email message")
        if sender.get("type") != "admin" or not sender.get("id"):
            raise self.refuse(422, "parameter_not_found", "No from supplied for message")
        if to.get("type") not in ("user", "lead") or not to.get("id"):
            raise self.refuse(422, "parameter_not_found", "No to supplied for message")
        id = str(to["id"])
        contact = self._contacts.get(id)
        if (contact is None and not id.startswith("contact")) or fate_of(id) is Fate.INVALID:
            raise self.refuse(404, "not_found", "User Not Found")
        arrival = self.accept(
            call,
            id=str(403_918_000 + self.world.mailbox.next_seq),
            to=as_text((contact or {}).get("email")) or id,
            sender=str(sender["id"]),
            subject=as_text(body.get("subject")),
            text=as_text(body["body"]),
        )
        value = {
            "type": "admin_message",
            "id": arrival.id,
            "created_at": call.now // 1000,
            "body": arrival.text,
            "message_type": "inapp" if kind == "in_app" else kind,
            "owner": {"type": "admin", "id": arrival.sender},
        }
        return reply(200, value)

    def reply_to(self, call: Call, id: str) -> Response:
        body = as_object(call.json)
        if body.get("message_type") != "comment" or not body.get("admin_id") or not as_text(body.get("body")):
            raise self.refuse(400, "parameter_invalid", "message_type, admin_id and body are required")
        self.accept(call, id="", to=id, sender=str(body["admin_id"]), text=as_text(body["body"]))
        return reply(200, {"type": "conversation", "id": id, "open": True})

    def conversations(self, call: Call) -> Response:
        return reply(200, {"type": "conversation.list", "total_count": 0, "conversations": []})

    # ------------------------------------------------------------ contacts

    def create(self, call: Call) -> Response:
        body = as_object(call.json)
        if body.get("role", "user") not in ("user", "lead"):
            raise self.refuse(400, "parameter_invalid", "role must be user or lead")
        keys = ("email", "external_id", "phone")
        if not any(body.get(key) for key in keys):
            raise self.refuse(400, "parameter_invalid", "email, phone or external_id is required")
        for contact in self._contacts.values():
            if any(body.get(key) and body.get(key) == contact.get(key) for key in ("email", "external_id")):
                text = f"A contact matching those details already exists with id={contact['id']}"
                raise self.refuse(409, "conflict", text)
        contact = self._resource(body)
        self._contacts[contact["id"]] = contact
        if len(self._contacts) > _KEEP:
            del self._contacts[next(iter(self._contacts))]
        return reply(200, contact)

    def search(self, call: Call) -> Response:
        query = as_object(as_object(call.json).get("query"))
        field, value = query.get("field"), query.get("value")
        if query.get("operator") != "=" or field not in ("email", "phone", "external_id"):
            raise self.refuse(400, "parameter_invalid", "query is invalid")
        found = [contact for contact in self._contacts.values() if contact.get(field) == value]
        pages = {"type": "pages", "page": 1, "per_page": 50, "total_pages": 1}
        return reply(200, {"type": "list", "data": found, "total_count": len(found), "pages": pages})

    def find_by_external_id(self, call: Call, external_id: str) -> Response:
        found = next((c for c in self._contacts.values() if c.get("external_id") == external_id), None)
        if found is None:
            raise self.refuse(404, "not_found", "User Not Found")
        return reply(200, found)

    def contact(self, call: Call, id: str) -> Response:
        if id not in self._contacts:
            raise self.refuse(404, "not_found", "User Not Found")
        return reply(200, self._contacts[id])

    def _resource(self, body: Mapping[str, Any]) -> dict[str, Any]:
        flags = {"has_hard_bounced": False, "marked_email_as_spam": False, "unsubscribed_from_emails": False}
        given = {key: body.get(key) for key in ("email", "phone", "name", "external_id")}
        return {"type": "contact", "id": self.hex(24), "role": body.get("role", "user"), **given, **flags}

    # ------------------------------------------------------------ account

    def me(self, call: Call) -> Response:
        app = {"type": "app", "id_code": "sandbox", "name": "Sandbox", "region": "US"}
        return reply(
            200, {"type": "admin", "id": "991267766", "name": "Sandbox", "email": "admin@example.com", "app": app}
        )

    def admins(self, call: Call) -> Response:
        return reply(200, {"type": "admin.list", "admins": [{"type": "admin", "id": "991267766", "name": "Sandbox"}]})
