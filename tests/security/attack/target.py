"""The service under attack, as attackers and its own people reach it: a real process behind TLS on loopback, with the sandbox's providers.

Everything here stays on loopback: attackers come from addresses of 127/8 of their own, or from the till's.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import random
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.certificate import server_context
from tests.support.ports import free_port
from tests.support.shop import Shop, open_shop

HERE = "127.0.0.1"
PROVIDER_KEY = base64.b64encode(b"pay-secret-of-the-balloon-shop").decode()
CONFIG = """
[planning]
default_routes = false
[[route]]
on = "order.*"
to = "customer"
via = ["twilio"]
[sources.pay]
kind = "pos"
"""
PHONE = "+447700900123"
HANG_UP = struct.pack("ii", 1, 0)


class Target:
    """What attackers know of the shop: its address, a token that was stolen from a till, and whatever they overhear."""

    def __init__(self, shop: Shop, port: int, till: str, stolen: str) -> None:
        self.shop = shop
        self.port = port
        self.till = till
        self.stolen = stolen
        """Of scope `events`, bound to orders of its own: its name is `stolen`."""
        self.overheard: list[tuple[Mapping[str, str], bytes]] = []
        """Signed requests of the payment provider's, as they went over the wire."""
        self.up = asyncio.Event()
        self.up.set()
        self.tls = ssl.create_default_context()
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE

    @property
    def url(self) -> str:
        return f"https://{HERE}:{self.port}"

    def address(self, rng: random.Random) -> str:
        """Where an attack comes from: now and then the till's own address."""
        return HERE if rng.random() < 0.25 else f"127.0.{rng.randrange(1, 4)}.{rng.randrange(1, 250)}"

    @asynccontextmanager
    async def session(self, local: str = HERE, **headers: str) -> AsyncIterator[aiohttp.ClientSession]:
        connector = aiohttp.TCPConnector(ssl=self.tls, local_addr=(local, 0), limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(15)
        async with aiohttp.ClientSession(self.url, connector=connector, headers=headers, timeout=timeout) as session:
            yield session

    async def ask(self, method: str, path: str, body: Any = None, *, local: str, **headers: str) -> int:
        """One request; its status, 0 where the door was shut before an answer."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        told = {"Content-Type": "application/json", **headers}
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with (
                self.session(local) as session,
                session.request(method, path, data=data, headers=told) as answer,
            ):
                await answer.read()
                return answer.status
        return 0

    async def connect(self, local: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection after its handshake; None where none is to be had."""
        try:
            async with asyncio.timeout(10):
                return await asyncio.open_connection(HERE, self.port, ssl=self.tls, local_addr=(local, 0))
        except (OSError, TimeoutError):
            return None

    def cut(self, request: bytes, local: str) -> None:
        """Say it over TLS and cut the line before an answer can come (in a thread of its own)."""
        with suppress(OSError), socket.create_connection((HERE, self.port), 10, (local, 0)) as plain:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HANG_UP)
            with self.tls.wrap_socket(plain) as secure:
                secure.sendall(request)


def sealed(raw: bytes, id: str, *, key: str = PROVIDER_KEY, at: float | None = None) -> dict[str, str]:
    """Headers of a Standard Webhooks signature."""
    stamp = str(int(time.time() if at is None else at))
    mac = hmac.digest(base64.b64decode(key), f"{id}.{stamp}.".encode() + raw, hashlib.sha256)
    return {"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": f"v1,{base64.b64encode(mac).decode()}"}


def event(id: str, type: str = "order.ready", ref: str = "", **more: Any) -> dict[str, Any]:
    customer = {"name": "Ada", "phone": PHONE}
    return {"id": id, "type": type, "order": {"ref": ref or f"B-{id}"}, "customer": customer, **more}


@asynccontextmanager
async def under_attack(folder: Path) -> AsyncIterator[Target]:
    """A shop that works, and a target of it."""
    server_context(folder)
    port = free_port()
    async with open_shop(folder, pace=0.05) as shop:
        shop.configure(["twilio"], CONFIG)
        tls = f'port = {port}\ntls_cert = "server.pem"\ntls_key = "server.pem"\n'
        shop.config.write_text(shop.config.read_text().replace("port = 0\n", tls))
        with (folder / ".env").open("a") as env:
            env.write(f"PAY_WEBHOOK_SECRET=whsec_{PROVIDER_KEY}\n")
        await shop.start()
        till = await _token(shop, "till-1")
        yield Target(shop, port, till, await _token(shop, "stolen", "--own-orders"))


async def _token(shop: Shop, name: str, *bounds: str) -> str:
    made = await asyncio.to_thread(shop.tether, "token", "new", name, "--scope", "events", *bounds)
    return str(made.stdout.strip())
