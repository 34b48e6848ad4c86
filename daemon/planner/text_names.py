"""The names that a text asks for, found while it is compiled: jinja2.meta would compile it once more for them."""

from collections.abc import Mapping
from io import StringIO
from typing import TYPE_CHECKING

import msgspec
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame

if TYPE_CHECKING:
    from jinja2 import Environment


class Attribute(msgspec.Struct, frozen=True):
    """`order.total`, as it stands in a text."""

    line: int
    of: str
    name: str


class TextNames(msgspec.Struct, frozen=True):
    """`own`: what a text sets itself. `outside`: what it asks others for, with the line on which it stands first."""

    own: frozenset[str]
    outside: Mapping[str, int]
    attributes: tuple[Attribute, ...]


class Compiler(CodeGenerator):
    """Jinja's own, which remembers what is looked up in the context."""

    def __init__(self, environment: "Environment", name: str, filename: str) -> None:
        self._python = StringIO()
        super().__init__(environment, name, filename, stream=self._python)
        self._looked_up: set[str] = set()

    def enter_frame(self, frame: Frame) -> None:
        super().enter_frame(frame)
        self._looked_up.update(
            name
            for action, name in frame.symbols.loads.values()
            if action == "resolve" and name is not None and name not in self.environment.globals
        )

    def compiled(self, tree: nodes.Template) -> tuple[str, TextNames]:
        """As Python, and what it asks for. Raises TemplateSyntaxError."""
        self.visit(tree)
        first: dict[str, int] = {}
        own = set()
        attributes = []
        for node in tree.find_all((nodes.Name, nodes.Getattr)):
            if isinstance(node, nodes.Name):
                first.setdefault(node.name, node.lineno)
                if node.ctx == "store":
                    own.add(node.name)
            elif isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
                attributes.append(Attribute(node.lineno, node.node.name, node.attr))
        outside = {name: first.get(name, 0) for name in self._looked_up}
        return self._python.getvalue(), TextNames(frozenset(own), outside, tuple(attributes))
