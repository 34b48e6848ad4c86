#!/usr/bin/python3 -I
"""The Debian package's `tether`: its libraries lie in a place of their own, and nothing of the caller's environment is imported."""

import sys

sys.path.insert(0, "/usr/lib/tether")

from daemon.cli import main  # noqa: E402

main()
