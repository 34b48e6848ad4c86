"""What customers are called: however odd or long, it is shown as it is, hides nothing and breaks nothing."""

import pytest

from tests.support.counter import opened
from tests.support.sample_shop import NOW, SampleShop


def shop_of(name: str, ref: str = "B-1") -> SampleShop:
    shop = SampleShop.empty()
    shop.add_order(ref, "order.confirmed", "making", now=NOW, name=name, promised=NOW + 3_600_000)
    return shop


@pytest.mark.parametrize("name", ["Ada [VIP]", "Sam [/]", "Lin [/b]", "[red]Noor", "Mia [@click=app.exit(0)]x"])
async def test_brackets_in_a_name_are_a_part_of_it(name: str) -> None:
    async with opened(shop_of(name)) as counter:
        await counter.press("n")
        await counter.see(f"B-1  {name}", "making → READY")
        await counter.press("escape", "m")
        await counter.see(f"message to {name} · B-1")


async def test_brackets_in_a_number_are_a_part_of_it() -> None:
    async with opened(shop_of("Ada", "B[/1]")) as counter:
        await counter.press("a")
        await counter.see("take it in")
        await counter.type("B[/1]")
        await counter.press("enter")
        await counter.see("open B[/1]")


async def test_a_name_of_wide_signs_takes_no_more_room_than_it_has() -> None:
    """A heart is one character, and another that makes it red and two cells wide."""
    shop = shop_of("\u2764\ufe0f" * 20)
    failed = shop.add_message("B-1", "order.confirmed", now=NOW, state="failed", reason="no usable phone for Twilio")
    shop.orders["B-1"]["told"] = shop.told(failed)
    async with opened(shop) as counter:
        await counter.press("l")
        await counter.see("NOT TOLD: no phone")


async def test_a_name_on_several_lines_is_shown_on_one() -> None:
    async with opened(shop_of("Ada\tMaria\nLovelace")) as counter:
        await counter.see("Ada Maria Lovelace")
        await counter.press("enter")
        await counter.see("B-1  Ada Maria Lovelace  CONFIRMED")
        await counter.press("n")
        await counter.see("Lovelace will be told now")
        assert "\t" not in counter.text


async def test_a_long_name_does_not_hide_where_the_order_stands() -> None:
    shop = shop_of("Maximiliane Wilhelmine von und zu Hohenlohe-Langenburg-Weikersheim the Younger")
    shop.orders["B-1"]["held"] = True
    async with opened(shop) as counter:
        await counter.press("enter")
        await counter.see("B-1  Maximiliane", "CONFIRMED", "on hold")
