"""A fleet as its owner sets it up, command by command: headquarters, a store that joins, what it did seen at headquarters, and the store cut off."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from daemon.hq.database import opened
from tests.support.busy import until
from tests.support.headquarters import headquarters
from tests.support.shop import event, open_shop

pytestmark = pytest.mark.engines

LOOK = 0.1
"""Seconds between two looks at what another process does."""


async def test_a_fleet_of_one_from_nothing(tmp_path: Path, database: str) -> None:
    (tmp_path / "hq").mkdir()
    (tmp_path / "shop").mkdir()
    async with headquarters(tmp_path / "hq", database) as hq, open_shop(tmp_path / "shop") as shop:
        said = hq.init()
        assert "systemctl enable --now tether-nats" in said
        assert f"--config {hq.folder.resolve()}/hq.toml" in (hq.folder / "tether-hq.service").read_text()
        assert (
            hq.tether("init", str(hq.folder), "--name", "x", "--url", hq.url, "--server", "a", check=False).returncode
            == 1
        )
        await hq.start_nats()
        await hq.start()
        token = hq.tether("token", "new", "test").stdout.strip()
        code = hq.tether("store", "add", "soho", "--group", "london").stdout.split("'")[1]
        shop.configure(["twilio"])
        assert "soho now" in shop.tether("fleet", "join", code).stdout
        used = shop.tether("fleet", "join", code, check=False)
        assert used.returncode == 1
        assert "that code was used" in used.stderr
        assert "ask for a new one (tether hq store add soho)" in used.stderr
        await shop.start()
        await shop.post(event(1))
        await shop.until({"sent", "delivered"}, seconds=60)

        async def archived() -> Any:
            (store,) = (await hq.get("/v1/stores", token))["items"]
            return (
                store if store["archived"] > 5 and store["state"] == "ok" and store["health"]["queued"] == 0 else None
            )

        store = await until(archived, every=LOOK)
        assert (store["name"], store["group"], store["forks"], store["gaps"]) == ("soho", "london", 0, 0)

        async def told() -> Any:
            found = await hq.get("/v1/orders/B-1", token)
            states = [message["state"] for message in found.get("messages", [])]
            return found if states in (["sent"], ["delivered"]) else None

        order = await until(told, every=LOOK)
        assert "event.accepted" in [entry["kind"] for entry in order["entries"]]
        assert (await hq.get("/v1/audit/verify", token))["ok"]
        assert (await hq.get("/v1/stores"))["status"] == 401
        status = shop.tether("fleet", "status")
        assert "connected since" in status.stdout
        assert hq.tether("doctor").returncode == 0
        assert "soho" in hq.tether("store", "list").stdout

        hq.tether("store", "revoke", "soho")

        async def refused() -> bool:
            return bool((await shop.get("/v1/fleet"))["state"] == "refused")

        await until(refused, seconds=60, every=LOOK)
        status = shop.tether("fleet", "status", check=False)
        assert status.returncode == 1
        assert "not authorised" in status.stdout
        assert "tether hq store add soho" in status.stdout
        await shop.post(event(2))
        await shop.until({"sent", "delivered"}, seconds=60)
        assert hq.end("hq") == 0


async def test_headquarters_does_not_start_on_servers_that_acknowledge_before_they_wrote(
    tmp_path: Path, database: str
) -> None:
    (tmp_path / "hq").mkdir()
    async with headquarters(tmp_path / "hq", database) as hq:
        hq.init()
        conf = hq.folder / "nats" / "hq1" / "server.conf"
        conf.write_text(conf.read_text().replace("sync_interval: always", 'sync_interval: "2m"'))
        await hq.start_nats()
        refused = hq.tether("run", check=False)
        assert refused.returncode == 1
        assert 'hq1: sync_interval is not "always"' in refused.stderr
        doctor = hq.tether("doctor", check=False)
        assert doctor.returncode == 1
        assert "is lost when the power fails" in doctor.stdout
        unwell = hq.tether("store", "add", "soho").stdout
        assert hq.url in unwell


async def test_a_password_is_kept_by_argon2_only(tmp_path: Path, database: str) -> None:
    """Somebody has a copy of headquarters' database and wants people's passwords from it."""
    password = "three red balloons"
    (tmp_path / "hq").mkdir()
    async with headquarters(tmp_path / "hq", database) as hq, opened(database) as db:
        hq.init()
        assert hq.tether("user", "add", "maria", stdin="short\n", check=False).returncode == 2
        assert "maria may log in as viewer" in hq.tether("user", "add", "maria", stdin=password + "\n").stdout
        hq.tether("user", "add", "noor", stdin=password + "\n")
        kept = [row[0] for row in await (await db.execute("SELECT password FROM hq_user")).fetchall()]
    assert len(set(kept)) == 2
    for one in kept:
        assert one.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        Argon2id.verify_phc_encoded(password.encode(), one)
        with pytest.raises(InvalidKey):
            Argon2id.verify_phc_encoded(b"three red balloon", one)
