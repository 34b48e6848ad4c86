"""`tether backup` and `tether restore` as an owner types them, on a shop that was stopped."""

import asyncio
import json
from pathlib import Path
from typing import Any

from daemon.appliance import setup
from daemon.fleet.nkey import KeyPair
from tests.support.shop import Shop, event, open_shop

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
        look = await asyncio.to_thread(shop.tether, "restore", "--dry-run")
        assert "nothing was replaced" in look.stdout  # while it runs
        await shop.stop()
        listed = await asyncio.to_thread(shop.tether, "backup", "--list", "--json")
        assert json.loads(listed.stdout) == [made["name"]]
        dry = await asyncio.to_thread(shop.tether, "restore", "--dry-run")
        assert "nothing was replaced" in dry.stdout
        assert "are carried over" in dry.stdout
        (tmp_path / "tether.db.damaged").touch()  # met while it worked, which is why it is restored
        done = await asyncio.to_thread(shop.tether, "restore", str(tmp_path / "kept" / made["name"]), "--yes")
        assert "restored" in done.stdout
        assert "B-0" in (await asyncio.to_thread(shop.tether, "orders")).stdout, "what is there now is sound"
        await shop.start()
        orders = {order["ref"] for order in (await shop.get("/v1/orders"))["items"]}
        assert orders == {f"B-{number}" for number in range(5)}
        assert (await shop.get("/v1/audit/verify"))["ok"]
        sent_before = len(list(shop.sandbox.mailbox))
        assert await shop.post(event("new")) == 202
        assert await shop.post(event("later")) == 202
        (waits,) = await until_held(shop)
        assert (waits["order_ref"], "restore --confirm" in waits["reason"]) == ("B-new", True)
        assert (await shop.get("/v1/status"))["restored"]["backup"] == made["name"]
        status = await asyncio.to_thread(shop.tether, "status", check=False)
        assert "the database was restored from" in status.stdout
        doctor = await asyncio.to_thread(shop.tether, "doctor", "--offline", "--json", check=False)
        assert [each["level"] for each in json.loads(doctor.stdout) if each["check"] == "restore"] == ["problem"]
        assert len(list(shop.sandbox.mailbox)) == sent_before
        confirmed = await asyncio.to_thread(shop.tether, "restore", "--confirm", "--json")
        assert json.loads(confirmed.stdout) == {"confirmed": True, "freed": 1}
        await shop.until({"sent", "delivered", "cancelled"})
        assert (
            len(list(shop.sandbox.mailbox)) == sent_before + 1
        )  # "later" left before the restore, and is not told again
        assert (await shop.get("/v1/status"))["restored"] is None
        again = await asyncio.to_thread(shop.tether, "restore", "--confirm")
        assert "nothing waits" in again.stdout


async def until_held(shop: Shop) -> list[dict[str, Any]]:
    async with asyncio.timeout(20):
        while not (held := await shop.messages(state="held")):
            await asyncio.sleep(0.05)
    return held


async def test_what_may_be_lost_is_named_and_wants_a_word_of_its_own(tmp_path: Path) -> None:
    """The card died: nothing tells who opted out since. `--yes` alone is not a yes to that."""
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio"], ROUTES, extra='[backup]\nto = "kept"\n')
        await asyncio.to_thread(shop.tether, "token", "new", "till-1", "--scope", "events")
        await asyncio.to_thread(shop.tether, "backup")
        (tmp_path / "tether.db").unlink()
        refused = await asyncio.to_thread(shop.tether, "restore", "--yes", check=False)
        assert refused.returncode == 1
        assert "who opted out since then is written to again" in refused.stdout
        assert "--accept forgotten,optouts,receipts,tokens" in refused.stderr
        assert not (tmp_path / "tether.db").exists()
        partly = await asyncio.to_thread(shop.tether, "restore", "--yes", "--accept", "optouts,tokens", check=False)
        assert "--accept forgotten,receipts`" in partly.stderr
        unknown = await asyncio.to_thread(shop.tether, "restore", "--yes", "--accept", "everything", check=False)
        assert unknown.returncode == 2
        done = await asyncio.to_thread(
            shop.tether, "restore", "--yes", "--accept", "forgotten,optouts", "--accept", "receipts tokens"
        )
        assert "restored" in done.stdout


