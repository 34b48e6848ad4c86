"""Facebook Messenger's Send API (https://developers.facebook.com/docs/messenger-platform/reference/send-api).

RESPONSE and UPDATE go out only within 24 hours of the person's last word (`/_sandbox/wrote`); UTILITY takes an approved template at any
time; the old tags are refused.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from daemon.sandbox.callback import Callback, CustomerAct
from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.fate import Fate, fate_of
from daemon.sandbox.providers.base import Routes, as_list, as_object, as_text
from daemon.sandbox.providers.graph import TEMPLATES, Graph


class Messenger(Graph):
    name = "messenger"
    medium = "chat"
    secrets: ClassVar[Mapping[str, str]] = {
        "MESSENGER_PAGE_TOKEN": "SandboxMessengerToken",
        "MESSENGER_APP_SECRET": "sandbox-messenger-app",
    }
    table: ClassVar[Mapping[str, Any]] = {"page_id": "1909458034523498", "templates": TEMPLATES}
    credential = "MESSENGER_PAGE_TOKEN"
    signed_with = "MESSENGER_APP_SECRET"
    tells = frozenset({"writes"})

    def routes(self) -> Routes:
        return {
            "POST /{version}/{page}/messages": self.send,
            "GET /{version}/{page}/message_templates": self.templates,
            "GET /{version}/{page}": self.page,
        }

    def callback(self, word: CustomerAct, url: str) -> Callback:
        """https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/messages; it opens the window."""
        self.world.windows.wrote(self.name, word.customer, word.at)
        told = {
            "sender": {"id": word.customer},
            "recipient": {"id": word.to},
            "timestamp": word.at,
            "message": {"mid": f"m_{self.hex(40)}", "text": word.text},
        }
        return self.webhook({"object": "page", "entry": [{"id": word.to, "time": word.at, "messaging": [told]}]})

    def send(self, call: Call, version: str, page: str) -> Response:
        body = as_object(call.json)
        to = as_text(as_object(body.get("recipient")).get("id"))
        kind, message = as_text(body.get("messaging_type")), as_object(body.get("message"))
        if not to or not message:
            raise self.refuse(400, "100", "Param recipient and message are required")
        fate = fate_of(to)
        if fate is Fate.INVALID:
            raise self.refuse(400, "100/2018001", "No matching user found")
        if fate in (Fate.OPTED_OUT, Fate.UNDELIVERED):
            raise self.refuse(400, "551", "This person isn't available right now.")
        if kind == "MESSAGE_TAG" and body.get("tag") != "HUMAN_AGENT":
            raise self.refuse(400, "100", "Invalid parameter")
        if kind == "UTILITY":
            content = self._template(as_object(message.get("template")))
        elif kind in ("RESPONSE", "UPDATE", "MESSAGE_TAG", ""):
            content = self._text(message, to, call.now)
        else:
            raise self.refuse(400, "100", f"messaging_type {kind} is not valid")
        reference = as_text(message.get("metadata"))
        arrival = self.accept(call, id=f"m_{self.hex(40)}", to=to, sender=page, reference=reference, **content)
        return reply(200, {"recipient_id": to, "message_id": arrival.id})

    def _text(self, message: Mapping[str, Any], to: str, now: int) -> dict[str, Any]:
        text = as_text(message.get("text"))
        if not text:
            raise self.refuse(400, "100/2018034", "Message cannot be empty, must provide valid attachment or text")
        if len(text) > 2000:
            raise self.refuse(400, "100", "Length of param message[text] must be less than or equal to 2000")
        if not self.world.windows.is_open(self.name, to, now):
            raise self.refuse(403, "10/2018278", "This message is sent outside of allowed window.")
        return {"text": text}

    def _template(self, template: Mapping[str, Any]) -> dict[str, Any]:
        name = as_text(template.get("name"))
        if not name or not as_object(template.get("language")).get("code"):
            raise self.refuse(400, "100", "Invalid template")
        if "missing" in name.split("_"):
            raise self.refuse(400, "100", "Invalid template: it does not exist")
        texts = []
        for component in map(as_object, as_list(template.get("components"))):
            if component.get("type") not in ("header", "body", "buttons"):
                raise self.refuse(400, "100", "Invalid template: component type")
            texts += [as_text(as_object(p).get("text")) for p in as_list(component.get("parameters"))]
        texts = [text for text in texts if text]
        return {"text": " · ".join(texts), "data": {"template": name, "variables": texts}}

    def templates(self, call: Call, version: str, page: str) -> Response:
        name = call.query.get("name", "order_ready")
        found = {"id": "1192339204654488", "name": name, "language": "en", "status": "APPROVED", "category": "UTILITY"}
        return reply(200, {"data": [] if "missing" in name.split("_") else [found]})

    def page(self, call: Call, version: str, page: str) -> Response:
        return reply(200, {"id": page, "name": "Sandbox"})
