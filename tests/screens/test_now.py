"""Now: what needs a person, worst first, one decision each, down to nothing."""

import pytest

from tests.support.counter import Counter, opened
from tests.support.sample_shop import MINUTE, NOW, SampleShop, moment
from tests.support.typist import Typist
from tui.app import CounterApp
from tui.line.tempo import Tempo


def full_shop() -> SampleShop:
    shop = SampleShop.ordinary()
    shop.kept["k1"] = {
        "id": "k1",
        "source": "webshop",
        "state": "waiting",
        "reason": "no order number",
        "at": moment(NOW),
        "times": 1,
    }
    shop.trouble = [{"what": "disk", "why": "the disk is full"}]
    return shop


def order_of_things(counter: Counter) -> list[str]:
    return [thing.key.split()[0] for thing in counter.app.session.queue()]


async def test_it_has_what_needs_a_person_with_the_worst_first() -> None:
    async with opened(full_shop(), size=(120, 40)) as counter:
        await counter.see("0 now 7")
        await counter.press("0")
        await counter.see("now: 7 things", "B-1039 Kofi READY", "NOT TOLD: no phone", "“on my way!”", "25 min late")
        await counter.see("not sure", "webshop told something nobody understood", "paused by Kim", "the disk is full")
        assert order_of_things(counter) == ["untold", "reply", "late", "unsure", "kept", "channel", "trouble"]


@pytest.mark.parametrize("scopes", [["staff"], ["admin"], None])
async def test_what_is_the_owners_to_decide_is_said_to_be_theirs(scopes: list[str] | None) -> None:
    """It asked first, and then the service refused it, whenever somebody tried."""
    shop = SampleShop.empty()
    shop.scopes = scopes
    shop.channels["twilio"] |= {"state": "paused", "reason": "the credit is used up"}
    async with opened(shop, size=(120, 40)) as counter:
        await counter.press("0")
        await counter.see("the credit is used up")
        if scopes == ["staff"]:
            await counter.see("tell the owner")
            assert "s resume" not in counter.text
            await counter.press("s")
            await counter.see("Only the owner may do that.")
            for keys in ("3p", "3t", "3s"):
                await counter.app.action_go("board")
                counter.app.session.hush()
                await counter.press(*keys)
                await counter.see("Only the owner may do that.")
            assert not any(key in counter.text for key in ("p pause", "s resume", "t test"))
        else:
            await counter.see("s resume")
            await counter.press("s", "enter")
            await counter.until(lambda: counter.posted("/resume"))


