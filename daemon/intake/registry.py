"""All the kinds of sources there are, by the `kind` in a table of `[sources]`. A new kind is one line here."""

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from daemon.config import ConfigError, Store, decode
from daemon.intake.base import Source, secrets_begin_with
from daemon.intake.own_sources import AT_THE_DOOR, SIGNED, SIGNING_SECRET
from daemon.intake.presets import merged

KINDS: Mapping[str, str] = {
    "pos": "Pos",
    "shopify": "Shopify",
    "woocommerce": "WooCommerce",
    "hubspot": "HubSpot",
    "zoho": "Zoho",
    "mapped": "Mapped",
}
"""Kind -> class, in the module of that name beside this one."""


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


def build(name: str, table: Mapping[str, Any], secrets: Mapping[str, str], store: Store) -> Source:
    """Make the source of `[sources.NAME]`. Raises ConfigError for a table that can't be meant."""
    where = f"sources.{name}"
    if why := _name_taken(name, secrets):
        raise ConfigError(f"{where}: choose another name: {why}")
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        said = "is missing" if kind is None else f": there is no {kind!r}"
        raise ConfigError(f"{where}: kind {said}; there are {', '.join(KINDS)}".replace("kind :", "kind:"))
    cls = cast("type[Source]", getattr(import_module(f"daemon.intake.{kind}"), KINDS[kind]))
    whole = merged(table, where) if kind == "mapped" else dict(table)
    return cls(name, decode(whole, cls.Settings, where=where), secrets, store)


def _name_taken(name: str, secrets: Mapping[str, str]) -> str:
    """Why no source can have this name; "" where it can. Events are taken once by source and id, and whoever may sign for a source may speak as it."""
    if not _NAME.fullmatch(name):
        return "letters, digits, dots, dashes and underscores"
    if name in AT_THE_DOOR:
        return f"{name!r} stands in the record for what comes by the counter's own door"
    if f"{secrets_begin_with(name)}_WEBHOOK_SECRET" == SIGNING_SECRET:
        return f"its secret would be {SIGNING_SECRET}, which checks what is signed for POST /v1/events"
    if name == SIGNED and secrets.get(SIGNING_SECRET):
        return f"with {SIGNING_SECRET} in .env, {name!r} stands in the record for what is signed for POST /v1/events"
    return ""


def build_all(tables: Mapping[str, Mapping[str, Any]], secrets: Mapping[str, str], store: Store) -> dict[str, Source]:
    """All of `[sources]`. Raises ConfigError."""
    return {name: build(name, table, secrets, store) for name, table in tables.items()}
