"""Each channel is whole: a page for the owner, cases for the tests, a stand-in for the trial; and nothing lists them."""

import ast
import re
from pathlib import Path

import pytest

from daemon.channels.registry import CHANNELS, channel_class, secrets_of
from daemon.runtime.logs import Redactor
from daemon.sandbox.providers import PROVIDERS

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
NAMED = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", EXAMPLE, re.MULTILINE))
OWN_TESTS = {
    "modem": "gsm/test_channel.py",
    "smtp": "providers/test_smtp.py",
    "apprise": "providers/test_apprise.py",
}
"""Those that speak no HTTP of their own: what plays the conformance cases' part."""
ELSEWHERE = {"modem": "daemon/modem/simulator", "smtp": "daemon/sandbox/smtp.py", "apprise": "a hundred services"}
"""What stands in for those."""
MOST_NAMED = 9
"""Of a list it would be all; the base shows what it says with a few."""
SOURCE = "WEBSHOP_"


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_is_four_files(name: str) -> None:
    """Its code is the fourth, by which it is known: nothing else of the tree lists channels."""
    assert (ROOT / "docs" / ("modem.md" if name == "modem" else f"providers/{name}.md")).is_file()
    assert (ROOT / "tests" / OWN_TESTS.get(name, f"conformance/cases/{name}.py")).is_file()
    assert name in {*PROVIDERS, *ELSEWHERE}, "a stand-in in daemon/sandbox/providers"


def test_nothing_belongs_to_a_channel_that_there_is_not() -> None:
    assert set(PROVIDERS) <= set(CHANNELS)
    assert {file.stem for file in (ROOT / "tests/conformance/cases").glob("*.py")} <= set(CHANNELS)
    assert {file.stem for file in (ROOT / "docs/providers").glob("*.md")} - {"README"} <= set(CHANNELS)


LISTS = ("pyproject.toml", ".env.example", "docs/routes.md", "docs/providers/README.md")


def test_no_list_of_channels_is_kept_by_hand() -> None:
    """Who adds a channel need not know of a list; an example may name a few."""
    files = [*(ROOT / name for name in LISTS), *(ROOT / "daemon").rglob("*.py"), *(ROOT / "tui").rglob("*.py")]
    for file in files:
        text = file.read_text(encoding="utf-8").lower()
        named = {name for name in CHANNELS if name in text and re.search(rf"(?<![\w.]){name}(?![\w])", text)}
        assert len(named) <= MOST_NAMED, f"{file.relative_to(ROOT)} names {sorted(named)}"


IDENTIFIERS = re.compile(r"_(URL|SUBDOMAIN|USERNAME|(TENANT|CLIENT|APP)_ID)$")


@pytest.mark.parametrize("name", CHANNELS)
def test_what_is_secret_is_known_by_its_name_to_the_logs(name: str) -> None:
    """Who reads a log wants the store's keys: a channel's are taken out of every line by how they are called."""
    for secret in secrets_of(channel_class(name)):
        value = f"{secret.lower()}-0123456789"
        kept = value in Redactor({secret: value}).text(f"it said {value}")
        assert kept == bool(IDENTIFIERS.search(secret)), f"{secret}: call it ..._TOKEN, _KEY, _SECRET or _PASSWORD"


def test_the_outbox_names_no_channel() -> None:
    for file in (ROOT / "outbox").rglob("*.py"):
        strings = [
            node.value
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant)
        ]
        assert not set(CHANNELS) & {text for text in strings if isinstance(text, str)}, file
    for file in (ROOT / "outbox/sql").glob("*.sql"):
        code = re.sub(r"--.*", "", file.read_text(encoding="utf-8"))
        assert not set(CHANNELS) & set(re.findall(r"'(\w+)'", code)), file


def test_env_example_names_nothing_that_nobody_reads() -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "daemon").rglob("*.py"))
    suffixes = {name for name in NAMED if name.startswith(SOURCE)}
    buckets = {"BACKUP_ACCESS_KEY_ID", "BACKUP_SECRET_ACCESS_KEY"}  # read by their family's name
    unread = {name for name in NAMED - suffixes - buckets if f'"{name}"' not in code}
    unread |= {name for name in suffixes if f'"{name.removeprefix(SOURCE)}"' not in code}
    assert unread == set()
    assert not re.search(r"^#?[A-Z0-9_]+=.", EXAMPLE, re.MULTILINE), "an example holds no value"
