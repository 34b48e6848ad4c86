"""`tether hq user` and `tether hq token`: who may see headquarters' page, and who may ask its API."""

import hashlib
import os
import secrets
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from daemon.cli.frame import Failure, JsonOption, as_json, table
from daemon.cli.hq_frame import HqConfigOption, me, with_archive

if TYPE_CHECKING:
    from daemon.hq.config import HqSettings
    from daemon.hq.database import Connection

user = typer.Typer(no_args_is_help=True, help="Who may see headquarters' page.")
token = typer.Typer(no_args_is_help=True, help="Who may ask headquarters' API.")


@user.command("add", epilog="Example: tether hq user add maria --role manager --store soho --store camden")
def add_user(
    name: Annotated[str, typer.Argument(help="Who.")],
    role: Annotated[
        Literal["viewer", "manager", "admin"],
        typer.Option(
            help="viewer: looks at all stores. manager: sees and does things at stores of their own. admin: everything."
        ),
    ] = "viewer",
    stores: Annotated[
        list[str] | None, typer.Option("--store", help="A store of a manager's; may be repeated.")
    ] = None,
    provider: Annotated[
        bool, typer.Option("--provider", help="Without a password: they log in by the provider that [oidc] names.")
    ] = False,
    config: HqConfigOption = None,
) -> None:
    """Let a person see the page, or do more or less there.

    One who may already gets another password, role or stores. The password is asked for, or read from standard input. Whoever is logged in by that name must log in anew.
    """
    if stores and role != "manager":
        raise Failure(f"--store is for managers: a {role} sees all stores", 2)
    kept = "" if provider else _password()

    async def add(settings: "HqSettings", db: "Connection") -> list[str]:
        from daemon.hq.users import put
        from outbox.clock import SystemClock

        return await put(db, SystemClock().now(), name, role, kept, stores or [], actor=me())

    unknown = with_archive(config, add)
    print(f"{name} may log in as {role}" + (f" of {', '.join(stores)}" if stores else ""))
    if role == "manager" and not stores:
        print(f"and sees no store yet: tether hq user add {name} --role manager --store NAME")
    if unknown:
        print(f"not in the fleet yet: {', '.join(unknown)}")


def _password() -> str:
    """As it is kept."""
    from daemon.hq.passwords import LEAST, keep

    password = typer.prompt("password", hide_input=True, confirmation_prompt=True) if os.isatty(0) else input()
    if len(password) < LEAST:
        raise Failure(f"a password has {LEAST} characters at least", 2)
    return keep(password)


@user.command("list", epilog="Example: tether hq user list --json")
def list_users(config: HqConfigOption = None, json: JsonOption = False) -> None:
    """Who may see the page."""

    async def read(settings: "HqSettings", db: "Connection") -> Any:
        from daemon.hq.users import everybody

        return await everybody(db)

    rows = with_archive(config, read)
    if json:
        as_json(rows)
    else:
        told = [
            (r.name, r.role, ", ".join(r.stores) if r.role == "manager" else "all", f"{r.added_at:%Y-%m-%d}")
            for r in rows
        ]
        table(("name", "role", "stores", "since"), told, empty="nobody yet: tether hq user add NAME --role admin")


@user.command("remove", epilog="Example: tether hq user remove maria")
def remove_user(name: Annotated[str, typer.Argument(help="Who.")], config: HqConfigOption = None) -> None:
    """Let a person see the page no more, from this moment on."""

    async def remove(settings: "HqSettings", db: "Connection") -> None:
        from daemon.hq.users import remove as take
        from outbox.clock import SystemClock

        await take(db, SystemClock().now(), name, actor=me())

    with_archive(config, remove)
    print(f"{name} may not log in any more")


@token.command("new", epilog="Example: tether hq token new grafana")
def new_token(name: Annotated[str, typer.Argument(help="Whose it is.")], config: HqConfigOption = None) -> None:
    """Make a token that may read headquarters' API; it is shown once."""
    secret = f"hq_{secrets.token_urlsafe(32)}"

    async def add(settings: "HqSettings", db: "Connection") -> None:
        from daemon.hq import tokens
        from outbox.clock import SystemClock

        now, digest = SystemClock().now(), hashlib.sha256(secret.encode()).digest()
        await tokens.add(db, now, name, digest, ["read"], actor=me())

    with_archive(config, add)
    print(secret)


@token.command("list", epilog="Example: tether hq token list --json")
def list_tokens(config: HqConfigOption = None, json: JsonOption = False) -> None:
    """Who may ask the API. The tokens themselves are kept nowhere."""

    async def read(settings: "HqSettings", db: "Connection") -> Any:
        from daemon.hq.tokens import everyone

        return await everyone(db)

    rows = with_archive(config, read)
    if json:
        as_json(rows)
    else:
        told = [(r.name, ", ".join(r.scopes), f"{r.created_at:%Y-%m-%d}") for r in rows]
        table(("name", "may", "since"), told, empty="nobody yet: tether hq token new NAME")


@token.command("revoke", epilog="Example: tether hq token revoke grafana")
def revoke_token(name: Annotated[str, typer.Argument(help="Whose it is.")], config: HqConfigOption = None) -> None:
    """Let a token ask no more, from this moment on."""

    async def revoke(settings: "HqSettings", db: "Connection") -> None:
        from daemon.hq import tokens
        from outbox.clock import SystemClock

        await tokens.revoke(db, SystemClock().now(), name, actor=me())

    with_archive(config, revoke)
    print(f"{name} may not ask any more")
