"""OAuth 2.0 access tokens (RFC 6749), for channels and sources alike: fetched once for all who wait, renewed before they lapse, dropped
when refused. A leaf: who asks, and what a failure is, is the caller's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from outbox.clock import Clock

EARLY = 300.0
"""Seconds before its end at which a token is renewed (a quarter of its life, where that is less)."""

Failure = TypeVar("Failure")


class Token(msgspec.Struct, frozen=True):
    """What the token endpoint gave. `seconds`: how long it is good for."""

    value: str
    seconds: float = 3600.0


def token_in(answer: Mapping[str, Any]) -> Token | None:
    """The token in an endpoint's answer (RFC 6749 section 5.1); None where there is none."""
    value, seconds = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(value, str) or not value:
        return None
    return Token(value, float(seconds) if isinstance(seconds, int | float) else 3600.0)


class TokenCache(Generic[Failure]):
    """The token of one account. `fetch` gets one by a deadline on the monotonic clock, or says why there is none."""

    def __init__(self, clock: Clock, fetch: Callable[[float], Awaitable[Token | Failure]]) -> None:
        self._clock = clock
        self._fetch = fetch
        self._token: Token | None = None
        self._renew_at = 0.0
        self._turn = asyncio.Lock()
        self._tried = 0
        self._failure: Failure | None = None

    @property
    def held(self) -> tuple[str, ...]:
        """The token that is held, for those who must not show it."""
        return (self._token.value,) if self._token else ()

    async def get(self, until: float) -> Token | Failure:
        """A token that is good now. Those who waited while one failed share its failure rather than ask again in turn."""
        tried = self._tried
        async with self._turn:
            if self._token is not None and self._clock.monotonic() < self._renew_at:
                return self._token
            if self._failure is not None and tried != self._tried:
                return self._failure
            begun = self._clock.monotonic()
            got = await self._fetch(until)
            self._tried += 1
            if isinstance(got, Token):
                self._token, self._failure = got, None
                self._renew_at = begun + got.seconds - min(EARLY, got.seconds / 4)
            else:
                self._failure = got
            return got

    def drop(self, token: str) -> None:
        """It was refused: it is not used again."""
        if self._token is not None and self._token.value == token:
            self._token = None
