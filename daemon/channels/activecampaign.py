"""ActiveCampaign API 3: a contact's field, an automation, or an event: https://developers.activecampaign.com (2026-11).

Quirks: there is no call that mails a contact, so an automation of the store's does, started by a field that changes, by direct
enrolment (`automations`), or by an event (trackcmp.net, which answers 200 to failures too). Writing a field is harmless to
repeat, the other two are not. Five calls a second for the whole account. The file is longer than most since it is all three ways.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from daemon.channels._http import HttpChannel, is_address
from daemon.channels._values import names_of, status_of
from daemon.channels._verdict import Failure, Problem, Verdict, channel, message
from daemon.channels.base import Health, HttpSettings, Misconfigured, Outgoing
from daemon.http import Http, Request, Response, form_request, json_request, objects
from outbox.outcome import Accepted, Deferred, Outcome, Rejected, Scope

_TRACKING = "https://trackcmp.net"
_EVENTS = "switch event tracking on and compare ACTIVECAMPAIGN_EVENT_KEY and account_id: Settings, Tracking"


class ActiveCampaignSettings(HttpSettings, frozen=True, kw_only=True):
    field: str = ""
    """The contact field for the status: its number, or its personalisation tag (ORDER_STATUS)."""
    text_field: str = ""
    """A field for the rendered text, where the automation's mail is to quote it."""
    automations: Mapping[str, int] = {}
    """Event type -> number of the automation that the contact enters."""
    account_id: str = ""
    """The account's number (actid), for events."""


