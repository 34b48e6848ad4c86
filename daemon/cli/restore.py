"""`tether restore`: a backup in the database's place, and staff's word that all is well after it."""

import os
import random
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from daemon.appliance.accepting import ACCEPTABLE, LOST_WORDS, OLDER, UNSIGNED
from daemon.cli.frame import ConfigOption, Failure, JsonOption, app, as_json, counted, named, read, settings_of, settle
from daemon.cli.restore_words import tell_proved, tell_restored
from daemon.cli.service import done, is_running

if TYPE_CHECKING:
    from daemon.appliance.opening import Openers
    from daemon.appliance.restore import Fetch, Proved, Restored, Wanted
    from daemon.config import Settings
    from daemon.keys.box_key import BoxKey
    from daemon.upkeep.errors import WrongKey

T = TypeVar("T")

LATEST = "latest"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command line says."""

    which: str
    accepted: frozenset[str]
    dry_run: bool
    send_waiting: bool
    yes: bool
    json: bool


@app.command(epilog="Example: tether restore latest --dry-run")
def restore(
    which: Annotated[str, typer.Argument(help="A backup's file, its name in [backup] to, or `latest`.")] = LATEST,
    config: ConfigOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Prove the backup; replace nothing. The service may run.")
    ] = False,
    words: Annotated[
        Path | None,
        typer.Option(
            help="A file with the twelve words of the box that made it (-: standard input). Default: this box's own."
        ),
    ] = None,
    identity: Annotated[
        Path | None, typer.Option(help="A file with the age identity of one of its [backup] recipients.")
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(help=f"Take what would otherwise be refused, by name: {', '.join(ACCEPTABLE)}."),
    ] = None,
    send_waiting: Annotated[
        bool,
        typer.Option(
            "--send-waiting",
            help="Send what waited when the backup was made, though it may have been sent since. Default: cancel it.",
        ),
    ] = False,
    confirm: Annotated[
        bool,
        typer.Option(
            "--confirm",
            help="Say that you have looked through what a restore brought back, or a repair saved: texts go out again.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask. What may be lost wants --accept.")] = False,
    json: JsonOption = False,
) -> None:
    """Put a backup in the database's place. It is proved first, and what is there now is kept aside; the service must be stopped."""
    from daemon.appliance.opening import identities_in, key_in

    if confirm:
        _confirm(settings_of(config), json=json)
        return
    asked = Asked(
        which=which, accepted=_accepted(accept or ()), dry_run=dry_run, send_waiting=send_waiting, yes=yes, json=json
    )
    # Files are read or opened before root becomes the service's user, who may not be allowed to see them.
    own_words = _explained_now(lambda: key_in(words)) if words is not None else None
    identities = _explained_now(lambda: identities_in(identity)) if identity is not None else ()
    with Path(which).open("rb") if Path(which).is_file() else nullcontext() as file:
        settings, own_words = _settings_for(asked, config, own_words, identities)
        proved, restored = _with_words(settings, asked, file, own_words, identities)
    texts = () if restored is None else _bring_back(settings, restored)
    if json:
        import msgspec

        told = None if restored is None else {**msgspec.structs.asdict(restored), "texts": texts}
        as_json({**msgspec.structs.asdict(proved), "restored": told})
    elif restored is None:
        print("nothing was replaced")
    else:
        tell_restored(restored, texts, settings)


def _bring_back(settings: "Settings", restored: "Restored") -> Sequence[str]:
    from daemon.appliance.ownership import as_owner_of
    from daemon.upkeep.own_texts import bring_back

    try:
        with as_owner_of(settings.own_templates):
            return bring_back(settings, restored.texts)
    except OSError as error:
        place = error.filename2 or error.filename or settings.own_templates
        print(f"the shop's own texts can't be written: {place}: {error.strerror}", file=sys.stderr)
        return ()


def _confirm(settings: "Settings", *, json: bool) -> None:
    from daemon.wire.requests import keeping
    from daemon.wire.service import Confirmed

    answer = done(settings, keeping.confirm_restore())
    found = read(answer, Confirmed)
    if json:
        as_json(answer)
    elif not found.confirmed:
        print("nothing waits for that")
    else:
        print(f"confirmed: texts go out again, {counted(found.freed, 'message')} that waited among them")


def _explained_now(work: Callable[[], T]) -> T:
    from daemon.upkeep.errors import BackupError

    try:
        return work()
    except BackupError as error:
        raise Failure(str(error)) from error


