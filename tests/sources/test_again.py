"""What is kept and read again, and events planned again: nothing is lost, nothing is sent twice."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.intake.intake import Intake
from outbox.errors import IllegalMove, NotFound
from outbox.model import Order, Plan, Posted, State
from outbox.quarantine import LARGEST_BODY, MOST_OF_A_SOURCE
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import open_box, planned, plans, posted, send
from tests.support.planning import plan, route, store
from tests.support.sources import AHook, FakeHttp, open_front, tell_all
from tests.support.street import shipped

TABLE = {"kind": "mapped", "id": "id", "type": "status", "order": {"ref": "order"}, "unknown": "keep"}
GUARD = {"signature": {"kind": "token", "header": "x-token"}}
SECRETS = {"ERP_WEBHOOK_SECRET": "t0k"}


def hook(**body: Any) -> AHook:
    headers = {"x-token": "t0k", "authorization": "Bearer t0k", "content-type": "application/json"}
    return AHook(source="erp", body=msgspec.json.encode(body), headers=headers)


# ---------------------------------------------------------------- kept


async def test_what_was_kept_is_understood_once_the_mapping_is_mended(tmp_path: Path) -> None:
    erp = {**TABLE, **GUARD, "statuses": {"open": "order.placed"}}
    async with open_front(tmp_path, secrets=SECRETS, erp=erp) as front:
        await front.take(hook(id=1, status="Klar", order="B-1"))
        (kept,) = (await front.box.quarantine.list(state="waiting", limit=5)).items
        assert kept.reason == "the status 'Klar' is not in the `statuses` table"
        assert kept.headers == {"content-type": "application/json"}
        whole = await front.box.quarantine.get(kept.seq)
        assert await front.intake.reread(whole) == kept.reason
    mended = {**erp, "statuses": {"klar": "order.ready"}}
    async with open_front(tmp_path, secrets=SECRETS, erp=mended) as front:
        whole = await front.box.quarantine.get(kept.seq)
        assert await front.intake.reread(whole, actor="Ada") == ""
        assert await front.told() == ["order.ready"]
        closed = await front.box.quarantine.get(kept.seq)
        assert (closed.state, closed.body) == ("done", b"")
        with pytest.raises(IllegalMove, match="done"):
            await front.intake.reread(closed)
        assert await front.waiting() == []


async def test_what_is_read_again_happened_when_it_came(tmp_path: Path) -> None:
    """Forty bodies of a Friday, read again on Monday: each order was ready anew, and its customer told, though they had it since long."""
    erp = {**TABLE, **GUARD, "statuses": {"open": "order.placed"}, "customer": {"email": "mail"}}
    clock = FakeClock()
    said = {"order": "B-1", "mail": "ada@example.com"}
    async with open_front(tmp_path, secrets=SECRETS, clock=clock, erp=erp) as front:
        await front.take(hook(id=1, status="open", **said))
        await front.take(hook(id=2, status="klar", **said))
        await clock.advance(86_400)
        completed = posted("k1", "order.completed", "B-1", source="counter", at=clock.now())
        await front.box.spool.accept(completed, front.plan)
        await clock.advance(2 * 86_400)
    mended = {**erp, "statuses": {"open": "order.placed", "klar": "order.ready"}}
    async with open_front(tmp_path, secrets=SECRETS, clock=clock, plan=shipped(), erp=mended) as front:
        (kept,) = (await front.box.quarantine.list(state="waiting", limit=5)).items
        assert await front.intake.reread(await front.box.quarantine.get(kept.seq)) == ""
        (order,) = await front.box.views.orders_by_ref(["B-1"])
        assert order.status == "order.completed"
        page = await front.box.views.messages(limit=10)
        late = [one.state for one in page.items if (one.trigger, one.audience) == ("order.ready", "customer")]
        assert late == [State.SUPERSEDED]


async def test_what_was_taken_of_a_body_that_is_read_again_stays_as_it_was(tmp_path: Path) -> None:
    async with open_front(tmp_path, secrets=SECRETS, erp={**TABLE, **GUARD, "each": "rows"}) as front:
        rows = [{"id": 1, "status": "order.ready", "order": "B-1"}, {"id": 2, "status": "Klar", "order": "B-2"}]
        await front.take(hook(rows=rows))
        await front.clock.advance(86_400)
        (kept,) = (await front.box.quarantine.list(state="waiting", limit=5)).items
        await front.intake.reread(await front.box.quarantine.get(kept.seq))
        assert await front.events() == [("1:order.ready", "B-1")]
        assert (await front.box.audit.list(kind="event.conflict", limit=5)).items == []


async def test_a_reader_that_fails_inside_costs_no_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_front(tmp_path, secrets=SECRETS, erp={**TABLE, **GUARD}) as front:
        source = front.intake._sources["erp"]
        monkeypatch.setattr(source, "read", lambda body, now: 1 / 0)
        await front.take(hook(id=1))
        assert await front.waiting() == ["reading it failed inside: ZeroDivisionError"]


async def test_an_unknown_source_is_named(tmp_path: Path) -> None:
    async with open_front(tmp_path) as front:
        with pytest.raises(NotFound, match=r"\[sources.erp\]"):
            await front.take(hook(id=1))


async def test_the_same_body_is_kept_once_and_counted(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        numbers = [await box.quarantine.keep("erp", b"{}", headers={}, reason=f"why {n}") for n in range(3)]
        other = await box.quarantine.keep("till", b"{}", headers={}, reason="why")
        (till, erp) = (await box.quarantine.list(limit=5)).items
        assert (len({*numbers}), erp.times, erp.reason, till.seq) == (1, 3, "why 2", other)
        await box.quarantine.close(erp.seq, "dropped", actor="Ada")
        again = await box.quarantine.keep("erp", b"{}", headers={}, reason="why")
        assert again != erp.seq
        with pytest.raises(IllegalMove):
            await box.quarantine.close(erp.seq, "done")
        with pytest.raises(NotFound):
            await box.quarantine.close(999, "done")


async def test_what_is_kept_is_bounded(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        for number in range(MOST_OF_A_SOURCE + 5):
            await box.quarantine.keep("erp", str(number).encode(), headers={}, reason="why")
        await box.quarantine.keep("erp", b"x" * (LARGEST_BODY + 1), headers={}, reason="why")
        page = await box.quarantine.list(limit=500)
        seen = [kept.seq for kept in page.items]
        while page.next:
            page = await box.quarantine.list(limit=500, cursor=page.next)
            seen += [kept.seq for kept in page.items]
        assert len(seen) == MOST_OF_A_SOURCE
        assert seen == sorted(seen, reverse=True)
        largest = await box.quarantine.get(seen[0])
        assert (largest.cut, len(largest.body)) == (True, LARGEST_BODY)
        assert len((await box.audit.list(kind="quarantine.dropped", limit=20)).items) == 6


async def test_what_waits_is_not_pushed_out_by_what_was_fetched(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        unread = await box.quarantine.keep("crm", b"?", headers={}, reason="why")
        for number in range(MOST_OF_A_SOURCE + 1):
            fetched = await box.quarantine.keep("crm", str(number).encode(), headers={}, reason="why", retry=True)
            await box.quarantine.close(fetched, "done")
        (kept,) = (await box.quarantine.list(state="waiting", limit=5)).items
        assert kept.seq == unread


async def test_a_forgotten_persons_bodies_go(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.quarantine.keep("erp", b'{"mail": "Ada@Example.com"}', headers={}, reason="why")
        await box.quarantine.keep("erp", b'{"mail": "bob@example.com"}', headers={}, reason="why")
        await box.people.forget("ada@example.com", actor="owner")
        assert [kept.size for kept in (await box.quarantine.list(limit=5)).items] == [27]


# ---------------------------------------------------------------- planned again


async def test_todays_routes_send_what_was_not_sent_and_nothing_twice(tmp_path: Path) -> None:
    def team_too(event: Posted, before: Any, after: Any) -> Plan:
        both = tell_all(event, before, after).messages
        extra = planned(f"t{event.event.id}", recipient="team", audience="team", due_at=event.received_at)
        return Plan((*both, extra))

    async with open_box(tmp_path) as box:
        for number in range(3):
            await box.spool.accept(posted(f"e{number}", ref=f"B-{number}"), tell_all)
        (first, *_) = reversed((await box.views.messages(limit=5)).items)
        await send(box, first)
        events = await box.replay.since(0, limit=10)
        would = [await box.replay.replan(event, team_too, dry_run=True) for event in events]
        assert [[message.id for message in each] for each in would] == [["te0"], ["te1"], ["te2"]]
        assert len((await box.views.messages(limit=10)).items) == 3
        for _ in range(2):
            for event in events:
                await box.replay.replan(event, team_too, dry_run=False)
        messages = (await box.views.messages(limit=10)).items
        assert sorted(message.id for message in messages if message.id.startswith("t")) == ["te0", "te1", "te2"]
        assert len(messages) == 6
        (sent,) = await box.views.messages_by_id([first.id])
        assert sent.state is State.SENT
        assert (await box.audit.verify()).ok


async def test_what_the_order_has_left_behind_is_not_told_when_it_is_planned_again(tmp_path: Path) -> None:
    shop = store("twilio", route=[route("order.*")])

    def today(event: Posted, before: Order | None, after: Order) -> Plan:
        return plan(shop, event, after, before)

    clock = FakeClock()
    ada = {"phone": "07700 900123"}
    async with open_box(tmp_path, clock) as box:
        confirmed = posted("e1", "order.confirmed", at=clock.now(), customer=ada)
        await box.spool.accept(confirmed, plans())
        await clock.advance(3600)
        await box.spool.accept(posted("e2", "order.ready", at=clock.now(), customer=ada), today)
        (ready,) = (await box.views.messages(limit=5)).items
        await send(box, ready)
        await clock.advance(3600)
        for stored in await box.replay.since(0, limit=10):
            await box.replay.replan(stored, today, dry_run=False)
        left_behind, _ = (await box.views.messages(limit=5)).items
        assert (left_behind.trigger, left_behind.state) == ("order.confirmed", State.SUPERSEDED)
        assert left_behind.due_at == confirmed.received_at


async def test_an_event_that_is_gone_can_not_be_planned_again(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.spool.accept(posted("e1"), plans())
        (event,) = await box.replay.since(0, limit=10)
        with pytest.raises(NotFound):
            await box.replay.replan(msgspec.structs.replace(event, source="other"), tell_all, dry_run=True)


async def test_only_events_since_then_and_page_by_page(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        for number in range(5):
            await box.spool.accept(posted(f"e{number}", at=1000 + number), plans())
        page = await box.replay.since(1002, limit=2)
        assert [event.id for event in page] == ["e2", "e3"]
        assert [event.id for event in await box.replay.since(1002, after=page[-1].seq, limit=2)] == ["e4"]


def test_intake_can_be_built_without_sources() -> None:
    from daemon.config import Settings

    intake = Intake(Settings(), None, FakeHttp(), tell_all, None, None, clock_trusted=lambda: True)  # type: ignore[arg-type]
    assert intake.rows() == []
