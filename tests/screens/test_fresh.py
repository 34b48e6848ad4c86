"""What stands on the terminal is what a page that was opened just now shows, whatever happened before: only what changed is drawn, so
nothing may be forgotten."""

import asyncio
import os
from collections.abc import Callable, Mapping
from difflib import unified_diff

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.counter import Counter, opened
from tests.support.fake_service import FakeService
from tests.support.glass import Glass, Shown
from tests.support.sample_shop import MINUTE, NOW, SampleShop, moment
from tui.screens.board import BoardPage
from tui.screens.outbox import OutboxPage

KEYS = (
    "down",
    "up",
    "right",
    "left",
    "end",
    "home",
    "pagedown",
    "escape",
    "n",
    "m",
    "a",
    "f",
    "question_mark",
    "s",
    "tab",
    "l",
)
"""What opens boxes, closes them, has the board as a list or as columns again, and moves about in them and on pages; none of it asks the service for anything."""


def _told(service: FakeService, state: str) -> None:
    message = next(each for each in service.shop.messages.values() if each["order_ref"] == "B-1042")
    service.change_message(message["id"], state=state, reason="" if state == "delivered" else "the line broke")


def _renamed(service: FakeService) -> None:
    customer = service.shop.orders["B-1036"]["customer"]
    service.change_order("B-1036", customer={**customer, "name": customer["name"] + "a"})


def _come(service: FakeService) -> None:
    shop = service.shop
    ref = f"B-11{len(shop.orders)}"
    shop.add_order(ref, "order.confirmed", "making", now=service.clock.now(), name="New", promised=NOW + 3 * MINUTE)
    service.change_order(ref)


def _gone(service: FakeService) -> None:
    for each in ("B-1043", "B-1044", "B-1047"):
        service.change_order(each, status="order.completed", stage="done")


def _channel(service: FakeService, **changes: object) -> None:
    service.shop.channels["twilio"] |= changes
    service.tell("channel", service.shop.channels["twilio"])


def _called(service: FakeService) -> None:
    for call in service.shop.calls.values():
        call["done_at"] = moment(service.clock.now())


def _troubled(service: FakeService) -> None:
    service.shop.trouble = [{"what": "disk", "why": "the disk is nearly full", "since": moment(NOW)}]


HAPPENINGS: Mapping[str, Callable[[FakeService], object]] = {
    "an order is made": lambda service: service.change_order("B-1043", status="order.ready", stage="ready"),
    "an order goes back": lambda service: service.change_order("B-1043", status="order.confirmed", stage="making"),
    "an order comes": _come,
    "orders go": _gone,
    "an order is held": lambda service: service.change_order("B-1042", held=True),
    "a customer has another name": _renamed,
    "a customer is told": lambda service: _told(service, "delivered"),
    "a customer is not told": lambda service: _told(service, "failed"),
    "a customer writes": lambda service: service.reply("B-1036", "are you open?"),
    "a channel is paused": lambda service: _channel(service, state="paused", reason="it rains"),
    "a channel has another title": lambda service: _channel(service, state="ready", reason="", title="Bell"),
    "somebody was phoned": _called,
    "there is trouble": _troubled,
    "the line is down": lambda service: service.change_uplink("down"),
    "the line is up": lambda service: service.change_uplink("up"),
}

EXAMPLES = int(os.environ.get("TETHER_FRESH", "6"))
"""The suite plays the same every time; more of them are others."""

deeds = st.one_of(
    st.sampled_from(KEYS).map(lambda key: ("key", key)),
    st.sampled_from("01234567o").map(lambda page: ("page", page)),
    st.sampled_from(sorted(HAPPENINGS)).map(lambda what: ("what", what)),
    st.sampled_from((60, 600)).map(lambda seconds: ("time", str(seconds))),
)


def test_what_stands_there_is_what_a_fresh_page_shows() -> None:
    with asyncio.Runner() as runner:

        @settings(max_examples=EXAMPLES, derandomize=EXAMPLES == 6, database=None, phases=[Phase.generate])
        @given(st.lists(deeds, min_size=4, max_size=14))
        def follow(steps: list[tuple[str, str]]) -> None:
            runner.run(_follow(steps))

        follow()


async def _follow(steps: list[tuple[str, str]]) -> None:
    async with opened(SampleShop.ordinary(), size=(120, 30)) as counter:
        glass = Glass(counter.app)
        for kind, what in steps:
            await _do(counter, kind, what)
        await counter.pass_time(60)
        text, rows = await _at_rest(counter, glass)
        await counter.app._looks.speak("en")
        fresh_text, fresh_rows = await _at_rest(counter, glass)
        difference = unified_diff(text.splitlines(), fresh_text.splitlines(), "stands", "fresh", lineterm="")
        assert text == fresh_text, "\n".join(difference)
        assert rows == fresh_rows


async def _do(counter: Counter, kind: str, what: str) -> None:
    match kind:
        case "key":
            await counter.press(what)
        case "page" if what == "o":
            counter.app.open_order("B-1042")
        case "page":
            await counter.app.action_go(list(counter.app.MODES)[int(what)])
        case "what":
            HAPPENINGS[what](counter.service)
        case _:
            await counter.pass_time(float(what))
    await counter.pilot.pause()


async def _at_rest(counter: Counter, glass: Glass) -> tuple[str, list[list[Shown]]]:
    """What stands there once no box is open, nothing moves any more, and all cursors are where they begin."""
    app = counter.app
    while app.screen is not app.page:
        await app.pop_screen()
    app.omnibox.clear()
    app.session.hush()
    if isinstance(app.page, BoardPage) and app.page._is_list():
        await counter.press("l")
    if isinstance(app.page, OutboxPage):
        app.page.action_filter("all")
    await counter.press("left", "left", "left", "home")
    await counter.pass_time(1)
    writes = -1
    while glass.writes != writes:
        writes = glass.writes
        await counter.pilot.pause(0.05)
    return glass.text, glass.rows
