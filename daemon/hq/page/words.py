"""The page's words: one file a page (`words/NAME.toml`), each word in every language beside the others.

    [untold]
    en = { one = "{n} customer was not told", other = "{n} customers were not told" }
    es = ...

`frame.toml` holds what all pages say, `shared.toml` what several do. A word in two forms takes the one by `n`.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "es", "fr", "de")
FOLDER = Path(__file__).with_name("words")


class Words:
    """One page's words in one language, called by name: `w("untold", n=3)`. Raises LookupError for a word that isn't there."""

    def __init__(self, page: str, language: str) -> None:
        self.language = language
        self._pages = [catalogue(page), catalogue("frame"), catalogue("shared")]

    def __call__(self, key: str, /, **args: Any) -> str:
        for page in self._pages:
            if key in page:
                return str(_form(page[key][self.language], args.get("n"), self.language)).format_map(args)
        raise LookupError(f"no word {key!r} in the page's catalogue or the frame's")

    def __contains__(self, key: str) -> bool:
        return any(key in page for page in self._pages)


def _form(word: str | Mapping[str, str], n: Any, language: str) -> str:
    if isinstance(word, str):
        return word
    single = n == 1 or (language == "fr" and n == 0)
    return word["one" if single else "other"]


@cache
def catalogue(page: str) -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads((FOLDER / f"{page}.toml").read_text(encoding="utf-8"))


def language_of(chosen: str, accepted: str) -> str:
    """What somebody chose, else the first that their browser names and we speak."""
    if chosen in LANGUAGES:
        return chosen
    for part in accepted.split(",")[:10]:
        if (code := part.strip()[:2].lower()) in LANGUAGES:
            return code
    return "en"
