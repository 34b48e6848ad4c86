"""Where a message goes after each outcome, as properties over all messages and outcomes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.dispatch.fallback import REPEAT_AFTER, Situation, after_unknown, decide, next_via_index, pass_over
from outbox.model import MOVES, Message, Policy, State
from outbox.outcome import Accepted, Deferred, Outcome, Rejected, Scope, Unknown
from outbox.reasons import Reason

NOW = 1_795_521_600_000
CHANNELS = ("twilio", "vonage", "modem", "sendgrid")

words = st.text("abc", min_size=1, max_size=8)
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Accepted, provider_id=words),
    st.builds(
        Deferred,
        reason=words,
        after=st.none() | st.floats(0, 5000),
        unreachable=st.booleans(),
        throttled=st.booleans(),
    ),
    st.builds(Rejected, scope=st.sampled_from(Scope), code=words, reason=words, opted_out=st.booleans()),
    st.builds(Unknown, reason=words),
)
situations = st.builds(
    Situation,
    now=st.just(NOW),
    backoff=st.floats(0, 300),
    max_attempts=st.integers(1, 30),
    patience_from=st.integers(NOW - 2_000_000, NOW),
    line_down=st.booleans(),
    can_look_up=st.booleans(),
    repeat_is_harmless=st.booleans(),
    usable=st.sets(st.sampled_from(CHANNELS)).map(lambda names: names.__contains__),
    enabled=st.sets(st.sampled_from(CHANNELS)).map(lambda names: names.__contains__),
)


def message(via: tuple[str, ...] = CHANNELS, via_index: int = 0, **more: object) -> Message:
    fields: dict[str, object] = {
        "id": "m1",
        "audience": "customer",
        "recipient": "customer",
        "addresses": {"phone": "+447700900123"},
        "via": via,
        "template": "order.ready",
        "trigger": "order.ready",
        "due_at": NOW,
        "state": State.SENDING,
        "seq": 1,
        "event_seq": 1,
        "event_id": "e1",
        "order_ref": "B-1",
        "via_index": via_index,
        "possible_duplicate": False,
        "attempt_count": 0,
        "channel_since": NOW,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Message(**{**fields, **more})  # type: ignore[arg-type]


messages = st.builds(
    lambda via, via_index, tries, again, on_unknown: message(
        tuple(via),
        min(via_index, len(via) - 1),
        attempt_count=tries,
        possible_duplicate=again,
        policy=Policy(on_unknown=on_unknown),
    ),
    st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=4, unique=True),
    st.integers(0, 3),
    st.integers(0, 30),
    st.booleans(),
    st.sampled_from(["resend", "ask"]),
)


def situation(**more: object) -> Situation:
    base = Situation(
        now=NOW,
        backoff=4.0,
        max_attempts=20,
        patience_from=NOW,
        line_down=False,
        can_look_up=False,
        repeat_is_harmless=False,
        usable=lambda name: True,
        enabled=lambda name: True,
    )
    return msgspec.structs.replace(base, **more)


@given(messages, outcomes, situations)
def test_every_outcome_has_a_legal_continuation(it: Message, outcome: Outcome, at: Situation) -> None:
    to = decide(it, outcome, at)
    assert to.state in MOVES[State.SENDING]
    if to.via_index is not None:
        assert it.via_index < to.via_index < len(it.via)
        waits = next_via_index(it, at.usable) is None and at.enabled(it.via[to.via_index])
        assert waits or at.usable(it.via[to.via_index]), "a message is never sent on to a channel that can't take it"
    if to.state is State.QUEUED:
        assert to.due_at is None or to.due_at >= NOW


@given(messages, outcomes, situations)
def test_a_message_is_lost_only_when_no_channel_is_left_or_tries_ran_out(
    it: Message, outcome: Outcome, at: Situation
) -> None:
    to = decide(it, outcome, at)
    if to.state is State.FAILED:
        assert next_via_index(it, at.usable) is None or it.attempt_count + 1 >= at.max_attempts
        assert to.reason


@given(messages, outcomes, situations)
def test_only_a_repeat_after_an_unknown_outcome_or_one_given_up_on_is_marked_as_a_possible_duplicate(
    it: Message, outcome: Outcome, at: Situation
) -> None:
    to = decide(it, outcome, at)
    if to.possible_duplicate:
        assert isinstance(outcome, Unknown)
        assert to.state is State.FAILED or not at.repeat_is_harmless
    if isinstance(outcome, Unknown) and to.state is State.QUEUED:
        assert at.repeat_is_harmless or to.possible_duplicate


@given(messages, situations)
def test_staff_are_left_with_what_is_in_doubt_only_where_the_route_says_so_or_no_way_is_left(
    it: Message, at: Situation
) -> None:
    to = decide(it, Unknown("cut"), at)
    if to.reason.code == "staff_decide":
        is_last = it.possible_duplicate and next_via_index(it, lambda name: at.usable(name) or at.enabled(name)) is None
        assert it.policy.on_unknown == "ask" or is_last


@given(messages, situations)
def test_an_outage_burns_nothing(it: Message, at: Situation) -> None:
    to = decide(it, Deferred("no connection", unreachable=True), msgspec.structs.replace(at, line_down=True))
    assert (to.state, to.counts, to.via_index) == (State.QUEUED, False, None)


@given(messages, situations)
def test_what_is_wrong_with_the_whole_channel_costs_no_message(it: Message, at: Situation) -> None:
    to = decide(it, Rejected(Scope.CHANNEL, "401", "wrong password"), at)
    assert to.state is State.QUEUED
    assert not to.counts
    assert to.via_index == next_via_index(it, at.usable)


@pytest.mark.parametrize("scope", [Scope.MESSAGE, Scope.RECIPIENT])
def test_a_permanent_refusal_moves_on_at_once(scope: Scope) -> None:
    to = decide(message(), Rejected(scope, "21211", "no phone number"), situation())
    assert (to.state, to.via_index, to.due_at) == (State.QUEUED, 1, None)


def test_a_permanent_refusal_by_the_last_channel_fails_with_its_words() -> None:
    to = decide(message(via_index=3), Rejected(Scope.RECIPIENT, "550", "no such mailbox"), situation())
    assert (to.state, to.reason) == (State.FAILED, "no such mailbox")


def test_an_opt_out_with_no_other_way_is_suppressed() -> None:
    refusal = Rejected(Scope.RECIPIENT, "21610", "they answered STOP", opted_out=True)
    assert decide(message(via_index=3), refusal, situation()).state is State.SUPPRESSED


def test_a_transient_fault_waits_on_its_channel() -> None:
    to = decide(message(), Deferred("busy"), situation())
    assert (to.state, to.via_index, to.due_at) == (State.QUEUED, None, NOW + 4000)


def test_the_providers_own_wait_is_honoured() -> None:
    assert decide(message(), Deferred("busy", after=33.0), situation()).due_at == NOW + 33_000


def test_patience_ends_on_the_channel_and_goes_on_to_the_next() -> None:
    to = decide(message(), Deferred("busy"), situation(patience_from=NOW - 600_000))
    assert (to.via_index, to.due_at) == (1, NOW)


def test_a_wait_longer_than_patience_ends_when_patience_does() -> None:
    to = decide(message(), Deferred("busy", after=3600.0), situation(patience_from=NOW - 300_000))
    assert (to.via_index, to.due_at) == (1, NOW + 300_000)


def test_without_another_channel_a_transient_fault_is_waited_out() -> None:
    to = decide(message(("twilio",)), Deferred("busy"), situation(patience_from=NOW - 6_000_000))
    assert (to.state, to.via_index) == (State.QUEUED, None)


def test_tries_run_out() -> None:
    to = decide(message(attempt_count=19), Deferred("busy"), situation())
    assert to.state is State.FAILED
    assert "20 tries" in to.reason


def test_the_unknown_is_looked_up_first_where_it_can_be() -> None:
    to = decide(message(), Unknown("cut"), situation(can_look_up=True))
    assert to.state is State.UNKNOWN
    assert to.due_at is not None
    assert to.due_at > NOW


def test_the_unknown_is_repeated_unmarked_where_a_repeat_is_harmless() -> None:
    to = decide(message(), Unknown("cut"), situation(repeat_is_harmless=True))
    assert (to.state, to.possible_duplicate) == (State.QUEUED, None)


def test_the_unknown_is_repeated_and_marked_where_the_route_says_resend() -> None:
    to = decide(message(), Unknown("cut"), situation())
    assert (to.state, to.via_index, to.possible_duplicate) == (State.QUEUED, None, True)


@pytest.mark.parametrize(
    ("via", "patience_began", "expires_in", "waits"),
    [
        (("sendgrid",), 0, None, REPEAT_AFTER),
        (CHANNELS, 0, None, REPEAT_AFTER),
        (CHANNELS, -500, None, 100),
        (CHANNELS, -700, None, 4),
        (("sendgrid",), -700, None, REPEAT_AFTER),
        (("sendgrid",), 0, 240, 120),
        (("sendgrid",), 0, 2, 4),
    ],
)
def test_its_repeat_waits_for_the_trouble_to_pass_while_there_is_time(
    via: tuple[str, ...], patience_began: int, expires_in: int | None, waits: float
) -> None:
    expires_at = None if expires_in is None else NOW + expires_in * 1000
    at = situation(patience_from=NOW + patience_began * 1000)
    assert decide(message(via, expires_at=expires_at), Unknown("cut"), at).due_at == NOW + waits * 1000


def test_it_does_not_wait_after_what_the_line_cut_or_where_the_provider_was_asked() -> None:
    cut = decide(message(), Unknown("cut"), situation(line_down=True))
    asked = after_unknown(message(), Reason("cut"), situation(can_look_up=True), looked_up=True)
    assert (cut.due_at, asked.due_at) == (NOW + 4000, NOW + 4000)


def test_what_is_in_doubt_once_more_goes_another_way() -> None:
    to = decide(message(possible_duplicate=True), Unknown("cut"), situation())
    assert (to.state, to.via_index, to.possible_duplicate) == (State.QUEUED, 1, True)


@pytest.mark.parametrize(("doubts", "via_index"), [(0, None), (1, None), (2, 1)])
def test_what_our_own_end_cut_is_repeated_twice(doubts: int, via_index: int | None) -> None:
    to = after_unknown(message(possible_duplicate=True), Reason("cut"), situation(doubts=doubts), cut_here=True)
    assert (to.state, to.via_index, to.possible_duplicate) == (State.QUEUED, via_index, True)


@pytest.mark.parametrize(("doubts", "via_index"), [(0, None), (1, None), (2, 1)])
def test_so_is_what_the_line_cut(doubts: int, via_index: int | None) -> None:
    to = decide(message(possible_duplicate=True), Unknown("cut"), situation(doubts=doubts, line_down=True))
    assert (to.state, to.via_index, to.possible_duplicate) == (State.QUEUED, via_index, True)


def test_what_is_in_doubt_once_more_and_has_no_other_way_is_left_to_staff() -> None:
    to = decide(message(possible_duplicate=True, via_index=3), Unknown("cut"), situation())
    assert (to.state, to.reason.code, to.due_at) == (State.UNKNOWN, "staff_decide", None)


def test_what_is_in_doubt_once_more_waits_for_a_way_that_is_only_paused() -> None:
    paused = situation(usable=lambda name: False, enabled=lambda name: name == "sendgrid")
    to = decide(message(possible_duplicate=True), Unknown("cut"), paused)
    assert (to.state, to.via_index, to.possible_duplicate) == (State.QUEUED, 3, True)


def test_the_unknown_is_left_to_staff_where_the_route_says_ask() -> None:
    to = decide(message(policy=Policy(on_unknown="ask")), Unknown("cut"), situation())
    assert (to.state, to.due_at) == (State.UNKNOWN, None)


def test_a_lookup_that_could_not_tell_is_not_begun_again() -> None:
    to = after_unknown(message(), "cut", situation(can_look_up=True), looked_up=True)
    assert (to.state, to.possible_duplicate) == (State.QUEUED, True)


def test_passing_over_skips_channels_that_are_not_usable() -> None:
    to = pass_over(message(), "no phone", situation(usable=lambda name: name == "sendgrid"))
    assert to.via_index == 3


def test_passing_over_waits_for_one_that_is_only_paused_where_there_is_no_other() -> None:
    nobody, mail = situation(usable=lambda name: False), lambda name: name == "sendgrid"
    paused = msgspec.structs.replace(nobody, enabled=mail)
    assert (pass_over(message(), "no phone", paused).state, pass_over(message(), "no phone", paused).via_index) == (
        State.QUEUED,
        3,
    )
    gone = msgspec.structs.replace(nobody, enabled=lambda name: False)
    assert pass_over(message(), "no phone", gone).state is State.FAILED
