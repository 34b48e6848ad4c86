"""A store that moves to another headquarters, and what the former one published."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.fleet.test_bundle_format import PUBLISHER
from tests.fleet.test_bundles import CONFIG, OTHERS, Store, bundle
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import open_box


@pytest.mark.parametrize("publishes", [True, False])
async def test_a_store_that_moves_to_another_headquarters_leaves_what_the_former_published(
    tmp_path: Path, publishes: bool
) -> None:
    """A shop is sold: its new owner's fleet is younger and counts from one, or publishes nothing."""
    (tmp_path / "tether.toml").write_text(CONFIG)
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        store = Store(tmp_path, box, clock)
        await store.start()
        await store.gets(bundle(57))
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
