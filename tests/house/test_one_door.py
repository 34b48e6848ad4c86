"""Events become known by one door, whoever tells of them: nothing else in the daemon puts one on record."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOOR = ROOT / "daemon" / "intake" / "door.py"


def accepts(file: Path) -> list[str]:
    """Where it calls the outbox's own `spool.accept` or `spool.accept_many`."""
    text = file.read_text(encoding="utf-8")
    if "spool" not in text or "accept" not in text:
        return []
    return [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and node.attr in ("accept", "accept_many")
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "spool"
    ]


def test_nothing_but_the_door_puts_events_on_record() -> None:
    assert [place for file in sorted((ROOT / "daemon").rglob("*.py")) if file != DOOR for place in accepts(file)] == []
    assert accepts(DOOR), "the door itself does"
