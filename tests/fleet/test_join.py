"""Joining: what a code is good for, and what it says when it is not."""

import asyncio
import base64
import random
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from daemon.config import load
from daemon.fleet.claim import read_claim, renews
from daemon.fleet.files import forget, keep
from daemon.fleet.join import Joined
from daemon.fleet.join_code import Code, JoinRefused, JoinWish, Welcome
from daemon.fleet.nats_connection import Identity, NatsAway, connected, pinned
from daemon.fleet.nkey import BadKey, KeyPair, is_signed
from daemon.fleet.seal import Unsealable, key_of, public_text, seal, unseal
from daemon.hq import tokens
from daemon.hq.database import Connection, opened
from daemon.hq.nats import LOOKUP, as_system
from daemon.hq.record import latest, verify_own
from daemon.hq.stores import Declined, Groups, Stores
from tests.support.fake_clock import FakeClock
from tests.support.fleet_world import World

engines = pytest.mark.engines


def wish_of(code: Code, key: KeyPair) -> JoinWish:
    sealing = public_text(key_of(key.seed))
    signature = base64.b64encode(key.sign(JoinWish.signed(code.secret, sealing))).decode()
    return JoinWish(code.secret, key.public, sealing, signature)


class Door:
    """HQ's stores on a clock that the test turns."""

    def __init__(self, fleet: World, db: Connection) -> None:
        hq = msgspec.structs.replace(fleet.settings.hq, public_url="https://hq.example:8788")
        self.clock = FakeClock()
        self.db = db
        self.dsn = fleet.settings.postgres.dsn
        self.stores = Stores(msgspec.structs.replace(fleet.settings, hq=hq), self.clock, random.Random(1))

    async def offer(self, name: str = "soho") -> Code:
        return Code.read(await self.stores.offer(self.db, name))

    async def welcome(self, wish: JoinWish) -> Welcome:
        return await self.stores.welcome(self.db, wish)


@pytest.fixture
async def door(fleet: World) -> AsyncIterator[Door]:
    async with opened(fleet.settings.postgres.dsn) as db:
        yield Door(fleet, db)


@engines
async def test_a_code_is_good_once_and_the_same_box_may_ask_again(door: Door) -> None:
    code, key = await door.offer(), KeyPair.make("user")
    first = await door.welcome(wish_of(code, key))
    assert first.store == "soho"
    assert unseal(first.keys["k1"], key_of(key.seed), "soho k1")
    assert (await door.welcome(wish_of(code, key))).store == "soho", "an answer that was lost on the way is given again"
    with pytest.raises(Declined, match=r"that code was used on .*tether hq store add soho"):
        await door.welcome(wish_of(code, KeyPair.make("user")))


@engines
async def test_a_code_is_good_for_an_hour(door: Door) -> None:
    code = await door.offer()
    await door.clock.advance(3601)
    with pytest.raises(Declined, match="older than an hour"):
        await door.welcome(wish_of(code, KeyPair.make("user")))


@engines
async def test_a_code_that_headquarters_does_not_know(door: Door) -> None:
    """Somebody guesses."""
    code = msgspec.structs.replace(await door.offer(), secret="a" * 26)
    with pytest.raises(Declined, match="does not know that code"):
        await door.welcome(wish_of(code, KeyPair.make("user")))


@engines
async def test_who_does_not_have_the_key_it_names_is_refused(door: Door) -> None:
    """Somebody saw a code, and wants a store's right for a key of another."""
    code, key = await door.offer(), KeyPair.make("user")
    wish = msgspec.structs.replace(wish_of(code, KeyPair.make("user")), key=key.public)
    with pytest.raises(Declined, match="not signed"):
        await door.welcome(wish)


@engines
async def test_a_new_box_takes_the_place_of_the_old_one(fleet: World, door: Door) -> None:
    old = await fleet.add_store("soho")
    async with fleet.line_of(old):
        pass
    await door.clock.advance(fleet.clock.now() / 1000 - door.clock.now() / 1000 + 2)
    await door.welcome(wish_of(await door.offer(), KeyPair.make("user")))
    await door.stores.enforce(door.db)
    with pytest.raises(NatsAway):
        async with fleet.line_of(old):
            pass


async def comes_in(fleet: World, key: KeyPair, claim: str) -> bool:
    identity = Identity(key, claim, "_INBOX.soho", "soho")
    try:
        async with connected(fleet.cluster.urls[0], pinned(fleet.cluster.ca), identity):
            return True
    except NatsAway:
        return False


@engines
async def test_stores_that_are_revoked_at_once_are_all_out(fleet: World, door: Door) -> None:
    """Two people, each with a stolen box to cut off: what one tells NATS does not let the other's in again."""
    stolen = [(await fleet.add_store(name)).membership for name in ("soho", "camden", "hackney")]
    await door.clock.advance(fleet.clock.now() / 1000 - door.clock.now() / 1000 + 2)
    async with opened(door.dsn) as second, opened(door.dsn) as third:
        lines = (door.db, second, third)
        await asyncio.gather(*(door.stores.revoke(db, one.store) for db, one in zip(lines, stolen, strict=True)))
    assert [await comes_in(fleet, one.key, one.claim) for one in stolen] == [False] * 3


