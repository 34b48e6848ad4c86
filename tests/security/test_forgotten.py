"""Somebody asked to be forgotten, and an adversary has the whole data folder: every file of it, freed pages and the log included, and the
time to try every telephone number against every digest. They want to know that this person was ever a customer.
"""

import base64
import hashlib
import hmac
import random
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path

import msgspec
import pytest

from daemon.config import Backup, Settings
from daemon.keys.box_key import BoxKey
from daemon.keys.digests import BoxKeys
from daemon.keys.keyring import adopt, key_path, keyring
from daemon.planner.identity import StoreIdentities
from daemon.upkeep.copies import copies, remove_overdue
from outbox import Outbox, Refusal
from outbox.errors import KeyChanged, KeyMissing
from outbox.model import Rendered, State, Transition
from outbox.outcome import Accepted, Deferred
from outbox.reasons import Reason
from outbox.rekey import rekey
from tests.store.test_replies import Reply
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import KEY, SENT, accept_one, everything_in, planned, plans, posted

PHONE = "+447700900123"
SPELLINGS = ("07700 900123", "+44 (0)7700 900-123", "0044 7700 900123", "447700900123", PHONE, "tel:07700900123"[4:])
MAIL = "ada.lovelace@example.com"
WAMID = "wamid." + base64.b64encode(b"\x1d\x00447700900123\x15\x02\x00").decode()
CANARIES = (
    *("Lovelace", "lovelace-9001", "ada.love", "ADA.LOVE", "hearts for", "secret-link", WAMID[:24]),
    *("7700900123", "7700 900123", "7700/900123"),
)
"""Long enough that chance does not write them: digests are hexadecimal."""
DAY = 86_400_000


@asynccontextmanager
async def store_box(folder: Path, clock: FakeClock) -> AsyncIterator[Outbox]:
    """As the service opens it, in a British store."""
    identities = StoreIdentities("GB")
    async with Outbox.open(
        folder / "tether.db", clock=clock, rng=random.Random(7), keys=KEY, identities=identities, reserve=0
    ) as box:
        yield box


async def a_customer_everywhere(box: Outbox) -> None:
    """Ada, in every place in which something of a customer is kept."""
    ada = {"name": "Ada Lovelace", "phone": "07700 900123", "email": MAIL.upper()}
    order = {
        "items": [{"name": "Balloon with hearts for Ada Lovelace", "quantity": 1}],
        "note": "ring 07700 900123",
        "url": "https://shop.example/order?key=secret-link-Lovelace",
    }
    unplanned = posted("e0", "order.placed", "B-0", customer=ada, order=order, data={"card": "hearts for Lovelace"})
    await box.spool.accept(unplanned, plans())
    whatsapp = planned("m1", addresses={"whatsapp": PHONE, "email": MAIL}, text="Dear Ada Lovelace", subject="Lovelace")
    message = await accept_one(
        box,
        whatsapp,
        id="e1",
        ref="B-1",
        customer={"addresses": {"whatsapp": "447700900123"}, "email": MAIL},
        order=order,
    )
    for outcome, to in (
        (
            Deferred("no room for Ada Lovelace at +44 7700 900123"),
            Transition(
                state=State.QUEUED,
                reason=Reason("for Lovelace", "refused", channel="twilio", code="", words="for Lovelace"),
            ),
        ),
        (Accepted(WAMID, detail="to Lovelace"), SENT),
    ):
        begun = await box.spool.begin(
            message.seq,
            channel="twilio",
            via_index=0,
            medium="chat",
            address=PHONE,
            sent=Rendered("Hi Ada Lovelace", "hearts for"),
        )
        await box.receipts.apply("twilio", _Early(provider_id=WAMID + "x", detail="+447700900123"))
        await box.spool.settle(begun, outcome, to)  # type: ignore[arg-type]
    await box.replies.take(
        "whatsapp",
        Reply(address=PHONE, text="Lovelace: STOP", id=WAMID, consent="stop"),
        medium="chat",
        actor="WhatsApp",
    )
    await box.replies.add("modem", Reply(address="+447700900123", text="hearts for Lovelace", id="447700900123.1"))
    await box.consent.stop("email", MAIL, reason="Ada Lovelace phoned", actor="Mia")
    await box.consent.allow("email", MAIL, reason="Lovelace changed her mind", actor="Mia")
    await box.consent.stop("sms", PHONE, reason="STOP 07700900123 Lovelace", actor="modem")
    unwanted = await accept_one(box, planned("m2"), id="e2", ref="B-1")
    refused = await box.spool.begin(unwanted.seq, channel="twilio", via_index=0, medium="sms", address=PHONE)
    assert isinstance(refused, Refusal)
    await box.spool.move(unwanted.seq, Transition(state=State.SUPPRESSED, reason=refused.reason))
    for n, body in enumerate(
        (
            b'{"buyer": {"tel": "07700/900123", "n": "Lovelace"}}',
            b"t=%2B447700900123&n=Lovelace",
            b'{"m": "ada.lovelace\\u0040example.com Lovelace"}',
        )
    ):
        await box.quarantine.keep("erp", body, headers={"x-n": str(n)}, reason="what is this of Lovelace")
    await box.aliases.set("till", "lovelace-9001", "B-1")
    await box.notes.set(f"first_sms.{box.digest(PHONE)}", "told")


