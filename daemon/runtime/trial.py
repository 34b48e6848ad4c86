"""Whether a store could be run with a bundle, found out in a process of its own that may take so much time and memory and no more: a text that
never ends, or grows without bound, ends there and not in the service."""

import asyncio
import contextlib
import os
import pickle
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from daemon.config import ConfigError, Settings, with_bundle
from daemon.planner.routes import CUSTOMER, TEAM
from daemon.published import TEMPLATES
from daemon.runtime.verify import mistakes, mistakes_anywhere

SECONDS = 60.0
MEMORY = 768 * 2**20
MOST = 20
"""Mistakes that are told."""
LONGEST = 300
_answer = msgspec.json.Decoder(list[str])


async def trial(settings: Settings, bundle: Path, *, anywhere: bool = False, seconds: float = SECONDS) -> Sequence[str]:
    """What that bundle would put wrong at this store, that is not wrong without it; () for nothing. `anywhere`: only what would be wrong at
    any store, whatever channels and audiences it has."""
    alone = msgspec.structs.replace(settings.alone or settings, secrets=dict((settings.alone or settings).secrets))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "daemon.runtime.trial",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds):
            told, _ = await process.communicate(pickle.dumps((alone, bundle, anywhere)))
    except TimeoutError:
        return [f"its texts could not be tried within {seconds:.0f} s: one of them never ends"]
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    try:
        return _answer.decode(told)
    except msgspec.MsgspecError:
        return ["its texts could not be tried: one of them never ends, or takes all memory"]


def compare(alone: Settings, bundle: Path, *, anywhere: bool) -> list[str]:
    try:
        settings = with_bundle(alone, bundle)
    except ConfigError as error:
        return [_short(str(error), alone)]
    if anywhere:
        settings = _with_all(settings)
    look = mistakes_anywhere if anywhere else mistakes
    texts = bundle / TEMPLATES
    wrong = look(settings, texts)
    before = set(look(alone, texts)) if wrong else set()
    found = [_short(words, settings) for words in wrong if words not in before]
    return found[:MOST] + ([f"and {len(found) - MOST} more"] if len(found) > MOST else [])


def _with_all(settings: Settings) -> Settings:
    """With every audience that its routes name: only a store knows who they are."""
    named = {
        name for route in settings.fleet_route for name in ((route.to,) if isinstance(route.to, str) else route.to)
    }
    return msgspec.structs.replace(settings, audiences={name: {} for name in named - {CUSTOMER, TEAM}})


def _short(words: str, settings: Settings) -> str:
    """Without where things lie on this box."""
    for place in (settings.bundle, settings.folder):
        words = words.replace(f"{place}{os.sep}", "")
    return " ".join(words.split())[:LONGEST]


def main() -> int:
    for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, round(SECONDS))):
        with contextlib.suppress(OSError, ValueError):  # a unit may forbid it; then the unit's own limits hold
            resource.setrlimit(kind, (most, most))
    alone, bundle, anywhere = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - what our own parent made
    sys.stdout.buffer.write(msgspec.json.encode(compare(alone, bundle, anywhere=anywhere)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
