"""WhatsApp Business Cloud API: messages, message_history, templates (https://developers.facebook.com/docs/whatsapp/cloud-api).

Free text goes out only to a customer who wrote within 24 hours (`/_sandbox/wrote` says who did); others need a template. A
template whose name has the word "missing" does not exist.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from daemon.sandbox.callback import Callback, CustomerAct
from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.fate import Fate, Stage, fate_of
from daemon.sandbox.mailbox import Arrival
from daemon.sandbox.providers.base import Routes, as_list, as_object, as_text, e164
from daemon.sandbox.providers.graph import TEMPLATES, Graph

_TO = re.compile(r"\+?\d{7,15}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
_BAD_PARAMETER = re.compile(r"[\n\t]| {5,}")
_STEPS = {
    Stage.QUEUED: (),
    Stage.SENT: ("SENT",),
    Stage.DELIVERED: ("SENT", "DELIVERED"),
    Stage.UNDELIVERED: ("FAILED",),
}


class WhatsApp(Graph):
    name = "whatsapp"
    medium = "chat"
    secrets: ClassVar[Mapping[str, str]] = {
        "WHATSAPP_ACCESS_TOKEN": "SandboxWhatsAppToken",
        "WHATSAPP_APP_SECRET": "sandbox-whatsapp-app",
    }
    table: ClassVar[Mapping[str, Any]] = {"phone_number_id": "106540352242922", "templates": TEMPLATES}
    credential = "WHATSAPP_ACCESS_TOKEN"
    signed_with = "WHATSAPP_APP_SECRET"
    tells = frozenset({"writes"})

    def routes(self) -> Routes:
        return {
            "POST /{version}/{phone_number_id}/messages": self.send,
            "GET /{version}/{phone_number_id}/message_history": self.history,
            "GET /{version}/{account}/message_templates": self.templates,
            "GET /{version}/{phone_number_id}": self.number,
        }

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        return super().problem(status, code or ("131016" if status >= 500 else ""), text)

    def throttled(self, call: Call, seconds: float) -> Response:
        return self.problem(400, "130429", "Rate limit hit")

    # ------------------------------------------------------------ sending

    def send(self, call: Call, version: str, phone_number_id: str) -> Response:
        body = as_object(call.json)
        to, kind = as_text(body.get("to")), as_text(body.get("type")) or "text"
        if not re.fullmatch(r"v\d+\.\d+", version) or not phone_number_id.isdecimal():
            raise self.refuse(400, "100", "Unsupported post request")
        if body.get("messaging_product") != "whatsapp":
            raise self.refuse(400, "100", "The parameter messaging_product is required.")
        if not to:
            raise self.refuse(400, "131008", "Required parameter is missing")
        if not _TO.fullmatch(to):
            raise self.refuse(400, "131009", "Parameter value is not valid")
        if fate_of(to) is Fate.INVALID:
            raise self.refuse(400, "131026", "Message undeliverable")
        if len(as_text(body.get("biz_opaque_callback_data"))) > 512:
            raise self.refuse(400, "131009", "biz_opaque_callback_data is too long")
        if kind == "text":
            content = self._text(as_object(body.get("text")), e164(to), call.now)
        elif kind == "template":
            content = self._template(as_object(body.get("template")))
        else:
            raise self.refuse(400, "131051", "Unsupported message type")
        arrival = self.accept(
            call,
            id=f"wamid.{self.hex(36).upper()}",
            to=e164(to),
            sender=phone_number_id,
            reference=as_text(body.get("biz_opaque_callback_data")),
            **content,
        )
        message = {"id": arrival.id} | ({"message_status": "accepted"} if kind == "template" else {})
        contact = {"input": to, "wa_id": to.removeprefix("+")}
        return reply(200, {"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]})

    def _text(self, text: Mapping[str, Any], to: str, now: int) -> dict[str, Any]:
        body = as_text(text.get("body"))
        if not body:
            raise self.refuse(400, "131008", "Required parameter is missing")
        if len(body) > 4096:
            raise self.refuse(400, "100", "Param text['body'] must be at most 4096 characters long.")
        if not self.world.windows.is_open(self.name, to, now):
            raise self.refuse(400, "131047", "Re-engagement message")
        return {"text": body}

    def _template(self, template: Mapping[str, Any]) -> dict[str, Any]:
        name = as_text(template.get("name"))
        language = as_text(as_object(template.get("language")).get("code"))
        if not name or not _LANGUAGE.fullmatch(language):
            raise self.refuse(400, "131008", "Required parameter is missing")
        if "missing" in name.split("_"):
            raise self.refuse(404, "132001", "Template name does not exist in the translation")
        parameters = []
        for component in map(as_object, as_list(template.get("components"))):
            if component.get("type") not in ("header", "body", "button"):
                raise self.refuse(400, "132012", "Parameter format does not match format in the created template")
            if component["type"] == "button" and not ({"sub_type", "index"} <= component.keys()):
                raise self.refuse(400, "132012", "Parameter format does not match format in the created template")
            parameters += [as_object(parameter) for parameter in as_list(component.get("parameters"))]
        texts = [as_text(p.get("text")) for p in parameters if p.get("type") == "text"]
        if any(not text or _BAD_PARAMETER.search(text) for text in texts):
            raise self.refuse(400, "132018", "There is an issue with the parameters in your template.")
        return {"text": " · ".join(texts), "data": {"template": name, "language": language, "variables": texts}}

    # ------------------------------------------------------------ what customers write

    def callback(self, word: CustomerAct, url: str) -> Callback:
        """https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/payload-examples; it opens the window of 24 hours."""
        self.world.windows.wrote(self.name, word.customer, word.at)
        number = word.customer.removeprefix("+")
        message = {
            "from": number,
            "id": f"wamid.{self.hex(36).upper()}",
            "timestamp": str(word.at // 1000),
            "type": "text",
            "text": {"body": word.text},
        }
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "447700900000", "phone_number_id": word.to},
            "contacts": [{"profile": {"name": "Customer"}, "wa_id": number}],
            "messages": [message],
        }
        change = {"field": "messages", "value": value}
        return self.webhook({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]})

    # ------------------------------------------------------------ what became of it

    def history(self, call: Call, version: str, phone_number_id: str) -> Response:
        wanted = call.query.get("message_id", "")
        if wanted and not self.world.mailbox.find(self.name, wanted):
            raise self.refuse(422, "100", "The requested message_id was not found in the message history")
        held = [arrival for arrival in self.mine() if wanted in ("", arrival.id)]
        data = [self._history(arrival, call.now) for arrival in held[: call.number("limit", 25)]]
        return reply(200, {"data": data, "paging": {"cursors": {"before": "", "after": ""}}})

    def _history(self, arrival: Arrival, now: int) -> dict[str, Any]:
        steps = _STEPS[self.stage(arrival, now)]
        events = [
            {"id": f"{arrival.seq}{n}", "delivery_status": status, "timestamp": arrival.at // 1000 + n}
            for n, status in enumerate(steps)
        ]
        return {"id": str(arrival.seq), "message_id": arrival.id, "events": {"data": events}}

    def templates(self, call: Call, version: str, account: str) -> Response:
        name = call.query.get("name", "order_ready")
        found = {"id": "1192339204654487", "name": name, "language": "en", "status": "APPROVED", "category": "UTILITY"}
        data = [] if "missing" in name.split("_") else [{**found, "components": []}]
        return reply(200, {"data": data, "paging": {"cursors": {"before": "", "after": ""}}})

    def number(self, call: Call, version: str, phone_number_id: str) -> Response:
        return reply(
            200, {"id": phone_number_id, "display_phone_number": "+44 7700 900000", "verified_name": "Sandbox"}
        )
