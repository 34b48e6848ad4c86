"""Publishing at headquarters: what stores are told and in which order, how a canary is decided, and that nothing of it is lost."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from psycopg.types.json import Jsonb

from daemon.fleet.bundle import Manifest, encode, pack, read, sign
from daemon.fleet.claim import groups_of, renews
from daemon.fleet.nats_connection import NatsAway, NatsConnection
from daemon.hq.config import Publish
from daemon.hq.database import Connection, opened
from daemon.hq.published import content, overview
from daemon.hq.publishing import Wanted
from daemon.hq.record import latest
from daemon.hq.rollouts import PATIENCE, Rollouts
from daemon.hq.stores import Declined, Groups, Stores
from daemon.hq.streams import ensure
from tests.fleet.test_bundle_format import KEY, PUBLISHER
from tests.support.busy import until
from tests.support.fake_clock import FakeClock
from tests.support.fleet_world import SECONDS, World, answered, done

TEXTS = {"templates/en/order.ready.sms.j2": b"{{ order.ref }} is ready.\n"}
OTHERS = {"templates/en/order.ready.sms.j2": b"{{ order.ref }} waits for you.\n"}
HALF_AN_HOUR = timedelta(minutes=30)
pytestmark = pytest.mark.engines


class Press:
    """Headquarters' way of publishing, on a clock that the test turns."""

    def __init__(self, fleet: World, db: Connection) -> None:
        self.clock = FakeClock()
        self.fleet = fleet
        self.db = db
        self.rollouts = Rollouts(fleet.settings, self.clock, random.Random(1))
        self.publisher = self.rollouts.publisher

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now() / 1000, UTC)

    async def publish(
        self, group: str = "all", files: dict[str, bytes] = TEXTS, canary: timedelta | None = None
    ) -> list[str]:
        return list(await self.publisher.publish(self.db, files, Wanted(group=group, by="maria", canary=canary)))

    async def store(self, name: str, region: str = "", *, canary: bool = False) -> None:
        await self.fleet.sql(
            "INSERT INTO store (name, grp, canary, joined_at) VALUES (%s, %s, %s, now())", name, region, canary
        )

    async def heard(self, store: str, bundle: str = "", problem: str = "", clock: timedelta = timedelta()) -> None:
        """`clock`: by how much the store's is ahead."""
        await self.fleet.sql(
            "INSERT INTO health (store, arrived, at, body) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (store) DO UPDATE SET arrived = excluded.arrived, at = excluded.at, body = excluded.body",
            store, self.now(), self.clock.now() + round(clock.total_seconds() * 1000), Jsonb({"bundle": bundle, "bundle_problem": problem}),
        )  # fmt: skip

    async def messages(
        self, store: str, state: str, count: int, clock: timedelta = timedelta(), *, why: str = ""
    ) -> None:
        at = self.clock.now() + round(clock.total_seconds() * 1000)
        await self.fleet.sql(
            "INSERT INTO message SELECT %s, %s || n, 1, 1, 'B-1', %s, 'twilio', %s, 'order.ready', 'customer', '', 1, %s, %s, %s, 1, '', now() "
            "FROM generate_series(1, %s) AS n",
            store, f"{state}-{why}-{self.clock.now()}-", state, why, at, at, at, count,
        )  # fmt: skip

    async def send(self, line: NatsConnection) -> int:
        """What there is to send, once NATS takes it."""
        return int(await until(lambda: answered(self.publisher.send(self.db, line))))

    async def standing(self) -> dict[str, str]:
        return {group.group: group.name if group.digest else "none" for group in (await overview(self.db)).groups}

    async def canary(self) -> tuple[str, str]:
        (newest, *_) = (await overview(self.db)).canaries
        return newest.state, newest.why


@pytest.fixture
async def press(fleet: World, tmp_path: Path) -> AsyncIterator[Press]:
    key = tmp_path / "publish.key"
    key.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    fleet.settings = msgspec.structs.replace(fleet.settings, publish=Publish(key), file=tmp_path / "hq.toml")
    async with opened(fleet.settings.postgres.dsn) as db:
        yield Press(fleet, db)


