"""Zoho CRM, as its sheet tells it."""

from typing import Any

from tests.support.channel_case import EMAIL, PHONE, Answer, Case, Variant, says
from tests.support.good_requests import ZOHO, ZOHO_DEALS

DEAL, CONTACT = "554023000000527002", "554023000000527001"
WHOLE = {"INVALID_TOKEN": 401, "AUTHENTICATION_FAILURE": 401, "OAUTH_SCOPE_MISMATCH": 401, "NO_PERMISSION": 403, "INVALID_MODULE": 400, "TOO_MANY_REQUESTS": 429, "LIMIT_EXCEEDED": 429, "INTERNAL_ERROR": 500}  # fmt: skip


def error(code: str, words: str) -> Answer:
    row: dict[str, Any] = {"code": code, "details": {}, "message": words, "status": "error"}
    if code in WHOLE:
        return says(row, WHOLE[code])
    return says({"data": [{**row, "details": {"api_name": "Order_Status"}}]}, 202)


def done(record: str, action: str = "update") -> Answer:
    row = {
        "code": "SUCCESS",
        "action": action,
        "details": {"id": record},
        "message": "record updated",
        "status": "success",
    }
    return says({"data": [row]})


CASE = Case(
    settings={"dc": "eu"},
    secrets={
        "ZOHO_CLIENT_ID": "1000.CLIENT0123456789",
        "ZOHO_CLIENT_SECRET": "secret-0123456789abcdef",
        "ZOHO_REFRESH_TOKEN": "1000.refresh0123456789",
    },
    out={"to": EMAIL},
    steps={
        r"POST https://accounts\.zoho\.eu/oauth/v2/token$": says(
            {
                "access_token": "1000.access0123456789",
                "api_domain": "https://www.zohoapis.eu",
                "token_type": "Bearer",
                "expires_in": 3600,
            }
        ),
        r"POST https://www\.zohoapis\.eu/crm/v8/Contacts/upsert$": done(CONTACT, "insert"),
        r"POST https://www\.zohoapis\.eu/crm/v8/Contacts$": done(CONTACT, "insert"),
        r"PUT https://www\.zohoapis\.eu/crm/v8/Contacts/\d+$": done(CONTACT),
        r"GET https://www\.zohoapis\.eu/crm/v8/Contacts/search$": Answer(204),
        r"GET https://www\.zohoapis\.eu/crm/v8/Deals/search$": Answer(204),
        r"PUT https://www\.zohoapis\.eu/crm/v8/Deals/\d+$": done(DEAL),
        r"POST https://www\.zohoapis\.eu/crm/v8/Deals/upsert$": done(DEAL),
        r"GET https://www\.zohoapis\.eu/crm/v8/settings/fields$": says(
            {"fields": [{"api_name": "Order_Status"}, {"api_name": "Order_No"}, {"api_name": "Order_Text"}]}
        ),
    },
    write=r"POST .*/Deals/upsert",
    provider_id=DEAL,
    error=error,
    codes={
        "INVALID_DATA": "rejected:message",
        "MANDATORY_NOT_FOUND": "rejected:message",
        "DUPLICATE_DATA": "rejected:message",
        "PATTERN_NOT_MATCHED": "rejected:message",
        "NOT_SUPPORTED": "rejected:message",
        "RECORD_IN_BLUEPRINT": "rejected:message",
        "INVALID_MODULE": "rejected:channel",
        "INVALID_TOKEN": "rejected:channel",
        "AUTHENTICATION_FAILURE": "rejected:channel",
        "OAUTH_SCOPE_MISMATCH": "rejected:channel",
        "NO_PERMISSION": "rejected:channel",
        "TOO_MANY_REQUESTS": "deferred:throttled",
        "LIMIT_EXCEEDED": "deferred:throttled",
        "INTERNAL_ERROR": "deferred",
        "RECORD_LOCKED": "deferred",
    },
    spec="zoho.json",
    beyond_spec=[r"GET .*/settings/fields"],
    variants=[
        Variant(settings={"module": "Contacts"}),
        Variant(settings={"module": "Contacts"}, out={"to": PHONE, "addresses": {"phone": PHONE}}),
        Variant(settings={"contact_field": "", "text_field": "Order_Text", "values": {"Stage": "Qualification"}}),
        Variant(out={"to": PHONE, "addresses": {"phone": PHONE}, "name": ""}),
    ],
    good=[(ZOHO, ZOHO_DEALS)],
)
