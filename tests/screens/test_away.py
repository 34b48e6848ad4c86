"""The service away, restarted, slow or closed to us: the screen says so, keeps what it has, and comes back by itself."""

import asyncio
import json
from pathlib import Path

import pytest

from daemon.wire.messages import AttemptChange
from daemon.wire.values import encode
from tests.support.counter import opened
from tests.support.fake_clock import FakeClock
from tests.support.fake_service import FakeService
from tests.support.sample_shop import DAY, HOUR, NOW, SampleShop
from tests.support.typist import Typist
from tui.line.tempo import Tempo
from tui.screens.new_order import NewOrderBox
from tui.shop.feed import GLANCE_PAUSE


async def test_the_service_is_killed_and_restarted_under_the_screen() -> None:
    async with opened() as counter:
        await counter.service.stop()
        await counter.see("✗ SERVICE AWAY since 10:15")
        await counter.see("Away: it is not running. It is tried again.", passing=1)
        assert "B-1042" in counter.text, "what was known stays"
        await counter.press("right", "enter")
        await counter.see("It can't be read now: it is not running", passing=1)
        await counter.press("escape")
        order = counter.service.shop.add_order("B-3000", "order.confirmed", "making", now=NOW, name="Missed")
        counter.service.tell("order", order)
        await counter.service.start()
        await counter.see("line up", "B-3000", passing=1)


async def test_since_when_is_told_by_the_shops_clock() -> None:
    """A till whose own clock is wrong says all times by the service's."""

    def ahead(service: FakeService) -> None:
        service.clock = FakeClock(NOW + 2 * HOUR)

    async with opened(prepare=ahead) as counter:
        await counter.see("Tue 24 Nov 12:15")
        await counter.service.stop()
        await counter.see("✗ SERVICE AWAY since 12:15")


async def test_when_somebody_phoned_is_told_by_the_shops_clock() -> None:
    def ahead(service: FakeService) -> None:
        service.clock = FakeClock(NOW + DAY)

    async with opened(prepare=ahead, size=(120, 40)) as counter:
        await counter.press("0")
        await counter.see("B-1039 Kofi READY")
        await counter.press("c", "1")
        await counter.see("✓ phoned by Kim 10:15")


async def test_where_there_is_room_it_says_that_what_stands_there_is_old() -> None:
    async with opened(size=(120, 40)) as counter:
        await counter.service.stop()
        await counter.see(
            "The service is away (it is not running): this is what was known. It is tried again.", passing=1
        )


async def test_over_the_socket_too(tmp_path: Path) -> None:
    async with opened(socket=tmp_path / "tether.sock") as counter:
        await counter.service.stop()
        await counter.see("its socket is not there", passing=1)
        await counter.service.start()
        await counter.see("line up", passing=1)


async def test_a_stream_that_can_not_be_resumed_is_read_anew() -> None:
    async with opened() as counter:
        counter.service.change_uplink("up")
        await counter.until(lambda: counter.service.streams == 1)
        await counter.service.stop()
        await counter.see("SERVICE AWAY")
        del counter.service.shop.orders["B-1043"]
        counter.service.shop.add_order("B-4000", "order.confirmed", "making", now=NOW, name="Restored")
        counter.service.first_kept = 1000
        await counter.service.start()
        await counter.see("B-4000", passing=1)
        await counter.until(lambda: "B-1043" not in counter.text)


async def test_a_service_on_another_database_is_read_anew() -> None:
    """A demo that was started again, or a backup put back: its numbers go on, but they count another history."""
    async with opened() as counter:
        counter.service.change_uplink("up")
        await counter.until(lambda: counter.service.streams == 1)
        await counter.service.stop()
        await counter.see("SERVICE AWAY")
        del counter.service.shop.orders["B-1043"]
        counter.service.shop.add_order("B-4000", "order.confirmed", "making", now=NOW, name="Restored")
        counter.service.epoch = "second"
        counter.service.change_uplink("up")
        await counter.service.start()
        await counter.see("B-4000", passing=1)
        await counter.until(lambda: "B-1043" not in counter.text)


