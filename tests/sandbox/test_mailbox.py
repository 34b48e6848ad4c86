"""The mailbox is bounded, and counts what it holds."""

from daemon.sandbox.mailbox import Arrival, Mailbox


def arrival(seq: int, *, reference: str = "", to: str = "a", text: str = "t", repeat: bool = False) -> Arrival:
    return Arrival(
        seq=seq,
        provider="twilio",
        medium="sms",
        id=f"SM{seq}",
        to=to,
        text=text,
        reference=reference,
        at=0,
        method="POST",
        path="/",
        body="",
        repeat=repeat,
    )


def test_forgets_the_oldest_and_its_count() -> None:
    mailbox = Mailbox(2)
    for seq, reference in enumerate(("m1.1", "m2.1", "m2.2"), start=1):
        mailbox.add(arrival(seq, reference=reference))
    assert [a.seq for a in mailbox] == [2, 3]
    assert mailbox.counts() == {"m2": 2}
    assert mailbox.find("twilio", "SM1") is None
    assert mailbox.find("twilio", "SM3") is not None
    assert mailbox.total == 3


def test_repeats_without_effect_are_kept_and_not_counted() -> None:
    mailbox = Mailbox(10)
    mailbox.add(arrival(1, reference="m1.1"))
    mailbox.add(arrival(2, reference="m1.2", repeat=True))
    assert len(mailbox) == 2
    assert mailbox.counts() == {"m1": 1}


def test_without_a_reference_recipient_and_text_tell_messages_apart() -> None:
    mailbox = Mailbox(10)
    for seq, (to, text) in enumerate([("a", "x"), ("a", "x"), ("b", "x"), ("a", "y")], start=1):
        mailbox.add(arrival(seq, to=to, text=text))
    assert sorted(mailbox.counts().values()) == [1, 1, 2]


def test_selects_by_provider_recipient_and_number() -> None:
    mailbox = Mailbox(10)
    for seq in (1, 2, 3):
        mailbox.add(arrival(seq, to="a" if seq < 3 else "b"))
    assert [a.seq for a in mailbox.select(to="a", since=1)] == [2]
    assert [a.seq for a in mailbox.select(limit=2)] == [1, 2]
    assert mailbox.select(provider="slack") == []
