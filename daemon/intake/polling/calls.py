"""Asking a source: one request and its answer, with an access token where it takes one. Faults are values of `polled`."""

from collections.abc import Callable

import msgspec

from daemon.http import Http, Request, Response
from daemon.intake.polling.polled import Fault, Polled, fault_of
from daemon.oauth import Token, TokenCache
from outbox.clock import Clock

SECONDS = 30.0
"""One exchange: WordPress on a small host takes its time."""
LARGEST = 8 * 2**20
"""Bytes of an answer: a page of orders, each with whatever plug-ins keep with it."""


class Caller:
    """The calls to one source. A 401 costs the token and one more try with a new one."""

    def __init__(self, source: Polled, http: Http, clock: Clock) -> None:
        self._source = source
        self._http = http
        self._clock = clock
        self._tokens: TokenCache[Fault] = TokenCache(clock, self._fetch)

    async def call(self, build: Callable[[str], Request]) -> Response:
        """Whatever it answers. Raises Fault when there is no answer, or no token."""
        token = await self._good_token()
        response = await self._exchange(build(token))
        if response.status == 401 and token:
            self._tokens.drop(token)
            response = await self._exchange(build(await self._good_token()))
        return response

    async def _good_token(self) -> str:
        """ "" where its requests carry what they need."""
        if self._source.token_request() is None:
            return ""
        got = await self._tokens.get(self._clock.monotonic() + SECONDS)
        if isinstance(got, Fault):
            raise got
        return got.value

    async def _fetch(self, until: float) -> Token | Fault:
        request = self._source.token_request()
        assert request is not None, "it was asked before"
        answer = await self._http.exchange(self._source.base(request), request, until - self._clock.monotonic())
        if not isinstance(answer, Response):
            return Fault(answer.reason)
        token = self._source.read_token(answer) if answer.ok and not answer.is_page else None
        return token or _no_token(answer)

    async def _exchange(self, request: Request) -> Response:
        request = msgspec.structs.replace(request, most=LARGEST)
        answer = await self._http.exchange(self._source.base(request), request, SECONDS)
        if not isinstance(answer, Response):
            raise Fault(answer.reason)
        return answer


def _no_token(response: Response) -> Fault:
    """Whoever gives tokens says with 200 or 400 as well that what it was asked with is not valid (RFC 6749, 5.2)."""
    fault = fault_of(response, str(response.object().get("error") or ""))
    is_refused = not fault.page and (response.ok or response.status == 400)
    return Fault(
        f"no access token was given: {fault}",
        after=fault.after,
        lasting=fault.lasting or is_refused,
        status=401 if is_refused else response.status,
        page=fault.page,
    )
