"""Telling commands from text, key by key."""

from tui.line.hand import Hand, Meaning, Where
from tui.line.tempo import AT_ONCE, Tempo

PAGE, COMMAND = Where(), Where(bound=True)


def test_a_character_alone_is_a_command() -> None:
    hand = Hand(Tempo())
    assert hand.character("n", 0, COMMAND) is Meaning.COMMAND
    assert hand.enter(0.7, Where(box=True, shown_at=0.05)) is Meaning.PASS


def test_a_further_one_too_soon_makes_text_of_both() -> None:
    hand = Hand(Tempo())
    hand.character("n", 0, COMMAND)
    assert hand.character("s", 0.39, Where(box=True, shown_at=0.05, bound=True)) is Meaning.JOIN
    assert hand.chain == "n"


def test_after_a_while_a_box_takes_its_own_keys() -> None:
    hand = Hand(Tempo())
    hand.character("n", 0, COMMAND)
    assert hand.character("s", 0.41, Where(box=True, shown_at=0.05, bound=True)) is Meaning.COMMAND


def test_slow_fingers_spell_a_name() -> None:
    hand = Hand(Tempo())
    hand.character("n", 0, COMMAND)
    assert hand.character("o", 1, Where(box=True, shown_at=0.05)) is Meaning.JOIN


def test_digits_are_a_number_and_no_tour_of_the_pages() -> None:
    hand = Hand(Tempo())
    hand.character("1", 0, COMMAND)
    assert hand.character("2", 1, COMMAND) is Meaning.JOIN


def test_no_box_takes_enter_before_it_was_seen() -> None:
    for shown, at in ((0.05, 0.6), (float("inf"), 5), (0.5, 1.05)):
        hand = Hand(Tempo())
        hand.character("n", 0, COMMAND)
        assert hand.enter(at, Where(box=True, shown_at=shown)) is Meaning.IGNORE


def test_a_box_takes_no_enter_right_after_its_own_key() -> None:
    hand = Hand(Tempo())
    box = Where(box=True, shown_at=0.05, bound=True)
    hand.character("n", 0, COMMAND)
    hand.character("s", 2, box)
    assert hand.enter(2.2, box) is Meaning.IGNORE


def test_the_second_of_cr_and_lf_is_no_enter() -> None:
    hand = Hand(Tempo())
    assert hand.enter(1, Where(line_empty=False)) is Meaning.ENTER
    assert hand.enter(1.002, PAGE) is Meaning.IGNORE


def test_enter_that_is_held_down_does_not_answer_the_box_that_it_opened() -> None:
    hand, box = Hand(Tempo()), Where(box=True, shown_at=0.05)
    assert hand.enter(0, PAGE) is Meaning.PASS
    repeated = [0.25 + n * 0.092 for n in range(30)]
    assert {hand.enter(at, box) for at in repeated} == {Meaning.IGNORE}
    assert hand.enter(repeated[-1] + 0.2, box) is Meaning.PASS


def test_two_scans_that_a_busy_screen_reads_at_once_both_count() -> None:
    hand = Hand(Tempo())
    for _scan in range(2):
        hand.character("7", 1, PAGE)
        assert hand.enter(1, Where(line_empty=False)) is Meaning.ENTER
        assert hand.enter(1, PAGE) is Meaning.IGNORE


def test_the_end_of_a_scan_presses_no_button() -> None:
    hand = Hand(Tempo())
    field = Where(box=True, shown_at=0, in_field=True, has_field=True)
    for n, character in enumerate("1042"):
        assert hand.character(character, 9 + n / 1000, field) is Meaning.PASS
    assert hand.enter(9.004, field) is Meaning.IGNORE


def test_a_box_without_a_field_gives_way_to_text() -> None:
    hand = Hand(Tempo())
    assert hand.character("B", 60, Where(box=True, shown_at=0)) is Meaning.LEAVE


def test_a_tab_ends_a_scan_only_right_behind_it() -> None:
    hand = Hand(Tempo())
    for n, character in enumerate("B-1042"):
        hand.character(character, n / 1000, Where(line_empty=not n))
    assert hand.ends_scan(0.006)
    assert not hand.ends_scan(0.2)


def test_without_waits_every_key_is_what_it_is_bound_to() -> None:
    hand = Hand(AT_ONCE)
    assert hand.character("n", 0, COMMAND) is Meaning.COMMAND
    assert hand.character("s", 0, Where(box=True, bound=True)) is Meaning.COMMAND
    assert hand.enter(0.001, Where(box=True)) is Meaning.PASS


def test_two_spaces_turn_a_choice_twice_and_begin_no_name() -> None:
    hand, choice = Hand(Tempo()), Where(box=True, shown_at=0, has_field=True, bound=True)
    assert [hand.character(" ", at, choice) for at in (1, 1.2, 1.4)] == [Meaning.COMMAND] * 3
