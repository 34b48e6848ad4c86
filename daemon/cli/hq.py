"""`tether hq`: headquarters of a fleet. Its libraries are the extra `hq`; a store's box has no need of them."""

import random
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from daemon.cli.frame import Failure, JsonOption, as_json, settle, table
from daemon.cli.hq_frame import HqConfigOption, NameArgument, explained, hq, me, settings_of, store, with_archive
from daemon.cli.hq_people import token, user

if TYPE_CHECKING:
    from daemon.hq.config import HqSettings
    from daemon.hq.database import Connection

T = TypeVar("T")

hq.add_typer(user, name="user", epilog="Example: tether hq user add maria --role viewer")
hq.add_typer(token, name="token", epilog="Example: tether hq token new grafana")


@hq.command(epilog="Example: tether hq init /etc/tether-hq --name 'Balloon Loft' --url https://hq.example:8788 --server hq1.example "
    "--server hq2.example --server hq3.example")  # fmt: skip
def init(
    folder: Annotated[Path, typer.Argument(help="Where hq.toml, the secrets and the servers' files go.")],
    name: Annotated[str, typer.Option(help="The fleet's name. What is not given is asked for.")] = "",
    url: Annotated[str, typer.Option(help="How stores reach headquarters to join: https://host:port.")] = "",
    server: Annotated[
        list[str] | None,
        typer.Option(help="A server of NATS, host or host:port; three times, or once for the small form."),
    ] = None,
    dsn: Annotated[str, typer.Option(help="PostgreSQL's address.")] = "postgresql:///tether_hq",
    listen: Annotated[str, typer.Option(help="Where headquarters itself listens.")] = "0.0.0.0:8788",
) -> None:
    """Write what headquarters needs to begin.

    Its configuration and secrets, and for each server of NATS the files to carry there; says how to start them.
    """
    from outbox.clock import SystemClock

    with explained():
        from daemon.hq.setup import Wanted, refuse_to_replace, set_up

        refuse_to_replace(folder)
        name = name or _asked(
            "What is the chain called?", "Balloon Loft", lambda text: "" if text else "give it a name"
        )
        url = url or _asked("How do stores reach this machine, to join?", "https://hq.example:8788", _url_trouble)
        hosts = (
            server
            or _asked(
                "Which machines run NATS? One for a small chain, or three, with spaces between",
                "hq1.example",
                _servers_trouble,
            ).split()
        )
        for trouble in (_url_trouble(url), _servers_trouble(" ".join(hosts))):
            if trouble:
                raise Failure(trouble, 2)
        wanted = Wanted(name=name, servers=tuple(_servers(hosts)), public_url=url, listen=listen, dsn=dsn)
        set_up(folder, wanted, datetime.fromtimestamp(SystemClock().now() / 1000, UTC))
    print(_next_steps(folder.resolve(), [each.partition(":")[0] for each in hosts]))


def _asked(words: str, guess: str, trouble: Callable[[str], str]) -> str:
    """Ask until the answer will do; where nobody can be asked, say what is missing."""
    if not sys.stdin.isatty():
        raise Failure("give --name, --url and --server: there is no terminal to ask on", 2)
    while True:
        text = str(typer.prompt(words, default=guess)).strip()
        if not (why := trouble(text)):
            return text
        print(f"  {why}")


def _url_trouble(url: str) -> str:
    return (
        ""
        if url.startswith("https://") and len(url) > len("https://")
        else "--url: stores join over https only: https://host:port"
    )


def _servers_trouble(text: str) -> str:
    hosts = text.split()
    if len(hosts) not in (1, 3, 5):
        return "--server: three (or five) servers keep an acknowledged record when one dies; one is the small form"
    if len(set(hosts)) < len(hosts):
        return "--server: one is named twice"
    return ""


def _servers(given: list[str]) -> Iterator[Any]:
    from daemon.hq.servers import Server
    from daemon.hq.setup import CLIENT_PORT, ROUTE_PORT

    for n, text in enumerate(given, 1):
        host, _, port = text.partition(":")
        if port and not port.isdigit():
            raise Failure(f"--server: {text!r} is not written like hq1.example:443", 2)
        yield Server(f"hq{n}", host, int(port or CLIENT_PORT), ROUTE_PORT)


def _next_steps(folder: Path, hosts: list[str]) -> str:
    carried = "\n".join(
        f"  {host}: {folder}/nats/hq{n}/* to /etc/tether-nats/, {folder}/nats/tether-nats.service to /etc/systemd/system/"
        for n, host in enumerate(hosts, 1)
    )
    return f"""Headquarters is written to {folder}. Keep a copy of {folder}/.env and ca.key elsewhere: every store trusts them.

1. On each server put nats-server 2.15 or newer at /usr/local/bin/nats-server, and carry over:
{carried}
   then there: useradd --system --home-dir /var/lib/tether-nats tether-nats
   chown root:tether-nats /etc/tether-nats/*.key && chmod 640 /etc/tether-nats/*.key
   systemctl daemon-reload && systemctl enable --now tether-nats
2. A PostgreSQL database that the [postgres] dsn in {folder}/hq.toml names:
   sudo -u postgres createuser tether-hq && sudo -u postgres createdb --owner tether-hq tether_hq
3. tether hq doctor --config {folder}/hq.toml, then tether hq run --config {folder}/hq.toml
   (for good: systemctl enable --now tether-hq; without the Debian package first {folder}/tether-hq.service to /etc/systemd/system/, then
   useradd --system tether-hq && cd {folder} && chgrp tether-hq . hq.toml publish.key web.key && chmod 750 . && chmod 640 hq.toml publish.key web.key)
4. tether hq store add NAME prints the code that a store joins with."""