async def test_the_newest_backup_taken_away_is_noticed(tmp_path: Path) -> None:
    """Somebody with the stick in their hand wants an older state back: they need only take the newer backups off it."""
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio"], ROUTES, extra='[backup]\nto = "kept"\n')
        await asyncio.to_thread(shop.tether, "token", "new", "till-1", "--scope", "events")
        old = json.loads((await asyncio.to_thread(shop.tether, "backup", "--json")).stdout)["name"]
        await asyncio.sleep(1.0)  # names have seconds
        new = json.loads((await asyncio.to_thread(shop.tether, "backup", "--json")).stdout)["name"]
        (tmp_path / "kept" / new).unlink()
        refused = await asyncio.to_thread(shop.tether, "restore", "--dry-run", check=False)
        assert refused.returncode == 1
        assert new in refused.stderr
        assert "--accept older" in refused.stderr
        assert old in (await asyncio.to_thread(shop.tether, "restore", "--dry-run", "--accept", "older")).stdout
        assert old in (await asyncio.to_thread(shop.tether, "restore", old, "--dry-run")).stdout
        ahead, noted = "tether-20990101T000000Z.backup", tmp_path / "tether.db.backup.json"
        (tmp_path / "kept" / ahead).write_bytes(b"")
        noted.write_text(noted.read_text().replace(new, ahead))
        refused = await asyncio.to_thread(shop.tether, "restore", "--dry-run", check=False)
        assert refused.returncode == 1
        assert f"a clock that was ahead: `tether restore {ahead}` takes it" in refused.stderr


async def test_a_new_card_whose_clock_is_behind_takes_no_old_backup_for_the_latest(tmp_path: Path) -> None:
    """The line was down, so the clock stood where the card's image was made: between the backups on the stick."""
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio"], ROUTES, extra='[backup]\nto = "kept"\n')
        await asyncio.to_thread(shop.tether, "token", "new", "till-1", "--scope", "events")
        old = json.loads((await asyncio.to_thread(shop.tether, "backup", "--json")).stdout)["name"]
        newer = "tether-20990101T000000Z.backup"
        (tmp_path / "kept" / newer).write_bytes(b"")
        (tmp_path / "tether.db.backup.json").unlink()
        refused = await asyncio.to_thread(shop.tether, "restore", "--dry-run", check=False)
        assert (refused.returncode, f"`tether restore {newer}` takes that one" in refused.stderr) == (1, True)
        assert old in (await asyncio.to_thread(shop.tether, "restore", "--dry-run", "--accept", "older")).stdout


async def test_on_a_new_card_the_configuration_comes_along(tmp_path: Path) -> None:
    async with open_shop(tmp_path, pace=0.02) as shop:
        shop.configure(["twilio"], ROUTES, extra='[backup]\nto = "kept"\n')
        await asyncio.to_thread(shop.tether, "token", "new", "till-1", "--scope", "events")
        own = tmp_path / "templates/nl/order.ready.sms.j2"
        own.parent.mkdir(parents=True)
        own.write_text("Je ballonnen staan klaar: {{ order.ref }}\n")
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
            shop.tether,
            *("restore", str(archive), "--yes", "--words", str(words), "--config", str(new)),
            *("--accept", "optouts,forgotten,tokens,receipts"),
        )
        assert "was taken from the backup" in done.stdout
        assert (tmp_path / "new" / "tether.db.key").stat().st_mode & 0o777 == 0o600
        assert new.read_text() == shop.config.read_text()
        assert (tmp_path / "new/templates/nl/order.ready.sms.j2").read_text() == own.read_text()
        assert f"1 text of the shop's own came along, to {tmp_path / 'new/templates'}" in done.stdout
        tokens = await asyncio.to_thread(shop.tether, "token", "list", "--json", "--config", str(new))
        assert [token["name"] for token in json.loads(tokens.stdout)] == ["till-1"]
        standing = tmp_path / "script/templates/en/order.ready.sms.j2"
        standing.parent.mkdir(parents=True)
        standing.touch()
        script = await asyncio.to_thread(
            shop.tether,
            *("restore", str(archive), "--yes", "--json", "--words", str(words)),
            *("--config", str(tmp_path / "script" / "tether.toml"), "--accept", "optouts,forgotten,tokens,receipts"),
        )
        told = json.loads(script.stdout)["restored"]
        assert (told["aside"], told["texts"]) == (None, [])
        assert not (tmp_path / "script/templates/nl").exists(), "there are texts, and who wrote them meant them"
        assert "was taken from the backup" in script.stderr


