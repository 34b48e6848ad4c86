"""Reasons in words: for each code, a sentence and three words or so, in each language that staff read (`en.toml` and its like).

A reason travels as `reason_code` and `reason_args`; `reason` is its English sentence, for people and logs. A code that a language does
not know is told by that sentence. Words for what parameters name (kinds of address, media) stand in the same files.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "es", "fr", "de")

Name = Callable[[str], str]
"""What people call a channel."""
Moment = Callable[[int], str]
"""A moment (ms) as people say it."""


class Reasons:
    """One language's sentences."""

    def __init__(self, language: str, *, channel: Name = str, moment: Moment = str) -> None:
        """Raises LookupError for a language without sentences."""
        self._table = catalogue(language)
        self._channel = channel
        self._moment = moment

    def sentence(self, code: str, args: Mapping[str, Any], otherwise: str) -> str:
        """As a whole sentence; `otherwise` for a code that is not known here."""
        return self._told(code, args, otherwise, "full")

    def short(self, code: str, args: Mapping[str, Any], otherwise: str) -> str:
        """In three words or so."""
        return self._told(code, args, otherwise, "short")

    def _told(self, code: str, args: Mapping[str, Any], otherwise: str, form: str) -> str:
        if code == "several":
            told = [self._inner(reason, form) for reason in args.get("reasons", ())]
            return (" " if all(each.endswith(".") for each in told) else "; ").join(told)
        known = self._table["reasons"].get(code)
        if known is None:
            return otherwise
        words = {name: self._word(name, value, form) for name, value in args.items()}
        return str(known[form]).format_map(_Words(words)).rstrip(": ")

    def _inner(self, reason: Mapping[str, Any], form: str) -> str:
        return self._told(reason.get("code", ""), reason.get("args", {}), reason.get("sentence", ""), form)

    def _word(self, name: str, value: Any, form: str) -> str:
        match name:
            case "kind" | "kinds" | "medium" | "media" | "state":
                return self._listed([self._named(name, each, form) for each in _several(value)])
            case "channel" | "channels":
                return self._listed([self._channel(each) for each in _several(value)])
            case "because":
                return self._inner(value, form)
            case "since":
                return self._moment(value)
            case _:
                return str(value)

    def _named(self, what: str, value: str, form: str) -> str:
        plural = {"kind": "kinds", "medium": "media", "state": "states"}.get(what, what)
        brief = self._table.get(f"{plural}_brief", {}) if form == "short" else {}
        return str(brief.get(value) or self._table[plural].get(value, value))

    def _listed(self, words: Sequence[str]) -> str:
        *most, last = dict.fromkeys(words)
        return f"{', '.join(most)} {self._table['or']} {last}" if most else last


class _Words(dict[str, str]):
    """A parameter that an older record lacks leaves its place empty."""

    def __missing__(self, name: str) -> str:
        return ""


@cache
def catalogue(language: str) -> Mapping[str, Any]:
    """A language's file. Raises LookupError."""
    if language not in LANGUAGES:
        raise LookupError(f"no reasons in {language!r}; there are {', '.join(LANGUAGES)}")
    return tomllib.loads(Path(__file__).with_name(f"{language}.toml").read_text(encoding="utf-8"))


def _several(value: Any) -> Sequence[str]:
    return value if isinstance(value, list | tuple) else [value]
