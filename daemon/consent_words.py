"""What a customer's reply asks for: silence (STOP), messages again (START), or help. Pure.

English follows the list that carriers and Twilio honour; the rest are people's own words in four languages. A wish is a whole message
that is one of the set phrases, whatever its case, accents, punctuation and politeness: "Stop please!" is one, "please stop by at 5" is none.
What only sounds like a wish for silence (`may_want_silence`) is for staff to decide.
"""

import re
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
            "STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "UNSUB", "UNSUBSCRIBE ME", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT",
            "OPT OUT", "OPT ME OUT", "STOP MESSAGES", "STOP ALL MESSAGES", "STOP TEXTS", "STOP ALL TEXTS", "STOP TEXTING", "STOP TEXTING ME",
            "STOP MESSAGING ME", "STOP SENDING TEXTS", "STOP SENDING ME TEXTS", "STOP SENDING MESSAGES", "STOP SENDING ME MESSAGES",
            "STOP CONTACTING ME", "STOP WRITING TO ME", "NO MORE TEXTS", "NO MORE MESSAGES", "DO NOT TEXT ME", "DONT TEXT ME",
            "DO NOT TEXT", "DONT TEXT", "DO NOT MESSAGE ME", "DONT MESSAGE ME", "DO NOT CONTACT ME", "DONT CONTACT ME", "REMOVE ME",
            "REMOVE ME FROM YOUR LIST", "REMOVE ME FROM THE LIST", "TAKE ME OFF YOUR LIST", "TAKE ME OFF THE LIST", "LEAVE ME ALONE",
            "STOP SMS", "STOP MESSAGING", "STOP TEXTING THIS NUMBER", "NO MORE SMS", "DO NOT TEXT ME AGAIN", "DONT TEXT ME AGAIN",
            "DO NOT TEXT ME ANYMORE", "DONT TEXT ME ANYMORE", "DO NOT TEXT ME ANY MORE", "DONT TEXT ME ANY MORE", "UNSUBSCRIBE FROM ALL",
            "I DO NOT WANT ANY MORE TEXTS", "I DONT WANT ANY MORE TEXTS", "I DO NOT WANT ANY MORE MESSAGES",
            "I DONT WANT ANY MORE MESSAGES",
        ),
        Wish.START: ("START", "YES", "UNSTOP", "SUBSCRIBE", "OPT IN", "OPTIN", "OPT ME IN", "RESUME"),
        Wish.HELP: ("HELP", "INFO", "HELP ME"),
    },
    "es": {
        Wish.STOP: (
            "ALTO", "BAJA", "PARAR", "CANCELAR", "DAR DE BAJA", "DARME DE BAJA", "DARSE DE BAJA", "DEME DE BAJA", "DENME DE BAJA",
            "DAME DE BAJA", "QUIERO DARME DE BAJA", "QUIERO LA BAJA", "NO MAS", "NO MAS SMS", "NO MAS MENSAJES", "BASTA", "DETENER",
            "DESUSCRIBIR", "NO ENVIAR MAS", "NO ENVIAR MAS SMS", "NO ENVIAR MAS MENSAJES", "NO ENVIEN MAS MENSAJES", "NO ENVIEN MAS SMS",
            "NO ME ENVIEN MAS MENSAJES", "NO ME ENVIEN MAS SMS", "NO ME ENVIE MAS MENSAJES", "NO ME ESCRIBAN MAS", "NO ME ESCRIBA MAS",
            "NO QUIERO MAS MENSAJES", "NO QUIERO MAS SMS", "NO QUIERO RECIBIR MAS MENSAJES", "NO QUIERO RECIBIR MAS SMS",
            "NO ME MANDEN MAS MENSAJES", "NO ME MANDEN MAS SMS", "NO ME MANDES MAS MENSAJES", "NO ME MANDES MAS SMS",
            "NO ME ENVIES MAS MENSAJES", "NO ME ENVIES MAS SMS", "DEJEN DE ESCRIBIRME", "DEJEN DE ENVIARME MENSAJES",
            "DEJEN DE ENVIARME SMS", "PARAR SMS", "BAJA SMS",
        ),
        Wish.START: ("ALTA", "INICIAR", "EMPEZAR", "DAR DE ALTA", "DARME DE ALTA"),
        Wish.HELP: ("AYUDA",),
    },
    "fr": {
        Wish.STOP: (
            "ARRET", "ARRET SMS", "ARRETER", "ARRETEZ", "STOP PUB", "STOP PUBS", "STOP PUBLICITE", "STOP AU", "DESABONNER", "DESABONNEZ MOI",
            "DESABONNEMENT", "ME DESABONNER", "SE DESABONNER", "DESINSCRIRE", "DESINSCRIPTION", "DESINSCRIVEZ MOI", "ME DESINSCRIRE",
            "PLUS DE SMS", "PLUS DE MESSAGES", "PLUS DE PUB", "NE PLUS RECEVOIR DE SMS", "NE PLUS RECEVOIR DE MESSAGES",
            "NE PLUS ENVOYER DE SMS", "NE MENVOYEZ PLUS DE SMS", "NE MENVOYEZ PLUS DE MESSAGES", "NE MECRIVEZ PLUS", "ARRETEZ DE MECRIRE",
            "ARRETEZ LES SMS", "ARRETEZ VOS SMS", "ARRETEZ DE MENVOYER DES SMS", "ARRETEZ DE MENVOYER DES MESSAGES",
            "JE NE VEUX PLUS DE SMS", "JE NE VEUX PLUS DE MESSAGES", "JE NE VEUX PLUS RECEVOIR DE SMS", "JE NE VEUX PLUS RECEVOIR DE MESSAGES",
            "NE PLUS RECEVOIR", "NE PLUS MENVOYER DE SMS", "NE MENVOYEZ PLUS RIEN", "NE ME CONTACTEZ PLUS", "ARRETER SMS",
            "ARRETER LES SMS", "ARRETER LES MESSAGES", "JE VEUX ME DESABONNER", "JE SOUHAITE ME DESABONNER", "JE VEUX ME DESINSCRIRE",
            "JE SOUHAITE ME DESINSCRIRE",
        ),
        Wish.START: ("REPRENDRE", "DEMARRER", "ABONNER"),
        Wish.HELP: ("AIDE",),
    },
    "de": {
        Wish.STOP: (
            "STOPP", "STOPPEN", "ABMELDEN", "ABMELDUNG", "MICH ABMELDEN", "ABBESTELLEN", "AUFHOREN", "AUFHOEREN", "AUSTRAGEN",
            "KEINE SMS", "KEINE SMS MEHR", "KEINE WEITEREN SMS", "KEINE SMS MEHR SENDEN", "KEINE SMS MEHR SCHICKEN", "KEINE NACHRICHTEN",
            "KEINE NACHRICHTEN MEHR", "KEINE WEITEREN NACHRICHTEN", "KEINE NACHRICHTEN MEHR SENDEN", "KEINE NACHRICHTEN MEHR SCHICKEN",
            "KEINE WERBUNG", "KEINE WERBUNG MEHR", "NICHT MEHR SCHREIBEN", "NICHT MEHR ANSCHREIBEN", "SCHREIBEN SIE MIR NICHT MEHR",
            "SCHREIBT MIR NICHT MEHR", "ICH WILL KEINE SMS MEHR", "ICH MOCHTE KEINE SMS MEHR", "ICH MOECHTE KEINE SMS MEHR",
            "ICH MOCHTE KEINE NACHRICHTEN MEHR", "ICH MOECHTE KEINE NACHRICHTEN MEHR", "SENDEN SIE MIR KEINE SMS MEHR",
            "ICH WILL KEINE NACHRICHTEN MEHR", "ICH MOCHTE MICH ABMELDEN", "ICH MOECHTE MICH ABMELDEN", "ICH WILL MICH ABMELDEN",
            "LASSEN SIE MICH IN RUHE", "LASST MICH IN RUHE",
        ),
        Wish.START: ("STARTEN", "ANMELDEN"),
        Wish.HELP: ("HILFE",),
    },
}  # fmt: skip
_POLITE = (
    "PLEASE", "PLS", "PLZ", "THANKS", "THANK YOU", "THX", "NOW", "SORRY", "HI", "HELLO",
    "POR FAVOR", "PORFAVOR", "GRACIAS", "YA", "HOLA",
    "SVP", "STP", "SIL VOUS PLAIT", "SIL TE PLAIT", "MERCI", "BONJOUR",
    "BITTE", "DANKE", "VIELEN DANK", "SOFORT", "HALLO",
)  # fmt: skip
"""What people put before and after, and means nothing here."""

