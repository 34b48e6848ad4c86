"""Each channel's page tells an owner every key and every secret there is."""

from pathlib import Path

import msgspec
import pytest

from daemon.channels.base import OAuthSettings
from daemon.channels.registry import CHANNELS, channel_class

PAGES = Path(__file__).parents[2] / "docs" / "providers"
COMMON = {field.encode_name for field in msgspec.structs.fields(OAuthSettings)}


@pytest.mark.parametrize("name", [name for name in CHANNELS if name != "modem"])
def test_its_page_names_every_key_and_secret(name: str) -> None:
    kind = channel_class(name)
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    keys = {field.encode_name for field in msgspec.structs.fields(kind.Settings)} - COMMON
    secrets = {*kind.secrets, *getattr(kind, "optional_secrets", ())}
    assert not {each for each in keys | secrets if each not in page}
    assert f"[channels.{name}]" in page


def test_the_table_of_all_channels_is_whole() -> None:
    table = (PAGES / "README.md").read_text(encoding="utf-8")
    assert not {name for name in CHANNELS if f"{name}.md" not in table and name != "modem"}
