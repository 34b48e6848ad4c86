"""What one store can do to all: somebody has a box, or its seed, and tells headquarters things that no program of ours says. What they say costs
them their own word and nobody else anything."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from daemon.fleet.bundle import BadBundle, version_claimed
from daemon.fleet.bundle import read as read_bundle
from daemon.fleet.commands import MOST, read
from daemon.fleet.nats_connection import NatsAway, NatsConnection
from daemon.fleet.wire import Garbled, Mark, SignedWord, StateBatch, unpack
from daemon.hq.commands import give, listed, orders
from daemon.hq.config import Publish
from daemon.hq.marks import Marks
from daemon.hq.servers import MAX_PAYLOAD
from tests.fleet.test_bundle_format import KEY, PUBLISHER
from tests.support.fake_clock import FakeClock
from tests.support.hq_page import Site

pytestmark = pytest.mark.engines

NUL = "a\x00b"
AFTER_ALL_YEARS = 2**62


@pytest.mark.parametrize(
    "told",
    [
        {"id": NUL}, {"reason_code": NUL}, {"order_ref": "x" * 5000}, {"created_at": AFTER_ALL_YEARS}, {"told_at": 2**70}, {"attempts": 2**40},
        {"parts": -(2**40)}, {"price": "dear"}, {"price": "NaN"}, {"price": "٣"}, {"rev": 2**80}, {"args": {"tries": 2**60}},
    ],
    ids=str,
)  # fmt: skip
async def test_a_message_that_no_column_holds(site: Site, told: Mapping[str, Any]) -> None:
    """Somebody has camden's box tell of a message that PostgreSQL refuses, or that no clock can show; they want the whole archive to stand still."""
    await site.store("camden")
    await site.message("camden", **({"id": "m1"} | dict(told)))
    await site.message("soho", "m2", "B-7")
    maria = await site.as_user()
    assert [(await maria.get(path)).status for path in ("/", "/stores/camden", "/orders/B-7")] == [200, 200, 200]
    assert await site.sql("SELECT store, id FROM message") == [("soho", "m2")]
    assert [store for (store,) in await site.sql("SELECT store FROM gap")] == ["camden"]


NO_REASONS: tuple[Mapping[str, Any], ...] = (
    {"because": "x"}, {"since": "x"}, {"kinds": ["{0.__class__}"], "medium": "{medium.x}"}, {"reasons": ["x", {"code": "<b>", "args": {"tries": 3}}]},
    {"channel": "<script>"}, {"tries": 2**40}, {"words": "pay at evil.example", "by": "the owner"},
)  # fmt: skip


async def test_a_reason_that_names_what_no_reason_does(site: Site) -> None:
    """Somebody has a box; they want the page to fail, or to say their words to whoever reads it."""
    await site.store("camden")
    for code in ("gave_up", "opted_out", "no_address", "several", "refused"):
        for n, args in enumerate(NO_REASONS):
            await site.message("camden", f"{code}-{n}", "B-7", state="failed", reason_code=code, args=args)
    maria = await site.as_user()
    pages = [await maria.get(path) for path in ("/stores/camden", "/orders/B-7", "/stores/camden/messages/several-3")]
    assert [page.status for page in pages] == [200, 200, 200]
    for words in ("evil.example", "the owner", "<script>alert", "class__", "&lt;script"):
        assert [page.text for page in pages if words in page.text] == [], words


@pytest.mark.parametrize(
    "word",
    [
        {"release": NUL}, {"channels": {NUL: "paused"}}, {"channels": {f"c{n}": "paused" for n in range(10_000)}}, {"queued": 2**40},
        {"disk_free": 2**70}, {"at": AFTER_ALL_YEARS}, {"bytes_written": 2**62}, {"hash": "ab" * 5000}, {"bundle_problem": "x" * 500_000},
    ],
    ids=lambda word: next(iter(word)),
)  # fmt: skip
async def test_a_word_on_health_that_no_column_holds(site: Site, word: Mapping[str, Any]) -> None:
    """The same by what a store says every 30 s of how it is."""
    await site.store("camden", **word)
    await site.store("soho")
    maria = await site.as_user()
    assert "soho" in (await maria.get("/")).words
    assert await site.sql("SELECT store FROM health") == [("soho",)]


async def test_a_record_whose_details_are_no_json(site: Site, tmp_path: Path) -> None:
    """Somebody puts entries of camden's under the number of soho's order, with details that can't be read, and answers commands with nonsense;
    they want nobody to be able to show the order's story, and no store to hear from headquarters."""
    await site.store("camden")
    await site.store("soho")
    await site.entries("soho", ("message.sent", "B-1", "m1", {"channel": "twilio"}))
    evil = ["no json", '"text"', '{"id":"\\u0000"}', '{"id":"x"}', "[" * 50_000, '{"key":"1","self":"2","report":[3]}']
    await site.entries("camden", *(("command.done", "B-1", "", detail) for detail in evil))
    maria = await site.as_user()
    page = await maria.get("/orders/B-1")
    assert (page.status, "soho" in page.words) == (200, True)
    assert (await maria.post("/orders/B-1/export", {"token": page.token})).status == 200
    (tmp_path / "publish.key").write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    settings = msgspec.structs.replace(site.services.settings, publish=Publish(tmp_path / "publish.key"))
    now = site.services.now()
    async with site.services.pool.connection() as db:
        ids = [
            await give(db, now, name, "doctor", by="maria", lasting=timedelta(hours=1)) for name in ("camden", "soho")
        ]
        await site.entries("camden", ("command.done", "", "", f'{{"id":{ids[0]},"report":[3,["disk"]]}}'))
        assert [(one.store, one.state) for one in await listed(db, now)] == [("soho", "waiting"), ("camden", "done")]
        assert set(await orders(db, settings, now, ["camden", "soho"])) == {"soho"}
    assert (await maria.get("/stores/camden/commands")).status == 200


