"""Every text of the screen in every language, with the same places to fill."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

import tui
from tests.support.counter import opened
from tests.support.sample_shop import SampleShop
from tests.support.texts import marked_texts
from tui.i18n import LANGUAGES, Texts, choose, table


@cache
def marked() -> Mapping[str, str]:
    return marked_texts(Path(tui.__file__).parent)


OTHERS = [code for code in LANGUAGES if code != "en"]


def test_the_finder_finds() -> None:
    assert len(marked()) > 300
    assert {"NOT TOLD", "next step", "{ref} is now: {status}."} <= marked().keys()


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_is_missing_and_nothing_is_left_over(language: str) -> None:
    have = table(language).keys()
    missing = {english: place for english, place in marked().items() if english and english not in have}
    assert not missing
    assert not have - marked().keys()


@pytest.mark.parametrize("language", OTHERS)
def test_the_places_to_fill_are_the_same(language: str) -> None:
    for english, other in table(language).items():
        assert sorted(set(re.findall(r"{\w+}", english))) == sorted(set(re.findall(r"{\w+}", other))), english


@pytest.mark.parametrize("language", OTHERS)
def test_days_and_months_are_all_there(language: str) -> None:
    t = Texts(language)
    assert len(t("Mon Tue Wed Thu Fri Sat Sun").split()) == 7
    assert len(t("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec").split()) == 12


def test_the_language_is_chosen_from_what_the_terminal_says() -> None:
    assert choose(None, "de_AT.UTF-8") == "de"
    assert choose("fr", "de_AT.UTF-8") == "fr"
    assert choose("C.UTF-8", None, "") == "en"
    assert choose("nl_NL") == "en"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("es", ("tablero", "SIN AVISAR: sin", "avisado ✓", "por confirmar 1")),
        ("fr", ("tableau", "à confirmer 1", "prévenu ✓")),
        ("de", ("Tafel", "in Arbeit 3", "weiß es ✓", "nächster Schritt")),
    ],
)
async def test_the_board_in_each_language(language: str, words: tuple[str, ...]) -> None:
    async with opened(language=language, size=(100, 30)) as counter:
        await counter.see(*words)
        await counter.press("question_mark")
        await counter.see(Texts(language)("what the words mean"))


@pytest.mark.parametrize(
    ("language", "nothing", "no_mail"),
    [
        ("en", "nothing at all", "no e-mail"),
        ("es", "nada", "sin correo"),
        ("fr", "plus rien", "rien par e-mail"),
        ("de", "gar nichts", "nichts per E-Mail"),
    ],
)
async def test_an_opt_out_says_what_is_not_wanted(language: str, nothing: str, no_mail: str) -> None:
    shop = SampleShop.ordinary()
    shop.optouts = {
        medium: {**shop.optouts["o1"], "id": medium, "address": f"a…@{medium}.example", "medium": medium}
        for medium in ("all", "email")
    }
    async with opened(shop, language=language, size=(100, 30)) as counter:
        await counter.press("6")
        await counter.see(nothing, no_mail)


@pytest.mark.parametrize("language", OTHERS)
async def test_all_pages_can_be_seen_from_everywhere_at_80_cells(language: str) -> None:
    async with opened(language=language) as counter:
        for number in "1234567":
            await counter.press(number)
            tabs = counter.text.splitlines()[1]
            assert all(f" {each} " in tabs for each in "1234567"), tabs
            assert "…" not in tabs


@pytest.mark.parametrize("language", OTHERS)
async def test_no_line_of_the_help_is_cut(language: str) -> None:
    async with opened(language=language, size=(80, 60)) as counter:
        await counter.press("question_mark")
        await counter.see("^c ^c")
        said = Texts(language)("take the last step back, while its time runs").split()
        assert [word for word in said if word not in counter.text] == []
