"""How a WooCommerce shop is asked: its REST API v3, as `woocommerce` reads what it answers.

https://woocommerce.github.io/woocommerce-rest-api-docs; tried against 11.0 (2026-11), with orders in their own tables and as posts.
Orders as posts are listed by the shop's LOCAL time of their change, which on the night the clocks go back runs through one hour twice:
so a list is read to its end under one bound in UTC, newest first, each page beginning with the last of the one before. A zone in the
bound would be read as the site's own. Keys work only where the path holds `wp-json/wc/`, and by Basic only over TLS.
"""

import ipaddress
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import SplitResult, quote, urlsplit

from daemon.config import ConfigError, Store
from daemon.http import Pairs, Request, Response, encode
from daemon.intake import oauth1
from daemon.intake.base import Reading, Source, SourceSettings
from daemon.intake.polling.polled import Fault, Polled, SourcePage, Turn, fault_of
from daemon.intake.promised import Named
from daemon.intake.values import Place

PAGE = 25
_FIELDS = (
    "id,number,status,currency,total,date_created_gmt,date_modified_gmt,date_paid_gmt,date_completed_gmt,billing,shipping,"
    "customer_note,meta_data,line_items,shipping_lines,refunds,payment_url,needs_payment"
)
_PATH_OF_KEYS = "wp-json/wc/"
_GONE = "woocommerce_rest_shop_order_invalid_id"
_LAN_NAMES = (".local", ".lan", ".internal", ".home.arpa", ".localhost")


class WooCommerceSettings(SourceSettings, frozen=True, kw_only=True):
    url: str = ""
    """The shop's address, as people type it. http only on a LAN: then questions are signed (OAuth 1.0a) and no key travels."""
    key_in_query: bool = False
    """Whether the key goes into the URL, for hosts that strip the Authorization header."""
    plain_permalinks: bool = False
    """Whether the shop is without pretty permalinks: /?rest_route= instead of /wp-json."""
    promised: Named = ""
    """The key of `meta_data` that holds the promised time; the keys, where day and time are apart."""


