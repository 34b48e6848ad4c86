"""`tether sandbox`, started by a script."""

import asyncio
import sys


async def test_a_script_that_reads_its_output_gets_the_configuration_at_once() -> None:
    """Into a pipe, where what is printed would otherwise wait for more of it."""
    command = [sys.executable, "-m", "daemon", "sandbox", "--port", "0", "--smtp-port", "0"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while b"[channels.twilio]" not in (line := await process.stdout.readline()):
                assert line, "it ended"
    finally:
        process.terminate()
        await process.wait()
