"""The words on the screen: a state is a word and a mark, a reason is a sentence."""

import pytest

from tui.glyphs import BARE, PLAIN, RICH, glyphs_for
from tui.i18n import Texts
from tui.wire import Caution, Channel, Order, SmsSize, Told, Word
from tui.words import STATE_WORDS, Words

WORDS = Words(Texts("en"))


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        ("delivered", "", "told ✓"),
        ("sent", "", "sent"),
        ("queued", "", "waiting"),
        ("queued", "the line is down", "waiting: line is down"),
        ("unknown", "no answer", "not sure ?"),
        ("failed", "no usable phone for Twilio", "NOT TOLD: no phone"),
        ("failed", "", "NOT TOLD: ✗ failed"),
        ("expired", "too late to be of use", "NOT TOLD: too late"),
        ("suppressed", "the customer does not want sms", "NOT TOLD: not wanted"),
        ("held", "", "on hold"),
        ("superseded", "", ""),
        ("a state of tomorrow", "", "a state of tomorrow"),
    ],
)
def test_whether_the_customer_knows(state: str, reason: str, said: str) -> None:
    assert WORDS.told(Order(ref="B-1", told=Told(state=Word(state), reason=reason))).words == said


def test_nothing_to_tell_says_nothing() -> None:
    assert WORDS.told(Order(ref="B-1")).words == ""


def test_no_two_states_share_word_and_mark_and_none_is_told_by_colour_alone() -> None:
    said = [WORDS.state(state).words for state in STATE_WORDS]
    assert len(set(said)) == len(said)
    assert all(len(words.split()) >= 2 for words in said)


def test_a_reason_that_is_not_known_is_shown_as_it_came() -> None:
    assert WORDS.reason("Twilio says 21614") == "Twilio says 21614"
    assert WORDS.short_reason("Twilio says 21614") == "Twilio says 21614"


def test_reasons_as_sentences() -> None:
    assert WORDS.reason("no usable email for SendGrid") == "There is no e-mail address that can be used."
    assert Words(Texts("de")).reason("quiet hours") == "Es wartet das Ende der Ruhezeit ab."


def test_channels_by_the_names_the_service_gives_them() -> None:
    words = Words(Texts("en"))
    assert words.channel("twilio") == "Twilio"
    assert words.channel("carrier_pigeon") == "carrier_pigeon"
    words.learn_titles({"carrier_pigeon": Channel(name="carrier_pigeon", title="Carrier pigeon")})
    assert words.channel("carrier_pigeon") == "Carrier pigeon"
    assert words.channel("modem") == "modem"


def test_event_types_as_staff_call_them() -> None:
    assert WORDS.status("order.in_production") == "being made"
    assert WORDS.status("till.opened") == "till.opened"
    assert WORDS.status("") == "new"


def test_cautions() -> None:
    assert WORDS.caution(Caution(code=Word("no_address"), medium=Word("sms")), "") == "There is no address for SMS."
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
