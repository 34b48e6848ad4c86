"""Every reason that the code gives has a code, and every code its sentences in each language, with the same parameters."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from daemon.wire.reasons import LANGUAGES, Reasons, catalogue
from outbox.reasons import Reason, decode_args, encode_args, joined, whole_args

ROOT = Path(__file__).parents[2]
FORMS = ("short", "full")


@cache
def given() -> Sequence[tuple[str, str, frozenset[str]]]:
    """Each `Reason("sentence", "code", name=...)` of the code: where it stands, its code, its parameters."""
    return list(_given())


def _given() -> Iterator[tuple[str, str, frozenset[str]]]:
    for folder in ("outbox", "daemon"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            for node in ast.walk(ast.parse(text)) if "Reason" in text else ():
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Reason" and len(node.args) > 1:
                    names = frozenset(word.arg for word in node.keywords if word.arg)
                    where = f"{path.relative_to(ROOT)}:{node.lineno}"
                    for code in re.findall(r"'([a-z_]+)'", ast.unparse(node.args[1])):
                        yield where, code, names


def parameters() -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for _, code, names in given():
        found[code] |= names
    return found


def places(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def test_the_code_gives_reasons() -> None:
    assert {"no_address", "opted_out", "superseded", "line_down"} <= set(parameters())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_that_is_given_has_its_sentences(language: str) -> None:
    known = catalogue(language)["reasons"]
    assert [(where, code) for where, code, _ in given() if code not in {*known, "several"}] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_codes_and_words(language: str) -> None:
    english, this = catalogue("en"), catalogue(language)
    for part in ("reasons", "kinds", "kinds_brief", "media", "states"):
        assert set(this[part]) == set(english[part]), part
    for code, forms in this["reasons"].items():
        for form in FORMS:
            assert places(forms[form]) == places(english["reasons"][code][form]), (code, form)


def test_a_sentence_names_only_what_its_reason_gives() -> None:
    by_said = {"channel_out", "refused", "opted_out_there", "unsure", "throttled", "not_now", "short_of"}
    given_by = parameters() | {code: {"channel", "code", "words"} for code in by_said}
    for code, forms in catalogue("en")["reasons"].items():
        for form in FORMS:
            assert places(forms[form]) <= given_by.get(code, set()), (code, form)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "There is no telephone number or e-mail address that can be used."),
        ("de", "Es gibt keine brauchbare Telefonnummer oder E-Mail-Adresse."),
    ],
)
def test_words_for_parameters_are_the_languages_own(language: str, sentence: str) -> None:
    told = Reasons(language).sentence("no_address", {"kinds": ["phone", "email"]}, "")
    assert told == sentence


def test_reasons_within_reasons_are_told_in_the_same_language() -> None:
    why = joined(
        [
            Reason("no phone number", "no_address", kinds=["phone"]),
            Reason("gave up", "gave_up", tries=3, because=Reason("the line is down", "line_down")),
        ]
    )
    stored = decode_args(encode_args(why))
    assert stored == whole_args(why)
    assert Reasons("fr").sentence(why.code, stored, str(why)) == (
        "Rien d'utilisable comme numéro de téléphone. "
        "Abandonné après 3 essais. La ligne est coupée : il partira à son retour."
    )


def test_what_a_language_does_not_know_is_told_in_english() -> None:
    assert Reasons("es").sentence("of_a_newer_release", {}, "the moon is full") == "the moon is full"
    assert Reasons("es").short("", {}, "") == ""


def test_a_parameter_that_an_older_record_lacks_leaves_no_trace() -> None:
    assert Reasons("en").sentence("undelivered", {}, "") == "It could not be delivered"


def test_a_language_without_sentences_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(LookupError, match="en, es, fr, de"):
        Reasons("it")