@engines
async def test_an_older_copy_of_the_archive_lets_no_revoked_store_in(fleet: World, door: Door) -> None:
    """Headquarters' database is restored from before a box was stolen and revoked."""
    stolen, other = [(await fleet.add_store(name)).membership for name in ("soho", "camden")]
    await door.clock.advance(fleet.clock.now() / 1000 - door.clock.now() / 1000 + 2)
    await door.stores.revoke(door.db, "soho")
    await fleet.sql("DELETE FROM revoked")
    await fleet.sql("UPDATE store SET revoked_at = NULL")
    await door.stores.enforce(door.db)
    await door.stores.revoke(door.db, "camden")
    assert [await comes_in(fleet, one.key, one.claim) for one in (stolen, other)] == [False, False]
    assert await fleet.sql("SELECT store FROM revoked ORDER BY store") == [("camden",), ("soho",)]


@engines
async def test_a_clock_that_ran_ahead_lets_a_revoked_store_stay_no_longer(fleet: World, door: Door) -> None:
    """Headquarters' clock was an hour ahead while the store joined, and was set right since."""
    await door.clock.advance(fleet.clock.now() / 1000 - door.clock.now() / 1000 + 3600)
    key = KeyPair.make("user")
    joined = await door.welcome(wish_of(await door.offer(), key))
    assert await comes_in(fleet, key, joined.claim)
    door.clock.step(-3590)
    await door.stores.regroup(door.db, "soho", Groups(region="london"), by="eve")
    ((held,),) = await fleet.sql("SELECT claim FROM store WHERE name = 'soho'")
    assert renews(held, joined.claim, joined.claim), "the store takes its new groups"
    await door.stores.revoke(door.db, "soho", by="eve")
    assert [await comes_in(fleet, key, claim) for claim in (joined.claim, held)] == [False, False]


@engines
@pytest.mark.parametrize("is_older_copy", [False, True])
async def test_who_was_revoked_gets_no_new_right_with_a_new_group(
    fleet: World, door: Door, is_older_copy: bool
) -> None:
    """Somebody keeps a stolen box's seed and gets at the disk of a server of NATS, where marks lie; headquarters tidies its groups after the theft."""
    await door.clock.advance(fleet.clock.now() / 1000 - door.clock.now() / 1000 + 2)
    key = KeyPair.make("user")
    await door.welcome(wish_of(await door.offer(), key))
    await door.stores.revoke(door.db, "soho")
    if is_older_copy:
        await fleet.sql("UPDATE store SET revoked_at = NULL")
    await door.clock.advance(3)
    await door.stores.regroup(door.db, "soho", Groups(region="london"), by="eve")
    ((held, group),) = await fleet.sql("SELECT claim, grp FROM store WHERE name = 'soho'")
    assert group == "london"
    assert not await comes_in(fleet, key, held)


@engines
async def test_what_was_signed_last_is_the_newest_to_servers_though_the_clock_was_ahead(
    fleet: World, door: Door
) -> None:
    """A server that was away keeps a word that was signed by a clock an hour ahead; of two words, servers give each other the one of the later date."""

    async def signed_at() -> int:
        async with as_system(fleet.settings, fleet.clock, random.Random()) as line:
            (claim,) = await line.ask_all(LOOKUP.format(account=fleet.account.public), b"", wait=5.0, most=1)
        return read_claim(claim.decode()).iat

    await door.clock.advance(fleet.clock.now() / 1000 - door.clock.now() / 1000 + 3600)
    await fleet.add_store("soho")
    await door.stores.enforce(door.db)
    ahead = await signed_at()
    door.clock.step(-3590)
    await door.stores.revoke(door.db, "soho")
    assert await signed_at() > ahead


@engines
async def test_who_let_a_store_in_and_cut_it_off_is_on_record(door: Door) -> None:
    """Somebody with the command line lets a box of their own in, makes themselves a token, and cuts a store off; they want nobody to know who did."""
    code = Code.read(await door.stores.offer(door.db, "soho", by="eve"))
    await door.welcome(wish_of(code, KeyPair.make("user")))
    await tokens.add(door.db, door.clock.now(), "mine", b"x" * 32, ["read"], actor="eve")
    await tokens.revoke(door.db, door.clock.now(), "mine", actor="eve")
    await door.stores.revoke(door.db, "soho", by="eve")
    deeds = [(deed.kind, deed.actor) for deed in reversed(await latest(door.db))]
    assert deeds == [
        ("store.offered", "eve"),
        ("store.joined", "headquarters"),
        ("token.added", "eve"),
        ("token.revoked", "eve"),
        ("store.revoked", "eve"),
    ]
    assert (await verify_own(door.db)).ok


