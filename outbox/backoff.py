"""How long to wait before trying again: exponential, with full jitter so that many that failed together do not return together.

https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ ("full jitter")
"""

import random


def full_jitter(tries: int, *, base: float, cap: float, rng: random.Random) -> float:
    """Seconds: evenly drawn from zero to `base` doubled for each earlier try, at most `cap`."""
    return rng.uniform(0.0, min(cap, base * 2.0 ** min(tries, 64)))