async def test_more_commands_than_a_mark_holds(site: Site, tmp_path: Path) -> None:
    """A manager gives their store thousands of commands; they want its mark to grow beyond what NATS takes, so that no store hears any more."""
    await site.store("soho")
    (tmp_path / "publish.key").write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    settings = msgspec.structs.replace(site.services.settings, publish=Publish(tmp_path / "publish.key"))
    await site.sql(
        "INSERT INTO command (store, what, channel, reason, given_by, given_at, expires_at) "
        "SELECT 'soho', 'pause', 'smtp', repeat('x', 200), 'noor', %s, %s FROM generate_series(1, 5000)",
        site.services.now(), site.services.now() + timedelta(hours=1),
    )  # fmt: skip
    async with site.services.pool.connection() as db:
        told = await orders(db, settings, site.services.now(), ["soho"])
    assert len(read(told["soho"], PUBLISHER, "soho")) == MOST
    assert len(told["soho"]) < 64 * 1024


class Nats:
    """Takes what the servers take."""

    def __init__(self) -> None:
        self.marks: dict[str, Mark] = {}

    async def publish(self, subject: str, body: bytes) -> None:
        if len(body) > MAX_PAYLOAD:
            raise NatsAway("maximum payload exceeded")
        self.marks[subject] = unpack(body, Mark)


async def test_epoch_after_epoch(site: Site, clock: FakeClock) -> None:
    """Somebody has camden begin an epoch with each word; they want camden's mark to grow beyond what NATS takes, so that no store hears how far
    it is archived."""
    await site.store("camden")
    await site.store("soho")
    await site.sql(
        "INSERT INTO chain (store, epoch, n, head_seq, head_hash) SELECT 'camden', 'x' || n, n, 7, '\\x00' FROM generate_series(1, 20000) AS n"
    )
    marks, nats = Marks(site.services.settings, clock, "made"), Nats()
    async with site.services.pool.connection() as db:
        await marks.touch_all(db)
        await marks.tell(db, cast("NatsConnection", nats))
    assert nats.marks.keys() == {"mark.camden", "mark.soho"}
    assert nats.marks["mark.camden"].reaches[-1].epoch == "x20000", "the newest is among them"
    await site.message("camden", "m1")
    assert await site.sql("SELECT why FROM gap WHERE store = 'camden'") == [
        ("unreadable messages: it has more than 1000 epochs",)
    ]


async def test_what_could_not_be_read_is_missing_until_what_it_was_of_goes_on(site: Site, clock: FakeClock) -> None:
    """A card lost some bits and was mended; the owner wants the alarm to end, so that she hears the next one."""

    async def missing() -> list[str]:
        rows = await site.sql("SELECT why FROM gap WHERE closed_at IS NULL ORDER BY why")
        return [why.partition(":")[0] for (why,) in rows]

    await site.store("soho")
    await site.message("soho", id=NUL)
    await site._tell("up.soho.audit", b"bits")
    assert await missing() == ["unreadable entries", "unreadable messages"]
    clock.step(60)
    await site.entries("soho", ("message.sent", "B-1", "m1", {"channel": "twilio"}))
    assert await missing() == ["unreadable messages"]
    await site.message("soho", "m1")
    assert await missing() == []
    await site.hear("soho")
    assert "1 well" in (await (await site.as_user()).get("/")).words


@pytest.mark.parametrize(
    "word", [{"epoch": NUL}, {"seq": 2**70}, {"at": AFTER_ALL_YEARS}, {"heard": -1}], ids=lambda word: next(iter(word))
)
def test_a_word_on_consent_that_no_column_holds(word: Mapping[str, Any]) -> None:
    """Somebody has a store tell the fleet of an opt-out that PostgreSQL refuses; they want headquarters to read it again for ever, and no other."""
    said = {"state": "out", "at": 1, "clock_trusted": True, "store": "camden", "epoch": "e1", "seq": 1, **word}
    with pytest.raises(Garbled):
        unpack(msgspec.json.encode(said), SignedWord)


@pytest.mark.parametrize("kind", [Mark, SignedWord, StateBatch])
def test_a_body_that_is_nested_without_end(kind: type[Any]) -> None:
    """Whoever is on the line nests brackets; they want the reader of the other end to fall over."""
    with pytest.raises(Garbled):
        unpack(b'{"x":' + b"[" * 200_000, kind)
    with pytest.raises(BadBundle):
        read_bundle(b'{"x":' + b"[" * 200_000, PUBLISHER)
    assert version_claimed(b'{"x":' + b"[" * 200_000) == 0
