"""Asking a source: one request and its answer, with an access token where it takes one. Faults are values of `polled`."""

import asyncio
from collections.abc import Callable

from daemon.http import Http, Request, Response
from daemon.intake.polling.polled import Fault, Polled, Token, fault_of
from outbox.clock import Clock

SECONDS = 30.0
"""One exchange: WordPress on a small host takes its time."""
RENEW_AT = 0.8
"""Of a token's life."""


class Caller:
    """The calls to one source. A 401 costs the token and one more try with a new one."""

    def __init__(self, source: Polled, http: Http, clock: Clock) -> None:
        self._source = source
        self._http = http
        self._clock = clock
        self._token: Token | None = None
        self._renew_at = 0.0
        self._turn = asyncio.Lock()

    async def call(self, build: Callable[[str], Request]) -> Response:
        """Whatever it answers. Raises Fault when there is no answer, or no token."""
        token = await self._good_token()
        response = await self._exchange(build(token))
        if response.status == 401 and token:
            self._token = None
            response = await self._exchange(build(await self._good_token()))
        return response

    async def _good_token(self) -> str:
        async with self._turn:
            if self._token is not None and self._clock.monotonic() < self._renew_at:
                return self._token.value
            request = self._source.token_request()
            if request is None:
                return ""
            begun = self._clock.monotonic()
            response = await self._exchange(request)
            token = self._source.read_token(response) if response.ok and not response.is_page else None
            if token is None:
                raise _no_token(response)
            self._token, self._renew_at = token, begun + token.seconds * RENEW_AT
            return token.value

    async def _exchange(self, request: Request) -> Response:
        answer = await self._http.exchange(self._source.base(request), request, SECONDS)
        if not isinstance(answer, Response):
            raise Fault(answer.reason)
        return answer


def _no_token(response: Response) -> Fault:
    fault = fault_of(response, str(response.object().get("error") or ""))
    return Fault(
        f"no access token was given: {fault}",
        after=fault.after,
        lasting=fault.lasting or response.ok,
        status=response.status,
    )
