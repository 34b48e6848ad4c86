"""WooCommerce's customer note: mailed once, on the right order, never over plain HTTP."""

import pytest

from daemon.channels.base import Misconfigured
from daemon.channels.registry import build
from outbox.outcome import Accepted, Deferred, Rejected, Scope
from tests.conformance.cases.woocommerce import NOTE
from tests.support.at_vendor import bench
from tests.support.channel_case import Answer, says

LIST, POST, ORDER = r"GET .*/notes", r"POST .*/notes", r"GET .*/orders/1042$"
SECRETS = {"WOOCOMMERCE_KEY": "ck_1", "WOOCOMMERCE_SECRET": "cs_1"}


async def test_a_note_ends_with_our_mark_and_is_no_html() -> None:
    async with bench("woocommerce") as at:
        out = at.out()
        await at.channel.send(at.out(rendered=type(out.rendered)("5 < 6 & ready")))
        assert at.body(POST) == {"note": "5 &lt; 6 &amp; ready [n-000abc]", "customer_note": True}
        assert at.lines() == ["GET /wp-json/wc/v3/orders/1042", "POST /wp-json/wc/v3/orders/1042/notes"]


@pytest.mark.parametrize("again", [{"attempt": 2}, {"possible_duplicate": True}])
async def test_a_later_try_looks_for_the_earlier_one_first(again: dict[str, object]) -> None:
    async with bench("woocommerce", {LIST: says([NOTE])}) as at:
        assert await at.channel.send(at.out(**again)) == Accepted("281", detail="an earlier try had arrived")
        assert at.lines()[1:] == ["GET /wp-json/wc/v3/orders/1042/notes"]
    async with bench("woocommerce") as at:
        assert await at.channel.send(at.out(**again)) == Accepted("281")
        assert len(at.lines()) == 3


@pytest.mark.parametrize(
    "answer", [Answer(503, b""), Answer(200, b'[{"id": 281, "note": "Ord'), Answer(200, b""), says({})]
)
async def test_a_later_try_that_can_not_look_does_not_send(answer: Answer) -> None:
    """A list that was cut, on the line that cut the first answer, showed no note: the shop mailed again."""
    async with bench("woocommerce", {LIST: answer}) as at:
        assert isinstance(await at.channel.send(at.out(attempt=2)), Deferred)
        assert len(at.lines()) == 2


@pytest.mark.parametrize("source_id", ["B-1042", "", "１２"])
async def test_an_order_that_is_not_the_shop_s_moves_on(source_id: str) -> None:
    async with bench("woocommerce") as at:
        outcome = await at.channel.send(at.out(order_source_id=source_id))
        assert not at.vendor.seen
    assert isinstance(outcome, Rejected)
    assert outcome.scope is Scope.MESSAGE


async def test_an_order_without_a_mail_address_gets_no_note_that_nobody_would_read() -> None:
    """Taken by telephone: the shop mails nobody, and says that the note is there."""
    own = {"id": 1042, "number": "B-1042", "billing": {"email": ""}}
    async with bench("woocommerce", {ORDER: says(own)}) as at:
        outcome = await at.channel.send(at.out(order_ref="B-1042"))
        assert at.lines() == ["GET /wp-json/wc/v3/orders/1042"]
    assert isinstance(outcome, Rejected)
    assert outcome.scope is Scope.RECIPIENT


@pytest.mark.parametrize("ref", ["1042", "S01042"])
@pytest.mark.parametrize("whose", ["bob@example.com", ""])
async def test_a_till_s_number_is_no_order_of_the_shop_s(whose: str, ref: str) -> None:
    """Where a source names no id of the shop's, the order's number stands for it, or an ERP's own id does: the shop may have one of that
    number too, of somebody else, and would mail them."""
    async with bench("woocommerce", {ORDER: says({"id": 1042, "billing": {"email": whose}})}) as at:
        outcome = await at.channel.send(at.out(order_ref=ref))
        assert at.lines() == ["GET /wp-json/wc/v3/orders/1042"]
    assert isinstance(outcome, Rejected)
    assert outcome.scope is Scope.MESSAGE
    assert "bob" not in repr(outcome)


async def test_an_order_of_that_number_is_ours_whatever_address_they_have_by_now() -> None:
    own = {"id": 1042, "number": "B-1042", "billing": {"email": "ada@work.example"}}
    async with bench("woocommerce", {ORDER: says(own)}) as at:
        assert isinstance(await at.channel.send(at.out(order_ref="B-1042")), Accepted)


async def test_a_shop_that_numbers_orders_by_their_ids_is_asked_whose_it_is() -> None:
    async with bench("woocommerce", {ORDER: says({"id": 1042, "billing": {"email": "Ada@Example.com "}})}) as at:
        assert await at.channel.send(at.out(order_ref="1042")) == Accepted("281")
    async with bench("woocommerce", {ORDER: Answer(503, b"")}) as at:
        assert isinstance(await at.channel.send(at.out(order_ref="1042")), Deferred)
    gone = says({"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID."}, 404)
    async with bench("woocommerce", {ORDER: gone, POST: gone}) as at:
        outcome = await at.channel.send(at.out(order_ref="1042"))
    assert isinstance(outcome, Rejected)
    assert outcome.scope is Scope.MESSAGE


@pytest.mark.parametrize("ref", ["1042", "B-1042"])
@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (Answer(200, b'{"id": 1042, "bil'), Deferred),
        (Answer(200, b""), Deferred),
        (says({"id": 1042, "number": "B-1042"}), Deferred),
        (says({"code": "woocommerce_rest_cannot_view", "message": "Sorry, you cannot view this."}, 401), Rejected),
        (Answer(403, b"<!doctype html><title>Blocked</title>"), Rejected),
    ],
)
async def test_a_shop_that_does_not_say_whose_order_it_is_mails_nobody(said: Answer, meaning: type, ref: str) -> None:
    """Bob's order of that number: he was mailed that Ada's balloons are ready."""
    async with bench("woocommerce", {ORDER: said}) as at:
        outcome = await at.channel.send(at.out(order_ref=ref))
        assert at.lines() == ["GET /wp-json/wc/v3/orders/1042"]
    assert isinstance(outcome, meaning)


async def test_a_shop_whose_answer_is_cut_mails_nobody() -> None:
    async with bench("woocommerce") as at:
        at.vendor.faults[ORDER] = "cut"
        assert isinstance(await at.channel.send(at.out(order_ref="1042")), Deferred)
        assert at.lines() == ["GET /wp-json/wc/v3/orders/1042"]


@pytest.mark.parametrize(
    ("url", "words"), [("http://shop.example.com", "https"), ("shop.example.com", "no address"), ("", "no address")]
)
def test_keys_never_go_over_plain_http(url: str, words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        build("woocommerce", {"url": url}, SECRETS, http=None)  # type: ignore[arg-type]


def test_a_shop_in_a_folder_and_a_shop_on_this_machine() -> None:
    for url in ("https://example.com/shop/", "http://127.0.0.1:8080"):
        channel = build("woocommerce", {"url": url}, SECRETS, http=None)  # type: ignore[arg-type]
        assert channel.destination() is None, "the team has no order of its own"
        assert channel.address_of({}) is None
