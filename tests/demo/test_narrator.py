"""What people read while the demo runs."""

import io
from typing import Any

from daemon.demo.narrator import Narrator
from daemon.demo.story import Happening, Person
from daemon.demo.till import Announcement
from daemon.demo.verdict import Judgement

ADA = Person("Ada", "07700 900123", remark="gave no e-mail address")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def message(state: str = "queued", **more: Any) -> Announcement:
    data = {"id": "m1", "order_ref": "B-01", "recipient": "customer", "state": state, "reason": "", "via": ["twilio"]}
    return Announcement("1", "message", {**data, **more})


def attempt(outcome: str | None = "accepted", **more: Any) -> Announcement:
    data = {
        "message_id": "m1",
        "order_ref": "B-01",
        "n": 1,
        "channel": "twilio",
        "outcome": outcome,
        "receipt": None,
        "detail": "",
        "code": "",
        "sent": {"text": "Hi Ada,\nready", "subject": None},
    }
    return Announcement("2", "attempt", {**data, **more})


def narrate(*said: Announcement, out: io.StringIO | None = None) -> str:
    out = out or io.StringIO()
    narrator = Narrator(out, ["hubspot"])
    narrator.happens(Happening("01", "order.ready"), "B-01", ADA)
    for told in said:
        narrator.hear(told)
    narrator.tell_records()
    return out.getvalue()


def test_plain_where_it_is_no_terminal_and_in_colour_where_it_is(monkeypatch: Any) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" not in narrate(message(), attempt())
    assert "\x1b" in narrate(message(), attempt(), out=Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in narrate(message(), attempt(), out=Terminal())


def test_an_event_and_what_became_of_it() -> None:
    lines = narrate(message(), attempt()).splitlines()
    assert lines == [
        "  order.ready                B-01      Ada  (gave no e-mail address)",
        "      ✓ B-01 Ada by twilio: Hi Ada, ready",
    ]


def test_an_attempt_waits_until_its_message_is_known() -> None:
    assert "B-01 Ada by twilio" in narrate(attempt(), message())


def test_the_same_thing_is_told_once() -> None:
    assert narrate(message(), attempt(), attempt()).count("✓") == 1
    assert narrate(message("suppressed"), message("suppressed")).count("✗") == 1


def test_a_refusal_and_a_loss_are_told_with_their_reason() -> None:
    refused = attempt("rejected", detail="not a mobile number")
    assert "↷ B-01 Ada: twilio says not a mobile number" in narrate(message(), refused)
    assert "twilio could not deliver it" in narrate(message(), attempt(), attempt(receipt="undelivered"))
    assert "delivered" not in narrate(message(), attempt(), attempt(receipt="delivered"))


def test_who_is_not_told_and_why() -> None:
    assert "✗ B-01 Ada not told: no phone number" in narrate(message("suppressed", reason="no phone number"))
    assert "· B-01 Ada replaced by newer news" in narrate(message("superseded"))


def test_records_are_only_counted() -> None:
    said = narrate(message(via=["hubspot"]), attempt(channel="hubspot"))
    assert "≡ 1 records written in CRM systems" in said
    assert "✓" not in said


def test_events_of_others_are_passed_over() -> None:
    assert "✓" not in narrate(message(order_ref="X"), attempt(order_ref="X"))


def test_the_line_is_told_of() -> None:
    assert "the line is down" in narrate(Announcement("3", "uplink", {"state": "down"}))


def test_the_welcome_can_be_pasted() -> None:
    out = io.StringIO()
    Narrator(out, []).welcome("http://127.0.0.1:8787", "tether_x", "http://127.0.0.1:9100")
    said = out.getvalue()
    assert "curl http://127.0.0.1:8787/v1/events -H 'Authorization: Bearer tether_x'" in said
    assert "tether tui --url http://127.0.0.1:8787 --token tether_x" in said
    assert "http://127.0.0.1:9100/_sandbox/" in said


def test_the_sum_tells_the_verdict_and_every_problem() -> None:
    out = io.StringIO()
    Narrator(out, []).sum_up(Judgement(events=3, arrived=2))
    assert "once and in order" in out.getvalue()
    out = io.StringIO()
    Narrator(out, []).sum_up(Judgement(missing=["this"], doubled=["that"]))
    assert "missing: this" in out.getvalue()
    assert "twice: that" in out.getvalue()
    assert "2 problems" in out.getvalue()


def test_a_day_in_which_people_took_part_is_not_judged() -> None:
    out = io.StringIO()
    Narrator(out, []).sum_up(Judgement(missing=["order.ready of B-1 to the customer"], shared=True))
    assert "it is not judged" in out.getvalue()
    assert "missing" not in out.getvalue()
