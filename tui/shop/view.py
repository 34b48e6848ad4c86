"""A filtered, ordered selection of many things, kept right one change at a time: what a list on the screen shows."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar, overload

T = TypeVar("T")
Rank = tuple[int, str]
"""Where a thing stands; its last part tells any two things apart."""


class View(Sequence[T], Generic[T]):
    """The things that `keep` wants, by `rank`. A change costs a binary search, not a sort of all."""

    def __init__(self, rank: Callable[[T], Rank], keep: Callable[[T], bool] = lambda _: True) -> None:
        self._rank = rank
        self._keep = keep
        self._ranks: list[Rank] = []
        self._rows: dict[Rank, T] = {}

    def fill(self, things: Iterable[T], keep: Callable[[T], bool] | None = None) -> None:
        """Begin anew with these, and with another filter if one is given."""
        if keep:
            self._keep = keep
        self._rows = {self._rank(thing): thing for thing in things if self._keep(thing)}
        self._ranks = sorted(self._rows)

    def put(self, old: T | None, new: T | None) -> bool:
        """A thing appeared (no `old`), changed or went (no `new`). Says whether it matters here."""
        before = self._rank(old) if old is not None else None
        after = self._rank(new) if new is not None and self._keep(new) else None
        was_here = before is not None and before in self._rows
        if before is not None and was_here and before != after:
            del self._rows[before]
            del self._ranks[bisect_left(self._ranks, before)]
        if after is not None and new is not None:
            if after not in self._rows:
                insort(self._ranks, after)
            self._rows[after] = new
        return was_here or after is not None

    def place(self, thing: T) -> int | None:
        """The index of a thing that is here."""
        rank = self._rank(thing)
        return bisect_left(self._ranks, rank) if rank in self._rows else None

    def __len__(self) -> int:
        return len(self._ranks)

    def __iter__(self) -> Iterator[T]:
        return (self._rows[rank] for rank in self._ranks)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self._rows[rank] for rank in self._ranks[index]]
        return self._rows[self._ranks[index]]
