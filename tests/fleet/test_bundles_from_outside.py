"""A chain's texts as their writer publishes them, command by command: to a store that runs, past a mistake, past NATS, and back again."""

import csv
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.busy import until
from tests.support.headquarters import headquarters
from tests.support.shop import event, open_shop

pytestmark = pytest.mark.engines

LOOK = 0.1
"""Seconds between two looks at what another process does."""

LONG = os.environ.get("TETHER_FLEET") == "long"
TEXT = "templates/en/order.ready.sms.j2"


def texts(folder: Path, text: str) -> str:
    path = folder / TEXT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
    return str(folder)


async def test_a_text_goes_out_to_a_store_and_is_taken_back(tmp_path: Path, database: str) -> None:
    for name in ("hq", "shop", "texts"):
        (tmp_path / name).mkdir()
    async with headquarters(tmp_path / "hq", database) as hq, open_shop(tmp_path / "shop") as shop:
        hq.init()
        await hq.start_nats()
        await hq.start()
        token = hq.tether("token", "new", "test").stdout.strip()
        code = hq.tether("store", "add", "soho", "--group", "london").stdout.split("'")[1]
        shop.configure(["twilio"])
        shop.tether("fleet", "join", code)
        await shop.start()

        async def has(bundle: str, problem: str = "") -> Any:
            async def look() -> bool:
                found = (await hq.get("/v1/stores/soho", token))["store"]["health"]
                return bool(found.get("bundle", "") == bundle and problem in found.get("bundle_problem", ""))

            return await until(look, every=LOOK)

        async def says(n: int) -> str:
            await shop.post(event(n))
            await shop.until({"sent", "delivered"}, seconds=60)
            return str(shop.sandbox.messages[-1].text)

        broken = hq.tether("publish", texts(tmp_path / "texts", "{{ order.reff }}"), "--group", "all", check=False)
        assert broken.returncode == 1
        assert "order has no 'reff'" in broken.stderr
        assert "no store is in a group 'paris'" in hq.tether(
            "publish", texts(tmp_path / "texts", "Hooray! {{ order.ref }}"), "--group", "paris", check=False
        ).stderr  # fmt: skip
        assert "all/1 is published" in hq.tether("publish", str(tmp_path / "texts"), "--group", "all").stdout
        await has("all/1")
        assert "Hooray! B-1" in await says(1)
        assert shop.tether("fleet", "status").stdout.count("all/1") == 1
        shop.kill()
        await shop.start()
        assert "Hooray! B-2" in await says(2)
        told = hq.tether(
            "publish", texts(tmp_path / "texts", "Now! {{ order.ref }}"), "--group", "london", "--note", "spring"
        )
        assert "london/2 is published" in told.stdout
        await has("london/2")
        assert "Now! B-3" in await says(3)
        overview = hq.tether("bundles").stdout
        assert "soho, london, all" in overview
        assert "spring" in overview
        assert "london has no bundle" in hq.tether("withdraw", "--group", "london").stdout
        await has("all/1")

        async def counted() -> bool:
            rows = list(csv.DictReader(hq.tether("figures", "--csv", "-").stdout.splitlines()))
            return [(row["store"], row["told"], int(row["parts"]) > 0, row["currency"]) for row in rows] == [
                ("soho", "3", True, "GBP")
            ]

        await until(counted, every=1.0)
        if not LONG:
            return
        hq.end("nats")
        shop.kill()
        later = hq.tether("publish", texts(tmp_path / "texts", "Later! {{ order.ref }}"), "--group", "all")
        assert "headquarters sends it once it can" in later.stdout
        await shop.start()
        assert "Hooray! B-4" in await says(4)
        await hq.start_nats()
        await has("all/4")
        assert "all/5 is published" in hq.tether("rollback", "--group", "all").stdout
        await has("all/5")
        assert "Hooray! B-5" in await says(5)
        kinds = [entry["kind"] for entry in (await shop.get("/v1/audit", limit=200))["items"]]
        assert kinds.count("bundle.applied") == 5