def _accepted(names: Sequence[str]) -> frozenset[str]:
    found = frozenset(word for name in names for word in name.replace(",", " ").split())
    for name in sorted(found - ACCEPTABLE.keys()):
        raise Failure(f"--accept {name}: there is {', '.join(ACCEPTABLE)}", 2)
    return found


def _with_words(
    settings: "Settings", asked: Asked, file: IO[bytes] | None, words: "BoxKey | None", identities: tuple[Any, ...]
) -> "tuple[Proved, Restored | None]":
    """Ask for the words where none that this machine has will do, and somebody is there to be asked."""
    from daemon.appliance.ownership import as_owner_of
    from daemon.cli.backups import explained
    from daemon.upkeep.errors import BackupError, WrongKey

    openers = _openers(settings, words, identities)
    with as_owner_of(settings.database):
        try:
            done = settle(lambda: _restored(settings, asked, file, openers))
        except WrongKey as error:
            words = _ask_for_words(asked, error)
            done = settle(lambda: explained(_restored(settings, asked, file, _openers(settings, words, identities))))
        except BackupError as error:
            raise Failure(str(error)) from error
        if words is not None and done[1] is not None:
            _keep(settings, words)
    return done


def _openers(settings: "Settings", words: "BoxKey | None", identities: tuple[Any, ...]) -> "Openers":
    import msgspec

    from daemon.appliance.opening import openers_of

    openers = openers_of(settings, identities)
    return openers if words is None else msgspec.structs.replace(openers, keys=(words, *openers.keys))


def _ask_for_words(asked: Asked, why: "WrongKey") -> "BoxKey":
    from daemon.keys.box_key import BoxKey

    if asked.yes or asked.json or not sys.stdin.isatty():
        raise Failure(str(why)) from why
    print(f"{why}\n")
    while True:
        try:
            return BoxKey.from_words(typer.prompt("The twelve words of the box that made it"))
        except ValueError as error:
            print(f"  {error}")


def _keep(settings: "Settings", words: "BoxKey") -> None:
    """This machine is that box from here on."""
    from daemon.keys.keyring import WORDS, adopt, known

    keys = known(settings)
    if keys is None or not keys.trusts(words.public):
        adopt(settings, words)
        print(f"this machine has that box's key now; put the words into .env as {WORDS}", file=sys.stderr)


async def _restored(
    settings: "Settings", asked: Asked, file: IO[bytes] | None, openers: "Openers"
) -> "tuple[Proved, Restored | None]":
    from daemon.appliance.restore import candidate
    from outbox.clock import SystemClock

    async with AsyncExitStack() as stack:
        wanted, fetch = await _source(settings, asked, file, openers, stack)
        found = await stack.enter_async_context(
            candidate(settings, wanted, fetch, clock=SystemClock(), rng=random.SystemRandom())
        )
        if not asked.json:
            tell_proved(wanted.name, found.proved, send_waiting=asked.send_waiting)
        if asked.dry_run or not _is_wanted(settings, found.proved, asked):
            return found.proved, None
        return found.proved, await found.put_in_place(send_waiting=asked.send_waiting)


def _is_wanted(settings: "Settings", proved: "Proved", asked: Asked) -> bool:
    """Whether a person says so, or a script has named what it takes the loss of. Raises Failure where it has not."""
    lost = sorted(proved.lost.keys() - asked.accepted)
    if lost and (asked.yes or not sys.stdin.isatty()):
        raise Failure(
            f"nothing was replaced: what was promised since the backup can't be carried over ({', '.join(lost)}). "
            f"If that is taken, say so: `--accept {','.join(lost)}`"
        )
    if lost and not typer.confirm("Lose that?"):
        return False
    return asked.yes or typer.confirm(f"Put it in the place of {settings.database}?")


