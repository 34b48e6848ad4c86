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


class Restored:
    """Has the record of a store that was restored twice: the second time from a backup of what followed the first. What was told before the
    first one goes further. `dropped`: the last epoch's entries from its first on that the store had no more when it told."""

    def __init__(self, dropped: int = 0) -> None:
        self.epochs: dict[str, list[tuple[Any, ...]]] = {}
        self.gaps: list[tuple[int, int]] = []
        for epoch, before, first, last in (("e1", "", 1, 9), ("e2", "e1", 4, 8), ("e3", "e2", 7, 12)):
            head = next((row[-1] for row in self.epochs.get(before, []) if row[0] == first - 1), START)
            rows: list[tuple[Any, ...]] = []
            for seq in range(first, last + 1):
                entry = (seq, 1000 + seq, "message.sent", "", f"B-{epoch}", "m1", "{}")
                head = link(head, epoch, *entry)
                rows.append((*entry, head))
            self.epochs[epoch] = rows
        if dropped:
            self.epochs["e3"] = self.epochs["e3"][dropped:]
            self.gaps = [(1, self.epochs["e3"][0][0] - 1)]
        self._found: list[tuple[Any, ...]] = []

    async def execute(self, sql: str, values: Mapping[str, Any]) -> "Restored":
        if sql == SQL["all_chains"]:
            self._found = [
                ("soho", epoch, rows[0][0], rows[-1][0], rows[-1][-1]) for epoch, rows in self.epochs.items()
            ]
        elif sql == SQL["record"]:
            self._found = [row for row in self.epochs[values["epoch"]] if values["after"] < row[0]]
        elif sql == SQL["hash_before"]:
            others = [rows for epoch, rows in self.epochs.items() if epoch != values["epoch"]]
            self._found = [(row[-1],) for rows in others for row in rows if row[0] == values["seq"]]
        else:
            self._found = self.gaps if values["epoch"] == "e3" else []
        return self

    async def fetchall(self) -> list[tuple[Any, ...]]:
        return self._found


@pytest.mark.parametrize("dropped", [0, 1])
async def test_a_store_that_was_restored_twice_has_a_record_that_holds(dropped: int) -> None:
    found = await answers.verify(cast("Connection", Restored(dropped)), "soho")
    assert [(each.epoch, each.ok) for each in found.chains] == [("e1", True), ("e2", True), ("e3", True)]


async def test_an_epoch_that_goes_on_from_none_of_those_before_it_is_found() -> None:
    restored = Restored()
    first = restored.epochs["e3"][0]
    restored.epochs["e3"][0] = (*first[:6], '{"to":"nobody"}', first[-1])
    found = await answers.verify(cast("Connection", restored), "soho")
    assert (found.ok, found.first_bad) == (False, 7)
