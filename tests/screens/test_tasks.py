"""The tasks of docs/counter.md, each done by exactly the keys that stand there."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support.counter import Counter, opened
from tests.support.sample_shop import NOW, SampleShop
from tests.support.typist import Typist
from tui.line.tempo import Tempo

GUIDE = Path(__file__).parents[2] / "docs" / "counter.md"
FIRST_IN_TURN = {"take that back": "n enter"}
"""What must have been done before."""


def sent(ending: str, **values: object) -> Callable[[Counter], bool]:
    """That something was asked of the service at such a path, with these values in it."""
    return lambda counter: any(values.items() <= body.items() for body in counter.posted(ending))


def stands(*parts: str) -> Callable[[Counter], bool]:
    return lambda counter: all(part in counter.text for part in parts)


DONE: Mapping[str, Callable[[Counter], bool]] = {
    "open an order by its number": stands("B-1042  Ada", "Told by text 09:55"),
    "open an order by its customer's name": stands("B-1036  Noor"),
    "open an order by its label": stands("B-1036  Noor"),
    "take an order's next step and tell its customer": lambda counter: any(
        body["status"] == "order.ready" and not body.get("silent") for body in counter.posted("/B-1040/status")
    ),
    "take that back": sent("/B-1040/undo"),
    "promise another time": sent("/B-1043/status", status="order.changed", promised_at="2026-11-24T17:00:00+00:00"),
    "say that an order is late": sent("/B-1040/status", status="order.delayed"),
    "reach somebody who was not told, at a number they give": sent("/B-1039/contact", phone="07700 900456"),
    "note that they were phoned": sent("/B-1039/told", how="phone"),
    "note that they were told in person": sent("/B-1039/told", how="in_person"),
    "answer what a customer wrote": sent("/B-1042/messages", text="See you soon"),
    "mark it as read": sent("/r1/read"),
    "hold an order's messages": sent("/B-1043/hold"),
    "note that somebody wants no more texts": sent("/optouts", medium="sms", address="07700 900123"),
    "send again what failed": sent("/retry"),
    "take a walk-in's order": sent("/v1/orders", customer={"name": "Iris", "phone": "07700 900999"}),
}


def guide() -> Mapping[str, str]:
    """Task -> keys, as staff read them."""
    table = GUIDE.read_text(encoding="utf-8").partition("## Sixteen tasks")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", table, re.MULTILINE)[1:])


def shop() -> SampleShop:
    shop = SampleShop.ordinary()
    shop.calls[next(iter(shop.calls))]["phone"] = "+447700900456"
    shop.add_order("B-0977", "order.completed", "done", now=NOW - 10**9, name="Noor")
    return shop


async def press(typist: Typist, keys: str) -> None:
    for typed, key in re.findall(r"“([^”]+)”|(\S+)", keys):
        if typed:
            await typist.rest()
            await typist.types(typed, [0.05] * len(typed))
        else:
            await typist.presses(key)


def test_there_are_sixteen() -> None:
    assert list(guide()) == list(DONE)
    assert len(DONE) == 16


@pytest.mark.parametrize("task", DONE)
async def test_its_keys_do_it(task: str) -> None:
    async with opened(shop(), size=(100, 30), tempo=Tempo()) as counter:
        typist = Typist(counter)
        await press(typist, FIRST_IN_TURN.get(task, ""))
        assert not DONE[task](counter)
        await press(typist, guide()[task])
        await counter.until(lambda: DONE[task](counter), passing=0.1)
