"""Puts a sheet on paper: by the system's printer, else into a file that only its owner can read."""

import asyncio
import os
import shutil
from pathlib import Path

PATIENCE = 10.0
"""Seconds for the print system to take it."""


async def print_out(sheet: str, file_name: str, folder: Path | None = None) -> Path | None:
    """None: the printer has it. A path: there is no printer that took it, it was written there."""
    printer = shutil.which("lp")
    if printer and await _printed(printer, sheet):
        return None
    path = (folder or Path.home()) / file_name
    await asyncio.to_thread(_write, path, sheet)
    return path


async def _printed(printer: str, sheet: str) -> bool:
    process = await asyncio.create_subprocess_exec(
        printer,
        "-s",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            await process.communicate(sheet.encode())
    except TimeoutError:
        process.kill()
        await process.wait()
    return process.returncode == 0


def _write(path: Path, sheet: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(sheet)
