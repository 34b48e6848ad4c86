"""What headquarters published and is in force at this store, beneath what the store says itself: the nearest wins, so the store's own
tether.toml and texts come first, then the fleet's, then what ships.

A leaf: plain files in a folder beside the database. How they come there is the link's business; a store without `[fleet]` has none.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = "bundles"
CURRENT = "current"
TEMPLATES, ROUTES, SETTINGS = "templates", "routes.toml", "settings.toml"

OPEN: Mapping[str, frozenset[str] | None] = {
    "quiet_hours": None,
    "planning": None,
    "retry": None,
    "replies": None,
    "sms": frozenset({"links"}),
    "store": frozenset({"order_url", "url", "hours"}),
}
"""The tables that headquarters may fill, and which of their keys (None: all). Nothing of where the store listens, what it keeps, whom it
believes, where and at what price its texts may go, and by whose account it sends."""


class Unusable(ValueError):
    """Says which file, and what is wrong in it."""


def in_force(database: Path) -> Path | None:
    """The bundle's own folder, so that a later switch changes nothing under who reads it."""
    current = database.parent / FOLDER / CURRENT
    try:
        return current.resolve(strict=True) if current.is_symlink() else None
    except (OSError, RuntimeError):
        return None


def routes_in(bundle: Path) -> list[Any]:
    """Raises Unusable."""
    table = _read(bundle / ROUTES)
    if unknown := table.keys() - {"route"}:
        raise Unusable(f"{ROUTES}: {min(unknown)}: only [[route]] has a place in it")
    routes = table.get("route", [])
    if not isinstance(routes, list):
        raise Unusable(f"{ROUTES}: route: write it as [[route]]")
    return routes


def settings_in(bundle: Path) -> dict[str, dict[str, Any]]:
    """Raises Unusable for a table or key that is not headquarters' to say."""
    table = _read(bundle / SETTINGS)
    for name, values in table.items():
        if name not in OPEN:
            raise Unusable(f"{SETTINGS}: {name}: not headquarters' to say; it may fill {', '.join(sorted(OPEN))}")
        if not isinstance(values, dict):
            raise Unusable(f"{SETTINGS}: {name}: write it as [{name}]")
        keys = OPEN[name]
        for key in values:
            if keys is not None and key not in keys:
                raise Unusable(
                    f"{SETTINGS}: {name}.{key}: not headquarters' to say; in it may stand {', '.join(sorted(keys))}"
                )
    return table


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise Unusable(f"{path.name}: {error}") from error
