"""One ledger of consent: the newest word holds, for a medium and for all."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outbox import Refusal
from tests.support.outbox_box import MAIL, PHONE, accept_one, open_box, planned


async def test_stop_and_allow(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        assert await box.consent.blocked("sms", PHONE) is None
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        assert await box.consent.blocked("sms", PHONE) == "STOP"
        assert await box.consent.blocked("email", PHONE) is None
        assert await box.consent.blocked("sms", MAIL) is None
        assert await box.consent.allow("sms", PHONE, reason="START", actor="modem")
        assert await box.consent.blocked("sms", PHONE) is None
        assert not await box.consent.allow("sms", PHONE, reason="START", actor="modem")


async def test_a_word_on_all_covers_each_medium_until_a_newer_word(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.consent.stop("all", MAIL, reason="leave me alone", actor="Mia")
        assert await box.consent.blocked("email", MAIL) == "leave me alone"
        await box.consent.allow("email", MAIL, reason="changed her mind", actor="Mia")
        assert await box.consent.blocked("email", MAIL) is None
        assert await box.consent.blocked("sms", MAIL) == "leave me alone"
        assert await box.consent.allow("all", MAIL, reason="", actor="Mia")
        assert await box.consent.blocked("sms", MAIL) is None


async def test_silence_by_sms_holds_for_whatsapp_unless_they_opted_in_there(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        assert await box.consent.blocked("chat", PHONE) == "STOP"
        assert await box.consent.blocked("email", PHONE) is None
        assert await box.consent.allow("chat", PHONE, reason="resume", actor="WhatsApp")
        assert await box.consent.blocked("chat", PHONE) is None
        assert await box.consent.blocked("sms", PHONE) == "STOP"
        await box.consent.allow("sms", PHONE, reason="START", actor="modem")
        await box.consent.stop("sms", PHONE, reason="STOP again", actor="modem")
        assert await box.consent.blocked("chat", PHONE) == "STOP again", "the newest word counts"


async def test_silence_in_whatsapp_outlives_a_start_by_sms(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await box.consent.stop("chat", PHONE, reason="stop", actor="WhatsApp")
        await box.consent.allow("sms", PHONE, reason="START", actor="modem")
        assert await box.consent.blocked("sms", PHONE) is None
        assert await box.consent.blocked("chat", PHONE) == "stop"


async def test_no_whatsapp_goes_to_who_asked_for_silence_by_sms(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box, planned("m1", via=("whatsapp",)))
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        refused = await box.spool.begin(message.seq, channel="whatsapp", via_index=0, medium="chat", address=PHONE)
        assert refused == Refusal("the recipient opted out", opted_out=True)


async def test_case_and_spaces_make_no_other_address(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.consent.stop("email", " Ada@Example.com", reason="x", actor="Mia")
        assert await box.consent.blocked("email", MAIL) == "x"


async def test_the_same_word_again_is_not_kept_twice(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        for _ in range(3):
            await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        assert len((await box.audit.list(kind="consent", limit=9)).items) == 1


async def test_the_list_shows_what_stands_masked_and_in_pages(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        for n in range(5):
            await box.consent.stop("sms", f"+44770090012{n}", reason=f"r{n}", actor="modem")
        await box.consent.allow("sms", "+447700900122", reason="", actor="modem")
        first = await box.consent.list(limit=3)
        rest = await box.consent.list(limit=3, cursor=first.next)
        assert [one.reason for one in (*first.items, *rest.items)] == ["r4", "r3", "r1", "r0"]
        assert rest.next is None
        assert first.items[0].address == "+44…0124"


async def test_the_audit_holds_no_address(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        text = b"".join([piece async for piece in box.audit.export()])
        assert PHONE.encode() not in text
        assert box.digest(PHONE).encode() not in text


WORDS = st.lists(st.tuples(st.booleans(), st.sampled_from(["sms", "email", "all"])), max_size=12)


@given(words=WORDS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_newest_word_on_a_medium_or_on_all_holds(tmp_path_factory, words: list[tuple[bool, str]]) -> None:  # type: ignore[no-untyped-def]
    async with open_box(tmp_path_factory.mktemp("box")) as box:
        stopped = {"sms": False, "email": False}
        for stop, medium in words:
            act = box.consent.stop if stop else box.consent.allow
            await act(medium, PHONE, reason="r", actor="a")
            stopped |= dict.fromkeys(stopped if medium == "all" else [medium], stop)
        assert {medium: await box.consent.blocked(medium, PHONE) is not None for medium in stopped} == stopped
