"""What whoever keeps the box asks for: tokens, sources, what nobody understood, what is planned again."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from daemon.wire.checks import TYPE_GLOB, Moment, Word, described
from daemon.wire.requests.act import Act, part
from daemon.wire.scopes import Scope

REPLAY_SECONDS = 600.0
"""A hundred thousand events, each planned anew."""


class Sync(msgspec.Struct, frozen=True, omit_defaults=True):
    """Ask now."""

    since: Moment | None = None
    """From when on; absent: from where it was left."""


class TokenWish(msgspec.Struct, frozen=True, omit_defaults=True):
    """A token to make. What follows the scopes binds the events that are posted with it."""

    name: Word
    scopes: Annotated[
        tuple[Annotated[str, Meta(pattern=described(rf"^({'|'.join(Scope)})$(?!\n)", "a scope"))], ...],
        Meta(min_length=1, max_length=4),
    ]
    types: Annotated[
        tuple[Annotated[str, Meta(max_length=100, pattern=TYPE_GLOB)], ...],
        Meta(
            max_length=50, description="Event types it may tell of, globs allowed; none: all.", examples=[["order.*"]]
        ),
    ] = ()
    own_orders: bool = False
    """Only of orders that it was the first to name."""
    own_words: bool = False
    """Whether prose in its events reaches customers: a question, a reason, a message."""


class ReplayWish(msgspec.Struct, frozen=True, kw_only=True):
    """Which events to plan again."""

    since: Moment
    dry_run: bool = True
    source: Word | None = None
    order: Annotated[str, Meta(min_length=1, max_length=100)] | None = None


def read_again(kept_id: str) -> Act:
    return Act(path=f"/v1/quarantine/{part(kept_id)}/replay")


def drop_kept(kept_id: str) -> Act:
    return Act(path=f"/v1/quarantine/{part(kept_id)}/drop")


def sync(source: str, wish: Sync | Mapping[str, Any]) -> Act:
    return Act(path=f"/v1/sources/{part(source)}/sync", body=wish)


def replay(wish: ReplayWish | Mapping[str, Any]) -> Act:
    return Act(path="/v1/replay", body=wish, seconds=REPLAY_SECONDS)


def make_token(wish: TokenWish | Mapping[str, Any]) -> Act:
    return Act(path="/v1/tokens", body=wish, repeatable=False)


def revoke_token(name: str) -> Act:
    return Act(path=f"/v1/tokens/{part(name)}", method="DELETE")


def render(wish: Mapping[str, Any]) -> Act:
    """A text as it would be sent. Changes nothing."""
    return Act(path="/v1/messages/preview", body=wish)


def reload() -> Act:
    """Put a changed configuration in force."""
    return Act(path="/v1/reload")


def confirm_restore() -> Act:
    """Let go what waits since a backup took the database's place, or a repair may have lost opt-outs."""
    return Act(path="/v1/restore/confirm")


def know_of_recovery() -> Act:
    """Staff know what was saved of a damaged database."""
    return Act(path="/v1/status/seen")
