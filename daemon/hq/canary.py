"""How long stores try a bundle, and whether they fare worse with it than they did without. Pure: counts in, a sentence out."""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import exp, lgamma, log, log1p

import msgspec

LEAST_RATE = 0.005
"""So many go wrong anywhere: a store that never failed before is not condemned for its first."""
DOUBT = 0.01
"""How likely it may be that as many would have gone wrong by chance."""
NEGLIGIBLE = 1e-12


class Decided(msgspec.Struct, frozen=True):
    """Messages to customers that are decided, and those of them that reached nobody: failed, too late, unsure, overdue."""

    decided: int
    untold: int


def tried_until(began_at: datetime, until: datetime, taken: Mapping[str, int]) -> datetime:
    """Each store has it for as long as was asked: of those that have taken it (since when, in ms) the last one counts."""
    return max([began_at, *(datetime.fromtimestamp(at / 1000, UTC) for at in taken.values())]) + (until - began_at)


def worse(before: Decided, since: Decided) -> str:
    """Why the bundle is to blame; "" where the figures don't say so."""
    usual = max(before.untold / before.decided if before.decided else 0.0, LEAST_RATE)
    if since.untold == 0 or since.untold / since.decided <= usual:
        return ""
    if _at_least(since.untold, since.decided, usual) >= DOUBT:
        return ""
    return f"{since.untold} of {since.decided} messages reached nobody; before it was {usual:.1%}"


def _at_least(hits: int, of: int, rate: float) -> float:
    """How likely it is that chance alone comes to as many (binomial). `hits` are more than it would be on average: from there on each is less
    likely than the one before."""
    if rate >= 1.0:
        return 1.0
    total = 0.0
    for n in range(hits, of + 1):
        one = exp(_log_choose(of, n) + n * log(rate) + (of - n) * log1p(-rate))
        total += one
        if one <= total * NEGLIGIBLE:
            break
    return total


def _log_choose(of: int, n: int) -> float:
    return lgamma(of + 1) - lgamma(n + 1) - lgamma(of - n + 1)