async def test_a_step_while_the_service_is_away_is_not_done_and_that_is_said() -> None:
    async with opened() as counter:
        await counter.press("n")
        await counter.see("Sam will be told")
        await counter.service.stop()
        await counter.press("enter")
        await counter.see("NOT DONE: B-1040: ready. The service says: it is not running", passing=1)
        assert not counter.service.posts


async def test_an_order_that_was_not_taken_in_is_not_typed_again() -> None:
    async with opened(size=(100, 30)) as counter:
        await counter.press("a")
        await counter.see("take it in")
        for value in ("B-7", "Wendy", "07700 900555", "", "Arch", "18:30"):
            await counter.type(value)
            await counter.press("enter")
        await counter.press("right", "tab", "right", "tab")
        await counter.see("Wendy will be told", "Promised for")
        await counter.service.stop()
        await counter.press("enter")
        await counter.see("NOT DONE: B-7: new order. The service says: it is not running", passing=1)
        await counter.service.start()
        await counter.see("line up", passing=1)
        await counter.press("a")
        await counter.see("B-7", "Wendy", "07700 900555", "Arch", "18:30", "[delivery]", "[placed]")
        await counter.see("Wendy will be told", "Promised for")
        assert counter.app.focused is not None
        assert counter.app.focused.id == "take", "a hurried hand writes nothing of another customer into it"
        await counter.press("enter")
        await counter.see("B-7 is taken in.")
        [posted] = [body for _, path, body, _ in counter.service.posts if path == "/v1/orders"]
        assert posted["type"] == "order.placed"
        assert posted["order"]["ref"] == "B-7"
        assert posted["order"]["fulfilment"] == "delivery"
        await counter.press("a")
        await counter.see("take it in", "empty: one is made")
        assert "07700 900555" not in counter.text


async def test_words_that_were_not_taken_are_not_written_again() -> None:
    async with opened() as counter:
        counter.service.refuse["/v1/orders/B-1042/messages"] = (507, "the disk is full")
        counter.app.open_order("B-1042")
        await counter.see("READY")
        await counter.press("m")
        await counter.see("message to Ada")
        await counter.type("Your arch is blue, not red")
        await counter.press("enter", "enter")
        await counter.see("NOT DONE: B-1042: message. The service says: the disk is full", passing=1)
        counter.service.refuse.clear()
        await counter.press("m")
        await counter.see("Your arch is blue, not red", "Ada will be told", passing=0.1)
        await counter.press("enter", "enter")
        await counter.see("B-1042: your message is taken.")
        assert [body["text"] for body in counter.posted("/messages")] == ["Your arch is blue, not red"]
        await counter.press("m")
        await counter.see("message to Ada")
        assert "blue" not in counter.text


async def test_own_words_of_a_step_that_was_not_taken_are_not_written_again() -> None:
    async with opened() as counter:
        counter.service.refuse["/v1/orders/B-1040/status"] = (507, "the disk is full")
        await counter.press("n")
        await counter.see("are ready to collect")
        await counter.press("e")
        await counter.see("send")
        await counter.type(" Bring a bag.")
        await counter.press("enter", "enter")
        await counter.see("NOT DONE: B-1040: ready. The service says: the disk is full", passing=1)
        counter.service.refuse.clear()
        await counter.press("n")
        await counter.see("are ready to collect")
        await counter.press("e")
        await counter.see("Bring a bag.", "Sam will be told", passing=0.1)
        await counter.press("enter", "enter")
        await counter.see("B-1040 is now: ready.")
        assert counter.posted("/status")[0]["text"].endswith("Bring a bag.")


