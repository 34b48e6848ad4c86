"""Shopify's Admin GraphQL API: asking for orders in the order of their change, and what its order nodes say.

Costs are counted in points: the answer says how many are left and how fast they come back. Permanent tokens (`ACCESS_TOKEN`) and those
of the client-credentials grant, good for 24 h, are both taken.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from daemon.amounts import decimal_of
from daemon.config import ConfigError, Store
from daemon.http import Request, Response, form_request, json_request, objects
from daemon.intake.base import REOPENED, Fact, Reading, Snapshot, Source, SourceSettings, folded
from daemon.intake.money import rounded
from daemon.intake.polling.polled import Fault, Polled, SourcePage, Turn, fault_of
from daemon.intake.promised import Named, names_of, promised_at
from daemon.intake.shopify_contact import number_of
from daemon.intake.shopify_marks import CANCELLED, payments, placed_at, stands_open, state_of
from daemon.intake.values import Place, read_each
from outbox.model import Customer, Item, OrderFields

PAGE = 10
"""A question may cost 1000 points at most, and each order asks for some sixty objects."""
_PARTS = {"items": 10, "refunds": 5, "parcels": 3}
"""How much of each order is asked for on a page; one that has as much or more is asked for by itself."""
_WHOLE = {"items": 120, "refunds": 40, "parcels": 20}
"""How much of one order: that costs no more than a page of them."""
QUERY = """query OrdersSince($q: String!, $after: String, $first: Int!, $items: Int!, $refunds: Int!, $parcels: Int!) {
  orders(first: $first, after: $after, sortKey: UPDATED_AT, query: $q) {
    pageInfo { hasNextPage endCursor }
    nodes {
      id legacyResourceId name createdAt processedAt updatedAt cancelledAt cancelReason test
      displayFinancialStatus displayFulfillmentStatus
      email phone note tags customerLocale statusPageUrl
      customAttributes { key value }
      currentTotalPriceSet { shopMoney { amount currencyCode } }
      totalPriceSet { shopMoney { amount currencyCode } }
      customer { firstName lastName defaultPhoneNumber { phoneNumber } }
      shippingAddress { name phone countryCodeV2 }
      billingAddress { name phone countryCodeV2 }
      lineItems(first: $items) {
        pageInfo { hasNextPage }
        nodes { name currentQuantity quantity sku originalUnitPriceSet { shopMoney { amount } } }
      }
      refunds(first: $refunds) { legacyResourceId createdAt note totalRefundedSet { shopMoney { amount currencyCode } } }
      fulfillments(first: $parcels) { displayStatus updatedAt trackingInfo(first: 1) { url } }
      fulfillmentOrders(first: 2) { nodes { status deliveryMethod { methodType } } }
    }
  }
}"""
"""The sample's query, and what the REST webhooks say beyond it, so that both tell the same."""

_METAFIELDS = "metafields(first: 10) { nodes { namespace key value } }"
_PLACE_FOR_METAFIELDS = "fulfillmentOrders(first"

_RETRIED = frozenset({"THROTTLED", "INTERNAL_SERVER_ERROR", "TIMEOUT"})


class ShopifySettings(SourceSettings, frozen=True, kw_only=True):
    shop: str = ""
    """`balloon-loft.myshopify.com`, or just its first word."""
    url: str = ""
    """Stands for scheme and host of the shop's API, if it is not https://SHOP."""
    version: str = "2026-10"
    promised: Named = ""
    """The key of the note attribute that holds the promised time; the keys, where day and time are apart."""


