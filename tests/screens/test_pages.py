"""The other pages: line, replies, calls, opt-outs, record, help and commands."""

from pathlib import Path

import pytest
from textual.binding import Binding

from daemon.wire.customers import Call
from tests.support.counter import opened
from tests.support.fake_service import FakeService
from tests.support.sample_shop import NOW, SampleShop, moment
from tui.screens.calls import call_sheet
from tui.widgets.glance import TABS

# ---------------------------------------------------------------- the line


async def test_the_line_page_says_what_works_and_what_does_not_and_why() -> None:
    async with opened() as counter:
        await counter.press("3")
        await counter.see("● The line is up since 21 Nov 06:15", "EE · signal 3 of 4 · SIM ready · credit £8.40")
        assert "12 / 500" in counter.line("▌Twilio")
        await counter.press("end")
        await counter.see("Slack ‖ paused: paused by Kim: counter is being painted")


async def test_the_line_going_down_is_told_at_once_on_every_page() -> None:
    async with opened() as counter:
        counter.service.change_uplink("down")
        await counter.see("○ LINE DOWN")
        await counter.press("3")
        await counter.see("○ The line is DOWN since 10:15")


async def test_a_line_that_somebody_set_by_hand_is_no_router_s_fault() -> None:
    shop = SampleShop.ordinary()
    shop.uplink = {"state": "down", "since": moment(NOW), "forced": True}
    async with opened(shop) as counter:
        await counter.press("3")
        await counter.see("○ The line is DOWN since 10:15 · set by hand")


async def test_sources_are_shown_beside_the_channels_with_how_far_behind_they_are_and_why() -> None:
    asked = {"last_asked": moment(NOW - 120_000), "problem": ""}

    def prepare(service: FakeService) -> None:
        service.shop.sources = [
            {"name": "webshop", "state": "ready", "behind": 20.0, **asked},
            {"name": "crm", "state": "failing", "behind": 7300.0, **asked, "problem": "it answered 503"},
        ]

    async with opened(prepare=prepare) as counter:
        await counter.press("3")
        await counter.see(
            "webshop: ✓ answers · last asked 10:13  ",
            "crm: ✗ does not answer · last asked 10:13 · behind by 2 h 1 min · it answered",
        )


async def test_what_needs_a_person_is_told_with_what_to_do() -> None:
    why = "till-2's clock is 2 h ahead: set it right. What it tells counts as having happened just now"

    def prepare(service: FakeService) -> None:
        service.shop.trouble = [{"what": "clock of till-2", "why": why}]

    async with opened(prepare=prepare) as counter:
        await counter.press("3")
        await counter.see("till-2's clock is 2 h ahead: set it right.")
        assert "all is well" not in counter.text


async def test_pause_resume_and_test() -> None:
    async with opened() as counter:
        await counter.press("3", "p")
        await counter.see("Nothing goes out by Twilio until it is resumed")
        await counter.type("invoice")
        await counter.press("enter")
        await counter.see("Twilio is paused.", "‖ paused")
        await counter.press("s")
        await counter.see("Messages go out by Twilio again.")
        await counter.press("enter")
        await counter.see("Twilio goes on.")
        await counter.press("t")
        await counter.see("Empty: only whether Twilio lets us in.")
        await counter.press("enter")
        await counter.see("Twilio works. Twilio lets us in")
        assert counter.posted("/pause") == [{"reason": "invoice"}]
        assert counter.posted("/test") == [{}]


async def test_a_test_with_an_address_sends_a_message_there() -> None:
    async with opened() as counter:
        await counter.press("3", "t")
        await counter.see("to (may be empty)")
        await counter.type("+447700900000")
        await counter.press("enter")
        await counter.until(lambda: counter.posted("/test"))
        assert counter.posted("/test") == [{"to": "+447700900000"}]


# ---------------------------------------------------------------- replies


async def test_replies_stand_by_order_the_unread_first() -> None:
    shop = SampleShop.ordinary()
    shop.add_reply("B-1043", "blue please", now=NOW - 60_000)["read"] = True
    shop.add_reply("B-1042", "is it far?", now=NOW - 1000)
    async with opened(shop) as counter:
        await counter.press("4")
        await counter.see("● 2  B-1042    Ada", "is it far?", "Ada (text): “on my way!”")
        lines = [line for line in counter.text.splitlines() if "B-104" in line]
        assert "B-1042" in lines[0]
        assert "B-1043" in lines[1]


async def test_answering_opens_the_message_box() -> None:
    async with opened() as counter:
        await counter.press("4")
        await counter.see("on my way!")
        await counter.press("m")
        await counter.see("message to Ada · B-1042")


async def test_an_answer_that_was_taken_marks_what_it_answers_as_read() -> None:
    async with opened() as counter:
        await counter.press("4")
        await counter.see("on my way!")
        await counter.press("m")
        await counter.see("message to Ada · B-1042")
        await counter.press("escape")
        await counter.press("m")
        await counter.type("see you soon")
        await counter.press("enter", "enter")
        await counter.until(lambda: counter.posted("/replies/r1/read"))
        assert counter.posted("/orders/B-1042/messages")[0]["text"] == "see you soon"
        assert len(counter.posted("/replies/r1/read")) == 1


