"""JSON values that are almost right: what a provider may say tomorrow, and what a stranger may post."""

from collections.abc import Iterator
from typing import Any

INSTEAD: tuple[Any, ...] = (None, True, 5, -1.5, "", "x", [], ["x"], [None], {}, {"x": None})


def mutants(value: Any) -> Iterator[Any]:
    """The value with each part of it, at any depth, replaced by something else or left out. The value itself is not changed."""
    yield from INSTEAD
    if isinstance(value, dict):
        for key in value:
            yield {name: inner for name, inner in value.items() if name != key}
            for inner in mutants(value[key]):
                yield {**value, key: inner}
    elif isinstance(value, list):
        for place, item in enumerate(value):
            if 1 < place < len(value) - 1 and item == value[place - 1]:
                continue  # as the one before it, and neither the first nor the last
            for inner in mutants(item):
                yield [*value[:place], inner, *value[place + 1 :]]
