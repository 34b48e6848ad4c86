"""The attacks, one function each: who attacks, what they want, and how. Each is one bounded burst that may be repeated for ever.

A new attack is a function with a docstring and the decorator; `invariants` says what must hold whatever they do.
"""

import asyncio
import gzip
import json
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

from tests.security.attack.target import HERE, PROVIDER_KEY, Target, event, sealed

Attack = Callable[[Target, random.Random], Awaitable[None]]
HOLD_S = 4.0
"""How long a burst that merely holds something holds it."""
LATER = (0, 408, 429, 503)
"""What a post with a body may be answered at any time (0: the door was shut): nobody gets anything by it."""


@dataclass(frozen=True)
class Entry:
    name: str
    run: Attack
    alone: bool
    """It takes the service down and up again: nothing else runs meanwhile."""


CATALOGUE: list[Entry] = []


def attack(run: Attack) -> Attack:
    CATALOGUE.append(Entry(run.__name__, run, alone=False))
    return run


def alone(run: Attack) -> Attack:
    CATALOGUE.append(Entry(run.__name__, run, alone=True))
    return run


async def each(count: int, make: Callable[[int], Awaitable[object]]) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(_ignore(make(number)))


async def _ignore(work: Awaitable[object]) -> None:
    await work


WISHES: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/v1/orders/B-till-0/messages", {"to": "customer", "text": "You have won: call +8821"}),
    ("POST", "/v1/orders/B-till-0/status", {"status": "order.cancelled"}),
    ("POST", "/v1/orders/B-till-0/hold", {"reason": "mine"}),
    ("DELETE", "/v1/tokens/till-1", None),
    ("POST", "/v1/tokens", {"name": "mine", "scopes": ["admin"]}),
    ("POST", "/v1/channels/twilio/pause", {"reason": "mine"}),
    ("PUT", "/v1/optouts", {"medium": "all", "address": "+447700900123", "reason": "mine"}),
    ("POST", "/v1/reload", {}),
    ("POST", "/v1/uplink", {"state": "down"}),
)
"""What an attacker would do if they were taken for the owner."""

# ---------------------------------------------------------------- strangers on the shop's network: the doors


@attack
async def doors_cut_in_the_middle(target: Target, rng: random.Random) -> None:
    """A stranger sends whole requests over TLS without a token and cuts the line, to be taken for the counter."""

    def one(number: int) -> Awaitable[None]:
        method, path, body = WISHES[number % len(WISHES)]
        raw = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
        return asyncio.to_thread(target.cut, head.encode() + raw, target.address(rng))

    await each(60, one)


@attack
async def slowloris(target: Target, rng: random.Random) -> None:
    """A stranger sends headers a byte at a time, to keep every place taken."""
    local = target.address(rng)

    async def one(number: int) -> None:
        if made := await target.connect(local):
            _, writer = made
            with suppress(OSError):
                for byte in b"POST /v1/events HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaa"[: int(HOLD_S * 5)]:
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0.2)
            writer.close()

    await each(60, one)


@attack
async def idle_connections(target: Target, rng: random.Random) -> None:
    """A stranger opens connections and says nothing, not even hello, until descriptors run out."""
    local = target.address(rng)
    async with AsyncExitStack() as stack:
        for _ in range(400):
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(2):
                    _, writer = await asyncio.open_connection(HERE, target.port, local_addr=(local, 0))
                stack.callback(writer.close)
        await asyncio.sleep(HOLD_S)


@attack
async def bodies_without_a_token(target: Target, rng: random.Random) -> None:
    """A stranger sends megabytes that only a signature could vouch for, and never the last byte, to take the memory."""
    claims = "webhook-id: a\r\nwebhook-timestamp: 1\r\nwebhook-signature: v1,x\r\n"
    paths = ("/v1/events", "/v1/hooks/pay", "/v1/receipts/twilio", "/v1/hooks/nobody")

    async def one(number: int) -> None:
        if made := await target.connect(target.address(rng)):
            _, writer = made
            head = f"POST {paths[number % 4]} HTTP/1.1\r\nHost: x\r\n{claims}Content-Length: 2000000\r\n\r\n"
            with suppress(OSError, TimeoutError):
                writer.write(head.encode() + b"{" * 1_999_999)
                async with asyncio.timeout(HOLD_S):
                    await writer.drain()
                await asyncio.sleep(HOLD_S)
            writer.transport.abort()

    await each(120, one)


