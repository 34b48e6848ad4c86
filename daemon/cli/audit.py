"""`tether audit`: whether the record holds, and a copy of it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import typer

from daemon.cli.frame import ConfigOption, Failure, JsonOption, app, as_json, counted, settings_of, settle
from daemon.cli.service import service
from daemon.config import Settings
from outbox.audit import verify_export

audit = typer.Typer(no_args_is_help=True, help="The record: prove that it holds; export it.")
app.add_typer(audit, name="audit", epilog="Example: tether audit verify")


class Form(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


@audit.command(epilog="Example: tether audit verify --file audit.jsonl")
def verify(
    file: Annotated[Path | None, typer.Option(help="An export in JSON Lines to check instead of the database.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Walk the chain of hashes. Exits with 1 and the first bad entry if the record was changed."""
    answer = _of_the_database(config) if file is None else _of_the_file(file)
    if json:
        as_json(answer)
    elif answer["ok"]:
        print(f"the record holds: {counted(answer['entries'], 'entry', 'entries')}")
    if not answer["ok"]:
        raise Failure(f"the record was changed: entry {answer['first_bad']} does not follow from the one before it")


def _of_the_database(config: Path | None) -> Any:
    settings = settings_of(config)

    async def ask() -> Any:
        async with service(settings) as client:
            return await client.get("/v1/audit/verify")

    return settle(ask)


def _of_the_file(file: Path) -> Any:
    try:
        with file.open("rb") as lines:
            return msgspec.to_builtins(verify_export(lines))
    except OSError as error:
        raise Failure(f"{file} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise Failure(f"{file}: {error}; `tether audit export --output FILE` makes one") from error


@audit.command(epilog="Example: tether audit export --format csv --output audit.csv")
def export(
    format: Annotated[Form, typer.Option(help="JSON Lines, or CSV for a spreadsheet.")] = Form.JSONL,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file. Default: standard output.")] = None,
    config: ConfigOption = None,
) -> None:
    """Write the whole record, the oldest entry first. Addresses stand in it only as digests.

    It holds all that is needed to compute its chain again: `tether audit verify --file` does, on any machine.
    """
    settings = settings_of(config)
    try:
        if output is None:
            settle(lambda: _copy(settings, format, sys.stdout.buffer))
            return
        with _whole(output) as target:
            lines = settle(lambda: _copy(settings, format, target))
    except OSError as error:
        raise Failure(
            f"{output or 'the output'} can't be written: {error.strerror}; name another with --output"
        ) from error
    print(f"{lines - (format is Form.CSV)} entries are in {output}")


@contextmanager
def _whole(output: Path) -> Iterator[BinaryIO]:
    """Written beside and put in place at the end: an export that breaks off would verify as far as it goes, and must not be there."""
    if output.exists() and not output.is_file():  # a pipe, /dev/stdout
        with output.open("wb") as target:
            yield target
        return
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("wb") as target:
            yield target
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


async def _copy(settings: Settings, form: Form, target: BinaryIO) -> int:
    """How many lines were written."""
    lines = 0
    async with service(settings) as client:
        async for piece in client.download("/v1/audit/export", format=form.value):
            target.write(piece)
            lines += piece.count(b"\n")
    target.flush()
    return lines
