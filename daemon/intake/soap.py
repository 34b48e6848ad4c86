"""Salesforce outbound messages: SOAP 1.1 with up to a hundred notifications, read into plain objects.

https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging_notifications.htm. A document type is
refused before anything is parsed, so there are no entities to expand. The SessionId is never read.
"""

from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLParser

from daemon.intake.base import Body, Unreadable
from daemon.intake.values import text_of

_OUTBOUND = "{http://soap.sforce.com/2005/09/outbound}"


def outbound_message(body: Body) -> Any:
    """`{"OrganizationId": ..., "Notification": [{"Id": ..., "sObject": {...}}]}`. Raises Unreadable."""
    text = text_of(body)
    if "<!" in text.replace("<!--", "").replace("<![CDATA[", ""):
        raise Unreadable("the XML has a document type, which no outbound message has")
    parser = XMLParser()  # noqa: S314 - without a document type there is nothing to expand
    try:
        parser.feed(text)
        root: Element = parser.close()
    except ParseError as error:
        raise Unreadable(f"the body is not XML: {error}") from error
    found = root.find(f".//{_OUTBOUND}notifications")
    if found is None:
        raise Unreadable("the XML is no outbound message: it has no `notifications`")
    organisation = found.findtext(f"{_OUTBOUND}OrganizationId", "")
    items = [
        {"OrganizationId": organisation, "Id": item.findtext(f"{_OUTBOUND}Id", ""), "sObject": _fields(item)}
        for item in found.iter(f"{_OUTBOUND}Notification")
    ]
    return {"OrganizationId": organisation, "Notification": items}


def _fields(notification: Element) -> dict[str, str]:
    record = notification.find(f"{_OUTBOUND}sObject")
    if record is None:
        return {}
    return {field.tag.rpartition("}")[2]: field.text for field in record if field.text}
