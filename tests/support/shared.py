"""Material that tests may use but the tree does not carry: vendors' descriptions, samples. Absent, such tests are skipped."""

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[3] / "shared"


def shared(path: str) -> Path:
    """A file of the shared folder (TETHER_SHARED, else `../shared` beside the tree). Skips the test when it isn't there."""
    file = Path(os.environ.get("TETHER_SHARED", _BESIDE)) / path
    if not file.exists():
        pytest.skip(f"{path} is not there: set TETHER_SHARED to the folder of shared material")
    return file
