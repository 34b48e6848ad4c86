"""Every channel's case, by its name: a file in `tests/conformance/cases/` is one. Nobody lists them."""

from importlib import import_module
from pathlib import Path

from tests.support.channel_case import Case

_FOLDER = Path(__file__).parents[1] / "conformance" / "cases"

CASES: dict[str, Case] = {
    file.stem: import_module(f"tests.conformance.cases.{file.stem}").CASE for file in sorted(_FOLDER.glob("*.py"))
}
