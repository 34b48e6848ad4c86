"""The shipped texts, every one in every language: complete, naming the order, within one SMS, and fit to be looked at."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.config import Settings, Store, Templates
from daemon.planner.check import STAFF_TEMPLATES, check_templates
from daemon.planner.defaults import OPTIONAL
from daemon.planner.moments import milliseconds
from daemon.planner.render import FREE_TEXT, Renderer
from daemon.planner.samples import NAME, REF, complete, minimal, sample_text
from daemon.planner.sms_text import measure
from daemon.planner.template_files import shipped_templates
from daemon.wire.event_types import EVENT_TYPES
from outbox.model import Medium, Rendered

STORES = {
    "en": Store(
        name="Balloon Loft", locale="en", address="12 Mill Lane, Leeds", phone="020 7946 0123", hours="10:00-18:00"
    ),
    "es": Store(
        name="Globos Luna",
        locale="es",
        country="ES",
        currency="EUR",
        address="Calle Mayor 12, Madrid",
        phone="910 123 456",
        hours="10:00-20:00",
    ),
    "fr": Store(
        name="Ballons Ciel",
        locale="fr",
        country="FR",
        currency="EUR",
        address="12 rue du Bac, Lyon",
        phone="04 72 00 00 00",
        hours="10h-18h",
    ),
    "de": Store(
        name="Ballonhaus",
        locale="de",
        country="DE",
        currency="EUR",
        address="Ballonweg 7, Berlin",
        phone="030 1234567",
        hours="10-18 Uhr",
    ),
}
BARE = {language: Store(name=store.name, locale=language, country=store.country) for language, store in STORES.items()}
OFF_BY_DEFAULT = tuple(shipped.route.on for shipped in OPTIONAL)
TEMPLATES = (*EVENT_TYPES, *OFF_BY_DEFAULT, *STAFF_TEMPLATES)
GREETINGS = {
    "en": ("Hi ", "Hello,"),
    "es": ("Hola ", "Hola,"),
    "fr": ("Bonjour ", "Bonjour,"),
    "de": ("Guten Tag ", "Guten Tag,"),
}

every_text = pytest.mark.parametrize(("language", "template"), [(one, two) for one in STORES for two in TEMPLATES])


RENDERERS = {
    id(store): Renderer(Settings(store=store, templates=Templates(path=Path("/nonexistent"))))
    for store in (*STORES.values(), *BARE.values())
}
"""Templates are compiled once for each store."""


def texts(store: Store, template: str, medium: Medium, **more: Any) -> list[Rendered]:
    """The text for an order of which all is known, and of which the reference is, to be collected and to be delivered."""
    renderer = RENDERERS[id(store)]
    made = []
    for event, order in (complete(template, store.currency), minimal(template)):
        for fulfilment in ("pickup", "delivery"):
            there = msgspec.structs.replace(order, fulfilment=fulfilment)
            made.append(
                renderer.render(
                    template, medium, store.locale, event=event, order=there, text=sample_text(template), **more
                )
            )
    return made


def test_the_samples_are_what_the_rule_is_about() -> None:
    assert (len(NAME), len(REF)) == (20, 10)


@every_text
@pytest.mark.parametrize("stores", [STORES, BARE], ids=["full", "bare"])
def test_a_text_takes_one_sms_and_names_the_order_and_the_shop(
    language: str, template: str, stores: dict[str, Store]
) -> None:
    store = stores[language]
    for rendered in texts(store, template, "sms"):
        size = measure(rendered.text)
        assert (size.encoding, size.parts) == ("GSM-7", 1), rendered.text
        assert "\n" not in rendered.text
        assert "  " not in rendered.text
        assert " ." not in rendered.text
        if template != FREE_TEXT:
            assert REF in rendered.text
            assert rendered.text.endswith(f" {store.name}")
            assert rendered.text.startswith(GREETINGS[language])


@every_text
def test_a_mail_stands_alone(language: str, template: str) -> None:
    for stores in (STORES, BARE):
        store = stores[language]
        for mail in texts(store, template, "email"):
            assert mail.subject is not None
            assert REF in mail.subject
            assert len(mail.subject) <= 50, mail.subject
            assert mail.text.count(REF) >= 2 or template == FREE_TEXT
            assert store.name in mail.text
            assert not re.search(r"\n{3,}|[ \t]\n|None|undefined|\{\{|\}\}|%\}", mail.text), mail.text
            first = mail.text.splitlines()[0]
            assert first.startswith(GREETINGS[language]) or template == FREE_TEXT


@every_text
def test_a_mails_html_says_the_same_as_its_text(language: str, template: str) -> None:
    for mail in texts(STORES[language], template, "email"):
        assert mail.html is not None
        page = Page(mail.html)
        words = "".join(page.text.split())
        for line in mail.text.split("-----", 1)[0].splitlines():
            assert "".join(line.split()) in words, line
        assert page.unclosed == []
        assert page.loads == [], "readable without fetching anything"
        assert page.attributes["html"]["lang"] == language


@pytest.mark.parametrize("language", STORES)
@pytest.mark.parametrize("template", EVENT_TYPES)
def test_the_teams_line_names_the_order_and_hides_the_customer(language: str, template: str) -> None:
    for rendered in texts(STORES[language], template, "chat", audience="team"):
        assert REF in rendered.text.splitlines()[0]
        assert NAME not in rendered.text
        assert not any(line.strip() == "" for line in rendered.text.splitlines())


@pytest.mark.parametrize("template", EVENT_TYPES)
def test_bad_news_has_no_exclamation_mark_and_nothing_an_emoji(template: str) -> None:
    for language, store in STORES.items():
        for medium in ("sms", "email"):
            for rendered in texts(store, template, medium):
                assert "!" not in (rendered.subject or "") + rendered.text, language
                assert not re.search(r"[\U0001F000-\U0001FAFF\u2600-\u27BF]", rendered.text)


def test_every_language_has_the_same_files() -> None:
    folder = shipped_templates()
    files = {language: {path.name for path in (folder / language).iterdir()} for language in STORES}
    assert files["en"] == files["es"] == files["fr"] == files["de"]
    assert {path.name for path in folder.iterdir()} == {*STORES, "_macros"}


@pytest.mark.parametrize("language", STORES)
def test_the_checker_has_nothing_to_say(language: str) -> None:
    assert check_templates(Settings(store=STORES[language], templates=Templates(path=Path("/nonexistent")))) == []


def test_the_times_and_amounts_are_told() -> None:
    [first, *_] = texts(STORES["en"], "order.cancelled", "sms")
    assert "We will refund £48.50 within 10 days." in first.text
    [first, *_] = texts(STORES["de"], "order.delayed", "email")
    assert "Der neue Termin ist Mittwoch, 25. November, 12:00 Uhr." in first.text


@every_text
def test_what_is_promised_for_a_day_is_told_without_a_time(language: str, template: str) -> None:
    """A shop's plug-in that asks for a date alone says midnight: nobody expects a customer then."""
    store = STORES[language]
    event, order = complete(template, store.currency)
    day = datetime(2026, 11, 25, tzinfo=store.zone)
    event = msgspec.structs.replace(event, order=msgspec.structs.replace(event.order, promised_at=day))
    order = msgspec.structs.replace(order, promised_at=milliseconds(day), fulfilment="delivery")
    ways: tuple[tuple[Medium, str], ...] = (("sms", "customer"), ("email", "customer"), ("chat", "team"))
    for medium, audience in ways:
        said = RENDERERS[id(store)].render(
            template, medium, language, event=event, order=order, text=sample_text(template), audience=audience
        )
        assert not re.search(r"\b(0?0|12)[:h]00", said.text + (said.html or "")), said.text
        assert not re.search(r" (at|um|à|a las?|avant|antes de)[.,;)]", said.text), said.text
        assert "  " not in said.text
        if template in ("order.confirmed", "order.delayed") and medium != "email":
            assert re.search(r"\b25\b", said.text), said.text
        assert not re.search(r"\w\.\.(\s|$)", said.text), said.text
        if template in ("order.delayed", "order.changed"):
            assert not re.search(r"\b(time|hora|horaire)\b", said.text, re.IGNORECASE), said.text


