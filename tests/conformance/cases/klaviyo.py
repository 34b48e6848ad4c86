"""Klaviyo, as its sheet tells it."""

from daemon.sandbox.config import CREDENTIALS
from tests.support.channel_case import EMAIL, PHONE, Answer, Case, Variant, says
from tests.support.good_requests import KLAVIYO_EVENT

HTTP = {"throttled": 429, "duplicate_profile": 409, "permission_denied": 403}


def error(code: str, words: str) -> Answer:
    status = HTTP.get(code, 401 if "authentic" in code else 400)
    return says({"errors": [{"id": "0a1b", "status": status, "code": code, "title": "No.", "detail": words}]}, status)


METRIC = {"type": "metric", "id": "WNfKr4", "attributes": {"name": "Order status"}}

CASE = Case(
    settings={},
    secrets={"KLAVIYO_API_KEY": "pk_0123456789abcdef"},
    out={"to": EMAIL, "order": {"ref": "B-1042", "total": "48.50", "currency": "GBP"}},
    steps={
        r"POST https://a\.klaviyo\.com/api/events$": Answer(202),
        r"GET https://a\.klaviyo\.com/api/metrics$": says({"data": [METRIC]}),
        r"GET https://a\.klaviyo\.com/api/metrics/WNfKr4/flow-triggers$": says(
            {"data": [{"type": "flow", "id": "F1", "attributes": {"status": "live"}}]}
        ),
    },
    write=r"POST .*/api/events",
    provider_id="",
    error=error,
    codes={
        "invalid": "rejected:message",
        "duplicate_profile": "rejected:message",
        "not_authenticated": "rejected:channel",
        "authentication_failed": "rejected:channel",
        "permission_denied": "rejected:channel",
        "throttled": "deferred:throttled",
    },
    rows=[(Answer(410), "rejected:channel"), (Answer(409), "rejected:message")],
    too_long="accepted",
    spec="klaviyo.json",
    variants=[
        Variant(settings={"metrics": {"order.ready": "Order ready"}}),
        Variant(out={"to": PHONE, "addresses": {"phone": PHONE}, "order": {}, "name": ""}),
    ],
    proof={"Authorization": f"Klaviyo-API-Key {CREDENTIALS['KLAVIYO_API_KEY']}", "revision": "2026-07-15"},
    good=[("/api/events", KLAVIYO_EVENT)],
)
