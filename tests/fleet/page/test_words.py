"""The page's words: each in every language, with the same places to fill in; and each that a template asks for is there."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from daemon.hq.page.looks import FOLDER
from daemon.hq.page.pages import PAGES
from daemon.hq.page.words import LANGUAGES, Words, catalogue, language_of
from daemon.hq.troubles import RANK

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
