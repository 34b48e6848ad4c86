"""The screen's own picture of the shop: values in, selections out."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.wire.customers import Reply
from daemon.wire.messages import Message
from daemon.wire.orders import Customer, Order, Told
from daemon.wire.service import Store, Uplink
from daemon.wire.values import When, Word
from tests.support.sample_shop import DAY, HOUR, NOW
from tui.i18n import Texts
from tui.shop.queue import things
from tui.shop.revisions import Part
from tui.shop.state import Shop, outbox_filter
from tui.shop.view import View
from tui.wording.stages import stage_of
from tui.wording.times import Times

TIMES = Times(Texts("en"), Store())


def order(
    ref: str,
    stage: str = "making",
    *,
    promised: int | None = None,
    updated: int = NOW,
    status: str = "",
    name: str = "",
) -> Order:
    return Order(
        ref=ref, stage=Word(stage), status=Word(status), promised_at=When(promised) if promised else None, updated_at=When(updated),
        customer=Customer(name=name or None),
    )  # fmt: skip


def message(
    id: str,
    ref: str = "B-1",
    state: str = "queued",
    *,
    at: int = NOW,
    trigger: str = "order.ready",
    audience: str = "customer",
) -> Message:
    return Message(
        id=id, order_ref=ref, state=Word(state), created_at=When(at), updated_at=When(at), trigger=Word(trigger), audience=Word(audience),
    )  # fmt: skip


def refs(shop: Shop, stage: str) -> list[str]:
    return [each.ref for each in shop.stages[stage]]


# ---------------------------------------------------------------- views


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 5), st.booleans()), max_size=60))
def test_a_view_kept_change_by_change_is_the_one_made_anew(changes: list[tuple[int, int, bool]]) -> None:
    def rank(thing: tuple[int, int]) -> tuple[int, str]:
        return (thing[1], str(thing[0]))

    view: View[tuple[int, int]] = View(rank, lambda thing: thing[1] != 3)
    things: dict[int, tuple[int, int]] = {}
    for key, value, goes in changes:
        old = things.pop(key, None)
        new = None if goes else (key, value)
        if new:
            things[key] = new
        view.put(old, new)
    anew: View[tuple[int, int]] = View(rank, lambda thing: thing[1] != 3)
    anew.fill(things.values())
    assert list(view) == list(anew)
    assert [view[n] for n in range(len(view))] == list(view)
    assert view[:2] == list(view)[:2]
    assert all(view.place(thing) == n for n, thing in enumerate(view))


# ---------------------------------------------------------------- orders


def test_orders_stand_in_their_stage_the_first_promised_on_top() -> None:
    shop = Shop()
    shop.load_orders(
        [order("B-2", promised=NOW + 2), order("B-1", promised=NOW + 1), order("B-9"), order("B-3", "ready")]
    )
    assert refs(shop, "making") == ["B-1", "B-2", "B-9"], "what has no time stands last"
    assert refs(shop, "ready") == ["B-3"]
    assert [each.ref for each in shop.open_orders] == ["B-1", "B-2", "B-3", "B-9"]


def test_an_order_that_moves_leaves_its_old_place() -> None:
    shop = Shop()
    shop.change_order(order("B-1"))
    assert Part.ORDERS in shop.change_order(order("B-1", "ready"))
    assert refs(shop, "making") == []
    assert refs(shop, "ready") == ["B-1"]


def test_the_same_again_touches_no_list() -> None:
    shop = Shop()
    shop.change_order(order("B-1"))
    assert Part.ORDERS not in shop.change_order(order("B-1"))


def test_done_is_what_was_done_today() -> None:
    shop = Shop()
    shop.start_day(NOW)
    shop.load_orders([order("B-1", "done", updated=NOW - 1), order("B-2", "done", updated=NOW + 1)])
    assert refs(shop, "done") == ["B-2"]
    shop.start_day(NOW + DAY)
    assert refs(shop, "done") == []


def test_a_stage_that_a_newer_service_names_is_not_done() -> None:
    assert stage_of(order("B-1", "being_engraved")) == "making"
    assert stage_of(Order(ref="B-1")) == "making"
    shop = Shop()
    shop.load_orders([order("B-1", "being_engraved")])
    assert refs(shop, "making") == ["B-1"]


def test_a_message_moves_its_orders_told_with_it() -> None:
    shop = Shop()
    shop.change_order(order("B-1", "ready", status="order.ready"))
    assert Part.ORDERS in shop.change_message(message("m1", state="delivered"))
    told = shop.orders["B-1"].told
    assert told is not None
    assert told.state == "delivered"


def test_neither_older_nor_the_teams_nor_another_status_message_does() -> None:
    shop = Shop()
    shop.change_order(order("B-1", "ready", status="order.ready"))
    shop.change_message(message("m2", state="delivered"))
    shop.change_message(message("m1", state="failed", at=NOW - 1))
    shop.change_message(message("m3", state="failed", audience="team", at=NOW + 1))
    shop.change_message(message("m4", state="failed", trigger="order.confirmed", at=NOW - 2))
    assert shop.orders["B-1"].told == Told(message_id="m2", state=Word("delivered"), at=When(NOW))


def test_a_failure_alarms_once_and_only_for_what_is_ready() -> None:
    shop = Shop()
    shop.change_order(order("B-1", "ready", status="order.ready"))
    shop.change_order(order("B-2", "making", status="order.confirmed"))
    shop.change_message(message("m1"))
    shop.change_message(message("m1", state="failed"))
    shop.change_message(message("m1", state="failed", at=NOW))
    shop.change_message(message("m2", "B-2", "failed", trigger="order.confirmed"))
    shop.change_message(message("m3", state="failed", audience="team"))
    assert [each.id for each in shop.alarms] == ["m1"]


def test_loading_rings_for_nothing() -> None:
    shop = Shop()
    shop.load_orders([order("B-1", "ready", status="order.ready")])
    shop.load_messages([message("m1", state="failed")])
    assert not shop.alarms


def test_filters() -> None:
    some = [message("m1", state="queued"), message("m2", state="failed", at=NOW - DAY), message("m3", state="unknown")]

    def kept(name: str, needle: str = "") -> list[str]:
        return [each.id for each in some if outbox_filter(name, needle, NOW, lambda each: each.order_ref.lower())(each)]

    assert kept("all") == ["m1", "m2", "m3"]
    assert kept("waiting") == ["m1"]
    assert kept("failed") == ["m2"]
    assert kept("unknown") == ["m3"]
    assert kept("today") == ["m1", "m3"]
    assert kept("all", "b-1") == ["m1", "m2", "m3"]
    assert kept("all", "zzz") == []


# ---------------------------------------------------------------- reading everything while the stream goes on


def test_what_the_stream_told_meanwhile_is_newer_than_a_page() -> None:
    shop = Shop()
    shop.begin_load()
    shop.change_order(order("B-1", "ready"))
    shop.change_message(message("m1", state="delivered"))
    shop.load_orders([order("B-1", "making"), order("B-2")])
    shop.load_messages([message("m1"), message("m2")])
    shop.end_load()
    assert refs(shop, "ready") == ["B-1"]
    assert refs(shop, "making") == ["B-2"]
    assert shop.messages["m1"].state == "delivered"


def test_whose_outcome_nobody_knows_is_known_at_once_and_no_longer_than_so() -> None:
    shop = Shop()
    shop.load_messages([message("m1", state="unknown"), message("m2", state="sent")])
    assert [each.id for each in shop.unsure] == ["m1"]
    shop.change_message(message("m1", state="delivered"))
    shop.change_message(message("m2", state="unknown"))
    assert [each.id for each in shop.unsure] == ["m2"]
    shop.begin_load()
    shop.end_load()
    assert not shop.unsure


@pytest.mark.parametrize(
    ("unsure", "phoned", "is_asked"),
    [
        ("refund.issued", "order.ready", True),
        ("refund.issued", "refund.issued", False),
        ("order.confirmed", "order.ready", False),
    ],
)
def test_what_nobody_knows_is_asked_about_until_somebody_told_of_it(unsure: str, phoned: str, is_asked: bool) -> None:
    """Who was phoned since that their order is ready may never have heard of the refund; who was phoned about that has."""
    shop = Shop()
    shop.load_orders([order("B-1", "ready", status="order.ready")])
    shop.load_messages([message("m1", state="unknown", trigger=unsure)])
    told = message("m2", state="delivered", trigger=phoned, at=NOW + 1000)
    shop.change_message(msgspec.structs.replace(told, reason_code=Word("phoned")))
    assert ([each.kind for each in things(shop, (), TIMES, NOW + 2000)] == ["unsure"]) is is_asked
    taken_back = message("m3", state="unknown", trigger=phoned, at=NOW + 3000)
    shop.change_message(taken_back)
    assert "unsure" in [each.kind for each in things(shop, (), TIMES, NOW + 4000)]


def test_what_nobody_knows_is_found_by_going_through_the_messages_once() -> None:
    """Once for each of these held the screen up at every change: a shop has 20,000 messages."""
    shop, looks = Shop(), list[str]()

    class Watched(dict[str, Message]):
        def values(self) -> Any:
            looks.append("all")
            return super().values()

    shop.messages = Watched()
    shop.load_messages([message(f"m{number}", f"B-{number}", state="unknown") for number in range(50)])
    assert len(things(shop, (), TIMES, NOW)) == 50
    assert looks == ["all"]


def test_what_is_promised_for_a_day_is_late_since_that_is_over() -> None:
    """It stood there as late for a day, beside its "3 min late"."""
    shop, today = Shop(), TIMES.midnight(NOW)
    promised = {"B-1": today - DAY, "B-2": today + HOUR, "B-3": today - HOUR}
    shop.load_orders([order(ref, promised=at) for ref, at in promised.items()])
    late = [(thing.key, thing.since) for thing in things(shop, (), TIMES, NOW)]
    assert late == [("late B-3", today - HOUR), ("late B-1", today), ("late B-2", today + HOUR)]


def test_reading_again_drops_what_is_gone() -> None:
    shop = Shop()
    for names in (("B-1", "B-2"), ("B-2",)):
        shop.begin_load()
        shop.load_orders([order(name) for name in names])
        shop.load_messages([message(f"m-{name}", name) for name in names])
        shop.end_load()
    assert list(shop.orders) == ["B-2"]
    assert list(shop.messages) == ["m-B-2"]
    assert [each.id for each in shop.outbox] == ["m-B-2"]
    assert refs(shop, "making") == ["B-2"]
    assert {Part.ORDERS, Part.MESSAGES} <= shop.loaded


def test_reading_again_lets_go_of_all_that_is_gone() -> None:
    shop = Shop()
    shop.begin_load()
    shop.change_order(order("B-1", "ready", status="order.ready"))
    shop.change_message(message("m1", state="sent"))
    shop.end_load()
    before = shop.told_of("B-1")
    shop.begin_load()
    shop.end_load()
    assert shop.told_of("B-1") != before, "who shows its story reads that again"
    assert not shop.touches
    shop.change_order(order("B-1", "ready", status="order.ready"))
    shop.change_message(message("m2", state="delivered", at=NOW - HOUR))
    told = shop.orders["B-1"].told
    assert told is not None
    assert told.message_id == "m2", "the one before is gone"


def test_uplink_and_replies_are_kept() -> None:
    shop = Shop()
    assert shop.change_uplink(Uplink(state=Word("down"))) == {Part.GLANCE}
    assert shop.glance.uplink.state == "down"
    assert shop.change_reply(Reply(id="r1", order_ref="B-1")) == {Part.REPLIES, Part.STORIES}
    assert shop.touches == {"B-1": 1}
