"""Facebook Messenger, Send API: https://developers.facebook.com/docs/messenger-platform/reference/send-api (2026-11).

Quirks: a person is reached only by the id their Page gave them (PSID), after they wrote to it first. An order's status may go
out at any time as an approved utility template; plain text (RESPONSE) only within 24 hours of their last action. The message
tags of old are gone. Error 1/1357046 may hide a message that went out.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from daemon.channels._meta import GRAPH_CODES, GraphChannel, GraphSettings, GraphTemplate
from daemon.channels._verdict import Verdict, channel, later, message, recipient, throttled, unsure
from daemon.channels.base import Health, Inbound, Outgoing, ReceiptUpdate, Reply
from daemon.http import Request, Response, objects
from outbox.outcome import Accepted, ReceiptState

_WINDOW = "the 24 hours since their last message are over: set up a utility template for this event"
_GONE = "this person can't be reached by the Page: they must write to it again"


class MessengerSettings(GraphSettings, frozen=True, kw_only=True):
    page_id: str


class Messenger(GraphChannel):
    name = "messenger"
    medium = "chat"
    title = "Facebook Messenger"
    address_kinds = ("messenger",)
    rank = 20
    known_to_customers = True
    Settings = MessengerSettings
    secrets = ("MESSENGER_PAGE_TOKEN",)
    optional_secrets = ("MESSENGER_APP_SECRET", "MESSENGER_VERIFY_TOKEN")
    token_secret, app_secret, verify_secret = "MESSENGER_PAGE_TOKEN", "MESSENGER_APP_SECRET", "MESSENGER_VERIFY_TOKEN"
    default_rate = 20
    tells_delivery = True

    CODES: ClassVar[Mapping[str, Verdict]] = {
        **GRAPH_CODES,
        "1/1357046": unsure(),
        "4/2018022": throttled(60),
        "10/1893063": channel("Meta has restricted the Page for a while: look into Page settings, Page quality"),
        "10/2018065": message(_WINDOW),
        "10/2018108": recipient(_GONE),
        "10/2018278": message(_WINDOW),
        "32": throttled(60),
        "100/2018001": recipient(_GONE),
        "200/1545041": recipient(_GONE),
        "551": recipient(_GONE),
        "613": throttled(60),
        "1200": later(),
        "80006": throttled(60),
    }

    settings: MessengerSettings

    def build(self, out: Outgoing) -> Request:
        template = self.settings.templates.get(out.trigger)
        content = _template(template, out) if template else {"text": out.rendered.text}
        body = {
            "recipient": {"id": out.to},
            "messaging_type": "UTILITY" if template else "RESPONSE",
            "message": content,
        }
        return self.request("POST", f"/{self.settings.page_id}/messages", body)

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        message_id = response.object().get("message_id")
        return Accepted(message_id) if isinstance(message_id, str) and message_id else None

    def check_request(self) -> Request:
        return self.request("GET", f"/{self.settings.page_id}", query=(("fields", "id,name"),))

    def read_check(self, response: Response) -> Health:
        return Health(ok=True, summary=f"the token speaks for the Page {response.object().get('name', '')}".rstrip())

    def events(self, body: Mapping[str, Any]) -> Inbound:
        receipts: list[ReceiptUpdate] = []
        replies: list[Reply] = []
        for entry in objects(body.get("entry")):
            for row in objects(entry.get("messaging")):
                delivery, written = row.get("delivery"), row.get("message")
                if isinstance(delivery, dict) and isinstance(delivery.get("mids"), list):
                    receipts += [_delivered(mid, row) for mid in delivery["mids"] if mid]
                if isinstance(written, dict) and not written.get("is_echo"):
                    replies.append(_reply(written, row))
        return Inbound(receipts=receipts, replies=[reply for reply in replies if reply.address])


def _template(template: GraphTemplate, out: Outgoing) -> dict[str, Any]:
    head, parts, button = template.filled(out)
    if button:
        parts.append({"type": "buttons", "parameters": [{"type": "URL", "url": button}]})
    return {"template": {**head, "components": parts} if parts else head}


def _delivered(mid: Any, row: Mapping[str, Any]) -> ReceiptUpdate:
    return ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id=str(mid), at=_ms(row))


def _reply(written: Mapping[str, Any], row: Mapping[str, Any]) -> Reply:
    sender = row.get("sender")
    address = str(sender.get("id", "")) if isinstance(sender, dict) else ""
    return Reply(address=address, text=str(written.get("text") or ""), id=str(written.get("mid", "")), at=_ms(row))


def _ms(row: Mapping[str, Any]) -> int | None:
    at = row.get("timestamp")
    return at if isinstance(at, int) else None
