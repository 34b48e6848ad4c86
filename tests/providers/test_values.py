"""The values that providers' templates and records take by name."""

import pytest

from daemon.channels._values import names_of, status_of, values_of
from tests.support.channel_case import outgoing


def test_the_text_is_the_one_that_was_rendered() -> None:
    """The planner's own `text` is what staff wrote, and empty for an order's event."""
    known = values_of(outgoing(data={"text": "", "store_name": "Balloon Loft", "order_ref": "another"}))
    assert known["text"] == "Order B-1042 is ready."
    assert known["order_ref"] == "B-1042"
    assert known["store_name"] == "Balloon Loft"


def test_a_status_differs_between_orders_and_between_texts_of_staff() -> None:
    assert status_of(outgoing()) == "order.ready B-1042"
    assert status_of(outgoing(order_ref="B-1043")) == "order.ready B-1043"
    written = [status_of(outgoing(trigger="", message_id=message_id)) for message_id in ("m1", "m2")]
    assert len(set(written)) == 2
    assert all("B-1042" in status for status in written)


def test_what_an_order_is_told_of_again_is_another_status() -> None:
    """A second delay, the next part of a refund: no workflow would run on a value that stays what it was."""
    for trigger in ("order.delayed", "refund.issued", "payment.failed", "staff.message"):
        first, second = (status_of(outgoing(trigger=trigger, message_id=message_id)) for message_id in ("m1", "m2"))
        assert first.startswith(f"{trigger} B-1042")
        assert first != second


@pytest.mark.parametrize("trigger", ["order.ready", "order.delayed"])
def test_a_repeat_writes_the_same_status(trigger: str) -> None:
    assert status_of(outgoing(trigger=trigger)) == status_of(outgoing(trigger=trigger, attempt=2))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Ada", ("Ada", "")),
        ("Ada Lovelace", ("Ada", "Lovelace")),
        ("Ada King Lovelace", ("Ada King", "Lovelace")),
        ("", ("", "")),
    ],
)
def test_one_line_of_a_name_is_parted_at_its_last_space(name: str, parts: tuple[str, str]) -> None:
    assert names_of(outgoing(name=name)) == parts
