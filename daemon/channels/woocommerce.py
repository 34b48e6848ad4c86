"""WooCommerce, a note on the order that the shop mails to its customer: https://woocommerce.github.io/woocommerce-rest-api-docs (2026-11).

Quirks: a guest without an e-mail address gets nothing, and the shop says 201 all the same, so this channel needs one; every POST mails again, so the note ends with a short mark of ours and a later try looks for it first; the order is named by
the shop's own id, which another system's may be by chance, so it is asked whose the order is; a firewall or a page for maintenance answers HTML; over plain HTTP keys are never sent.
"""

import html
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from daemon.channels._http import HttpChannel, basic, is_address
from daemon.channels._verdict import Problem, Verdict, channel, later, message
from daemon.channels.base import Health, HttpSettings, Misconfigured, Outgoing
from daemon.http import Http, Request, Response, json_request, objects
from outbox.outcome import Accepted, Outcome, Rejected, Scope

_KEYS = "make keys that may read and write: WooCommerce, Settings, Advanced, REST API"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class WooCommerceSettings(HttpSettings, frozen=True, kw_only=True):
    url: str
    """The shop's own address, with the folder it lives in, if any."""


class WooCommerce(HttpChannel):
    name = "woocommerce"
    medium = "crm"
    title = "WooCommerce"
    address_kinds = ("email",)
    secrets_begin: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "WOOCOMMERCE_KEY": ("ck_",),
        "WOOCOMMERCE_SECRET": ("cs_",),
    }
    ships_as = ("email",)
    heeds = ("email",)
    rank = 90
    Settings = WooCommerceSettings
    secrets = ("WOOCOMMERCE_KEY", "WOOCOMMERCE_SECRET")
    console = "WooCommerce, Settings, Advanced, REST API"
    ambiguous_5xx = False
    repeat_is_harmless = True
    default_concurrency = 2

    CODES: ClassVar[Mapping[str, Verdict]] = {
        "woocommerce_rest_authentication_error": channel(_KEYS),
        "woocommerce_rest_cannot_create": channel(_KEYS),
        "woocommerce_rest_cannot_view": channel(_KEYS),
        "woocommerce_rest_shop_order_invalid_id": message("the shop has no such order"),
        "woocommerce_rest_order_invalid_id": message("the shop has no such order"),
        "woocommerce_api_cannot_create_order_note": later(),
        "rest_invalid_param": message("the shop does not take this note"),
        "rest_no_route": channel(
            "url is not a WooCommerce shop with its REST API on: look at WordPress, Settings, Permalinks too"
        ),
    }

    settings: WooCommerceSettings

    def __init__(self, settings: WooCommerceSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        if not is_address(settings.url):
            raise Misconfigured(f"url {settings.url!r} is no address: write it like https://shop.example.com")
        shop = urlsplit(settings.url)
        if shop.scheme == "http" and shop.hostname not in _LOOPBACK:
            raise Misconfigured("url begins with http: the keys would go in clear; the shop needs https")
        self.origin = settings.url.rstrip("/")
        self.headers = basic(self.secret["WOOCOMMERCE_KEY"], self.secret["WOOCOMMERCE_SECRET"])

    def destination(self) -> str | None:
        return None

    async def prepare(self, out: Outgoing, *, until: float) -> Request | Outcome:
        if not out.order_source_id.isascii() or not out.order_source_id.isdigit():
            return Rejected(
                Scope.MESSAGE, "no_shop_order", "this order did not come from the shop, so it has no note there"
            )
        if doubt := await self._doubt(out, until):
            return doubt
        if out.attempt == 1 and not out.possible_duplicate:
            return self.build(out)
        listed = Request(method="GET", path=_notes(out), query=(("type", "customer"),), headers=self.headers)
        answer = await self.ask(listed, out, until=until)
        if not isinstance(answer, Response):
            return answer
        notes = answer.json()
        if not isinstance(notes, list):
            return self.untold(answer, out)
        for note in objects(notes):
            if _mark(out) in str(note.get("note")):
                return Accepted(str(note.get("id") or ""), detail="an earlier try had arrived")
        return self.build(out)

    async def _doubt(self, out: Outgoing, until: float) -> Outcome | None:
        """Why the shop's order of that number is not this one: a till's number, or another system's id, may be one of the shop's by chance,
        and the shop would mail whoever placed that. Where the shop does not say whose it is, nobody is mailed."""
        path, wanted = f"/wp-json/wc/v3/orders/{out.order_source_id}", ("_fields", "id,number,billing")
        asked = Request(method="GET", path=path, query=(wanted,), headers=self.headers)
        answer = await self.ask(asked, out, until=until)
        if not isinstance(answer, Response):
            return answer
        order = answer.object()
        billing = order.get("billing")
        if not isinstance(billing, dict):
            return self.untold(answer, out)
        placed_by = str(billing.get("email") or "").strip().casefold()
        if out.order_ref != out.order_source_id and order.get("number") == out.order_ref:
            if not placed_by:
                return Rejected(Scope.RECIPIENT, "no_address", "the shop's order has no mail address to send a note to")
            return None
        if placed_by and placed_by == out.addresses.get("email", "").strip().casefold():
            return None
        return Rejected(Scope.MESSAGE, "not_theirs", "the shop's order of that number is another customer's")

    def build(self, out: Outgoing) -> Request:
        note = f"{html.escape(out.rendered.text, quote=False)} {_mark(out)}"
        return json_request("POST", _notes(out), {"note": note, "customer_note": True}, headers=self.headers)

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        note = response.object().get("id")
        return Accepted(str(note)) if isinstance(note, int) else None

    def problem(self, response: Response) -> Problem:
        answer = response.object()
        return Problem(code=str(answer.get("code") or ""), text=str(answer.get("message") or ""))

    def check_request(self) -> Request:
        query = (("per_page", "1"), ("_fields", "id"))
        return Request(method="GET", path="/wp-json/wc/v3/orders", query=query, headers=self.headers)

    def read_check(self, response: Response) -> Health:
        if not isinstance(response.json(), list):
            return Health(
                ok=False, summary="the shop did not answer with its orders", remedy="is url the shop's own address?"
            )
        return Health(ok=True, summary="the keys read the shop's orders; notes also need the right to write")


def _notes(out: Outgoing) -> str:
    return f"/wp-json/wc/v3/orders/{out.order_source_id}/notes"


def _mark(out: Outgoing) -> str:
    """What a note of ours is known by: short, since the customer sees it."""
    return f"[n-{out.message_id[-6:]}]"
