"""`tether key`: the box's own key, to be written down, and what of it others may know."""

from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.frame import ConfigOption, Failure, JsonOption, app, as_json, settings_of

if TYPE_CHECKING:
    from daemon.config import Settings
    from daemon.keys.box_key import BoxKey
    from daemon.keys.keyring import Keyring

key = typer.Typer(no_args_is_help=True, help="The box's key: it signs the record and opens the backups.")
app.add_typer(key, name="key", epilog="Example: tether key public")


@key.command(epilog="Example: sudo tether key words")
def words(
    config: ConfigOption = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="In one line, for a file that `restore --words` reads.")
    ] = False,
) -> None:
    """Show the twelve words. Write them down and keep them away from the box: they open its backups on any machine."""
    from daemon.keys.keyring import WORDS, key_path

    settings = settings_of(config)
    keys = _keys(settings)
    if plain:
        print(keys.own.words)
        return
    print(worded(keys.own))
    if not keys.is_configured:
        print(
            f"They lie in {key_path(settings)} and nowhere else. Put them into .env as well (then `tether reload`):\n\n"
            f"    {WORDS}='{keys.own.words}'\n"
        )


@key.command(epilog="Example: tether key public")
def public(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show the public parts. By the first, others check what this box signed; by the second, age encrypts for it."""
    keys = _keys(settings_of(config))
    if json:
        as_json({"public": keys.own.public, "recipient": keys.own.recipient})
        return
    print(keys.own.public)
    print(keys.own.recipient)


def worded(own: "BoxKey") -> str:
    """The words, four a line, each with its number."""
    numbered = [f"{number:2} {word:10}" for number, word in enumerate(own.words.split(), 1)]
    return "\n" + "\n".join("    " + " ".join(numbered[start : start + 4]).rstrip() for start in range(0, 12, 4)) + "\n"


def _keys(settings: "Settings") -> "Keyring":
    from daemon.appliance.ownership import as_owner_of
    from daemon.keys.digests import lasting_keyring
    from daemon.keys.keyring import key_path

    try:
        with as_owner_of(settings.database):
            return lasting_keyring(settings)
    except OSError as error:
        raise Failure(f"{key_path(settings)} can't be written: {error.strerror}; try with sudo") from error
