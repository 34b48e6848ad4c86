"""Long texts from their parts: in any order, twice, or never whole."""

import random

from hypothesis import given
from hypothesis import strategies as st

from daemon.modem import pdu
from daemon.modem.multipart import PATIENCE_SECONDS, Arrived, Assembly, Whole
from daemon.modem.pdu import Deliver
from daemon.modem.simulator import oracle

NOW = 1_795_515_300_000


def _arrived(place: int, hexa: str) -> Arrived:
    message = pdu.decode(hexa)
    assert isinstance(message, Deliver)
    return Arrived(place, hexa, message)


def _parts(
    text: str, count: int, *, reference: int = 9, sender: str = "+447700900123", wide: bool | None = None
) -> list[str]:
    units = text.encode("utf-16-be")
    if wide:
        size = 2 * -(-len(units) // (2 * count))
        pieces = [units[at : at + size].decode("utf-16-be", "surrogatepass") for at in range(0, len(units), size)]
    else:
        size = -(-len(text) // count)
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return [
        oracle.deliver(piece, sender, NOW, part=(reference, len(pieces), n + 1), is_ucs2=wide)
        for n, piece in enumerate(pieces)
    ]


def _texts(whole: list[Whole]) -> list[str]:
    return [one.incoming.text for one in whole]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=6, max_size=300), st.integers(2, 5), st.randoms())
def test_in_any_order_even_when_a_surrogate_pair_was_parted(text: str, count: int, shuffle: random.Random) -> None:
    parts = _parts(text, count, wide=True)
    shuffle.shuffle(parts)
    (whole,) = Assembly().sort([_arrived(place, part) for place, part in enumerate(parts)], now=0.0)
    assert whole.incoming.text == text
    assert whole.incoming.complete
    assert sorted(whole.places) == list(range(len(parts)))


def test_a_missing_part_is_waited_for() -> None:
    assembly = Assembly()
    first, second = _parts("YES please, on Tuesday", 2)
    assert assembly.sort([_arrived(1, first)], now=0.0) == []
    assert assembly.waiting == 1
    assert assembly.sort([_arrived(1, first)], now=PATIENCE_SECONDS - 1) == []
    assert _texts(assembly.sort([_arrived(1, first), _arrived(2, second)], now=PATIENCE_SECONDS)) == [
        "YES please, on Tuesday"
    ]
    assert assembly.waiting == 0


def test_what_never_becomes_whole_is_handed_on_with_its_gap() -> None:
    assembly = Assembly()
    second = _parts("YES please, on Tuesday", 2)[1]
    assert assembly.sort([_arrived(1, second)], now=0.0) == []
    (whole,) = assembly.sort([_arrived(1, second)], now=PATIENCE_SECONDS)
    assert whole.incoming.text == "[…] on Tuesday"
    assert not whole.incoming.complete


def test_when_room_is_short_nothing_is_waited_for() -> None:
    story = _arrived(1, _parts("a long story", 2)[0])
    assert len(Assembly().sort([story], now=0.0, free=1)) == 1
    assert Assembly().sort([story], now=0.0, free=2) == []


def test_room_that_what_is_whole_leaves_behind_is_no_shortage() -> None:
    story = _arrived(1, _parts("a long story", 2)[0])
    other = [_arrived(place, _parts(f"text {place}", 1)[0]) for place in (2, 3)]
    assert _texts(Assembly().sort([story, *other], now=0.0, free=0)) == ["text 2", "text 3"]
    rest = [_arrived(place, part) for place, part in enumerate(_parts("other words", 2, reference=3), start=2)]
    assert _texts(Assembly().sort([story, *rest], now=0.0, free=0)) == ["other words"]


def test_a_part_that_came_twice_empties_both_places() -> None:
    first, second = _parts("YES please, on Tuesday", 2)
    (whole,) = Assembly().sort([_arrived(1, first), _arrived(4, first), _arrived(2, second)], now=0.0)
    assert whole.incoming.text == "YES please, on Tuesday"
    assert sorted(whole.places) == [1, 2, 4]


def test_two_senders_with_one_reference_are_kept_apart() -> None:
    parts = _parts("first story", 2) + _parts("other words", 2, sender="+447700900456")
    whole = Assembly().sort([_arrived(place, part) for place, part in enumerate(parts)], now=0.0)
    assert sorted(_texts(whole)) == ["first story", "other words"]


def test_a_reference_used_again_makes_two_texts() -> None:
    parts = _parts("first story", 2) + _parts("other words", 2)
    whole = Assembly().sort([_arrived(place, part) for place, part in enumerate(parts)], now=0.0)
    assert sorted(_texts(whole)) == ["first story", "other words"]


def test_the_id_is_the_same_each_time_and_differs_by_text() -> None:
    def sort(hexas: list[str]) -> str:
        return Assembly().sort([_arrived(place, hexa) for place, hexa in enumerate(hexas)], now=0.0)[0].incoming.id

    parts = _parts("YES please", 2)
    assert sort(parts) == sort(parts[::-1])
    assert sort(parts) != sort(_parts("NO thanks!", 2))