_READINGS = {
    word: Reading(wish, language)
    for language, wishes in _WORDS.items()
    for wish, words in wishes.items()
    for word in words
}
_OF_ORDERS_TOO = frozenset({"CANCEL", "CANCELAR", "ABBESTELLEN", "YES"})
"""With a number beside them they speak of an order, or of how many. (Beside STOP stands the short code that it is written to in France.)"""

# Patterns as text, which `re` compiles at the first reply and keeps: 2 ms that no start need wait for.
_AROUND = rf"^(?:(?:{'|'.join(_POLITE)}) )+|(?: (?:{'|'.join(_POLITE)}))+$"

_UNCLEAR = (
    r"\b(?:"
    r"UNSUBSCRIBE|UNSUBSCRIBED|OPT(?:ED|ING)? (?:ME )?OUT|STOP (?:THESE|THIS|THOSE|IT|THAT|ALL|SEND|SENDING|TEXT|TEXTING|TEXTS|MESSAGE|MESSAGES|MESSAGING|SMS|PUB|WRIT|CONTACT|SPAM)"
    r"|(?:NO MORE|DONT|DO NOT) (?:\w+ ){0,3}(?:TEXT|TEXTS|MESSAGE|MESSAGES|SMS|SPAM)|REMOVE (?:ME|MY NUMBER)|TAKE ME OFF|LEAVE ME ALONE|WRONG (?:NUMBER|PERSON)"
    r"|NOT INTERESTED|(?:DE|LA) BAJA|BAJA DE|DEJ(?:A|E|EN) DE (?:ESCRIB|ENVIA|MANDA)\w*|BORR\w+ (?:DE LA LISTA|MI NUMERO)|CANCELAR (?:LA |MI )?SUSCRIPCION|NO (?:\w+ ){0,3}MAS (?:SMS|MENSAJES)|NUMERO EQUIVOCADO"
    r"|NE PLUS (?:RECEVOIR|ENVOYER|MENVOYER|ECRIRE|MECRIRE|CONTACTER)|(?:MENVOYEZ|ENVOYEZ|CONTACTEZ|MECRIVEZ|ECRIVEZ) PLUS|DESABONN\w*|DESINSCR\w*|ARRETE[RZ]?|PLUS (?:\w+ ){0,3}(?:SMS|MESSAGES?|PUB)|MAUVAIS NUMERO|FAUX NUMERO"
    r"|ABMELDE[NT]?|ABBESTELL\w*|KEINE? (?:\w+ ){0,3}(?:SMS|NACHRICHTEN?|WERBUNG)|NICHT MEHR (?:\w+ ){0,2}(?:SCHREIB\w*|SCHICK\w*|SEND\w*)|FALSCHE NUMMER|IN RUHE|HOR(?:T|EN SIE)? (?:\w+ )?AUF|NUMMER (?:\w+ )?LOSCHEN|LOSCH(?:T|EN SIE)? (?:\w+ ){0,2}NUMMER"
    r")\b"
)
_STOP_ALONE = r"(?<!NON )(?<!CANT )\bSTOPP?\b(?! (?:BY|IN|AT|OFF|OVER|ON)\b)"
_FEW_WORDS = 4

