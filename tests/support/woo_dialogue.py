"""What the stand-in of WooCommerce and a real shop are both asked: the same orders, the same questions, by the same kinds of keys.

`woo_record` asks a real shop and keeps its answers in tests/sources/recordings; a test asks the stand-in and compares.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from daemon.intake.oauth1 import signed

ZONE = "Europe/London"
SEEDS: Mapping[str, tuple[str, str]] = {
    "A": ("processing", "2026-10-25T00:10:00Z"),
    "B": ("completed", "2026-10-25T00:50:00Z"),
    "C": ("processing", "2026-10-25T01:05:00Z"),
    "D": ("on-hold", "2026-10-25T01:40:00Z"),
    "E": ("pending", "2026-10-25T02:20:00Z"),
    "F": ("on-hold", "2028-11-24T00:00:00Z"),
    "G": ("trash", "2026-10-25T01:20:00Z"),
    "H": ("checkout-draft", "2026-10-25T01:30:00Z"),
}
"""Around the night on which London's clocks go back at 01:00Z, and one order dated two years ahead."""

Way = Literal["basic", "query", "nobody", "wrong", "basic in clear", "signed in clear", "signed wrongly"]
LIST = "/wp-json/wc/v3/orders"
FIELDS = "_fields=id,status,date_modified_gmt,date_modified"
BACK = f"{FIELDS}&status=any&orderby=modified&dates_are_gmt=true&modified_after=2026-10-25T00:00:00"


class Question(msgspec.Struct, frozen=True):
    path: str
    """May hold {A} for an order's id."""
    way: Way = "basic"


QUESTIONS: Mapping[str, Question] = {
    "the newest first": Question(f"{LIST}?{BACK}&order=desc"),
    "the oldest first": Question(f"{LIST}?{BACK}&order=asc"),
    "the second and third": Question(f"{LIST}?{BACK}&order=desc&per_page=2&offset=1"),
    "the second page": Question(f"{LIST}?{BACK}&order=desc&per_page=2&page=2"),
    "beyond the end": Question(f"{LIST}?{BACK}&order=desc&offset=40"),
    "a window": Question(f"{LIST}?{BACK}&order=desc&modified_before=2026-10-25T01:40:00"),
    "from a second on": Question(f"{LIST}?{BACK.replace('T00:00:00', 'T01:05:00')}&order=desc"),
    "by the shop's own time": Question(f"{LIST}?{BACK.replace('dates_are_gmt=true&', '')}&order=desc"),
    "the bin": Question(f"{LIST}?{FIELDS}&status=trash"),
    "all and the bin": Question(f"{LIST}?{FIELDS}&status=any,trash"),
    "one status": Question(f"{LIST}?{FIELDS}&status=processing&orderby=modified&order=desc"),
    "two statuses": Question(f"{LIST}?{FIELDS}&status=processing,on-hold&orderby=modified&order=desc"),
    "some": Question(f"{LIST}?_fields=id&status=any&include={{A}},{{C}},{{G}},999999&per_page=100&orderby=id"),
    "too many at once": Question(f"{LIST}?per_page=500"),
    "one": Question(f"{LIST}/{{A}}"),
    "one in the bin": Question(f"{LIST}/{{G}}"),
    "one that is not there": Question(f"{LIST}/999999"),
    "nothing": Question("/wp-json/wc/v3/nothing"),
    "without a key": Question(f"{LIST}?{FIELDS}", "nobody"),
    "with a wrong key": Question(f"{LIST}?{FIELDS}", "wrong"),
    "with the key in the query": Question(f"{LIST}?{FIELDS}&status=processing", "query"),
    "by Basic in clear": Question(f"{LIST}?{FIELDS}", "basic in clear"),
    "signed, in clear": Question(f"{LIST}?{FIELDS}&status=trash", "signed in clear"),
    "signed with another secret": Question(f"{LIST}?{FIELDS}", "signed wrongly"),
    "by rest_route": Question(f"/?rest_route=/wc/v3/orders&{FIELDS}&status=trash"),
    "by rest_route, with the path that keys want": Question(
        f"/?rest_route=/wc/v3/orders&{FIELDS}&status=trash&wc=wp-json/wc/"
    ),
    "by rest_route, signed in clear": Question(
        f"/?rest_route=/wc/v3/orders&{FIELDS}&status=trash&wc=wp-json/wc/", "signed in clear"
    ),
}
MOVES = ("edit", "status", "refund", "trash", "restore")
"""What each moves an order's `date_modified`."""


class Asked(msgspec.Struct, frozen=True):
    target: str
    headers: Mapping[str, str]
    is_tls: bool


def asked(question: Question, ids: Mapping[str, int], *, key: str, secret: str, home: str, at: int) -> Asked:
    """The request; `home`: the host as the shop knows itself."""
    path = question.path.format(**ids)
    word = f"{key}:{'wrong' if question.way == 'wrong' else secret}"
    headers = {"Authorization": f"Basic {base64.b64encode(word.encode()).decode()}"} if "sic" in question.way else {}
    if question.way == "wrong":
        headers = {"Authorization": f"Basic {base64.b64encode(word.encode()).decode()}"}
    if question.way == "query":
        path += f"&consumer_key={key}&consumer_secret={secret}"
    if question.way.startswith("signed"):
        used = secret if question.way == "signed in clear" else "another"
        bare, _, query = path.partition("?")
        pairs = [(name, value) for name, _, value in (pair.partition("=") for pair in query.split("&"))]
        given = signed("GET", f"http://{home}{bare}".rstrip("/"), pairs, key=key, secret=used, at=at)
        path += "".join(f"&{name}={quote(value, safe='')}" for name, value in given[len(pairs) :])
    return Asked(path, headers, "clear" not in question.way and question.way != "signed wrongly")


def essence(status: int, headers: Mapping[str, str], body: bytes, names: Mapping[int, str]) -> dict[str, Any]:
    """What of an answer the box relies on; orders by their names instead of a shop's ids."""
    value = msgspec.json.decode(body)
    if isinstance(value, list):
        keys = ("status", "date_modified_gmt", "date_modified")
        rows: Sequence[Any] = [{"name": names[row["id"]], **{k: row[k] for k in keys if k in row}} for row in value]
        return {
            "status": status,
            "total": headers.get("x-wp-total"),
            "pages": headers.get("x-wp-totalpages"),
            "orders": rows,
        }
    if "code" in value:
        return {"status": status, "code": value["code"]}
    return {"status": status, "order": {"name": names[value["id"]], "status": value["status"]}}
