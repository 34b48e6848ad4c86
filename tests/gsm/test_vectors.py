"""The codec against vectors that two other programs agree on."""

import json
from typing import Any

import pytest

from daemon.modem import pdu
from daemon.modem.pdu import Deliver, StatusReport, Submit
from daemon.modem.userdata import Concat
from tests.support.shared import shared


def _vectors(kind: str) -> list[Any]:
    vectors: list[Any] = json.loads(shared("specs/pdu-vectors.json").read_text())[kind]
    return vectors


_NUMBERS = {"0B915155214365F7": "+15551234567", "0B916407281553F8": "+46708251358", "0781551532F4": "5551234"}
_CONCAT = {
    "V8": Concat(0x70, 2, 2),
    "V9": Concat(0x1234, 2, 1, wide=True),
    "V10": Concat(0x2A, 2, 1),
    "V12": Concat(1, 2, 1),
    "V13": Concat(1, 2, 1, wide=True),
}


@pytest.mark.parametrize("index", range(13))
def test_submit(index: int) -> None:
    vector = _vectors("V")[index]
    hexa, name = vector["pdu"], vector["name"].split()[0]
    first = int(hexa[2:4], 16)
    submit = Submit(
        number=next(number for octets, number in _NUMBERS.items() if octets in hexa),
        text=vector["exp"],
        concat=_CONCAT.get(name),
        validity=86400 if first & 0x18 else None,
        wants_report=bool(first & 0x20),
    )
    assert submit.command() == (vector["len"], hexa)


@pytest.mark.parametrize(
    ("index", "sender"), [(0, "+15551230000"), (1, "Balloon"), (2, "+15551230000"), (3, "+15551230000")]
)
def test_deliver(index: int, sender: str) -> None:
    _, text, hexa = _vectors("D")[index]
    message = pdu.decode(hexa)
    assert isinstance(message, Deliver)
    assert message.words.text == text
    assert message.sender.value == sender
    assert message.sent_at is not None
    assert message.sent_at.isoformat() == "2026-11-24T10:22:31+00:00"
    assert message.for_people


def test_deliver_part_says_which() -> None:
    message = pdu.decode(_vectors("D")[3][2])
    assert isinstance(message, Deliver)
    assert message.words.header.concat == Concat(9, 2, 1)


@pytest.mark.parametrize(
    ("index", "delivery"),
    [(0, pdu.Delivery.DELIVERED), (1, pdu.Delivery.TRYING), (2, pdu.Delivery.FAILED), (3, pdu.Delivery.FAILED)],
)
def test_status_report(index: int, delivery: pdu.Delivery) -> None:
    report = pdu.decode(_vectors("S")[index][1])
    assert isinstance(report, StatusReport)
    assert (report.reference, report.recipient.value, report.delivery) == (77, "+15551234567", delivery)
    assert report.done_at is not None
    assert report.done_at.isoformat() == "2026-11-24T10:22:45+00:00"
