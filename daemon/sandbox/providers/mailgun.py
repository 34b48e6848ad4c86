"""Mailgun: messages, events, suppressions, templates (https://documentation.mailgun.com/docs/mailgun/api-reference).

A wrong path on the API host answers 200 and "Mailgun Magnificent API"; our own `h:Message-Id` is kept as the message's id.
"""

import re
from collections.abc import Mapping
from email.utils import parseaddr
from typing import Any, ClassVar

import msgspec

from daemon.sandbox.exchange import Call, Response, plain, reply
from daemon.sandbox.fate import Fate, Stage, fate_of
from daemon.sandbox.mailbox import Arrival
from daemon.sandbox.providers.base import Provider, Routes
from daemon.sandbox.times import rfc2822

_MESSAGE_ID = re.compile(r"<?([^<>@\s]+@[^<>@\s]+)>?")
_WITHIN = re.compile(r"(?=.)(\d+h)?(\d+m)?")
_REASON = {
    Fate.OPTED_OUT: ("suppress-unsubscribe", 606),
    Fate.UNDELIVERED: ("bounce", 550),
    Fate.INVALID: ("suppress-bounce", 605),
}
_TABLES = {"bounces": Fate.INVALID, "unsubscribes": Fate.OPTED_OUT, "complaints": None}


