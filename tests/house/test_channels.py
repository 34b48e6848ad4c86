"""Each channel is whole: a page for the owner, cases for the tests, a place for its secrets."""

import re
from pathlib import Path

import pytest

from daemon.channels.registry import CHANNELS, channel_class

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
NAMED = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", EXAMPLE, re.MULTILINE))
OWN_TESTS = {
    "modem": "gsm/test_channel.py",
    "smtp": "providers/test_smtp.py",
    "apprise": "providers/test_apprise.py",
}
"""Those that speak no HTTP of their own: what plays the conformance cases' part."""
SOURCE = "WEBSHOP_"


def secrets_of(name: str) -> set[str]:
    kind = channel_class(name)
    return {*kind.secrets, *getattr(kind, "optional_secrets", ())}


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_is_whole(name: str) -> None:
    assert (ROOT / "docs" / ("modem.md" if name == "modem" else f"providers/{name}.md")).is_file()
    assert (ROOT / "tests" / OWN_TESTS.get(name, f"conformance/cases/{name}.py")).is_file()
    assert not secrets_of(name) - NAMED, "its secrets have their place in .env.example"


def test_env_example_names_nothing_that_nobody_reads() -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "daemon").rglob("*.py"))
    suffixes = {name for name in NAMED if name.startswith(SOURCE)}
    buckets = {"BACKUP_ACCESS_KEY_ID", "BACKUP_SECRET_ACCESS_KEY"}  # read by their family's name
    unread = {name for name in NAMED - suffixes - buckets if f'"{name}"' not in code}
    unread |= {name for name in suffixes if f'"{name.removeprefix(SOURCE)}"' not in code}
    assert unread == set()
    assert not re.search(r"^#?[A-Z0-9_]+=.", EXAMPLE, re.MULTILINE), "an example holds no value"
