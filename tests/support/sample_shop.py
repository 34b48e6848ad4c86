"""A balloon shop on an ordinary Tuesday, as the API would tell of it; and one with thousands of orders."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from daemon.planner.rules import stages
from outbox.model import Order

Json = dict[str, Any]

NOW = 1_795_515_300_000
"""2026-11-24T10:15:00Z, where FakeClock starts."""
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
VIA = ["twilio", "modem", "sendgrid"]


def moment(ms: int | None) -> str | None:
    """RFC 3339, as the API has it."""
    return (
        None
        if ms is None
        else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def usable_contact(body: Json) -> Json | None:
    """The address in it, masked; {} where none is given, None where it can be none."""
    if "phone" in body:
        digits = "".join(each for each in body["phone"] if each.isdigit())
        return {"phone": f"+44…{digits[-4:]}"} if len(digits) > 8 else None
    if "email" in body:
        return {"email": body["email"][0] + "…@example.com"} if "." in body["email"] else None
    return {}


def shown(order: Json) -> Json:
    """An order as answers have it: with what staff may do next."""
    return _steps(order["status"], order["fulfilment"]) | order


@cache
def _steps(status: str, fulfilment: str | None) -> Json:
    order = Order(ref="", source="", status=status, fulfilment=fulfilment, created_at=0, updated_at=0)
    return {"next_step": stages.next_step(order), "steps": list(stages.steps(order))}


REASONS: dict[str, tuple[str, Json]] = {
    "no usable phone for Twilio": ("no_address", {"kinds": ["phone"]}),
    "undone": ("undone", {}),
}


def reasoned(reason: str) -> Json:
    """A reason as an answer has it: sentence, code and parameters."""
    code, args = REASONS.get(reason, ("", {}))
    return {"reason": reason, "reason_code": code, "reason_args": args}


class SampleShop:
    """What the service knows, as JSON values. `empty()` knows its channels alone, `ordinary()` the day, `large()` thousands."""

    def __init__(self) -> None:
        self.orders: dict[str, Json] = {}
        self.messages: dict[str, Json] = {}
        self.attempts: dict[str, list[Json]] = {}
        self.replies: dict[str, Json] = {}
        self.calls: dict[str, Json] = {}
        self.optouts: dict[str, Json] = {}
        self.audit: list[Json] = []
        self.kept: dict[str, Json] = {}
        self.silent: dict[str, Json] = {}
        """By order, the way by which its customer wants nothing."""
        self.untold: dict[str, Json | None] = {}
        """By the event that staff told them: how it stood before."""
        self.undo: dict[str, str] = {}
        self.channels: dict[str, Json] = {}
        self.scopes: list[str] | None = None
        """What those who ask may do; None: nothing is said of it."""
        self.uplink: Json = {"state": "up", "since": moment(NOW - 3 * DAY - 4 * HOUR)}
        self.trouble: list[Json] = []
        self.sources: list[Json] = []
        self.modem: Json | None = {
            "state": "ready",
            "reason": "",
            "operator": "EE",
            "bars": 3,
            "sim": "ready",
            "credit": "£8.40",
        }
        self.quiet_until: str | None = None
        self.restored: Json | None = None
        self.templates = [{"name": name, "media": ["sms", "email"]} for name in ("order.ready", "order.delayed")]
        self.warnings: list[Json] = []

    @classmethod
    def empty(cls) -> "SampleShop":
        shop = cls()
        for name, title, medium, limit in (
            ("twilio", "Twilio", "sms", 500),
            ("modem", "GSM modem", "sms", 100),
            ("sendgrid", "SendGrid", "email", None),
            ("slack", "Slack", "chat", None),
        ):
            shop.channels[name] = {
                "name": name, "title": title, "known_to_customers": False, "medium": medium, "state": "ready", "reason": "", "queued": 0, "sent_today": 12,
                "daily_limit": limit, "rate": 10.0, "last_success": moment(NOW - 4 * MINUTE), "last_failure": None,
                "last_trouble": "", "detail": {},
            }  # fmt: skip
        return shop

    @classmethod
    def ordinary(cls) -> "SampleShop":
        shop = cls.empty()
        shop._orders_of_the_day()
        shop._messages_of_the_day()
        shop.channels["slack"] |= {
            "state": "paused", "reason": "paused by Kim: counter is being painted", "queued": 1,
        }  # fmt: skip
        shop.add_reply("B-1042", "on my way!", now=NOW - 2 * MINUTE)
        shop.optouts["o1"] = {
            "id": "o1", "medium": "sms", "address": "+44…0777", "reason": "STOP", "actor": "Twilio", "at": moment(NOW - 9 * DAY),
        }  # fmt: skip
        for number, (kind, ref, actor, detail) in enumerate(
            (
                ("event.accepted", "B-1042", "webshop", {"type": "order.placed"}),
                ("message.sent", "B-1042", "", {"channel": "twilio"}),
                ("order.held", "B-1044", "Kim", {"reason": "colour unclear"}),
                ("channel.paused", None, "Kim", {"channel": "slack", "reason": "counter is being painted"}),
            ),
            1,
        ):
            shop.audit.append(
                {"seq": number, "at": moment(NOW - (5 - number) * MINUTE), "kind": kind, "actor": actor, "order_ref": ref,
                 "message_id": None, "detail": detail, "hash": "0" * 64}
            )  # fmt: skip
        return shop

    def _orders_of_the_day(self) -> None:
        for ref, name, status, stage, hour, minute in (
            ("B-1047", "Zoë", "order.placed", "to_confirm", 16, 0),
            ("B-1040", "Sam", "order.in_production", "making", 9, 50),
            ("B-1043", "Lin", "order.confirmed", "making", 11, 30),
            ("B-1044", "Mia", "order.confirmed", "making", 14, 0),
            ("B-1042", "Ada", "order.ready", "ready", 12, 0),
            ("B-1039", "Kofi", "order.ready", "ready", 9, 45),
            ("B-1036", "Noor", "order.out_for_delivery", "out", 10, 30),
            ("B-1031", "Bea", "order.completed", "done", 9, 0),
        ):
            promised = NOW - (NOW % DAY) + hour * HOUR + minute * MINUTE
            self.add_order(ref, status, stage, now=NOW - 30 * MINUTE, name=name, promised=promised)
        self.orders["B-1039"]["customer"]["phone"] = None
        self.orders["B-1036"]["fulfilment"] = "delivery"
        self.orders["B-1044"]["held"] = True

    def _messages_of_the_day(self) -> None:
        told = self.add_message("B-1042", "order.ready", now=NOW - 20 * MINUTE, state="delivered")
        out = self.add_message(
            "B-1036", "order.out_for_delivery", now=NOW - 25 * MINUTE, state="delivered", channel="modem"
        )
        failed = self.add_message(
            "B-1039",
            "order.ready",
            now=NOW - 15 * MINUTE,
            state="failed",
            reason="no usable phone for Twilio",
            channel="sendgrid",
        )
        waiting = self.add_message("B-1047", "order.placed", now=NOW - MINUTE, due_at=NOW + 12 * 1000)
        unsure = self.add_message(
            "B-1040",
            "order.in_production",
            now=NOW - 3 * MINUTE,
            state="unknown",
            reason="no answer in 10 s",
            channel="sendgrid",
        )
        team = self.add_message("B-1042", "order.ready", now=NOW - 19 * MINUTE, audience="team", channel="slack", to="")
        team["reason"] = "paused by Kim: counter is being painted"
        for message in (told, out, failed, waiting, unsure):
            self.orders[message["order_ref"]]["told"] = self.told(message)
        self.attempts[told["id"]] = [
            {"n": 1, "channel": "twilio", "started_at": told["created_at"], "finished_at": told["created_at"],
             "outcome": "accepted", "scope": None, "code": "", "detail": "queued", "receipt": "delivered",
             "sent": {"text": self.text(self.orders["B-1042"], "order.ready"), "subject": None, "html": None}}
        ]  # fmt: skip
        self.calls[failed["id"]] = {
            "message_id": failed["id"], "order_ref": "B-1039", "name": "Kofi", "phone": "+447700900456",
            "say": self.text(self.orders["B-1039"], "order.ready"), **reasoned("no usable phone for Twilio"),
            "since": failed["created_at"], "done_at": None,
        }  # fmt: skip

    @classmethod
    def large(cls, orders: int = 5_000, messages: int = 20_000) -> "SampleShop":
        """So many, of all kinds."""
        shop = cls.empty()
        kinds = (
            ("order.placed", "to_confirm"), ("order.confirmed", "making"), ("order.in_production", "making"),
            ("order.ready", "ready"), ("order.out_for_delivery", "out"), ("order.completed", "done"),
        )  # fmt: skip
        for number in range(orders):
            status, stage = kinds[number % len(kinds)]
            now = NOW - number * 17_000
            promised = NOW + (number % 600 - 60) * MINUTE
            shop.add_order(f"B-{number:05d}", status, stage, now=now, name=f"Customer {number}", promised=promised)
        states = ("delivered", "delivered", "sent", "queued", "failed", "unknown", "superseded", "suppressed")
        for number in range(messages):
            state = states[number % len(states)]
            reason = "no usable phone for Twilio" if state == "failed" else ""
            ref = f"B-{number % orders:05d}"
            shop.add_message(ref, shop.orders[ref]["status"], now=NOW - number * 4_000, state=state, reason=reason)
        return shop

    # ------------------------------------------------------------ making things

    def add_order(
        self, ref: str, status: str, stage: str, *, now: int, promised: int | None = None, **customer: str
    ) -> Json:
        who = {"name": None, "phone": "+44…0123", "email": "a…@example.com", "locale": "en-GB"} | customer
        self.orders[ref] = {
            "ref": ref, "source": "webshop", "source_id": None, "status": status, "stage": stage, "status_at": moment(now),
            "payment": "payment.confirmed", "customer": who, "fulfilment": "pickup", "promised_at": moment(promised),
            "total": "48.50", "currency": "GBP", "first_item": {"name": "Helium bouquet, 12", "quantity": 1}, "item_count": 1, "held": False, "told": None, "created_at": moment(now), "updated_at": moment(now),
        }  # fmt: skip
        return self.orders[ref]

    def add_message(
        self,
        ref: str,
        status: str,
        *,
        now: int,
        state: str = "queued",
        reason: str = "",
        channel: str = "twilio",
        audience: str = "customer",
        to: str = "+44…0123",
        due_at: int | None = None,
        text: str = "",
    ) -> Json:
        message_id = f"m{len(self.messages) + 1:05d}"
        self.messages[message_id] = {
            "id": message_id, "event_id": f"e-{message_id}", "order_ref": ref, "audience": audience, "recipient": audience, "to": to,
            "state": state, "channel": channel, "via": VIA if audience == "customer" else [channel], "template": "" if text else status,
            "trigger": status, "priority": "normal", **reasoned(reason), "manual": False, "possible_duplicate": False,
            "attempt_count": 0, "created_at": moment(now), "updated_at": moment(now), "due_at": moment(due_at or now),
            "expires_at": moment(now + 12 * HOUR),
        }  # fmt: skip
        return self.messages[message_id]

    def add_reply(
        self, ref: str, text: str, *, now: int, consent: str | None = None, action: str | None = None
    ) -> Json:
        reply_id = f"r{len(self.replies) + 1}"
        name = self.orders[ref]["customer"]["name"]
        self.replies[reply_id] = {
            "id": reply_id, "order_ref": ref, "channel": "twilio", "from": "+44…0123", "name": name, "text": text, "consent": consent,
            "action": action, "at": moment(now), "read": False,
        }  # fmt: skip
        return self.replies[reply_id]

    # ------------------------------------------------------------ telling of them

    def glance(self) -> Json:
        states = [message["state"] for message in self.messages.values()]
        return {
            "store": {"name": "Balloon Loft", "country": "GB", "timezone": "Europe/London", "locale": "en", "currency": "GBP", "grace": 8.0},
            "now": moment(NOW), "version": "0.1.0", "uplink": self.uplink, "waiting": sum(s in {"queued", "held"} for s in states),
            "failed": states.count("failed"), "unknown": states.count("unknown"),
            "replies": sum(not reply["read"] for reply in self.replies.values()),
            "calls": sum(call["done_at"] is None for call in self.calls.values()), "modem": self.modem,
            "quiet_until": self.quiet_until, "restored": self.restored, "history": [{"state": "up", "at": moment(NOW - 3 * HOUR)}],
            "trouble": self.trouble, "sources": self.sources, "scopes": self.scopes,
        }  # fmt: skip

    def told(self, message: Json) -> Json:
        return {
            "message_id": message["id"], "state": message["state"], "channel": message["channel"], "at": message["updated_at"],
            **{name: message[name] for name in ("reason", "reason_code", "reason_args")},
        }  # fmt: skip

    def text(self, order: Json, status: str) -> str:
        news = {"order.ready": "are ready to collect", "order.confirmed": "are being made"}.get(status, "have news")
        return f"Hi {order['customer']['name']}, your balloons (order {order['ref']}) {news}. Balloon Loft"

    def sms(self, text: str) -> Json:
        return {"encoding": "GSM-7", "units": len(text), "parts": 1 if len(text) <= 160 else -(-len(text) // 153)}

    def prospect(self, order: Json, wish: Json) -> list[Json]:
        """What would go out: to the customer by SMS or else e-mail, to the team by chat when a status is set."""
        text = wish.get("text") or self.text(order, wish.get("template") or wish.get("status", ""))
        medium = "sms" if order["customer"]["phone"] else "email"
        to = order["customer"]["phone"] or order["customer"]["email"] or ""
        lacking = {
            "code": "no_address",
            "detail": "no phone number",
            "reason_code": "no_address",
            "reason_args": {"kinds": ["phone", "email"]},
        }
        mine: Json = {
            "audience": "customer", "to": to, "medium": medium,
            "channel": "twilio" if medium == "sms" else "sendgrid", "via": wish.get("via") or VIA, "subject": None, "text": text,
            "sms": self.sms(text) if medium == "sms" else None, "due_at": None, "warnings": self.warnings if to else [lacking],
        }  # fmt: skip
        team: Json = {
            "audience": "team", "to": "#c…er", "medium": "chat", "channel": "slack", "via": ["slack"], "subject": None,
            "text": f"{order['ref']} is ready", "sms": None, "due_at": None, "warnings": [],
        }  # fmt: skip
        return [mine, team] if "status" in wish else [mine]

    def order_of(self, event: Json, now: int) -> Json:
        """An order that staff took."""
        who = {"phone": None, "email": None} | event["customer"]
        order = self.add_order(event["order"]["ref"], event["type"], stages.stage_of(event["type"]), now=now, **who)
        order |= {key: event["order"][key] for key in ("promised_at", "fulfilment") if key in event["order"]}
        return order

    def prospect_of_new(self, event: Json) -> list[Json]:
        known = SampleShop()
        known.warnings = self.warnings
        return known.prospect(known.order_of(event, NOW), {"status": event["type"]})

    def is_past(self, message_id: str) -> bool:
        """Whether it is of the order that had its number before."""
        message = self.messages.get(message_id, {})
        order = self.orders.get(message.get("order_ref", ""), {})
        return bool(message.get("event_seq", 0) < order.get("began", 0))

    def tell_order(self, message: Json) -> None:
        """As the service's own views would have it."""
        order = self.orders.get(message["order_ref"])
        is_its_own = message["audience"] == "customer" and not self.is_past(message["id"])
        if order and is_its_own and message["trigger"] == order["status"]:
            order["told"] = self.told(message)

    def ways(self, ref: str, message_id: str) -> Json:
        if self.is_past(message_id):
            return {"message_id": message_id, "phone": "+447700900123", "ways": []}
        order = self.orders[ref]
        told, customer = order["told"] or {"message_id": None, "state": None, **reasoned("")}, order["customer"]
        ways = [
            {"medium": medium, "kind": kind, "to": customer[kind] or "", "state": "open" if customer[kind] else "no_address",
             "via": via, "since": None, "how": ""} | self.silent.get(f"{ref} {medium}", {})
            for medium, kind, via in (("sms", "phone", ["twilio", "modem"]), ("email", "email", ["sendgrid"]))
        ]  # fmt: skip
        return {"about": order["status"], **{name: told[name] for name in ("message_id", "state", "reason", "reason_code", "reason_args")},
                "phone": customer["phone"], "ways": ways}  # fmt: skip

    def story(self, order: Json) -> Json:
        ref = order["ref"]
        entries: list[Json] = [
            {"at": order["created_at"], "kind": "event", "type": "order.placed", "source": "webshop"}
        ]
        for message in (each for each in self.messages.values() if each["order_ref"] == ref):
            entries.append(
                {"at": message["created_at"], "kind": "message", "type": message["trigger"], "message_id": message["id"],
                 "audience": message["audience"], "template": message["template"], "state": message["state"],
                 "channel": message["channel"], "to": message["to"], "reason": message["reason"]}
            )  # fmt: skip
            for attempt in self.attempts.get(message["id"], []):
                entries.append(
                    {"at": attempt["started_at"], "kind": "attempt", "message_id": message["id"], "channel": attempt["channel"],
                     "n": attempt["n"], "outcome": attempt["outcome"], "detail": attempt["detail"], "text": attempt["sent"]["text"]}
                )  # fmt: skip
                if attempt["receipt"]:
                    entries.append(
                        {"at": attempt["started_at"], "kind": "receipt", "message_id": message["id"],
                         "channel": attempt["channel"], "receipt": attempt["receipt"], "state": attempt["receipt"]}
                    )  # fmt: skip
        for reply in (each for each in self.replies.values() if each["order_ref"] == ref):
            entries.append(
                {
                    "at": reply["at"],
                    "kind": "reply",
                    "channel": reply["channel"],
                    "actor": reply["name"],
                    "text": reply["text"],
                    "action": reply["action"] or "",
                }
            )
        if order["held"]:
            entries.append(
                {
                    "at": order["updated_at"],
                    "kind": "override",
                    "type": "order.held",
                    "actor": "Kim",
                    "reason": "colour unclear",
                }
            )
        return {
            "optouts": {}, **order, "items": [{"name": "Helium bouquet, 12", "quantity": 1}], "note": "", "url": None,
            "timeline": sorted(entries, key=lambda entry: entry["at"]),
        }  # fmt: skip
