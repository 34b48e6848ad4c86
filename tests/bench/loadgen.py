"""A load generator in a process of its own: N connections, one request in flight on each, a unique event per request.

With a RATE it posts at so many a second whatever the answers do (an open loop), and an answer's time counts from when its request was due.

python -m tests.bench.loadgen URL TOKEN CONNECTIONS SECONDS PREFIX [RATE]  ->  {"requests", "seconds", "rps", "p50_ms", "p99_ms", "bad"}
"""

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

import uvloop

EVENT = (
    '{"id":"%s","type":"order.ready",'
    '"order":{"ref":"%s","total":"48.50","currency":"GBP","fulfilment":"pickup","promised_at":"2026-11-24T12:00:00Z",'
    '"items":[{"name":"Helium bouquet, 12","quantity":1},{"name":"Foil number 7, gold, 86 cm","quantity":2}],'
    '"note":"Please tie the ribbons long, the ceiling is high."},'
    '"customer":{"name":"Ada","phone":"07700 900123","email":"ada@example.com","locale":"en-GB",'
    '"consent":{"sms":true,"email":true},"addresses":{"fcm":"dGhpcyBpcyBhIHRva2Vu"}},"data":{"till":"till-2"}}'
)


class Connection(asyncio.Protocol):
    def __init__(self, load: "Load") -> None:
        self.load = load
        self.buffer = b""
        self.began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        request = self.load.next_request()
        if request is None:
            self.transport.close()
            self.load.ended()
            return
        due = self.load.next_turn()
        if due > time.perf_counter():
            asyncio.get_running_loop().call_later(due - time.perf_counter(), self.post, request, due)
        else:
            self.post(request, due or time.perf_counter())

    def post(self, request: bytes, began: float) -> None:
        self.began = began
        self.transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        headers = self.buffer[:head].lower()
        at = headers.find(b"content-length:")
        end = headers.find(b"\r\n", at)
        length = int(headers[at + 15 : end if end > 0 else None]) if at >= 0 else 0
        if len(self.buffer) < head + 4 + length:
            return
        self.load.took(time.perf_counter() - self.began, self.buffer[9:12] == b"202")
        self.buffer = b""
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        self.load.ended()


class Load:
    def __init__(self, url: str, token: str, connections: int, seconds: float, prefix: str, rate: float = 0.0) -> None:
        parts = urlsplit(url)
        self.host, self.port, self.connections = parts.hostname, parts.port, connections
        self.head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self.prefix = prefix
        self.count = 0
        self.bad = 0
        self.latencies: list[float] = []
        self.seconds = seconds
        self.rate = rate
        self.turn = 0.0
        self.live = connections
        self.done = asyncio.Event()

    def next_request(self) -> bytes | None:
        if time.perf_counter() > self.deadline:
            return None
        self.count += 1
        body = (EVENT % (f"{self.prefix}-{self.count}", f"{self.prefix[-6:]}-{self.count}")).encode()
        return self.head + str(len(body)).encode() + b"\r\n\r\n" + body

    def next_turn(self) -> float:
        """When the next request is due; 0.0: at once."""
        if self.rate:
            self.turn = (self.turn or time.perf_counter()) + 1 / self.rate
        return self.turn

    def took(self, seconds: float, good: bool) -> None:
        self.latencies.append(seconds)
        self.bad += not good

    def ended(self) -> None:
        self.live -= 1
        if self.live <= 0:
            self.done.set()

    async def run(self) -> dict[str, float]:
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        self.deadline = began + self.seconds
        for _ in range(self.connections):
            await loop.create_connection(lambda: Connection(self), self.host, self.port)
        await self.done.wait()
        took = time.perf_counter() - began
        self.latencies.sort()
        count = len(self.latencies)
        return {
            "requests": count,
            "seconds": round(took, 3),
            "rps": round(count / took, 1),
            "p50_ms": round(self.latencies[count // 2] * 1000, 3),
            "p99_ms": round(self.latencies[int(count * 0.99)] * 1000, 3),
            "bad": self.bad,
        }


if __name__ == "__main__":
    url, token, connections, seconds, prefix, rate = (*sys.argv[1:], "0")[:6]
    uvloop.install()
    print(json.dumps(uvloop.run(Load(url, token, int(connections), float(seconds), prefix, float(rate)).run())))
