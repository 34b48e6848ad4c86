"""Every channel has a page for its owner that names all there is to set, beginning with what it can do."""

import re
from pathlib import Path

import msgspec
import pytest

from daemon.channels.base import Channel, OAuthSettings
from daemon.channels.registry import CHANNELS, channel_class, secrets_of

FOLDER = Path(__file__).parents[2] / "docs" / "providers"
COMMON = {field.encode_name for field in msgspec.structs.fields(OAuthSettings)}
WITHOUT_PAGE = {"modem"}
"""The modem has a guide of its own."""


@pytest.mark.parametrize("name", sorted(set(CHANNELS) - WITHOUT_PAGE))
def test_the_page_names_every_key_and_secret(name: str) -> None:
    kind = channel_class(name)
    page = (FOLDER / f"{name}.md").read_text()
    keys = {field.encode_name for field in msgspec.structs.fields(kind.Settings)} - COMMON
    secrets = set(secrets_of(kind))
    missing = sorted(word for word in keys | secrets if not re.search(rf"\b{re.escape(word)}\b", page))
    assert not missing
    assert f"[channels.{name}]" in page
    for heading in ("## Set it up", "## When it says no", "## What it costs to get wrong"):
        assert heading in page
    assert max(map(len, page.splitlines())) <= 200


@pytest.mark.parametrize("name", CHANNELS)
def test_the_page_begins_with_what_the_channel_can_do(name: str) -> None:
    """The words are the page's own; what they promise is there in the code."""
    kind = channel_class(name)
    page = FOLDER / f"{name}.md" if kind.is_cloud else FOLDER.parent / f"{name}.md"
    lines = page.read_text().splitlines()
    assert lines[2] == "| medium | the later word | an answer was lost | templates at the provider | grade |"
    medium, later, lost, templates, grade = (cell.strip() for cell in lines[4].strip("|").split("|"))
    assert medium == kind.medium
    assert grade in {"bronze", "silver"}, "gold takes recorded traffic of the real service"
    posted = kind.receive is not Channel.receive
    assert posted or "posted" not in later
    assert kind.tells_delivery or not later.startswith(("asked", "posted")), "receipts come"
    assert kind.can_look_up or "looked up" not in lost
    assert not templates or kind.medium != "email" or "templates" in kind.Settings.__struct_fields__
