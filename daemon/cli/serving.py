"""`tether run`, whether or not the command line is around it."""

import sys
from pathlib import Path
from typing import NoReturn

from daemon.cli.failure import explain, speak_plainly
from daemon.cli.settings import settings_of


def serve(config: Path | None, *, host: str | None = None, port: int | None = None) -> NoReturn:
    """Be the service until it is told to stop, and end the process."""
    # Babel asks pytz for all its zones (12 ms, 0.3 MiB) wherever it is installed, and goes by Python's own where it is not.
    sys.modules["pytz"] = None  # type: ignore[assignment]
    from daemon.runtime.process import main

    settings = settings_of(config)
    sys.exit(main(settings, reread=lambda: settings_of(settings.file or config), host=host, port=port))


def serve_alone(config: str) -> NoReturn:
    """The same with no command line in the process: what reads options (1.5 MiB, 15 ms of a start) a service never needs again."""
    speak_plainly()
    with explain():
        serve(Path(config))
