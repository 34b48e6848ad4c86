"""Whatever is typed or scanned, at any speed, with the screen held up: never a step nobody asked for, never a lost character.

Keys carry the time at which they reached the terminal. A screen that is held up hears of many at once, late, in their order; so keys
whose times lie in one hold are given to it without a pause between them.
"""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.events import Paste
from textual.widgets import TextArea

from daemon.wire.record import Chain
from tests.support.counter import Counter, opened
from tests.support.sample_shop import NOW, SampleShop
from tests.support.typist import Typist
from tui.line.tempo import Tempo

NAMES = (
    "noor",
    "sam",
    "ada",
    "una",
    "mia",
    "nesrin",
    "hana",
    "rita",
    "lin",
    "xavier",
    "nn",
    "aaron",
    "susan",
    "Zoë",
    "kofi",
    "dan",
    "ls",
)
NUMBERS = (
    "1004",
    "5012345678900",
    "b-1042",
    "B-1042",
    "31044",
    "]C0B-1036",
    "77",
    "n-1042",
    "c-12345",
    "u2u2u2",
    "2231044112233",
)
ENDS = ("\r", "\n", "\r\n", "\t", "")

texts = st.one_of(
    st.sampled_from(NAMES), st.sampled_from(NUMBERS), st.text("abdhlmnosuxyr01234567-", min_size=2, max_size=8)
)
gaps = st.sampled_from((0.001, 0.005, 0.033, 0.1, 0.2))


@st.composite
def bursts(draw: st.DrawFn) -> tuple[str, list[float]]:
    """What is typed, and the seconds before each key."""
    pace = draw(gaps)
    ends = ENDS if pace < 0.04 else ("\r", "")
    typed = draw(texts) + draw(st.sampled_from(ends))
    return typed, [pace * draw(st.floats(0.7, 1.3)) for _ in typed]


def shop() -> SampleShop:
    """A shop in which every key would do something."""
    found = SampleShop.ordinary()
    found.add_order("1004", "order.confirmed", "making", now=NOW, name="Una")
    return found


def test_nothing_typed_is_lost_and_nothing_is_done_by_it() -> None:
    with asyncio.Runner() as runner:
        opening = opened(shop(), tempo=Tempo())
        counter = runner.run(opening.__aenter__())
        typist = Typist(counter)

        @settings(max_examples=20, deadline=None, database=None)
        @given(st.sampled_from("01234567o"), bursts(), st.sets(st.integers(0, 6), max_size=2))
        def type_it(page: str, burst: tuple[str, list[float]], holds: set[int]) -> None:
            runner.run(_type_it(typist, page, burst, holds))

        try:
            type_it()
        finally:
            runner.run(opening.__aexit__(None, None, None))


async def _type_it(typist: Typist, page: str, burst: tuple[str, list[float]], holds: set[int]) -> None:
    counter, (typed, before) = typist.counter, burst
    await _at_rest_on(counter, page)
    await typist.rest()
    text = typed.rstrip("\r\n\t")
    await typist.types(text, before[: len(text)], holds)
    await counter.until(lambda: counter.app.omnibox.text == text)
    await typist.types(typed[len(text) :], before[len(text) :])
    await typist.rest()
    assert not counter.service.posts, (page, typed)


async def _at_rest_on(counter: Counter, page: str) -> None:
    """On a page, nothing open, nothing typed."""
    app = counter.app
    await app.action_go("board" if page == "o" else list(app.MODES)[int(page)])
    app.omnibox.clear()
    if page == "o":
        app.open_order("B-1039")
    await counter.until(lambda: counter.app.page is counter.app.screen)


async def test_a_name_spelt_at_a_character_a_second_is_text_and_does_nothing() -> None:
    async with opened(shop(), tempo=Tempo()) as counter:
        typist = Typist(counter)
        for name in ("noor", "sam", "una", "1004", "nesrin"):
            await _at_rest_on(counter, "1")
            await typist.rest()
            await typist.types(name, [1.0] * len(name))
            assert counter.app.omnibox.text == name
            await typist.types("\r", [1.0])
            await typist.rest()
            assert not counter.service.posts