@attack
async def bombs(target: Target, rng: random.Random) -> None:
    """Anybody who can post sends what grows when it is read: compressed, nested, endless numbers, many headers."""
    local = target.address(rng)
    bearer = {"Authorization": f"Bearer {target.stolen}"}
    squeezed = gzip.compress(bytes(20_000_000))
    for body, headers in (
        (squeezed, {"Content-Encoding": "gzip"}),
        (b'{"id":' + b"[" * 100_000 + b"]" * 100_000 + b"}", {}),
        (b'{"id": ' + b"9" * 200_000 + b"}", {}),
        (b'{"id": "\\ud800", "type": "order.ready", "order": {"ref": "B-till-0"}}', {}),
        (b"[" + b",".join([b"{}"] * 200_000) + b"]", {}),
        (b"{}", {f"X-{number}": "a" * 4000 for number in range(40)}),
    ):
        assert await target.ask("POST", "/v1/events", body, local=local, **bearer, **headers) in (
            *LATER,
            400,
            413,
            415,
            422,
            431,
        )


@attack
async def requests_ahead(target: Target, rng: random.Random) -> None:
    """A stranger sends hundreds of requests ahead of their answers on each connection, to have them all kept."""

    async def one(number: int) -> None:
        if made := await target.connect(target.address(rng)):
            reader, writer = made
            with suppress(OSError, TimeoutError):
                writer.write(b"GET /docs HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 7000 + b"\r\n\r\n" * 1)
                writer.write((b"GET /docs HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 7000 + b"\r\n\r\n") * 100)
                async with asyncio.timeout(HOLD_S):
                    await writer.drain()
                    await reader.read(1000)
            writer.transport.abort()

    await each(20, one)


@alone
async def answers_left_lying(target: Target, rng: random.Random) -> None:
    """A stranger asks for the largest page and takes nothing of it, to have it kept with its descriptor for each who asked."""

    async def one(number: int) -> None:
        if made := await target.connect(target.address(rng)):
            _, writer = made
            writer.transport.pause_reading()
            with suppress(OSError):
                for _ in range(int(HOLD_S)):
                    writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
                    await asyncio.sleep(1)
            writer.transport.abort()

    await each(120, one)


# ---------------------------------------------------------------- whoever knows the webhook's address: signatures


@attack
async def forged_signatures(target: Target, rng: random.Random) -> None:
    """Somebody posts as the payment provider without its key: none, an empty one, a guessed one, an old time."""
    raw = json.dumps(event(f"forged-{rng.random()}", "order.cancelled", "B-till-0")).encode()
    local = target.address(rng)
    guesses = ["", "d2hzZWNf", PROVIDER_KEY[::-1].strip("=") + "=="]
    for headers in (
        {},
        *(sealed(raw, "msg", key=guess) for guess in guesses if _is_base64(guess)),
        sealed(raw + b" ", "msg"),
        sealed(raw, "msg", at=time.time() - 3600),
        {**sealed(raw, "msg"), "webhook-id": "another"},
    ):
        assert await target.ask("POST", "/v1/hooks/pay", raw, local=local, **headers) in (*LATER, 401)
        assert await target.ask("POST", "/v1/events", raw, local=local, **headers) in (*LATER, 401)


@attack
async def replayed_signatures(target: Target, rng: random.Random) -> None:
    """Somebody overheard the provider and repeats it, as it was and under another body."""
    if not target.overheard:
        return
    headers, raw = rng.choice(target.overheard)
    local = target.address(rng)
    await target.ask("POST", "/v1/hooks/pay", raw, local=local, **headers)
    other = raw.replace(b"order.ready", b"order.cancelled")
    assert await target.ask("POST", "/v1/hooks/pay", other, local=local, **headers) in (*LATER, 401)


# ---------------------------------------------------------------- whoever holds a till's token


@attack
async def wrong_tokens_in_bulk(target: Target, rng: random.Random) -> None:
    """A stranger guesses tokens by the hundred, from one address and from many."""
    one = target.address(rng)

    async def guess(number: int) -> None:
        local = one if number % 2 else target.address(rng)
        bearer = f"Bearer tether_{rng.getrandbits(256):064x}"
        assert await target.ask("GET", "/v1/orders", local=local, Authorization=bearer) in (0, 401, 429)

    await each(60, guess)


@attack
async def staffs_work_with_a_tills_token(target: Target, rng: random.Random) -> None:
    """Whoever stole a till's token wants what only staff and the owner may do."""
    bearer = {"Authorization": f"Bearer {target.stolen}", "X-Tether-Actor": "owner", "X-Tether-Source": "counter"}
    for method, path, body in (*WISHES, ("GET", "/v1/audit", None), ("GET", "/v1/orders", None)):
        assert await target.ask(method, path, body, local=target.address(rng), **bearer) in (0, 403, 429)


@attack
async def others_sources_ids_and_orders(target: Target, rng: random.Random) -> None:
    """Whoever stole a till's token claims other sources, events that are still to come, and orders of the other till's."""
    bearer = {"Authorization": f"Bearer {target.stolen}"}
    cloud = {**bearer, "Content-Type": "application/cloudevents+json"}
    local = target.address(rng)
    for source in ("counter", "pay", "till-1", "pos"):
        claim = {"specversion": "1.0", "id": f"evt_{rng.randrange(10)}", "source": source, "type": "order.cancelled"}
        data = {"order": {"ref": "B-till-0"}}
        assert await target.ask("POST", "/v1/events", {**claim, "data": data}, local=local, **cloud) in (*LATER, 403)
    for type in ("order.cancelled", "refund.issued", "staff.message"):
        wish = event(f"x-{rng.random()}", type, "B-till-0")
        assert await target.ask("POST", "/v1/events", wish, local=local, **bearer) in (*LATER, 403, 422)
    ahead = event(f"pay-{rng.randrange(10_000)}", "order.placed", f"B-stolen-{rng.randrange(100)}")
    assert await target.ask("POST", "/v1/events", ahead, local=local, **bearer) in (*LATER, 200, 202, 409)


@attack
async def control_characters(target: Target, rng: random.Random) -> None:
    """A customer's name, or a stolen token, wants a terminal's title, the order of letters, or a second line in the log."""
    nasty = "\x1b]0;mine\x07\u202egnp.exe\u200b\r\nBcc: all@example.com\x00\x9b31m"
    bearer = {"Authorization": f"Bearer {target.stolen}"}
    number = rng.randrange(10**9)
    told = event(f"c-{number}", "order.placed", f"B-stolen-c{number}")
    told["customer"]["name"] = nasty
    told["order"]["note"] = nasty
    headers = {**bearer, "X-Request-Id": "a" * 64, "X-Tether-Actor": "mine%0d%0a"}
    assert await target.ask("POST", "/v1/events", told, local=target.address(rng), **headers) in (*LATER, 202, 422)


@attack
async def numbers_that_cost(target: Target, rng: random.Random) -> None:
    """Whoever stole a till's token has texts sent to satellite, premium and foreign numbers that pay them a share."""
    bearer = {"Authorization": f"Bearer {target.stolen}"}
    batch = []
    for number in range(20):
        told = event(f"m-{rng.randrange(10**9)}", "order.placed", f"B-stolen-m{rng.randrange(10**9)}")
        told["customer"]["phone"] = COSTLY[number % len(COSTLY)]
        batch.append(told)
    assert await target.ask("POST", "/v1/events", batch, local=target.address(rng), **bearer) in (*LATER, 202, 207, 422)


COSTLY = ("+882160000001", "+19005550123", "+448712345678", "+449098790000", "+37167860000", "+88213123456", "84433")
"""Satellite, premium, shared cost, far away, and a short code."""

# ---------------------------------------------------------------- power cuts and impatient owners


@attack
async def reloads(target: Target, rng: random.Random) -> None:
    """The owner reloads while all this goes on."""
    await asyncio.to_thread(target.shop.tether, "reload", check=False)


@alone
async def power_cut(target: Target, rng: random.Random) -> None:
    """The power fails, at any moment, and comes back."""
    target.up.clear()
    target.shop.kill()
    await target.shop.start()
    target.up.set()


@alone
async def restart(target: Target, rng: random.Random) -> None:
    """The service is restarted, at any moment."""
    target.up.clear()
    await target.shop.stop()
    await target.shop.start()
    target.up.set()


def _is_base64(text: str) -> bool:
    import base64
    import binascii

    with suppress(binascii.Error):
        base64.b64decode(text, validate=True)
        return True
    return False
