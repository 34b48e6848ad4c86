"""HQ's word on what a store may do, as the store itself reads it: which groups' bundles are meant for it. NATS heeds the same claim.

A claim that comes over the line counts only if the key signed it that signed the one from joining: who has NATS's servers can't move a store
to another group. The same claims prove to other stores whose key a key is. Pure.
"""

import base64
from collections.abc import Sequence

import msgspec

from daemon.fleet.bundle import ALL, CANARY
from daemon.fleet.nkey import BadKey, is_signed
from daemon.fleet.wire import NAME

_PREFIX = "bundle."


class _Subjects(msgspec.Struct, frozen=True):
    allow: list[str] = []


class _Rights(msgspec.Struct, frozen=True):
    pub: _Subjects = _Subjects()
    sub: _Subjects = _Subjects()


class Claim(msgspec.Struct, frozen=True):
    iat: int = 0
    iss: str = ""
    """Public key of the fleet's account."""
    sub: str = ""
    """Public key of the store."""
    name: str = ""
    nats: _Rights = _Rights()


_claim = msgspec.json.Decoder(Claim)


def read_claim(text: str) -> Claim:
    """Whoever signed it; one that can't be read grants nothing."""
    try:
        return _claim.decode(_raw(text.split(".")[1]))
    except (IndexError, ValueError, msgspec.MsgspecError, RecursionError):
        return Claim()


def groups_of(claim: str, store: str) -> Sequence[str]:
    """The nearest first: the store itself, its region, the canaries, all."""
    allowed = [
        subject.removeprefix(_PREFIX) for subject in read_claim(claim).nats.sub.allow if subject.startswith(_PREFIX)
    ]
    named = [name for name in allowed if NAME.fullmatch(name)]
    regions = sorted(set(named) - {store, CANARY, ALL})
    return [name for name in (store, *regions, CANARY, ALL) if name in named]


def renews(claim: str, joined: str, held: str) -> bool:
    """Whether it is for the same key and by the same signer as the one from joining, and no older than what is held."""
    first = read_claim(joined)
    own = claim_by(claim, first.iss)
    return own is not None and own.sub == first.sub and own.iat >= max(first.iat, read_claim(held).iat)


def claim_by(text: str, issuer: str) -> Claim | None:
    """What the owner of that public key (the fleet's account) claimed; None: it is not by them."""
    claim = read_claim(text)
    head, _, signature = text.rpartition(".")
    try:
        signed = is_signed(head.encode(), _raw(signature), issuer, "account")
    except (BadKey, ValueError):
        return None
    return claim if signed and claim.iss == issuer else None


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
