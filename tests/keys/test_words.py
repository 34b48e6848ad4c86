"""The twelve words: BIP-39's own vectors, and what a person gets wrong when they copy them."""

import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from daemon.keys.bech32 import bech32
from daemon.keys.box_key import BoxKey, is_signed
from daemon.keys.words import seed_of, word_list, words_of

VECTORS = {
    "00000000000000000000000000000000": "abandon " * 11 + "about",
    "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f": "legal winner thank year wave sausage worth useful legal winner thank yellow",
    "80808080808080808080808080808080": "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
    "ffffffffffffffffffffffffffffffff": "zoo " * 11 + "wrong",
    "9e885d952ad362caeb4efe34a8e91bd2": "ozone drill grab fiber curtain grace pudding thank cruise elder eight picnic",
    "f30f8c1da665478f49b001d94c5fc452": "vessel ladder alter error federal sibling chat ability sun glass valve picture",
}
"""From the reference implementation that BIP-39 names."""


@pytest.mark.parametrize("seed", VECTORS)
def test_vectors(seed: str) -> None:
    assert words_of(bytes.fromhex(seed)) == VECTORS[seed].strip()
    assert seed_of(VECTORS[seed]).hex() == seed


@given(st.binary(min_size=16, max_size=16))
def test_there_and_back_by_four_letters_in_any_case(seed: bytes) -> None:
    short = ",  ".join(word[:4].upper() for word in words_of(seed).split())
    assert seed_of(short) == seed


def test_no_two_words_share_their_first_four_letters() -> None:
    assert len({word[:4] for word in word_list()}) == len(word_list()) == 2048


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("legal winner thank", "3 words"),
        ("legal winner thank year wave sausage worth useful legal winner thank yelow", "word 12"),
        ("legal winner thank year wave sausage worth useful legal winner yellow thank", "swapped"),
        ("", "0 words"),
    ],
)
def test_what_was_copied_wrong_is_told(words: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        seed_of(words)


def test_bech32_as_its_specification_has_it() -> None:
    """BIP-173's vector: the witness program of 751e76e8199196d454941c45d1b3a323f1433bd6 without its version."""
    assert bech32("a", b"") == "a12uel5l"
    assert bech32("split", bytes.fromhex("c5f38b70305f519bf66d85fb6cf03058f3dde463ecd7918f2dc743918f2d")) == (
        "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w"
    )


def test_the_same_words_are_the_same_box_and_each_use_has_its_own_key() -> None:
    one = BoxKey.from_words(VECTORS["7f" * 16])
    assert BoxKey.from_words(one.words).public == one.public
    assert BoxKey.from_words(one.words).recipient == one.recipient
    assert one.derive("signature") != one.derive("age identity")
    signature = one.sign(b"kind", b"said")
    assert is_signed(one.public, b"kind", b"said", signature)
    assert not is_signed(one.public, b"other kind", b"said", signature)
    assert not is_signed(BoxKey.from_words(VECTORS["80" * 16]).public, b"kind", b"said", signature)
    assert not is_signed(one.public.removeprefix("tether-"), b"kind", b"said", signature)
    assert not is_signed(one.public, b"kind", b"said", "no base64")


@given(st.binary(min_size=16, max_size=16), st.text(max_size=40))
def test_keys_are_derived_as_rfc_5869_has_it(seed: bytes, purpose: str) -> None:
    theirs = HKDF(algorithm=SHA256(), length=32, salt=b"tether", info=purpose.encode())
    assert BoxKey(seed).derive(purpose) == theirs.derive(seed)


def test_a_service_that_signs_nothing_yet_is_spared_what_signing_and_sealing_take() -> None:
    loaded = (
        "import sys, daemon.runtime.process; from daemon.keys.box_key import BoxKey; BoxKey.new().derive('x'); "
        "print({'cryptography', 'pyrage', 'tarfile'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "set()\n"