async def test_what_is_published_is_signed_kept_and_told_in_order(press: Press) -> None:
    await press.store("soho", "london")
    assert await press.publish() == ["all/1"]
    assert await press.publish("london", OTHERS) == ["london/2"]
    async with press.fleet.as_hq() as line:
        await ensure(line, press.fleet.clock, replicas=3)
        assert await press.send(line) == 2
        assert await press.publisher.send(press.db, line) == 0
        told = await until(lambda: answered(line.newest("BUNDLE", "bundle.london")))
        manifest, raw = read(told.body, PUBLISHER)
        assert (manifest.name, manifest.by, raw) == ("london/2", "maria", pack(OTHERS))
        assert await content(press.db, manifest.digest) == OTHERS

        await press.fleet.sql("DELETE FROM store")
        await done(line, "PURGE", "BUNDLE")

        async def lost() -> bool:
            """At the server that is asked: it may be behind."""
            return [await line.newest("BUNDLE", f"bundle.{group}") for group in ("all", "london")] == [None, None]

        await until(lambda: answered(lost()))
        await press.publisher.see_that_nats_has_all(press.db, line)
        assert await press.send(line) == 2, "what NATS lost is told again"
    deeds = await latest(press.db)
    assert [(deed.kind, deed.actor) for deed in deeds] == [("bundle.published", "maria")] * 2


async def test_roll_back_in_one_step_and_again_forward(press: Press) -> None:
    await press.store("soho")
    await press.publish(files=TEXTS)
    await press.publish(files=OTHERS)
    assert await press.publisher.roll_back(press.db, "all", "noor") == ["all/3"]
    (group,) = (await overview(press.db)).groups
    assert await content(press.db, group.digest) == TEXTS
    assert group.note == "back to all/1"
    assert await press.publisher.roll_back(press.db, "all", "noor") == ["all/4"]
    (group,) = (await overview(press.db)).groups
    assert await content(press.db, group.digest) == OTHERS
    await press.publisher.withdraw(press.db, "all", "noor")
    assert await press.standing() == {"all": "none"}
    with pytest.raises(Declined, match="nothing published"):
        await press.publisher.roll_back(press.db, "all", "noor")
    with pytest.raises(Declined, match="no bundle"):
        await press.publisher.withdraw(press.db, "london", "noor")


@pytest.mark.parametrize("group", ["paris", "A", "all.>", ""])
async def test_a_group_that_is_none(press: Press, group: str) -> None:
    await press.store("soho", "london")
    with pytest.raises(Declined):
        await press.publish(group)


async def test_a_canary_that_fares_no_worse_goes_to_all(press: Press) -> None:
    await press.store("soho", canary=True)
    await press.store("camden", "london")
    await press.messages("soho", "delivered", 200)
    await press.clock.advance(1)
    assert await press.publish(canary=HALF_AN_HOUR) == ["canary/1"]
    assert await press.standing() == {"canary": "canary/1"}
    with pytest.raises(Declined, match="under way"):
        await press.publish()
    await press.clock.advance(60)
    await press.heard("soho", "canary/1")
    await press.messages("soho", "delivered", 40)
    await press.rollouts.decide(press.db)
    assert (await press.canary())[0] == "canary"
    await press.clock.advance(1800)
    await press.heard("soho", "canary/1")
    await press.rollouts.decide(press.db)
    assert (await press.canary())[0] == "passed"
    assert await press.standing() == {"all": "all/2", "canary": "none"}
    seen = await overview(press.db)
    assert {store.name: store.wanted for store in seen.stores} == {"soho": "all/2", "camden": "all/2"}
    assert [deed.kind for deed in await latest(press.db)] == ["canary.passed", "canary.began"]


async def test_a_canary_that_goes_wrong_is_taken_back_by_itself(press: Press) -> None:
    await press.store("soho", canary=True)
    await press.messages("soho", "delivered", 200)
    await press.clock.advance(1)
    await press.publish(canary=HALF_AN_HOUR)
    await press.clock.advance(120)
    await press.heard("soho", "canary/1")
    await press.messages("soho", "delivered", 10)
    await press.messages("soho", "failed", 4)
    await press.clock.advance(1)
    await press.rollouts.decide(press.db)
    assert await press.canary() == ("taken_back", "4 of 14 messages reached nobody; before it was 0.5%")
    assert await press.standing() == {"canary": "none"}, "nobody else ever had it"


async def test_a_canary_whose_routes_lead_where_customers_have_no_address(press: Press) -> None:
    """Nothing fails then, and nobody is told. That some never had one, and that many said STOP, is no fault of the texts."""
    await press.store("soho", canary=True)
    await press.messages("soho", "delivered", 80)
    await press.messages("soho", "suppressed", 20, why="no_address")
    await press.clock.advance(1)
    await press.publish(canary=HALF_AN_HOUR)
    await press.clock.advance(120)
    await press.heard("soho", "canary/1")
    await press.messages("soho", "delivered", 8)
    await press.messages("soho", "suppressed", 3, why="no_address")
    await press.messages("soho", "suppressed", 30, why="opted_out")
    await press.clock.advance(1)
    await press.rollouts.decide(press.db)
    assert (await press.canary())[0] == "canary"
    await press.messages("soho", "suppressed", 9, why="bad_address")
    await press.clock.advance(1)
    await press.rollouts.decide(press.db)
    assert await press.canary() == ("taken_back", "12 of 20 messages reached nobody; before it was 20.0%")


