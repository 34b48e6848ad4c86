"""Channels whose calls carry an OAuth 2.0 token (`daemon.oauth`).

A failure to get a token never makes an attempt unknown: nothing of the message has been sent by then.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from daemon.channels._http import HttpChannel, Reading, is_address
from daemon.channels._verdict import Failure, Problem, Verdict, channel, judge, later
from daemon.channels.base import Misconfigured, OAuthSettings
from daemon.http import Http, Request, Response
from daemon.oauth import Token, TokenCache, token_in
from outbox.outcome import Deferred, Rejected, Scope, Unknown

ODD_REST = 600.0
"""Seconds until a token is asked for again that was refused for a reason we don't know."""


class OAuthChannel(HttpChannel):
    """An HttpChannel whose calls carry a token. A 401 costs the token and one more try with a new one."""

    token_origin: str
    """Scheme and host of the token endpoint; `auth_url` stands for it."""
    TOKEN_CODES: ClassVar[Mapping[str, Verdict]] = {}
    """What the token endpoint's `error` codes mean, beside those of RFC 6749 section 5.2."""

    settings: OAuthSettings

    def __init__(self, settings: OAuthSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        if settings.auth_url is not None and not is_address(settings.auth_url):
            raise Misconfigured(
                f"auth_url {settings.auth_url!r} is no address: write it like https://login.example.com"
            )
        self._tokens: TokenCache[Failure] = TokenCache(http.clock, self._fetch)

    @abstractmethod
    def token_request(self) -> Request:
        """How to ask for a token. Built anew each time, since assertions carry the time."""

    def token_of(self, response: Response) -> Token | None:
        """The token in a 2xx answer; None where there is none."""
        return token_in(response.object())

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
        return (*super().private(), *self._tokens.held)

    async def token(self, until: float) -> str | Failure:
        """A token that is good now, or why there is none."""
        got = await self._tokens.get(until)
        return got.value if isinstance(got, Token) else got

    def drop(self, token: str) -> None:
        """The provider refused this token: it is not used again."""
        self._tokens.drop(token)

    async def _fetch(self, until: float) -> Token | Failure:
        request = self.token_request()
        answer = await self.exchange(
            self.settings.auth_url or request.origin or self.token_origin, request, until=until
        )
        if isinstance(answer, Response):
            token = self.token_of(answer) if answer.ok and not answer.is_page else None
            if token is not None:
                return token
            answer = self._refused(answer)
        if isinstance(answer, Unknown):
            return Deferred(f"no token was given: {answer.reason}", code=answer.code)
        return answer

    def _refused(self, response: Response) -> Failure:
        """Why there is no token. What the endpoint says is of the account, never of a message."""
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
        failure = judge(
            response,
            self.token_problem(response),
            codes,
            {400: credentials},
            ambiguous_5xx=False,
            credentials=self.credentials,
            now=self.http.clock.now(),
        )
        if not isinstance(failure, Rejected) or failure.scope is Scope.CHANNEL:
            return failure
        return msgspec.structs.replace(failure, scope=Scope.CHANNEL, remedy=self.credentials, after=ODD_REST)
