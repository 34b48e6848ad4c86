"""A record that is computed anew while its store goes on telling, as it does on a Saturday; the archive is a stand-in here, which grows with each look."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from daemon.hq import answers
from daemon.hq.database import Connection, queries
from outbox.chain import START, link

SQL = queries("web.sql")
BEGAN_WITH, ENDS_WITH = 5, 12


class Busy:
    """Has one chain, and for a while one entry more after each question."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self._found: list[tuple[Any, ...]] = []
        for _ in range(BEGAN_WITH):
            self._grow()

    def _grow(self) -> None:
        before, seq = (self.rows[-1][-1], len(self.rows) + 1) if self.rows else (START, 1)
        entry = (seq, 1000 + seq, "message.sent", "", f"B-{seq}", "m1", "{}")
        self.rows.append((*entry, link(before, "e1", *entry)))

    async def execute(self, sql: str, values: Mapping[str, Any]) -> "Busy":
        head = self.rows[-1]
        if sql == SQL["all_chains"]:
            self._found = [("soho", "e1", 1, head[0], head[-1])]
        elif sql == SQL["record"]:
            after, head_seq = values["after"], values.get("head_seq", head[0])
            self._found = [row for row in self.rows if after < row[0] <= head_seq][: values["limit"]]
        else:
            self._found = []
        if len(self.rows) < ENDS_WITH:
            self._grow()
        return self

    async def fetchall(self) -> list[tuple[Any, ...]]:
        return self._found


@pytest.mark.parametrize("slice_", [2, 1000])
async def test_a_store_that_goes_on_telling_has_a_record_that_holds(
    monkeypatch: pytest.MonkeyPatch, slice_: int
) -> None:
    monkeypatch.setattr(answers, "SLICE", slice_)
    found = await answers.verify(cast("Connection", Busy()), "soho")
    assert (found.ok, found.entries, found.first_bad) == (True, BEGAN_WITH, None)


async def test_an_entry_that_was_rewritten_is_found_all_the_same() -> None:
    busy = Busy()
    busy.rows[2] = (*busy.rows[2][:6], '{"to":"nobody"}', busy.rows[2][-1])
    found = await answers.verify(cast("Connection", busy), "soho")
    assert (found.ok, found.first_bad) == (False, 3)
