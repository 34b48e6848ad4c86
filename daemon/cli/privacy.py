"""`tether forget` and `tether export-person`: a person's own data."""

from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.frame import ConfigOption, Failure, JsonOption, app, as_json, counted, read, settings_of, when
from daemon.cli.service import done

if TYPE_CHECKING:
    from daemon.config import Settings
    from daemon.wire.customers import Forgotten

AddressArgument = Annotated[
    str, typer.Argument(help="Any address of theirs, however it is written: phone, mail, a chat's id.")
]


@app.command(epilog="Example: tether forget '+447700900123'")
def forget(
    address: AddressArgument,
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    json: JsonOption = False,
) -> None:
    """Take a person out of all that is kept. Shows first what will go; opt-outs hold on, and the audit still verifies."""
    settings = settings_of(config)
    from daemon.wire.customers import Forgotten
    from daemon.wire.requests import people

    answer = done(settings, people.forget(address, dry_run=True))
    found = read(answer, Forgotten)
    if not json:
        print(
            f"{counted(found.orders, 'order')} with {counted(found.events, 'event')}, "
            f"{counted(found.messages, 'message')} ({counted(found.attempts, 'attempt')}), "
            f"{counted(found.replies, 'reply', 'replies')}, the plain address of {counted(found.optouts, 'opt-out')}, "
            f"{counted(found.quarantined, 'body', 'bodies')} in quarantine"
        )
        if found.left:
            print(
                f"{counted(found.left, 'order')} of others, by what else they say, share an address with these and stay: "
                "look at them with tether export-person, and forget them by an address of their own"
            )
    if not dry_run:
        if not yes and not typer.confirm(
            "Names, addresses and texts of these go for good; what waits is cancelled. Go on?"
        ):
            raise Failure("nothing was removed")
        answer = done(settings, people.forget(address, dry_run=False))
    if json:
        as_json(answer)
    elif not dry_run:
        print("forgotten")
        _tell_copies(read(answer, Forgotten), settings)


def _tell_copies(found: "Forgotten", settings: "Settings") -> None:
    """Where the person still stands, and until when."""
    for copy in found.copies:
        print(f"{copy.name} still holds what it held; it is removed by {when(copy.until, settings)} ([data] copies)")
    if found.copies_unseen:
        print(f"backups still hold it, and could not be looked at: {found.copies_unseen}")


@app.command("export-person", epilog="Example: tether export-person ada@example.com > ada.json")
def export_person(address: AddressArgument, config: ConfigOption = None, json: JsonOption = True) -> None:
    """All that is kept of a person, as JSON. Their orders, messages with texts, replies, and words on consent."""
    from daemon.wire.requests import people

    as_json(done(settings_of(config), people.export_person(address)))
