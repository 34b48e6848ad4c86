"""What waits and holds no more: drops by what came since."""

from datetime import UTC, datetime

import msgspec
import pytest

from outbox.model import Customer, State
from tests.support.planning import HOUR, MINUTE, NOW, order, plan, posted, route, store


class TestTakenBack:
    """Messages may wait for the line or the morning: what they say must still be so."""

    @pytest.mark.parametrize("new", ["order.reopened", "order.in_production", "order.confirmed"])
    def test_that_it_is_ready_is_not_told_when_it_is_not(self, new: str) -> None:
        ready = order(status="order.ready", status_at=NOW - MINUTE)
        assert "order.ready" in plan(store("twilio"), posted(new), before=ready).drops

    def test_staff_may_take_back_what_the_shop_said(self) -> None:
        ready = order(status="order.ready", status_at=NOW - MINUTE, status_source="shopify")
        by_hand = msgspec.structs.replace(posted("order.in_production", source="counter"), actor="Mia")
        assert "order.ready" in plan(store("twilio"), by_hand, before=ready).drops

    def test_another_system_that_is_behind_takes_nothing_back(self) -> None:
        ready = order(status="order.ready", status_at=NOW - MINUTE, status_source="shopify")
        assert plan(store("twilio"), posted("order.in_production"), before=ready).drops == ()

    def test_nor_does_what_comes_late(self) -> None:
        ready = order(status="order.ready", status_at=NOW)
        before_that = datetime.fromtimestamp((NOW - HOUR) / 1000, UTC)
        for old in ("order.in_production", "order.deleted"):
            late = posted(old, occurred_at=before_that)
            assert "order.ready" not in plan(store("twilio"), late, before=ready).drops

    def test_what_follows_takes_nothing_back(self) -> None:
        ready = order(status="order.ready", status_at=NOW - MINUTE)
        assert plan(store("twilio"), posted("order.out_for_delivery"), before=ready).drops == (
            "order.completed",
            "order.cancelled",
        )

    def test_of_an_order_that_is_gone_its_cancellation_is_told_still(self) -> None:
        drops = plan(store("twilio"), posted("order.deleted"), before=order()).drops
        assert {"order.placed", "order.ready", "payment.failed"} <= set(drops)
        assert "order.cancelled" not in drops

    def test_nobody_is_asked_to_pay_for_what_is_cancelled(self) -> None:
        assert {"payment.failed", "payment.pending"} <= set(plan(store("twilio"), posted("order.cancelled")).drops)

    @pytest.mark.parametrize("end", ["order.cancelled", "order.completed"])
    def test_nobody_is_called_to_the_shop_for_an_order_that_is_over(self, end: str) -> None:
        """The end itself may be told by a way that does not reach this customer, or not at all: nothing would take the place."""
        over = posted(end)
        ready = order(status="order.ready", status_at=NOW - MINUTE)
        for settings in (
            store("twilio", "sendgrid", route=[route("order.ready"), route(end, via=["sendgrid"])]),
            store("twilio", route=[route("order.ready")], planning={"default_routes": False}),
        ):
            found = plan(settings, over, order(status=end, customer=Customer(phone="07700 900123")), ready)
            assert State.QUEUED not in [message.state for message in found.messages]
            assert {"order.ready", "order.delayed", "order.out_of_stock"} <= set(found.drops)

    def test_that_it_was_taken_is_told_of_an_order_that_is_complete_at_once(self) -> None:
        drops = plan(store("twilio"), posted("order.completed")).drops
        assert not {"order.placed", "order.confirmed", "payment.confirmed"} & set(drops)


def test_a_payment_that_came_through_drops_the_word_that_it_failed() -> None:
    assert plan(store("twilio"), posted("payment.confirmed")).drops == ("payment.failed", "payment.pending")
    assert plan(store(), posted("payment.confirmed")).drops == ("payment.failed", "payment.pending")
    assert plan(store("twilio"), posted("order.ready")).drops == ()


def test_a_payment_that_failed_again_takes_the_place_of_the_word_that_it_did() -> None:
    assert plan(store("twilio"), posted("payment.failed")).drops == ("payment.failed",)


@pytest.mark.parametrize(("minutes", "state"), [(-1, State.SUPERSEDED), (1, State.QUEUED)])
def test_a_payment_that_failed_before_the_one_that_came_through(minutes: int, state: State) -> None:
    paid = order(payment="payment.confirmed", payment_at=NOW, payment_source="pos")
    at = NOW + minutes * MINUTE
    failed = posted("payment.failed", at=NOW + HOUR, occurred_at=datetime.fromtimestamp(at / 1000, UTC))
    (message,) = plan(store("twilio"), failed, paid, paid).messages
    assert message.state is state