async def test_a_store_of_a_fleet_reads_on_a_new_card_how_it_starts_again(tmp_path: Path) -> None:
    """Its key is in no backup: the service ended with 78 until headquarters, closed on Saturdays, gave a code."""
    async with open_shop(tmp_path) as shop:
        fleet = '[fleet]\nstore = "soho"\nservers = ["tls://hq.example:443"]\n'
        shop.configure(["twilio"], ROUTES, extra=f'[backup]\nto = "kept"\n{fleet}')
        (tmp_path / "fleet.jwt").write_text("claim")
        with (tmp_path / ".env").open("a") as env:
            env.write(f'FLEET_SEED="{KeyPair.make("user").seed}"\nFLEET_CONSENT_KEY="k1:{"YWFh" * 8}"\n')
        await asyncio.to_thread(shop.tether, "token", "new", "till-1", "--scope", "events")
        made = json.loads((await asyncio.to_thread(shop.tether, "backup", "--json")).stdout)
        words = tmp_path / "words"
        words.write_text((await asyncio.to_thread(shop.tether, "key", "words", "--plain")).stdout)
        new = tmp_path / "new" / "tether.toml"
        done = await asyncio.to_thread(
            shop.tether,
            *("restore", str(tmp_path / "kept" / made["name"]), "--yes", "--words", str(words), "--config", str(new)),
            *("--accept", "optouts,forgotten,tokens,receipts"),
        )
        refused = await asyncio.to_thread(shop.tether, "orders", "--config", str(new), check=False)
        assert refused.returncode == 78
        for said in (done.stdout, refused.stderr):
            assert "tether hq store add soho" in said
            assert "tether fleet join CODE" in said
            assert "tether fleet leave" in said
        await asyncio.to_thread(shop.tether, "fleet", "leave", "--yes", "--config", str(new))
        await asyncio.to_thread(shop.tether, "orders", "--config", str(new))


async def test_the_configuration_of_the_package_makes_room_for_the_one_in_the_backup(tmp_path: Path) -> None:
    """The shop came back as "Our shop", with no channel."""
    async with open_shop(tmp_path, pace=0.02) as shop:
        shop.configure(["twilio"], ROUTES, extra='[backup]\nto = "kept"\n')
        await asyncio.to_thread(shop.tether, "token", "new", "till-1", "--scope", "events")
        made = json.loads((await asyncio.to_thread(shop.tether, "backup", "--json")).stdout)
        words = tmp_path / "words"
        words.write_text((await asyncio.to_thread(shop.tether, "key", "words", "--plain")).stdout)
        new = tmp_path / "new" / "tether.toml"
        new.parent.mkdir()
        new.write_text(f"{setup.PACKAGED}\n[store]\nname = 'Our shop'\n")
        new.chmod(0o640)
        restore = ("restore", str(tmp_path / "kept" / made["name"]), "--words", str(words), "--config", str(new))
        await asyncio.to_thread(shop.tether, *restore, "--dry-run")
        assert setup.is_packaged(new), "looking changes nothing"
        done = await asyncio.to_thread(shop.tether, *restore, "--yes", "--accept", "optouts,forgotten,tokens,receipts")
        assert "was taken from the backup" in done.stdout
        assert new.read_text() == shop.config.read_text()
        assert new.stat().st_mode & 0o777 == 0o640, "the service's group reads it"
        assert setup.is_packaged(new.with_name("tether.toml.bak"))


async def test_a_backup_that_there_isn_t(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio"], ROUTES, extra='[backup]\nto = "kept"\n')
        done = await asyncio.to_thread(shop.tether, "restore", "tether-20200101T000000Z.backup", "--yes", check=False)
        assert done.returncode == 1
        assert "tether backup --list" in done.stderr


async def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Of a box that keeps no backups of its own it was said that nothing says where they go."""
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio"], ROUTES)
        away = tmp_path / "usb" / "tether-20200101T000000Z.backup"
        done = await asyncio.to_thread(shop.tether, "restore", str(away), "--yes", check=False)
        assert (done.returncode, f"there is no file {away}" in done.stderr) == (1, True)
        beside = await asyncio.to_thread(shop.tether, "restore", away.name, "--yes", check=False)
        assert (beside.returncode, f"there is no file {away.name}" in beside.stderr) == (1, True)


async def test_the_package_s_service_that_runs_is_stopped_before_its_configuration_is_replaced(tmp_path: Path) -> None:
    """The shop's configuration on an empty database: who had said STOP was texted after the next start."""
    (tmp_path / "new").mkdir()
    async with open_shop(tmp_path) as shop, open_shop(tmp_path / "new") as new:
        shop.configure(["twilio"], ROUTES, extra='[backup]\nto = "kept"\n')
        await asyncio.to_thread(shop.tether, "token", "new", "till-1", "--scope", "events")
        made = json.loads((await asyncio.to_thread(shop.tether, "backup", "--json")).stdout)
        words = tmp_path / "words"
        words.write_text((await asyncio.to_thread(shop.tether, "key", "words", "--plain")).stdout)
        new.configure([])
        new.config.write_text(f"{setup.PACKAGED}\n{new.config.read_text()}")
        await new.start()
        archive = str(tmp_path / "kept" / made["name"])
        done = await asyncio.to_thread(
            shop.tether,
            *("restore", archive, "--yes", "--words", str(words), "--config", str(new.config)),
            *("--accept", "optouts,forgotten,tokens,receipts"),
            check=False,
        )
        assert (done.returncode, "systemctl stop tether" in done.stderr) == (1, True), done.stderr
        assert setup.is_packaged(new.config)