async def test_a_canary_that_its_store_refuses_or_that_silences_it_is_taken_back(press: Press) -> None:
    await press.store("soho", canary=True)
    await press.publish(canary=HALF_AN_HOUR)
    await press.clock.advance(5)
    await press.heard("soho", "all/9", "canary/1: templates/en/order.ready.sms.j2, line 1: order has no 'reff'")
    await press.rollouts.decide(press.db)
    assert (await press.canary())[1].startswith("soho: canary/1: templates/en/order.ready.sms.j2")
    await press.publish(canary=HALF_AN_HOUR)
    await press.clock.advance(5)
    await press.heard("soho", "canary/11")
    await press.clock.advance(700)
    await press.rollouts.decide(press.db)
    assert await press.canary() == ("taken_back", "soho is silent since it has it")


@pytest.mark.parametrize("ahead", [timedelta(days=2), timedelta(days=-2)], ids=["ahead", "behind"])
async def test_a_canary_whose_clock_is_wrong_is_judged_all_the_same(press: Press, ahead: timedelta) -> None:
    """Or whoever sets that store's clock could have anything passed on to all."""
    await press.store("soho", canary=True)
    await press.heard("soho", clock=ahead)
    await press.clock.advance(3 * 86400)
    await press.publish(canary=HALF_AN_HOUR)
    await press.clock.advance(60)
    await press.heard("soho", "canary/1", clock=ahead)
    await press.rollouts.decide(press.db)
    await press.messages("soho", "failed", 8, clock=ahead)
    await press.clock.advance(1800)
    await press.heard("soho", "canary/1", clock=ahead)
    await press.rollouts.decide(press.db)
    assert await press.canary() == ("taken_back", "8 of 8 messages reached nobody; before it was 0.5%")


async def test_a_store_that_has_an_earlier_canary_did_not_take_this_one(press: Press) -> None:
    """A box that is slow, or whose owner is not honest, still says what it had; untried texts would go to all."""
    await press.store("soho", canary=True)
    await press.publish("canary")
    await press.publish(files=OTHERS, canary=HALF_AN_HOUR)
    for has, state in (("canary/1", "canary"), ("canary/2", "canary"), ("canary/2", "passed")):
        await press.clock.advance(1800)
        await press.heard("soho", has)
        await press.rollouts.decide(press.db)
        assert (await press.canary())[0] == state


async def test_a_store_that_says_much_of_why_it_refuses(press: Press) -> None:
    """Somebody has a canary's box; they want the owner's telephone to get pages of theirs, each part paid for."""
    await press.store("soho", canary=True)
    await press.publish(canary=HALF_AN_HOUR)
    await press.clock.advance(60)
    await press.heard("soho", problem="canary/1: call\n\x1b[2J" + "evil.example " * 300)
    await press.rollouts.decide(press.db)
    state, why = await press.canary()
    assert (state, len(why), "\n" in why, "\x1b" in why) == ("taken_back", 300, False, False)


async def test_two_who_publish_at_once_do_not_pass_untried_texts_on(press: Press) -> None:
    """Somebody publishes, rolls back or withdraws over what a canary tries, or tries something else on the same stores; the figures would be of
    other texts than those that all get then."""
    await press.store("soho", "london", canary=True)
    await press.publish(canary=HALF_AN_HOUR)
    for deed in (
        press.publish("canary", OTHERS),
        press.publish("london", OTHERS, canary=HALF_AN_HOUR),
        press.publish("london", OTHERS),
        press.publish("soho", OTHERS),
        press.publisher.roll_back(press.db, "london", "eve"),
        press.publisher.roll_back(press.db, "canary", "eve"),
        press.publisher.withdraw(press.db, "canary", "eve"),
    ):
        with pytest.raises(Declined, match="a canary for all is under way there"):
            await deed
    assert await press.standing() == {"canary": "canary/1"}
    await press.store("lyon", "france")
    assert await press.publish("france", OTHERS) == ["france/2"], "nothing is tried there"


async def test_nothing_is_withdrawn_under_a_canary_that_would_put_it_back(press: Press) -> None:
    """A manager takes texts back from all stores while others are tried for all: said to be done, and half an hour later all have those."""
    await press.store("soho", canary=True)
    await press.publish()
    await press.publish(files=OTHERS, canary=HALF_AN_HOUR)
    with pytest.raises(Declined, match="a canary for all is under way"):
        await press.publisher.withdraw(press.db, "all", "noor")
    assert (await press.standing())["all"] == "all/1"


