"""An order's story is told without repeating itself, and without leaving trouble out."""

from daemon.wire.orders import Entry
from daemon.wire.values import When, Word
from tui.shop.story import condense


def moment(kind: str, message_id: str = "", **fields: str) -> Entry:
    words = {name: Word(value) for name, value in fields.items() if name in {"outcome", "receipt", "state", "channel"}}
    return Entry(at=When(0), kind=Word(kind), message_id=message_id, **({**fields, **words}))  # type: ignore[arg-type]


def test_a_message_that_simply_went_out_is_one_line_with_what_was_sent() -> None:
    story = [
        moment("event", type="order.ready"),
        moment("message", "m1", to="planned"),
        moment("attempt", "m1", outcome="accepted", text="Hi Ada", to="+44…0123"),
        moment("receipt", "m1", receipt="delivered"),
    ]
    [event, message] = condense(story)
    assert event is story[0]
    assert (message.kind, message.text, message.to) == ("message", "Hi Ada", "+44…0123")


def test_what_took_more_than_one_try_is_told_in_full() -> None:
    story = [
        moment("message", "m1"),
        moment("attempt", "m1", outcome="deferred"),
        moment("attempt", "m1", outcome="accepted"),
    ]
    assert condense(story) == story


def test_so_is_what_was_refused_or_is_not_known_or_came_back() -> None:
    for outcome in ("rejected", "unknown", ""):
        story = [moment("message", "m1"), moment("attempt", "m1", outcome=outcome)]
        assert condense(story) == story
    came_back = [
        moment("message", "m1"),
        moment("attempt", "m1", outcome="accepted"),
        moment("receipt", "m1", receipt="undelivered"),
    ]
    assert condense(came_back) == came_back


def test_what_staff_did_is_told_once() -> None:
    story = [
        moment("override", type="event.accepted"),
        moment("override", "m1", type="message.cancelled", reason="undone", reason_code="undone"),
        moment("override", type="order.held", reason="colour?"),
        moment("reply", text="ok"),
    ]
    assert condense(story) == story[2:]
