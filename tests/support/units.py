"""What systemd says of a unit when it reads one of ours."""

import subprocess
from functools import cache

NEWER = ("notify-reload", "RestartSteps", "RestartMaxDelaySec")
"""What came with systemd 253 and 254. That of Debian 12 says that it goes on without."""


def complaints(said: str) -> list[str]:
    """The lines about our units, but for what an older systemd does not know yet."""
    unknown = NEWER if _version() < 254 else ()
    return [line for line in said.splitlines() if "tether" in line and not any(word in line for word in unknown)]


@cache
def _version() -> int:
    told = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True).stdout
    return int(told.split()[1])