class _Early:
    def __init__(self, provider_id: str, detail: str) -> None:
        from outbox.outcome import ReceiptState

        self.provider_id, self.detail, self.state = provider_id, detail, ReceiptState.SENT
        self.reference = self.code = ""
        self.at: int | None = None
        self.opted_out = False


def digests_in(data: bytes, box: Outbox) -> set[str]:
    """Whatever in it may be a digest of an address under the key, should the adversary have that as well."""
    tried = [PHONE, "07700 900123", "447700900123", MAIL]
    return {digest for address in tried if (digest := box.digest(address)).encode() in data}


@pytest.mark.parametrize("given", [*SPELLINGS, f" {MAIL.title()} "])
async def test_nothing_is_left_whatever_form_of_whichever_address_is_given(tmp_path: Path, given: str) -> None:
    clock = FakeClock()
    async with store_box(tmp_path, clock) as box:
        await a_customer_everywhere(box)
        planted = everything_in(tmp_path)
        assert all(canary.encode() in planted for canary in CANARIES), "the test would prove nothing"
        would = await box.people.forget(given, actor="owner", dry_run=True)
        assert (would.orders, would.events, would.messages, would.replies, would.quarantined) == (2, 3, 2, 2, 3)
        assert len((await box.people.held(given)).stories) == 2, "looking changes nothing"
        assert await box.people.forget(given, actor="owner") == would
        left = everything_in(tmp_path)
        assert [canary for canary in CANARIES if canary.encode() in left] == []
        assert (await box.people.held(given)).stories == []
        assert (await box.audit.verify()).ok
        assert await box.consent.blocked("sms", PHONE) is not None, "the opt-out holds on"
        assert await box.consent.blocked("email", MAIL) is None
        assert not await box.replies.take(
            "whatsapp", Reply(address=PHONE, text="Lovelace", id=WAMID), medium="chat", actor="WhatsApp"
        ), "the provider posts the same once more"
    assert [canary for canary in CANARIES if canary.encode() in everything_in(tmp_path)] == []


async def test_the_record_leads_to_nobody_even_with_the_key(tmp_path: Path) -> None:
    """The key lay in the same file: all numbers of the country were tried against the record's digests in two seconds."""
    async with store_box(tmp_path, FakeClock()) as box:
        await a_customer_everywhere(box)
        record = b"".join([piece async for piece in box.audit.export()])
        assert digests_in(record, box) == set()
        await box.people.forget(PHONE, actor="owner")
        await box.people.drop_forgettings(before=2**60)
        left = digests_in(everything_in(tmp_path), box)
    assert left == {box.digest(PHONE)}, "only the opt-out that stands, under a key that is locked up"


