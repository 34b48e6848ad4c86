"""`make attack`: an hour of attacks against a service of its own on loopback. `python -m tests.security.attack --help` says what else."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.security.attack.campaign import campaign
from tests.security.attack.catalogue import CATALOGUE


def main() -> int:
    parser = argparse.ArgumentParser(description="Attack a service of its own, and see what holds.")
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same mix")
    parser.add_argument("--only", action="append", default=[], choices=[entry.name for entry in CATALOGUE])
    parser.add_argument("--list", action="store_true", help="the catalogue, and nothing else")
    wish = parser.parse_args()
    if wish.list:
        for entry in CATALOGUE:
            print(f"{entry.name}: {(entry.run.__doc__ or '').strip()}")
        return 0
    with tempfile.TemporaryDirectory(prefix="tether-attack-") as folder:
        verdict = asyncio.run(campaign(Path(folder), wish.seconds, wish.seed, only=tuple(wish.only), say=print))
    print(verdict.words)
    return 1 if verdict.broken else 0


if __name__ == "__main__":
    sys.exit(main())
