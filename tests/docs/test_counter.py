"""The guide to the counter's screen lists the keys that there are."""

import pytest

from tests.support.guide_keys import GUIDE, keys, written


@pytest.mark.parametrize("page", keys())
def test_the_guide_has_a_row_for_each_page(page: str) -> None:
    assert f"\n| {page} | " in GUIDE.read_text(encoding="utf-8")


def test_the_guide_lists_the_keys_of_today() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    assert written(guide) == guide, "`make screenshots` writes them anew"
