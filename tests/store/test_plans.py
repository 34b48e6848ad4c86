"""Every statement that the dispatcher and the intake run finds its rows by an index, and sorts nothing."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from outbox.queries import FOLDER, Queries, RowStatement
from tests.support.outbox_box import accept_one, open_box

HOT = {
    "spool.sql": (
        "due",
        "due_offline",
        "left_aside",
        "waiting",
        "unknowns",
        "next_due",
        "next_unknown",
        "doubts",
        "under_way",
    ),
    "receipts.sql": ("due", "next_due", "keep_early", "keep_silence", "anothers"),
    "batch.sql": (
        "newest",
        "told",
        "known_events",
        "known_orders",
        "open_of_orders",
        "messages_with_line",
        "order_body",
        "messages_by_id",
        "attempts",
        "stopped",
        "pseudonyms",
        "update_order",
        "update_message",
        "reschedule",
        "set_open",
        "update_attempt",
        "delete_attempt",
        "early_receipts",
        "delete_early_receipt",
        "attempts_at_provider",
        "attempts_by_reference",
        "is_forgotten",
    ),
    "consent.sql": ("words",),
    "replies.sql": ("known", "order_of", "one", "mark_read", "unread", "of_order"),
    "views.sql": (
        "events",
        "events_of_order",
        "orders_by_ref",
        "told",
        "messages_of_order",
        "messages_of_event",
        "messages_by_id",
        "attempts",
        "exceptional",
        "count_failed",
        "messages_of_order_page",
    ),
    "forget.sql": ("sent_of", "attempts_of"),
    "order_people.sql": ("of_order", "drop", "orders_of", "newest", "index"),
    "fleet.sql": (
        "untold",
        "told",
        "say_again",
        "words",
        "cursor",
        "entries",
        "hash_at",
        "ends",
        "reached",
        "states",
    ),
    "used.sql": ("body_of", "drop_old"),
    "audit.sql": ("acts", "since", "newest", "newest_at", "entries"),
}
SORTED_BY_NEED = {
    ("views.sql", name)
    for name in (
        "events",
        "events_of_order",
        "attempts",
        "exceptional",
        "messages_of_order",
        "messages_of_order_page",
        "messages_of_event",
        "told",
    )
} | {("replies.sql", "order_of"), ("replies.sql", "open_of"), ("fleet.sql", "words"), ("order_people.sql", "index")}
"""Small results that are put in order: what belongs to one event, order or page."""

_TABLES = (
    "orders",
    "event",
    "message",
    "attempt",
    "audit",
    "consent",
    "reply",
    "person",
    "order_people",
    "person_order",
    "pseudonym",
    "early_receipt",
    "fleet_consent",
    "used_once",
)


def statements(file: str, name: str) -> Sequence[str]:
    sql = Queries(file)[name]
    return RowStatement(sql).explain() if re.search(r"FROM \(VALUES \(", sql) else [sql]


@pytest.mark.parametrize(("file", "name"), [(file, name) for file, names in HOT.items() for name in names])
async def test_it_is_found_by_an_index(tmp_path: Path, file: str, name: str) -> None:
    steps, sql = list[str](), ""
    async with open_box(tmp_path) as box:
        await accept_one(box)
        for each in statements(file, name):
            sql = re.sub(r"\?(?!\d)", "NULL", each)
            values = dict.fromkeys(re.findall(r":(\w+)", sql))
            steps += [row[3] for row in await box._store.rows(f"EXPLAIN QUERY PLAN {sql}", **values)]
    aliases = dict(re.findall(r"\b(?:FROM|JOIN|UPDATE) (\w+) AS (\w+)", sql))
    named = {*_TABLES, *(alias for table, alias in ((t, a) for t, a in aliases.items()) if table in _TABLES)}
    scans = [step for step in steps if (found := re.match(r"SCAN (\w+)", step)) and found[1] in named]
    allowed = {"SCAN epoch"}
    assert [
        step for step in scans if step not in allowed and "USING INDEX" not in step and "COVERING INDEX" not in step
    ] == [], steps
    if (file, name) not in SORTED_BY_NEED:
        assert [step for step in steps if "TEMP B-TREE" in step] == [], steps


def test_every_statement_has_a_name_and_is_used() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in FOLDER.parent.glob("*.py"))
    for file in FOLDER.glob("*.sql"):
        for name in Queries(file.name):
            stem = name.removeprefix("prune_").removeprefix("forget_")
            assert f'"{name}"' in code or (file.name == "retention.sql" and f'"{stem}"' in code), f"{file.name}: {name}"


def test_a_missing_statement_is_an_error_with_its_name() -> None:
    with pytest.raises(LookupError, match=r"sql/spool.sql has no statement 'nothing'"):
        Queries("spool.sql")["nothing"]
    with pytest.raises(LookupError, match="VALUES"):
        RowStatement("SELECT 1")