async def test_an_answer_that_was_refused_leaves_it_unread() -> None:
    async with opened() as counter:
        counter.service.refuse["/v1/orders/B-1042/messages"] = (409, "not now")
        await counter.press("4")
        await counter.see("on my way!")
        await counter.press("m")
        await counter.type("see you soon")
        await counter.press("enter", "enter")
        await counter.see("not now")
        assert not counter.posted("/replies/r1/read")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_a_thread_shows_both_sides_and_what_was_sent_by_itself(size: tuple[int, int]) -> None:
    async with opened(size=size) as counter:
        await counter.press("4")
        await counter.see("we, automatically: “Hi Ada,", "on my way!”")
        assert counter.text.index("we, automatically") < counter.text.index("on my way!”")


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "is outside"), ("es", "espera fuera"), ("fr", "attend dehors"), ("de", "wartet draußen")],
)
async def test_who_is_outside_rings_once_and_is_said_on_every_page(language: str, said: str) -> None:
    rings: list[int] = []
    async with opened(language=language) as counter:
        counter.app.bell = lambda: rings.append(1)  # type: ignore[method-assign]
        counter.service.reply("B-1036", "HERE", action="arrived")
        await counter.see(f"Noor {said}.")
        counter.service.tell("reply", counter.service.shop.replies["r2"])
        await counter.press("4")
        await counter.see("B-1036    Noor", said)
        assert rings == [1]


async def test_a_yes_stands_as_what_it_answers() -> None:
    async with opened() as counter:
        await counter.press("4")
        counter.service.reply("B-1036", "Yes", action="yes")
        await counter.see("answers YES")


async def test_opening_marks_as_read_and_a_wall_screen_does_not() -> None:
    async with opened() as counter:
        await counter.press("4")
        await counter.see("on my way!")
        await counter.press("enter")
        await counter.see("B-1042  Ada  READY")
        await counter.until(lambda: counter.posted("/replies/r1/read"))
    async with opened(read_only=True) as counter:
        await counter.press("4")
        await counter.see("on my way!")
        await counter.press("enter")
        await counter.see("B-1042  Ada  READY")
        assert not counter.service.posts


async def test_a_reply_that_comes_in_shows_and_stop_is_said_plainly() -> None:
    async with opened() as counter:
        await counter.press("4")
        counter.service.reply("B-1036", "STOP", consent="stop")
        await counter.see("asked not to be written to")


async def test_a_reply_that_may_be_a_wish_for_silence_is_shown_as_such() -> None:
    async with opened() as counter:
        await counter.press("4")
        counter.service.reply("B-1036", "stop it", consent="unclear")
        await counter.see("may want no more messages: stop it")


# ---------------------------------------------------------------- the call list


async def test_whom_to_phone_and_what_to_say() -> None:
    async with opened() as counter:
        await counter.press("5")
        await counter.see(
            "☐  B-1039    Kofi", "+447700900456", "“Hi Kofi, your balloons (order B-1039) are ready to collect."
        )
        await counter.press("space")
        await counter.see("B-1039: phoned, it stands in the order's story.")
        await counter.see("☑  B-1039", passing=1)
        await counter.press("space")
        assert len(counter.posted("/call-list/m00003/done")) == 1, "what is ticked stays ticked"


async def test_the_list_goes_into_a_file_where_there_is_no_printer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    async with opened() as counter:
        await counter.press("5")
        await counter.see("+447700900456")
        await counter.press("p")
        await counter.see("There is no printer: the list is in")
    sheet = tmp_path / "call-list.txt"
    assert sheet.stat().st_mode & 0o077 == 0, "it holds names and numbers"
    assert "[ ] B-1039  Kofi  +447700900456" in sheet.read_text()


async def test_a_list_that_can_be_put_nowhere_is_said_and_the_screen_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").touch()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("HOME", str(tmp_path / "full"))
    async with opened() as counter:
        await counter.press("5")
        await counter.see("+447700900456")
        await counter.press("p")
        await counter.see("The list could not be printed, nor written to a file: Not a directory", "+447700900456")


async def test_a_screen_that_only_shows_puts_no_numbers_on_paper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("tui.terminal.printing.shutil.which", lambda name: None)
    async with opened(read_only=True) as counter:
        await counter.press("5", "p")
        await counter.see("This screen only shows: nothing was done.")
        assert not list(tmp_path.iterdir())


def test_the_sheet() -> None:
    sheet = call_sheet("Loft", [Call(message_id="m1", order_ref="B-1", name=None, phone=None, say="Hi")])
    assert sheet == "Loft\n====\n\n[ ] B-1    -\n    Hi\n"


# ---------------------------------------------------------------- opt-outs


