"""`tether backup` and `tether restore` as an owner types them, on a shop that was stopped."""

import asyncio
import json
from pathlib import Path

from tests.support.shop import event, open_shop

ROUTES = '[planning]\ndefault_routes = false\n[[route]]\non = "order.ready"\nto = "customer"\nvia = ["twilio"]\n'


async def test_there_and_back(tmp_path: Path) -> None:
    async with open_shop(tmp_path, pace=0.02) as shop:
        shop.configure(["twilio"], ROUTES, extra='[backup]\nto = "kept"\n')
        await shop.start()
        for number in range(5):
            assert await shop.post(event(number)) == 202
        await shop.until({"sent", "delivered"})
        made = json.loads((await asyncio.to_thread(shop.tether, "backup", "--json")).stdout)
        refused = await asyncio.to_thread(shop.tether, "restore", "latest", "--yes", check=False)
        assert refused.returncode == 1
        assert "stop it first" in refused.stderr
        assert await shop.post(event("later")) == 202
        await shop.until({"sent", "delivered"})
        await shop.stop()
        listed = await asyncio.to_thread(shop.tether, "backup", "--list", "--json")
        assert json.loads(listed.stdout) == [made["name"]]
        dry = await asyncio.to_thread(shop.tether, "restore", "--dry-run")
        assert "nothing was replaced" in dry.stdout
        done = await asyncio.to_thread(shop.tether, "restore", str(tmp_path / "kept" / made["name"]), "--yes")
        assert "restored" in done.stdout
        await shop.start()
        orders = {order["ref"] for order in (await shop.get("/v1/orders"))["items"]}
        assert orders == {f"B-{number}" for number in range(5)}
        assert (await shop.get("/v1/audit/verify"))["ok"]
        sent_before = len(list(shop.sandbox.mailbox))
        assert await shop.post(event("new")) == 202
        await shop.until({"sent", "delivered"})
        assert len(list(shop.sandbox.mailbox)) == sent_before + 1


async def test_on_a_new_card_the_configuration_comes_along(tmp_path: Path) -> None:
    async with open_shop(tmp_path, pace=0.02) as shop:
        shop.configure(["twilio"], ROUTES, extra='[backup]\nto = "kept"\n')
        await asyncio.to_thread(shop.tether, "token", "new", "till-1", "--scope", "events")
        made = json.loads((await asyncio.to_thread(shop.tether, "backup", "--json")).stdout)
        archive = tmp_path / "kept" / made["name"]
        words = tmp_path / "words"
        words.write_text((await asyncio.to_thread(shop.tether, "key", "words", "--plain")).stdout)
        new = tmp_path / "new" / "tether.toml"
        strange = await asyncio.to_thread(
            shop.tether, "restore", str(archive), "--yes", "--config", str(new), check=False
        )
        assert strange.returncode == 1
        assert "twelve words" in strange.stderr
        assert not new.exists()
        done = await asyncio.to_thread(
            shop.tether, "restore", str(archive), "--yes", "--words", str(words), "--config", str(new)
        )
        assert "was taken from the backup" in done.stdout
        assert (tmp_path / "new" / "tether.db.key").stat().st_mode & 0o777 == 0o600
        assert new.read_text() == shop.config.read_text()
        tokens = await asyncio.to_thread(shop.tether, "token", "list", "--json", "--config", str(new))
        assert [token["name"] for token in json.loads(tokens.stdout)] == ["till-1"]


async def test_a_backup_that_there_isn_t(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio"], ROUTES, extra='[backup]\nto = "kept"\n')
        done = await asyncio.to_thread(shop.tether, "restore", "tether-20200101T000000Z.backup", "--yes", check=False)
        assert done.returncode == 1
        assert "tether backup --list" in done.stderr
