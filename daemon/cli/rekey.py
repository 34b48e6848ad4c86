"""`tether rekey`: a database whose key of digests can't be opened any more, made usable again."""

from typing import Annotated

import typer

from daemon.cli.frame import ConfigOption, Failure, app, counted, settings_of


@app.command(epilog="Example: sudo tether rekey")
def rekey(
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
) -> None:
    """Give the database a new key, the box's words being lost.

    The service must be stopped. Opt-outs whose address is still kept in plain hold on; the others can't be found any more, and are
    counted."""
    import sqlite3

    from daemon.appliance.ownership import as_owner_of
    from outbox.lock import Lock
    from outbox.rekey import rekey as rekey_database

    settings = settings_of(config)
    database = settings.database
    if not database.is_file():
        raise Failure(f"{database} is not there")
    if not yes and not typer.confirm(
        "Opt-outs that are kept by their digest only are lost. Are the twelve words of this database gone for good?"
    ):
        raise Failure("nothing was changed")
    with as_owner_of(database):
        lock = Lock(database)
        lock.take()
        try:
            lost = rekey_database(database)
        except sqlite3.Error as error:
            raise Failure(f"the database can't be given a key: {error}") from error
        finally:
            lock.release()
    print(f"done; {counted(lost, 'opt-out')} could not be kept")