class ActiveCampaign(HttpChannel):
    name = "activecampaign"
    medium = "crm"
    title = "ActiveCampaign"
    address_kinds = ("email",)
    rank = 30
    Settings = ActiveCampaignSettings
    secrets = ("ACTIVECAMPAIGN_URL", "ACTIVECAMPAIGN_API_KEY")
    optional_secrets = ("ACTIVECAMPAIGN_EVENT_KEY",)
    console = "ActiveCampaign, Settings, Developer"
    default_rate = 1
    default_concurrency = 2

    CODES: ClassVar[Mapping[str, Verdict]] = {
        "event_refused": channel(_EVENTS),
        "not_enrolled": message("the automation does not take this contact again: set it to run multiple times"),
        "no_result": message(
            "there is no such automation or contact: compare `automations` in [channels.activecampaign]"
        ),
    }
    """ActiveCampaign has no codes of its own: these are told by the shape of the answer."""

    settings: ActiveCampaignSettings

    def __init__(self, settings: ActiveCampaignSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        self.origin = self.secret["ACTIVECAMPAIGN_URL"].rstrip("/").removesuffix("/api/3")
        if not (is_address(self.origin) and self.origin.startswith("https://")):
            raise Misconfigured(f"ACTIVECAMPAIGN_URL is no https address: copy it from {self.console}")
        self.event_key = self.secret.get("ACTIVECAMPAIGN_EVENT_KEY", "") if settings.account_id else ""
        if not (settings.field or settings.automations or self.event_key):
            raise Misconfigured(
                "field is missing: name the contact field that gets the status in [channels.activecampaign], "
                "or automations, or account_id with ACTIVECAMPAIGN_EVENT_KEY for events"
            )
        self.headers = {"Api-Token": self.secret["ACTIVECAMPAIGN_API_KEY"], "Accept": "application/json"}
        self.repeat_is_harmless = not settings.automations and not self.event_key
        self._numbers: dict[str, str] = {}

    async def prepare(self, out: Outgoing, *, until: float) -> Request | Outcome:
        fields = await self._fields(out, until)
        if not isinstance(fields, list):
            return fields
        automation = self.settings.automations.get(out.trigger)
        if automation is None and not self.event_key and not fields:
            return Rejected(Scope.MESSAGE, "no_automation", "no automation is configured for this event")
        named = await self._named(out, until)
        if not isinstance(named, dict):
            return named
        contact = {"email": out.to, **named, **({"fieldValues": fields} if fields else {})}
        sync = json_request("POST", "/api/3/contact/sync", {"contact": contact}, headers=self.headers)
        if automation is None and not self.event_key:
            return sync
        answer = await self.ask(sync, out, until=until)
        if not isinstance(answer, Response):
            return answer
        number = _contact(answer)
        if not number:
            return self.untold(answer, out)
        return self._event(out) if automation is None else self._enrolment(number, automation)

    async def _named(self, out: Outgoing, until: float) -> dict[str, str] | Failure:
        """What a new contact is called: one that is known keeps the name it has."""
        first, last = names_of(out)
        named = {"firstName": first, "lastName": last, "phone": out.addresses.get("phone", "")}
        named = {name: value for name, value in named.items() if value}
        if not named:
            return {}
        asked = Request(method="GET", path="/api/3/contacts", query=(("email", out.to),), headers=self.headers)
        answer = await self.ask(asked, out, until=until)
        if not isinstance(answer, Response):
            return answer
        return {} if objects(answer.object().get("contacts")) else named

    def _enrolment(self, contact: str, automation: int) -> Request:
        body = {"contactAutomation": {"contact": contact, "automation": automation}}
        return json_request("POST", "/api/3/contactAutomations", body, headers=self.headers)

    def _event(self, out: Outgoing) -> Request:
        pairs = [
            ("key", self.event_key),
            ("actid", self.settings.account_id),
            ("event", (out.trigger or "message").replace(".", "_")[:32]),
            ("eventdata", f"{out.order_ref}|{out.trigger}|{out.message_id}"),
            ("visit", msgspec.json.encode({"email": out.to}).decode()),
        ]
        return msgspec.structs.replace(form_request("POST", "/event", pairs), origin=_TRACKING)

    async def _fields(self, out: Outgoing, until: float) -> list[dict[str, str]] | Failure:
        """The contact's fields to write, by their numbers."""
        wanted = {self.settings.field: status_of(out), self.settings.text_field: out.rendered.text}
        written = []
        for field, value in wanted.items():
            if field:
                number = await self._number(field, out, until)
                if not isinstance(number, str):
                    return number
                written.append({"field": number, "value": value})
        return written

    async def _number(self, field: str, out: Outgoing, until: float) -> str | Failure:
        """A field's number, asked for once."""
        if field.isdigit():
            return field
        if field not in self._numbers:
            answer = await self.ask(self._look_for(field), out, until=until)
            if not isinstance(answer, Response):
                return answer
            rows = answer.object().get("fields")
            number = _number_of(field, rows)
            if not number and isinstance(rows, list):
                remedy = f"make it: ActiveCampaign, Contacts, Fields, with the tag {field}"
                return Rejected(Scope.CHANNEL, "no_field", f"there is no contact field {field}", remedy)
            if not number:
                return Deferred("the list of fields was not understood", "no_fields")
            self._numbers[field] = number
        return self._numbers[field]

    def _look_for(self, field: str) -> Request:
        query = (("limit", "100"), ("filters[perstag]", field))
        return Request(method="GET", path="/api/3/fields", query=query, headers=self.headers)

    # answers

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        answer = response.object()
        if out.trigger in self.settings.automations:
            entry = answer.get("contactAutomation")
            return Accepted(str(entry["id"])) if isinstance(entry, dict) and entry.get("id") else None
        if self.event_key:
            return Accepted() if answer.get("success") in (1, "1") else None
        number = _contact(response)
        return Accepted(number) if number else None

    def problem(self, response: Response) -> Problem:
        answer = response.object()
        errors = answer.get("errors")
        rows = errors if isinstance(errors, list) else []
        words = [_words(row) for row in rows] or [str(answer.get("message") or "")]
        text = "; ".join(word for word in words if word)
        if "success" in answer:
            return Problem(code="event_refused", text=text)
        if response.status == 404 and "No Result found for" in text:
            return Problem(code="no_result", text=text)
        return Problem(code="not_enrolled" if "SubscriberSeries" in text else "", text=text)

    def check_request(self) -> Request:
        return self._look_for(self.settings.field)

    def read_check(self, response: Response) -> Health:
        field = self.settings.field
        if not field or field.isdigit() or _number_of(field, response.object().get("fields")):
            return Health(ok=True, summary="the key holds")
        return Health(ok=False, summary=f"there is no contact field {field}", remedy="make it: Contacts, Fields")


def _contact(response: Response) -> str:
    contact = response.object().get("contact")
    return str(contact.get("id") or "") if isinstance(contact, dict) else ""


def _number_of(tag: str, rows: Any) -> str:
    """A filter that a server ignores must not pick another field."""
    return next((str(row.get("id")) for row in objects(rows) if str(row.get("perstag", "")).upper() == tag.upper()), "")


def _words(row: Any) -> str:
    """One error: an object or plain text, there is no common form."""
    return str(row.get("title") or row.get("detail") or "") if isinstance(row, dict) else str(row)