async def test_what_nobody_knows_is_said_for_as_long_as_it_is_asked_again() -> None:
    """Who reads nothing of it any more writes once more, and the customer hears it twice."""
    async with opened() as counter:
        counter.service.lose = 1_000
        await counter.press("n")
        await counter.see("Sam will be told")
        await counter.press("enter")
        await counter.see("No answer yet: B-1040: ready.", passing=0.1)
        await counter.pass_time(30)
        assert "No answer yet: B-1040: ready. Asking again; it is not done twice." in counter.text
        counter.service.lose = 0
        await counter.see("B-1040 is now: ready.", passing=1)
        assert "No answer yet" not in counter.text


async def test_leaving_says_what_is_not_done_yet() -> None:
    async with opened() as counter:
        await counter.press("n")
        await counter.see("Sam will be told")
        await counter.service.stop()
        await counter.press("enter", "ctrl+c")
        await counter.see("No answer yet: B-1040: ready. Press ^c again to leave all the same.")
        await counter.see("NOT DONE: B-1040: ready.", passing=1)
        await counter.pass_time(5)
        await counter.press("ctrl+c")
        await counter.see("Press ^c again to leave. Messages go out all the same.")


async def test_no_other_key_leaves_without_asking() -> None:
    """Textual's own ^q did, in the middle of a word."""
    async with opened() as counter:
        await counter.press("m")
        await counter.type("Your arch is")
        await counter.press("ctrl+q")
        assert counter.app.return_code is None
        await counter.press("escape")
        await counter.see("Press ^c again to leave.")


async def test_a_step_whose_answer_is_lost_is_done_once_and_that_is_said() -> None:
    async with opened() as counter:
        counter.service.lose = 1
        await counter.press("n")
        await counter.see("Sam will be told")
        await counter.press("enter")
        await counter.see("No answer yet: B-1040: ready. Asking again; it is not done twice.")
        await counter.see("B-1040 is now: ready.", passing=0.2)
        assert len(counter.posted("/status")) == 2
        assert len([1 for _, name, _ in counter.service.log if name == "message"]) == 1


async def test_a_refusal_after_a_lost_answer_does_not_say_that_nothing_was_done() -> None:
    async with opened() as counter:
        counter.service.lose = 1
        await counter.press("n")
        await counter.see("Sam will be told")
        await counter.press("enter")
        await counter.see("No answer yet: B-1040: ready.")
        counter.service.token = "made anew"
        await counter.until(lambda: "No answer yet" not in counter.text, passing=0.2)
        assert "NOT SURE whether done: B-1040: ready. Look before you repeat it." in counter.text
        assert counter.service.shop.orders["B-1040"]["status"] == "order.ready", "it was done"


async def test_what_may_not_be_repeated_is_said_to_be_open() -> None:
    async with opened() as counter:
        await counter.press("2", "f")
        await counter.see("1 shown")
        counter.service.lose = 1
        await counter.press("r", "enter")
        await counter.see("NOT SURE whether done: B-1039: send again. Look before you repeat it.")


async def test_the_screen_opens_without_a_service_and_fills_when_it_comes() -> None:
    async with opened(prepare=lambda service: service.refuse.update({"/v1/stream": (503, "starting")})) as counter:
        await counter.see("SERVICE AWAY", "The service is away (starting)")
        counter.service.refuse.clear()
        await counter.see("making 3", passing=1)


@pytest.mark.parametrize(
    ("key", "nothing"),
    [
        ("0", "nothing waits for you"),
        ("2", "nothing here"),
        ("4", "nobody has written back"),
        ("5", "nobody needs to be phoned"),
        ("6", "nobody has opted out"),
    ],
)
async def test_that_there_is_nothing_is_not_said_before_it_was_read(key: str, nothing: str) -> None:
    starting = (503, "starting")

    def prepare(service: FakeService) -> None:
        service.refuse = {"/v1/stream": starting, "/v1/optouts": starting}

    async with opened(SampleShop.empty(), prepare=prepare) as counter:
        await counter.press(key)
        await counter.see("SERVICE AWAY", "reading")
        assert nothing not in counter.text
        counter.service.refuse.clear()
        await counter.see("all is well", passing=1)
        await counter.press("1", key)
        await counter.see(nothing, passing=1)


