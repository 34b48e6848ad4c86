"""Quotations and the like, which are cancelled as orders are: whoever had asked for a price reads of no order, and whoever ordered reads of its end."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.http import Response
from tests.support.face import opened
from tests.support.outbox_box import posted
from tests.support.shared import shared
from tests.support.small_store import store_settings
from tests.support.sources import NOW, AHook, FakeHttp, Shopfront, json_response, open_front

CONFIRMED, CANCELLED, READY = "order.confirmed", "order.cancelled", "order.ready"


def odoo(state: str, hour: int = 9) -> bytes:
    record = msgspec.json.decode(shared("samples/odoo-sale-order.json").read_bytes())
    return msgspec.json.encode(record | {"state": state, "write_date": f"2026-11-24 {hour:02}:00:00"})


def salesforce(status: str, hour: int) -> bytes:
    sample = shared("samples/salesforce-outbound-message.xml").read_text()
    dated = f"{status}</sf:Status><sf:LastModifiedDate>2026-11-24T{hour:02}:00:00.000Z</sf:LastModifiedDate>"
    return sample.replace("Ready</sf:Status>", dated).encode()


async def take(front: Shopfront, body: bytes) -> None:
    await front.take(AHook(source="erp", body=body, query=[("token", "t0k")]))


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (["cancel", "cancel", "draft"], []),
        (["cancel", "sale", "cancel", "cancel"], [CONFIRMED, CANCELLED]),
        (["cancel", "cancel", "draft", "sale", "cancel"], [CONFIRMED, CANCELLED]),
    ],
)
async def test_a_quotation_that_is_taken_up_again_and_confirmed_is_an_order_that_may_be_cancelled(
    tmp_path: Path, states: Sequence[str], told: Sequence[str]
) -> None:
    """Its first end had the id of its last: whose order was cancelled drove for nothing."""
    table = {"kind": "mapped", "preset": "odoo"}
    async with open_front(tmp_path, secrets={"ERP_WEBHOOK_SECRET": "t0k"}, erp=table) as front:
        for hour, state in enumerate(states):
            await take(front, odoo(state, hour))
        assert await front.told() == told
        (order,) = await front.box.views.orders_by_ref(["S01042"])
        assert order.status == CANCELLED


@pytest.mark.parametrize(
    ("statuses", "told"),
    [
        (["Cancelled", "Cancelled"], []),
        (["Cancelled", "Cancelled", "Ready", "Cancelled"], [READY, CANCELLED]),
        (["Ready", "Cancelled"], [READY, CANCELLED]),
    ],
)
async def test_each_further_change_of_a_cancelled_draft_is_told_to_nobody(
    tmp_path: Path, statuses: Sequence[str], told: Sequence[str]
) -> None:
    """By ids with the moment of the last change each is an event of its own: the first proved that there had been an order."""
    table = {"kind": "mapped", "preset": "salesforce", "drafts": True}
    async with open_front(tmp_path, secrets={"ERP_WEBHOOK_SECRET": "t0k"}, erp=table) as front:
        for hour, status in enumerate(statuses):
            await take(front, salesforce(status, hour))
        assert await front.told() == told


@pytest.mark.parametrize(
    ("cancelled", "table", "ref"),
    [
        (lambda hour: odoo("cancel", hour), {"preset": "odoo"}, "S01042"),
        (lambda hour: salesforce("Cancelled", hour), {"preset": "salesforce", "drafts": True}, "00001001"),
    ],
    ids=["the same id", "an id with the moment"],
)
@pytest.mark.parametrize(
    ("since", "told", "status"),
    [
        ("order.placed", ["order.placed"], "order.placed"),
        ("payment.confirmed", ["payment.confirmed", CANCELLED], CANCELLED),
    ],
)
async def test_who_edits_a_cancelled_draft_cancels_nothing_that_others_placed_since(
    tmp_path: Path,
    cancelled: Callable[[int], bytes],
    table: dict[str, Any],
    ref: str,
    since: str,
    told: Sequence[str],
    status: str,
) -> None:
    """What waits for its customer would be dropped, and the card leave the board. Of what was paid for since they hear."""
    async with open_front(tmp_path, secrets={"ERP_WEBHOOK_SECRET": "t0k"}, erp={"kind": "mapped", **table}) as front:
        await take(front, cancelled(9))
        await front.box.spool.accept(posted("e1", since, ref, source="webshop", at=NOW), front.plan)
        await front.clock.advance(3600)
        await take(front, cancelled(11))
        assert await front.told() == told
        (order,) = await front.box.views.orders_by_ref([ref])
        assert order.status == status


async def test_an_erp_that_is_asked_shows_a_cancelled_draft_each_time(tmp_path: Path) -> None:
    row = {"id": "1", "type": CANCELLED, "changed": "2026-11-24T10:15:30Z"}
    table: dict[str, Any] = {
        "kind": "mapped",
        "id": "id",
        "type": "type",
        "at": "changed",
        "order": {"ref": "id"},
        "drafts": True,
        "poll": "60s",
        "ask": {"url": "https://erp.example.com/orders?since={since}", "changed": "changed", "auth": "none"},
    }

    def answer(request: Any) -> Response:
        return json_response([row])

    async with open_front(tmp_path, http=FakeHttp(answer), erp=table) as front:
        for minute in range(3):
            row["changed"] = f"2026-11-24T10:{15 + minute}:30Z"
            await front.clock.advance(60)
            await front.poll("erp")
        assert (await front.told(), len(await front.events())) == ([], 1)
        assert (await front.box.audit.list(kind="event.conflict", limit=5)).items == []


WOO = {
    "id": 727,
    "number": "W-727",
    "status": "cancelled",
    "total": "34.90",
    "date_created_gmt": "2026-11-24T09:00:00",
    "date_modified_gmt": "2026-11-24T10:00:00",
    "date_paid_gmt": None,
    "billing": {"first_name": "Ada", "email": "ada@example.com", "phone": "07700 900123"},
}


@pytest.mark.parametrize(
    ("table", "body", "id", "ref"),
    [
        ({"kind": "mapped", "preset": "odoo"}, odoo("cancel"), "e1", "S01042"),
        ({"kind": "woocommerce"}, msgspec.json.encode(WOO), "727:order.placed", "W-727"),
    ],
)
async def test_who_tries_a_cancelled_draft_reads_that_nobody_would_be_told(
    table: dict[str, Any], body: bytes, id: str, ref: str
) -> None:
    async with opened(store_settings(sources={"shop": table})) as face:
        headers = {"Authorization": f"Bearer {face.secret('desk')}", "Content-Type": "application/json"}

        async def told() -> list[str]:
            async with face.session.post(f"{face.url}/v1/sources/shop/try", data=body, headers=headers) as answer:
                (tried,) = (await answer.json())["events"]
            return [each["audience"] for each in tried["messages"] if each["audience"] == "customer"]

        assert await told() == []
        placed = posted(id, "order.placed", ref, source="shop", at=NOW - 3_600_000)
        await face.store.box.spool.accept(placed, face.store.engine.planning.plan)
        assert await told() == ["customer"]
