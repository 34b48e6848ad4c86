"""What the outbox gives the fleet's link, and the rule that the fleet's word on consent counts beside our own."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from outbox import Outbox, Refusal
from outbox.chain import link
from outbox.fleet_consent import Heard
from outbox.rekey import rekey
from outbox.salvage import salvage
from tests.store.test_replies import Reply
from tests.support.outbox_box import MAIL, PHONE, accept_one, open_box, send

KEY = b"k" * 32
OLD, NEW = {"k1": KEY}, {"k1": KEY, "k2": b"n" * 32}


async def tries(box: Outbox, id: str = "e1") -> str | None:
    """Why the next message to the customer may not be tried; None: its attempt began."""
    message = await accept_one(box, id=id)
    begun = await box.spool.begin(message.seq, channel="twilio", via_index=0, medium="sms", address=PHONE)
    return begun.reason if isinstance(begun, Refusal) else None


async def word(
    box: Outbox, seq: int, *, stopped: bool, store: str = "soho", kid: str = "k1", medium: str = "sms", heard: int = 0
) -> Heard:
    digest = dict(box._store.shares.of(medium, PHONE))[kid]
    return Heard(kid, digest, medium, seq, stopped, 1_777_766_400_000, store, "STOP", heard)


async def tell(box: Outbox, seq: int = 4) -> None:
    for one in await box.fleet.untold(limit=10):
        await box.fleet.told(one, seq, answers_all=False)


async def test_an_opt_out_elsewhere_holds_here_and_says_where_it_was_asked(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.fleet.hear([await word(box, 1, stopped=True)])
        assert await tries(box) == "the recipient opted out: asked at soho, 3 May 2026 (STOP)"
        assert await box.consent.blocked("sms", PHONE) == "asked at soho, 3 May 2026 (STOP)"
        assert await box.consent.blocked("email", PHONE) is None


async def test_a_word_on_all_media_elsewhere_holds_for_each(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.fleet.hear([await word(box, 1, stopped=True, medium="all")])
        assert await tries(box)
        await box.fleet.hear([await word(box, 2, stopped=False, heard=1)])
        assert await box.consent.blocked("sms", PHONE) is None


async def test_an_opt_in_of_who_had_not_heard_of_the_opt_out_counts_against_nothing(tmp_path: Path) -> None:
    """STOP for all media at one store and START for texts at another, at once: out."""
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.fleet.hear(
            [await word(box, 5, stopped=True, medium="all"), await word(box, 6, stopped=False, store="camden", heard=4)]
        )
        assert await tries(box)


async def test_an_opt_in_that_could_not_know_our_opt_out_for_all_does_not_end_it(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await tell(box, 4)
        await box.consent.stop("all", PHONE, reason="STOP", actor="modem")
        await tell(box, 5)
        await box.fleet.hear([await word(box, 6, stopped=False, heard=4)])
        assert await tries(box)


async def test_an_older_word_that_comes_late_changes_nothing(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        assert await box.fleet.hear([await word(box, 7, stopped=True)]) == 1
        assert await box.fleet.hear([await word(box, 6, stopped=False)]) == 0
        assert await tries(box)
        assert await box.fleet.heard_up_to() == 7


async def test_the_first_word_of_a_stream_that_begins_anew_counts_too(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.fleet.hear([await word(box, 7, stopped=True), await word(box, 8, stopped=False, heard=7)])
        await box.fleet.start_over()
        assert await box.consent.blocked("sms", PHONE) is None
        await box.fleet.hear([await word(box, 1, stopped=True)])
        assert await box.consent.blocked("sms", PHONE)


async def test_an_opt_out_under_any_key_holds(tmp_path: Path) -> None:
    """While a key is exchanged, a store that still has the old one only must be heard."""
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(NEW)
        await box.fleet.hear([await word(box, 1, stopped=True, kid="k1"), await word(box, 2, stopped=False, kid="k2")])
        assert await tries(box)


async def test_our_own_word_is_to_be_told_once_under_each_key(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(NEW)
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        untold = await box.fleet.untold(limit=10)
        assert [(one.kid, one.medium, one.stopped, one.base) for one in untold] == [
            ("k1", "sms", True, 0),
            ("k2", "sms", True, 0),
        ]
        await tell(box)
        assert await box.fleet.untold(limit=10) == []


async def test_an_opt_out_by_the_link_in_a_mail_is_told(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await accept_one(box, customer={"email": MAIL.title()})
        assert await box.unsubscribe.use(box.unsubscribe.token(MAIL), how="one-click unsubscribe (RFC 8058)")
        (untold,) = await box.fleet.untold(limit=10)
        assert (untold.medium, untold.stopped) == ("email", True)
        assert (untold.kid, untold.digest) in box._store.shares.of("email", MAIL)


async def test_what_was_said_before_the_fleet_is_told_too_though_the_person_was_forgotten_since(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await box.fleet.use_keys(OLD)
        await box.people.forget(PHONE, actor="owner")
        assert [one.stopped for one in await box.fleet.untold(limit=10)] == [True]


async def test_a_start_elsewhere_after_our_stop_ends_ours(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await tell(box)
        await box.fleet.hear([await word(box, 5, stopped=False)])
        assert await tries(box) is None


async def test_our_stop_that_a_start_elsewhere_ended_is_told_no_more(tmp_path: Path) -> None:
    """Neither under a new key nor to a stream that begins anew: who opted in again would be silenced at every store."""
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await tell(box)
        await box.fleet.hear([await word(box, 5, stopped=False)])
        await box.fleet.use_keys(NEW)
        assert await box.fleet.untold(limit=10) == []
        await box.fleet.start_over()
        assert await box.fleet.untold(limit=10) == []
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        assert [(one.kid, one.stopped) for one in await box.fleet.untold(limit=10)] == [("k1", True), ("k2", True)]


async def test_our_stop_that_holds_is_told_under_a_new_key_and_to_a_stream_that_begins_anew(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await box.consent.allow("sms", PHONE, reason="START", actor="modem")
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await tell(box)
        await box.fleet.use_keys(NEW)
        assert [(one.kid, one.stopped) for one in await box.fleet.untold(limit=10)] == [("k2", True)]
        await box.fleet.start_over()
        assert [(one.kid, one.stopped) for one in await box.fleet.untold(limit=10)] == [("k1", True), ("k2", True)]


async def test_a_start_elsewhere_before_the_fleet_knew_of_our_stop_ends_nothing(tmp_path: Path) -> None:
    """STOP and START at once: out."""
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await box.fleet.hear([await word(box, 5, stopped=False)])
        assert await tries(box)
        assert len(await box.fleet.untold(limit=10)) == 1


async def test_an_opt_out_taken_back_by_its_number_is_told(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await tell(box)
        (entry,) = (await box.consent.list(limit=5)).items
        await box.consent.allow_entry(entry.id, reason="asked at the counter", actor="counter")
        assert [one.stopped for one in await box.fleet.untold(limit=10)] == [False]


@pytest.mark.parametrize("how", ["rekey", "salvage"])
async def test_an_opt_out_taken_back_after_the_key_was_lost_is_told(tmp_path: Path, how: str) -> None:
    """The fleet kept our own STOP: staff were told that it is taken back, and the customer stayed silenced by "another store"."""
    database, saved = tmp_path / "tether.db", tmp_path / "saved" / "tether.db"
    saved.parent.mkdir()
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await box.consent.stop("email", MAIL, reason="no", actor="Mia")
        await tell(box)
        await box.people.forget(MAIL, actor="owner")
    if how == "rekey":
        rekey(database)
        database.replace(saved)
    else:
        with closing(sqlite3.connect(database, isolation_level=None)) as db:
            db.execute("DELETE FROM secret WHERE name LIKE 'digest%'")
        salvage(database, saved)
    async with open_box(saved.parent) as box:
        await box.fleet.use_keys(OLD)
        (entry,) = (await box.consent.list(limit=5)).items
        await box.consent.allow_entry(entry.id, reason="asked at the counter", actor="counter")
        assert [(one.medium, one.stopped) for one in await box.fleet.untold(limit=10)] == [("sms", False)]


@pytest.mark.parametrize("how", ["rekey", "lost key", "lost words"])
async def test_who_was_told_of_and_is_not_known_here_any_more_can_opt_in_everywhere(tmp_path: Path, how: str) -> None:
    """Their new word has the number of the one that is gone, so that it counted as told: staff saw it taken back, and they stayed silenced."""
    database, saved = tmp_path / "tether.db", tmp_path / "saved" / "tether.db"
    saved.parent.mkdir()
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.consent.stop("email", MAIL, reason="no", actor="Mia")
        await tell(box)
        digest = dict(box._store.shares.of("email", MAIL))["k1"]
        await box.fleet.hear([Heard("k1", digest, "email", 4, True, 1_777_766_400_000, "camden", "by hand")])
        await box.people.forget(MAIL, actor="owner")
    if how == "rekey":
        rekey(database)
        database.replace(saved)
    else:
        with closing(sqlite3.connect(database, isolation_level=None)) as db:
            db.execute("DELETE FROM consent" if how == "lost words" else "DELETE FROM secret WHERE name LIKE 'digest%'")
        salvage(database, saved)
    async with open_box(saved.parent) as box:
        await box.fleet.use_keys(OLD)
        await box.consent.allow("email", MAIL, reason="asked at the counter", actor="counter")
        (word,) = await box.fleet.untold(limit=10)
        assert (word.medium, word.stopped, word.base) == ("email", False, 4)


async def test_a_slice_of_the_record_hangs_together_and_ends_with_its_epoch(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await send(box, await accept_one(box))
        last = (await box.fleet.position()).seq
        second = await box.audit.begin_epoch("restored")
        await accept_one(box, id="e2", ref="B-2")
        slice_ = await box.fleet.entries(0, limit=100, most_bytes=100_000)
        assert slice_ is not None
        assert [entry.seq for entry in slice_.entries] == list(range(1, last + 1))
        head = slice_.before
        for entry in slice_.entries:
            head = link(
                head, slice_.epoch, entry.seq, entry.at, *(getattr(entry, name) for name in entry.__struct_fields__[2:])
            )
        assert head == slice_.head
        after = await box.fleet.entries(last, limit=100, most_bytes=100_000)
        assert after is not None
        assert (after.epoch, after.before, after.after_gap) == (second, head, False)
        assert await box.fleet.entries((await box.fleet.position()).seq, limit=1, most_bytes=1) is None


async def test_a_hash_that_is_known_stands_only_before_the_very_next_entry(tmp_path: Path) -> None:
    """Whoever reads on knows the hash from before; where entries were dropped meanwhile, another stands before the first that is left."""
    async with open_box(tmp_path) as box:
        await send(box, await accept_one(box))
        first = await box.fleet.entries(0, limit=1, most_bytes=1000)
        assert first is not None
        plain = await box.fleet.entries(1, limit=1, most_bytes=1000)
        known = await box.fleet.entries(1, limit=1, most_bytes=1000, hash_of_after=first.head)
        assert known == plain
        with closing(sqlite3.connect(tmp_path / "tether.db", isolation_level=None)) as db:
            db.execute("DELETE FROM audit WHERE seq = 2")
        gap = await box.fleet.entries(1, limit=1, most_bytes=1000, hash_of_after=first.head)
        assert gap is not None
        assert (gap.after_gap, gap.before) == (True, b"")


async def test_a_slice_is_bounded_by_bytes_but_never_empty(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await accept_one(box)
        slice_ = await box.fleet.entries(0, limit=100, most_bytes=1)
        assert slice_ is not None
        assert len(slice_.entries) == 1


async def test_a_message_is_told_as_it_stands_with_the_number_of_its_newest_entry(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await send(box, await accept_one(box))
        changed = await box.fleet.changed(0, look=100)
        assert changed is not None
        (state,) = changed.states
        assert (state.id, state.state, state.to, state.rev) == (message.id, "sent", "+44…0123", changed.reached)
        assert await box.fleet.changed(changed.reached, look=100) is None


async def test_without_a_fleet_a_word_on_consent_costs_no_row_more(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        assert await box._store.value("SELECT count(*) FROM fleet_consent") == 0


async def test_a_stop_by_sms_elsewhere_holds_for_whatsapp_here(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.fleet.hear([await word(box, 1, stopped=True)])
        assert await box.consent.blocked("chat", PHONE)


async def test_a_restart_makes_no_stale_opt_in_fresh(tmp_path: Path) -> None:
    """What was known when START was said is what counts, however often the store starts before it can tell."""
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await tell(box, 4)
        await box.consent.allow("sms", PHONE, reason="START", actor="modem")
        await box.fleet.hear([await word(box, 9, stopped=True)])
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        (start,) = await box.fleet.untold(limit=5)
        assert (start.stopped, start.base, start.knew) == (False, 4, 0)


async def test_who_said_stop_at_another_store_is_let_in_here(tmp_path: Path) -> None:
    """By START, and at the counter by medium and address; told on the condition that nobody said anything since."""
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.fleet.hear([await word(box, 7, stopped=True)])
        reply = Reply(address=PHONE, text="START", id="r1", consent="start")
        assert await box.replies.take("modem", reply, medium="sms", actor="modem")
        (start,) = await box.fleet.untold(limit=5)
        assert (start.medium, start.stopped, start.base, start.knew) == ("sms", False, 7, 7)
        await box.fleet.hear([await word(box, 8, stopped=False, heard=7)])
        assert await tries(box) is None
        assert not await box.consent.allow("sms", PHONE, reason="asked at the counter", actor="kim")


@pytest.mark.parametrize("medium", ["sms", "all"])
@pytest.mark.parametrize("about", ["sms", "all"])
async def test_who_headquarters_opted_out_is_let_in_at_the_counter(tmp_path: Path, about: str, medium: str) -> None:
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(NEW)
        await box.fleet.hear([await word(box, n, stopped=True, medium=about, kid=kid) for n, kid in enumerate(NEW, 7)])
        assert await box.consent.allow(medium, PHONE, reason="asked at the counter", actor="kim")
        told = [(one.kid, one.medium, one.stopped, one.knew) for one in await box.fleet.untold(limit=5)]
        assert told == [("k1", medium, False, 8), ("k2", medium, False, 8)]


async def test_a_start_after_a_stores_own_stop_on_all_counts_though_the_fleet_is_told_of_both_at_once(
    tmp_path: Path,
) -> None:
    """Of a store that joins with years of words, or was without a line in between."""
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        at = 1_777_766_400_000
        stop, start = await word(box, 5, stopped=True, medium="all"), await word(box, 6, stopped=False, heard=0)
        await box.fleet.hear([stop, msgspec.structs.replace(start, at=at + 1)])
        assert await tries(box) is None
        await box.fleet.hear([msgspec.structs.replace(stop, seq=7, at=at + 2)])
        await box.fleet.hear([msgspec.structs.replace(start, seq=8, at=at + 1)])
        assert await box.consent.blocked("sms", PHONE), "one that is older than the stop is no answer to it"


async def test_our_stop_that_a_start_elsewhere_ends_while_a_new_key_comes_is_told_no_more(tmp_path: Path) -> None:
    """A store comes back: it has the new key first, and hears of the START then."""
    async with open_box(tmp_path) as box:
        await box.fleet.use_keys(OLD)
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await tell(box)
        await box.fleet.use_keys(NEW)
        await box.fleet.hear([await word(box, 5, stopped=False, store="camden", heard=4)])
        assert await tries(box) is None
        assert await box.fleet.untold(limit=10) == []
