"""HubSpot: a property that the store's workflow waits for, or a transactional mail of its own: https://developers.hubspot.com (2026-11).

Quirks: writing an unchanged value fires nothing, so the status carries the order's number; nothing tells whether a workflow ran. A
contact is looked for by e-mail or phone, a deal or an order by its number, and made (with its contact) when it is not there.
`sendId` makes a repeat of a single send harmless, as writing a property is by itself. The file is longer than most since it holds
three kinds of records.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote, unquote

import msgspec

from daemon.channels._http import HttpChannel
from daemon.channels._hubspot_mail import SEND_RESULTS, read_status
from daemon.channels._hubspot_setup import TO_CONTACT, HubSpotSettings, Setup
from daemon.channels._just_made import JustMade
from daemon.channels._values import names_of, status_of, values_of
from daemon.channels._verdict import Failure, Problem, Verdict, channel, later, message, throttled
from daemon.channels.base import (
    Health,
    Inbound,
    InboundRefused,
    InboundRequest,
    Outgoing,
    PollPlan,
    ReceiptUpdate,
    Sent,
)
from daemon.http import Http, Request, Response, json_request, objects
from outbox.model import Medium
from outbox.outcome import Accepted, Outcome, ReceiptState

_SCOPES = (
    "give the private app the scopes for this object, its schema, and automation: Settings, Integrations, Private apps"
)
_TOKEN = "HUBSPOT_ACCESS_TOKEN is not valid: copy it again from Settings, Integrations, Private apps"  # noqa: S105
_FRESH = 300_000
"""How old a webhook may be, ms."""


class HubSpot(HttpChannel):
    name = "hubspot"
    medium = "crm"
    title = "HubSpot"
    address_kinds = ("email", "phone")
    secrets_begin: ClassVar[Mapping[str, tuple[str, ...]]] = {"HUBSPOT_ACCESS_TOKEN": ("pat-",)}
    rank = 10
    Settings = HubSpotSettings
    secrets = ("HUBSPOT_ACCESS_TOKEN",)
    optional_secrets = ("HUBSPOT_CLIENT_SECRET",)
    console = "app.hubspot.com, Settings, Integrations, Private apps"
    origin = "https://api.hubapi.com"
    ambiguous_5xx = False
    repeat_is_harmless = True
    default_rate = 8
    default_concurrency = 4
    heeds = ("email",)

    CODES: ClassVar[Mapping[str, Verdict]] = {
        **SEND_RESULTS,
        "VALIDATION_ERROR": message("HubSpot does not take these values"),
        "PROPERTY_DOESNT_EXIST": channel(
            "a property is missing in HubSpot: run `tether doctor --fix`, or add it there"
        ),
        "OBJECT_NOT_FOUND": message("HubSpot has no such record"),
        "CONFLICT": later(5),
        "INVALID_AUTHENTICATION": channel(_TOKEN),
        "EXPIRED_AUTHENTICATION": channel(_TOKEN),
        "MISSING_SCOPES": channel(_SCOPES),
        "RATE_LIMITS": throttled(),
        "DAILY": channel("the account's calls for today are used up", after=3600),
    }
    STATUSES: ClassVar[Mapping[int, Verdict]] = {403: channel(_SCOPES), 409: later(5), 423: later(), 477: later(60)}

    settings: HubSpotSettings

    def __init__(self, settings: HubSpotSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        self.headers = {"Authorization": f"Bearer {self.secret['HUBSPOT_ACCESS_TOKEN']}"}
        self.poll = PollPlan(delays=(10, 60, 300, 1800, 7200)) if settings.templates else None
        self.tells_delivery = bool(settings.templates or settings.receipt_property)
        self._just_made = JustMade()

    def _json(self, method: str, path: str, body: Any) -> Request:
        return json_request(method, path, body, headers=self.headers)

    def _get(self, path: str, *query: tuple[str, str]) -> Request:
        return Request(method="GET", path=path, query=query, headers=self.headers)

    # sending

    def heeded(self, trigger: str) -> Sequence[Medium]:
        return self.heeds if trigger in self.settings.templates else ()

    async def prepare(self, out: Outgoing, *, until: float) -> Request | Outcome:
        if out.trigger in self.settings.templates and out.addresses.get("email"):
            return self._mail(self.settings.templates[out.trigger], out)
        if self.settings.object == "contacts":
            return await self._contact_request(out, until)
        return await self._record_request(out, until)

    def _mail(self, email_id: int, out: Outgoing) -> Request:
        message = {"to": out.addresses["email"], "sendId": out.message_id}
        body = {"emailId": email_id, "message": message, "customProperties": values_of(out)}
        return self._json("POST", "/marketing/v3/transactional/single-email/send", body)

    def _status(self, out: Outgoing) -> dict[str, str]:
        written = {
            self.settings.property: status_of(out),
            self.settings.text_property: out.rendered.text,
            self.settings.reference_property: out.reference,
        }
        return {name: value for name, value in written.items() if name}

    async def _contact_request(self, out: Outgoing, until: float) -> Request | Failure:
        """The write of a contact that is known, which leaves its name alone, or of a new one: by upsert where an e-mail address names
        it, so that one that somebody made meanwhile is written all the same."""
        found = await self._find_contact(out, until)
        if not isinstance(found, str):
            return found
        if not found:
            return self._new_contact(out, self._status(out))
        return self._json("PATCH", f"/crm/v3/objects/contacts/{_part(found)}", {"properties": self._status(out)})

    async def _find_contact(self, out: Outgoing, until: float) -> str | Failure:
        """The contact's id: by e-mail address, which is unique, else by a search for the phone number. "" where there is none."""
        email = out.addresses.get("email")
        if email:
            asked = self._get(f"/crm/v3/objects/contacts/{_part(email)}", ("idProperty", "email"))
            answer = await self.ask(asked, out, until=until, also=(404,))
            if not isinstance(answer, Response) or answer.status == 404:
                return "" if isinstance(answer, Response) else answer
            return _id(answer) or self.untold(answer, out)
        wanted = {"propertyName": "phone", "operator": "EQ", "value": out.addresses.get("phone") or out.to}
        groups = [{"filters": [wanted]}]
        search = {"filterGroups": groups, "sorts": [], "properties": ["phone"], "limit": 1, "after": "0"}
        answer = await self.ask(self._json("POST", "/crm/v3/objects/contacts/search", search), out, until=until)
        if not isinstance(answer, Response):
            return answer
        found = next((row["id"] for row in objects(answer.object().get("results")) if row.get("id")), None)
        return str(found) if found else self._just_made.wait(wanted["value"], out.now) or ""

    def _new_contact(self, out: Outgoing, status: Mapping[str, str]) -> Request:
        first, last = names_of(out)
        known = {
            "firstname": first,
            "lastname": last,
            **{kind: out.addresses.get(kind, "") for kind in ("email", "phone")},
        }
        properties = {**{name: value for name, value in known.items() if value}, **status}
        email = out.addresses.get("email")
        if not email:
            self._just_made.note(out.addresses.get("phone") or out.to, out.now)
            return self._json("POST", "/crm/v3/objects/contacts", {"properties": properties})
        entry = {"id": email, "idProperty": "email", "properties": properties}
        return self._json("POST", "/crm/v3/objects/contacts/batch/upsert", {"inputs": [entry]})

    async def _record_request(self, out: Outgoing, until: float) -> Request | Failure:
        """The write of a deal or an order: found by its number, or made with its contact."""
        kind, own = self.settings.object, self.settings.order_property
        status = self._status(out)
        if not own:
            return self._json("PATCH", f"/crm/v3/objects/{kind}/{_part(out.order_source_id)}", {"properties": status})
        asked = self._get(f"/crm/v3/objects/{kind}/{_part(out.order_ref)}", ("idProperty", own))
        answer = await self.ask(asked, out, until=until, also=(404,))
        if not isinstance(answer, Response):
            return answer
        if answer.ok:
            record = _id(answer)
            path = f"/crm/v3/objects/{kind}/{_part(record)}"
            return self._json("PATCH", path, {"properties": status}) if record else self.untold(answer, out)
        contact = await self._contact(out, until)
        if not isinstance(contact, str):
            return contact
        label = "hs_order_name" if kind == "orders" else "dealname"
        properties = {own: out.order_ref, label: f"Order {out.order_ref}", **status}
        tie = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": TO_CONTACT[kind]}
        associations = [{"to": {"id": contact}, "types": [tie]}]
        return self._json("POST", f"/crm/v3/objects/{kind}", {"properties": properties, "associations": associations})

    async def _contact(self, out: Outgoing, until: float) -> str | Failure:
        """The id of the customer's contact, found or made."""
        found = await self._find_contact(out, until)
        if found:
            return found
        answer = await self.ask(self._new_contact(out, {}), out, until=until)
        if not isinstance(answer, Response):
            return answer
        return _id(answer) or self.untold(answer, out)

    # answers

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        answer = response.object()
        if answer.get("statusId"):
            taken = str(answer.get("sendResult") or "") in {"", "SENT", "QUEUED", "IDEMPOTENT_IGNORE"}
            return Accepted(str(answer["statusId"])) if taken and answer.get("status") != "CANCELED" else None
        record = _id(response)
        return Accepted(record) if record else None

    def problem(self, response: Response) -> Problem:
        answer = response.object()
        rows = objects(answer.get("errors"))
        words = str(answer.get("message") or next((row.get("message") for row in rows if row.get("message")), ""))
        candidates = [answer.get("sendResult"), answer.get("policyName"), *(row.get("code") for row in rows)]
        known = next((str(code) for code in candidates if str(code) in self.CODES), "")
        category = answer.get("category") or next((row.get("category") for row in rows), "") or answer.get("errorType")
        return Problem(code=known or str(category or answer.get("sendResult") or ""), text=words)

    def receipts_request(self, sent: Sequence[Sent]) -> Request | None:
        if sent[0].trigger not in self.settings.templates:
            return None
        return self._get(f"/marketing/v3/email/send-statuses/{_part(sent[0].attempt.provider_id)}")

    def read_receipts(self, response: Response, sent: Sequence[Sent]) -> Sequence[ReceiptUpdate]:
        update = read_status(response, sent[0].attempt.provider_id)
        return [update] if update else ()

    # webhooks

    def receive(self, request: InboundRequest) -> Inbound:
        secret = self.secret.get("HUBSPOT_CLIENT_SECRET")
        if not secret:
            raise InboundRefused(
                "HUBSPOT_CLIENT_SECRET is needed to check HubSpot's signature: put it in .env", status=503
            )
        at = request.headers.get("x-hubspot-request-timestamp", "")
        if not (at.isascii() and at.isdigit()) or abs(request.now - int(at[:20])) > _FRESH:
            raise InboundRefused("the webhook is minutes old, or this machine's clock is off")
        told = request.headers.get("x-hubspot-signature-v3", "").encode()
        urls = (request.url, _plain(request.url))
        if not any(hmac.compare_digest(_sign(secret, request, url, at), told) for url in urls):
            raise InboundRefused("the signature does not hold: is [hook] public_url the address that HubSpot calls?")
        try:
            events = msgspec.json.decode(request.body, type=list[dict[str, Any]])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InboundRefused("the body is not a list of HubSpot's events", status=400) from error
        return Inbound(receipts=[update for event in events if (update := self._receipt(event))])

    def _receipt(self, event: Mapping[str, Any]) -> ReceiptUpdate | None:
        """The workflow copied our mark: its mail has left."""
        wanted, reference = self.settings.receipt_property, event.get("propertyValue")
        if not wanted or event.get("propertyName") != wanted or not reference:
            return None
        at = event.get("occurredAt")
        moment = at if isinstance(at, int) else None
        return ReceiptUpdate(state=ReceiptState.DELIVERED, reference=str(reference), at=moment)

    # setting up

    async def check(self) -> Health:
        return await Setup(self, self.settings, self.headers).check()

    async def fix(self) -> Sequence[str]:
        """Make the properties that are missing, and a workflow to start from: switched off, the mail is the owner's to add."""
        return await Setup(self, self.settings, self.headers).fix()


def _part(text: str) -> str:
    return quote(text, safe="")


def _id(response: Response) -> str:
    """The id of the record that was found or written; "" where the answer names none."""
    answer = response.object()
    row = next(iter(objects(answer.get("results"))), answer)
    return str(row.get("id") or "")


def _sign(secret: str, request: InboundRequest, url: str, at: str) -> bytes:
    signed = f"{request.method}{url}".encode() + request.body + at.encode()
    return b64encode(hmac.digest(secret.encode(), signed, "sha256"))


def _plain(url: str) -> str:
    """HubSpot may sign the query with these escapes decoded."""
    place, mark, query = url.partition("?")
    for escape in ("%3A", "%2F", "%3F", "%40", "%21", "%24", "%27", "%28", "%29", "%2A", "%2C", "%3B"):
        query = query.replace(escape, unquote(escape)).replace(escape.lower(), unquote(escape))
    return place + mark + query
