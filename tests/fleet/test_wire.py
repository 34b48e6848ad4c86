"""Bodies from the line. Somebody with a store's key writes what PostgreSQL can't keep, or what only looks like it, so that the archive stands still
or refuses what an honest store says."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.fleet.wire import Garbled, SignedWord, pack, unpack

TRICKY = st.text(alphabet='\x00\\u0"a', max_size=30)


@given(TRICKY)
@example("\\u0000")
@example("\\\x00")
@example('"\\\\\x00')
def test_a_nul_is_refused_and_nothing_that_only_looks_like_one(text: str) -> None:
    word = SignedWord(state="out", at=1, clock_trusted=True, store="soho", epoch="e", seq=1, how=text)
    if "\x00" in text:
        with pytest.raises(Garbled, match="NUL"):
            unpack(pack(word), SignedWord)
    else:
        assert unpack(pack(word), SignedWord) == word
