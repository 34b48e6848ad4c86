"""One run: a seeded mix of attacks against a running service, each at least once, for so many seconds, and whether all that must hold held."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.security.attack.catalogue import CATALOGUE, Entry
from tests.security.attack.invariants import Watch
from tests.security.attack.target import Target, under_attack

AT_ONCE = 3
BURST_S = 60.0
"""No burst takes longer."""


@dataclass
class Verdict:
    seconds: float = 0.0
    bursts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    slowest: float = 0.0
    most_mb: float = 0.0
    taken: Counter[str] = field(default_factory=Counter)

    @property
    def words(self) -> str:
        bursts = ", ".join(f"{name} {count}" for name, count in sorted(self.bursts.items()))
        held = "all held" if not self.broken else "BROKEN:\n  " + "\n  ".join(dict.fromkeys(self.broken))
        return (
            f"{self.seconds:.0f} s; events taken: {self.taken['till']} of the till, {self.taken['provider']} of the provider, the slowest in "
            f"{self.slowest:.2f} s; at most {self.most_mb:.0f} MB; bursts: {bursts}\n{held}"
        )


async def campaign(
    folder: Path,
    seconds: float,
    seed: int,
    *,
    only: tuple[str, ...] = (),
    say: Callable[[str], None] = lambda words: None,
) -> Verdict:
    """Attack for so long. What does not hold is in the verdict; the attacks themselves raise for an answer that can't be right."""
    verdict, rng = Verdict(), random.Random(seed)
    async with under_attack(folder) as target:
        watch, stop = Watch(target), asyncio.Event()
        await watch.look_at_the_machine()
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(watch.run(stop))
            async with asyncio.timeout(BURST_S):
                await watch.order_is_known.wait()
            for entries in _rounds(rng, only):
                if time.monotonic() - began >= seconds and set(verdict.bursts) >= _names(only):
                    break
                say(f"{time.monotonic() - began:6.0f} s  {', '.join(entry.name for entry in entries)}")
                await _burst(target, entries, rng, verdict)
            stop.set()
        await watch.judge()
        verdict.seconds = time.monotonic() - began
    verdict.broken += watch.broken
    verdict.slowest, verdict.most_mb, verdict.taken = watch.slowest, watch.most_mb, watch.taken
    return verdict


def _names(only: tuple[str, ...]) -> set[str]:
    return {entry.name for entry in CATALOGUE if not only or entry.name in only}


def _rounds(rng: random.Random, only: tuple[str, ...]) -> Iterator[list[Entry]]:
    """A few at once, each as often as the others, in an order that the seed decides; for ever."""
    wanted = [entry for entry in CATALOGUE if entry.name in _names(only)]
    while True:
        together = rng.sample([entry for entry in wanted if not entry.alone], sum(not entry.alone for entry in wanted))
        rounds = [together[at : at + AT_ONCE] for at in range(0, len(together), AT_ONCE)]
        for entry in wanted:
            if entry.alone:
                rounds.insert(rng.randrange(len(rounds) + 1), [entry])
        yield from rounds


async def _burst(target: Target, entries: list[Entry], rng: random.Random, verdict: Verdict) -> None:
    async with asyncio.TaskGroup() as group:
        for entry in entries:
            group.create_task(_run(target, entry, random.Random(rng.getrandbits(64)), verdict))


async def _run(target: Target, entry: Entry, rng: random.Random, verdict: Verdict) -> None:
    try:
        async with asyncio.timeout(BURST_S):
            await entry.run(target, rng)
    except* (AssertionError, TimeoutError) as wrong:
        verdict.broken += [f"{entry.name}: {each!r}"[-1500:] for each in wrong.exceptions]
    verdict.bursts[entry.name] += 1
