"""Named fields for a provider's own template: always the same names, and the documentation lists them."""

import re
from datetime import UTC, datetime
from pathlib import Path

from daemon.config import Settings
from daemon.planner.moments import milliseconds
from daemon.planner.render import Renderer
from outbox.model import Customer, Item, OrderFields
from tests.support.planning import NOW, SHOP, event, order

DOCS = Path(__file__).resolve().parents[2] / "docs"


def renderer() -> Renderer:
    return Renderer(Settings(store=SHOP))


def test_what_is_known() -> None:
    delay = event(
        "order.delayed",
        order=OrderFields(ref="B-1042", promised_at=datetime(2026, 11, 24, 15, 30, tzinfo=UTC)),
        data={"amount": "5", "reason": "driver", "minutes": 90.0, "deep": {"x": 1}, "sure": True},
    )
    known = order(total="48.50", items=(Item("Bouquet", 2),), promised_at=NOW, status="order.delayed")
    fields = renderer().fields(delay, known, locale="en-GB", text="Sorry")
    assert fields["order_ref"] == "B-1042"
    assert fields["order_status"] == "order.delayed"
    assert fields["order_total"] == "£48.50"
    assert fields["order_items"] == "2 × Bouquet"
    assert (fields["promised"], fields["promised_day"], fields["promised_time"]) == (
        "Tue 24 Nov, 10:15",
        "Tue 24 Nov",
        "10:15",
    )
    assert fields["new_time_time"] == "15:30"
    assert (fields["customer_name"], fields["customer_first_name"]) == ("Ada Lovelace", "Ada")
    assert (fields["store_name"], fields["store_phone"]) == (SHOP.name, SHOP.phone)
    assert (fields["amount"], fields["text"]) == ("£5.00", "Sorry")
    assert (fields["data_reason"], fields["data_minutes"]) == ("driver", "90")
    assert "data_deep" not in fields
    assert "data_sure" not in fields


def test_every_name_is_always_there_and_is_text() -> None:
    full = renderer().fields(event(), order(promised_at=NOW, total="1"))
    bare = renderer().fields(event(), order(customer=Customer()))
    assert full.keys() == bare.keys()
    assert all(isinstance(value, str) for value in bare.values())


def test_a_day_that_is_promised_has_no_time() -> None:
    day = milliseconds(datetime(2026, 11, 24, tzinfo=SHOP.zone))
    fields = renderer().fields(event(), order(promised_at=day))
    assert (fields["promised"], fields["promised_day"], fields["promised_time"]) == ("Tue 24 Nov", "Tue 24 Nov", "")


def test_the_team_gets_initials() -> None:
    assert renderer().fields(event(), order(), audience="team")["customer_name"] == "A. L."


def test_the_documentation_lists_them_all() -> None:
    here = (DOCS / "provider-templates.md").read_text(encoding="utf-8")
    there = (DOCS / "templates.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z_]+)` \|", here, re.MULTILINE)
    as_said = re.findall(r"^\| `order\.([a-z_]+)` \| as the shop says it", there, re.MULTILINE)
    assert {*listed, *(f"order_{name}" for name in as_said)} == set(renderer().fields(event(), order()))
