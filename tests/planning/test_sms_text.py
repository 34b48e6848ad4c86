"""What a text costs as an SMS, and what may be replaced to make it cheaper."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.gsm_alphabet import BASIC, EXTENSION, septets
from daemon.planner.sms_text import TYPOGRAPHIC, SmsSize, measure, simplify

GSM = [character for character in BASIC if character != "\x1b"] + list(EXTENSION)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", SmsSize("GSM-7", 0, 1)),
        ("a" * 160, SmsSize("GSM-7", 160, 1)),
        ("a" * 161, SmsSize("GSM-7", 161, 2)),
        ("a" * 306, SmsSize("GSM-7", 306, 2)),
        ("a" * 307, SmsSize("GSM-7", 307, 3)),
        ("€" * 80, SmsSize("GSM-7", 160, 1)),
        ("€" * 81, SmsSize("GSM-7", 162, 2)),
        ("a" * 152 + "€" + "a" * 152, SmsSize("GSM-7", 306, 3)),
        ("a" * 151 + "€" + "a" * 153, SmsSize("GSM-7", 306, 2)),
        ("[order]", SmsSize("GSM-7", 9, 1)),
        ("à Ñ ü £", SmsSize("GSM-7", 7, 1)),
        ("á", SmsSize("UCS-2", 1, 1)),
        ("я" * 70, SmsSize("UCS-2", 70, 1)),
        ("я" * 71, SmsSize("UCS-2", 71, 2)),
        ("я" * 134, SmsSize("UCS-2", 134, 2)),
        ("я" * 135, SmsSize("UCS-2", 135, 3)),
        ("🎈" * 35, SmsSize("UCS-2", 70, 1)),
        ("🎈" * 36, SmsSize("UCS-2", 72, 2)),
        ("🎈" * 67, SmsSize("UCS-2", 134, 3)),
        ("я" + "🎈" * 66 + "я", SmsSize("UCS-2", 134, 2)),
    ],
)
def test_counting(text: str, size: SmsSize) -> None:
    assert measure(text) == size


@settings(deadline=None)
@given(st.text(st.sampled_from(GSM), max_size=700))
def test_septets_fit_the_parts(text: str) -> None:
    size = measure(text)
    assert size.encoding == "GSM-7"
    assert size.parts == 1 if size.units <= 160 else size.units / 153 <= size.parts <= size.units / 152 + 1


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_can_be_counted_and_simplifying_never_makes_it_dearer(text: str) -> None:
    before, simplified = measure(text), simplify(text)
    after = measure(simplified.text)
    assert before.parts >= 1
    assert after.encoding == "GSM-7" or not simplified.replaced
    if before.encoding == "GSM-7":
        assert simplified.text == text
    assert simplify(simplified.text).text == simplified.text


@settings(deadline=None)
@given(st.text(st.sampled_from(GSM + list(TYPOGRAPHIC)), max_size=200))
def test_typography_alone_never_forces_ucs_2(text: str) -> None:
    assert measure(simplify(text).text).encoding == "GSM-7"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("it’s “ready” – come…", 'it\'s "ready" - come...'),
        ("12:00\u202fPM, £4\u00a0each", "12:00 PM, £4 each"),
        ("ﬁne œuvre", "fine oeuvre"),
        ("soft\u00adhyphen", "softhyphen"),
        ("e\u0301te\u0301", "été"),
        ("está listo, mañana", "esta listo, mañana"),
        ("prête à être reçue", "prete à etre recue"),
        ("Łukasz Đorđe", "Lukasz Dorde"),
        ("Grüße, Ölçek", "Grüße, Ölcek"),
    ],
)
def test_made_plain(text: str, plain: str) -> None:
    assert simplify(text).text == plain
    assert septets(simplify(text).text) is not None


@pytest.mark.parametrize("text", ["Привет, Ада – “готово”", "está listo 🎈", "Nguyễn", "今天", "Ωραία"])
def test_left_as_written_where_it_would_cost_letters_and_save_nothing(text: str) -> None:
    assert simplify(text).text == text
    assert simplify(text).replaced == ()


def test_it_says_what_it_replaced() -> None:
    assert simplify("“á” – á").replaced == (("“", '"'), ("á", "a"), ("”", '"'), ("–", "-"))


def test_accents_stay_where_typography_was_all() -> None:
    assert simplify("à “la” carte, ñ").text == 'à "la" carte, ñ'
