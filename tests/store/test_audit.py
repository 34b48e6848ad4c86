"""The record can't be rewritten quietly."""

import csv
import hashlib
import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.support.outbox_box import NOW, accept_one, open_box, planned, send


async def fill(path: Path) -> int:
    async with open_box(path) as box:
        for n in range(5):
            await send(box, await accept_one(box, planned(f"m{n}"), id=f"e{n}", ref=f"B-{n}"))
        await box.audit.append("channel.paused", actor="Mia", detail={"channel": "twilio", "reason": "Überlast"})
        verdict = await box.audit.verify()
        assert verdict.ok
        return verdict.entries


def tamper(path: Path, sql: str) -> None:
    db = sqlite3.connect(path / "tether.db")
    with db:
        db.execute(sql)
    db.close()


@pytest.mark.parametrize(
    ("sql", "first_bad"),
    [
        ("UPDATE audit SET detail = '{}' WHERE seq = 7", 7),
        ("UPDATE audit SET at = at + 1 WHERE seq = 3", 3),
        ("UPDATE audit SET actor = 'Sam' WHERE kind = 'channel.paused'", 26),
        ("UPDATE audit SET hash = zeroblob(32) WHERE seq = 9", 9),
        ("DELETE FROM audit WHERE seq = 4", 4),
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("UPDATE epoch SET id = 'another'", 1),
        ("UPDATE audit SET order_ref = 'B-9', message_id = '' WHERE seq = 12", 12),
    ],
)
async def test_tampering_is_found_at_its_entry(tmp_path: Path, sql: str, first_bad: int) -> None:
    entries = await fill(tmp_path)
    tamper(tmp_path, sql)
    async with open_box(tmp_path) as box:
        verdict = await box.audit.verify()
        assert (verdict.ok, verdict.first_bad) == (False, first_bad)
        assert verdict.entries in (entries, entries - 1)


async def test_what_headquarters_has_and_goes_meanwhile_is_no_tampering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner asks whether the record is whole in the moment in which the day's round takes out what is archived."""
    monkeypatch.setattr("outbox.audit.SLICE", 4)
    entries = await fill(tmp_path)
    async with open_box(tmp_path) as box:
        rows, reads = box._store.rows, 0

        async def and_meanwhile(sql: str, **values: object) -> list[Any]:
            nonlocal reads
            reads += 1
            if reads == 3:
                await box.retention.prune_audit(archived=20, before=NOW + 10**6)
            return await rows(sql, **values)

        monkeypatch.setattr(box._store, "rows", and_meanwhile)
        verdict = await box.audit.verify()
        assert (verdict.ok, verdict.entries) == (True, entries - 20 + 1), "that they went is an entry itself"


async def test_the_export_is_enough_to_compute_the_chain(tmp_path: Path) -> None:
    await fill(tmp_path)
    async with open_box(tmp_path) as box:
        lines = b"".join([piece async for piece in box.audit.export("jsonl")]).splitlines()
        table = b"".join([piece async for piece in box.audit.export("csv")]).decode()
    before = bytes(32)
    for line in lines:
        entry = json.loads(line)
        fields = [entry[name] for name in ("epoch", "seq", "at", "kind", "actor", "order_ref", "message_id", "detail")]
        canonical = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
        before = hashlib.sha256(before + canonical).digest()
        assert before.hex() == entry["hash"]
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["hash"] for row in rows] == [json.loads(line)["hash"] for line in lines]
    assert rows[-1]["detail"] == '{"channel":"twilio","reason":"Überlast"}'


async def test_an_unknown_form_of_export_is_refused(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        with pytest.raises(ValueError, match="jsonl"):
            await anext(box.audit.export("xml"))


async def test_a_restored_database_begins_a_new_epoch_and_the_chain_goes_on(tmp_path: Path) -> None:
    await fill(tmp_path)
    async with open_box(tmp_path) as box:
        epoch = await box.audit.begin_epoch("restored from tether-2026-11-23.db", actor="owner")
        await accept_one(box, planned("later"), id="later", ref="L")
    async with open_box(tmp_path) as box:
        assert (await box.audit.verify()).ok
        last = json.loads(b"".join([piece async for piece in box.audit.export()]).splitlines()[-1])
        first = json.loads(b"".join([piece async for piece in box.audit.export()]).splitlines()[0])
        assert last["epoch"] == epoch != first["epoch"]


async def test_entries_are_filtered_and_paged(tmp_path: Path) -> None:
    await fill(tmp_path)
    async with open_box(tmp_path) as box:
        assert [row.kind for row in (await box.audit.list(actor="Mia", limit=9)).items] == ["channel.paused"]
        assert len((await box.audit.list(order_ref="B-2", limit=9)).items) == 5
        assert [row.kind for row in (await box.audit.list(message_id="m2", kind="attempt", limit=9)).items] == [
            "attempt.accepted"
        ]
        assert [row.kind for row in (await box.audit.list(message_id="m2", kind="message.sent", limit=9)).items] == [
            "message.sent"
        ]
        assert (await box.audit.list(since=2**50, limit=9)).items == []
        seen, cursor = [], None
        while True:
            page = await box.audit.list(limit=4, cursor=cursor)
            seen += [row.seq for row in page.items]
            if (cursor := page.next) is None:
                break
        assert seen == list(range(26, 0, -1))
        for cursor in ("x", "é", "W10", "WzEsMl0"):
            with pytest.raises(ValueError, match="cursor"):
                await box.audit.list(limit=4, cursor=cursor)
