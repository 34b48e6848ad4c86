"""A text as it would be sent, without sending it."""

import pytest

from daemon.config import Settings
from daemon.planner.preview import preview
from daemon.planner.render import Renderer, RenderError
from daemon.planner.sms_text import SmsSize
from tests.support.planning import SHOP, event, order


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(Settings(store=SHOP))


def test_with_a_real_order(renderer: Renderer) -> None:
    shown = preview(renderer, "order.ready", "sms", "en", event=event(), order=order())
    assert shown.rendered.text.startswith("Hi Ada, your balloons (order B-1042) are ready")
    assert shown.sms == SmsSize("GSM-7", len(shown.rendered.text), 1)
    assert shown.replaced == ()


def test_with_a_sample(renderer: Renderer) -> None:
    shown = preview(renderer, "order.placed", "email", "de")
    assert shown.rendered.subject == "Bestellung erhalten: B-10421042"
    assert shown.rendered.html
    assert shown.sms is None


def test_own_words_as_they_would_go(renderer: Renderer) -> None:
    shown = preview(renderer, "", "sms", "fr", text="C’est prêt", event=event(), order=order())
    assert shown.rendered.text == "C'est pret"
    assert shown.sms == SmsSize("GSM-7", 10, 1)
    assert shown.replaced == (("’", "'"), ("ê", "e"))


def test_what_stays_dear_says_so(renderer: Renderer) -> None:
    assert preview(renderer, "", "sms", "en", text="🎈 " * 30).sms == SmsSize("UCS-2", 89, 2)


def test_a_named_text_with_a_sample_of_own_words(renderer: Renderer) -> None:
    assert "Gold or silver?" in preview(renderer, "staff.question", "sms", "en").rendered.text


def test_what_can_not_be_made_is_an_error(renderer: Renderer) -> None:
    with pytest.raises(RenderError):
        preview(renderer, "no.such.text", "sms", "en")
    with pytest.raises(RenderError):
        preview(renderer, "", "sms", "en", text="")
