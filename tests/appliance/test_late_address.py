"""After a power cut a Pi is up before its router has given it its address, and nobody is there to start the service again."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.shop import ROOT, open_shop

ABSENT = "198.51.100.7"  # TEST-NET-2 (RFC 5737): nobody's

IT_COMES = """
import socket, subprocess, sys
from daemon.config import Hook
from daemon.runtime.listeners import _tcp_sockets, absent_address

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
hook = Hook(host=sys.argv[1], port=8787)
assert absent_address(hook)
with _tcp_sockets(hook, early=True):
    subprocess.run(["ip", "address", "add", sys.argv[1], "dev", "lo"], check=True)
    socket.create_connection((hook.host, hook.port), timeout=5).close()
    assert not absent_address(hook)
"""
ALONE = ["unshare", "--user", "--map-root-user", "--net"]


def _may_be_alone() -> bool:
    """Whether a process here may have a network of its own, and set it up."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    return subprocess.run([*ALONE, "ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0


async def test_the_service_works_without_the_address_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the counter takes in goes out; status and doctor say in one sentence why no till gets through."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        async with open_shop(tmp_path) as shop:
            shop.configure(["twilio"])
            shop.config.write_text(shop.config.read_text().replace("[hook]\n", f'[hook]\nhost = "{ABSENT}"\n'))
            await shop.start()
            order = {"id": "1", "type": "order.ready", "order": {"ref": "B-7"}, "customer": {"phone": "07700 900123"}}
            assert await shop.post(order) == 202
            await shop.until({"sent", "delivered"})
            trouble = {each["what"]: each["why"] for each in (await shop.get("/v1/status"))["trouble"]}
            doctor = json.loads(shop.tether("doctor", "--offline", "--json", check=False).stdout)
    assert (
        f"no till on the network gets through: hook.host: {ABSENT} is no address of this machine now" in trouble["hook"]
    )
    assert [each["summary"] for each in doctor if each["check"] == "port" and each["level"] == "problem"] == [
        trouble["hook"]
    ]


@pytest.mark.skipif(not _may_be_alone(), reason="no network of its own can be had here (unshare, ip)")
@pytest.mark.parametrize("address", [ABSENT, "2001:db8::7"])
def test_tills_get_through_once_it_comes(address: str) -> None:
    done = subprocess.run([*ALONE, sys.executable, "-c", IT_COMES, address], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
