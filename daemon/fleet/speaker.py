"""Whose a word on consent is. Every store may publish under every address's subject, so the subject proves nothing: the word carries the
store's claim, which the fleet's account signed, and a signature by the key that the claim names. Headquarters signs with the account's own.

What is signed is the word and whom it is about: it proves nothing elsewhere, nor, for an opt-in, after another word or in another stream. Pure.
"""

import base64
from functools import lru_cache

import msgspec

from daemon.fleet.claim import claim_by
from daemon.fleet.nkey import BadKey, KeyPair, is_signed
from daemon.fleet.stored import moment
from daemon.fleet.wire import NAME, SignedWord

HEADQUARTERS = "headquarters"
"""As what headquarters speaks where stores speak with their names; no store may be called so."""
CLAIMS = 2048
"""So many stores' claims are checked once, not with each word."""


def signed(word: SignedWord, subject: str, key: KeyPair, claim: str = "") -> SignedWord:
    """`claim` "": the key is the fleet's account itself."""
    text = _text(word, subject)
    signature = base64.b64encode(key.sign(text)).decode()
    of_stream = base64.b64encode(key.sign(text + word.stream.encode())).decode() if word.stream else ""
    return msgspec.structs.replace(word, claim=claim, signature=signature, stream_signature=of_stream)


def is_proved(word: SignedWord, subject: str, account: str) -> bool:
    """Whether it is of the store that it names, or of headquarters. `account`: the fleet's public key."""
    try:
        signature = base64.b64decode(word.signature, validate=True)
        if word.store == HEADQUARTERS:
            return is_signed(_text(word, subject), signature, account, "account")
        name, key = _speaker(word.claim, account)
        return name == word.store and is_signed(_text(word, subject), signature, key, "user")
    except (BadKey, ValueError):
        return False


def is_said_in(word: SignedWord, subject: str, account: str, stream: str) -> bool:
    """Whether a word that is proved was said in that stream of consent (as the mark says it, which is when it was made) and not in an earlier one:
    a release that does not sign which it is told, by when it was said."""
    try:
        if not word.stream:
            return word.at >= moment(stream)
        signature = base64.b64decode(word.stream_signature, validate=True)
        key = _speaker(word.claim, account)[1]
        signed_text = _text(word, subject) + word.stream.encode()
        return word.stream == stream and is_signed(signed_text, signature, key, "user")
    except (BadKey, ValueError):
        return False


@lru_cache(maxsize=CLAIMS)
def _speaker(claim: str, account: str) -> tuple[str, str]:
    """A store's name and its public key; ("", "") where the fleet does not vouch for them."""
    found = claim_by(claim, account)
    return (found.name, found.sub) if found is not None and NAME.fullmatch(found.name) else ("", "")


def _text(word: SignedWord, subject: str) -> bytes:
    said = (word.state, word.at, word.clock_trusted, word.store, word.epoch, word.seq, word.how, word.heard, word.base)
    return msgspec.json.encode(("tether consent", subject, *said))
