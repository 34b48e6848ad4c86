"""The stand-in of WooCommerce answers as a real one did, whose answers are kept in `recordings` (`tests.support.woo_record` asks it)."""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.woo_dialogue import MOVES, QUESTIONS, SEEDS, ZONE, asked, essence
from tests.support.woo_shop import KEY, SECRET, WooHook, WooShop

NOW = 1_795_515_300_000
HOME = "shop.example.com"
KINDS = pytest.mark.parametrize("kind", ["posts", "tables"])


def recording(kind: str) -> dict[str, Any]:
    path = Path(__file__).with_name("recordings") / f"woocommerce-{kind}.json"
    return msgspec.json.decode(path.read_bytes())  # type: ignore[no-any-return]


def seeded(kind: str) -> tuple[WooShop, dict[str, int]]:
    shop = WooShop(lambda: NOW, zone=ZONE, hpos=kind == "tables", home=HOME)
    ids = {}
    for number, (name, (status, when)) in enumerate(SEEDS.items()):
        shop.ahead = datetime.fromisoformat(when).timestamp() - NOW / 1000
        shop.save(number + 12, status)
        ids[name] = number + 12
    shop.ahead = 0
    return shop, ids


@KINDS
@pytest.mark.parametrize("name", QUESTIONS)
def test_it_answers_as_the_real_one_did(kind: str, name: str) -> None:
    shop, ids = seeded(kind)
    ask = asked(QUESTIONS[name], ids, key=KEY, secret=SECRET, home=HOME, at=NOW)
    shop.tls = ask.is_tls
    answer = shop.answer("GET", ask.target, ask.headers)
    names = {id: seed for seed, id in ids.items()}
    assert essence(answer.status, answer.headers, answer.body, names) == recording(kind)["answers"][name]


@KINDS
def test_the_same_deeds_move_an_orders_date(kind: str) -> None:
    shop, ids = seeded(kind)
    order = shop.orders[ids["A"]]
    moved = {}
    for deed in MOVES:
        before, shop.ahead = order.modified, shop.ahead + 2
        match deed:
            case "edit":
                shop.save(order.id, order.status, billing={"phone": "07400 123456"})
            case "status":
                shop.save(order.id, "on-hold")
            case "refund":
                shop.save(order.id, order.status, refunds=[{"id": 9, "total": "0.00"}])
            case "trash":
                shop.trash(order.id)
            case "restore":
                shop.restore(order.id)
        moved[deed] = order.modified != before
    assert moved == recording(kind)["moves"]


@KINDS
def test_a_hook_that_fails_is_disabled_as_soon(kind: str) -> None:
    shop, ids = seeded(kind)
    hook = WooHook("order.updated", "s", lambda headers, body: 503)
    shop.hooks = [hook]
    seen = []
    while hook.status == "active":
        shop.save(ids["B"], "completed")
        seen.append(hook.status)
    assert seen == recording(kind)["hook"]
