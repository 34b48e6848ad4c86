"""Zoho CRM as a source: notifications name the records that changed, and the records are fetched.

https://www.zoho.com/crm/developer/docs/api/v8/notifications/overview.html (checked 2026-11-24). No signature: a token of ours that comes
back, and HTTPS. A channel of notifications expires within a week; polling needs none.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from daemon.config import ConfigError, Store
from daemon.http import Request, Response, form_request
from daemon.intake import signatures
from daemon.intake.base import Body, Fact, Hook, Reading, Record, Snapshot, Source, SourceSettings, Unreadable
from daemon.intake.polling.polled import Fault, Polled, SourcePage, Turn, fault_of
from daemon.intake.values import Place, json_of, read_each
from outbox.model import Customer, OrderFields

PAGE = 200
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
_TOKEN_PATH = "/oauth/v2/token"  # noqa: S105 - a path


class ZohoSettings(SourceSettings, frozen=True, kw_only=True):
    dc: str = "us"
    module: str = "Deals"
    field: str = "Order_Status"
    """The field whose value is the status."""
    ref: str = "Order_No"
    name: str = "Customer_Name"
    email: str = "Customer_Email"
    phone: str = "Customer_Phone"
    country: str = ""
    """The field that holds the customer's country, where there is one: their number is read by it."""
    url: str = ""
    """Stands for scheme and host of the API."""
    auth_url: str = ""
    """Stands for scheme and host of the token endpoint."""


_TOKEN = signatures.SignatureTable(kind="token", field="token")


class Zoho(Source, Polled):
    kind = "zoho"
    title = "Zoho CRM"
    Settings = ZohoSettings

    settings: ZohoSettings

    def __init__(self, name: str, settings: ZohoSettings, secrets: Mapping[str, str], store: Store) -> None:
        super().__init__(name, settings, secrets, store)
        if settings.dc not in _HOSTS:
            raise ConfigError(
                f"sources.{name}: dc: there is no data centre {settings.dc!r}; there are {', '.join(_HOSTS)}"
            )
        api, accounts = _HOSTS[settings.dc]
        self._api = settings.url or f"https://{api}"
        self._accounts = settings.auth_url or f"https://{accounts}"
        self._fields = [
            settings.field,
            settings.ref,
            settings.name,
            settings.email,
            settings.phone,
            *([settings.country] if settings.country else []),
            "Modified_Time",
            "Created_Time",
        ]

    def missing(self) -> Sequence[str]:
        wanted = ["CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN", *([] if self.settings.poll else ["WEBHOOK_SECRET"])]
        return [self.secret_name(what) for what in wanted if not self.secret(what)]

    def verify(self, hook: Hook) -> None:
        signatures.token(_TOKEN, hook, self.webhook_secrets())

    def without_token(self, body: bytes) -> bytes:
        return signatures.without_token(_TOKEN, body)

    # ------------------------------------------------------------ reading

    def read(self, body: Body, *, now: int) -> Reading:
        value = json_of(body)
        if not isinstance(value, dict):
            raise Unreadable("the body is not a notification")
        if "data" in value:
            return self._records(value["data"])
        told = Place(value)
        module = told["module"].need()
        if module != self.settings.module:
            return Reading(note=f"{module} is not the module that orders are in")
        if told["operation"].text() == "delete":
            return Reading(note="a record was deleted: nobody is told")
        return Reading(fetch=tuple(Record(module, id.need()) for id in told["ids"]))

    def _records(self, records: Any) -> Reading:
        snapshots, unread = read_each(Place(records, "data"), self._record, source=self.name)
        return Reading(snapshots=tuple(snapshots), unread=tuple(unread), note="no status that tells anybody")

    def _record(self, record: Place) -> Snapshot | None:
        settings = self.settings
        type = self.furthest([(record[settings.field].text() or "", "")])
        if not type:
            return None
        email = record[settings.email].line()
        return Snapshot(
            id=record["id"].need(),
            updated=record["Modified_Time"].need_moment(),
            created=record["Created_Time"].moment(),
            facts=(Fact(type, state=True),),
            order=OrderFields(ref=record[settings.ref].line() or ""),
            customer=Customer(
                name=record[settings.name].line(),
                phone=record[settings.phone].line(),
                country=record[settings.country].line() if settings.country else None,
                email=email.lower() if email else None,
            ),
            odd=tuple(record.odd),
        )

    # ------------------------------------------------------------ asking

    def token_request(self) -> Request | None:
        form = [(name.lower(), self.secret(name)) for name in ("REFRESH_TOKEN", "CLIENT_ID", "CLIENT_SECRET")]
        return form_request("POST", _TOKEN_PATH, [*form, ("grant_type", "refresh_token")])

    def base(self, request: Request) -> str:
        return self._accounts if request.path == _TOKEN_PATH else self._api

    def request(self, turn: Turn, token: str) -> Request:
        since = datetime.fromtimestamp(turn.since / 1000, UTC).isoformat(timespec="seconds")
        query = [
            ("fields", ",".join(self._fields)),
            ("sort_by", "Modified_Time"),
            ("sort_order", "asc"),
            ("per_page", str(PAGE)),
            ("page", turn.token or "1"),
        ]
        path = f"/crm/v8/{quote(self.settings.module, safe='')}"
        headers = {"Authorization": f"Zoho-oauthtoken {token}", "If-Modified-Since": since}
        return Request(method="GET", path=path, query=query, headers=headers)

    def record_request(self, record: Record, token: str) -> Request:
        path = f"/crm/v8/{quote(record.kind, safe='')}/{quote(record.id, safe='')}"
        headers = {"Authorization": f"Zoho-oauthtoken {token}"}
        return Request(method="GET", path=path, query=[("fields", ",".join(self._fields))], headers=headers)

    def read_record(self, response: Response, record: Record, *, now: int) -> Reading:
        if response.status == 204:
            raise Fault("there is no such record any more", lasting=True, status=204)
        return self._records(_data(response))

    def page(self, response: Response, turn: Turn) -> SourcePage:
        records = [] if response.status in (204, 304) else _data(response)
        moments = [at for one in records if (at := Place(one)["Modified_Time"].moment())]
        more = Place(response.object())["info"]["more_records"].value is True
        token = str(int(turn.token or "1") + 1) if more and records else ""
        return SourcePage(self._records(records), changed=moments, next_token=token)


def _data(response: Response) -> list[Any]:
    """Raises Fault."""
    found = response.object().get("data")
    if not isinstance(found, list):
        raise fault_of(response)
    return found