class WooCommerceApi(Source, Polled):
    """The asking half of `WooCommerce`."""

    window: ClassVar[float | None] = 7 * 86_400.0
    has_bin: ClassVar[bool] = True

    settings: WooCommerceSettings

    def __init__(self, name: str, settings: WooCommerceSettings, secrets: Mapping[str, str], store: Store) -> None:
        super().__init__(name, settings, secrets, store)
        url = urlsplit(settings.url)
        self._in_clear = url.scheme == "http"
        if settings.poll and (not url.hostname or url.scheme not in ("http", "https")):
            raise ConfigError(f'sources.{name}: url: write the shop\'s address, like "https://shop.example.com"')
        if settings.poll and self._in_clear:
            self._check_clear(url)

    def _check_clear(self, url: SplitResult) -> None:
        if self.settings.key_in_query:
            raise ConfigError(f"sources.{self.name}: key_in_query: over http the keys would go in clear; leave it out")
        if not _is_near(url.hostname or ""):
            raise ConfigError(
                f"sources.{self.name}: url: begins with http, so customers' names and numbers would cross the internet in clear; "
                "write https (http is for a shop on the same LAN)"
            )

    @property
    def place(self) -> str:
        url = urlsplit(self.settings.url)
        return f"{url.hostname}{url.path}".rstrip("/")

    def request(self, turn: Turn, token: str) -> Request:
        """Orders changed after a second, the newest first."""
        query = [
            ("modified_after", _second(turn.since)),
            *([("modified_before", _second(turn.until))] if turn.until else []),
            ("dates_are_gmt", "true"),
            ("orderby", "modified"),
            ("order", "desc"),
            ("per_page", str(PAGE)),
            ("offset", turn.token or "0"),
            ("status", "trash" if turn.thrown else "any"),
            ("_fields", _FIELDS),
        ]
        return self._signed(query, turn.at)

    def _signed(self, query: Pairs, at: int, *, of: str = "") -> Request:
        route = f"/wc/v3/orders{f'/{of}' if of else ''}"
        path = f"/wp-json{route}"
        if self.settings.plain_permalinks:
            path, query = "/", [("rest_route", route), *query]
        key, secret = self.secret("KEY"), self.secret("SECRET")
        headers: dict[str, str] = {}
        sign = [("wc", _PATH_OF_KEYS)] if self.settings.plain_permalinks else []
        if self._in_clear:
            url = (self.settings.url.rstrip("/") + path).rstrip("/")
            query = oauth1.signed("GET", url, [*query, *sign], key=key, secret=secret, at=at)
            query = [pair for pair in query if pair not in sign]
        elif self.settings.key_in_query:
            query = [*query, ("consumer_key", key), ("consumer_secret", secret)]
        else:
            headers["Authorization"] = f"Basic {b64encode(f'{key}:{secret}'.encode()).decode()}"
        tail = f"&wc={_PATH_OF_KEYS}" if sign else ""  # as it is: the shop looks for it in the undecoded address
        return Request(method="GET", path=f"{path}?{encode(query)}{tail}", headers=headers)

    def base(self, request: Request) -> str:
        return self.settings.url

    def page(self, response: Response, turn: Turn) -> SourcePage:
        orders = response.json()
        if not isinstance(orders, list):
            raise fault_of(response)
        places = [Place(one) for one in orders]
        first = int(turn.token or "0")
        step, total = max(len(orders) - 1, 1), _total(response)
        more = len(orders) >= PAGE or first + len(orders) < total
        return SourcePage(
            self.read_orders(orders),
            changed=[at for one in places if (at := one["date_modified_gmt"].moment())],
            next_token=str(first + step) if more and orders else "",
            ordered=False,
            ids=[one["id"].text() or "" for one in places],
            back_token=str(max(first - step, 0)) if first else "",
            pages=total // step,
        )

    def remedy(self, fault: Fault) -> str:
        if fault.status == 404:
            return (
                "the shop's REST API is not at /wp-json: set plain_permalinks = true where WordPress, Settings, Permalinks says Plain; "
                "else look whether `url` is the shop's own address, with its folder"
            )
        if fault.status == 401 and self._in_clear:
            return (
                "the signature does not hold: `url` must be written as the shop knows itself (WordPress, Settings, General), "
                "its clock and ours must be right, and the key pair belong together"
            )
        if fault.status in (401, 403):
            return (
                f"{self.secret_name('KEY')} and {self.secret_name('SECRET')} are not a pair that may read (WooCommerce, Settings, Advanced, "
                "REST API); or the host strips the Authorization header (set key_in_query = true); or a proxy in front of the shop "
                "does not tell it of TLS (X-Forwarded-Proto)"
            )
        return super().remedy(fault)

    def read_orders(self, orders: Sequence[object]) -> Reading:
        """The orders of an answer."""
        raise NotImplementedError

    def lookup_request(self, ids: Sequence[str], at: int) -> Request | None:
        """Orders kept as posts do not move their `date_modified` for an edit: this is how one is seen."""
        query = [("include", ",".join(ids)), ("status", "any"), ("per_page", str(PAGE)), ("_fields", _FIELDS)]
        return self._signed(query, at)

    def single_request(self, id: str, at: int, token: str) -> Request:
        return self._signed([("_fields", _FIELDS)], at, of=quote(id, safe=""))

    def is_gone(self, response: Response) -> bool:
        """By the shop's own word for it alone: `rest_no_route`, a 404 too, is said of every order where a plug-in shuts the way to single ones."""
        return response.status == 404 and response.object().get("code") == _GONE

    def read_single(self, response: Response) -> Reading:
        return self.read_orders([response.object()])


def _second(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _total(response: Response) -> int:
    total = response.headers.get("x-wp-total", "")
    return int(total) if total.isdecimal() and len(total) < 9 else 0


def _is_near(host: str) -> bool:
    """Whether a name or address can only be of this machine or its LAN."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_LAN_NAMES)
    return address.is_private or address.is_loopback or address.is_link_local
