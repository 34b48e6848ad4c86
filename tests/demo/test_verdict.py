"""The verdict sees what is missing, doubled, out of order or astray, and forgives what is as it should be."""

from collections.abc import Mapping, Sequence
from typing import Any

from daemon.demo.story import CUSTOMER, TEAM, Day, Happening, Person
from daemon.demo.verdict import Judgement, Posted, judge
from daemon.sandbox import Arrival
from daemon.sandbox.fate import Fate

MEDIA = {"twilio": "sms", "vonage": "sms", "slack": "chat", "hubspot": "crm"}
ADA = Person("Ada", "07700 900123")
SAM = Person("Sam", reachable=False)
ROSA = Person("Rosa", "07700 900901", lost_at_first=True)
DAY = Day({"01": ADA, "02": SAM, "03": ROSA}, {}, ())


def posted(*happenings: Happening) -> list[Posted]:
    return [Posted(f"e{n}", f"B-{h.order}", h) for n, h in enumerate(happenings, start=1)]


def message(event: str, recipient: str = CUSTOMER, state: str = "sent", **more: Any) -> dict[str, Any]:
    order, trigger = more.pop("order", "01"), more.pop("trigger", "order.ready")
    channel = more.pop("channel", "twilio")
    id = f"m-{event}-{recipient}"
    attempts = [{"channel": channel, "provider_id": f"{channel}-{id}"}]
    return {
        "id": id,
        "event_id": event,
        "recipient": recipient,
        "state": state,
        "order_ref": f"B-{order}",
        "trigger": trigger,
        "via": [channel],
        "reason": "",
        "attempts": attempts,
        **more,
    }


def arrival(seq: int, of: Mapping[str, Any], channel: str = "twilio", **more: Any) -> Arrival:
    given: dict[str, Any] = {
        "provider": channel,
        "medium": MEDIA[channel],
        "id": f"{channel}-{of['id']}",
        "to": "+447700900123",
        "text": "Hi",
        "at": 0,
        "method": "POST",
        "path": "/",
        "body": of["order_ref"],
    }
    return Arrival(seq=seq, **{**given, **more})


def verdict(events: Sequence[Posted], messages: Sequence[dict[str, Any]], arrivals: Sequence[Arrival]) -> Judgement:
    return judge(DAY, events, messages, arrivals, MEDIA)


READY = Happening("01", "order.ready")


def test_all_is_well() -> None:
    events = posted(READY, Happening("01", "order.placed", (CUSTOMER, TEAM)))
    told = [message("e1"), message("e2"), message("e2", TEAM, channel="slack")]
    found = verdict(events, told, [arrival(1, told[0]), arrival(2, told[1]), arrival(3, told[2], "slack")])
    assert found.ok
    assert (found.events, found.arrived) == (2, 3)


def test_a_message_that_claims_to_be_sent_and_never_arrived_is_missing() -> None:
    found = verdict(posted(READY), [message("e1")], [])
    assert not found.ok
    assert "order.ready of B-01" in found.missing[0]


def test_what_arrived_though_its_answer_did_not_come_is_known_by_its_words() -> None:
    """As on a machine so busy that the service gave the provider up."""
    told = message("e1", state="unknown")
    told["attempts"] = [{"channel": "twilio", "provider_id": "", "outcome": "unknown", "sent": {"text": "Hi"}}]
    assert verdict(posted(READY), [told], [arrival(1, told)]).astray == []
    assert len(verdict(posted(READY), [told], [arrival(1, told, text="Hi Otto")]).astray) == 1


def test_an_event_that_led_to_no_message_is_missing() -> None:
    assert "never planned" in verdict(posted(READY), [], []).missing[0]


def test_a_failed_message_is_missing_with_its_reason() -> None:
    found = verdict(posted(READY), [message("e1", state="failed", reason="no way", attempts=[])], [])
    assert found.missing == ["order.ready of B-01 to the customer: failed (no way)"]


def test_the_same_message_twice_by_one_channel_is_doubled() -> None:
    told = message("e1")
    found = verdict(posted(READY), [told], [arrival(1, told), arrival(2, told)])
    assert found.doubled == ["order.ready of B-01 to the customer by twilio"]


def test_another_channel_after_a_loss_is_not_doubled_but_needed() -> None:
    event = posted(Happening("03", "order.ready"))
    told = message("e1", order="03")
    lost = arrival(1, told, fate=Fate.UNDELIVERED)
    assert "not tried elsewhere" in verdict(event, [told], [lost]).missing[0]
    told["attempts"].append({"channel": "vonage", "provider_id": f"vonage-{told['id']}"})
    assert verdict(event, [told], [lost, arrival(2, told, "vonage")]).ok


def test_news_in_the_wrong_order_is_seen() -> None:
    events = posted(Happening("01", "order.confirmed"), READY)
    told = [message("e1", trigger="order.confirmed"), message("e2")]
    assert verdict(events, told, [arrival(1, told[0]), arrival(2, told[1])]).ok
    found = verdict(events, told, [arrival(1, told[1]), arrival(2, told[0])])
    assert found.misordered == ["order.confirmed of B-01 to the customer"]


def test_replaced_news_is_forgiven_only_if_newer_news_arrived() -> None:
    events = posted(Happening("01", "order.confirmed"), READY)
    old = message("e1", state="superseded", trigger="order.confirmed", attempts=[])
    new = message("e2")
    assert verdict(events, [old, new], [arrival(1, new)]).replaced == 1
    assert not verdict(events[:1], [old], []).ok


def test_who_cannot_be_reached_is_forgiven_only_if_the_outbox_says_so() -> None:
    events = posted(Happening("02", "order.ready"))
    silent = message("e1", state="suppressed", order="02", via=[], attempts=[])
    assert not verdict(events, [silent], []).ok
    found = verdict(events, [{**silent, "reason": "no phone number"}], [])
    assert (found.ok, found.unreachable) == (True, 1)


def test_what_nobody_sent_and_what_nobody_should_get_is_astray() -> None:
    told = message("e1")
    stray = arrival(2, told, "vonage", id="other")
    assert "vonage" in verdict(posted(READY), [told], [arrival(1, told), stray]).astray[0]
    silent = posted(Happening("01", "payment.failed", ()))
    found = verdict(silent, [message("e1", trigger="payment.failed")], [arrival(1, message("e1"))])
    assert "who was not to hear of it" in found.astray[0]


def test_records_in_a_crm_are_counted_apart_and_must_be_there() -> None:
    told, record = message("e1"), message("e1", "customer.hubspot", channel="hubspot")
    written = arrival(2, record, "hubspot", body="order.ready B-01")
    found = verdict(posted(READY), [told, record], [arrival(1, told), written])
    assert (found.ok, found.arrived, found.records) == (True, 1, 1)
    assert not verdict(posted(READY), [told, record], [arrival(1, told)]).ok
