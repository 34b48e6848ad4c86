"""ActiveCampaign, as its sheet tells it: the case writes a contact's field, variants enrol and track events."""

from daemon.sandbox.config import CREDENTIALS
from tests.support.channel_case import EMAIL, Answer, Case, Variant, says
from tests.support.good_requests import ACTIVECAMPAIGN, ACTIVECAMPAIGN_CONTACT


def error(code: str, words: str) -> Answer:
    if code == "event_refused":
        return says({"success": 0, "message": words})
    if code == "no_result":
        return says({"message": f"No Result found for {words}"}, 404)
    title = f"Could not create SubscriberSeries: {words}" if code == "not_enrolled" else words
    return says({"errors": [{"title": title, "detail": "", "code": "x"}]}, 403)


HOST = r"https://balloons\.api-us1\.com/api/3"
CASE = Case(
    settings={"field": "ORDER_STATUS"},
    secrets={
        "ACTIVECAMPAIGN_URL": "https://balloons.api-us1.com",
        "ACTIVECAMPAIGN_API_KEY": "0123456789abcdef0123456789abcdef",
    },
    receipt_secrets={"ACTIVECAMPAIGN_EVENT_KEY": "fedcba9876543210"},
    out={"to": EMAIL},
    steps={
        rf"GET {HOST}/fields$": says(
            {"fields": [{"id": "6", "perstag": "ORDER_STATUS"}, {"id": "7", "perstag": "TEXT"}]}
        ),
        rf"GET {HOST}/contacts$": says({"contacts": [{"id": "10", "email": EMAIL}]}),
        rf"POST {HOST}/contact/sync$": says({"fieldValues": [], "contact": {"email": EMAIL, "id": "10"}}),
        rf"POST {HOST}/contactAutomations$": says({"contactAutomation": {"id": "77", "contact": "10"}}, 201),
        r"POST https://trackcmp\.net/event$": says({"success": 1, "message": "Event spawned"}),
    },
    write=r"POST .*/contact/sync",
    provider_id="10",
    error=error,
    codes={"event_refused": "rejected:channel", "not_enrolled": "rejected:message", "no_result": "rejected:message"},
    rows=[
        (says({"errors": ["a text"]}, 422), "rejected:message"),
        (says({"message": "No Result found"}, 404), "rejected:channel"),
        (says({"contact": {"id": "11"}}, 201), "accepted:11"),
    ],
    spec="activecampaign.json",
    variants=[
        Variant(settings={"automations": {"order.ready": 42}}),
        Variant(settings={"account_id": "1003", "text_field": "TEXT"}),
        Variant(settings={"field": "6"}),
        Variant(out={"name": "", "addresses": {"email": EMAIL}}),
    ],
    proof={"Api-Token": CREDENTIALS["ACTIVECAMPAIGN_API_KEY"]},
    good=[(ACTIVECAMPAIGN, ACTIVECAMPAIGN_CONTACT)],
)