@pytest.mark.parametrize("language", STORES)
@pytest.mark.parametrize("template", ["order.placed", "order.confirmed"])
def test_what_is_brought_is_promised_by_a_time_and_not_for_it(language: str, template: str) -> None:
    """Who chose 13:00 to 14:00 has to be at home from one o'clock on, not at two."""
    store = STORES[language]
    event, order = complete(template, store.currency)
    for medium in ("sms", "email"):
        for fulfilment in ("pickup", "delivery"):
            there = msgspec.structs.replace(order, fulfilment=fulfilment)
            mail = RENDERERS[id(store)].render(template, medium, language, event=event, order=there).text  # type: ignore[arg-type]
            said = mail.partition("-----")[0]
            assert bool(re.search(r"\b(by|bis|avant|antes de)\b", said)) is (fulfilment == "delivery"), said


@pytest.mark.parametrize("language", STORES)
@pytest.mark.parametrize(("amount", "told"), [("-48.50", "48"), ("0.00", "0")])
def test_a_refund_is_told_as_it_is(language: str, amount: str, told: str) -> None:
    """Tills write what they give back with a minus sign."""
    event, order = complete("refund.issued", STORES[language].currency)
    given = msgspec.structs.replace(event, data={"amount": amount})
    for medium in ("sms", "email"):
        text = RENDERERS[id(STORES[language])].render("refund.issued", medium, language, event=given, order=order).text  # type: ignore[arg-type]
        assert re.search(rf"(?<![-\d]){told}[.,]\d\d", text.partition("-----")[0]), text
        assert "-48" not in text.replace("-£", "-")


@pytest.mark.parametrize(("hour", "told"), [(13, "la 1:05"), (14, "las 2:05"), (23, "las 11:05")])
def test_one_o_clock_in_spanish_is_one(hour: int, told: str) -> None:
    """Where the clock has twelve hours, as in the Americas."""
    store = Store(locale="es-US", country="US", timezone="UTC")
    renderer = Renderer(Settings(store=store, templates=Templates(path=Path("/nonexistent"))))
    for template in ("order.placed", "order.confirmed", "order.ready", "order.out_for_delivery"):
        event, order = complete(template, "USD")
        at = round(datetime(2026, 11, 25, hour, 5, tzinfo=UTC).timestamp() * 1000)
        there = msgspec.structs.replace(order, promised_at=at, fulfilment="delivery")
        for medium in ("sms", "email"):
            text = renderer.render(template, medium, "es-US", event=event, order=there).text  # type: ignore[arg-type]
            assert f" {told}" in text, text
            assert not re.search(r"\w\.\.(\s|$)", text), text


class Page(HTMLParser):
    """A mail's HTML as a reader takes it in."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.unclosed: list[str] = []
        self.loads: list[str] = []
        self.attributes: dict[str, dict[str, str | None]] = {}
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.setdefault(tag, dict(attrs))
        self.loads += [name for name, _ in attrs if name in ("src", "background", "srcset")]
        self.loads += [tag] if tag in ("img", "link", "script", "iframe") else []
        if tag not in self.VOID:
            self.unclosed.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.unclosed and self.unclosed[-1] not in ("style", "title"):
            self.words.append(data)
