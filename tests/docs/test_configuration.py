"""docs/configuration.md: every key of tether.toml with the default it really has, and none that there isn't."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.channels.base import CommonSettings
from daemon.config import RouteTable, Settings, decode

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
NONE_SO_FAR = re.compile(r"^# (\w+ = .*)$", re.MULTILINE)
TABLES = {
    field.encode_name: field.type
    for field in msgspec.structs.fields(Settings)
    if not field.encode_name.startswith("__")
    and isinstance(field.type, type)
    and issubclass(field.type, msgspec.Struct)
}


def documented() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Table -> (the keys with defaults, the keys with examples)."""
    found: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for block in BLOCKS:
        name = block[1 : block.index("]")]
        table = tomllib.loads(block)
        for part in name.split("."):
            table = table[part]
        assert name not in found, f"[{name}] is there twice"
        found[name] = (table, tomllib.loads("\n".join(NONE_SO_FAR.findall(block))))
    return found


DOCUMENTED = documented()


def test_every_table_is_there() -> None:
    assert set(DOCUMENTED) == {*TABLES, "channels.smtp"}
    for name in ("[[route]]", "[audiences.NAME]", "[sources.NAME]", "[channels.NAME]"):
        assert name in PAGE


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_key_is_there_with_its_default(name: str) -> None:
    kind: Any = TABLES.get(name, CommonSettings)
    given, examples = DOCUMENTED[name]
    assert set(given) | set(examples) == {field.encode_name for field in msgspec.structs.fields(kind)}
    defaults, written = kind(), decode(given, kind, where="docs/configuration.md")
    assert written == defaults
    shown = decode({**given, **examples}, kind, where="docs/configuration.md")
    for field in msgspec.structs.fields(kind):
        if field.encode_name in examples:
            assert getattr(defaults, field.name) is None
            assert getattr(shown, field.name) is not None


def test_the_page_of_routes_has_the_keys_of_a_route() -> None:
    routes = (ROOT / "docs" / "routes.md").read_text(encoding="utf-8")
    assert not [
        field.encode_name for field in msgspec.structs.fields(RouteTable) if f"| `{field.encode_name}` |" not in routes
    ]


def test_the_readmes_example_is_a_configuration() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [example] = re.findall(r"^```toml\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert decode(tomllib.loads(example), Settings, where="README.md").store.name == "Balloon Loft"
