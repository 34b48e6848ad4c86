"""Both sides of a conversation, from an order's story."""

from typing import Any

from daemon.wire.orders import Entry, OrderDetail
from daemon.wire.values import When, Word
from tui.shop.talk import Turn, turns


def moment(at: int, kind: str, **more: Any) -> Entry:
    return Entry(at=When(at), kind=Word(kind), **more)


def message(at: int, id: str, state: str = "delivered", **more: Any) -> Entry:
    told = {"audience": Word("customer"), "type": "order.ready", "template": "order.ready", "channel": Word("twilio")}
    return moment(at, "message", message_id=id, state=Word(state), **(told | more))


def talk(*timeline: Entry) -> list[Turn]:
    return turns(OrderDetail(ref="B-1", timeline=timeline), lambda channel: channel == "hubspot")


def test_what_was_sent_is_shown_in_the_words_that_left_last_in_turn_with_what_they_wrote() -> None:
    said = talk(
        message(1, "m1"),
        moment(1, "attempt", message_id="m1", text="first words"),
        moment(2, "attempt", message_id="m1", text="Hi Ada"),
        moment(3, "reply", text="HERE", channel=Word("twilio"), action=Word("arrived")),
        message(4, "m2", type="message.answer", template="", text="thank you"),
    )
    assert [(turn.is_ours, turn.text, turn.by, turn.action) for turn in said] == [
        (True, "Hi Ada", "", ""),
        (False, "HERE", "", "arrived"),
        (True, "thank you", "", ""),
    ]


def test_what_a_person_wrote_has_their_name() -> None:
    (turn,) = talk(
        moment(1, "event", type="staff.message", event_id="e1", actor="Kim"),
        message(1, "m1", type="staff.message", event_id="e1", template="", text="see you soon"),
    )
    assert (turn.by, turn.text) == ("Kim", "see you soon")


def test_what_no_customer_heard_or_reads_is_no_part_of_it() -> None:
    assert not talk(
        message(1, "m1", "superseded"),
        message(1, "m2", "cancelled"),
        message(1, "m3", "suppressed"),
        message(1, "m4", channel=Word("hubspot")),
        message(1, "m5", audience=Word("team")),
    )
    (waits,) = talk(message(1, "m1", "queued"))
    assert (waits.text, waits.about, waits.state) == ("", "order.ready", "queued")
    (stopped,) = talk(message(1, "m1", "cancelled"), moment(1, "attempt", message_id="m1", text="it left before"))
    assert stopped.text == "it left before"


def test_what_was_said_with_whoever_had_the_number_before_is_no_part_of_it() -> None:
    story = OrderDetail(
        ref="42",
        began=9,
        created_at=When(5),
        timeline=(
            moment(1, "reply", text="gold, please"),
            message(3, "m1", past=True),
            message(5, "m2"),
            moment(6, "reply", text="on my way", past=True),
        ),
    )
    assert [(turn.is_ours, turn.at) for turn in turns(story, lambda channel: False)] == [(False, 1), (True, 5)]
