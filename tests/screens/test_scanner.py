"""Telling a scanner from fingers."""

from tui.scanner import Scanner


def feed(scanner: Scanner, text: str, gap: float, start: float = 0) -> list[str | None]:
    return [scanner.feed(character, start + n * gap) for n, character in enumerate(text)]


def test_a_burst_is_a_scan_from_its_third_key_on() -> None:
    assert feed(Scanner(), "B-1042", 0.005) == [None, None, "B-1", "B-10", "B-104", "B-1042"]


def test_a_fast_typist_is_no_scanner() -> None:
    assert feed(Scanner(), "nsm", 0.06) == [None, None, None]


def test_a_key_held_down_is_no_scan() -> None:
    assert feed(Scanner(), "jjjjj", 0.03) == [None] * 5


def test_a_pause_begins_anew() -> None:
    scanner = Scanner()
    feed(scanner, "n", 0)
    assert feed(scanner, "B-1", 0.005, start=1) == [None, None, "B-1"]


def test_it_can_be_turned_off() -> None:
    assert feed(Scanner(gap=0), "B-1042", 0) == [None] * 6
