"""An ERP that is asked: what it shows from before the box was there is told to nobody, and nothing new is no fault."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.http import Response
from outbox.model import State
from outbox.orders import to_ms
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import posted
from tests.support.sources import NOW, AHook, FakeHttp, json_response, open_front
from tests.support.street import shipped

ERP: dict[str, Any] = {
    "kind": "mapped",
    "id": "id",
    "type": "type",
    "order": {"ref": "id"},
    "poll": "60s",
    "ask": {"url": "https://erp.example.com/orders?since={since}", "changed": "changed", "auth": "none"},
}
DAY = 86_400.0


async def test_what_was_there_before_is_told_to_nobody_in_the_first_night(tmp_path: Path) -> None:
    """The comparison of the last two weeks told all of them, at three in the morning."""
    clock = FakeClock()
    rows = [{"id": "1", "type": "order.cancelled", "changed": "2026-11-24T09:00:00Z"}]

    def answer(request: Any) -> Response:
        since = request.path.partition("since=")[2].replace("%3A", ":")
        return json_response([row for row in rows if row["changed"] >= since])

    async with open_front(tmp_path, http=FakeHttp(answer), clock=clock, erp=ERP) as front:
        await front.poll("erp")
        await clock.advance(60)
        rows.append({"id": "2", "type": "order.ready", "changed": "2026-11-24T10:15:30Z"})
        await front.poll("erp")
        await clock.advance(DAY)
        rows.append({"id": "3", "type": "order.ready", "changed": "2026-11-24T11:00:00Z"})  # missed until the night
        await front.poll("erp")
        assert [ref for _, ref in await front.events()] == ["2", "3"]
        assert await front.told() == ["order.ready", "order.ready"]


async def test_what_it_is_asked_for_from_before_is_read_silently(tmp_path: Path) -> None:
    """`tether sources sync erp --since 3d` told the last three days of a shop whose box was there since an hour."""
    clock = FakeClock()
    rows = [
        {"id": "1", "type": "order.cancelled", "changed": "2026-11-22T09:00:00Z"},
        {"id": "2", "type": "order.ready", "changed": "2026-11-24T10:15:30Z"},
    ]
    http = FakeHttp(lambda request: json_response(rows if clock.now() > NOW else []))
    async with open_front(tmp_path, http=http, clock=clock, erp={**ERP, "at": "changed"}) as front:
        await front.poll("erp")
        await clock.advance(3600)
        front.intake.pollers["erp"].sync(NOW - 3 * 86_400_000)
        await front.poll("erp")
        assert await front.told() == ["order.ready"]
        events = await front.box.replay.since(0, limit=10)
        assert [(one.order_ref, msgspec.json.decode(one.raw).get("history")) for one in events] == [
            ("1", True),
            ("2", None),
        ]


async def test_what_is_dated_with_the_day_alone_is_told_on_the_day_of_the_installation(tmp_path: Path) -> None:
    """The owner's first try: nobody was told, and nothing said why."""
    rows = [{"id": "1", "type": "order.ready", "changed": "2026-11-24"}]
    http = FakeHttp(lambda request: json_response(rows))
    async with open_front(tmp_path, http=http, erp={**ERP, "at": "changed"}) as front:
        await front.poll("erp")
        assert await front.told() == ["order.ready"]


@pytest.mark.parametrize(
    "day", ["2026-11-24", "20261124", "2026-11-24T00:00:00", "2026-11-24 00:00:00.000Z", "1970-01-01"]
)
async def test_of_a_day_alone_nobody_knows_the_moment(tmp_path: Path, day: str) -> None:
    """It counted from midnight: "ready" was past its time from noon on, and late after any step taken that day."""
    clock = FakeClock(NOW + 4 * 3_600_000)
    rows = [{"id": "1", "type": "order.ready", "changed": day}]
    http = FakeHttp(lambda request: json_response(rows))
    async with open_front(tmp_path, http=http, clock=clock, plan=shipped(), erp={**ERP, "at": "changed"}) as front:
        ada = {"email": "ada@example.com"}
        placed = posted("k1", "order.placed", "1", source="counter", at=clock.now() - 3_600_000, customer=ada)
        await front.box.spool.accept(placed, front.plan)
        await front.poll("erp")
        (order,) = await front.box.views.orders_by_ref(["1"])
        assert order.status == "order.ready"
        page = await front.box.views.messages(limit=10)
        (ready,) = [one for one in page.items if (one.trigger, one.audience) == ("order.ready", "customer")]
        assert ready.state == State.QUEUED
        assert ready.expires_at == clock.now() + 12 * 3_600_000


@pytest.mark.parametrize(
    ("tz", "told"),
    [("", ["order.ready"]), ("Europe/Berlin", ["order.ready"]), ("America/New_York", ["order.ready"] * 2)],
)
async def test_of_the_days_before_the_box_was_there_nothing_is_told(tmp_path: Path, tz: str, told: list[str]) -> None:
    """At two in the morning it is yesterday still where the ERP stands."""
    clock = FakeClock(NOW - 8 * 3_600_000)
    rows = [{"id": f"{day}", "type": "order.ready", "changed": f"2026-11-{day}"} for day in (22, 23, 24)]
    erp = {**ERP, "at": "changed", "tz": tz}
    async with open_front(tmp_path, http=FakeHttp(lambda _: json_response(rows)), clock=clock, erp=erp) as front:
        await front.poll("erp")
        assert await front.told() == told


