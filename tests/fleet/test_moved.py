"""A store that moves to another headquarters, and what the former one published."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.fleet.test_bundle_format import PUBLISHER
from tests.fleet.test_bundles import CONFIG, OTHERS, Store, bundle
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import open_box


@asynccontextmanager
async def a_store(folder: Path) -> AsyncIterator[Store]:
    """On the 57th bundle of its fleet."""
    (folder / "tether.toml").write_text(CONFIG)
    clock = FakeClock()
    async with open_box(folder, clock) as box:
        store = Store(folder, box, clock)
        await store.start()
        await store.gets(bundle(57))
        yield store


@pytest.mark.parametrize("publishes", [True, False])
async def test_a_store_that_moves_to_another_headquarters_leaves_what_the_former_published(
    tmp_path: Path, publishes: bool
) -> None:
    """A shop is sold: its new owner's fleet is younger and counts from one, or publishes nothing."""
    async with a_store(tmp_path) as store:
        key = Ed25519PrivateKey.generate()
        own = base64.b64encode(key.public_key().public_bytes_raw()).decode()
        (tmp_path / "tether.toml").write_text(CONFIG.replace(PUBLISHER, own))
        await store.start()
        await store.gets(bundle(3, OTHERS, key=key) if publishes else None)
        assert (store.says, store.bundles.name) == (("At last", "all/3") if publishes else ("", ""))
        assert store.bundles.problem == ""
        await store.start()
        await store.gets(bundle(2, key=key))
        assert ("older than all/3" in store.bundles.problem) is publishes


async def test_a_publisher_that_was_lost_and_put_back_is_no_other(tmp_path: Path) -> None:
    """A hurried hand takes the line out and a minute later back in: whoever kept an old bundle, with an old text, does not get it in."""
    async with a_store(tmp_path) as store:
        (tmp_path / "tether.toml").write_text(CONFIG.replace(PUBLISHER, ""))
        await store.start()
        await store.gets(bundle(57))
        assert (store.bundles.name, "publisher is not set" in store.bundles.problem) == ("all/57", True)
        (tmp_path / "tether.toml").write_text(CONFIG)
        await store.start()
        await store.gets(bundle(3, OTHERS))
        assert (store.bundles.name, "older than all/57" in store.bundles.problem) == ("all/57", True)
