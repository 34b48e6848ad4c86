"""Plivo: send, fetch and list messages (https://www.plivo.com/docs/messaging/api/messages). Paths end in a slash.

Bad numbers and opt-outs are no HTTP errors here: they show in the message's state, with an `error_code`.
"""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from daemon.sandbox.callback import Callback, CustomerAct
from daemon.sandbox.exchange import Call, Response, plain, reply
from daemon.sandbox.fate import Fate, Stage
from daemon.sandbox.gsm import is_gsm
from daemon.sandbox.mailbox import Arrival
from daemon.sandbox.providers.base import FORM, Provider, Routes, as_object, as_text, e164
from daemon.sandbox.times import moment

_ALL_BUT = re.compile(r"[^A-Za-z0-9]")
_SOURCE = re.compile(r"\d{3,14}|(?=.*[A-Za-z])\w{1,11}")
_STRIPPED = re.compile(r"[+\-./() ]")
_STATE = {
    Stage.QUEUED: "queued",
    Stage.SENT: "sent",
    Stage.DELIVERED: "delivered",
    Stage.UNDELIVERED: "undelivered",
}
_ERRORS = {Fate.OPTED_OUT: ("failed", "200"), Fate.INVALID: ("failed", "50")}


class Plivo(Provider):
    name = "plivo"
    medium = "sms"
    tells = frozenset({"writes"})
    secrets: ClassVar[Mapping[str, str]] = {
        "PLIVO_AUTH_ID": "MASANDBOX00000000000",
        "PLIVO_AUTH_TOKEN": "sandbox-plivo-token",
    }
    table: ClassVar[Mapping[str, Any]] = {"from": "14155550100"}

    def routes(self) -> Routes:
        account = "/v1/Account/{auth_id}"
        return {
            f"POST {account}/Message/": self.send,
            f"GET {account}/Message/": self.listed,
            f"GET {account}/Message/{{uuid}}/": self.fetch,
            f"GET {account}/": self.account,
        }

    def authorize(self, call: Call) -> None:
        auth_id, secret = self.world.secrets["PLIVO_AUTH_ID"], self.world.secrets["PLIVO_AUTH_TOKEN"]
        if call.basic != (auth_id, secret) or call.path.split("/")[3] != auth_id:
            raise self.refuse(401)

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        if status == 401:
            return plain(
                401, "Could not verify your access level for that URL. You have to login with proper credentials"
            )
        return reply(status, {"api_id": self.uuid(), "error": text or "internal server error"})

    def callback(self, word: CustomerAct, url: str) -> Callback:
        """An incoming message with a signature of version 3 (plivo.com/docs/messaging/concepts/signature-validation)."""
        fields = {
            "From": word.customer.removeprefix("+"),
            "To": word.to,
            "Type": "sms",
            "Text": word.text,
            "MessageUUID": self.uuid(),
        }
        nonce = self.digits(20)
        signed = f"{url}?{''.join(name + fields[name] for name in sorted(fields))}.{nonce}"
        digest = hmac.new(self.world.secrets["PLIVO_AUTH_TOKEN"].encode(), signed.encode(), hashlib.sha256).digest()
        headers = {"X-Plivo-Signature-V3": b64encode(digest).decode(), "X-Plivo-Signature-V3-Nonce": nonce}
        return Callback({**headers, "Content-Type": FORM}, urlencode(fields).encode())

    # ------------------------------------------------------------ calls

    def send(self, call: Call, auth_id: str) -> Response:
        body = as_object(call.json)
        source, powerpack = as_text(body.get("src")), as_text(body.get("powerpack_uuid"))
        text, numbers = as_text(body.get("text")), as_text(body.get("dst"))
        if bool(source) == bool(powerpack):
            raise self.refuse(400, "", "Exactly one of src and powerpack_uuid must be given")
        if not numbers:
            raise self.refuse(400, "", "dst parameter is missing")
        if not text:
            raise self.refuse(400, "", "text parameter is missing")
        if source and not _SOURCE.fullmatch(_ALL_BUT.sub("", source)):
            raise self.refuse(400, "", "src is invalid")
        if len(text) > (1600 if is_gsm(text) else 737):
            raise self.refuse(400, "", "text is too long")
        if str(body.get("type", "sms")) not in ("sms", "mms", "whatsapp"):
            raise self.refuse(400, "", "type is invalid")
        to = [_STRIPPED.sub("", number) for number in numbers.split("<")]
        if not all(number.isdecimal() and 7 <= len(number) <= 15 for number in to):
            raise self.refuse(400, "", f"{numbers} is not a valid phone number")
        if _STRIPPED.sub("", source) in to:
            raise self.refuse(400, "", "src and dst cannot overlap")
        uuids = [
            self.accept(call, id=self.uuid(), to=number, sender=source or powerpack, text=text).id for number in to
        ]
        return reply(202, {"api_id": self.uuid(), "message": "message(s) queued", "message_uuid": uuids})

    def fetch(self, call: Call, auth_id: str, uuid: str) -> Response:
        arrival = self.world.mailbox.find(self.name, uuid)
        if arrival is None:
            raise self.refuse(404, "", "not found")
        return reply(200, {"api_id": self.uuid(), **self._resource(arrival, call.now)})

    def listed(self, call: Call, auth_id: str) -> Response:
        query = call.query
        limit, offset = call.number("limit", 20), call.number("offset", 0)
        if not 1 <= limit <= 20:
            raise self.refuse(400, "", "limit must be from 1 to 20")
        to = e164(query["to_number"]) if "to_number" in query else ""
        since, until = query.get("message_time__gte", ""), query.get("message_time__lte", "9999")
        if query.get("message_direction", "outbound") != "outbound":
            found: list[Arrival] = []
        else:
            found = [a for a in self.mine(to) if since <= _time(a.at) <= until]
        page = [self._resource(arrival, call.now) for arrival in found[offset : offset + limit]]
        meta = {"limit": limit, "offset": offset, "next": None, "previous": None, "total_count": len(found)}
        return reply(200, {"api_id": self.uuid(), "meta": meta, "objects": page})

    def account(self, call: Call, auth_id: str) -> Response:
        return reply(200, {"api_id": self.uuid(), "auth_id": auth_id, "cash_credits": "10.00", "name": "Sandbox"})

    def _resource(self, arrival: Arrival, now: int) -> dict[str, Any]:
        step = self.stage(arrival, now)
        state, error = _STATE[step], "000"
        if step is Stage.UNDELIVERED:
            state, error = _ERRORS.get(arrival.fate, ("undelivered", "20"))
        return {
            "message_uuid": arrival.id,
            "message_state": state,
            "message_direction": "outbound",
            "message_type": "sms",
            "error_code": error,
            "from_number": arrival.sender,
            "to_number": arrival.to.removeprefix("+"),
            "message_time": f"{_time(arrival.at)}+00:00",
            "message_sent_time": f"{_time(arrival.at)}+00:00",
            "message_updated_time": f"{_time(now)}+00:00",
            "units": 1,
            "total_rate": "0.00350",
            "total_amount": "0.00350",
            "resource_uri": f"/v1/Account/{self.world.secrets['PLIVO_AUTH_ID']}/Message/{arrival.id}/",
        }


def _time(at: int) -> str:
    return moment(at).strftime("%Y-%m-%d %H:%M:%S")