async def test_what_canaries_had_of_their_own_is_back_after_a_canary_that_goes_wrong(press: Press) -> None:
    await press.store("soho", canary=True)
    await press.publish("canary")
    await press.publish(files=OTHERS, canary=HALF_AN_HOUR)
    await press.publisher.roll_back(press.db, "all", "maria")
    assert await press.standing() == {"canary": "canary/3"}
    (canary,) = (await overview(press.db)).groups
    assert await content(press.db, canary.digest) == TEXTS


async def test_a_canary_that_no_store_takes_is_not_passed_on(press: Press) -> None:
    await press.store("soho", canary=True)
    await press.publish(canary=HALF_AN_HOUR)
    await press.clock.advance(1800)
    await press.rollouts.decide(press.db)
    assert (await press.canary())[0] == "canary"
    await press.clock.advance(PATIENCE.total_seconds())
    await press.rollouts.decide(press.db)
    assert await press.canary() == ("taken_back", "soho did not take it in time")


async def test_a_regions_canaries_have_it_by_their_own_names(press: Press) -> None:
    """Or a canary elsewhere would write with that region's texts."""
    await press.store("soho", "london", canary=True)
    await press.store("lyon", "france", canary=True)
    assert await press.publish("london", canary=HALF_AN_HOUR) == ["soho/1"]
    assert await press.publisher.roll_back(press.db, "london", "maria") == []
    assert await press.canary() == ("taken_back", "by maria")
    assert await press.standing() == {"soho": "none"}
    with pytest.raises(Declined, match="no store that would try it"):
        await press.publish("canary", canary=HALF_AN_HOUR)


async def test_two_processes_decide_a_canary_once(press: Press) -> None:
    await press.store("soho", canary=True)
    await press.publish(canary=HALF_AN_HOUR)
    await press.clock.advance(1)
    await press.heard("soho", "canary/1")
    await press.rollouts.decide(press.db)
    await press.clock.advance(1800)
    await press.heard("soho", "canary/1")
    async with opened(press.fleet.settings.postgres.dsn) as other:
        await asyncio.gather(press.rollouts.decide(press.db), press.rollouts.decide(other))
    assert await press.standing() == {"all": "all/2", "canary": "none"}


async def test_a_restored_archive_does_not_number_backwards(press: Press) -> None:
    """Stores would take what is published then for old."""
    await press.store("soho")
    await press.heard("soho", "all/41")
    assert await press.publish() == ["all/42"]


async def test_a_store_publishes_nothing_and_reads_no_other_groups_bundles(press: Press) -> None:
    """Somebody has the seed of one store, and wants texts of their own in all the others."""
    store = await press.fleet.add_store("soho")
    forged = encode(sign(Manifest(group="all", version=1, at=1, digest=""), b"", KEY))
    async with press.fleet.line_of(store) as line:
        for subject in ("bundle.all", "bundle.soho", "mark.camden"):
            with pytest.raises(NatsAway, match="NATS refuses it"):
                await line.publish(subject, forged, timeout=SECONDS)
        with pytest.raises(NatsAway, match="NATS refuses it"):
            await line.newest("BUNDLE", "bundle.london", timeout=SECONDS)


async def test_who_is_put_into_another_group_hears_of_it_by_a_claim_that_only_headquarters_can_sign(
    press: Press,
) -> None:
    """Somebody has NATS's servers, and wants a store in a group whose texts suit them."""
    store = await press.fleet.add_store("soho")
    stores = Stores(press.fleet.settings, press.fleet.clock, random.Random(1))
    assert await stores.regroup(press.db, "soho", Groups.read(["london", "canary"]), by="maria") == (
        "soho",
        "london",
        "canary",
        "all",
    )
    ((claim,),) = await press.fleet.sql("SELECT claim FROM store WHERE name = 'soho'")
    held = store.membership.claim
    assert groups_of(held, "soho") == ["soho", "all"]
    assert renews(claim, held, held)
    assert groups_of(claim, "soho") == ["soho", "london", "canary", "all"]
    forged = claim.rpartition(".")[0] + "." + claim.rpartition(".")[2][::-1]
    assert not renews(forged, held, held)
    assert not renews("nonsense", held, held)
    store.connect()
    press.fleet.start_hq()

    async def hears() -> bool:
        return await store.box.notes.get("fleet.claim") == claim

    await until(hears)
