"""A till's view of the service: it posts events, follows the stream and reads the outbox. HTTP only."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec

ANSWER_SECONDS = 60.0
"""A small box with much to do, or whose card stalls, answers late, and answers all the same."""


class TillProblem(Exception):
    """The service did not take an event, or did not answer: says which and how."""


@dataclass(frozen=True)
class Announcement:
    """One event of the stream."""

    id: str
    name: str
    data: Mapping[str, Any]


class Till:
    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}

    async def post(self, event: Mapping[str, Any]) -> None:
        """Post one. Raises TillProblem unless it is on the service's disk."""
        status, answer = await self._call("POST", "/v1/events", json=event)
        if status not in (200, 202):
            raise TillProblem(f"event {event['id']} was answered {status}: {answer}")

    async def post_all(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Post an array. Raises TillProblem unless every one is on the disk."""
        status, answer = await self._call("POST", "/v1/events", json=events)
        if status not in (200, 202) or any(item["status"] not in (200, 202) for item in answer["items"]):
            raise TillProblem(f"{len(events)} events were answered {status}: {answer}")

    async def opt_out(self, medium: str, address: str, reason: str) -> None:
        await self._call("PUT", "/v1/optouts", json={"medium": medium, "address": address, "reason": reason})

    async def line(self) -> str:
        """How the service finds its line to the providers."""
        _, found = await self._call("GET", "/v1/status")
        return str(found["uplink"]["state"])

    async def messages(self, *states: str) -> list[dict[str, Any]]:
        """The outbox, all of it or what is in those states, newest first."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            query = [
                ("limit", "500"),
                *(("state", state) for state in states),
                *([("cursor", cursor)] if cursor else []),
            ]
            _, page = await self._call("GET", "/v1/messages", params=query)
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                return found

    async def message(self, id: str) -> dict[str, Any]:
        """One, with its attempts."""
        _, found = await self._call("GET", f"/v1/messages/{id}")
        return dict(found)

    async def was_touched(self, since: int) -> bool:
        """Whether anybody but tills did something after that moment (ms)."""
        query = {"since": datetime.fromtimestamp(since / 1000, UTC).isoformat(), "limit": "500"}
        _, page = await self._call("GET", "/v1/audit", params=query)
        return any(item["actor"] and not item["actor"].startswith("till-") for item in page["items"])

    async def follow(self, last: str | None = None) -> AsyncIterator[Announcement]:
        """The stream, from now or after `last`, until it breaks."""
        headers = self._headers | ({"Last-Event-ID": last} if last else {})
        timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
        async with self._session.get(f"{self._url}/v1/stream", headers=headers, timeout=timeout) as response:
            if response.status != 200:
                raise TillProblem(f"the stream was answered {response.status}")
            fields: dict[str, str] = {}
            async for raw in response.content:
                line = raw.decode().rstrip("\r\n")
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                    continue
                if "data" in fields:
                    yield Announcement(
                        fields.get("id", ""), fields.get("event", "message"), msgspec.json.decode(fields["data"])
                    )
                fields = {}

    async def _call(self, method: str, path: str, **what: Any) -> tuple[int, Any]:
        url, timeout = f"{self._url}{path}", aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with self._session.request(method, url, headers=self._headers, timeout=timeout, **what) as response:
                answer = await response.json(content_type=None)
                if response.status >= 400:
                    raise TillProblem(f"{method} {path} was answered {response.status}: {answer}")
                return response.status, answer
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TillProblem(f"{method} {path}: {type(error).__name__}: {error}") from error
