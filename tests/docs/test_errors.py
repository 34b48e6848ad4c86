"""docs/errors.md lists each status that the HTTP face answers, as it titles it."""

import re
from pathlib import Path

from daemon.api.plumbing.docs_page import ADVICE
from daemon.api.schema.problem import TITLES

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text(encoding="utf-8")


def test_every_problem_is_listed_and_no_other() -> None:
    listed = re.findall(r"^\| (\d{3}) \| ([^|]+) \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)
    assert {int(status): title for status, title in listed} == dict(TITLES)


def test_the_box_s_own_page_says_of_each_what_to_do() -> None:
    assert ADVICE.keys() == TITLES.keys()
