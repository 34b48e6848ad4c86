"""Reasons as stores tell them: whoever has a stolen store's key wants headquarters to keep, and show to people, words of their own."""

import msgspec
import pytest

from daemon.fleet.causes import LEAVING, Args, leaving

NAMES = sorted(LEAVING)
WORDS = (
    "a\x00b", "<script>alert(1)</script>", "+447700900123", "ada@example.com", "call me back", "Ada", "x" * 400,
)  # fmt: skip


def kept(args: object) -> dict[str, object]:
    """What headquarters keeps of what came over the line."""
    return leaving(msgspec.to_builtins(msgspec.json.decode(msgspec.json.encode(args), type=Args)))


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("name", NAMES)
def test_words_of_their_own_are_dropped_wherever_they_stand(name: str, word: str) -> None:
    assert kept({name: word}) == {}
    assert kept({name: [word]}) == {}
    assert kept({"because": {"code": "no_address", "args": {name: word}}}) == {
        "because": {"code": "no_address", "args": {}}
    }


def test_what_is_longer_than_any_word_of_ours_is_refused_where_it_is_read() -> None:
    with pytest.raises(msgspec.ValidationError):
        kept({NAMES[0]: "x" * 401})


def test_codes_and_amounts_stay() -> None:
    name = next(each for each in NAMES if each not in ("since", "because", "reasons"))
    assert kept({name: "no_address"}) == {name: "no_address"}
    assert kept({name: "12.50 GBP"}) == {name: "12.50 GBP"}
