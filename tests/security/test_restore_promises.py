"""A restore undoes nothing that was promised since: who said STOP stays untold, who was forgotten stays forgotten, who was shut out
stays out.

Somebody whose token was revoked waits for the next restore, or brings one about; somebody who opted out is texted again by mistake.
"""

import random
import shutil
import sqlite3
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from daemon.appliance.opening import openers_of
from daemon.appliance.restore import Candidate, Restored, Wanted, candidate
from daemon.channels.base import Reply
from daemon.config import Backup, Settings
from daemon.keys.digests import BoxKeys
from daemon.planner.identity import StoreIdentities
from daemon.upkeep.backup import back_up
from daemon.upkeep.backup_store import keeping
from outbox import Outbox
from outbox.model import State, Transition
from outbox.outcome import Accepted, Unknown
from tests.support.damage import damage_table
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import (
    MAIL,
    PHONE,
    SENT,
    accept_one,
    begin,
    due_ids,
    message_of,
    open_own_box,
    planned,
    plans,
    posted,
    send,
    state_of,
)

OTHER = "+447700900777"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(file=tmp_path / "tether.toml", backup=Backup(to="kept"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@asynccontextmanager
async def shop(settings: Settings, clock: FakeClock):  # type: ignore[no-untyped-def]
    async with open_own_box(settings.folder, clock) as box:
        yield box


async def backup(settings: Settings, clock: FakeClock) -> str:
    async with keeping(settings, clock) as store:
        name = (await back_up(settings, store, clock)).name
    await clock.advance(3600)
    return name


async def backup_of_nothing(settings: Settings, clock: FakeClock) -> str:
    async with shop(settings, clock):
        pass
    return await backup(settings, clock)


@asynccontextmanager
async def found(settings: Settings, name: str, clock: FakeClock, *, look_only: bool = False):  # type: ignore[no-untyped-def]
    async def fetch(target: Path, most: int) -> None:
        shutil.copyfile(settings.folder / "kept" / name, target)

    wanted = Wanted(name=name, openers=openers_of(settings), is_kept=True, look_only=look_only)
    async with candidate(settings, wanted, fetch, clock=clock, rng=random.Random(3)) as one:
        yield one


async def restore(settings: Settings, name: str, clock: FakeClock, *, send_waiting: bool = False) -> Restored:
    one: Candidate
    async with found(settings, name, clock) as one:
        assert one.proved.lost == {}
        return await one.put_in_place(send_waiting=send_waiting)


async def test_who_opted_out_since_is_not_texted(settings: Settings, clock: FakeClock) -> None:
    async with shop(settings, clock) as box:
        await box.consent.stop("sms", OTHER, reason="STOP", actor="customer")
    name = await backup(settings, clock)
    async with shop(settings, clock) as box:
        await box.consent.stop("sms", PHONE, reason="STOP", actor="customer")
        await box.consent.allow("sms", OTHER, reason="START", actor="customer")
    assert (await restore(settings, name, clock)).carried.words == 2
    async with shop(settings, clock) as box:
        assert await box.consent.blocked("sms", PHONE) == "STOP"
        assert await box.consent.blocked("sms", OTHER) is None
        message = await accept_one(box, planned("m1"), id="e1", ref="B-1")
        refusal = await box.spool.begin(message.seq, channel="twilio", via_index=0, medium="sms", address=PHONE)
        assert getattr(refusal, "opted_out", False)


async def test_what_stands_behind_a_text_that_left_since_has_its_turn(settings: Settings, clock: FakeClock) -> None:
    async with shop(settings, clock) as box:
        told = await accept_one(box, planned("told", trigger="refund.issued"), id="e1", ref="B-1")
        await accept_one(box, planned("behind", trigger="refund.issued"), id="e2", ref="B-1")
    name = await backup(settings, clock)
    async with shop(settings, clock) as box:
        await send(box, told, Accepted("P1"), SENT)
    await restore(settings, name, clock, send_waiting=True)
    async with shop(settings, clock) as box:
        assert await state_of(box, "told") is State.CANCELLED
        await box.confirmation.confirm(actor="owner")
        assert await due_ids(box, now=clock.now()) == ["behind"]


async def test_what_left_since_by_a_later_attempt_is_not_what_was_in_doubt_before(
    settings: Settings, clock: FakeClock
) -> None:
    """The one never left, for the service was stopped, and the one that may have arrived bears its numbers."""
    async with shop(settings, clock) as box:
        message = await accept_one(box, planned("m1"), id="e1", ref="B-1")
        attempt = await begin(box, message)
        name = await backup(settings, clock)
        await box.spool.interrupt(attempt)
    async with shop(settings, clock) as box:
        await send(
            box, await message_of(box, "m1"), Unknown("cut"), Transition(state=State.UNKNOWN, due_at=clock.now())
        )
    await restore(settings, name, clock, send_waiting=True)
    async with shop(settings, clock) as box:
        assert await state_of(box, "m1") is State.CANCELLED


async def test_what_was_in_doubt_before_is_looked_up_though_the_clock_was_put_right_since(
    settings: Settings, clock: FakeClock
) -> None:
    """By the new time it left a few seconds later than by the backup's."""
    async with shop(settings, clock) as box:
        message = await accept_one(box, planned("m1"), id="e1", ref="B-1")
        await send(box, message, Unknown("cut"), Transition(state=State.UNKNOWN, due_at=clock.now()))
        name = await backup(settings, clock)
        clock.step(3)
        await box.spool.shift(3000)
    assert (await restore(settings, name, clock, send_waiting=True)).carried.told == 0
    async with shop(settings, clock) as box:
        assert [due.message.id for due, _ in await box.spool.unknowns(now=clock.now(), limit=9)] == ["m1"]


async def test_who_is_found_by_a_number_as_the_till_wrote_it_is_so_after_a_restore(
    settings: Settings, clock: FakeClock
) -> None:
    """The backup of an earlier release, or one that is kept under a new key, is indexed when it is put in place."""
    known = StoreIdentities(settings.store.country)
    async with shop(settings, clock) as box:
        box.know_by(known)
        await accept_one(box, planned("m1"), id="e1", ref="B-1", customer={"name": "Ada", "phone": "07700 900123"})
    with closing(sqlite3.connect(settings.database, isolation_level=None)) as db:
        db.execute("DELETE FROM person")
        db.execute("DELETE FROM order_people")
        db.execute("DELETE FROM note WHERE key = 'people.indexed'")
    await restore(settings, await backup(settings, clock), clock)
    async with shop(settings, clock) as box:
        box.know_by(known)
        assert (await box.people.forget(PHONE, actor="owner", dry_run=True)).orders == 1


async def test_who_was_forgotten_since_is_not_remembered(settings: Settings, clock: FakeClock) -> None:
    async with shop(settings, clock) as box:
        await accept_one(
            box, planned("m1"), id="e1", ref="B-1", customer={"name": "Ada", "phone": PHONE, "email": MAIL}
        )
        await accept_one(box, planned("m2", addresses={"phone": OTHER}), id="e2", ref="B-2", customer={"phone": OTHER})
    name = await backup(settings, clock)
    async with shop(settings, clock) as box:
        await box.people.forget(PHONE, actor="owner")
    assert (await restore(settings, name, clock)).forgotten > 0
    content = settings.database.read_bytes()
    for trace in (PHONE, MAIL, "Ada"):
        assert trace.lstrip("+").encode() not in content
    assert OTHER.encode() in content
    async with shop(settings, clock) as box:
        assert (await box.audit.verify()).ok


async def test_who_came_back_after_they_were_forgotten_is_not_forgotten_again(
    settings: Settings, clock: FakeClock
) -> None:
    """Their new order was taken out of the backup that is put in place, with what waited for them."""
    async with shop(settings, clock) as box:
        await box.people.forget(PHONE, actor="owner")
        await clock.advance(86400)
        await accept_one(box, planned("m9"), id="e9", ref="B-9", customer={"name": "Ada", "phone": PHONE})
    name = await backup(settings, clock)
    async with shop(settings, clock) as box:
        await box.people.forget(OTHER, actor="owner")
    assert (await restore(settings, name, clock, send_waiting=True)).forgotten == 1, "the other one"
    async with shop(settings, clock) as box:
        (order,) = await box.views.orders_by_ref(["B-9"])
        assert (order.customer.name, await state_of(box, "m9")) == ("Ada", State.QUEUED)


async def test_a_token_revoked_since_stays_revoked_and_a_new_one_opens(settings: Settings, clock: FakeClock) -> None:
    async with shop(settings, clock) as box:
        stolen = await box.tokens.create("till-1", ["admin"])
        kept = await box.tokens.create("till-2", ["events"])
        again = await box.tokens.create("till-3", ["events"])
    name = await backup(settings, clock)
    async with shop(settings, clock) as box:
        await box.tokens.revoke("till-1")
        new = await box.tokens.create("till-4", ["events"])
        await box.tokens.revoke("till-3")
        renewed = await box.tokens.create("till-3", ["read"])
    done = await restore(settings, name, clock)
    assert (list(done.carried.revoked), list(done.carried.new_tokens)) == (["till-1", "till-3"], ["till-3", "till-4"])
    async with shop(settings, clock) as box:
        assert box.tokens.find(stolen) is None
        assert box.tokens.find(again) is None
        assert box.tokens.find(kept) is not None
        assert box.tokens.find(new) is not None
        assert box.tokens.find(renewed).scopes == {"read"}


async def test_what_left_since_does_not_leave_again(settings: Settings, clock: FakeClock) -> None:
    """Not when the source brings its event once more, and not out of the backup's own queue, whatever else is sent of that."""
    async with shop(settings, clock) as box:
        waits = await accept_one(box, planned("waits"), id="e1", ref="B-1")
        await accept_one(box, planned("unsent"), id="e2", ref="B-2")
    name = await backup(settings, clock)
    async with shop(settings, clock) as box:
        await send(box, waits, Accepted("P1"), SENT)
        await send(box, await accept_one(box, planned("new"), id="e3", ref="B-3"), Accepted("P2"), SENT)
    done = await restore(settings, name, clock, send_waiting=True)
    assert (done.carried.told, done.cancelled) == (2, 1)
    async with shop(settings, clock) as box:
        assert await state_of(box, "waits") is State.CANCELLED
        assert await state_of(box, "unsent") is State.QUEUED
        await box.spool.accept(posted("e3", ref="B-3"), plans(planned("new"), planned("never", recipient="team")))
        assert await state_of(box, "new") is State.CANCELLED
        assert await state_of(box, "never") is State.QUEUED
        order = (await box.views.orders_by_ref(["B-3"]))[0]
        assert order.ref == "B-3"


async def test_what_left_does_not_leave_again_after_a_second_restore(settings: Settings, clock: FakeClock) -> None:
    """The first restore was of the wrong backup, or was not trusted: the database that it made knows of what left before only by name."""
    async with shop(settings, clock) as box:
        await accept_one(box, planned("m1"), id="e1", ref="B-1")
    name = await backup(settings, clock)
    async with shop(settings, clock) as box:
        await send(box, await accept_one(box, planned("new"), id="e3", ref="B-3"), Accepted("P2"), SENT)
    await restore(settings, name, clock)
    assert (await restore(settings, name, clock)).carried.told == 1
    async with shop(settings, clock) as box:
        await box.spool.accept(posted("e3", ref="B-3"), plans(planned("new")))
        assert await state_of(box, "new") is State.CANCELLED


async def test_what_counts_once_was_used_up_before_the_restore(settings: Settings, clock: FakeClock) -> None:
    """Somebody caught a provider's token, whose signature covers no body, and brings another body after a restore."""
    name = await backup_of_nothing(settings, clock)
    async with shop(settings, clock) as box:
        await box.used.use("mailgun:token", "digest", until=clock.now() + 10**9)
    await restore(settings, name, clock)
    async with shop(settings, clock) as box:
        assert await box.used.body_of("mailgun:token") == "digest"


async def test_a_reply_that_was_read_is_not_taken_twice(settings: Settings, clock: FakeClock) -> None:
    """A provider, or whoever caught its signed post, posts a customer's START once more after they said STOP."""
    start = Reply(address=PHONE, text="START", at=clock.now(), consent="start", id="SM1")
    async with shop(settings, clock) as box:
        pass
    name = await backup(settings, clock)
    async with shop(settings, clock) as box:
        await box.replies.take("twilio", start, medium="sms", actor="customer")
        await box.consent.stop("sms", PHONE, reason="STOP", actor="customer")
    assert (await restore(settings, name, clock)).carried.replies == 1
    async with shop(settings, clock) as box:
        assert not await box.replies.take("twilio", start, medium="sms", actor="customer")
        assert await box.consent.blocked("sms", PHONE) == "STOP"


async def test_a_stop_that_only_the_backup_heard_outlives_an_older_start(settings: Settings, clock: FakeClock) -> None:
    """They restored a wrong backup first, and with it a START from before: then the right one, which ends with a STOP."""
    async with shop(settings, clock) as box:
        await box.consent.stop("sms", PHONE, reason="first", actor="customer")
    await clock.advance(7200)
    async with shop(settings, clock) as box:
        await box.consent.allow("sms", PHONE, reason="START", actor="customer")
        await box.consent.stop("sms", PHONE, reason="for good", actor="customer")
    name = await backup(settings, clock)
    with closing(sqlite3.connect(settings.database)) as db, db:
        db.execute("DELETE FROM consent WHERE reason = 'for good'")
        db.execute("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
        db.execute("UPDATE consent SET at = at - 3600000 WHERE reason = 'START'")
    assert (await restore(settings, name, clock)).carried.words == 1
    async with shop(settings, clock) as box:
        assert await box.consent.blocked("sms", PHONE) == "for good"


async def test_without_the_replaced_database_all_of_it_may_be_lost_and_is_named(
    settings: Settings, clock: FakeClock
) -> None:
    async with shop(settings, clock):
        pass
    name = await backup(settings, clock)
    settings.database.unlink()
    async with found(settings, name, clock) as one:
        assert set(one.proved.lost) == {"optouts", "forgotten", "tokens", "receipts"}


async def test_another_box_s_database_in_its_place_is_no_predecessor(settings: Settings, clock: FakeClock) -> None:
    """On a new card `init` has made an empty one: it knows of no opt-out, and has a token for the till."""
    async with shop(settings, clock) as box:
        old = await box.tokens.create("till-1", ["events"])
    name = await backup(settings, clock)
    settings.database.unlink()
    keys = BoxKeys(settings)
    async with Outbox.open(settings.database, clock=clock, rng=random.Random(99), keys=keys, reserve=0) as box:
        new = await box.tokens.create("till-1", ["events"])
        await box.consent.stop("sms", PHONE, reason="STOP", actor="customer")
    async with found(settings, name, clock) as one:
        assert set(one.proved.lost) == {"optouts", "forgotten", "tokens", "receipts"}
        await one.put_in_place(send_waiting=False)
    async with shop(settings, clock) as box:
        assert box.tokens.find(new) is not None
        assert box.tokens.find(old) is None
        assert await box.consent.blocked("sms", PHONE) == "STOP"


@pytest.mark.parametrize("place", ["first page", "nothing but zeros", "no database"])
async def test_a_file_that_is_none_any_more_promises_nothing(settings: Settings, clock: FakeClock, place: str) -> None:
    async with shop(settings, clock) as box:
        await box.tokens.create("till-1", ["admin"])
    name = await backup(settings, clock)
    content = settings.database.read_bytes()
    spoilt = {
        "first page": b"\xa5" * 1024 + content[1024:],
        "nothing but zeros": bytes(len(content)),
        "no database": b"hi",
    }
    settings.database.write_bytes(spoilt[place])
    async with found(settings, name, clock) as one:
        assert set(one.proved.lost) == {"optouts", "forgotten", "tokens", "receipts"}


async def test_what_can_be_read_of_a_damaged_one_is_carried_and_the_rest_is_named(
    settings: Settings, clock: FakeClock
) -> None:
    async with shop(settings, clock) as box:
        stolen = await box.tokens.create("till-1", ["admin"])
        for number in range(60):
            await accept_one(box, planned(f"m{number}"), id=f"e{number}", ref=f"B-{number}")
    name = await backup(settings, clock)
    async with shop(settings, clock) as box:
        await box.tokens.revoke("till-1")
        for number in range(60, 120):
            message = await accept_one(box, planned(f"m{number}"), id=f"e{number}", ref=f"B-{number}")
            await send(box, message, Accepted(f"P{number}"), SENT)
        await box.consent.stop("sms", PHONE, reason="STOP", actor="customer")
    damage_table(settings.database, "message")
    async with found(settings, name, clock) as one:
        assert set(one.proved.lost) == {"receipts"}
        done = await one.put_in_place(send_waiting=False)
    assert done.carried.told > 0
    async with shop(settings, clock) as box:
        assert box.tokens.find(stolen) is None
        assert await box.consent.blocked("sms", PHONE) == "STOP"
    assert done.aside is not None


async def test_what_was_saved_of_a_damaged_file_counts_as_incomplete(settings: Settings, clock: FakeClock) -> None:
    """The service saved what it could at its start: what is missing there is not known to be nothing."""
    async with shop(settings, clock):
        pass
    name = await backup(settings, clock)
    async with shop(settings, clock) as box:
        await box.audit.append("service.started")
        await box.audit.begin_epoch("recovered from damage")
    async with found(settings, name, clock) as one:
        assert set(one.proved.lost) == {"optouts", "forgotten", "tokens", "receipts"}


async def test_a_look_goes_while_the_service_runs_and_changes_nothing(settings: Settings, clock: FakeClock) -> None:
    async with shop(settings, clock) as box:
        await box.consent.stop("sms", OTHER, reason="STOP", actor="customer")
        name = await backup(settings, clock)
        async with found(settings, name, clock, look_only=True) as one:
            assert one.proved.lost == {}
        await box.consent.stop("sms", PHONE, reason="STOP", actor="customer")
    assert not list(settings.folder.glob(".tether-*"))
