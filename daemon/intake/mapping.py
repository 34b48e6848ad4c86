"""JMESPath expressions of a configuration: compiled once, and what they find in a body as values with a name.

An expression that raises (`join` and `sum` do on null) finds nothing: it is named in what is kept, and costs no event.
https://jmespath.org/specification.html
"""

from collections.abc import Mapping
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from daemon.config import ConfigError
from daemon.intake.values import Place


class Expression:
    """One expression. Raises ConfigError with its place for one that is none."""

    def __init__(self, text: str, where: str) -> None:
        self.where = where
        try:
            self._compiled = jmespath.compile(text)
        except JMESPathError as error:
            raise ConfigError(f"{where}: {text!r} is no JMESPath expression: {_first_line(error)}") from error

    def find(self, value: Any, odd: list[str]) -> Place:
        """What it finds, as a value named after its key."""
        try:
            found = self._compiled.search(value)
        except JMESPathError as error:
            odd.append(f"{self.where}: {_first_line(error)}")
            found = None
        return Place(found, self.where, odd)


def compile_table(table: Mapping[str, str], where: str) -> dict[str, Expression]:
    """A table of expressions by name; "" leaves one out."""
    return {name: Expression(text, f"{where}.{name}") for name, text in table.items() if text}


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