_ANSWERS: dict[str, dict[Wish, str]] = {
    "en": {
        Wish.STOP: "{store}: you will get no more texts from us. Reply START to get them again.",
        Wish.START: "{store}: you will get texts about your orders again. Reply STOP to end them.",
        Wish.HELP: "{store}: texts about your orders. Reply STOP to end them.{phone}",
    },
    "es": {
        Wish.STOP: "{store}: ya no te enviaremos mensajes. Responde ALTA para recibirlos de nuevo.",
        Wish.START: "{store}: te enviaremos mensajes sobre tus pedidos. Responde BAJA para no recibirlos.",
        Wish.HELP: "{store}: mensajes sobre tus pedidos. Responde BAJA para no recibirlos.{phone}",
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
    words = _plain(text)
    if _bare(words) in _OF_ORDERS_TOO and any(map(str.isdecimal, text)):
        return None
    exact = _READINGS.get(words)
    if exact is not None:
        return exact
    polite = _READINGS.get(_bare(words))  # "yes please" is an answer to somebody's question
    return polite if polite is not None and polite.wish is Wish.STOP else None


def may_want_silence(text: str) -> bool:
    """Whether it sounds like a wish for silence and is none of the set phrases ("please stop these, we moved")."""
    words = _plain(text)
    if read(text) is not None:
        return False
    short = len(words.split()) <= _FEW_WORDS and re.search(_STOP_ALONE, words) is not None
    return short or re.search(_UNCLEAR, words) is not None


def answer(wish: Wish, language: str, *, store: str, phone: str = "") -> str:
    """The one text that confirms a wish. `language`: of the customer where known ("fr-CA" will do), else of the word."""
    texts = _ANSWERS.get(language.partition("-")[0].lower(), _ANSWERS["en"])
    return texts[wish].format(store=store, phone=f" {phone}" if phone else "")


def _bare(words: str) -> str:
    while (less := re.sub(_AROUND, "", words)) != words:
        words = less
    return words


def _plain(text: str) -> str:
    """Upper case, without accents, with only letters and single spaces; a hyphen parts words, an apostrophe does not; spaced letters
    ("S T O P") are one word."""
    letters = unicodedata.normalize("NFKD", text).upper()
    kept = "".join(
        character if character.isalpha() else " " if character.isspace() or character in "-/" else ""
        for character in letters
        if not unicodedata.combining(character)
    )
    words = kept.split()
    return ("" if all(len(word) == 1 for word in words) else " ").join(words)