async def test_opt_outs_are_shown_added_and_taken_back() -> None:
    async with opened() as counter:
        await counter.press("6")
        await counter.see("+44…0777", "no text", "“STOP”", "Noted 15 Nov 10:15 by Twilio.")
        await counter.press("a")
        await counter.see("no more", "everything", "or the name on an order")
        await counter.type("+447700900123")
        await counter.press("enter")
        await counter.see("It is noted: no more of that.", "+44…0123")
        await counter.press("home", "x")
        await counter.see("Only do so if the customer asked for")
        await counter.press("enter")
        await counter.see("▌+44…0123", "+44…0777 may be written to again.")
        assert [(method, body) for method, _, body, _ in counter.service.posts] == [
            ("PUT", {"medium": "sms", "address": "+447700900123", "reason": "asked at the counter"}),
            ("DELETE", {"id": "o1"}),
        ]


# ---------------------------------------------------------------- the record


async def test_the_record_is_shown_searched_and_checked() -> None:
    async with opened() as counter:
        await counter.press("7")
        await counter.see("4 of 4 entries", "held", "Kim")
        await counter.press("slash")
        await counter.type("kim slack")
        await counter.see("1 of 4 entries")
        await counter.press("escape")
        await counter.see("4 of 4 entries")
        await counter.press("v")
        await counter.see("The chain holds: 4 entries, none was changed.")


async def test_a_record_one_may_not_read_says_so() -> None:
    def staff_only(service) -> None:  # type: ignore[no-untyped-def]
        service.refuse["/v1/audit"] = (403, "this needs the scope admin")

    async with opened(prepare=staff_only) as counter:
        await counter.press("7")
        await counter.see("The record can't be read: this needs the scope admin")


# ---------------------------------------------------------------- help, commands, looks, leaving


async def test_help_tells_the_keys_of_the_page_and_what_words_mean() -> None:
    async with opened(size=(100, 50)) as counter:
        await counter.press("2", "question_mark")
        await counter.see(
            "another way", "all commands, by name", "? not sure", "It may have gone out: it is being looked up."
        )
        await counter.press("escape")
        await counter.until(lambda: "what the words mean" not in counter.text)


async def test_every_action_is_a_command_too() -> None:
    shop = SampleShop.ordinary()
    shop.trouble = [{"what": "database", "why": "some of it was damaged"}]
    async with opened(shop, size=(100, 30)) as counter:
        for mode in counter.app.MODES:
            await counter.app.action_go(mode)
            page = counter.app.screen
            offered = {command.title for command in counter.app.get_system_commands(page)}
            own = {each.description for each in page.BINDINGS if isinstance(each, Binding) and each.description}
            assert {*own, "now", *(word for _, word in TABS)} <= offered
        await counter.app.action_go("board")
        await counter.command("new order")
        await counter.see("take it in")


async def test_looks_are_changed_by_command() -> None:
    async with opened(size=(100, 30)) as counter:
        await counter.command("high contrast, light")
        await counter.until(lambda: counter.app.theme == "contrast-light")


async def test_leaving_is_asked_once_and_done_twice() -> None:
    async with opened() as counter:
        await counter.press("ctrl+c")
        await counter.see("Press ^c again to leave.")
        await counter.pass_time(5)
        await counter.press("ctrl+c")
        assert counter.app.return_code is None
        await counter.press("ctrl+c")
        await counter.until(lambda: counter.app.return_code == 0)


async def test_without_colour_all_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened() as counter:
        assert counter.app.no_color
        for part in ("▌B-1040", "NOT TOLD", "told ✓", "09:50!", "1 failed!"):
            assert part in counter.text


async def test_quiet_hours_are_told() -> None:
    shop = SampleShop.ordinary()
    shop.quiet_until = moment(NOW + 3_600_000)
    async with opened(shop) as counter:
        await counter.press("3")
        await counter.see("Quiet hours until 11:15.")


async def test_that_texts_wait_after_a_restore_is_told_on_every_page() -> None:
    shop = SampleShop.ordinary()
    shop.restored = {"backup": "tether-20261120T033000Z.backup", "made_at": moment(NOW - 3_600_000), "at": moment(NOW)}
    async with opened(shop) as counter:
        await counter.see("TEXTS WAIT")
        await counter.press("2")
        await counter.see("TEXTS WAIT")


async def test_what_was_saved_of_a_damaged_database_is_known_by_one_key() -> None:
    shop = SampleShop.ordinary()
    shop.trouble = [{"what": "database", "why": "the database was damaged; 12 orders were saved"}]
    async with opened(shop) as counter:
        await counter.press("3")
        await counter.see("12 orders were saved", "k known")
        await counter.press("k")
        await counter.see("what was saved of the database is known")
        await counter.press("enter")
        await counter.see("It is known.")
        assert [path for _, path, _, _ in counter.service.posts] == ["/v1/status/seen"]
        await counter.until(lambda: "12 orders" not in counter.text, passing=1)
        assert "k known" not in counter.text
