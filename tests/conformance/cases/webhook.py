"""The signed webhook: any receiver that follows Standard Webhooks."""

from tests.support.channel_case import Answer, Case, Variant, says

CASE = Case(
    settings={"url": "https://erp.example.com/hooks/tether?shop=1"},
    secrets={"WEBHOOK_SECRET": "whsec_YmFsbG9vbi1zaG9wLXRlc3Qtc2VjcmV0LTAwMDE="},
    out={"to": ""},
    steps={r"POST https://erp\.example\.com/": Answer(204)},
    write=r"POST https://erp\.example\.com/hooks/tether",
    provider_id="",
    bodyless=True,
    error=lambda code, words: says({"error": words}, 400),
    codes={},
    rows=[
        (Answer(410), "rejected:channel@never"),
        (Answer(401), "rejected:channel@900"),
        (Answer(403), "rejected:channel@900"),
        (Answer(404, "404 page not found", {"Content-Type": "text/plain"}), "rejected:channel@300"),
        (Answer(405), "rejected:channel@300"),
        (Answer(409), "deferred"),
        (Answer(200, "OK", {"Content-Type": "text/html; charset=utf-8"}), "accepted"),
    ],
    variants=[Variant(settings={"url": "https://erp.example.com"})],
    good=[("/store", {"type": "order.ready", "data": {"text": "Ready", "message": {"text": "Ready"}}})],
)