async def test_what_is_told_of_yesterday_happened_by_its_end(tmp_path: Path) -> None:
    clock = FakeClock(NOW + 86_400_000)
    table = {**ERP, "at": "changed", "tz": "Europe/Berlin", "signature": {"kind": "token", "query": "token"}}
    async with open_front(tmp_path, secrets={"ERP_WEBHOOK_SECRET": "t0k"}, clock=clock, erp=table) as front:
        body = msgspec.json.encode({"id": "1", "type": "order.ready", "changed": "2026-11-24"})
        await front.take(AHook(source="erp", body=body, query=[("token", "t0k")], now=clock.now()))
        (told,) = await front.box.replay.since(0, limit=10)
        assert told.occurred_at == to_ms(datetime(2026, 11, 24, 22, 59, 59, tzinfo=UTC))


@pytest.mark.parametrize(
    ("by", "type", "status"),
    [
        ("counter", "order.in_production", "order.ready"),
        ("counter", "order.completed", "order.completed"),
        ("counter", "order.engraved", "order.engraved"),
        ("erp", "order.in_production", "order.in_production"),
    ],
)
async def test_what_is_told_of_yesterday_undoes_no_step_that_others_took_then(
    tmp_path: Path, by: str, type: str, status: str
) -> None:
    """The line was down from the afternoon until the morning. The order went back on the board, and "ready", which still waited, was never told."""
    clock, rows, ada = FakeClock(), list[dict[str, str]](), {"email": "ada@example.com"}
    http = FakeHttp(lambda request: json_response(rows))
    async with open_front(tmp_path, http=http, clock=clock, plan=shipped(), erp={**ERP, "at": "changed"}) as front:
        await front.poll("erp")
        for id, step in (("k1", "order.placed"), ("k2", "order.ready")):
            await clock.advance(4 * 3600)
            await front.box.spool.accept(posted(id, step, "1", source=by, at=clock.now(), customer=ada), front.plan)
        await clock.advance(15 * 3600)
        rows.append({"id": "1", "type": type, "changed": "2026-11-24"})
        await front.poll("erp")
        (order,) = await front.box.views.orders_by_ref(["1"])
        assert order.status == status
        told = (await front.box.views.messages(limit=10)).items
        (ready,) = [one for one in told if (one.trigger, one.audience) == ("order.ready", "customer")]
        assert (ready.state is State.QUEUED) is (status in ("order.ready", "order.engraved"))


async def test_a_box_that_starts_before_its_clock_is_set_was_not_there_that_long_ago(tmp_path: Path) -> None:
    """All since the day that a Pi without a battery starts with counted as news, once the time server was heard."""
    rows = [{"id": "1", "type": "order.cancelled", "changed": "2026-11-22T09:00:00Z"}]
    http = FakeHttp(lambda request: json_response(rows))
    stopped = asyncio.Event()
    stopped.set()
    for clock, trusted in ((FakeClock(NOW - 90 * 86_400_000), False), (FakeClock(), True)):
        async with open_front(tmp_path, http=http, clock=clock, trusted=trusted, erp={**ERP, "at": "changed"}) as front:
            await front.intake.run(stopped)
            if trusted:
                await front.poll("erp")
            assert await front.told() == []


async def test_no_content_is_an_answer_with_nothing_new(tmp_path: Path) -> None:
    """The source counted as failing, and was asked every five minutes at best."""
    http = FakeHttp(lambda request: Response(status=204, headers={}, body=b""))
    async with open_front(tmp_path, http=http, erp=ERP) as front:
        assert await front.poll("erp") == 60
        assert front.intake.rows()[0].problem == ""


async def test_what_staff_dropped_does_not_come_back_with_the_next_question(tmp_path: Path) -> None:
    """A row that nobody understands was written down with every question of the night, and could not be read again."""
    rows = [{"id": "1", "type": "klar", "changed": "2026-11-24T10:15:00Z"}]
    erp = {**ERP, "statuses": {"open": "order.placed"}, "unknown": "keep"}
    async with open_front(tmp_path, http=FakeHttp(lambda request: json_response(rows)), erp=erp) as front:
        for _ in range(3):
            await front.poll("erp")
            await front.clock.advance(60)
        (kept,) = (await front.box.quarantine.list(limit=5)).items
        assert kept.times == 1
        whole = await front.box.quarantine.get(kept.seq)
        assert "tether sources sync erp" in await front.intake.reread(whole)
        assert await front.waiting() == [kept.reason]
        await front.box.quarantine.close(kept.seq, "dropped", actor="Ada")
        await front.poll("erp")
        assert await front.waiting() == []
