"""The doctor, for whoever asks from afar: `tether doctor` in a process of its own, as a person would run it here."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

SECONDS = 300.0


class _Finding(msgspec.Struct, frozen=True):
    check: str
    level: str
    summary: str


_findings = msgspec.json.Decoder(list[_Finding])


async def checkup(config: Path | None) -> Sequence[tuple[str, str, str]]:
    """Each check, how bad it is, and what it found."""
    named = [] if config is None else ["--config", str(config)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "daemon", "doctor", "--json", *named,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS):
            told, _ = await process.communicate()
    except TimeoutError:
        return [("doctor", "problem", f"it did not end within {SECONDS:.0f} s")]
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    try:
        return [(one.check, one.level, one.summary) for one in _findings.decode(told)]
    except msgspec.MsgspecError:
        return [("doctor", "problem", f"it ended with {process.returncode} and said nothing that can be read")]
