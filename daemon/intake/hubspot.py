"""HubSpot as a source: an app's webhooks say that a property of a record changed, the CRM API says what the record is.

https://developers.hubspot.com/docs/api-reference/webhooks-webhooks-v3/guide (checked 2026-11-24). A webhook brings the changed value only;
with NAME_ACCESS_TOKEN the record is fetched for its order number and customer, else the order is known by the record's id.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from daemon.config import Store
from daemon.http import Request, Response, json_request
from daemon.intake import signatures
from daemon.intake.base import Body, Fact, Hook, Reading, Record, Snapshot, Source, SourceSettings, Unreadable
from daemon.intake.polling.polled import Polled, SourcePage, Turn, fault_of
from daemon.intake.values import Place, json_of, read_each
from outbox.model import Customer, OrderFields

PAGE = 100


class HubSpotSettings(SourceSettings, frozen=True, kw_only=True):
    object: str = "orders"
    """orders, deals or contacts, or the id of a type of the store's own."""
    property: str = "balloon_order_status"
    """The property whose value is the status."""
    ref: str = "balloon_order_no"
    """The property that holds the order's number."""
    name: str = "hs_billing_address_name"
    email: str = "hs_billing_address_email"
    phone: str = "hs_billing_address_phone"
    country: str = "hs_billing_address_country"
    modified: str = "hs_lastmodifieddate"
    """contacts call it `lastmodifieddate`."""
    ignore: tuple[str, ...] = ("INTEGRATION",)
    """Changes made by these (`changeSource`) are our own, or another machine's: they are passed over."""
    url: str = "https://api.hubapi.com"


class HubSpot(Source, Polled):
    kind = "hubspot"
    title = "HubSpot"
    Settings = HubSpotSettings

    settings: HubSpotSettings

    def __init__(self, name: str, settings: HubSpotSettings, secrets: Mapping[str, str], store: Store) -> None:
        super().__init__(name, settings, secrets, store)
        self._properties = [
            settings.property,
            settings.ref,
            settings.name,
            settings.email,
            settings.country,
            settings.phone,
            settings.modified,
        ]

    def missing(self) -> Sequence[str]:
        wanted = ("ACCESS_TOKEN",) if self.settings.poll else ("WEBHOOK_SECRET", "ACCESS_TOKEN")
        return [self.secret_name(what) for what in wanted if not self.secret(what)]

    def verify(self, hook: Hook) -> None:
        signatures.hubspot(hook, self.webhook_secrets())

    # ------------------------------------------------------------ reading

    def read(self, body: Body, *, now: int) -> Reading:
        value = json_of(body)
        if isinstance(value, dict) and ("properties" in value or "results" in value):
            return self._records(value["results"] if isinstance(value.get("results"), list) else [value])
        records, snapshots, unread = [], [], []
        for change in Place(value if isinstance(value, list) else [value], "events"):
            try:
                if not self._counts(change):
                    continue
                if self.secret("ACCESS_TOKEN"):
                    records.append(
                        Record(change["objectTypeId"].text() or self.settings.object, change["objectId"].need())
                    )
                elif (snapshot := self._change(change)) is not None:
                    snapshots.append(snapshot)
            except Unreadable as error:
                unread.append(str(error))
        return Reading(
            fetch=tuple(dict.fromkeys(records)),
            snapshots=tuple(snapshots),
            unread=tuple(unread),
            note="" if records or snapshots else "no status changed",
        )

    def _counts(self, change: Place) -> bool:
        """Whether it is a change of the status, and not our own."""
        kind, source = change["subscriptionType"].text() or "", change["changeSource"].text()
        if not kind.endswith(".propertyChange") or source in self.settings.ignore:
            return False
        return change["propertyName"].need() == self.settings.property

    def _change(self, change: Place) -> Snapshot | None:
        type = self.furthest([(change["propertyValue"].text() or "", "")])
        if not type:
            return None
        at = change["occurredAt"].need_moment()
        return Snapshot(
            id=change["objectId"].need(), updated=at, facts=(Fact(type, state=True),), order=OrderFields(ref="")
        )

    def _records(self, records: Sequence[Any]) -> Reading:
        snapshots, unread = read_each(Place(list(records), "results"), self._record, source=self.name)
        return Reading(snapshots=tuple(snapshots), unread=tuple(unread), note="no status that tells anybody")

    def _record(self, record: Place) -> Snapshot | None:
        values, settings = record["properties"], self.settings
        type = self.furthest([(values[settings.property].text() or "", "")])
        if not type:
            return None
        email = values[settings.email].line()
        updated = values[settings.modified].moment() or record["updatedAt"].need_moment()
        return Snapshot(
            id=record["id"].need(),
            updated=updated,
            created=record["createdAt"].moment(),
            facts=(Fact(type, state=True),),
            order=OrderFields(ref=values[settings.ref].line() or ""),
            customer=Customer(
                name=values[settings.name].line(),
                phone=values[settings.phone].line(),
                country=values[settings.country].line(),
                email=email.lower() if email else None,
            ),
            odd=tuple(record.odd),
        )

    # ------------------------------------------------------------ asking

    def request(self, turn: Turn, token: str) -> Request:
        search = {
            "filterGroups": [
                {"filters": [{"propertyName": self.settings.modified, "operator": "GTE", "value": str(turn.since)}]}
            ],
            "sorts": [self.settings.modified],
            "properties": self._properties,
            "limit": PAGE,
            "after": turn.token or "0",
        }
        path = f"/crm/v3/objects/{quote(self.settings.object, safe='')}/search"
        return json_request("POST", path, search, headers=self._bearer())

    def record_request(self, record: Record, token: str) -> Request:
        path = f"/crm/v3/objects/{quote(record.kind, safe='')}/{quote(record.id, safe='')}"
        return Request(
            method="GET", path=path, query=[("properties", ",".join(self._properties))], headers=self._bearer()
        )

    def read_record(self, response: Response, record: Record, *, now: int) -> Reading:
        """The webhook said that its status changed, so that is news however old the record is."""
        found = response.object()
        if not isinstance(found.get("properties"), dict):
            raise fault_of(response)
        reading = self._records([found])
        changed = tuple(msgspec.structs.replace(snapshot, created=None) for snapshot in reading.snapshots)
        return msgspec.structs.replace(reading, snapshots=changed)

    def base(self, request: Request) -> str:
        return self.settings.url

    def page(self, response: Response, turn: Turn) -> SourcePage:
        answer = response.object()
        records = answer.get("results")
        if not isinstance(records, list):
            raise fault_of(response)
        places = [Place(one) for one in records]
        moments = [
            at
            for one in places
            if (at := one["properties"][self.settings.modified].moment() or one["updatedAt"].moment())
        ]
        after = Place(answer)["paging"]["next"]["after"].text() or ""
        return SourcePage(self._records(records), changed=moments, next_token=after if records else "")

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret('ACCESS_TOKEN')}"}
