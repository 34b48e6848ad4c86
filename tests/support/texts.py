"""Finds every text of the screen that is to be translated, in its source."""

import ast
from collections.abc import Iterator
from pathlib import Path

MARKS = {"t", "_t", "text"}
"""`t("...")`, `self.t("...")`, `session.t("...")`, `self._t("...")` translate; `text("...")` marks for later."""


def marked_texts(folder: Path) -> dict[str, str]:
    """Text -> a place where it stands."""
    return {text: f"{file.name}:{line}" for file in sorted(folder.rglob("*.py")) for line, text in _in(file)}


def _in(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args and _name(node.func) in MARKS:
            yield from _literals(node.args[0])


def _literals(node: ast.expr) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)


def _name(func: ast.expr) -> str:
    return func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