async def test_a_key_alone_is_still_a_command() -> None:
    async with opened(tempo=Tempo()) as counter:
        typist = Typist(counter)
        await typist.rest()
        await typist.types("n", [0])
        await counter.see("making → READY")
        await typist.types("\r", [0.3])
        assert not counter.service.posts, "no box takes Enter before it was seen"
        await typist.types("\r", [2])
        await counter.see("B-1040 is now: ready.")
        await typist.types("u", [2])
        await counter.clock.advance(1)
        assert not counter.posted("/undo"), "it may still be the beginning of a name"
        await counter.see("taken back", passing=0.1)


async def test_a_burst_that_a_busy_screen_hears_of_late_opens_no_box() -> None:
    async with opened(shop(), tempo=Tempo()) as counter:
        typist = Typist(counter)
        await typist.rest()
        await typist.types("noor\r", [0.001] * 5, {0, 1, 2, 3, 4})
        await counter.see("B-1036  Noor  OUT FOR DELIVERY")
        await typist.rest()
        await typist.types("5012345678900\r\n", [0.001] * 15)
        await counter.see("There is no order 5012345678900.")
        assert not counter.service.posts


async def test_a_scan_into_an_open_box_presses_nothing() -> None:
    async with opened(shop(), tempo=Tempo()) as counter:
        typist = Typist(counter)
        for opener in "nm":
            await _at_rest_on(counter, "1")
            await typist.rest()
            await typist.types(opener, [0])
            await typist.rest()
            for _ in range(3):
                await typist.types("B-1042\r\n", [0.001] * 8)
                await typist.rest()
            assert not counter.service.posts


@pytest.mark.parametrize("name", ["donna", "conrad", "rosa"])
@pytest.mark.parametrize("pace", [0.6, 1.0])
async def test_a_name_spelt_slowly_on_now_decides_nothing(name: str, pace: float) -> None:
    """Each letter may be a command there, and two of them need no box: so long as letters go on coming, none of them was one."""
    async with opened(shop(), tempo=Tempo()) as counter:
        typist = Typist(counter)
        await _at_rest_on(counter, "0")
        if name == "rosa":
            await typist.presses("down")
        await typist.rest()
        await _slowly(typist, name, pace)
        await counter.until(lambda: counter.app.omnibox.text == name)
        await typist.rest()
        assert not counter.service.posts


