"""What a reply asks for."""

import pytest

from daemon.consent_words import _ANSWERS, _WORDS, Wish, answer, may_want_silence, read
from daemon.gsm_alphabet import septets


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "stop",
        " Stop! ",
        "«STOP»",
        "S.T.O.P.",
        "stop 🎈",
        "Stop all",
        "arrêt",
        "ARRET.",
        "Baja",
        "no más",
        "Stopp",
        "abmelden",
        "Unsubscribe",
        "STOP PUB",
        "stop please",
        "Please, stop. Thanks!",
        "bitte keine SMS mehr",
        "Keine Nachrichten mehr, danke",
        "STOPP",
        "ARRET",
        "BAJA",
        "Quiero darme de baja, por favor",
        "No me envíen más mensajes",
        "désabonnez-moi svp",
        "Stop au 36111",
        "Je ne veux plus de SMS",
        "don't text me!",
        "stop texting me",
        "remove me from your list",
        "UNSUB",
        "S T O P",
        "please do not text me again",
        "Don't text me anymore",
        "no more sms",
        "stop messaging",
        "no me manden más mensajes",
        "Dejen de escribirme, por favor",
        "ne plus recevoir",
        "Je souhaite me désinscrire svp",
        "arrêter les messages",
        "Ich möchte mich abmelden",
        "lassen Sie mich in Ruhe!",
    ],
)
def test_stop(text: str) -> None:
    found = read(text)
    assert found is not None
    assert found.wish is Wish.STOP


@pytest.mark.parametrize("text", ["START", "yes", "Unstop", "Alta", "reprendre", "anmelden"])
def test_start(text: str) -> None:
    found = read(text)
    assert found is not None
    assert found.wish is Wish.START


@pytest.mark.parametrize(
    ("text", "language"), [("HELP", "en"), ("Info?", "en"), ("ayuda", "es"), ("Aide", "fr"), ("Hilfe", "de")]
)
def test_help(text: str, language: str) -> None:
    found = read(text)
    assert found is not None
    assert (found.wish, found.language) == (Wish.HELP, language)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "please stop by at 5",
        "stop it",
        "on my way!",
        "yes please",
        "non-stop",
        "I can't stop",
        "👍",
        "12",
        "can you cancel my order?",
        "Cancel 1042",
        "please cancel #1042",
        "Cancelar 1042",
        "Abbestellen 1042",
        "Bitte 1042 abbestellen",
        "Yes, 12",
    ],
)
def test_anything_else_is_for_staff(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "stop it",
        "can you stop texting me about B-12",
        "Please unsubscribe me from this, I have moved",
        "wrong number",
        "no more texts to my wife's phone please",
        "ich habe mich doch schon abgemeldet, keine weitere Werbung",
        "mauvais numéro",
        "not interested",
        "stop stop stop",
        "borrame de la lista",
        "quiero cancelar la suscripción",
        "ne m'écrivez plus jamais",
        "hören Sie bitte auf",
        "löschen Sie meine Nummer",
        "por favor la baja de mi hijo",
    ],
)
def test_what_may_be_a_wish_for_silence_is_for_staff_to_decide(text: str) -> None:
    assert read(text) is None
    assert may_want_silence(text)


@pytest.mark.parametrize(
    "text",
    [
        "please stop by at 5",
        "I'll stop in tomorrow",
        "non-stop",
        "I can't stop",
        "can you cancel my order?",
        "Cancel 1042",
        "STOP",
        "no text came",
        "👍",
        "",
    ],
)
def test_what_is_no_wish_or_a_clear_one_is_not_marked(text: str) -> None:
    assert not may_want_silence(text)


def test_every_set_phrase_is_found_as_people_type_it() -> None:
    for language, wishes in _WORDS.items():
        for wish, words in wishes.items():
            for word in words:
                found = read(f" {word.lower()}. ")
                assert found is not None, (language, word)
                assert found.wish is wish, (language, word)


@pytest.mark.parametrize("language", _ANSWERS)
@pytest.mark.parametrize("wish", Wish)
def test_answers_fit_one_sms_and_name_a_word_that_works(language: str, wish: Wish) -> None:
    text = answer(wish, language, store="Balloon Loft & Party Shop", phone="+441632960001")
    count = septets(text)
    assert count is not None
    assert count <= 160
    wanted = Wish.START if wish is Wish.STOP else Wish.STOP
    assert any(
        (found := read(word)) and found.wish is wanted for word in text.replace(",", " ").replace(".", " ").split()
    )


def test_the_answers_language() -> None:
    assert "plus de SMS" in answer(Wish.STOP, "fr-CA", store="B")
    assert "no more texts" in answer(Wish.STOP, "ja", store="B")


def test_no_word_means_two_things() -> None:
    words = [word for wishes in _WORDS.values() for group in wishes.values() for word in group]
    assert len(words) == len(set(words))