async def test_what_the_fleet_knows_leads_to_nobody_where_no_opt_out_stands(tmp_path: Path) -> None:
    """In a fleet the digest stood beside the fleet's own as well; it is needed only while an opt-out has to be found by it."""
    async with store_box(tmp_path, FakeClock()) as box:
        await box.fleet.use_keys({"k1": b"f" * 32})
        await box.consent.stop("email", MAIL, reason="enough", actor="customer")
        await box.consent.allow("email", MAIL, reason="again", actor="customer")
        await box.consent.stop("sms", PHONE, reason="STOP", actor="customer")
        for address in (MAIL, PHONE):
            await box.people.forget(address, actor="owner")
        await box.people.drop_forgettings(before=2**60)
        left = digests_in(everything_in(tmp_path), box)
        assert left == {box.digest(PHONE)}
        assert await box.consent.blocked("sms", PHONE) is not None


async def test_another_persons_orders_stay(tmp_path: Path) -> None:
    """They share a telephone; and a till that writes its own number on every order must not make all customers one."""
    async with store_box(tmp_path, FakeClock()) as box:
        for n, mail in enumerate(("ada@example.com", "ada@example.com", "ben@example.com")):
            await accept_one(
                box, planned(f"m{n}", addresses={}), id=f"e{n}", ref=f"B-{n}", customer={"phone": PHONE, "email": mail}
            )
        await accept_one(box, planned("m3", addresses={}), id="e3", ref="B-3", customer={"phone": PHONE})
        removed = await box.people.forget("ada@example.com", actor="owner", dry_run=True)
        assert (removed.orders, removed.left) == (3, 1)
        for n in range(40):
            customer = {"phone": "020 7946 0000", "email": "eve@example.com"} if n == 0 else {"phone": "020 7946 0000"}
            await accept_one(box, planned(f"t{n}", addresses={}), id=f"t{n}", ref=f"T-{n}", customer=customer)
        removed = await box.people.forget("eve@example.com", actor="owner", dry_run=True)
        assert (removed.orders, removed.left) == (1, 39)
        assert (await box.people.forget("020 7946 0000", actor="owner", dry_run=True)).orders == 40


async def test_what_an_earlier_release_kept_is_found_too(tmp_path: Path) -> None:
    async with store_box(tmp_path, FakeClock()) as box:
        await a_customer_everywhere(box)
    with closing(sqlite3.connect(tmp_path / "tether.db", isolation_level=None)) as db:
        db.execute("DELETE FROM person")
        db.execute("DELETE FROM order_people")
        db.execute("DELETE FROM note WHERE key = 'people.indexed'")
    async with store_box(tmp_path, FakeClock()) as box:
        removed = await box.people.forget("07700 900123", actor="owner")
        assert (removed.orders, removed.replies, removed.quarantined) == (2, 2, 3)
    assert [canary for canary in CANARIES if canary.encode() in everything_in(tmp_path)] == []


async def test_a_copy_from_before_is_forgotten_in_by_digest(tmp_path: Path) -> None:
    """A restore brings the person back: who puts it in place has only digests to forget them by."""
    before, now = tmp_path / "before", tmp_path / "now"
    async with store_box(before, FakeClock()) as box:
        await a_customer_everywhere(box)
    shutil.copytree(before, now)
    async with store_box(now, FakeClock()) as box:
        await box.people.forget("447700900123", actor="owner")
        forgotten = await box.people.forgettings()
    async with store_box(before, FakeClock()) as box:
        assert len((await box.people.held(PHONE)).stories) == 2
        assert await box.people.forget_again(forgotten, actor="restore") == forgotten
        assert (await box.people.held(PHONE)).stories == []
    assert [canary for canary in CANARIES if canary.encode() in everything_in(before)] == []


# ---------------------------------------------------------------- the key


async def test_the_open_key_of_an_earlier_release_is_locked_up(tmp_path: Path) -> None:
    """Somebody finds a copy of the database, on a stick or a sold card."""
    old = b"o" * 32
    async with store_box(tmp_path, FakeClock()):
        pass
    with closing(sqlite3.connect(tmp_path / "tether.db", isolation_level=None)) as db:
        db.execute("DELETE FROM secret")
        db.execute("INSERT INTO secret (name, value) VALUES ('digest', ?)", (old,))
    settings = Settings(file=tmp_path / "tether.toml")
    for _ in range(2):
        async with opened(settings) as box:
            await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
            assert await box.consent.blocked("sms", PHONE)
            assert box.digest(PHONE) == hmac.digest(old, PHONE.encode(), hashlib.sha256).hex()[:32]
            assert old not in everything_in(tmp_path)