@pytest.mark.parametrize("pace", [0.2, 0.9])
async def test_a_name_spelt_on_the_call_list_prints_nothing(pace: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet with whole telephone numbers can't be called back from the printer."""
    printed: list[str] = []

    async def paper(sheet: str, file_name: str) -> None:
        printed.append(sheet)

    monkeypatch.setattr("tui.screens.calls.print_out", paper)
    async with opened(shop(), tempo=Tempo()) as counter:
        typist = Typist(counter)
        await _at_rest_on(counter, "5")
        await typist.rest()
        await _slowly(typist, "paul", pace)
        await counter.until(lambda: counter.app.omnibox.text == "paul")
        await typist.rest()
        assert not printed
        counter.app.omnibox.clear()
        await typist.types("p", [1])
        await typist.rest()
        await counter.see("The list is at the printer.")


async def test_a_name_spelt_on_the_record_has_no_chain_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read whole for it, which takes a small machine minutes."""
    checked: list[None] = []
    async with opened(shop(), tempo=Tempo()) as counter:
        client = counter.app.session.client
        verify = client.verify

        async def counted() -> Chain:
            checked.append(None)
            return await verify()

        monkeypatch.setattr(client, "verify", counted)
        typist = Typist(counter)
        await _at_rest_on(counter, "7")
        await typist.rest()
        await _slowly(typist, "vera", 0.9)
        await counter.until(lambda: counter.app.omnibox.text == "vera")
        await typist.rest()
        assert not checked
        counter.app.omnibox.clear()
        await typist.types("vv", [1, 1])
        await typist.rest()
        await counter.see("The chain holds")
        assert len(checked) == 1


async def test_a_name_spelt_slowly_takes_no_step_back() -> None:
    async with opened(shop(), tempo=Tempo()) as counter:
        typist = Typist(counter)
        await _take_a_step(typist)
        await _slowly(typist, "una", 1.0)
        await typist.rest()
        assert not counter.posted("/undo")


async def test_undo_takes_back_what_stood_there_when_it_was_pressed_however_often() -> None:
    async with opened(shop(), tempo=Tempo()) as counter:
        typist = Typist(counter)
        await _take_a_step(typist)
        counter.app.act(counter.app.session.step("B-1043", "order.ready"))
        await counter.see("B-1043 is now: ready.", "u undo")
        await _slowly(typist, "uu", 0.8)
        await typist.rest()
        await counter.see("B-1043: taken back.")
        assert [path for _, path, _, _ in counter.service.posts if path.endswith("/undo")] == ["/v1/orders/B-1043/undo"]


async def _take_a_step(typist: Typist) -> None:
    await typist.rest()
    await typist.types("n", [0])
    await typist.counter.see("making → READY")
    await typist.types("\r", [2])
    await typist.counter.see("B-1040 is now: ready.")


async def _slowly(typist: Typist, typed: str, pace: float) -> None:
    """With the clock going on as the keys do."""
    for character in typed:
        await typist.counter.clock.advance(pace)
        await typist.types(character, [pace])


@pytest.mark.parametrize("pace", [0.2, 0.9])
@pytest.mark.parametrize(
    ("page", "name", "seen"), [("1", "lin", "making 4"), ("2", "sam", "[a all]"), ("0", "olaf", "now: 5 things")]
)
async def test_a_name_leaves_the_page_as_it_was(page: str, name: str, seen: str, pace: float) -> None:
    async with opened(shop(), tempo=Tempo()) as counter:
        typist = Typist(counter)
        await _at_rest_on(counter, page)
        await typist.rest()
        before = counter.app.page
        await _slowly(typist, name, pace)
        await counter.until(lambda: counter.app.omnibox.text == name)
        assert counter.app.page is before
        await counter.see(seen)


async def test_two_enters_while_the_screen_is_held_up_answer_a_box_once() -> None:
    """The second one closed what was below it, or ended the screen."""
    async with opened(tempo=Tempo()) as counter:
        typist, app = Typist(counter), counter.app
        app.act(app.flows.hold(app.session.shop.orders["B-1042"]))
        await counter.see("Nothing is sent about")
        await typist.rest()
        await typist.types("\r\r", [2, 0.2], {0})
        await counter.see("B-1042 is on hold")
        assert len(counter.posted("/hold")) == 1
        assert app.screen_stack[-1] is app.page


@pytest.mark.parametrize("keys", ["\rn", "n\r"])
async def test_enter_answers_no_box_that_came_while_it_was_on_its_way(keys: str) -> None:
    """A screen that is held up hears of both at once: the board still had the Enter when the box came, and the box took it."""
    async with opened(tempo=Tempo()) as counter:
        typist = Typist(counter)
        await typist.rest()
        await typist.types(keys, [0, 0.45], {0})
        await typist.rest()
        assert not counter.service.posts
        await counter.see("making → READY")


async def test_what_is_pasted_into_a_box_stays_there_when_one_types_on() -> None:
    async with opened(tempo=Tempo()) as counter:
        typist = Typist(counter)
        await typist.rest()
        await typist.types("m", [0])
        await counter.until(lambda: isinstance(counter.app.focused, TextArea))
        area = counter.app.screen.query_one(TextArea)
        counter.app.post_message(Paste("Your arch is blue"))
        await counter.until(lambda: area.text == "Your arch is blue")
        await typist.types("!", [1.0])
        await counter.until(lambda: area.text == "Your arch is blue!")
        assert not counter.app.omnibox.text


async def test_who_presses_again_since_nothing_is_seen_yet_notes_one_call() -> None:
    async with opened(shop(), tempo=Tempo()) as counter:
        typist = Typist(counter)
        await _at_rest_on(counter, "0")
        await typist.rest()
        await _slowly(typist, "cc", 0.8)
        await typist.rest()
        await typist.rest()
        assert len(counter.posted("/told")) == 1
