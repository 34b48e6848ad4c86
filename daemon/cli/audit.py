"""`tether audit`: whether the record holds, and a copy of it."""

import csv
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import msgspec
import typer

from daemon.cli.frame import ConfigOption, Failure, JsonOption, app, as_json, settings_of, settle
from daemon.cli.service import Client, service

audit = typer.Typer(no_args_is_help=True, help="The record of everything: prove that nobody changed it, or export it.")
app.add_typer(audit, name="audit", epilog="Example: tether audit verify")

COLUMNS = ("seq", "at", "kind", "actor", "order_ref", "message_id", "detail", "hash")


class Form(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


@audit.command(epilog="Example: tether audit verify --json")
def verify(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Walk the chain of hashes. Exits with 1 and the first bad entry if the record was changed."""
    settings = settings_of(config)

    async def ask() -> Any:
        async with service(settings) as client:
            return await client.get("/v1/audit/verify")

    answer = settle(ask)
    if json:
        as_json(answer)
    elif answer["ok"]:
        print(f"the record holds: {answer['entries']} entries")
    if not answer["ok"]:
        raise Failure(f"the record was changed: entry {answer['first_bad']} does not follow from the one before it")


@audit.command(epilog="Example: tether audit export --format csv --output audit.csv")
def export(
    format: Annotated[Form, typer.Option(help="JSON Lines, or CSV for a spreadsheet.")] = Form.JSONL,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file. Default: standard output.")] = None,
    config: ConfigOption = None,
) -> None:
    """Write the whole record, the oldest entry first; addresses stand in it only as digests."""
    settings = settings_of(config)

    async def write(target: TextIO) -> int:
        async with service(settings) as client:
            return await _write(client, format, target)

    if output is None:
        settle(lambda: write(sys.stdout))
        return
    try:
        with output.open("w", encoding="utf-8", newline="") as target:
            count = settle(lambda: write(target))
    except OSError as error:
        raise Failure(f"{output} can't be written: {error.strerror}; name another with --output") from error
    print(f"{count} entries are in {output}")


async def _write(client: Client, form: Form, target: TextIO) -> int:
    count = 0
    cursor: str | None = None
    sheet = csv.writer(target)
    if form is Form.CSV:
        sheet.writerow(COLUMNS)
    while True:
        page = await client.get("/v1/audit", limit=500, cursor=cursor, order_by="oldest")
        for entry in page["items"]:
            if form is Form.JSONL:
                target.write(msgspec.json.encode(entry).decode() + "\n")
            else:
                detail = msgspec.json.encode(entry["detail"]).decode()
                sheet.writerow([detail if name == "detail" else entry.get(name) for name in COLUMNS])
            count += 1
        cursor = page["next"]
        if cursor is None:
            return count
