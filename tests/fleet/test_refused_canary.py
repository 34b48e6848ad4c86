"""What a store says of a bundle that it does not take, as headquarters understands it while the store tries one for others."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.hq.canary import Decided, worse
from daemon.hq.published import StoreBundles
from daemon.hq.publishing import Rollout
from daemon.hq.rollouts import Rollouts
from tests.fleet.test_bundles import CONFIG, Store, bundle
from tests.fleet.test_ends import SETTINGS
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import open_box


@pytest.mark.parametrize(
    ("before", "body", "is_taken_back"),
    [
        (None, bundle(7, {"routes.toml": b"[[route]"}, group="canary"), True),
        (None, bundle(7, group="canary", release="9.0"), True),
        (bundle(5, {"routes.toml": b"[[route]"}, group="canary"), None, False),
        (None, bundle(7, group="canary"), False),
    ],
    ids=["broken", "too new", "an earlier one was broken", "taken"],
)
async def test_a_canary_is_taken_back_for_what_its_store_says_of_it_and_of_no_other(
    tmp_path: Path, before: bytes | None, body: bytes | None, is_taken_back: bool
) -> None:
    """The mended bundle is published, and the store, which was offline, tells how it is before it has it."""
    (tmp_path / "tether.toml").write_text(CONFIG)
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        store = Store(tmp_path, box, clock)
        await store.start()
        for each in (before, body):
            if each is not None:
                await store.gets(each, groups=("canary",))
    began = datetime.fromtimestamp(clock.now() / 1000, UTC)
    said = StoreBundles(
        name="soho", groups=("soho", "canary", "all"), has=store.bundles.name, problem=store.bundles.problem,
        heard_at=began + timedelta(seconds=1),
    )  # fmt: skip
    rollout = Rollout(
        1, "all", "digest", "", "", "maria", ["canary"], ["soho"], began, began + timedelta(minutes=30), {}
    )
    why = Rollouts(SETTINGS, clock, random.Random(1))._trouble([said], rollout, {"canary/7"})
    assert (why != "") is is_taken_back, why


async def test_a_canary_is_not_silent_for_having_spoken_while_headquarters_was_away() -> None:
    """It is upgraded, or its PostgreSQL is away, for half an hour; what it has of stores then is from before."""
    clock = FakeClock()
    began = datetime.fromtimestamp(clock.now() / 1000, UTC)
    said = StoreBundles(
        name="soho", groups=("soho", "canary", "all"), has="canary/7", problem="", heard_at=began + timedelta(minutes=1)
    )
    rollout = Rollout(
        1, "all", "digest", "", "", "maria", ["canary"], ["soho"], began, began + timedelta(minutes=30), {}
    )
    stayed = Rollouts(SETTINGS, clock, random.Random(1))
    await clock.advance(1800)
    again = Rollouts(SETTINGS, clock, random.Random(1))
    assert stayed._trouble([said], rollout, {"canary/7"}) == "soho is silent since it has it"
    assert again._trouble([said], rollout, {"canary/7"}) == ""
    assert not again._heard_it_all(rollout), "nor does it know that all went well"
    await clock.advance(601)
    assert again._trouble([said], rollout, {"canary/7"}) == "soho is silent since it has it"
    await clock.advance(300)
    assert again._heard_it_all(rollout)


def test_a_canary_with_millions_of_messages_is_judged_at_once() -> None:
    """A canary store tells of a hundred million messages; it wants headquarters to count for minutes instead of doing anything else."""
    assert worse(Decided(100, 1), Decided(10**8, 10**7))
