"""WooCommerce REST v3: orders and their notes (https://woocommerce.github.io/woocommerce-rest-api-docs).

Any order number is known, except one whose id says "invalid" or ends in 0903, and Ada (ada@example.com) placed each. Every note is mailed
again: nothing is idempotent.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.fate import Fate, fate_of
from daemon.sandbox.mailbox import Arrival
from daemon.sandbox.providers.base import Provider, Routes, as_object, as_text
from daemon.sandbox.times import moment


class WooCommerce(Provider):
    name = "woocommerce"
    medium = "crm"
    secrets: ClassVar[Mapping[str, str]] = {
        "WOOCOMMERCE_KEY": "ck_" + "0" * 40,
        "WOOCOMMERCE_SECRET": "cs_" + "0" * 40,
    }

    @classmethod
    def settings(cls, url: str) -> dict[str, Any]:
        return {"url": f"{url}/woocommerce"}

    def routes(self) -> Routes:
        orders = "/wp-json/wc/v3/orders"
        return {
            f"GET {orders}": self.orders,
            f"GET {orders}/{{id}}": self.order,
            f"GET {orders}/{{id}}/notes": self.notes,
            f"POST {orders}/{{id}}/notes": self.add_note,
        }

    def authorize(self, call: Call) -> None:
        """Basic, or both keys in the query, which are looked at first. (A real store takes these over HTTPS only.)"""
        query, secrets = call.query, self.world.secrets
        given = (query["consumer_key"], query.get("consumer_secret", "")) if "consumer_key" in query else call.basic
        if given != (secrets["WOOCOMMERCE_KEY"], secrets["WOOCOMMERCE_SECRET"]):
            raise self.refuse(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        names = {400: "rest_invalid_param", 404: "rest_no_route", 405: "rest_no_route"}
        kind = code or names.get(status, "woocommerce_api_cannot_create_order_note")
        return reply(status, {"code": kind, "message": text or "Error", "data": {"status": status}})

    # ------------------------------------------------------------ calls

    def add_note(self, call: Call, id: str) -> Response:
        self._check_order(id)
        body = (
            as_object(call.json) if call.media_type == "application/json" else {k: v[0] for k, v in call.form.items()}
        )
        note = as_text(body.get("note"))
        if not note:
            raise self.refuse(400, "rest_missing_callback_param", "Missing parameter(s): note")
        to_customer = body.get("customer_note") in (True, "true", "1")
        arrival = self.accept(
            call, id=str(self.world.mailbox.next_seq + 280), to=id, text=note, data={"customer_note": to_customer}
        )
        return reply(201, _note(arrival))

    def notes(self, call: Call, id: str) -> Response:
        self._check_order(id)
        kind = call.query.get("type", "any")
        if kind not in ("any", "customer", "internal"):
            raise self.refuse(400, "rest_invalid_param", "Invalid parameter(s): type")
        found = [a for a in self.mine(id) if kind == "any" or a.data["customer_note"] is (kind == "customer")]
        return reply(200, [_note(arrival) for arrival in found])

    def order(self, call: Call, id: str) -> Response:
        self._check_order(id)
        number = int(id) if id.isdecimal() else 0
        placed_by = {"first_name": "Ada", "email": "ada@example.com"}
        return reply(200, {"id": number, "number": id, "status": "processing", "billing": placed_by, "refunds": []})

    def orders(self, call: Call) -> Response:
        if not 1 <= call.number("per_page", 10) <= 100:
            raise self.refuse(400, "rest_invalid_param", "Invalid parameter(s): per_page")
        return reply(200, [], {"X-WP-Total": "0", "X-WP-TotalPages": "0"})

    def _check_order(self, id: str) -> None:
        if fate_of(id) is Fate.INVALID:
            raise self.refuse(404, "woocommerce_rest_shop_order_invalid_id", "Invalid order ID.")


def _note(arrival: Arrival) -> dict[str, Any]:
    at = moment(arrival.at).strftime("%Y-%m-%dT%H:%M:%S")
    return {
        "id": int(arrival.id),
        "author": "system",
        "date_created": at,
        "date_created_gmt": at,
        "note": arrival.text,
        "customer_note": arrival.data["customer_note"],
    }
