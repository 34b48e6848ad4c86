"""`tether install`, `uninstall` and `upgrade`: the service on a machine with systemd."""

import os
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from daemon.cli.frame import Failure, JsonOption, app, as_json, settle

if TYPE_CHECKING:
    from daemon.appliance.install import Installed
    from daemon.config import Settings

T = TypeVar("T")

LinksOption = Annotated[Path | None, typer.Option(help="Install from this folder of wheels, without the internet.")]


@app.command(epilog="Example: sudo tether install --wheel tether_box-0.1.0-py3-none-any.whl")
def install(
    wheel: Annotated[
        Path | None, typer.Option(help="Install this wheel into an environment of its own under /opt/tether.")
    ] = None,
    executable: Annotated[
        Path | None, typer.Option(help="Run this program instead. Default: the one that is running now.")
    ] = None,
    links: LinksOption = None,
    start: Annotated[bool, typer.Option(help="Start it, and see that it runs.")] = True,
    json: JsonOption = False,
) -> None:
    """Install the service on this machine. Its user, folders, units, udev rule and command; starts it, and proves that it runs."""
    from daemon.appliance.install import Installed, Installer
    from daemon.appliance.machine import Machine
    from outbox.clock import SystemClock

    command = executable or (None if wheel else Path(sys.argv[0]))

    async def work() -> Installed:
        installer = Installer(Machine(), SystemClock())
        return await installer.install(_settings(), executable=command, wheel=wheel, links=links, start=start)

    _tell(settle(lambda: _explained(work())), json=json)


@app.command(epilog="Example: sudo tether uninstall")
def uninstall(
    purge: Annotated[bool, typer.Option("--purge", help="Remove the configuration and all data too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    json: JsonOption = False,
) -> None:
    """Take the service off this machine. The configuration and the data stay, unless told otherwise."""
    from daemon.appliance.install import Installer
    from daemon.appliance.machine import Machine
    from outbox.clock import SystemClock

    if (
        purge
        and not yes
        and not typer.confirm("Remove the configuration and every order, message and opt-out for good?")
    ):
        raise Failure("nothing was removed")
    _tell(settle(lambda: _explained(Installer(Machine(), SystemClock()).uninstall(purge=purge))), json=json)


@app.command(epilog="Example: sudo tether upgrade --from tether_box-0.2.0-py3-none-any.whl")
def upgrade(
    wheel: Annotated[Path, typer.Option("--from", help="The new release's wheel.")],
    links: LinksOption = None,
    key: Annotated[
        Path | None,
        typer.Option(
            help="A minisign public key whose signature counts instead of the shipped one: for builds of your own."
        ),
    ] = None,
    older: Annotated[bool, typer.Option("--older", help="To an older release than the one that runs.")] = False,
    json: JsonOption = False,
) -> None:
    """Install a new, signed release beside the old one. Switches to it, and goes back by itself if it is not well.

    Its signature (the .minisig of the release) lies beside the wheel.
    """
    from daemon.appliance.machine import Machine
    from daemon.appliance.upgrade import Upgrade
    from outbox.clock import SystemClock

    done = settle(
        lambda: _explained(Upgrade(Machine(), SystemClock(), _settings()).run(wheel, links=links, key=key, older=older))
    )
    if json:
        as_json(done)
    else:
        print(
            f"{done.before} -> {done.after}; it runs and takes events. Safety copy of the database: {done.safety_copy}"
        )


def _settings() -> "Settings":
    """The service's own configuration, whatever this shell has in its environment."""
    from daemon.appliance.install import CONFIG
    from daemon.config import load

    file = Path(CONFIG) / "tether.toml"
    return load(file if file.is_file() else None, environ={})


async def _explained(work: Awaitable[T]) -> T:
    from daemon.upkeep.errors import InstallError

    os.umask(0o022)  # programs and units are for everybody to read; what is private is given its mode where it is made
    try:
        return await work
    except InstallError as error:
        raise Failure(str(error)) from error


def _tell(done: "Installed", *, json: bool) -> None:
    if json:
        as_json(done)
        return
    for step in done.steps:
        print(step)