@engines
@pytest.mark.parametrize("name", ["Soho", "", "all", "canary", "-x", "a" * 32, "a.b", "a>"])
async def test_a_store_is_called_by_a_name_that_is_one(door: Door, name: str) -> None:
    with pytest.raises(Declined):
        await door.offer(name)


@pytest.mark.parametrize(
    "text", ["", "soho", "http://hq.example/#a.b", "https://hq.example/#", "https://hq.example/#abc.def"]
)
def test_what_is_no_code_is_told_so(text: str) -> None:
    with pytest.raises(JoinRefused, match="no code of headquarters"):
        Code.read(text)


def test_a_key_is_read_back_and_a_mistyped_one_is_not() -> None:
    key = KeyPair.make("user")
    again = KeyPair.from_seed(key.seed, "user")
    assert is_signed(b"x", again.sign(b"x"), key.public, "user")
    assert not is_signed(b"y", again.sign(b"x"), key.public, "user")
    for wrong in (key.seed[:-1], key.seed.swapcase(), key.public, "", "SU" + "A" * 56):
        with pytest.raises(BadKey):
            KeyPair.from_seed(wrong, "user")
    with pytest.raises(BadKey):
        KeyPair.from_seed(key.seed, "account")
    assert key.seed not in repr(key)


def test_what_is_sealed_for_one_store_opens_for_no_other_and_as_nothing_else() -> None:
    mine, theirs = KeyPair.make("user"), KeyPair.make("user")
    sealed = seal(b"secret", public_text(key_of(mine.seed)), "soho k1")
    assert unseal(sealed, key_of(mine.seed), "soho k1") == b"secret"
    for key, about in ((theirs, "soho k1"), (mine, "soho k2"), (mine, "camden k1")):
        with pytest.raises(Unsealable):
            unseal(sealed, key_of(key.seed), about)


def test_joining_and_leaving_touch_only_what_is_theirs(tmp_path: Path) -> None:
    config, env = tmp_path / "tether.toml", tmp_path / ".env"
    config.write_text('[store]\nname = "Loft"\n\n[fleet]\nstore = "old"\nservers = []\n\n[hook]\nport = 1\n')
    env.write_text("TWILIO_AUTH_TOKEN=t\nFLEET_SEED=old\n")
    env.chmod(0o600)
    joined = Joined(Welcome("soho", ("tls://hq1.example:443",), "PEM", "CLAIM"), KeyPair.make("user"), {})
    keep(config, joined, "k1:x")
    text = config.read_text()
    assert text.count("[fleet]") == 1
    assert 'store = "soho"' in text
    assert "[hook]" in text
    assert "TWILIO_AUTH_TOKEN=t" in env.read_text()
    assert f'FLEET_SEED="{joined.key.seed}"' in env.read_text()
    assert env.stat().st_mode & 0o777 == 0o600
    forget(config)
    assert "[fleet]" not in config.read_text()
    assert "FLEET" not in env.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env", "tether.toml"]


def test_what_the_owner_said_of_the_fleet_outlasts_joining_anew(tmp_path: Path) -> None:
    """A card was copied, and the box joins with a new code; its owner had kept headquarters' texts and other stores' opt-outs out."""
    config = tmp_path / "tether.toml"
    own = 'bundles = false\noptouts = "store"\ncommands = ["pause"]\nconsent_wait = "5s"\n'
    config.write_text(
        f'[fleet]\nstore = "soho"\nservers = []\nclaim = "old.jwt"\npublisher = "OLD"\n{own}\n# for the till\n[hook]\nport = 1\n'
    )
    welcome = Welcome("soho", ("tls://hq1.example:443",), "PEM", "CLAIM")
    keep(config, Joined(welcome, KeyPair.make("user"), {}), "k1:x")
    fleet = load(config).fleet
    assert (fleet.bundles, fleet.optouts, fleet.commands, fleet.consent_wait) == (False, "store", ("pause",), 5)
    assert (fleet.servers, fleet.claim.name, fleet.publisher) == (welcome.servers, "fleet.jwt", "")
    assert "# for the till\n[hook]" in config.read_text()
    forget(config)
    keep(config, Joined(welcome, KeyPair.make("user"), {}), "k1:x")
    assert load(config).fleet == fleet, "nor does the owner say it again after leaving"


def test_a_file_as_editors_of_windows_write_it_is_joined_and_left_as_well(tmp_path: Path) -> None:
    """The code was used up, and the store in no fleet."""
    config = tmp_path / "tether.toml"
    config.write_text('[store]\nname = "Loft"\n', encoding="utf-8-sig")
    keep(config, Joined(Welcome("soho", ("tls://hq1.example:443",), "PEM", "CLAIM"), KeyPair.make("user"), {}), "k1:x")
    assert (load(config).fleet.store, load(config).store.name) == ("soho", "Loft")
    config.write_text(config.read_text(), encoding="utf-8-sig")
    forget(config)
    assert (load(config).fleet.store, load(config).store.name) == ("", "Loft")
