"""Who comes by which door, on a running service: whoever can't prove who they are is nobody, and nobody may do anything.

* A stranger on the shop's network cuts TLS connections in the middle of requests without a token, wanting them taken for the counter's.
* A cashier's login on the box itself talks to the counter's socket, wanting to do what only the owner may.
"""

import asyncio
import grp
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificate import server_context
from tests.support.ports import free_port
from tests.support.shop import Shop, event, open_shop

ROUTES = """
[planning]
default_routes = false
[[route]]
on = "order.ready"
to = "customer"
via = ["twilio"]
"""

# ---------------------------------------------------------------- connections cut in the middle

CUTS = 200
WISHES = (
    ("POST", "/v1/orders/B-1/messages", {"to": "customer", "text": "call +8821 for your prize"}),
    ("DELETE", "/v1/tokens/till-1", None),
    ("POST", "/v1/orders/B-1/hold", {"reason": "mine"}),
    ("POST", "/v1/tokens", {"name": "mine", "scopes": ["admin"]}),
)
HANG_UP = struct.pack("ii", 1, 0)
"""SO_LINGER: a reset instead of a goodbye."""


def cut(port: int, number: int) -> None:
    """A whole request without a token over TLS, and the line cut before an answer can come."""
    method, path, body = WISHES[number % len(WISHES)]
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HANG_UP)
        with context.wrap_socket(plain) as secure:
            secure.sendall(head.encode() + content)


async def test_requests_on_connections_cut_over_tls_are_nobodys(tmp_path: Path) -> None:
    server_context(tmp_path)
    port = free_port()
    async with open_shop(tmp_path, pace=0.02) as shop:
        shop.configure(["twilio"], ROUTES)
        tls = 'tls_cert = "server.pem"\ntls_key = "server.pem"\n'
        shop.config.write_text(shop.config.read_text().replace("port = 0\n", f"port = {port}\n{tls}"))
        await shop.start()
        await asyncio.to_thread(shop.tether, "token", "new", "till-1", "--scope", "events")
        assert await shop.post(event(1)) == 202
        await shop.until({"sent", "delivered"})
        before = await shop.get("/v1/tokens")
        with ThreadPoolExecutor(8) as attackers:
            await asyncio.gather(
                *(asyncio.get_running_loop().run_in_executor(attackers, cut, port, n) for n in range(CUTS))
            )
        kinds = {entry["kind"] for entry in (await shop.get("/v1/audit", limit=500))["items"]}
        assert not kinds & {"order.held", "token.revoked"}
        assert len(await shop.messages()) == 1
        assert (await shop.get("/v1/tokens")) == before


# ---------------------------------------------------------------- the counter's socket

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may enter, as a socket's is where others than the service's user are to reach it."""
    if os.geteuid() != 0:
        pytest.skip("only root can start a process as another user")
    if shutil.which("curl") is None:
        pytest.skip("curl speaks to the socket as the other user, and is not installed")
    made = Path(tempfile.mkdtemp(prefix="tether-socket-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def shop(folder: Path) -> AsyncIterator[Shop]:
    async with open_shop(folder, pace=0.02) as shop:
        yield shop


def some_groups() -> Sequence[grp.struct_group]:
    """Two groups of this system's that nobody is in."""
    return [group for group in grp.getgrall() if group.gr_gid not in (0, NOBODY)][:2]


async def opened(shop: Shop, groups: str) -> None:
    shop.configure(["twilio"], ROUTES)
    shop.config.write_text(shop.config.read_text().replace("port = 0\n", f"port = 0\nsocket_groups = {groups}\n"))
    await shop.start()


async def as_nobody(
    shop: Shop, method: str, path: str, body: Any = None, *, groups: Sequence[int] = ()
) -> tuple[int, Any]:
    """What the socket answers to a process of another user; the token and the name that it claims are of no use to it."""
    told = ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body is not None else []
    claims = ["-H", "X-Tether-Actor: root", "-H", "X-Tether-Source: shopify", "-H", "Authorization: Bearer x"]
    command = ["curl", "-s", "-w", "\n%{http_code}", "-X", method, *claims, *told, f"http://tether{path}"]
    done = await asyncio.to_thread(
        subprocess.run,
        [*command, "--unix-socket", str(shop.socket)],
        capture_output=True,
        timeout=20,
        check=True,
        user=NOBODY,
        group=NOBODY,
        extra_groups=groups,
        cwd="/",
    )
    answer, _, status = done.stdout.rpartition(b"\n")
    return int(status), json.loads(answer or b"null")


async def test_users_in_no_group_are_told_which_would_do(shop: Shop) -> None:
    first, second = some_groups()
    await opened(shop, f'{{ "{first.gr_name}" = "admin", "{second.gr_name}" = "staff" }}')
    for path in ("/v1/orders", "/v1/audit", "/v1/tokens"):
        status, problem = await as_nobody(shop, "GET", path)
        assert status == 403, path
        assert f"'{first.gr_name}' gives the scope admin" in problem["detail"]
        assert f"'{second.gr_name}' gives the scope staff" in problem["detail"]
        assert f"uid {NOBODY}" in problem["detail"]
    assert (await as_nobody(shop, "POST", "/v1/events", event(1)))[0] == 403
    assert (await as_nobody(shop, "GET", "/healthz"))[0] == 200
    assert (await shop.get("/v1/orders"))["items"] == []


async def test_a_mapping_of_nothing_gives_nothing(shop: Shop) -> None:
    await opened(shop, "{}")
    status, problem = await as_nobody(shop, "GET", "/v1/orders", groups=[some_groups()[0].gr_gid])
    assert (status, "socket_groups" in problem["detail"]) == (403, True)
    assert (await shop.get("/v1/audit"))["items"]


async def test_staff_may_do_staffs_work_and_the_record_says_who_it_was(shop: Shop) -> None:
    first, second = some_groups()
    await opened(shop, f'{{ "{first.gr_name}" = "admin", "{second.gr_name}" = "staff" }}')
    assert await shop.post(event(1)) == 202
    mine = [second.gr_gid]
    assert (await as_nobody(shop, "GET", "/v1/orders/B-1", groups=mine))[0] == 200
    assert (await as_nobody(shop, "POST", "/v1/orders/B-1/hold", {"reason": "asked"}, groups=mine))[0] == 200
    for method, path, body in (
        ("GET", "/v1/audit", None),
        ("POST", "/v1/tokens", {"name": "mine", "scopes": ["admin"]}),
        ("POST", "/v1/reload", {}),
        ("POST", "/v1/events", event(2)),
    ):
        status, problem = await as_nobody(shop, method, path, body, groups=mine)
        assert (status, f"the group '{first.gr_name}' gives it" in problem["detail"]) == (403, path != "/v1/events"), (
            path
        )
    held = [entry for entry in (await shop.get("/v1/audit", limit=100))["items"] if entry["kind"] == "order.held"]
    assert [entry["actor"] for entry in held] == [f"root (nobody, uid {NOBODY})"]


async def test_admins_by_group_may_do_all(shop: Shop) -> None:
    first, _ = some_groups()
    await opened(shop, f'{{ "{first.gr_name}" = "admin" }}')
    assert (await as_nobody(shop, "GET", "/v1/audit", groups=[first.gr_gid]))[0] == 200
    assert (await as_nobody(shop, "POST", "/v1/events", event(1), groups=[first.gr_gid]))[0] == 202


async def test_a_group_that_the_system_does_not_have_gives_nothing(shop: Shop) -> None:
    await opened(shop, '{ "no-such-group" = "admin" }')
    assert (await as_nobody(shop, "GET", "/v1/orders"))[0] == 403
