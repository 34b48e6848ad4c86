"""Laying text out in cells: exact widths whatever the characters are."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.widgets.paint import Cell, Span, clip, columns, fit, justify, length, wrap

TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=60)


@given(TEXTS, st.integers(0, 40))
def test_fitted_text_is_exactly_that_wide(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width


def test_what_is_cut_says_so() -> None:
    assert fit("balloons", 6) == "ballo…"
    assert fit("abc", 6) == "abc   "


def test_a_line_break_does_not_break_the_line() -> None:
    assert fit("a\nb", 4) == "a b "


@given(TEXTS, TEXTS, st.integers(20, 120))
def test_columns_fill_the_line(left: str, middle: str, width: int) -> None:
    assert length(columns(width, Cell(left, 6), Cell(middle), Cell("x", 4, right=True))) == width


def test_open_columns_share_what_is_left() -> None:
    assert [len(span.text) for span in columns(21, Cell("a", 4), Cell("b"), Cell("c"))] == [5, 8, 8]


@given(TEXTS, TEXTS, st.integers(30, 120))
def test_both_ends_of_a_line_meet(left: str, right: str, width: int) -> None:
    right = fit(right, 12)
    assert length(justify(width, [Span(left)], [Span(right)])) == width


@given(st.lists(TEXTS, max_size=5), st.integers(0, 50))
def test_a_clipped_line_is_no_wider(texts: list[str], width: int) -> None:
    assert length(clip([Span(text) for text in texts], width)) <= width


@given(TEXTS, st.integers(4, 40))
def test_wrapped_lines_fit_and_lose_nothing(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_what_does_not_fit_in_the_lines_allowed_is_cut_with_a_sign() -> None:
    assert wrap("one two three four", 5, most=2) == ["one", "two …"]
