"""The machine under Tether, as far as the appliance asks it: programs to run, files under its root. Tests hand in another."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec


class Ran(msgspec.Struct, frozen=True):
    """How a program ended and what it said (standard output and error together)."""

    code: int
    said: str


class Machine:
    """`root` stands for "/"."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def path(self, absolute: str) -> Path:
        return self.root / absolute.lstrip("/")

    def read(self, absolute: str) -> str | None:
        """A small file's text; None where it is not there or can't be read."""
        try:
            return self.path(absolute).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return None

    async def run(
        self, *command: str | Path, seconds: float = 30.0, env: Mapping[str, str] | None = None
    ) -> Ran | None:
        """Run a program to its end; None where there is no such program. One that takes longer is killed: code -1. Ctrl-C at the terminal is
        told to us and not to the program."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=None if env is None else {**os.environ, **env},
                start_new_session=True,
            )
        except FileNotFoundError:
            return None
        try:
            async with asyncio.timeout(seconds):
                said, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()
            return Ran(-1, f"{command[0]} took longer than {seconds:g} s")
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                process.kill()
            raise
        return Ran(process.returncode or 0, said.decode("utf-8", "replace").strip())


def sentence(command: Sequence[object]) -> str:
    """A command as it would be typed."""
    return " ".join(str(part) for part in command)
