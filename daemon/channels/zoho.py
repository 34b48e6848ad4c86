"""Zoho CRM v8, an upsert that the store's workflow rule waits for: https://www.zoho.com/crm/developer/docs/api/v8 (2026-11).

Quirks: tokens come from a refresh token of the same data centre, ten of them in ten minutes at most, and errors of the token
endpoint come as 200; the outcome stands with each record, whatever the status; writing the same value again fires nothing, so
the status carries the order's number. An upsert by a unique field is harmless to repeat. This file is longer than most because
the contact is found or made first, and because it can set the module's fields up.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import quote, urlsplit

from msgspec.structs import replace

from daemon.channels._just_made import JustMade
from daemon.channels._oauth import OAuthChannel
from daemon.channels._values import names_of, status_of
from daemon.channels._verdict import Failure, Problem, Verdict, channel, later, message, throttled
from daemon.channels.base import Health, OAuthSettings, Outgoing
from daemon.http import Http, Request, Response, form_request, json_request, objects
from daemon.oauth import Token
from outbox.outcome import Accepted, Outcome

_HOSTS: Mapping[str, tuple[str, str]] = {
    "us": ("www.zohoapis.com", "accounts.zoho.com"),
    "eu": ("www.zohoapis.eu", "accounts.zoho.eu"),
    "in": ("www.zohoapis.in", "accounts.zoho.in"),
    "au": ("www.zohoapis.com.au", "accounts.zoho.com.au"),
    "jp": ("www.zohoapis.jp", "accounts.zoho.jp"),
    "ca": ("www.zohoapis.ca", "accounts.zohocloud.ca"),
    "cn": ("www.zohoapis.com.cn", "accounts.zoho.com.cn"),
    "sa": ("www.zohoapis.sa", "accounts.zoho.sa"),
}
_TOKEN = "make a new refresh token for this data centre (dc): api-console.zoho.com, Self Client"  # noqa: S105
_SCOPES = "the refresh token lacks a scope: make one with ZohoCRM.modules.ALL and ZohoCRM.settings.fields.ALL"
_FIELD = "a field does not take this value: it must be a single line of text, and no pick list"


class ZohoSettings(OAuthSettings, frozen=True, kw_only=True):
    dc: Literal["us", "eu", "in", "au", "jp", "ca", "cn", "sa"] = "us"
    module: str = "Deals"
    """API name of the module that gets the status; "Contacts" writes it to the customer's own record."""
    field: str = "Order_Status"
    """API name of the text field for the status."""
    order_field: str = "Order_No"
    """API name of the module's unique field for the order's number (not for Contacts)."""
    contact_field: str = "Contact_Name"
    """API name of the field that names the contact; "": records stand without one."""
    text_field: str = ""
    """API name of a field for the rendered text, where the workflow's mail is to quote it."""
    values: Mapping[str, str] = {}
    """Fixed values for fields that the module wants filled ("Stage" = "Qualification")."""


