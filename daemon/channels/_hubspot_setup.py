"""HubSpot's settings, and what `tether doctor --fix` makes there for them: the properties, and a workflow to start from.

https://developers.hubspot.com/docs/api-reference/crm-properties-v3 and automation-v4 (2026-11). The workflow is made switched off
and without actions, since the ids of actions are HubSpot's own: the owner adds the mail and switches it on.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from daemon.channels._http import HttpChannel
from daemon.channels.base import Health, HttpSettings
from daemon.http import Request, Response, json_request, objects

OBJECT_TYPES = {"contacts": "0-1", "deals": "0-3", "orders": "0-123"}
TO_CONTACT = {"deals": 3, "orders": 507}
"""HubSpot's ids of "deal to contact" and "order to contact"."""
_GROUPS = {"contacts": "contactinformation", "deals": "dealinformation", "orders": "orderinformation"}
WORKFLOW = "Tether: tell the customer"


class HubSpotSettings(HttpSettings, frozen=True, kw_only=True):
    object: Literal["contacts", "deals", "orders"] = "contacts"
    property: str = "tether_order_status"
    """The text property that gets the status."""
    order_property: str = "tether_order_number"
    """The unique property of deals or orders that holds the order's number; "": `order.source_id` is HubSpot's own record id."""
    text_property: str = ""
    """A text property for the rendered text, where the workflow's mail is to quote it."""
    reference_property: str = ""
    """A text property for our mark on the attempt; the workflow copies it into `receipt_property` when its mail has left."""
    receipt_property: str = ""
    templates: Mapping[str, int] = {}
    """Event type -> id of a transactional mail (needs that add-on)."""


def property_body(kind: str, name: str, *, unique: bool, long: bool = False) -> dict[str, Any]:
    """A text property: a pick list would refuse orders' numbers."""
    return {
        "name": name,
        "label": name.replace("_", " ").capitalize(),
        "type": "string",
        "fieldType": "textarea" if long else "text",
        "groupName": _GROUPS[kind],
        "hasUniqueValue": unique,
    }


def workflow_body(kind: str, name: str) -> dict[str, Any]:
    """Enrols a record each time the property changes: without re-enrolment each would be told of one status ever."""
    known = {"operationType": "ALL_PROPERTY", "operator": "IS_KNOWN", "includeObjectsWithNoValueSet": False}
    changed = {"filterType": "PROPERTY", "property": name, "operation": known}
    both = {"filterBranchType": "AND", "filterBranchOperator": "AND", "filterBranches": [], "filters": [changed]}
    either = {"filterBranchType": "OR", "filterBranchOperator": "OR", "filterBranches": [both], "filters": []}
    body: dict[str, Any] = {
        "type": "CONTACT_FLOW" if kind == "contacts" else "PLATFORM_FLOW",
        "flowType": "WORKFLOW",
        "objectTypeId": OBJECT_TYPES[kind],
        "name": WORKFLOW,
        "isEnabled": False,
        "actions": [],
        "timeWindows": [],
        "blockedDates": [],
        "customProperties": {},
        "dataSources": [],
        "enrollmentCriteria": {
            "type": "LIST_BASED",
            "shouldReEnroll": True,
            "unEnrollObjectsNotMeetingCriteria": False,
            "listFilterBranch": either,
            "reEnrollmentTriggersFilterBranches": [either],
        },
    }
    if kind == "contacts":
        body |= {"canEnrollFromSalesforce": False, "suppressionListIds": []}
    return body


def wanted(settings: HubSpotSettings) -> dict[str, dict[str, Any]]:
    """The properties that must be there, as they would be made."""
    kind = settings.object
    names = [settings.property, settings.text_property, settings.reference_property, settings.receipt_property]
    bodies = {
        name: property_body(kind, name, unique=False, long=name == settings.text_property) for name in names if name
    }
    if kind != "contacts" and settings.order_property:
        bodies[settings.order_property] = property_body(kind, settings.order_property, unique=True)
    return bodies


class Setup:
    """Looks at, and mends, what the channel needs in HubSpot. Every call is bounded by the channel's own timeout."""

    def __init__(self, hubspot: HttpChannel, settings: HubSpotSettings, headers: Mapping[str, str]) -> None:
        self.hubspot, self.settings, self.headers = hubspot, settings, headers

    async def check(self) -> Health:
        kind, missing, until = self.settings.object, [], self.hubspot.deadline()
        for name in wanted(self.settings):
            path = f"/crm/v3/properties/{kind}/{quote(name, safe='')}"
            answer = await self.hubspot.call(Request(method="GET", path=path, headers=self.headers), until=until)
            if isinstance(answer, Response) and answer.status == 404 and not answer.is_page:
                missing.append(name)
            elif not isinstance(answer, Response) or not answer.ok or answer.is_page:
                return self.hubspot.unwell(answer)
        if not missing:
            return Health(ok=True, summary=f"the token reads {kind}, and their properties are there")
        remedy = "add them in HubSpot (Settings, Properties), or let `tether doctor --fix` do it"
        return Health(ok=False, summary=f"{kind} lack {', '.join(missing)}", remedy=remedy, missing=missing)

    async def fix(self) -> Sequence[str]:
        kind, bodies = self.settings.object, wanted(self.settings)
        missing = (await self.check()).missing
        said = [
            await self._make(f"the property {name}", f"/crm/v3/properties/{kind}", bodies[name]) for name in missing
        ]
        asked = Request(method="GET", path="/automation/v4/flows", query=(("limit", "100"),), headers=self.headers)
        listed = await self.hubspot.call(asked, until=self.hubspot.deadline())
        if not isinstance(listed, Response) or not listed.ok or listed.is_page:
            return [*said, f"could not look for the workflow: {self.hubspot.unwell(listed).summary}"]
        if all(row.get("name") != WORKFLOW for row in objects(listed.object().get("results"))):
            body = workflow_body(kind, self.settings.property)
            said.append(await self._make(f"the workflow {WORKFLOW!r}", "/automation/v4/flows", body))
        return said

    async def _make(self, what: str, path: str, body: Mapping[str, Any]) -> str:
        request = json_request("POST", path, body, headers=self.headers)
        answer = await self.hubspot.call(request, until=self.hubspot.deadline())
        if isinstance(answer, Response) and not answer.is_page and (answer.ok or answer.status == 409):
            return f"made {what}" if answer.ok else f"{what} was there already"
        return f"could not make {what}: {self.hubspot.unwell(answer).summary}"
