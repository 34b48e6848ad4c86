"""WhatsApp Business Platform, Cloud API: https://developers.facebook.com/documentation/business-messaging/whatsapp (2026-11).

Quirks: free text is taken only within 24 hours of the customer's own last message, which we can't know, so the trigger's
template is sent where there is one; without, text is tried and 131047 moves the message on. An id is not yet delivery: bad
numbers and closed windows often show only in a later webhook. `user_preferences` and 131050 tell of the shop's offers only
(https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/user_preferences): neither is a wish about
word of an order. The file is longer than most for the length of Meta's table of codes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from daemon import consent_words
from daemon.channels._meta import GRAPH_CODES, RIGHT, GraphChannel, GraphSettings, GraphTemplate
from daemon.channels._verdict import Verdict, channel, crowded, later, message, recipient, throttled
from daemon.channels.base import Health, Inbound, Outgoing, PollPlan, ReceiptUpdate, Reply, Sent
from daemon.http import Http, Request, Response, objects
from outbox.outcome import Accepted, ReceiptState

_TEMPLATE = "compare the template's name, language and number of fields with WhatsApp Manager, Message templates"
_MARKETING = "the template is filed as marketing: file it as utility in WhatsApp Manager"
_ACCOUNT = "look into WhatsApp Manager: Meta has restricted this account"
_STATES: Mapping[str, ReceiptState] = {
    "sent": ReceiptState.SENT,
    "delivered": ReceiptState.DELIVERED,
    "read": ReceiptState.READ,
    "failed": ReceiptState.UNDELIVERED,
}
_WRITTEN: Sequence[tuple[re.Pattern[str], Sequence[str]]] = (
    (re.compile(r"\+521(\d{10})"), (r"+52\1",)),
    (re.compile(r"\+549(\d{10})"), (r"\g<0>", r"+54\1")),
    (re.compile(r"\+55(\d\d)([6-9]\d{7})"), (r"+55\g<1>9\2", r"\g<0>")),
)
"""How people write a number whose id at WhatsApp is another: Mexico's with a digit of old, Argentina's with the one of mobile phones, Brazil's
without the one that came later. The likeliest first."""


class WhatsAppSettings(GraphSettings, frozen=True, kw_only=True):
    phone_number_id: str
    history: bool = False
    """Ask Meta's message history for delivery: described by Meta, but it may be empty for an app without a webhook."""


