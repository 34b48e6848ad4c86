"""The page's words: each in every language, with the same places to fill in; and each that a template asks for is there."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from daemon.hq.page.looks import FOLDER
from daemon.hq.page.pages import PAGES
from daemon.hq.page.words import LANGUAGES, Words, catalogue, language_of
from daemon.hq.troubles import RANK
from tests.support.hq_page import Site

FILES = sorted(file.stem for file in (FOLDER / "words").glob("*.toml"))
_PLACE = re.compile(r"\{(\w+)\}")


def forms(word: str | Mapping[str, str]) -> list[str]:
    return [word] if isinstance(word, str) else [word["one"], word["other"]]


@pytest.mark.parametrize("file", FILES)
def test_each_word_is_there_in_every_language(file: str) -> None:
    for key, word in catalogue(file).items():
        assert set(word) == set(LANGUAGES), key
        places: Any = {frozenset(_PLACE.findall(forms(word[language])[-1])) for language in LANGUAGES}
        assert len(places) == 1, key
        assert all(
            each.strip() == each or key.startswith("unit_") for language in LANGUAGES for each in forms(word[language])
        ), key


def test_every_trouble_has_a_mark_and_a_sentence() -> None:
    words = Words("stores", "en")
    assert all(f"{form}_{kind}" in words for kind in RANK for form in ("mark", "why"))


def test_every_page_has_a_title() -> None:
    assert all("title" in catalogue(page.name) for page in PAGES)


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        ("", "", "en"),
        ("de", "fr", "de"),
        ("", "fr-CH, fr;q=0.9, en;q=0.8", "fr"),
        ("xx", "nl, es;q=0.5", "es"),
        ("", "nl", "en"),
    ],
)
def test_which_language(chosen: str, accepted: str, language: str) -> None:
    assert language_of(chosen, accepted) == language


def test_forms_go_by_the_number() -> None:
    assert [Words("store", "en")("entries", n=n) for n in (0, 1, 2)] == ["0 entries", "1 entry", "2 entries"]
    assert [Words("store", "fr")("entries", n=n) for n in (0, 1, 2)] == ["0 entrée", "1 entrée", "2 entrées"]


@pytest.mark.engines
async def test_a_reason_is_a_whole_sentence_in_each_language(site: Site) -> None:
    because = {"code": "refused", "args": {"channel": "twilio"}}
    await site.message(
        "soho", "m1", "B-1", state="failed", reason_code="gave_up", args={"tries": 5, "because": because}
    )
    await site.message("soho", "m2", "B-1", state="suppressed", reason_code="no_address", args={"kinds": ["email"]})
    await site.message("soho", "m3", "B-1", state="failed", reason_code="text_broken")
    browser = await site.as_user()
    for language, words in {
        "en": (
            "Gave up after 5 tries. twilio refused it",
            "There is no e-mail address that can be used.",
            "The text could not be made",
        ),
        "es": (
            "Abandonado tras 5 intentos. twilio lo rechazó",
            "No hay correo que sirva.",
            "No se pudo componer el texto",
        ),
        "de": (
            "Nach 5 Versuchen aufgegeben. twilio hat sie abgelehnt",
            "Es gibt keine brauchbare E-Mail-Adresse.",
            "Der Text konnte nicht erstellt werden",
        ),
    }.items():
        page = await browser.get(f"/orders/B-1?lang={language}")
        assert [text for text in words if text not in page.words] == []
