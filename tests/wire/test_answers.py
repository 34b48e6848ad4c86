"""The structs of the wire, as whoever reads them meets them: a face of an older or a newer release, and strangers' words in between."""

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

import daemon.wire
from daemon.wire.customers import Reply
from daemon.wire.messages import Message
from daemon.wire.orders import Entry, Order, Told
from daemon.wire.service import Glance
from daemon.wire.stages import STAGES, standing
from daemon.wire.values import Answer, When, decode, encode

for each in pkgutil.iter_modules(daemon.wire.__path__):
    importlib.import_module(f"daemon.wire.{each.name}")

LOADS = """
import importlib, pkgutil, sys
import daemon.wire
for each in pkgutil.iter_modules(daemon.wire.__path__):
    importlib.import_module(f"daemon.wire.{each.name}")
print(*{name.split(".")[0] for name in sys.modules} & {"aiohttp", "asyncio", "babel", "jinja2", "phonenumbers", "sqlite3", "typer"})
print(*(name for name in sys.modules if name.startswith(("daemon.", "outbox.")) and not name.startswith("daemon.wire")))
"""


def below(kind: type[Answer]) -> Iterator[type[Answer]]:
    for each in kind.__subclasses__():
        yield each
        yield from below(each)


ANSWERS = [each for each in below(Answer) if each.__module__ != "daemon.wire.values"]
NAMES: dict[str, Any] = {"index": 0, "status": 202, "duplicate": False, "seq": 1, "at": 1, "held": False}
"""Of a thing's own name: those that are no text."""


def least(kind: type[Answer]) -> dict[str, Any]:
    """What a thing is called, and nothing else."""
    return {
        field.encode_name: NAMES.get(field.name, "x")
        if field.name not in ("event_id", "problem") or kind.__name__ == "Accepted"
        else None
        for field in msgspec.structs.fields(kind)
        if field.required
    }


@pytest.mark.parametrize("kind", ANSWERS, ids=lambda kind: kind.__name__)
def test_what_another_release_leaves_out_or_adds_breaks_nothing(kind: type[Answer]) -> None:
    bare = decode(msgspec.json.encode(least(kind)), kind)
    news = least(kind) | {"a_field_of_tomorrow": {"nested": [1, 2]}, "another": None}
    assert decode(msgspec.json.encode(news), kind) == bare


def test_a_value_that_this_release_has_no_word_for_is_read_as_it_is() -> None:
    told = Told("m1", "teleported", "pigeon", When(5))
    sent = encode(Order(ref="B-1", status="order.engraved", stage="engraving", told=told, updated_at=When(7)))
    read = decode(sent, Order)
    assert (read.status, read.stage, read.told) == ("order.engraved", "engraving", told)
    assert standing(read.stage) == "making"
    assert [standing(stage) for stage in STAGES] == list(STAGES)


def test_moments_are_written_as_rfc_3339_and_read_to_the_millisecond() -> None:
    at = When(1_795_515_300_123)
    sent = encode(Message(id="m1", created_at=at, expires_at=None))
    assert msgspec.json.decode(sent)["created_at"] == "2026-11-24T10:15:00.123Z"
    assert msgspec.json.decode(sent)["expires_at"] is None
    assert decode(sent, Message).created_at == at
    for written in ('"2026-11-24T11:15:00.123+01:00"', '"2026-11-24T10:15:00.123"', "1795515300123"):
        assert decode(f'{{"id": "m1", "created_at": {written}}}', Message).created_at == at


@pytest.mark.parametrize("written", ['"yesterday"', "true", "[1]", '"2026-13-45T99:00:00Z"'])
def test_what_is_no_moment_is_refused(written: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(f'{{"id": "m1", "created_at": {written}}}', Message)


def test_an_entry_leaves_out_what_says_nothing() -> None:
    assert msgspec.json.decode(encode(Entry(at=When(0), kind="reply", text="yes"))) == {
        "at": "1970-01-01T00:00:00.000Z",
        "kind": "reply",
        "text": "yes",
    }


def test_strangers_words_do_not_reach_a_terminal() -> None:
    """A customer writes an escape sequence that would retitle the counter's terminal, and a line that reads backwards."""
    reply = decode(b'{"id": "r1", "from": "x", "text": "hi \\u001b]0;owned\\u0007 \\u202eevil"}', Reply)
    assert reply.text == "hi ]0;owned evil"


def test_a_modem_that_is_told_of_otherwise_is_as_none() -> None:
    told = {"operator": "EE", "bars": 3, "state": "ready", "identity": {"imei": "…1234"}}
    known = decode(msgspec.json.encode({"modem": told}), Glance).radio
    assert known is not None
    assert (known.operator, known.bars) == ("EE", 3)
    assert decode(b'{"modem": {"bars": "three"}}', Glance).radio is None
    assert decode(b'{"modem": null}', Glance).radio is None


def test_each_value_of_a_few_is_kept_once() -> None:
    """A screen holds 20,000 messages: their states and channels are not 40,000 strings."""
    first, second = (decode(b'{"id": "m", "state": "delivered", "channel": "twilio"}', Message) for _ in range(2))
    assert first.state is second.state
    assert first.channel is second.channel


def test_reading_an_answer_loads_nothing_of_the_services_own() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", LOADS],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    assert loaded.split() == ["outbox.harmless"]
