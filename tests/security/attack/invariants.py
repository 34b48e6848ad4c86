"""What must hold whatever attackers do: the till and the provider are heard in time, memory is bounded, nothing is changed that nobody
with a right to it changed, and no text goes where it costs.
"""

import asyncio
import json
import time
from collections import Counter
from typing import Any

import aiohttp
import psutil

from tests.security.attack.target import HERE, Target, event, sealed
from tests.support.busy import allowed, kept_waiting

TAKEN_WITHIN_S = 5.0
MOST_MB = 240.0
TILL_EVERY_S = 0.5
LOOK_S = 0.05
PROVIDER_EVERY_S = 3.0
OWN_TOKENS = ("stolen", "till-1")
MAY_HAPPEN = frozenset(
    {
        "service.started", "service.stopped", "config.loaded", "epoch.began", "token.created", "channel.changed",
        "uplink.changed", "event.accepted", "event.conflict", "quarantine.kept", "quarantine.dropped", "order.changed", "clock.stepped",
    }
)  # fmt: skip
"""Kinds of entries that no attacker has a part in, or only in the stolen token's own name."""
ITS_OWN = ("message.", "attempt.", "receipt.", "reply.", "trouble.")
"""What the service does by itself."""


class Watch:
    """Lives through the attack as the shop does; `broken` is what did not hold."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._bearer = {"Authorization": f"Bearer {target.till}"}
        self.broken: list[str] = []
        self.slowest = 0.0
        self.most_mb = 0.0
        self.taken: Counter[str] = Counter()
        self.within = TAKEN_WITHIN_S
        """Seconds in which the till and the provider are heard, on this machine."""
        self.order_is_known = asyncio.Event()
        """The till's first order is on record: from then on nobody else may say anything of it."""
        self._behind = 0.0
        """Seconds that this process itself came late by, since it attacks too, or that the service waited for a processor: neither is the
        service's doing."""

    async def look_at_the_machine(self) -> None:
        """Before anybody attacks."""
        self.within = await allowed(TAKEN_WITHIN_S, self._calm)

    async def _calm(self, number: int) -> None:
        raw = json.dumps(event(f"calm-{number}")).encode()
        assert await self._tell("/v1/events", raw, self._bearer) == 202

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._till(stop))
            group.create_task(self._provider(stop))
            group.create_task(self._memory(stop))
            group.create_task(self._look_behind(stop))

    async def _look_behind(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            began, pid = time.monotonic(), self._target.shop.pid
            waited = kept_waiting(pid)
            await asyncio.sleep(LOOK_S)
            took = time.monotonic() - began
            self._behind += max(0.0, took - LOOK_S, min(took, kept_waiting(pid) - waited))

    async def _till(self, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            raw = json.dumps(event(f"till-{number}")).encode()
            await self._taken("till", "/v1/events", raw, self._bearer)
            self.order_is_known.set()
            number += 1
            await _pause(stop, TILL_EVERY_S)

    async def _provider(self, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            raw = json.dumps(event(f"pay-{number}")).encode()
            headers = sealed(raw, f"msg-{number}")
            await self._taken("provider", "/v1/hooks/pay", raw, headers)
            self._target.overheard = [*self._target.overheard[-50:], (headers, raw)]
            number += 1
            await _pause(stop, PROVIDER_EVERY_S)

    async def _taken(self, who: str, path: str, raw: bytes, headers: dict[str, str]) -> None:
        """Told until it is taken, as tills do; the time runs while the service is up."""
        began = time.monotonic() - self._behind
        while True:
            if not self._target.up.is_set():
                await self._target.up.wait()
                began = time.monotonic() - self._behind
            status = await self._tell(path, raw, headers)
            waited = time.monotonic() - self._behind - began
            if status in (200, 202):
                break
            if waited > self.within and self._target.up.is_set():
                self.broken.append(f"the {who} was not heard within {self.within:.1f} s ({status})")
                return
            await asyncio.sleep(0.1)
        self.taken[who] += 1
        self.slowest = max(self.slowest, waited)
        if waited > self.within:
            self.broken.append(f"the {who} was heard only after {waited:.1f} s")

    async def _tell(self, path: str, raw: bytes, headers: dict[str, str]) -> int:
        connector = aiohttp.TCPConnector(ssl=self._target.tls, local_addr=(HERE, 0), force_close=True)
        timeout = aiohttp.ClientTimeout(4 * self.within)
        told = {"Content-Type": "application/json", **headers}
        try:
            async with (
                aiohttp.ClientSession(self._target.url, connector=connector, timeout=timeout) as session,
                session.post(path, data=raw, headers=told) as answer,
            ):
                return answer.status
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0

    async def _memory(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if self._target.up.is_set():
                try:
                    used = psutil.Process(self._target.shop.pid).memory_info().rss / 1e6
                except psutil.NoSuchProcess:
                    used = 0.0
                if used > MOST_MB >= self.most_mb:
                    self.broken.append(f"memory reached {used:.0f} MB")
                self.most_mb = max(self.most_mb, used)
            await _pause(stop, 0.25)

    async def judge(self) -> None:
        """After the last attack: what the record, the orders and the providers say of it all."""
        shop = self._target.shop
        verdict = await shop.get("/v1/audit/verify")
        if not verdict["ok"]:
            self.broken.append(f"the record does not hold: {verdict}")
        tokens = sorted(each["name"] for each in (await shop.get("/v1/tokens"))["items"])
        if tokens != sorted(OWN_TOKENS):
            self.broken.append(f"tokens were changed: {tokens}")
        if optouts := (await shop.get("/v1/optouts"))["items"]:
            self.broken.append(f"somebody was opted out: {optouts}")
        await self._judge_record()
        await self._judge_orders()
        for arrival in shop.sandbox.mailbox:
            if not arrival.to.startswith("+447"):
                self.broken.append(f"a text went to {arrival.to}")
            if any(sign in arrival.text for sign in ("\x1b", "\x07", "\u202e")):
                self.broken.append(f"a text carries control characters: {arrival.text!r}")
        if "Traceback" in shop.log:
            self.broken.append("a bug showed: " + shop.log[shop.log.index("Traceback") :][:2000])

    async def _judge_record(self) -> None:
        cursor = None
        while True:
            page = await self._target.shop.get("/v1/audit", limit=500, **({"cursor": cursor} if cursor else {}))
            for entry in page["items"]:
                if wrong := _wrong(entry):
                    self.broken.append(f"{wrong}: {json.dumps(entry)[:300]}")
            cursor = page["next"]
            if cursor is None:
                return

    async def _judge_orders(self) -> None:
        cursor = None
        while True:
            page = await self._target.shop.get("/v1/orders", limit=500, **({"cursor": cursor} if cursor else {}))
            for order in page["items"]:
                if order["ref"].startswith(("B-till-", "B-pay-")) and order["status"] != "order.ready":
                    self.broken.append(f"an order was changed: {order['ref']} is {order['status']}")
            cursor = page["next"]
            if cursor is None:
                return


def _wrong(entry: dict[str, Any]) -> str:
    """Why an entry should not be there; "": it may."""
    kind, detail = entry["kind"], entry["detail"] or {}
    if kind not in MAY_HAPPEN and not kind.startswith(ITS_OWN):
        return "somebody did what nobody had a right to"
    source = str(detail.get("source", "")).partition("/")[0]
    ref = entry["order_ref"] or ""
    if kind == "event.accepted" and ref.startswith("B-till-") and source != "till-1":
        return "somebody spoke for the till"
    if kind == "event.accepted" and ref.startswith("B-pay-") and source != "pay":
        return "somebody spoke for the provider"
    return ""


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
