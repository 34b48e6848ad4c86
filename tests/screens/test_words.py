"""The words on the screen: a state is a word and a mark, a reason is a sentence."""

from typing import Any

import pytest

from daemon.wire.messages import SmsSize
from daemon.wire.orders import Order, Told
from daemon.wire.service import Channel
from daemon.wire.steps import Caution
from daemon.wire.values import Word
from tui.i18n import Texts
from tui.terminal.glyphs import BARE, PLAIN, RICH, glyphs_for
from tui.wording.words import STATE_WORDS, Words

WORDS = Words(Texts("en"))


@pytest.mark.parametrize(
    ("state", "code", "args", "said"),
    [
        ("delivered", "", {}, "told ✓"),
        ("sent", "", {}, "sent"),
        ("queued", "", {}, "waiting"),
        ("queued", "line_down", {}, "waiting: line is down"),
        ("unknown", "unsure", {}, "not sure ?"),
        ("failed", "no_address", {"kinds": ["phone"]}, "NOT TOLD: no phone"),
        ("failed", "", {}, "NOT TOLD: ✗ failed"),
        ("expired", "too_late", {}, "NOT TOLD: too late"),
        ("suppressed", "declined", {"media": ["sms"]}, "NOT TOLD: not wanted"),
        ("held", "", {}, "on hold"),
        ("superseded", "", {}, ""),
        ("a state of tomorrow", "", {}, "a state of tomorrow"),
    ],
)
def test_whether_the_customer_knows(state: str, code: str, args: dict[str, Any], said: str) -> None:
    told = Told(
        state=Word(state), reason="an English sentence" if code else "", reason_code=Word(code), reason_args=args
    )
    assert WORDS.told(Order(ref="B-1", told=told)).words == said


def test_nothing_to_tell_says_nothing() -> None:
    assert WORDS.told(Order(ref="B-1")).words == ""


def test_no_two_states_share_word_and_mark_and_none_is_told_by_colour_alone() -> None:
    said = [WORDS.state(state).words for state in STATE_WORDS]
    assert len(set(said)) == len(said)
    assert all(len(words.split()) >= 2 for words in said)


def test_a_reason_without_a_code_is_shown_as_it_came() -> None:
    told = Told(reason="Twilio says 21614")
    assert (WORDS.reason(told), WORDS.short_reason(told)) == ("Twilio says 21614", "Twilio says 21614")


def test_reasons_as_sentences() -> None:
    no_mail = Told(
        reason="no usable email for SendGrid", reason_code=Word("no_address"), reason_args={"kinds": ["email"]}
    )
    assert WORDS.reason(no_mail) == "There is no e-mail address that can be used."
    quiet = Told(reason="quiet hours", reason_code=Word("quiet_hours"))
    assert Words(Texts("de")).reason(quiet) == "Sie wartet auf das Ende der Ruhezeit."


def test_a_reason_calls_a_channel_what_the_screen_calls_it_and_a_moment_what_staff_say() -> None:
    words = Words(Texts("en"), moment=lambda ms: f"on day {ms}")
    words.learn_titles({"pigeon": Channel(name="pigeon", title="Carrier pigeon")})
    refused = Told(
        reason="x", reason_code=Word("refused"), reason_args={"channel": "pigeon", "code": "7", "words": "rain"}
    )
    assert words.reason(refused) == "Carrier pigeon refused it: rain"
    stop = Told(reason="x", reason_code=Word("opted_out"), reason_args={"medium": "sms", "since": 3, "how": "STOP"})
    assert words.reason(stop) == "Asked not to get texts, on day 3: STOP"


def test_channels_by_the_names_the_service_gives_them() -> None:
    words = Words(Texts("en"))
    assert words.channel("carrier_pigeon") == "carrier_pigeon"
    words.learn_titles({"carrier_pigeon": Channel(name="carrier_pigeon", title="Carrier pigeon")})
    assert words.channel("carrier_pigeon") == "Carrier pigeon"
    assert words.channel("modem") == "modem"


def test_a_way_is_called_by_its_medium_unless_customers_know_it_by_name() -> None:
    words = Words(Texts("en"))
    assert words.way("pigeon") == "pigeon", "nothing is known of it yet"
    words.learn_titles(
        {
            "pigeon": Channel(name="pigeon", title="Carrier pigeon", medium=Word("sms")),
            "owl": Channel(name="owl", title="Owl Post", medium=Word("chat"), known_to_customers=True),
        }
    )
    assert (words.way("pigeon"), words.way("owl")) == ("text", "Owl Post")


def test_event_types_as_staff_call_them() -> None:
    assert WORDS.status("order.in_production") == "being made"
    assert WORDS.status("till.opened") == "till.opened"
    assert WORDS.status("") == "new"


def test_cautions() -> None:
    assert (
        WORDS.caution(Caution(code=Word("no_address"), medium=Word("sms")), "")
        == "We know no way to reach them by text."
    )
    assert WORDS.caution(Caution(code=Word("new")), "") == "new"


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (None, ""),
        (SmsSize(encoding="GSM-7", units=71, parts=1), "1 SMS, 71 characters"),
        (SmsSize(encoding="GSM-7", units=161, parts=2), "2 SMS, paid 2 times: 161 characters"),
        (SmsSize(encoding="UCS-2", units=80, parts=2), "2 SMS, paid 2 times: special signs make it long"),
    ],
)
def test_what_a_text_costs(size: SmsSize | None, said: str) -> None:
    assert WORDS.sms_size(size).words == said


def test_signs_for_each_terminal() -> None:
    assert glyphs_for({"TERM": "xterm-256color"}, "UTF-8") is RICH
    assert glyphs_for({"TERM": "linux"}, "utf-8") is PLAIN
    assert glyphs_for({"TERM": "xterm"}, "ISO-8859-1") is BARE
    in_font_of_the_linux_console = set("√x?·>=#*o+.:oO~")
    assert {sign for field in PLAIN.__struct_fields__ for sign in getattr(PLAIN, field)} <= in_font_of_the_linux_console
    assert all(getattr(BARE, field).isascii() for field in BARE.__struct_fields__ if field != "done")
