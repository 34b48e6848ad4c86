"""How addresses are known among the stores of a fleet: by keyed digests of medium and address, under keys that all of them hold. A store
that is in no fleet has no key, and nothing of this costs it anything."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import NamedTuple, get_args

from outbox.digest import HEX_LENGTH
from outbox.ledger import ALL, BY_NUMBER
from outbox.model import Medium

PERSON = "person"
"""In the place of a medium, so that it is none of the digests of consent."""


class Asked(NamedTuple):
    """Under which digests one key knows an address: for the medium, for the one whose silence it keeps (`outbox.ledger`), for all."""

    kid: str
    medium: str
    own: str
    number: str
    all: str


class Shares:
    """The fleet's consent keys by their names; a word is told under each of them. Never changed: other keys make another one."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)

    @property
    def keys(self) -> Mapping[str, bytes]:
        return self._keys

    def of(self, medium: str, address: str) -> Sequence[tuple[str, str]]:
        """(key's name, digest) for each key."""
        plain = address.strip().lower()
        if not plain:
            return ()
        return [(kid, _digest(key, medium, plain)) for kid, key in self._keys.items()]

    def person(self, address: str) -> Sequence[str]:
        """For each key: under which digest what was told to that address is found."""
        plain = address.strip().lower()
        return [_digest(key, PERSON, plain) for key in self._keys.values()] if plain else ()

    def asked(self, medium: str, address: str) -> Sequence[Asked]:
        """For each key: what a look before sending asks for."""
        plain = address.strip().lower()
        if not plain:
            return ()
        number = BY_NUMBER.get(medium, medium)
        return [
            Asked(kid, medium, _digest(key, medium, plain), _digest(key, number, plain), _digest(key, ALL, plain))
            for kid, key in self._keys.items()
        ]

    def ended_by(self, medium: str, address: str) -> Sequence[Asked]:
        """For each key: what silence an opt-in may end; one for all ends that of any medium."""
        return [one for each in (get_args(Medium) if medium == ALL else (medium,)) for one in self.asked(each, address)]

    def __repr__(self) -> str:
        return f"Shares({', '.join(self._keys)})"


def _digest(key: bytes, medium: str, plain: str) -> str:
    return hmac.digest(key, f"{medium}\0{plain}".encode(), hashlib.sha256).hex()[:HEX_LENGTH]