async def test_a_reply_that_nobody_read_is_there_however_many_came_since(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.shop.feed.SHORT_LIST", 1)
    shop = SampleShop.ordinary()
    shop.replies["r1"]["read"] = True
    shop.add_reply("B-1043", "blue, please", now=NOW - 3 * MINUTE)
    async with opened(shop, size=(120, 40)) as counter:
        await counter.press("0")
        await counter.see("“blue, please”")


async def test_each_is_decided_by_one_key_down_to_nothing() -> None:
    shop = full_shop()
    shop.trouble = []
    async with opened(shop, size=(120, 40)) as counter:
        await counter.press("0")
        await counter.see("now: 6 things", "f reach them", "c phoned")
        await counter.press("c")
        await counter.see("now: 5 things", "r read")
        await counter.press("r")
        await counter.see("now: 4 things", "w say it is late")
        await counter.press("n")
        await counter.see("Sam will be told")
        await counter.press("enter")
        await counter.see("now: 3 things", "s send again")
        await counter.press("s", "enter")
        await counter.see("now: 2 things", "x it means nothing")
        await counter.press("s")
        await counter.see("now: 1 thing", "resume")
        await counter.press("s", "enter")
        await counter.see("nothing waits for you")
        assert "0 now" not in counter.text.splitlines()[0]


async def test_who_was_phoned_is_not_sent_again_what_may_have_arrived() -> None:
    async with opened(full_shop(), size=(120, 40)) as counter:
        await counter.press("0", "down", "down", "down")
        await counter.see("s send again")
        await counter.press("c")
        await counter.until(lambda: counter.posted("/told"))
        await counter.see("now: 6 things")
        assert "unsure" not in order_of_things(counter)


async def test_answering_a_reply_reads_it() -> None:
    async with opened(size=(120, 40)) as counter:
        await counter.press("0", "down")
        await counter.see("m answer")
        await counter.press("m")
        await counter.see("Say who you are")
        await counter.type("See you soon")
        await counter.press("enter", "enter")
        await counter.until(lambda: counter.posted("/read"))
        assert counter.posted("/messages")[0]["text"] == "See you soon"


async def test_that_a_stranger_cannot_be_answered_is_said() -> None:
    shop = SampleShop.empty()
    shop.add_order("B-1", "order.confirmed", "making", now=NOW)
    stranger = shop.add_reply("B-1", "which shop is this?", now=NOW)
    stranger |= {"order_ref": None, "name": "", "from": "+44…0999"}
    async with opened(shop) as counter:
        await counter.press("0")
        await counter.see("which shop is this?", "m answer")
        await counter.press("m")
        await counter.see("No order is chosen.")


async def test_an_answer_reads_what_it_answers_whatever_was_done_before_and_nothing_that_came_meanwhile() -> None:
    async with opened(size=(120, 40)) as counter:
        await counter.press("n")
        await counter.see("Sam will be told")
        await counter.press("enter")
        await counter.see("u undo")
        await counter.press("0", "down")
        await counter.see("m answer")
        await counter.press("m")
        await counter.see("Say who you are")
        await counter.type("See you soon")
        await counter.pass_time(9)
        counter.service.reply("B-1042", "wait, I am at the other shop")
        await counter.until(lambda: "r2" in counter.app.session.shop.replies)
        await counter.press("enter", "enter")
        await counter.until(lambda: counter.posted("/replies/r1/read"))
        await counter.see("“wait, I am at the other shop”")
        assert not counter.posted("/replies/r2/read"), "nobody saw it when the answer was begun"


async def test_to_read_reads_what_was_seen() -> None:
    async with opened(size=(120, 40), tempo=Tempo()) as counter:
        typist = Typist(counter)
        await typist.presses("0")
        await typist.presses("down")
        await counter.see("“on my way!”", "r read")
        await typist.rest()
        await typist.types("r", [0])
        counter.service.reply("B-1042", "wait, I am at the other shop")
        await counter.until(lambda: "r2" in counter.app.session.shop.replies)
        await counter.clock.advance(2)
        await counter.until(lambda: counter.posted("/replies/r1/read"))
        await counter.see("“wait, I am at the other shop”")
        assert not counter.posted("/replies/r2/read")


async def test_lateness_is_said_and_time_makes_late() -> None:
    shop = SampleShop.empty()
    shop.add_order("B-1", "order.confirmed", "making", now=NOW, name="Sam", promised=NOW + MINUTE)
    async with opened(shop) as counter:
        await counter.press("0")
        await counter.see("nothing waits for you")
        await counter.pass_time(90)
        await counter.see("nothing waits for you")
        await counter.pass_time(30)
        await counter.see("B-1 Sam", "1 min late")
        await counter.press("w")
        await counter.see("DELAYED")
        await counter.press("enter")
        await counter.until(lambda: counter.posted("/status"))
        assert counter.posted("/status")[0]["status"] == "order.delayed"


async def test_what_nobody_needs_to_read_is_put_aside() -> None:
    shop = SampleShop.empty()
    shop.kept = full_shop().kept
    async with opened(shop) as counter:
        await counter.press("0", "x")
        await counter.see("will not be read any more")
        await counter.press("enter")
        await counter.see("nothing waits for you")
        assert [path for _, path, _, _ in counter.service.posts] == ["/v1/quarantine/k1/drop"]


async def test_what_was_kept_silent_waits_for_nobody() -> None:
    shop = SampleShop.empty()
    shop.add_order("B-1", "order.ready", "ready", now=NOW, name="Sam", promised=NOW)
    message = shop.add_message("B-1", "order.ready", now=NOW, state="suppressed")
    message |= {"reason": "staff chose not to tell", "reason_code": "silent"}
    shop.orders["B-1"]["told"] = shop.told(message)
    async with opened(shop) as counter:
        await counter.press("0")
        await counter.see("nothing waits for you")


async def test_a_small_screen_begins_there() -> None:
    async with opened(size=(60, 20)) as counter:
        await counter.see("now: 5 things", "B-1039 Kofi READY", "NOT TOLD: no phone")


@pytest.mark.parametrize(
    ("language", "words"),
    [("es", "ahora: 5 cosas"), ("fr", "maintenant : 5 choses"), ("de", "jetzt: 5 Sachen")],
)
async def test_in_each_language(language: str, words: str) -> None:
    async with opened(language=language, size=(100, 30)) as counter:
        await counter.press("0")
        await counter.see(words)


async def test_a_scrollbar_hides_no_word_of_it() -> None:
    async with opened(full_shop(), size=(60, 20)) as counter:
        await counter.see("now: 7 things")
        assert "15 min" in counter.line("B-1039 Kofi")
        assert "25 min" in counter.line("B-1040 Sam")


async def test_the_header_counts_what_waits_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only when the next second ticks."""
    monkeypatch.setattr(CounterApp, "tick", lambda self: None)
    async with opened() as counter:
        await counter.see("0 now 5")
        counter.service.change_order("B-1043", promised_at=moment(NOW - 5 * MINUTE))
        await counter.see("0 now 6")
