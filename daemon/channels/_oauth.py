"""OAuth 2.0 tokens (RFC 6749) for channels that need one: fetched once for all who wait, renewed before they lapse, dropped when refused.

A failure to get a token never makes an attempt unknown: nothing of the message has been sent by then.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from daemon.channels._http import HttpChannel, Reading
from daemon.channels._verdict import Failure, Problem, Verdict, channel, judge, later
from daemon.channels.base import OAuthSettings
from daemon.http import Http, Request, Response
from outbox.outcome import Deferred, Unknown

EARLY = 300.0
"""Seconds before its end at which a token is renewed (a quarter of its life, where that is less)."""


class Token(msgspec.Struct, frozen=True):
    """What the token endpoint gave. `seconds`: how long it is good for."""

    value: str
    seconds: float = 3600.0


class OAuthChannel(HttpChannel):
    """An HttpChannel whose calls carry a token. A 401 costs the token and one more try with a new one."""

    token_origin: str
    """Scheme and host of the token endpoint; `auth_url` stands for it."""
    TOKEN_CODES: ClassVar[Mapping[str, Verdict]] = {}
    """What the token endpoint's `error` codes mean, beside those of RFC 6749 section 5.2."""

    settings: OAuthSettings

    def __init__(self, settings: OAuthSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        self._token: Token | None = None
        self._renew_at = 0.0
        self._turn = asyncio.Lock()
        self._tried = 0
        self._failure: Failure | None = None

    @abstractmethod
    def token_request(self) -> Request:
        """How to ask for a token. Built anew each time, since assertions carry the time."""

    def token_of(self, response: Response) -> Token | None:
        """The token in a 2xx answer; None where there is none."""
        answer = response.object()
        value, seconds = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(value, str) or not value:
            return None
        return Token(value, float(seconds) if isinstance(seconds, int | float) else 3600.0)

    def token_problem(self, response: Response) -> Problem:
        """The endpoint's own words: RFC 6749's `error` and `error_description`."""
        answer = response.object()
        return Problem(
            str(answer.get("error") or ""), str(answer.get("error_description") or answer.get("error") or "")
        )

    def bearing(self, request: Request, token: str) -> Request:
        """The request with the token in it."""
        return request.with_headers({"Authorization": f"Bearer {token}"})

    async def call(self, request: Request, *, until: float) -> Reading:
        token = await self.token(until)
        if not isinstance(token, str):
            return token
        answer = await super().call(self.bearing(request, token), until=until)
        if not (isinstance(answer, Response) and answer.status == 401):
            return answer
        self.drop(token)
        token = await self.token(until)
        if not isinstance(token, str):
            return token
        return await super().call(self.bearing(request, token), until=until)

    def private(self) -> Sequence[str]:
        return (*super().private(), *((self._token.value,) if self._token else ()))

    async def token(self, until: float) -> str | Failure:
        """A token that is good now. Those who waited while one failed share its failure rather than ask again in turn."""
        tried = self._tried
        async with self._turn:
            if self._token is not None and self.http.clock.monotonic() < self._renew_at:
                return self._token.value
            if self._failure is not None and tried != self._tried:
                return self._failure
            self._failure = await self._fetch(until)
            self._tried += 1
            if self._failure is not None:
                return self._failure
            assert self._token is not None
            return self._token.value

    def drop(self, token: str) -> None:
        """The provider refused this token: it is not used again."""
        if self._token is not None and self._token.value == token:
            self._token = None

    async def _fetch(self, until: float) -> Failure | None:
        request = self.token_request()
        begun = self.http.clock.monotonic()
        answer = await self.exchange(
            self.settings.auth_url or request.origin or self.token_origin, request, until=until
        )
        if isinstance(answer, Response):
            token = self.token_of(answer) if answer.ok and not answer.is_page else None
            if token is not None:
                self._token = token
                self._renew_at = begun + token.seconds - min(EARLY, token.seconds / 4)
                return None
            answer = self._refused(answer)
        if isinstance(answer, Unknown):
            return Deferred(f"no token was given: {answer.reason}", code=answer.code)
        return answer

    def _refused(self, response: Response) -> Failure:
        credentials = channel(self.credentials)
        codes = {
            "invalid_client": credentials,
            "invalid_grant": credentials,
            "unauthorized_client": credentials,
            "invalid_request": credentials,
            "invalid_scope": credentials,
            "unsupported_grant_type": credentials,
            "temporarily_unavailable": later(),
            **self.TOKEN_CODES,
        }
        return judge(
            response,
            self.token_problem(response),
            codes,
            {400: credentials},
            ambiguous_5xx=False,
            credentials=self.credentials,
            now=self.http.clock.now(),
        )
