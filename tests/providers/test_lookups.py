"""What looking an unknown attempt up must not be wrong about: a slow line, a clock that goes wrong, and other texts to the same number."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest

from daemon.http import Answer as WireAnswer
from daemon.http import Request
from outbox.outcome import CannotTell, Found, ReceiptState
from tests.conformance.cases.plivo import UUID
from tests.conformance.cases.slack import REFERENCE
from tests.conformance.cases.twilio import SID
from tests.conformance.cases.vonage import RECEIPT, form, record, taken
from tests.conformance.cases.vonage import SID as VONAGE
from tests.support.at_vendor import Bench, bench
from tests.support.channel_case import NOW, Answer, says, sent, told

TEXT = "Order B-1042 is ready."


def at(ms: int) -> str:
    return format_datetime(datetime.fromtimestamp(ms / 1000, UTC), usegmt=True)


TWILIO = {"sid": SID, "body": TEXT, "status": "sent", "date_created": at(NOW + 1000)}
PLIVO = {"message_uuid": UUID, "message_state": "sent", "message_time": "2026-11-24 10:15:01+00:00"}
NTFY = {"id": "n1", "event": "message", "message": TEXT, "time": NOW // 1000 + 1}


def slow(bench: Bench, seconds: float) -> None:
    """The line takes that long for every answer."""
    http = bench.channel.http
    exchange = http.exchange

    async def slowly(base: str, request: Request, until: float) -> WireAnswer:
        await bench.clock.advance(seconds)
        return await exchange(base, request, until)

    http.exchange = slowly  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("name", "answer", "found"),
    [
        ("twilio", {"messages": [TWILIO]}, SID),
        ("plivo", {"objects": [PLIVO]}, UUID),
        ("ntfy", NTFY, "n1"),
    ],
)
async def test_an_answer_that_takes_long_is_no_wrong_clock(name: str, answer: Any, found: str) -> None:
    async with bench(name, {"^GET": says(answer, Date=at(NOW + 69_000))}) as it:
        slow(it, 9)
        assert told(await it.channel.lookup(sent(it.out(), channel=name))) == f"found:{found}"


async def test_a_text_that_was_taken_in_part_is_not_looked_up() -> None:
    """Its record would be that of the part."""
    async with bench("vonage") as it:
        asked = sent(it.out(), channel="vonage")
        in_part = msgspec.structs.replace(asked.attempt, code="partial")
        answer = await it.channel.lookup(msgspec.structs.replace(asked, attempt=in_part))
        assert (told(answer), it.lines()) == ("cannot_tell", [])


@pytest.mark.parametrize(("refused", "outcome"), [("1", "unknown"), ("9", "rejected:channel")])
async def test_that_a_part_of_a_text_arrived_does_not_say_that_the_text_did(refused: str, outcome: str) -> None:
    """All parts bear one reference, and the receipt of the one that was taken comes within seconds: its message stood there as delivered."""
    async with bench("vonage", {"^POST": taken("0", refused)}) as it:
        out = it.out()
        of_a_part = {**RECEIPT, "client-ref": out.reference}
        assert it.channel.receive(form(of_a_part)).receipts
        assert told(await it.channel.send(out)) == outcome
        for status in ("accepted", "buffered", "delivered"):
            assert not it.channel.receive(form({**of_a_part, "status": status})).receipts
        (stopped,) = it.channel.receive(form({**of_a_part, "status": "rejected", "err-code": "9"})).receipts
        assert stopped.opted_out


async def test_one_listed_text_is_not_taken_for_either_of_two() -> None:
    """Plivo lists neither text nor reference of ours: of two to one number whose answers were lost, it may be the other that it took."""
    other = {**PLIVO, "message_uuid": "other"}
    for rows, known in (([PLIVO], "cannot_tell"), ([PLIVO, other], f"found:{UUID}")):
        async with bench("plivo", {"^GET": says({"objects": rows}, Date=at(NOW + 60_000))}) as it:
            asked = msgspec.structs.replace(sent(it.out(), channel="plivo"), rivals=1)
            assert told(await it.channel.lookup(asked)) == known


async def test_a_long_text_has_arrived_when_all_of_it_has() -> None:
    async with bench("vonage", {"^POST": taken("0", "0")}) as it:
        out = it.out()
        assert told(await it.channel.send(out)).startswith("accepted")
        ids = [f"{VONAGE[:-1]}{number}" for number in (1, 2)]
        first, second = ({**RECEIPT, "client-ref": out.reference, "messageId": each} for each in ids)
        assert not it.channel.receive(form(first)).receipts
        assert it.channel.receive(form(second)).receipts
        await it.channel.send(out)
        assert it.channel.receive(form({**second, "status": "failed"})).receipts
        assert not it.channel.receive(form(first)).receipts
    async with bench("vonage", {"^POST": taken("0", "0"), "^GET": record(message_id=ids[0])}, reports=True) as it:
        await it.channel.send(out)
        asked = sent(out, channel="vonage", provider_id=ids[0])
        assert list(await it.channel.receipts([asked])) == [], "only its first part is asked for"


async def test_a_lookup_that_is_throttled_is_not_asked_again_at_once() -> None:
    async with bench("twilio", {"^GET": Answer(429, b"", {"Retry-After": "0"})}) as it:
        answer = await it.channel.lookup(sent(it.out(), channel="twilio"))
    assert isinstance(answer, CannotTell)
    assert answer.again == 5.0


@pytest.mark.parametrize("name", ["twilio", "mailgun", "slack"])
async def test_a_lookup_that_reaches_nobody_says_so(name: str) -> None:
    """That no provider can be reached is news of the line, and none of the text."""
    async with bench(name) as it:
        http: Any = it.channel.http
        http.port = 1
        answer = await it.channel.lookup(sent(it.out(), channel=name))
    assert isinstance(answer, CannotTell)
    assert (answer.unreachable, answer.again) == (True, 60)


class Listing(dict[str, Answer]):
    """What a provider lists, as far back as it is asked to: its own clock shows `now`."""

    def __init__(self, it: Bench, key: str, row: dict[str, Any], is_listed: Callable[[dict[str, str]], bool], now: int):
        super().__init__()
        self.it, self.key, self.row, self.is_listed, self.now = it, key, row, is_listed, now

    def items(self) -> Any:
        rows = [self.row] if self.is_listed(dict(parse_qsl(self.it.vendor.seen[-1].query))) else []
        body = {"ok": True, "channel": {"id": "D1"}, self.key: rows}
        return {".": Answer(200, json.dumps(body), {"Date": at(self.now)})}.items()


@pytest.mark.parametrize("ahead", [-600, 0, 600])
async def test_slack_finds_its_message_by_a_clock_that_is_wrong(ahead: int) -> None:
    real = NOW - ahead * 1000
    posted = real / 1000 + 1
    row = {"ts": f"{posted:.6f}", "metadata": {"event_payload": {"ref": REFERENCE}}}
    async with bench("slack") as it:
        it.vendor.steps = Listing(
            it, "messages", row, lambda asked: posted >= float(asked.get("oldest", 0)), real + 60_000
        )
        assert isinstance(await it.channel.lookup(sent(it.out(), channel="slack")), Found)


@pytest.mark.parametrize("name", ["slack", "twilio", "plivo", "mailgun", "outlook"])
async def test_what_may_still_be_under_way_is_not_given_up(name: str) -> None:
    """A request that got no answer within ten seconds may be served a moment later."""
    nothing = says({"ok": True, "messages": [], "objects": [], "items": [], "value": []}, Date=at(NOW + 16_000))
    async with bench(name, {"^GET": nothing}) as it:
        answer = await it.channel.lookup(sent(it.out(), channel=name, after=16))
    assert isinstance(answer, CannotTell)
    assert answer.again


@pytest.mark.parametrize(("minutes", "meaning"), [(3, "cannot_tell"), (29, "cannot_tell"), (31, "absent")])
async def test_mailgun_s_list_is_late_so_what_is_not_on_it_may_be_there(minutes: int, meaning: str) -> None:
    """The second mail went at once, unmarked, and also where staff were to be asked."""
    async with bench("mailgun", {"^GET": says({"items": []})}) as it:
        answer = await it.channel.lookup(sent(it.out(), channel="mailgun", after=60 * minutes))
    assert told(answer) == meaning
    assert not isinstance(answer, CannotTell) or answer.again is None, "the route decides"


@pytest.mark.parametrize("days", [-3, 0, 3])
async def test_twilio_finds_a_text_by_a_clock_that_is_days_off(days: int) -> None:
    real = NOW - days * 86_400_000
    created = datetime.fromtimestamp(real / 1000, UTC)
    row = {**TWILIO, "date_created": format_datetime(created)}
    async with bench("twilio") as it:
        it.vendor.steps = Listing(
            it, "messages", row, lambda asked: created.date().isoformat() >= asked.get("DateSent>", ""), real + 60_000
        )
        assert isinstance(await it.channel.lookup(sent(it.out(), channel="twilio")), Found)


@pytest.mark.parametrize(("rows", "meaning"), [([-3600], "absent"), ([30, -3600], "absent"), ([30, 1], "cannot_tell")])
async def test_slack_knows_by_a_page_that_goes_back_far_enough(rows: list[int], meaning: str) -> None:
    page = {"ok": True, "messages": [{"ts": f"{NOW / 1000 + seconds:.6f}"} for seconds in rows], "has_more": True}
    async with bench("slack", {"conversations.history": says(page)}) as it:
        assert told(await it.channel.lookup(sent(it.out(), channel="slack"))) == meaning


@pytest.mark.parametrize(
    ("name", "key", "id", "row"), [("plivo", "objects", "message_uuid", PLIVO), ("twilio", "messages", "sid", TWILIO)]
)
async def test_a_text_that_is_known_to_be_another_is_not_taken_for_this_one(
    name: str, key: str, id: str, row: dict[str, str]
) -> None:
    rows = [{**row, id: "another"}, row]
    async with bench(name, {"^GET": says({key: rows})}) as it:
        asked = msgspec.structs.replace(sent(it.out(), channel=name), others=frozenset({"another"}))
        assert told(await it.channel.lookup(asked)) == f"found:{row[id]}"
        asked = msgspec.structs.replace(asked, others=frozenset({"another", row[id]}))
        assert told(await it.channel.lookup(asked)) == "absent"


@pytest.mark.parametrize(
    ("statuses", "worst", "state"),
    [
        (("delivered", "failed"), 1, ReceiptState.UNDELIVERED),
        (("delivered", "accepted"), 1, None),
        (("delivered", "delivered"), 0, ReceiptState.DELIVERED),
    ],
)
async def test_a_long_text_that_is_looked_up_has_arrived_when_all_of_it_has(
    statuses: tuple[str, str], worst: int, state: ReceiptState | None
) -> None:
    ids = [f"{VONAGE[:-1]}{number}" for number in (1, 2)]
    rows = [{"message_id": id, "client_ref": REFERENCE, "status": it} for id, it in zip(ids, statuses, strict=True)]
    async with bench("vonage", {"^GET": says({"records": rows})}, reports=True) as it:
        assert await it.channel.lookup(sent(it.out(), channel="vonage")) == Found(ids[worst], state)


async def test_all_parts_of_a_long_text_are_asked_for() -> None:
    first, second = (f"{VONAGE[:-1]}{number}" for number in (1, 2))
    rows = [
        {"message_id": first, "client_ref": REFERENCE, "status": "delivered"},
        {"message_id": second, "client_ref": REFERENCE, "status": "failed", "error_code": "6"},
    ]
    async with bench("vonage", {"^POST": taken("0", "0"), "^GET": says({"records": rows})}, reports=True) as it:
        out = it.out()
        await it.channel.send(out)
        (update,) = await it.channel.receipts([sent(out, first, channel="vonage")])
        assert (update.state, update.provider_id) == (ReceiptState.UNDELIVERED, second)
        assert dict(parse_qsl(it.vendor.seen[-1].query))["id"] == f"{first},{second}"


@pytest.mark.parametrize(
    ("error", "again"),
    [("internal_error", 60), ("rate_limited", 60), ("fatal_error", 60), ("", 60), ("missing_scope", None)],
)
async def test_slack_s_trouble_of_the_moment_is_not_its_last_word(error: str, again: float | None) -> None:
    """The history would have shown the message a minute later: it was posted twice."""
    async with bench("slack", {"conversations.history": says({"ok": False, "error": error})}) as it:
        answer = await it.channel.lookup(sent(it.out(), channel="slack"))
    assert isinstance(answer, CannotTell)
    assert answer.again == again


async def test_a_firewall_s_page_is_not_the_provider_s_word() -> None:
    page = Answer(403, "<!DOCTYPE html><title>Request blocked</title>", {"Content-Type": "text/html"})
    async with bench("twilio", {"^GET": page}) as it:
        answer = await it.channel.lookup(sent(it.out(), channel="twilio"))
    assert isinstance(answer, CannotTell)
    assert answer.again == 60