async def test_a_token_that_is_not_good_is_said() -> None:
    def closed(service: FakeService) -> None:
        service.token = "another"

    async with opened(prepare=closed) as counter:
        await counter.see("NO ACCESS", "no token, or an unknown one", passing=1)


async def test_a_token_that_is_taken_away_is_no_service_that_is_away() -> None:
    """Staff looked for a dead box."""
    async with opened() as counter:
        await counter.see("line up")
        counter.service.token = "another"
        for stream in counter.service._streams:
            stream.put_nowait(None)
        await counter.see("NO ACCESS", passing=1)
        counter.service.token = ""
        await counter.see("line up", passing=1)


async def test_what_this_screen_can_not_read_is_said_and_the_rest_goes_on() -> None:
    async with opened(SampleShop.ordinary()) as counter:
        counter.service.tell("order", {"ref": 7})
        await counter.see("the service sends what this screen can't read")
        counter.service.change_order("B-1043", status="order.ready", stage="ready")
        await counter.see("ready 3")


async def test_figures_follow_what_happens_while_the_shop_is_still_being_read() -> None:
    """The figures are read first, the messages last: what fails in between counts at once, not only when all is looked at again."""
    async with opened() as counter:
        service, go_on, asked = counter.service, asyncio.Event(), list[None]()

        async def after_the_figures() -> None:
            asked.append(None)
            if len(asked) > 1:
                await go_on.wait()

        await counter.see("1 failed!")
        service.delay = after_the_figures
        service.tell("reset", {})
        await counter.until(lambda: len(asked) > 1)
        service.change_message("m00004", state="failed", reason="no usable phone for Twilio")
        await counter.until(lambda: counter.app.session.shop.messages["m00004"].state == "failed")
        await counter.clock.advance(GLANCE_PAUSE)
        go_on.set()
        await counter.pilot.pause()
        await counter.clock.advance(GLANCE_PAUSE)
        await counter.see("2 failed!")


async def test_events_of_a_newer_service_do_no_harm() -> None:
    async with opened() as counter:
        counter.service.tell("weather", {"rain": True})
        counter.service.tell("attempt", {"message_id": "m00001", "order_ref": "B-1042", "n": 2})
        counter.service.change_order("B-1043", status="order.ready", stage="ready")
        await counter.see("ready 3")


async def test_an_attempt_of_which_no_receipt_is_there_is_read() -> None:
    """Nearly every text that left put "the service sends what this screen can't read" at the foot, in the place of what was just done."""
    async with opened() as counter:
        under_way = AttemptChange(message_id="m00001", order_ref="B-1042", n=1, channel="twilio")
        counter.service.tell("attempt", json.loads(encode(under_way)))
        counter.service.change_order("B-1043", status="order.ready", stage="ready")
        await counter.see("ready 3")
        assert "can't read" not in counter.text


async def test_what_was_typed_outlives_a_name_that_begins_like_its_key() -> None:
    """An order that was not taken in is kept; "anna" is somebody to be found."""
    async with opened(tempo=Tempo()) as counter:
        counter.app.flows._not_taken = {"field-name": "Wendy"}
        typist = Typist(counter)
        await typist.rest()
        await typist.types("anna", [0.1] * 4)
        await counter.see("> anna")
        await typist.presses("escape")
        await typist.presses("a")
        await counter.see("take it in", "Wendy")


async def test_a_box_does_not_come_back_over_what_is_done_by_then() -> None:
    """The service was restarted: an opt-out that was not noted asked again eight seconds later, and took the next customer's name."""
    async with opened() as counter:
        counter.app.act(counter.app.fixes.silence("07700 900777"))
        await counter.see("07700 900777")
        await counter.service.stop()
        await counter.press("enter", "1", "a")
        await counter.see("take it in")
        await counter.until(lambda: not counter.app.session.under_way, passing=0.5)
        await counter.pilot.pause()
        assert isinstance(counter.app.screen, NewOrderBox)
        await counter.see("NOT DONE: opt-out: 07700 900777.")
