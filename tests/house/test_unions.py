"""What msgspec can't hold: in a union with a list or a mapping it takes a text's pattern for a part of the other's type whenever memory is collected,
which is by chance at a process's end: it dies of SIGSEGV there."""

from collections.abc import Iterator
from contextlib import suppress

import msgspec
from msgspec.inspect import DictType, ListType, SetType, StrType, TupleType, Type, UnionType, VarTupleType, type_info

import daemon.api.app
import daemon.fleet.part
import daemon.hq.service  # noqa: F401 - all that is read from outside is declared by these


def _structs(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for one in kind.__subclasses__():
        yield one
        yield from _structs(one)


def _unions(value: object, seen: set[int]) -> Iterator[UnionType]:
    if isinstance(value, tuple | list):
        for each in value:
            yield from _unions(each, seen)
    elif isinstance(value, Type | msgspec.inspect.Field) and id(value) not in seen:
        seen.add(id(value))
        if isinstance(value, UnionType):
            yield value
        for name in value.__struct_fields__:
            yield from _unions(getattr(value, name), seen)


def _read() -> Iterator[tuple[str, Type]]:
    """What msgspec makes of each that it can read; others are never read from anything."""
    for kind in _structs(msgspec.Struct):
        if kind.__module__.startswith(("daemon.", "outbox.")):
            with suppress(TypeError, NameError):
                yield f"{kind.__module__}.{kind.__name__}", type_info(kind)


def test_no_text_with_a_pattern_shares_a_union_with_a_list_or_a_mapping() -> None:
    read = dict(_read())
    assert {"daemon.fleet.wire.StateBatch", "daemon.fleet.causes.Cause"} <= read.keys()
    held = (DictType, ListType, SetType, TupleType, VarTupleType)
    for name, kind in read.items():
        for union in _unions(kind, set()):
            patterned = any(isinstance(one, StrType) and one.pattern is not None for one in union.types)
            assert not (patterned and any(isinstance(one, held) for one in union.types)), name
