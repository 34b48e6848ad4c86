"""`[replies]`: exact words of customers with an open order, and what each does. The shipped ones, the store's own over them, and what is
answered by itself.

STOP, START and HELP are fixed (`daemon.consent_words`). YES is both: it ends a silence where there is one, else it answers a question.
"""

import re
import unicodedata
from collections.abc import Mapping

import msgspec

from daemon import consent_words
from daemon.config import ConfigError, ReplyAction, Settings, Store
from outbox.acting import REF, Action

SHIPPED: Mapping[str, Mapping[str, Action]] = {
    "en": {"here": "arrived", "yes": "yes", "no": "no"},
    "es": {"aquí": "arrived", "aqui": "arrived", "sí": "yes", "si": "yes", "no": "no"},
    "fr": {"ici": "arrived", "oui": "yes", "non": "no"},
    "de": {"hier": "arrived", "ja": "yes", "nein": "no"},
}
"""Folded, by language."""

_ANSWERS: Mapping[Action, Mapping[str, str]] = {
    "arrived": {
        "en": "{store}: thank you, we know that you are outside (order {ref}).",
        "es": "{store}: gracias, sabemos que esperas fuera (pedido {ref}).",
        "fr": "{store} : merci, nous savons que vous attendez dehors (commande {ref}).",
        "de": "{store}: danke, wir wissen, dass Sie draußen warten (Bestellung {ref}).",
    },
    "yes": {
        "en": "{store}: thank you, your YES for order {ref} is noted.",
        "es": "{store}: gracias, hemos anotado tu SI para el pedido {ref}.",
        "fr": "{store} : merci, votre OUI pour la commande {ref} est bien noté.",
        "de": "{store}: danke, Ihr JA zu Bestellung {ref} ist notiert.",
    },
    "no": {
        "en": "{store}: thank you, your NO for order {ref} is noted.",
        "es": "{store}: gracias, hemos anotado tu NO para el pedido {ref}.",
        "fr": "{store} : merci, votre NON pour la commande {ref} est bien noté.",
        "de": "{store}: danke, Ihr NEIN zu Bestellung {ref} ist notiert.",
    },
}
"""GSM 7 throughout: one part."""

_END = re.compile(r"(?<![\s.,;:!?…])[\s.,;:!?…]+$")


class Meaning(msgspec.Struct, frozen=True):
    """What a word does, and the language it was said in."""

    action: Action
    language: str


class ReplyWords:
    """The words that count at this store. Pure; raises ConfigError for what can't be meant."""

    def __init__(self, settings: Settings) -> None:
        first = _language(settings.store)
        self._meanings: dict[str, Meaning] = {}
        for language in sorted(SHIPPED, key=lambda each: each != first):  # a word of two languages is the store's
            for word, action in SHIPPED[language].items():
                self._meanings.setdefault(word, Meaning(action, language))
        for key, value in settings.replies.items():
            if isinstance(value, str):
                self._put(key, value, first, f"replies.{key}")
                continue
            if key not in SHIPPED:
                raise ConfigError(f"replies.{key}: no such language; known are {', '.join(SHIPPED)}")
            for word, wanted in value.items():
                self._put(word, wanted, key, f"replies.{key}.{word}")

    def _put(self, word: str, action: ReplyAction, language: str, place: str) -> None:
        folded = fold(word)
        if not folded:
            raise ConfigError(f"{place}: is no word; write one that customers send, like HERE")
        if folded not in self._meanings and (fixed := consent_words.read(word)) is not None:
            raise ConfigError(f"{place}: is fixed, it means {fixed.wish.name}; write another word")
        if action == "none":
            self._meanings.pop(folded, None)
        else:
            self._meanings[folded] = Meaning(action, language)

    def read(self, text: str) -> Meaning | None:
        """What the whole message is the word for; None for anything else, which is for staff to read."""
        return self._meanings.get(fold(text))


def fold(text: str) -> str:
    """As words are compared: whatever the case, without spaces around it or punctuation behind it."""
    return _END.sub("", unicodedata.normalize("NFC", text.strip()).casefold())


def texts(action: Action, store: Store) -> dict[str, str]:
    """What is answered, by language; the order's number is still to be put in."""
    return {language: words.format(store=store.name, ref=REF) for language, words in _ANSWERS[action].items()}


def check_replies(settings: Settings) -> None:
    ReplyWords(settings)


def _language(store: Store) -> str:
    language = store.locale.replace("_", "-").partition("-")[0].lower()
    return language if language in SHIPPED else "en"
