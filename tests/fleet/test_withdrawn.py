"""What headquarters withdrew goes, also where a store can't take what would come in its place."""

import pytest

from daemon.fleet.bundles import PROBATION_SECONDS
from tests.fleet import test_bundles
from tests.fleet.test_bundles import OTHERS, Store, bundle

store = test_bundles.store
BROKEN = {"routes.toml": b"[[route]"}


@pytest.mark.parametrize(
    ("wider", "why"),
    [(bundle(1, BROKEN), "all/1: "), (bundle(1, release="9.0"), "all: all/1 needs Tether 9.0"), (b"nonsense", "all: ")],
    ids=["broken", "too new", "nobody's"],
)
async def test_a_canary_that_was_taken_back_is_left_where_all_have_what_the_store_refuses(
    store: Store, wider: bytes, why: str
) -> None:
    """Its texts reached nobody; headquarters took them back from everybody, and this store went on with them for good."""
    groups = ("canary", "all")
    await store.gets(bundle(2, group="canary"), wider, groups=groups)
    await store.clock.advance(PROBATION_SECONDS + 1)
    await store.bundles.watch()
    await store.gets(bundle(3, group="canary", withdrawn=True), wider, groups=groups)
    assert (store.bundles.name, store.says) == ("", "")
    assert store.bundles.problem.startswith(why)
    assert await store.record() == ["bundle.withdrawn", "bundle.applied"]
    await store.start()
    assert (store.bundles.name, store.says) == ("", "")


async def test_a_regions_texts_are_left_where_a_nearer_bundle_is_refused(store: Store) -> None:
    groups = ("soho", "london")
    await store.gets(None, bundle(2, group="london"), groups=groups)
    await store.gets(bundle(5, BROKEN, group="soho"), bundle(4, group="london", withdrawn=True), groups=groups)
    assert (store.bundles.name, store.says) == ("", "")
    assert store.bundles.problem.startswith("soho/5: ")
    await store.gets(bundle(6, group="soho", withdrawn=True), bundle(2, group="london"), groups=groups)
    assert "older than london/4" in store.bundles.problem, "nor can it be brought back"


async def test_what_was_withdrawn_does_not_come_back_when_what_took_its_place_is_taken_back(store: Store) -> None:
    groups = ("canary", "all")
    await store.gets(bundle(2, group="canary"), None, groups=groups)
    await store.gets(bundle(3, group="canary", withdrawn=True), bundle(4, OTHERS), groups=groups)
    assert store.says == "At last"
    await store.breaks_a_text()
    await store.bundles.watch()
    assert (store.bundles.name, store.says) == ("", "")
    assert store.bundles.problem.startswith("all/4: ")


async def test_a_bundle_that_the_next_one_fails_to_follow_stays(store: Store) -> None:
    """That a canary is decided, or something else published, is no reason to leave what is in force without its successor."""
    groups = ("canary", "all")
    await store.gets(bundle(2, group="canary"), bundle(1), groups=groups)
    await store.gets(bundle(3, BROKEN, group="canary"), bundle(4, withdrawn=True), groups=groups)
    assert (store.bundles.name, store.says) == ("canary/2", "Hooray")
