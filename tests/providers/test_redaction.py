"""What a provider says is kept without our secrets and without the recipient's address, in whatever form it repeats them."""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.channels.base import ReceiptUpdate
from daemon.keys.box_key import BoxKey
from daemon.redact import mask_contacts, scrub
from daemon.runtime.logs import Redactor
from outbox.masks import mask_address
from outbox.outcome import ReceiptState


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("+447700900123", "+44…0123"),
        ("+1234", "…"),
        ("ada@example.com", "a…@example.com"),
        ("@example.com", "…@example.com"),
        ("U0123ABCDEF", "U0…EF"),
        ("short", "…"),
        ("", ""),
    ],
)
def test_addresses_are_masked_by_their_kind(address: str, masked: str) -> None:
    assert mask_address(address) == masked


@pytest.mark.parametrize(
    "said",
    [
        "To +447700900123 is wrong",
        "To 447700900123 is wrong",
        "/Messages?To=%2B447700900123",
        "token tok-0123456789 is wrong",
        "key a/b+c=secret",
        "url ?key=a%2Fb%2Bc%3Dsecret",
        "ADA@Example.COM bounced",
        "ada%40example.com bounced",
    ],
)
def test_known_secrets_and_addresses_are_taken_out(said: str) -> None:
    clean = scrub(said, ("tok-0123456789", "a/b+c=secret"), ("+447700900123", "ada@example.com"))
    for hidden in ("447700900123", "tok-0123456789", "a/b+c", "a%2Fb", "ada@", "ADA@", "ada%40"):
        assert hidden not in clean


PHRASE = "seven yellow balloons drift quietly above the harbour wall tonight"
OLD_KEY, NEW_KEY = (f"whsec_{b64encode(letter * 32).decode()}" for letter in (b"o", b"n"))
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHx1aGVs\nbG9ncml0dHkyMDI2\n-----END PRIVATE KEY-----"


def php(text: str) -> str:
    return json.dumps(text).replace("/", r"\/")


def dot_net(text: str) -> str:
    return json.dumps(text).replace("+", r"\u002B").replace("=", r"\u003D")


SECRETS = st.text(alphabet="aB4/=ü", min_size=4, max_size=60)


@given(
    secret=SECRETS,
    around=st.text(alphabet="aB4:(<;ü ", max_size=8),
    way=st.sampled_from(("plain", "hex", "HEX", "lower", "cut")),
)
def test_what_is_looked_at_shortly_is_clean_as_what_is_looked_at_well(secret: str, around: str, way: str) -> None:
    """A provider echoes a secret in words without any escape, which are looked at for the secret itself and its hexadecimal only; a "%" has them
    looked at for every spelling."""
    hexed = secret[:40].encode().hex()
    said = {"plain": secret, "hex": hexed, "HEX": hexed.upper(), "lower": secret.lower(), "cut": secret[1:]}[way]
    text = f"{around} {said} {around}"
    assert scrub(text, [secret], []) + " %" == scrub(text + " %", [secret], [])


def test_a_longer_secret_is_taken_out_whole() -> None:
    assert scrub("abcdef-more", ("abcdef", "abcdef-more"), ()) == "[secret]"


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (PHRASE, PHRASE),
        (PHRASE, f"535 login as shop with {PHRASE!r} was refused; see +44%20"),
        (PHRASE, quote_plus(PHRASE)),
        (f"{OLD_KEY},{NEW_KEY}", f"tried {NEW_KEY}"),
        (f"{OLD_KEY},{NEW_KEY}", f"tried {OLD_KEY} and {NEW_KEY}"),
        (f"{OLD_KEY} {NEW_KEY}", f"tried {NEW_KEY}"),
        (PEM, PEM),
        (PEM.replace("\n", " "), PEM),
    ],
)
def test_a_secret_of_several_words_is_taken_out_whole(secret: str, said: str) -> None:
    clean = scrub(said, [secret], [])
    assert "[secret]" in clean
    for word in re.split(r"[ ,\n]+", secret):
        assert len(word) < 5 or "-----" in word or word == "PRIVATE" or word not in clean


@pytest.mark.parametrize("name", ["TETHER_WORDS", "FLEET_SEED", "HQ_OPERATOR_SEED"])
def test_logs_know_the_box_s_own_words_and_seeds(name: str) -> None:
    value = BoxKey.new().words
    assert re.fullmatch(r"read '(\[secret\])+'", Redactor({name: value}).text(f"read {value!r}"))


@pytest.mark.parametrize("written", [json.dumps, php, dot_net, quote_plus], ids=["python", "php", "dot net", "query"])
def test_an_echo_of_our_authorization_is_known_however_its_base64_is_escaped(written: Callable[[str], str]) -> None:
    secret = "cs_o?o>o?o>o?o>o?o>o?o>"
    echo = b64encode(f"ck_1:{secret}".encode()).decode()
    assert {"/", "+"} <= set(echo)
    clean = scrub(f"refused: {written(f'Basic {echo}')}", [secret], [])
    assert "[secret]" in clean
    assert not re.search(r"[A-Za-z0-9]{8}", clean.replace("refused", ""))


def test_what_is_no_text_at_all_is_a_secret_like_others() -> None:
    """A variable of the environment that another program set."""
    odd = b"\xff\xfe\xfd\xfc\xfb\xfa".decode("utf-8", "surrogateescape")
    assert scrub(f"it said {odd} and 50%", [odd], []) == "it said [secret] and 50%"


def test_what_is_too_short_to_be_a_secret_stays() -> None:
    assert scrub("the api said no", ("api", ""), ("",)) == "the api said no"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("550 5.1.1 <ada@example.com>: no such user", "550 5.1.1 <a…@example.com>: no such user"),
        ("+44 7700 900123 is switched off", "+44…0123 is switched off"),
        ("error 30005, see 21610 at 2026-11-24T10:15:00Z", "error 30005, see 21610 at 2026-11-24T10:15:00Z"),
    ],
)
def test_a_receipts_words_name_nobody(said: str, kept: str) -> None:
    assert mask_contacts(said) == kept
    assert ReceiptUpdate(state=ReceiptState.UNDELIVERED, detail=said).detail == kept


def test_a_receipts_words_are_cut_to_size() -> None:
    assert len(ReceiptUpdate(state=ReceiptState.UNDELIVERED, detail="x" * 5000).detail) == 300
