"""Each call that the screen and the command line make is one that the HTTP face has, with the body that it takes."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from daemon.wire.requests import channels, keeping, messages, orders, people
from daemon.wire.requests.act import Act
from tests.support.routes import routes

MODULES = (orders, messages, channels, people, keeping)


def acts() -> Iterator[Any]:
    for module in MODULES:
        for name, make in vars(module).items():
            if inspect.isfunction(make) and make.__module__ == module.__name__ and not name.startswith("_"):
                yield pytest.param(make, id=f"{module.__name__.rpartition('.')[2]}.{name}")


def made(make: Callable[..., Act]) -> Act:
    """With something in every place: what is no word is a body as scripts write it."""
    hints = get_type_hints(make)
    values = {name: _some(hints[name]) for name in inspect.signature(make).parameters}
    return make(**values)


def _some(kind: Any) -> Any:
    if kind is str:
        return "x/1"
    if kind is bool:
        return True
    words = [each for each in get_args(kind) if isinstance(each, str)]
    return words[0] if words else {}


@pytest.mark.parametrize("make", acts())
async def test_the_face_has_it(make: Callable[..., Act]) -> None:
    act = made(make)
    found = [
        route
        for route in await routes()
        if route.method == act.method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", route.path), act.path)
    ]
    assert found, f"{act.method} {act.path}"
    if isinstance(act.body, msgspec.Struct):
        assert type(act.body) in [route.body for route in found]
    assert "/x/1" not in act.path, "a reference is one part of the path"
