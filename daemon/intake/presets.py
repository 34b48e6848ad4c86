"""The shipped configurations of `mapped`: `presets/NAME.toml`, under what a store's own table says."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daemon.config import ConfigError

FOLDER = Path(__file__).parent / "presets"

_MERGED = ("order", "customer", "data", "statuses")
"""Tables of which the store may say a part; anything else is as it says, or as the preset does."""


def names() -> tuple[str, ...]:
    """All there are."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))


def merged(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The table with what its `preset` says under it. Raises ConfigError for a preset that is none."""
    preset = table.get("preset")
    if not preset:
        return dict(table)
    if preset not in names():
        raise ConfigError(f"{where}: preset: there is no {preset!r}; there are {', '.join(names())}")
    under: dict[str, Any] = tomllib.loads((FOLDER / f"{preset}.toml").read_text(encoding="utf-8"))
    both = {**under, **table}
    for key in _MERGED:
        if isinstance(under.get(key), dict) and isinstance(table.get(key), dict):
            both[key] = {**under[key], **table[key]}
    return both
