"""128 bits as twelve words that a person can write down, as BIP-39 has it (https://github.com/bitcoin/bips, bip-0039.mediawiki).

`english.txt` is that document's word list: no two words share their first four letters, so those are enough. The last word carries a
checksum. Pure.
"""

import hashlib
from pathlib import Path

SEED_BYTES = 16
COUNT = 12
PREFIX = 4
_CHECK_BITS = SEED_BYTES * 8 // 32


def word_list() -> tuple[str, ...]:
    return tuple(Path(__file__).with_name("english.txt").read_text(encoding="ascii").split())


def words_of(seed: bytes) -> str:
    """The words of 16 bytes."""
    number = int.from_bytes(seed, "big") << _CHECK_BITS | _check(seed)
    places = [number >> 11 * place & 0x7FF for place in reversed(range(COUNT))]
    known = word_list()
    return " ".join(known[place] for place in places)


def seed_of(words: str) -> bytes:
    """The 16 bytes of twelve words, however they are spaced, in either case, or by their first four letters. Raises ValueError with
    what is wrong; it never repeats a word that was right."""
    given = words.lower().replace(",", " ").split()
    if len(given) != COUNT:
        raise ValueError(f"these are {len(given)} words; the key has {COUNT}")
    known = word_list()
    places = {word[:PREFIX]: place for place, word in enumerate(known)}
    number = 0
    for position, word in enumerate(given, 1):
        place = places.get(word[:PREFIX])
        if place is None or not known[place].startswith(word):
            raise ValueError(f"word {position} ({word!r}) is none of the list")
        number = number << 11 | place
    seed = (number >> _CHECK_BITS).to_bytes(SEED_BYTES, "big")
    if number & (1 << _CHECK_BITS) - 1 != _check(seed):
        raise ValueError("one of the words is another, or two are swapped: the last one does not fit them")
    return seed


def _check(seed: bytes) -> int:
    return hashlib.sha256(seed).digest()[0] >> 8 - _CHECK_BITS