class Zoho(OAuthChannel):
    name = "zoho"
    medium = "crm"
    title = "Zoho CRM"
    address_kinds = ("email", "phone")
    rank = 45
    Settings = ZohoSettings
    secrets = ("ZOHO_CLIENT_ID", "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN")
    console = "api-console.zoho.com, Self Client"
    ambiguous_5xx = False
    repeat_is_harmless = True
    default_concurrency = 1

    CODES: ClassVar[Mapping[str, Verdict]] = {
        "INVALID_DATA": message(_FIELD),
        "MANDATORY_NOT_FOUND": message("the module wants more fields filled: add them under values in [channels.zoho]"),
        "DUPLICATE_DATA": message("another record holds this value: order_field must be the only unique field written"),
        "PATTERN_NOT_MATCHED": message(_FIELD),
        "NOT_SUPPORTED": message("Zoho does not allow this for the module"),
        "RECORD_IN_BLUEPRINT": message("a blueprint guards this record: take the field out of it"),
        "INVALID_MODULE": channel("module names no module of this account: Setup, Developer Hub, APIs, API names"),
        "INVALID_TOKEN": channel(_TOKEN),
        "AUTHENTICATION_FAILURE": channel(_TOKEN),
        "OAUTH_SCOPE_MISMATCH": channel(_SCOPES),
        "NO_PERMISSION": channel("the user who made the token may not write this module: Setup, Profiles"),
        "TOO_MANY_REQUESTS": throttled(),
        "LIMIT_EXCEEDED": throttled(600),
        "INTERNAL_ERROR": later(),
        "RECORD_LOCKED": later(60),
    }
    TOKEN_CODES: ClassVar[Mapping[str, Verdict]] = {
        "invalid_code": channel(_TOKEN),
        "Access Denied": throttled(600),
    }

    settings: ZohoSettings

    def __init__(self, settings: ZohoSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        api, accounts = _HOSTS[settings.dc]
        self.origin, self.token_origin = f"https://{api}", f"https://{accounts}"
        self._just_made = JustMade()

    def token_request(self) -> Request:
        pairs = [
            ("refresh_token", self.secret["ZOHO_REFRESH_TOKEN"]),
            ("client_id", self.secret["ZOHO_CLIENT_ID"]),
            ("client_secret", self.secret["ZOHO_CLIENT_SECRET"]),
            ("grant_type", "refresh_token"),
        ]
        return form_request("POST", "/oauth/v2/token", pairs)

    def token_of(self, response: Response) -> Token | None:
        place = urlsplit(str(response.object().get("api_domain") or ""))
        if place.scheme == "https" and ".zohoapis." in f".{place.hostname}":
            self.origin = f"https://{place.netloc}"
        return super().token_of(response)

    def bearing(self, request: Request, token: str) -> Request:
        return request.with_headers({"Authorization": f"Zoho-oauthtoken {token}"})

    # sending

    async def prepare(self, out: Outgoing, *, until: float) -> Request | Outcome:
        status = {self.settings.field: status_of(out)}
        if self.settings.text_field:
            status[self.settings.text_field] = out.rendered.text
        module = self.settings.module
        if module == "Contacts":
            return await self._contact_request(out, status, ["workflow"], until)
        criteria = f"({self.settings.order_field}:equals:{_escaped(out.order_ref)})"
        found = await self._find(module, ("criteria", criteria), out, until)
        if not isinstance(found, str):
            return found
        if found:
            return self._update(module, found, status, ["workflow"])
        record: dict[str, Any] = {self.settings.order_field: out.order_ref, **self.settings.values, **status}
        if module == "Deals":
            record.setdefault("Deal_Name", f"Order {out.order_ref}")
        if self.settings.contact_field:
            contact = await self._contact(out, until)
            if not isinstance(contact, str):
                return contact
            record[self.settings.contact_field] = {"id": contact}
        return self._upsert(module, record, [self.settings.order_field], ["workflow"])

    def _upsert(self, module: str, record: Mapping[str, Any], unique: list[str], trigger: list[str]) -> Request:
        body = {"data": [record], "duplicate_check_fields": unique, "trigger": trigger}
        return json_request("POST", f"/crm/v8/{quote(module, safe='')}/upsert", body)

    def _update(self, module: str, record: str, changes: Mapping[str, str], trigger: list[str]) -> Request:
        path = f"/crm/v8/{quote(module, safe='')}/{quote(record, safe='')}"
        return json_request("PUT", path, {"data": [changes], "trigger": trigger})

    async def _find(self, module: str, wanted: tuple[str, str], out: Outgoing, until: float) -> str | Failure:
        """The id of the record, "" where there is none (yet: Zoho's search lags, and the upsert that follows looks again)."""
        path = f"/crm/v8/{quote(module, safe='')}/search"
        answer = await self.ask(Request(method="GET", path=path, query=(wanted,)), out, until=until)
        if not isinstance(answer, Response):
            return answer
        return str(next((row["id"] for row in objects(answer.object().get("data")) if row.get("id")), ""))

    async def _find_contact(self, out: Outgoing, until: float) -> str | Failure:
        found = await self._find("Contacts", _who(out), out, until)
        lags = None if found or out.addresses.get("email") else self._just_made.wait(_number(out), out.now)
        return lags or found

    async def _contact(self, out: Outgoing, until: float) -> str | Failure:
        """The id of the customer's contact, found or made, without firing anything."""
        found = await self._find_contact(out, until)
        if found:
            return found
        answer = await self.ask(self._new_contact(out, {}, []), out, until=until)
        if not isinstance(answer, Response):
            return answer
        made = self.accepted(answer, out)
        return made.provider_id if made else self.untold(answer, out)

    async def _contact_request(
        self, out: Outgoing, status: Mapping[str, str], trigger: list[str], until: float
    ) -> Request | Failure:
        """The write of a contact that is known, which leaves its name alone, or of a new one."""
        found = await self._find_contact(out, until)
        if not isinstance(found, str):
            return found
        return self._update("Contacts", found, status, trigger) if found else self._new_contact(out, status, trigger)

    def _new_contact(self, out: Outgoing, status: Mapping[str, str], trigger: list[str]) -> Request:
        email, phone = out.addresses.get("email", ""), out.addresses.get("phone", "")
        first, last = names_of(out)
        named = {"First_Name": first, "Last_Name": last} if last else {"Last_Name": first or email or phone or out.to}
        record = {**named, "Email": email, "Phone": phone, **status}
        record = {name: value for name, value in record.items() if value}
        if email:
            return self._upsert("Contacts", record, ["Email"], trigger)
        self._just_made.note(_number(out), out.now)
        return json_request("POST", "/crm/v8/Contacts", {"data": [record], "trigger": trigger})

    # answers

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        row = next(iter(objects(response.object().get("data"))), {})
        details = row.get("details")
        if row.get("status") != "success" or not isinstance(details, dict) or not details.get("id"):
            return None
        return Accepted(str(details["id"]))

    def problem(self, response: Response) -> Problem:
        answer = response.object()
        row = next(iter(objects(answer.get("data"))), answer)
        details = row.get("details")
        field = details.get("api_name") if isinstance(details, dict) else None
        words = str(row.get("message") or "")
        return Problem(code=str(row.get("code") or ""), text=f"{words} ({field})" if field else words)

    # setting up

    def _wanted(self) -> dict[str, bool]:
        """The fields that must be there -> whether their values are unique."""
        wanted = {self.settings.field: False}
        if self.settings.module != "Contacts":
            wanted[self.settings.order_field] = True
        if self.settings.text_field:
            wanted[self.settings.text_field] = False
        return wanted

    async def check(self) -> Health:
        request = Request(method="GET", path="/crm/v8/settings/fields", query=(("module", self.settings.module),))
        answer = await self.call(request, until=self.deadline())
        if not isinstance(answer, Response) or not answer.ok or answer.is_page:
            return self.unwell(answer)
        there = {str(row.get("api_name")) for row in objects(answer.object().get("fields"))}
        missing = [name for name in self._wanted() if name not in there]
        if not missing:
            return Health(ok=True, summary=f"the token reads {self.settings.module}, and its fields are there")
        remedy = "add them in Zoho (Setup, Modules and Fields), or let `tether doctor --fix` do it"
        return Health(
            ok=False, summary=f"{self.settings.module} lacks {', '.join(missing)}", remedy=remedy, missing=missing
        )

    async def fix(self) -> Sequence[str]:
        """Create the fields that are missing: lines of text, since a pick list would refuse orders' numbers."""
        said = []
        wanted = self._wanted()
        for name in (await self.check()).missing:
            field: dict[str, Any] = {"field_label": name.replace("_", " "), "data_type": "text", "length": 255}
            if wanted[name]:
                field["unique"] = {"casesensitive": False}
            request = json_request("POST", "/crm/v8/settings/fields", {"fields": [field]})
            request = replace(request, query=(("module", self.settings.module),))
            answer = await self.call(request, until=self.deadline())
            row = next(iter(objects(answer.object().get("fields"))), {}) if isinstance(answer, Response) else {}
            if row.get("status") == "success":
                said.append(f"made the field {name} in {self.settings.module}")
            else:
                said.append(f"could not make {name}: {self.unwell(answer).summary or row.get('message')}")
        return said


def _who(out: Outgoing) -> tuple[str, str]:
    """What a contact is searched by."""
    email = out.addresses.get("email")
    return ("email", email) if email else ("phone", out.addresses.get("phone") or out.to)


def _escaped(value: str) -> str:
    """A value inside a search's criteria."""
    return re.sub(r"([\\(),])", r"\\\1", value)


def _number(out: Outgoing) -> str:
    return out.addresses.get("phone") or out.to
