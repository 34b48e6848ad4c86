"""Backoff, masks, digests, cursors, statements over rows: the pure parts."""

import base64
import json
import random
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbox.backoff import full_jitter
from outbox.digest import Digester
from outbox.masks import mask_address
from outbox.pages import cursor_of, place_of
from outbox.queries import RowStatement


@given(st.integers(0, 10_000), st.floats(0.001, 1000), st.floats(0.001, 10_000), st.randoms())
def test_a_wait_is_never_negative_nor_above_the_cap(tries: int, base: float, cap: float, rng: random.Random) -> None:
    assert 0.0 <= full_jitter(tries, base=base, cap=cap, rng=rng) <= min(cap, base * 2.0 ** min(tries, 64))


def test_waits_grow_and_use_their_whole_range() -> None:
    rng = random.Random(5)
    means = [sum(full_jitter(n, base=2, cap=300, rng=rng) for _ in range(2000)) / 2000 for n in range(9)]
    for n, mean in enumerate(means):
        assert mean == pytest.approx(min(300, 2 * 2**n) / 2, rel=0.1)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("+447700900123", "+44…0123"),
        ("ada@example.com", "a…@example.com"),
        ("U12", "…"),
        ("", ""),
        ("@x", "…@x"),
    ],
)
def test_a_masked_address_can_be_recognised_but_not_used(address: str, shown: str) -> None:
    assert mask_address(address) == shown


def test_digests_are_keyed_and_the_key_is_not_shown() -> None:
    one, other = Digester(b"k" * 32), Digester(b"l" * 32)
    assert one(" Ada@Example.com ") == one("ada@example.com") != other("ada@example.com")
    assert len(one("x")) == 32
    assert "k" * 8 not in repr(one)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3))
def test_cursors_come_back(place: list[int]) -> None:
    assert place_of(cursor_of(*place), tuple(place)) == tuple(place)


@given(st.text(max_size=30))
def test_any_other_text_is_refused_as_a_cursor(text: str) -> None:
    if _is_cursor(text):
        assert len(place_of(text, (0,))) == 1
    else:
        with pytest.raises(ValueError, match="begin without one"):
            place_of(text, (0,))


def _is_cursor(text: str) -> bool:
    """Whether it happens to be one after all: base64 of a JSON array of one number."""
    try:
        place = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        return False
    return isinstance(place, list) and len(place) == 1 and type(place[0]) is int and -(2**63) <= place[0] < 2**63


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 16, 63, 64, 65, 150])
def test_rows_are_written_whatever_their_number(count: int) -> None:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE t (a INTEGER NOT NULL, b TEXT)")
    statement = RowStatement("INSERT INTO t (a, b) SELECT * FROM (VALUES (:a, :b)) WHERE column1 IS NOT NULL")
    assert statement.columns == ("a", "b")
    rows = [(n, str(n)) for n in range(count)]
    statement.execute(db, rows)
    assert db.execute("SELECT a, b FROM t ORDER BY a").fetchall() == rows
    db.close()