async def test_without_the_words_or_under_others_the_database_stays_shut(tmp_path: Path) -> None:
    """Under another key no opt-out would be found, and everybody who asked for silence would be texted."""
    settings = Settings(file=tmp_path / "tether.toml")
    async with opened(settings) as box:
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    words = keyring(settings).own.words
    key_path(settings).unlink()
    with pytest.raises(KeyMissing, match="tether rekey"):
        async with opened(settings):
            pass
    adopt(settings, BoxKey.new())
    with pytest.raises(KeyChanged, match="Put them back"):
        async with opened(settings):
            pass
    async with opened(msgspec.structs.replace(settings, secrets={"TETHER_WORDS": words})) as box:
        assert await box.consent.blocked("sms", PHONE)


async def test_new_words_open_what_the_old_ones_locked_while_both_are_known(tmp_path: Path) -> None:
    settings = Settings(file=tmp_path / "tether.toml")
    async with opened(settings) as box:
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
    adopt(settings, BoxKey.new())
    own = keyring(settings).own
    async with opened(settings) as box:
        assert await box.consent.blocked("sms", PHONE)
    key_path(settings).unlink()
    adopt(settings, own)
    async with opened(settings) as box:
        assert await box.consent.blocked("sms", PHONE), "it was locked up again with the new ones"


async def test_a_database_whose_words_are_lost_keeps_the_opt_outs_that_name_their_address(tmp_path: Path) -> None:
    settings = Settings(file=tmp_path / "tether.toml")
    async with opened(settings) as box:
        await accept_one(box, id="e1", customer={"phone": PHONE})
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await box.consent.stop("email", MAIL, reason="no", actor="Mia")
        await box.people.forget(MAIL, actor="owner")
    key_path(settings).unlink()
    assert rekey(settings.database) == 1
    async with opened(settings) as box:
        assert await box.consent.blocked("sms", PHONE)
        assert await box.consent.blocked("email", MAIL) is None
        assert (await box.people.forget(PHONE, actor="owner")).orders == 1, "the index is made anew"
        assert (await box.audit.verify()).ok


def opened(settings: Settings) -> AbstractAsyncContextManager[Outbox]:
    return Outbox.open(settings.database, clock=FakeClock(), rng=random.Random(1), keys=BoxKeys(settings), reserve=0)


# ---------------------------------------------------------------- copies


async def test_every_copy_has_an_end_and_is_gone_by_then(tmp_path: Path) -> None:
    clock = FakeClock()
    settings = Settings(file=tmp_path / "tether.toml", backup=Backup(to="kept"))
    (tmp_path / "kept").mkdir()
    for name in (
        "tether.db",
        "tether.db.backup.json",
        "tether.db.before-restore-20260101T000000Z",
        "tether.db.before-restore-20260101T000000Z-wal",
        "tether.db.damaged-20260102T000000Z-wal",
        "other.db",
    ):
        (tmp_path / name).write_bytes(b"Lovelace")
    unreal = "tether-20269999T999999Z.backup"
    """Somebody put it on the stick who wants that nobody can be forgotten any more."""
    (tmp_path / "kept" / unreal).write_bytes(b"")
    backups = [f"tether-2026{month}01T020000Z.tar.gz" for month in ("09", "10", "11")]
    for name in backups:
        (tmp_path / "kept" / name).write_bytes(b"Lovelace")
    forgotten = clock.now() - 40 * DAY
    listed = (await copies(settings, clock, [forgotten])).copies
    assert [(copy.name, copy.until) for copy in listed] == [
        (unreal, forgotten + 30 * DAY),
        ("tether.db.before-restore-20260101T000000Z", listed[1].made_at + 30 * DAY),
        ("tether.db.damaged-20260102T000000Z-wal", listed[2].made_at + 30 * DAY),
        (backups[0], forgotten + 30 * DAY),
        (backups[1], forgotten + 30 * DAY),
        (backups[2], None),
    ]
    left = await remove_overdue(settings, clock, [forgotten])
    assert [copy.name for copy in left.copies] == backups[2:]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "kept",
        "other.db",
        "tether.db",
        "tether.db.backup.json",
    ]
    assert [path.name for path in (tmp_path / "kept").iterdir()] == backups[2:]
