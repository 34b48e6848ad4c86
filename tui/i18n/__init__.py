"""The screen's texts in other languages: one TOML file a language, keyed by the English text.

`text` marks a string that is translated later, where it is shown; a `Texts` translates it. tests/screens checks that every
language has every text, with the same places to fill.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

LANGUAGES = {"en": "English", "es": "Español", "fr": "Français", "de": "Deutsch"}


def text(english: str) -> str:
    """Mark a text to be translated where it is shown."""
    return english


class Texts:
    """One language."""

    def __init__(self, language: str) -> None:
        self.speak(language)

    def speak(self, language: str) -> None:
        """Be that language from now on, for whoever holds this."""
        self.language = choose(language)
        self._table: Mapping[str, str] = {} if self.language == "en" else table(self.language)

    def __call__(self, english: str, /, **values: object) -> str:
        """The text in this language, its places filled."""
        found = self._table.get(english, english)
        return found.format(**values) if values else found


@cache
def table(language: str) -> Mapping[str, str]:
    """English text -> this language's, as its file has it."""
    file = Path(__file__).with_name(f"{language}.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def choose(*wishes: str | None) -> str:
    """The first wish ("de_AT.UTF-8", "fr") that there is a language for, else English."""
    for wish in wishes:
        code = (wish or "")[:2].lower()
        if code in LANGUAGES:
            return code
    return "en"
