"""Every channel has a page for its owner that names all there is to set, and a row in the table of all."""

import re
from pathlib import Path

import msgspec
import pytest

from daemon.channels.base import OAuthSettings
from daemon.channels.registry import CHANNELS, channel_class

FOLDER = Path(__file__).parents[2] / "docs" / "providers"
COMMON = {field.encode_name for field in msgspec.structs.fields(OAuthSettings)}
WITHOUT_PAGE = {"modem"}
"""The modem has a guide of its own."""


@pytest.mark.parametrize("name", sorted(set(CHANNELS) - WITHOUT_PAGE))
def test_the_page_names_every_key_and_secret(name: str) -> None:
    kind = channel_class(name)
    page = (FOLDER / f"{name}.md").read_text()
    keys = {field.encode_name for field in msgspec.structs.fields(kind.Settings)} - COMMON
    secrets = {*kind.secrets, *getattr(kind, "optional_secrets", ())}
    missing = sorted(word for word in keys | secrets if not re.search(rf"\b{re.escape(word)}\b", page))
    assert not missing
    for heading in ("## Set it up", "## When it says no", "## What it costs to get wrong"):
        assert heading in page
    assert max(map(len, page.splitlines())) <= 200


def test_the_table_has_a_row_for_every_channel_with_its_medium() -> None:
    rows = re.findall(r"^\| (?:\[(\w+)\]\((\w+)\.md\)|(modem)) \| (\w+) \|", (FOLDER / "README.md").read_text(), re.M)
    told = {name or modem: medium for name, _, modem, medium in rows}
    assert {name: channel_class(name).medium for name in CHANNELS} == {name: told.get(name) for name in CHANNELS}
    assert all(name == page for name, page, _, _ in rows)
