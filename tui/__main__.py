"""`python -m tui WHERE`: the counter's screen by itself. The web counter starts one for each browser; `tether tui` is the way for people.

The token comes from the environment (TETHER_TOKEN), so that no list of processes shows it.
"""

import argparse
import os
import sys

from tui.i18n import LANGUAGES
from tui.run import run_tui
from tui.terminal.themes import THEME_NAMES


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tui", description="The counter's screen.")
    parser.add_argument("where", help="the path of the service's socket, or its URL")
    parser.add_argument("--read-only", action="store_true", help="a wall screen: nothing can be done")
    parser.add_argument("--training", action="store_true", help="with the missions of a first shift")
    parser.add_argument("--language", choices=LANGUAGES)
    parser.add_argument("--theme", choices=THEME_NAMES)
    parser.add_argument("--name", help="who works here, for the record")
    options = parser.parse_args(arguments)
    return run_tui(
        options.where,
        os.environ.get("TETHER_TOKEN", ""),
        read_only=options.read_only,
        training=options.training,
        language=options.language,
        theme=options.theme,
        actor=options.name,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
