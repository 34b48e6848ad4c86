"""All channels that there are, for `tether channels known`: what each carries, and what to write to use it."""

from collections.abc import Iterator, Mapping

import msgspec
import tomli_w

from daemon.channels.base import Channel, OAuthSettings
from daemon.channels.registry import CHANNELS, channel_class, secrets_of

_COMMON = {field.encode_name for field in msgspec.structs.fields(OAuthSettings)}
"""The keys that every table may have: docs/configuration.md has them."""
MEDIA = ("sms", "email", "chat", "push", "crm")


class Known(msgspec.Struct, frozen=True):
    """One channel. `secrets`: names in `.env` that it can't do without; `optional`: those that it reads where they are there."""

    name: str
    title: str
    medium: str
    secrets: tuple[str, ...]
    optional: tuple[str, ...]
    page: str
    """Where it is described."""


def catalogue() -> list[Known]:
    """Each medium's in the order in which the shipped routes try them."""
    kinds = [channel_class(name) for name in CHANNELS]
    kinds.sort(key=lambda kind: (MEDIA.index(kind.medium), kind.rank, kind.name))
    return [
        Known(kind.name, kind.title, kind.medium, kind.secrets, kind.optional_secrets, _page(kind)) for kind in kinds
    ]


def example(name: str) -> str:
    """What to write into tether.toml and .env for it; what it can do without is commented out. Raises ConfigError for none of ours."""
    kind = channel_class(name)
    lines = [f"# {kind.title}: {_page(kind)} says where each is found", "", "# tether.toml", f"[channels.{name}]"]
    lines += [*_keys(kind), "", "# .env"]
    needed = {*kind.secrets, *kind.asked}
    lines += [f"{'' if secret in needed else '#'}{secret}=" for secret in secrets_of(kind)] or ["# (nothing)"]
    return "\n".join(lines)


def _keys(kind: type[Channel]) -> Iterator[str]:
    """Those that must be there, those that may, and last the tables beneath it."""
    below = []
    fields = [field for field in msgspec.structs.fields(kind.Settings) if field.encode_name not in _COMMON]
    for field in sorted(fields, key=lambda field: not field.required):
        asked = field.required or field.encode_name in kind.asked
        factory = field.default_factory
        value = field.default if factory is msgspec.NODEFAULT else factory()
        if isinstance(value, Mapping):
            below.append(f"#[channels.{kind.name}.{field.encode_name}]")
            continue
        known = "" if value is None or value is msgspec.NODEFAULT else value
        yield f"{'' if asked else '#'}{tomli_w.dumps({field.encode_name: known}).strip()}"
    yield from below


def _page(kind: type[Channel]) -> str:
    return f"docs/{'' if not kind.is_cloud else 'providers/'}{kind.name}.md"