def _settings_for(
    asked: Asked, config: Path | None, words: "BoxKey | None", identities: tuple[Any, ...]
) -> "tuple[Settings, BoxKey | None]":
    """On a new card there is no tether.toml yet, or the one of the Debian package: the one in the backup comes first, once it is known
    whose it is. The words, where they were asked for."""
    from daemon.appliance import setup
    from daemon.appliance.opening import configuration_in
    from daemon.config import Settings, secrets_in
    from daemon.upkeep.errors import BackupError, WrongKey

    place = named(config)
    if place is None or not Path(asked.which).is_file():
        return settings_of(config), words
    if place.exists() and (asked.dry_run or not setup.is_packaged(place)):
        return settings_of(config), words
    folder = place.parent
    folder.mkdir(parents=True, exist_ok=True)
    here = settings_of(config) if place.exists() else Settings(file=place, secrets=secrets_in(folder, os.environ))
    if settle(lambda: is_running(here)):
        raise Failure(
            f"the service runs on the configuration that came with it ({place}), and nothing was changed: "
            "`sudo systemctl stop tether`, then this once more"
        )

    def text_in() -> str | None:
        openers = _openers(here, words, identities)
        return configuration_in(Path(asked.which), openers, folder, unsigned=UNSIGNED in asked.accepted)

    try:
        try:
            text = text_in()
        except WrongKey as error:
            words = _ask_for_words(asked, error)
            text = text_in()
    except BackupError as error:
        raise Failure(str(error)) from error
    if text is not None:
        fitting = setup.for_service(text, place)
        if asked.dry_run:
            return setup.unwritten(fitting, place), words
        if place.exists():
            shutil.copy2(place, place.with_name(f"{place.name}.bak"))
        place.write_text(fitting, encoding="utf-8")
        said = sys.stderr if asked.json else sys.stdout
        print(
            f"{place} was taken from the backup; its secrets are not in it: write them into {folder / '.env'}",
            file=said,
        )
        if fitting != text:
            print(f"its database is {setup.SYSTEM_DATABASE} now: the service may not write to {folder}", file=said)
    return settings_of(config), words


async def _source(
    settings: "Settings", asked: Asked, file: IO[bytes] | None, openers: "Openers", stack: AsyncExitStack
) -> "tuple[Wanted, Fetch]":
    from daemon.appliance.restore import Wanted
    from daemon.upkeep.backup_store import keeping
    from daemon.upkeep.errors import BackupError
    from outbox.clock import SystemClock

    unsigned = UNSIGNED in asked.accepted

    def wanted(name: str, *, is_kept: bool) -> Wanted:
        return Wanted(
            name=name,
            openers=openers,
            is_kept=is_kept,
            unsigned=unsigned,
            lost_words=LOST_WORDS in asked.accepted,
            look_only=asked.dry_run,
        )

    if file is not None:

        async def copy(target: Path, most: int) -> None:
            if (size := os.fstat(file.fileno()).st_size) > most:
                raise BackupError(f"{asked.which} has {size} bytes, and there is room for {most}: make room")
            file.seek(0)
            with target.open("wb") as own:
                shutil.copyfileobj(file, own)

        return wanted(Path(asked.which).name, is_kept=False), copy
    if "/" in asked.which or (asked.which != LATEST and not settings.backup.to):
        raise BackupError(f"there is no file {asked.which}: is the stick plugged in and mounted?")
    store = await stack.enter_async_context(keeping(settings, SystemClock()))
    names = await store.names()
    name = names[-1] if asked.which == LATEST and names else asked.which
    if name not in names:
        raise BackupError(
            f"there is no backup {asked.which!r} in {settings.backup.to}: `tether backup --list` says which there are"
        )
    if asked.which == LATEST:
        _refuse_older(settings, name, names, asked)
    return wanted(name, is_kept=True), lambda target, most: store.get(name, target, most=most)


def _refuse_older(settings: "Settings", name: str, names: Sequence[str], asked: Asked) -> None:
    """An old backup is as well signed as a new one: whoever takes the newer ones away brings the past back."""
    from daemon.upkeep.backup_note import last_backup
    from daemon.upkeep.errors import BackupError

    last = last_backup(settings)
    if OLDER in asked.accepted:
        return
    if last is None or last.place != settings.backup.to:
        if (ahead := max(names)) > name:
            raise BackupError(
                f"the newest backup in {settings.backup.to} is {name} by this machine's clock, and {ahead} is named for a day that has not "
                f"come: is the clock right (`timedatectl`)? `tether restore {ahead}` takes that one, `--accept {OLDER}` takes {name}"
            )
        return
    if last.newest <= name:
        return
    why = "is not there: somebody took it away, or this is another stick"
    if last.newest in names:
        why = (
            f"is named for a day that has not come, by a clock that was ahead: `tether restore {last.newest}` takes it"
        )
    raise BackupError(
        f"the newest backup in {settings.backup.to} is {name}, but {last.newest} was made after it and {why}. "
        f"`--accept {OLDER}` takes {name} all the same"
    )
