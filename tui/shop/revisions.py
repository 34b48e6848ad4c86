"""How often each part of the shop has become another: what has drawn a part draws it again when its revision moved, whoever told of it."""

from collections import Counter
from enum import Enum, auto
from typing import Any, Generic, Protocol, TypeVar, overload

T = TypeVar("T")


class Part(Enum):
    """What of the shop changed."""

    ORDERS = auto()
    MESSAGES = auto()
    CHANNELS = auto()
    REPLIES = auto()
    CALLS = auto()
    OPTOUTS = auto()
    GLANCE = auto()
    LINK = auto()
    STORIES = auto()


class Revised(Protocol):
    revisions: Counter[Part]


class Tracked(Generic[T]):
    """An attribute that is a part, or some of one. It is given another value, never changed inside: that moves the part's revision."""

    def __init__(self, part: Part) -> None:
        self._part = part

    def __set_name__(self, owner: type[Revised], name: str) -> None:
        self._name = f"_{name}"

    @overload
    def __get__(self, instance: None, owner: type[Revised]) -> "Tracked[T]": ...
    @overload
    def __get__(self, instance: Revised, owner: type[Revised]) -> T: ...
    def __get__(self, instance: Revised | None, owner: type[Revised]) -> "Tracked[T] | T":
        if instance is None:
            return self
        value: T = getattr(instance, self._name)
        return value

    def __set__(self, instance: Revised, value: T) -> None:
        before: Any = getattr(instance, self._name, None)
        setattr(instance, self._name, value)
        if value != before:
            instance.revisions[self._part] += 1