class Mailgun(Provider):
    name = "mailgun"
    medium = "email"
    secrets: ClassVar[Mapping[str, str]] = {
        "MAILGUN_API_KEY": "sandbox-mailgun-key",
    }
    table: ClassVar[Mapping[str, Any]] = {"domain": "mg.example.com", "from": "orders@mg.example.com"}

    def routes(self) -> Routes:
        return {
            "POST /v3/{domain}/messages": self.send,
            "GET /v3/{domain}/events": self.events,
            "GET /v3/{domain}/{table}/{address}": self.suppressed,
            "GET /v4/domains/{domain}": self.domain,
            "GET /v3/domains/{domain}": self.domain,
        }

    def authorize(self, call: Call) -> None:
        if call.basic != ("api", self.world.secrets["MAILGUN_API_KEY"]):
            raise self.refuse(401)

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        if status == 401:
            return plain(401, "Forbidden")
        if status == 404 and not code:
            return plain(200, "Mailgun Magnificent API")
        return reply(status, {"message": text or "Internal Server Error"})

    def throttled(self, call: Call, seconds: float) -> Response:
        """The wait stands in the text."""
        text = f"account-requests-per-sec limit exceeded, try again after {max(1, round(seconds))} seconds"
        return self.problem(429, "", f"Domain example.com is not allowed to send: {text}")

    # ------------------------------------------------------------ messages

    def send(self, call: Call, domain: str) -> Response:
        if call.media_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
            raise self.refuse(400, "", "Expecting 'multipart/form-data'")
        to = self._recipients(call)
        template = call.field("template")
        if not call.field("from"):
            raise self.refuse(400, "", "from parameter is missing")
        if not _is_address(parseaddr(call.field("from"))[1]):
            raise self.refuse(400, "", "from parameter is not a valid address. please check documentation")
        if not (call.field("text") or call.field("html") or call.field("amp-html") or template):
            raise self.refuse(
                400, "", "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified"
            )
        if call.field("html") and template:
            raise self.refuse(400, "", "Only one parameters 'html' or 'template' is allowed.")
        self._check_options(call)
        given = call.field("h:Message-Id")
        match = _MESSAGE_ID.fullmatch(given)
        id = match[1] if match else f"{rfc2822(call.now)[5:7]}{self.hex(18)}@{domain}"
        variables = {name[2:]: values[0] for name, values in call.form.items() if name.startswith("v:")}
        for address in to:
            self.accept(
                call,
                id=id,
                to=address,
                sender=call.field("from"),
                subject=call.field("subject"),
                text=call.field("text"),
                html=call.field("html"),
                reference=variables.get("msg_ref") or next(iter(variables.values()), "") or id.partition("@")[0],
                data={"template": template, "variables": call.field("t:variables")} if template else {},
            )
        return reply(200, {"id": f"<{id}>", "message": "Queued. Thank you."})

    def _recipients(self, call: Call) -> list[str]:
        entries = [entry for value in call.form.get("to", []) for entry in value.split(",") if entry.strip()]
        if not entries:
            raise self.refuse(400, "", "to parameter is missing")
        if len(entries) > 1000:
            raise self.refuse(400, "", "Too many recipients, max is 1000")
        to = [parseaddr(entry)[1] for entry in entries]
        if not all(_is_address(address) for address in to):
            raise self.refuse(400, "", "to parameter is not a valid address. please check documentation")
        return to

    def _check_options(self, call: Call) -> None:
        options = {name: values for name, values in call.form.items() if name[:2] in ("o:", "h:", "v:", "t:")}
        if sum(len(name) + len(value) for name, values in options.items() for value in values) > 16_384:
            text = "Send options (parameters starting with o:, h:, v: or t:) are limited to 16KB total"
            raise self.refuse(400, "", text)
        if len(call.form.get("o:tag", [])) > 3:
            raise self.refuse(400, "", "o:tag: at most 3 tags per message")
        within = call.field("o:deliver-within")
        if within and not _WITHIN.fullmatch(within):
            raise self.refuse(400, "", "o:deliver-within parameter is not valid")
        for name in ("t:variables", "recipient-variables"):
            if call.field(name):
                try:
                    msgspec.json.decode(call.field(name), type=dict[str, Any])
                except msgspec.MsgspecError as error:
                    raise self.refuse(400, "", f"{name} parameter is not a valid JSON object") from error

    # ------------------------------------------------------------ what became of it

    def events(self, call: Call, domain: str) -> Response:
        """Without brackets round the id, as events store it; with them the filter is not understood."""
        query = call.query
        limit = call.number("limit", 100)
        if not 1 <= limit <= 300:
            raise self.refuse(400, "", "limit must be between 1 and 300")
        wanted = query.get("message-id", "")
        if wanted and "<" not in wanted:
            found = [arrival for arrival in self.mine() if arrival.id == wanted]
        else:
            found = self.mine(query.get("recipient", ""))
        items = [event for arrival in found for event in self._happened(arrival, call.now)]
        if "event" in query:
            items = [item for item in items if item["event"] in query["event"].split(" OR ")]
        items.sort(key=lambda item: float(item["timestamp"]), reverse=query.get("ascending") != "yes")
        page = f"{call.path}/{self.hex(8)}"
        return reply(200, {"items": items[:limit], "paging": {"next": page, "previous": page}})

    def _happened(self, arrival: Arrival, now: int) -> list[dict[str, Any]]:
        events = [self._event(arrival, "accepted", arrival.at)]
        step = self.stage(arrival, now)
        if step is Stage.DELIVERED:
            status = {"code": 250, "message": "OK", "description": "", "attempt-no": 1}
            events.append(self._event(arrival, "delivered", now, **{"delivery-status": status}))
        if step is Stage.UNDELIVERED:
            reason, code = _REASON[arrival.fate]
            status = {"code": code, "message": "No such mailbox", "description": "", "attempt-no": 1}
            extra = {"severity": "permanent", "reason": reason, "delivery-status": status}
            events.append(self._event(arrival, "failed", now, **extra))
        return events

    def _event(self, arrival: Arrival, name: str, at: int, **extra: Any) -> dict[str, Any]:
        headers = {"message-id": arrival.id, "from": arrival.sender, "to": arrival.to, "subject": arrival.subject}
        return {
            "event": name,
            "id": self.hex(22),
            "timestamp": at / 1000,
            "log-level": "error" if name == "failed" else "info",
            "recipient": arrival.to,
            "recipient-domain": arrival.to.rpartition("@")[2],
            "flags": {"is-test-mode": False},
            "message": {"headers": headers, "attachments": [], "size": len(arrival.body)},
            "tags": [],
            "user-variables": {"msg_ref": arrival.reference} if arrival.reference else {},
            **extra,
        }

    def suppressed(self, call: Call, domain: str, table: str, address: str) -> Response:
        if table == "templates":
            raise self.refuse(404, "missing", "template not found")
        if table not in _TABLES:
            return self.problem(404)
        if fate_of(address) is not _TABLES[table]:
            raise self.refuse(404, "missing", f"Address not found in {table} table")
        created = rfc2822(call.now).replace("+0000", "UTC")
        return reply(200, {"address": address, "code": "550", "error": "No such mailbox", "created_at": created})

    def domain(self, call: Call, domain: str) -> Response:
        return reply(200, {"domain": {"name": domain, "state": "active"}})


def _is_address(address: str) -> bool:
    return "@" in address and "." in address.rpartition("@")[2]