@hq.command(epilog="Example: tether hq run --config /etc/tether-hq/hq.toml")
def run(config: HqConfigOption = None) -> None:
    """Keep the archive and serve the API."""
    from outbox.clock import SystemClock

    with explained():
        from daemon.hq.service import serve
        from daemon.runtime.logs import configure_logs

        settings = settings_of(config)
        configure_logs("info", "auto", secrets=settings.secrets)
        settle(
            lambda: serve(
                settings,
                SystemClock(),
                random.SystemRandom(),
                ready=lambda url: print(f"headquarters at {url}", flush=True),
            )
        )


@hq.command(epilog="Example: tether hq demo --once && echo all is archived")
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Play one day and end: 0 if all is archived and the opt-out was heard.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where the demo's headquarters listens; 0: any free port.")
    ] = 8788,
) -> None:
    """Play a chain's day, with nothing set up.

    Three servers of NATS, a PostgreSQL and headquarters in a temporary folder, and five stores on stand-ins for all providers.
    """
    with explained():
        from daemon.demo.fleet import main

        raise typer.Exit(main(once=once, port=port))


@hq.command(epilog="Example: tether hq doctor --config /etc/tether-hq/hq.toml")
def doctor(config: HqConfigOption = None, json: JsonOption = False) -> None:
    """See that all is as it must be. Exits with 1 when something is not."""
    from outbox.clock import SystemClock

    with explained():
        from daemon.hq.checks import examine

        settings = settings_of(config)
        findings = settle(lambda: examine(settings, SystemClock(), random.SystemRandom()))
    if json:
        as_json(findings)
    else:
        table(
            ("check", "how it is", "what to do"),
            [(f.check, f.summary, f.remedy) for f in findings],
            empty="nothing was looked at",
        )
    raise typer.Exit(int(any(f.level == "problem" for f in findings)))


@store.command("add", epilog="Example: tether hq store add soho --group london")
def add_store(
    name: NameArgument,
    group: Annotated[
        list[str] | None, typer.Option(help="A region, `canary`, or one of each: whose texts it gets; may be repeated.")
    ] = None,
    config: HqConfigOption = None,
) -> None:
    """Print a code with which that store joins: good once, for an hour. For a store that is there, its new box takes the old one's place."""
    from outbox.clock import SystemClock

    async def offer(settings: "HqSettings", db: "Connection") -> str:
        from daemon.hq.stores import Groups, Stores

        return await Stores(settings, SystemClock(), random.SystemRandom()).offer(
            db, name, Groups.read(group or []), by=me()
        )

    print(f"Within an hour, on the box of {name}:\n  sudo tether fleet join '{with_archive(config, offer)}'")


@store.command("list", epilog="Example: tether hq store list --json")
def list_stores(config: HqConfigOption = None, json: JsonOption = False) -> None:
    """Every store, when it was last heard, and how far it is archived."""
    from outbox.clock import SystemClock

    async def read(settings: "HqSettings", db: "Connection") -> Any:
        from daemon.hq import answers

        return await answers.stores(db, datetime.fromtimestamp(SystemClock().now() / 1000, UTC))

    rows = with_archive(config, read)
    if json:
        as_json(rows)
    else:
        told = [
            (
                r.name,
                r.group,
                r.state,
                f"{r.heard_at:%Y-%m-%d %H:%M:%S}" if r.heard_at else "never",
                r.archived,
                r.behind,
                r.forks,
            )
            for r in rows
        ]
        table(
            ("store", "group", "state", "heard (UTC)", "archived", "behind", "forks"),
            told,
            empty="no store yet: tether hq store add NAME",
        )


@store.command("revoke", epilog="Example: tether hq store revoke soho")
def revoke_store(name: NameArgument, config: HqConfigOption = None) -> None:
    """Cut a store off, within seconds and on every server. What it told stays; a new code lets it join again."""
    from outbox.clock import SystemClock

    async def revoke(settings: "HqSettings", db: "Connection") -> None:
        from daemon.hq.stores import Stores

        await Stores(settings, SystemClock(), random.SystemRandom()).revoke(db, name, by=me())

    with_archive(config, revoke)
    print(f"{name} is cut off")


@hq.command("rotate-consent-key", epilog="Example: tether hq rotate-consent-key && systemctl restart tether-hq")
def rotate_consent_key(config: HqConfigOption = None) -> None:
    """Add a consent key. Stores get it sealed and tell their opt-outs under it too; what is known under the old one goes on to count."""
    with explained():
        from daemon.hq.setup import add_consent_key

        settings = settings_of(config)
        kid = add_consent_key(settings.folder / ".env", list(settings.consent_keys))
    print(
        f"{kid} is added beside {', '.join(settings.consent_keys)}; restart headquarters, and every store has it with its next mark"
    )


from daemon.cli import hq_bundles as hq_bundles  # noqa: E402 - their verbs belong to the same group
from daemon.cli import hq_commands as hq_commands  # noqa: E402
from daemon.cli import hq_figures as hq_figures  # noqa: E402