class ShopifyApi(Source, Polled):
    """The asking half of `Shopify`."""

    settings: ShopifySettings

    def __init__(self, name: str, settings: ShopifySettings, secrets: Mapping[str, str], store: Store) -> None:
        super().__init__(name, settings, secrets, store)
        self.asks_metafields = any(mark.startswith("metafield:") for mark in self.statuses)
        shop = settings.shop
        self.host = shop if "." in shop or not shop else f"{shop}.myshopify.com"
        if settings.poll and not (self.host or settings.url):
            raise ConfigError(f'sources.{name}: shop: write the shop\'s own address, like "balloon-loft.myshopify.com"')

    def request(self, turn: Turn, token: str) -> Request:
        since = datetime.fromtimestamp(turn.since / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        asked = {"q": f"updated_at:>='{since}'", "after": turn.token or None, "first": PAGE}
        return self._asked(asked | _PARTS, token)

    def single_request(self, id: str, at: int, token: str) -> Request:
        return self._asked({"q": f"id:{id}", "after": None, "first": 1} | _WHOLE, token)

    def _asked(self, variables: Mapping[str, Any], token: str) -> Request:
        path = f"/admin/api/{self.settings.version}/graphql.json"
        key = self.secret("ACCESS_TOKEN") or token
        query = QUERY
        if self.asks_metafields:
            query = query.replace(_PLACE_FOR_METAFIELDS, f"{_METAFIELDS} {_PLACE_FOR_METAFIELDS}")
        asked = {"query": query, "variables": variables}
        return json_request("POST", path, asked, headers={"X-Shopify-Access-Token": key})

    def token_request(self) -> Request | None:
        if self.secret("ACCESS_TOKEN"):
            return None
        form = [("grant_type", "client_credentials"), ("client_id", self.secret("CLIENT_ID"))]
        return form_request(
            "POST", "/admin/oauth/access_token", [*form, ("client_secret", self.secret("CLIENT_SECRET"))]
        )

    def base(self, request: Request) -> str:
        return self.settings.url or f"https://{self.host}"

    def page(self, response: Response, turn: Turn) -> SourcePage:
        answer = response.object()
        cost = answer.get("extensions", {}).get("cost", {}) if isinstance(answer.get("extensions"), dict) else {}
        if answer.get("errors"):
            raise _fault(response, answer, cost)
        orders = Place(answer)["data"]["orders"]
        if not isinstance(orders.value, dict):
            raise fault_of(response)
        nodes = list(orders["nodes"])
        info = orders["pageInfo"]
        more = info["hasNextPage"].value is True and bool(nodes)
        return SourcePage(
            self.read_nodes(orders.value),
            changed=[at for node in nodes if (at := node["updatedAt"].moment())],
            next_token=info["endCursor"].text() or "" if more else "",
            warning=self._oddness(response, answer),
            wait=_wait(cost),
            cut=[_id(node) for node in nodes if _is_cut(node)],
        )

    def _oddness(self, response: Response, answer: dict[str, Any]) -> str:
        """An expired version is answered by the oldest that lives; a filter that Shopify does not know is passed over."""
        version = response.headers.get("x-shopify-api-version", self.settings.version)
        if version != self.settings.version:
            return f"it answers as version {version[:20]}: set `version` in [sources.{self.name}]"
        warned = Place(answer)["extensions"]["search"].value
        return f"it passed over a part of the filter: {str(warned)[:200]}" if warned else ""

    # ------------------------------------------------------------ reading

    def read_nodes(self, orders: Any) -> Reading:
        """The orders of an answer's `orders`."""
        found, unread = read_each(Place(orders, "data.orders")["nodes"], self.node, source=self.name)
        counted = tuple(snapshot for snapshot in found if self.settings.test_orders or not snapshot.is_test)
        return Reading(snapshots=counted, unread=tuple(unread))

    def node(self, node: Place) -> Snapshot:
        """One order. Raises Unreadable."""
        paid = node["totalPriceSet" if node["cancelledAt"] else "currentTotalPriceSet"]["shopMoney"]
        price = paid if paid else node["currentTotalPriceSet"]["shopMoney"]
        currency = price["currencyCode"].text()
        names = [node["customer"]["firstName"].line(), node["customer"]["lastName"].line()]
        email = node["email"].line()
        phone, country = number_of(
            node,
            billing=node["billingAddress"],
            shipping=node["shippingAddress"],
            country="countryCodeV2",
            own=node["customer"]["defaultPhoneNumber"]["phoneNumber"].line(),
        )
        addressed = (node[key]["name"].line() for key in ("shippingAddress", "billingAddress"))
        return Snapshot(
            id=_id(node),
            updated=node["updatedAt"].need_moment(),
            created=_placed(node),
            facts=tuple(self._node_facts(node, price)),
            order=OrderFields(
                ref=node["name"].need(),
                total=_money(price, currency),
                currency=currency,
                fulfilment=_fulfilment(node),
                promised_at=self.promised(
                    ((a["key"], a["value"]) for a in node["customAttributes"]), _fulfilment(node)
                ),
                items=tuple(_items(node, currency)) or None,
                note=node["note"].text(),
                url=node["statusPageUrl"].text(),
            ),
            customer=Customer(
                name=" ".join(name for name in names if name) or next(filter(None, addressed), None),
                phone=phone,
                country=country,
                email=email.lower() if email else None,
                locale=node["customerLocale"].text(),
            ),
            is_test=node["test"].value is True,
            odd=tuple(node.odd),
        )

    def _node_facts(self, node: Place, price: Place) -> Iterator[Fact]:
        financial = folded(node["displayFinancialStatus"].text() or "")
        currency = price["currencyCode"].text()
        is_cancelled = bool(node["cancelledAt"])
        total = _money(price, currency)
        fulfilment, listed = folded(node["displayFulfillmentStatus"].text() or ""), list(node["fulfillments"])
        parcels = [one for one in listed if folded(one["displayStatus"].text() or "") not in CANCELLED]
        yield from payments(_placed(node), financial, total, currency, is_cancelled=is_cancelled)
        state = state_of(
            self,
            financial=financial,
            fulfilment=fulfilment,
            parcels=[folded(parcel["displayStatus"].text() or "") for parcel in parcels],
            tags=[tag.text() or "" for tag in node["tags"]],
            fields=list(_fields(node)),
            is_cancelled=is_cancelled,
        )
        if state == "order.cancelled":
            reason = node["cancelReason"].text()
            yield Fact(
                state, at=node["cancelledAt"].moment(), data={"reason": reason.lower()} if reason else {}, state=True
            )
        elif state:
            urls = [info["url"].text() for parcel in parcels for info in parcel["trackingInfo"]]
            yield Fact(state, data={"tracking_url": urls[-1]} if urls and urls[-1] else {}, state=True)
        elif stands_open(fulfilment, parcels=len(listed), taken_back=len(listed) - len(parcels)):
            yield Fact(REOPENED, state=True, usual=True)
        refunds = list(node["refunds"])
        for refund in refunds:
            money = refund["totalRefundedSet"]["shopMoney"]
            note = refund["note"].text()
            its = money["currencyCode"].text()
            data = _amount(_money(money, its), its) | ({"reason": note} if note else {})
            data["full"] = financial == "refunded" and refund is refunds[-1]
            yield Fact(
                "refund.issued", key=refund["legacyResourceId"].need(), at=refund["createdAt"].moment(), data=data
            )
        if financial == "refunded" and not refunds:
            yield Fact("refund.issued", data=_amount(total, currency) | {"full": True})

    def promised(self, attributes: Iterable[tuple[Place, Place]], fulfilment: str | None) -> datetime | None:
        """The promised time, where the store's settings name the attributes that hold it."""
        wanted = [folded(name) for name in names_of(self.settings.promised)]
        found = (value for key, value in attributes if wanted and folded(key.text() or "") in wanted)
        return promised_at(found, self.store.zone, brought=fulfilment == "delivery")


def _placed(node: Place) -> datetime | None:
    return placed_at(node["createdAt"].moment(), node["processedAt"].moment())


def _id(node: Place) -> str:
    return node["legacyResourceId"].text() or node["id"].need().rpartition("/")[2]


def _is_cut(node: Place) -> bool:
    """Whether there may be more of the order than a page shows of it."""
    more = node["lineItems"]["pageInfo"]["hasNextPage"].value is True
    refunds, parcels = list(node["refunds"]), list(node["fulfillments"])
    return more or len(refunds) >= _PARTS["refunds"] or len(parcels) >= _PARTS["parcels"]


def _fields(node: Place) -> Iterator[str]:
    for attribute in node["customAttributes"]:
        yield f"attribute:{attribute['key'].text()}={attribute['value'].text()}"
    for metafield in node["metafields"]["nodes"]:
        yield f"metafield:{metafield['namespace'].text()}.{metafield['key'].text()}={metafield['value'].text()}"
    if note := node["note"].text():
        yield f"note:{note}"


def _fault(response: Response, answer: dict[str, Any], cost: Any) -> Fault:
    errors = objects(answer["errors"])
    codes = [
        str(code)
        for one in errors
        if isinstance(one.get("extensions"), dict) and (code := one["extensions"].get("code"))
    ]
    words = "; ".join(str(one.get("message", ""))[:100] for one in errors) or str(answer["errors"])[:200]
    if any(code in _RETRIED for code in codes):
        return Fault(f"{codes[0]}: {words}", after=max(_wait(cost), 1.0))
    return Fault(f"it refused the question: {' '.join(codes)} {words}", lasting=True)


def _wait(cost: Any) -> float:
    """Seconds until there are points enough for one more such question."""
    throttle = Place(cost)["throttleStatus"]
    asked, left, rate = (
        value.number()
        for value in (Place(cost)["requestedQueryCost"], throttle["currentlyAvailable"], throttle["restoreRate"])
    )
    if asked is None or left is None or not rate:
        return 0.0
    return max(0.0, (asked - left) / rate)


def _money(price: Place, currency: str | None) -> str | None:
    """GraphQL drops the zeros that REST keeps."""
    amount = decimal_of(price["amount"].text() or "")
    return None if amount is None else rounded(amount, currency)


def _amount(amount: str | None, currency: str | None) -> dict[str, Any]:
    return {name: value for name, value in (("amount", amount), ("currency", currency)) if value}


def _items(node: Place, currency: str | None) -> Iterator[Item]:
    for line in node["lineItems"]["nodes"]:
        quantity = line["currentQuantity"].number()
        quantity = line["quantity"].number() if quantity in (None, 0) and node["cancelledAt"] else quantity
        name = line["name"].line()
        if name and quantity != 0:
            price = line["originalUnitPriceSet"]["shopMoney"]
            yield Item(name=name, quantity=quantity or 1, sku=line["sku"].line(), price=_money(price, currency))


def _fulfilment(node: Place) -> str | None:
    methods = {order["deliveryMethod"]["methodType"].text() for order in node["fulfillmentOrders"]["nodes"]}
    if "PICK_UP" in methods:
        return "pickup"
    return "delivery" if methods & {"LOCAL", "SHIPPING", "PICKUP_POINT"} else None
