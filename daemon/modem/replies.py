"""What a customer's reply asks for: silence (STOP), messages again (START), or help. Pure.

English follows the list that carriers and Twilio honour; the other languages' words are ours. A wish is a whole message of
one word or one of the set phrases, whatever its case, accents and punctuation: "Stop!" is one, "please stop by at 5" is none.
"""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum


class Wish(StrEnum):
    STOP = "stop"
    START = "start"
    HELP = "help"


@dataclass(frozen=True)
class Reading:
    """A wish, and the language of the word it was said in."""

    wish: Wish
    language: str


_WORDS: dict[str, dict[Wish, tuple[str, ...]]] = {
    "en": {
        Wish.STOP: (
            "STOP",
            "STOPALL",
            "STOP ALL",
            "UNSUBSCRIBE",
            "CANCEL",
            "END",
            "QUIT",
            "REVOKE",
            "OPTOUT",
            "OPT OUT",
        ),
        Wish.START: ("START", "YES", "UNSTOP", "SUBSCRIBE"),
        Wish.HELP: ("HELP", "INFO"),
    },
    "es": {
        Wish.STOP: ("ALTO", "BAJA", "PARAR", "CANCELAR", "DAR DE BAJA", "NO MAS"),
        Wish.START: ("ALTA", "INICIAR", "EMPEZAR", "DAR DE ALTA"),
        Wish.HELP: ("AYUDA",),
    },
    "fr": {
        Wish.STOP: ("ARRET", "ARRETER", "ARRETEZ", "DESABONNER", "DESINSCRIRE", "STOP SMS"),
        Wish.START: ("REPRENDRE", "DEMARRER", "ABONNER"),
        Wish.HELP: ("AIDE",),
    },
    "de": {
        Wish.STOP: ("STOPP", "ABMELDEN", "ABBESTELLEN", "AUFHOREN", "AUFHOEREN", "KEINE SMS"),
        Wish.START: ("STARTEN", "ANMELDEN"),
        Wish.HELP: ("HILFE",),
    },
}
_READINGS = {
    word: Reading(wish, language)
    for language, wishes in _WORDS.items()
    for wish, words in wishes.items()
    for word in words
}

_ANSWERS: dict[str, dict[Wish, str]] = {
    "en": {
        Wish.STOP: "{store}: you will get no more texts from us. Reply START to get them again.",
        Wish.START: "{store}: you will get texts about your orders again. Reply STOP to end them.",
        Wish.HELP: "{store}: texts about your orders. Reply STOP to end them.{phone}",
    },
    "es": {
        Wish.STOP: "{store}: ya no le enviaremos mensajes. Responda ALTA para recibirlos de nuevo.",
        Wish.START: "{store}: le enviaremos mensajes sobre sus pedidos. Responda BAJA para no recibirlos.",
        Wish.HELP: "{store}: mensajes sobre sus pedidos. Responda BAJA para no recibirlos.{phone}",
    },
    "fr": {
        Wish.STOP: "{store} : vous ne recevrez plus de SMS. Répondez REPRENDRE pour en recevoir de nouveau.",
        Wish.START: "{store} : vous recevrez de nouveau nos SMS. Répondez STOP pour ne plus en recevoir.",
        Wish.HELP: "{store} : SMS au sujet de vos commandes. Répondez STOP pour ne plus en recevoir.{phone}",
    },
    "de": {
        Wish.STOP: "{store}: Sie erhalten keine SMS mehr. Antworten Sie START, um sie wieder zu erhalten.",
        Wish.START: "{store}: Sie erhalten wieder SMS zu Ihren Bestellungen. Mit STOP beenden Sie das.",
        Wish.HELP: "{store}: SMS zu Ihren Bestellungen. Mit STOP beenden Sie das.{phone}",
    },
}


def read(text: str) -> Reading | None:
    """What the message asks for; None for anything else, which is for the staff to read."""
    return _READINGS.get(_plain(text))


def answer(wish: Wish, language: str, *, store: str, phone: str = "") -> str:
    """The one text that confirms a wish. `language`: of the customer where known ("fr-CA" will do), else of the word."""
    texts = _ANSWERS.get(language.partition("-")[0].lower(), _ANSWERS["en"])
    return texts[wish].format(store=store, phone=f" {phone}" if phone else "")


def _plain(text: str) -> str:
    """Upper case, without accents, with only letters and single spaces."""
    letters = unicodedata.normalize("NFKD", text).upper()
    kept = "".join(
        character if character.isalpha() else " " if character.isspace() else ""
        for character in letters
        if not unicodedata.combining(character)
    )
    return " ".join(kept.split())
