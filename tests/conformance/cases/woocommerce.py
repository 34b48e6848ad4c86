"""WooCommerce's customer note, as its sheet tells it."""

from daemon.sandbox.config import CREDENTIALS
from tests.support.channel_case import EMAIL, Answer, Case, Variant, basic, says
from tests.support.good_requests import WOOCOMMERCE, WOOCOMMERCE_NOTE

NOTE = {"id": 281, "author": "system", "note": "Order B-1042 is ready. [n-000abc]", "customer_note": True}
OTHER = {**NOTE, "id": 280, "note": "Another note."}


def error(code: str, words: str) -> Answer:
    status = 500 if "cannot_create_order_note" in code else 404 if code.endswith(("invalid_id", "no_route")) else 400
    status = 401 if code.endswith(("authentication_error", "cannot_view", "cannot_create")) else status
    return says({"code": code, "message": words, "data": {"status": status}}, status)


CASE = Case(
    settings={"url": "https://shop.example.com/"},
    secrets={"WOOCOMMERCE_KEY": "ck_0123456789abcdef", "WOOCOMMERCE_SECRET": "cs_0123456789abcdef"},
    out={"to": "", "addresses": {"email": EMAIL}},
    steps={
        r"POST https://shop\.example\.com/wp-json/wc/v3/orders/1042/notes$": says(NOTE, 201),
        r"GET https://shop\.example\.com/wp-json/wc/v3/orders/1042/notes$": says([OTHER]),
        r"GET https://shop\.example\.com/wp-json/wc/v3/orders$": says([{"id": 1042}]),
        r"GET https://shop\.example\.com/wp-json/wc/v3/orders/1042$": says({"id": 1042, "billing": {"email": EMAIL}}),
    },
    write=r"POST .*/notes",
    provider_id="281",
    error=error,
    codes={
        "woocommerce_rest_authentication_error": "rejected:channel",
        "woocommerce_rest_cannot_create": "rejected:channel",
        "woocommerce_rest_cannot_view": "rejected:channel",
        "woocommerce_rest_shop_order_invalid_id": "rejected:message",
        "woocommerce_rest_order_invalid_id": "rejected:message",
        "woocommerce_api_cannot_create_order_note": "deferred",
        "rest_invalid_param": "rejected:message",
        "rest_no_route": "rejected:channel",
    },
    spec="woocommerce.json",
    # WordPress has `_fields` at every address; the description names it at the list alone.
    excused=[r"/orders/\{id\}: the query does not know '_fields'"],
    variants=[
        Variant(out={"attempt": 2}),
        Variant(out={"possible_duplicate": True}),
        Variant(out={"order_ref": "1042"}),
    ],
    proof=basic(CREDENTIALS["WOOCOMMERCE_KEY"], CREDENTIALS["WOOCOMMERCE_SECRET"]),
    good=[(WOOCOMMERCE, WOOCOMMERCE_NOTE)],
)