class WhatsApp(GraphChannel):
    name = "whatsapp"
    medium = "chat"
    title = "WhatsApp"
    address_kinds = ("whatsapp", "phone")
    rank = 10
    known_to_customers = True
    Settings = WhatsAppSettings
    secrets = ("WHATSAPP_ACCESS_TOKEN",)
    optional_secrets = ("WHATSAPP_APP_SECRET", "WHATSAPP_VERIFY_TOKEN")
    token_secret, app_secret, verify_secret = "WHATSAPP_ACCESS_TOKEN", "WHATSAPP_APP_SECRET", "WHATSAPP_VERIFY_TOKEN"
    default_rate = 20
    tells_delivery = True

    CODES: ClassVar[Mapping[str, Verdict]] = {
        **GRAPH_CODES,
        "33": channel("phone_number_id names no number of this account: copy it from WhatsApp Manager, Phone numbers"),
        "368": channel(_ACCOUNT),
        "80007": throttled(60),
        "130429": throttled(),
        "130472": message(_MARKETING),
        "130497": recipient("Meta does not let this business write to that country"),
        "131000": later(),
        "131005": channel(RIGHT),
        "131008": message(_TEMPLATE),
        "131009": message(_TEMPLATE),
        "131016": later(),
        "131021": recipient("this is the shop's own number"),
        "131026": recipient("this number is not on WhatsApp, or its app is too old"),
        "131030": recipient(
            "a test number reaches only the numbers listed for it: add this one, or use the real number"
        ),
        "131031": channel(_ACCOUNT),
        "131037": channel("the number's display name is not approved yet: WhatsApp Manager, Phone numbers"),
        "131042": channel("Meta could not charge for messages: Business settings, Billing"),
        "131045": channel("the number is not registered: WhatsApp Manager, Phone numbers"),
        "131047": message("the 24 hours since their last message are over: set up a template for this event"),
        "131048": throttled(600),
        "131049": message(_MARKETING),
        "131050": message(_MARKETING),
        "131051": message(_TEMPLATE),
        "131056": crowded(10),
        "131057": later(300),
        "131062": recipient("this person can't be reached by number"),
        "131064": throttled(60),
        "132000": message(_TEMPLATE),
        "132001": message(_TEMPLATE),
        "132005": message(_TEMPLATE),
        "132007": message(_TEMPLATE),
        "132008": message(_TEMPLATE),
        "132012": message(_TEMPLATE),
        "132015": message("Meta paused this template for its quality: WhatsApp Manager, Message templates"),
        "132016": message("Meta disabled this template: make a new one"),
        "133016": throttled(600),
        "135000": later(),
    }

    settings: WhatsAppSettings

    def __init__(self, settings: WhatsAppSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        self.poll = PollPlan() if settings.history else None

    def build(self, out: Outgoing) -> Request:
        template = self.settings.templates.get(out.trigger)
        content = _template(template, out) if template else _text(out)
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": out.to.removeprefix("+"),
            **content,
            "biz_opaque_callback_data": out.reference,
        }
        return self.request("POST", f"/{self.settings.phone_number_id}/messages", body)

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        for row in objects(response.object().get("messages")):
            if row.get("id"):
                state = str(row.get("message_status", "accepted"))
                return Accepted(str(row["id"]), detail="" if state == "accepted" else state)
        return None

    def receipts_request(self, sent: Sequence[Sent]) -> Request | None:
        if not self.settings.history:
            return None
        fields = "id,message_id,events{delivery_status,timestamp}"
        query = (("message_id", sent[0].attempt.provider_id), ("fields", fields))
        return self.request("GET", f"/{self.settings.phone_number_id}/message_history", query=query)

    def read_receipts(self, response: Response, sent: Sequence[Sent]) -> Sequence[ReceiptUpdate]:
        wamid = sent[0].attempt.provider_id
        ours = [row for row in objects(response.object().get("data")) if row.get("message_id") == wamid]
        events = [
            event for row in ours if isinstance(row.get("events"), dict) for event in objects(row["events"].get("data"))
        ]
        told = [
            (_STATES.get(str(event.get("delivery_status")).lower()), _ms(event.get("timestamp"))) for event in events
        ]
        return [ReceiptUpdate(state=state, provider_id=wamid, at=at) for state, at in told if state]

    def check_request(self) -> Request:
        return self.request(
            "GET", f"/{self.settings.phone_number_id}", query=(("fields", "verified_name,quality_rating"),)
        )

    def read_check(self, response: Response) -> Health:
        answer = response.object()
        name, quality = answer.get("verified_name", "this number"), answer.get("quality_rating", "UNKNOWN")
        return Health(ok=True, summary=f"the token sends as {name}; quality {quality}")

    def events(self, body: Mapping[str, Any]) -> Inbound:
        receipts: list[ReceiptUpdate] = []
        replies: list[Reply] = []
        for entry in objects(body.get("entry")):
            for change in objects(entry.get("changes")):
                value = change.get("value")
                if not isinstance(value, dict):
                    continue
                receipts += [
                    _receipt(row) for row in objects(value.get("statuses")) if str(row.get("status")) in _STATES
                ]
                for row in objects(value.get("messages")):
                    replies += _replies(row) if row.get("from") else []
        return Inbound(receipts=receipts, replies=replies)


def _text(out: Outgoing) -> dict[str, Any]:
    return {"type": "text", "text": {"body": out.rendered.text}}


def _template(template: GraphTemplate, out: Outgoing) -> dict[str, Any]:
    head, parts, button = template.filled(out)
    if button:
        parts.append(
            {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": button}]}
        )
    return {"type": "template", "template": {**head, "components": parts} if parts else head}


def _receipt(row: Mapping[str, Any]) -> ReceiptUpdate:
    error = next(iter(objects(row.get("errors"))), {})
    data = error.get("error_data")
    code = str(error.get("code", ""))
    return ReceiptUpdate(
        state=_STATES[row["status"]],
        provider_id=str(row.get("id", "")),
        reference=str(row.get("biz_opaque_callback_data", "")),
        code=code,
        detail=str((data.get("details") if isinstance(data, dict) else None) or error.get("title") or ""),
        at=_ms(row.get("timestamp")),
    )


def _replies(row: Mapping[str, Any]) -> list[Reply]:
    """What they wrote; a wish about consent once more for each other number that an order may know them by."""
    text, button = row.get("text"), row.get("button")
    words = text.get("body") if isinstance(text, dict) else button.get("text") if isinstance(button, dict) else ""
    number, *others = _numbers(row["from"])
    said = Reply(address=number, text=str(words or ""), id=str(row.get("id", "")), at=_ms(row.get("timestamp")))
    reading = consent_words.read(said.text)
    if reading is None or reading.wish is consent_words.Wish.HELP:
        return [said]
    consent: Literal["stop", "start"] = "stop" if reading.wish is consent_words.Wish.STOP else "start"
    return [
        said,
        *(msgspec.structs.replace(said, address=other, id=f"{said.id} {other}", consent=consent) for other in others),
    ]


def _numbers(wa_id: Any) -> list[str]:
    """By which an order may know them."""
    number = f"+{str(wa_id).removeprefix('+')}"
    for pattern, forms in _WRITTEN:
        if match := pattern.fullmatch(number):
            return [match.expand(form) for form in forms]
    return [number]


def _ms(timestamp: Any) -> int | None:
    return int(timestamp) * 1000 if str(timestamp).isdecimal() else None
