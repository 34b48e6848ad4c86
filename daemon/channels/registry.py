"""All the channels there are, by the name of their table in `tether.toml`: a channel is a module of this package that declares a
class of its own name. Nobody lists them. A module is imported when its channel is enabled."""

import functools
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from daemon import channels
from daemon.channels.base import Channel, Misconfigured, Surroundings
from daemon.config import ConfigError, decode
from daemon.wire.near import or_known

if TYPE_CHECKING:
    from daemon.http import Http

_GROUND = ("base", "registry")
"""Modules of this package that every channel stands on; what several share begins with an underscore."""

CHANNELS = tuple(sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py") if file.stem not in _GROUND))
"""The names, sorted. What each of them is stands on its class."""


@functools.cache
def channel_class(name: str) -> type[Channel]:
    """The class behind a table's name. Raises ConfigError for a name that is none."""
    if name not in CHANNELS:
        raise ConfigError(f"channels.{name}: no such channel{or_known(name, CHANNELS, known_are='there are')}")
    module = import_module(f"{channels.__name__}.{name}")
    for kind in vars(module).values():
        if isinstance(kind, type) and issubclass(kind, Channel) and kind.__dict__.get("name") == name:
            return kind
    raise LookupError(f"daemon/channels/{name}.py declares no class whose name is {name!r}")


def secrets_of(kind: type[Channel]) -> tuple[str, ...]:
    """Every name in `.env` that this channel reads, those it can't do without first."""
    return (*kind.secrets, *kind.optional_secrets)


def check(name: str, table: Mapping[str, Any]) -> None:
    """Raises ConfigError for a table that can't be meant. What is missing in it is no matter here."""
    kind = channel_class(name)
    missing = [
        field.encode_name
        for field in msgspec.structs.fields(kind.Settings)
        if field.required and field.encode_name not in table
    ]
    table = {**table, **dict.fromkeys(missing, "")}
    decode(table, kind.Settings, where=f"channels.{name}", secrets=secrets_of(kind), owner=name)


def build(
    name: str,
    table: Mapping[str, Any],
    secrets: Mapping[str, str],
    http: "Http",
    surroundings: Surroundings | None = None,
) -> Channel:
    """Make the channel of `[channels.NAME]`. `surroundings` are for those that live without HTTP (`Channel.is_cloud` False).

    Raises ConfigError for a table that can't be meant (unknown key, wrong kind of value), which stops the service, and
    Misconfigured for a key or secret that is missing, which leaves only this channel out."""
    kind = channel_class(name)
    missing = [
        field.encode_name
        for field in msgspec.structs.fields(kind.Settings)
        if field.required and field.encode_name not in table
    ]
    if missing:
        decode({**table, **dict.fromkeys(missing, "")}, kind.Settings, where=f"channels.{name}")
        raise Misconfigured(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing in [channels.{name}] of tether.toml; "
            f"docs/providers/{name}.md says what goes there"
        )
    settings = decode(table, kind.Settings, where=f"channels.{name}")
    make = cast("Any", kind)
    if kind.is_cloud:
        return cast("Channel", make(settings, secrets, http))
    if surroundings is None:
        raise Misconfigured(f"{name} works inside the running service only")
    return cast("Channel", make(settings, secrets, surroundings))
