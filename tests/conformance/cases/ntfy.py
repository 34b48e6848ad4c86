"""ntfy: https://docs.ntfy.sh/publish/ (publish as JSON, authentication, limitations), read 2026-11.

Codes and words are those of server/errors.go (github.com/binwiederhier/ntfy); the answers below marked "real" are what a server of 2.11.0 said when it was asked. It has no
Retry-After. UNVERIFIED by trial: 40010, 41301, 42904, 42905, 42908 and 50701, which need a server set up for them.
"""

import json

from daemon.sandbox.config import CREDENTIALS
from tests.support.channel_case import NOW, Answer, Case, Variant, bearer, says

TOKEN = "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2"
SENT = {
    "id": "4XTeySamPSSi", "time": NOW // 1000, "expires": NOW // 1000 + 43200, "event": "message", "topic": "balloon-team",
    "title": "Order B-1042 is ready", "message": "Order B-1042 is ready.", "priority": 4,
}  # fmt: skip
"""real"""
TEXTS = ("40011", "40014", "40017", "40024", "41301", "41303", "42905")


def error(code: str, words: str) -> Answer:
    status = int(code[:3]) if len(code) == 5 else 400
    return says({"code": int(code), "http": status, "error": words}, status)


def kept(*rows: object) -> Answer:
    lines = "\n".join(json.dumps(row) for row in rows)
    return Answer(200, lines, {"Content-Type": "application/x-ndjson; charset=utf-8"})


CASE = Case(
    settings={"topic": "balloon-loft-7f3a9c"},
    secrets={"NTFY_TOKEN": TOKEN},
    out={"to": "balloon-team"},
    steps={
        r"POST https://ntfy\.sh/$": says(SENT),
        r"GET https://ntfy\.sh/balloon-team/json": kept(),
        r"GET https://ntfy\.sh/v1/account": says({"username": "shop", "role": "user"}),
    },
    write=r"POST .*/$",
    provider_id="4XTeySamPSSi",
    error=error,
    codes={
        **dict.fromkeys(("40009", "40010", "40301", "50701"), "rejected:recipient"),
        **dict.fromkeys(TEXTS, "rejected:message"),
        **dict.fromkeys(("40101", "42904", "42908", "42909"), "rejected:channel"),
        "42901": "deferred:throttled",
    },
    statuses={403: "rejected:recipient"},
    rows=[
        (
            says({"code": 40301, "http": 403, "error": "forbidden", "link": "https://ntfy.sh/docs/"}, 403),
            "rejected:recipient",
        ),  # real
        (says({"code": 40101, "http": 401, "error": "unauthorized"}, 401), "rejected:channel"),  # real
        (
            says({"code": 42901, "http": 429, "error": "limit reached: too many requests"}, 429),
            "deferred:throttled",
        ),  # real
        (says({"code": 41303, "http": 413, "error": "JSON body too large"}, 413), "rejected:message"),  # real
        (
            says({"code": 42908, "http": 429, "error": "limit reached: daily message quota reached"}, 429),
            "rejected:channel@3600",
        ),
        (says({"code": 49999, "http": 400, "error": "a code of tomorrow"}, 400), "rejected:message"),
        (says({"code": 50001, "http": 500, "error": "internal server error"}, 500), "unknown"),
        (says({"event": "open"}), "unknown"),
    ],
    lookups=[
        (kept(SENT), "found:4XTeySamPSSi"),
        (kept({**SENT, "message": "Order B-1043 is ready."}, 5, SENT), "found:4XTeySamPSSi"),
        (
            kept({**SENT, "time": NOW // 1000 - 60}, {**SENT, "time": NOW // 1000 + 60}, {**SENT, "time": None}),
            "cannot_tell",
        ),
        (kept(), "cannot_tell"),
        (says({"code": 40301, "http": 403, "error": "forbidden"}, 403), "cannot_tell"),
    ],
    variants=[
        Variant(settings={"priority": 5, "tags": ["balloon"], "priorities": {"order.ready": 4}}),
        Variant(out={"data": {"order_url": "https://shop.example/orders/1042"}}),
    ],
    too_long="rejected:message",
    proof=bearer(CREDENTIALS["NTFY_TOKEN"]),
    bad=[
        ("/", {"topic": "no topic", "message": "x"}, 400, '"code":40009'),  # real
        ("/", {"message": "x"}, 400, '"code":40009'),  # real
        ("/", {"topic": "t", "message": "x", "priority": 9}, 400, '"code":40007'),  # real
        ("/", {"topic": "t", "message": 5}, 400, '"code":40024'),
        ("/", {"topic": "t", "message": "x" * 5000}, 400, '"code":40014'),  # real
        ("/", {"topic": "t", "message": "x" * 9000}, 413, '"code":41303'),  # real
        ("/", {"topic": "team-invalid", "message": "x"}, 403, '"code":40301'),  # real
        ("/", {"topic": "team-undelivered", "message": "x"}, 507, '"code":50701'),
    ],
    good=[
        (
            "/",
            {
                "topic": "mytopic",
                "message": "Disk space is low at 5.1 GB",
                "title": "Low disk space alert",
                "tags": ["warning", "cd"],
                "priority": 4,
                "click": "https://homecamera.lan/xasds1h2xsSsa/",
            },
        ),
    ],
)
