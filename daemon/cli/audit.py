"""`tether audit`: whether the record holds, and a copy of it."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, NamedTuple

import typer

from daemon.cli.frame import ConfigOption, Failure, JsonOption, app, as_json, counted, read, settings_of, settle
from daemon.cli.service import got, service

if TYPE_CHECKING:
    from daemon.config import Settings
    from daemon.keys.heads import Head
    from daemon.keys.keyring import Keyring
    from outbox.audit import Verification
    from outbox.heads import Compared, End

audit = typer.Typer(no_args_is_help=True, help="The record: prove that it holds; export it.")
app.add_typer(audit, name="audit", epilog="Example: tether audit verify")


class Form(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


class Proof(NamedTuple):
    """`wrong`: what speaks against the record, "" where nothing does; `compared`, in words, and `heads`: what it was held against."""

    entries: int
    first_bad: int | None
    compared: str
    wrong: str
    heads: "Sequence[Compared] | None" = None

    def answer(self) -> dict[str, Any]:
        """For scripts."""
        heads = {} if self.heads is None else {"heads": self.heads}
        return {
            "ok": not self.wrong,
            "entries": self.entries,
            "first_bad": self.first_bad,
            **heads,
            "compared": self.compared,
        }


@audit.command(epilog="Example: tether audit verify --head saved-mail.txt")
def verify(
    file: Annotated[Path | None, typer.Option(help="An export in JSON Lines to check instead of the database.")] = None,
    head: Annotated[
        Path | None,
        typer.Option(
            help="A file in which a head of the record stands that was told before: a mail, a log, a backup, an export."
        ),
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Prove the record, and hold it against the heads that went out.

    Exits with 1 and the first bad entry if it was changed.
    """
    settings = settings_of(config)
    proof = _of_the_database(settings, head) if file is None else _of_the_file(settings, file, head)
    if json:
        as_json(proof.answer())
    elif not proof.wrong:
        print(f"the record holds: {counted(proof.entries, 'entry', 'entries')}; {proof.compared}")
    if proof.wrong:
        raise Failure(proof.wrong)


def _of_the_database(settings: "Settings", head: Path | None) -> Proof:
    from daemon.appliance.ownership import as_owner_of
    from daemon.keys.keyring import known
    from daemon.upkeep.heads import compared, told, words_of
    from daemon.wire.record import VERIFY_SECONDS, Chain
    from outbox.heads import Standing

    chain = read(got(settings, "/v1/audit/verify", seconds=VERIFY_SECONDS), Chain)
    wrong = "" if chain.ok else _changed(chain.first_bad)
    keys = known(settings)
    ends = _heads(head, keys) if head is not None else [] if keys is None else told(settings, keys).ends
    with as_owner_of(settings.database):
        found = compared(settings, ends, keys) if keys is not None and settings.database.exists() else []
    bad = [each for each in found if not each.is_well]
    wrong = wrong or (words_of(bad[0]) if bad else "")
    aside = sum(each.standing == Standing.SET_ASIDE for each in found)
    words = f"it has {counted(len(found) - aside, 'head')} of those that went out" + (
        f", and {aside} are of before a restore or a repair" if aside else ""
    )
    return Proof(chain.entries, chain.first_bad, words, wrong, found)


def _heads(file: Path, keys: "Keyring | None") -> "Sequence[End]":
    from daemon.upkeep.heads import heads_of_file

    try:
        return heads_of_file(file, lambda public: keys is not None and keys.trusts(public))
    except OSError as error:
        raise Failure(f"{file} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise Failure(f"{file}: {error}") from error


def _changed(first_bad: int | None) -> str:
    return f"the record was changed: entry {first_bad} does not follow from the one before it"


def _of_the_file(settings: "Settings", file: Path, head: Path | None) -> Proof:
    """An export proves itself as far as its own signed head, and is held against one that is given."""
    from daemon.keys.heads import heads_in
    from daemon.keys.keyring import known
    from outbox.audit import verify_export

    keys = known(settings)
    try:
        with file.open("rb") as lines:
            verdict = verify_export(lines)
    except OSError as error:
        raise Failure(f"{file} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise Failure(f"{file}: {error}; `tether audit export --output FILE` makes one") from error
    signed = heads_in(verdict.head)
    wrong = "" if verdict.first_bad is None else _changed(verdict.first_bad)
    wrong = wrong or _trouble_with_head(signed, verdict)
    if head is not None and not wrong:
        wrong = _missing(file, _heads(head, keys), signed[0].end if signed else None)
    words = _who_signed(signed, keys)
    return Proof(verdict.entries, verdict.first_bad, words, wrong)


def _trouble_with_head(signed: "Sequence[Head]", verdict: "Verification") -> str:
    if not signed:
        return (
            ""
            if verdict.entries == 0
            else "it ends without a signed head: its end was cut off, or an earlier release made it"
        )
    head = signed[0]
    if not head.is_genuine:
        return "its signed head was changed: the signature does not fit"
    if head.hash != verdict.last:
        return "its signed head is of another record: entries were changed, added or cut off"
    return ""


def _missing(file: Path, heads: "Sequence[End]", last: "End | None") -> str:
    import msgspec

    wanted = {(end.epoch, end.seq): end for end in heads}
    for line in file.open("rb"):
        entry = msgspec.json.decode(line)
        end = wanted.get((entry.get("epoch"), entry.get("seq")))
        if end is not None and end.hash == entry["hash"]:
            del wanted[(end.epoch, end.seq)]
    beyond = [end for end in wanted.values() if last is not None and end.epoch == last.epoch and end.seq > last.seq]
    lost = [end for end in wanted.values() if end not in beyond]
    if not lost:
        return f"the head of entry {beyond[0].seq} is younger than this export: export again" if beyond else ""
    return f"entry {lost[0].seq} of epoch {lost[0].epoch} was told to the outside, and this record has another, or none"


def _who_signed(signed: "Sequence[Head]", keys: "Keyring | None") -> str:
    if not signed:
        return "it has no signed head"
    if keys is not None and keys.trusts(signed[0].key):
        return "its head is signed by this box"
    return f"its head is signed by {signed[0].key}: compare that with `tether key public` on the box"


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
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Failure(
            f"{output or 'the output'} can't be written: {error.strerror}; name another with --output"
        ) from error
    entries = max(0, lines - 1 - (format is Form.CSV))  # without the signed head, and a sheet's headings
    print(f"{entries} entries are in {output}")


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


async def _copy(settings: "Settings", form: Form, target: BinaryIO) -> int:
    """How many lines were written."""
    lines = 0
    async with service(settings) as client:
        async for piece in client.download("/v1/audit/export", format=form.value):
            target.write(piece)
            lines += piece.count(b"\n")
    target.flush()
    return lines
