"""What goes wrong, as callers see it: one `application/problem+json` document (RFC 9457) with the offending field.

Handlers raise a `Problem`; `of` translates what the layers below raise. Nothing else in `api` builds an error answer.
"""

from collections.abc import Mapping, Sequence

from aiohttp import web

from daemon.shortage import is_short, words
from daemon.wire.problem import FieldError, ProblemBody
from outbox import errors

MEDIA_TYPE = "application/problem+json"

TITLES: Mapping[int, str] = {
    400: "Not readable",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Wrong method",
    408: "Too slow",
    409: "Conflict",
    411: "Length missing",
    413: "Too large",
    415: "Wrong content type",
    417: "Expectation failed",
    422: "Not valid",
    429: "Too many requests",
    431: "Headers too large",
    500: "A fault of ours",
    503: "Not now",
    507: "Disk full",
}
"""One short title a status. `type` is `/docs#problem-STATUS`, where the docs page tells what to do."""


class Problem(Exception):
    """An answer that is an error. `detail` says what is wrong and what to do; `field` where, if it is somewhere."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        field: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors) or ((FieldError(field, detail),) if field is not None else ())
        self.headers = dict(headers or {})

    def body(self, request_id: str | None = None) -> ProblemBody:
        return ProblemBody(
            f"/docs#problem-{self.status}",
            TITLES.get(self.status, "Refused"),
            self.status,
            self.detail,
            self.errors,
            request_id,
        )


RETRY_SOON = {"Retry-After": "5"}
RETRY_LATER = {"Retry-After": "60"}


def of(error: Exception) -> Problem | None:
    """The problem that an exception of the layers below or of aiohttp stands for; None: it is a bug."""
    match error:
        case Problem():
            return error
        case errors.EventConflict() | errors.IllegalMove():
            return Problem(409, str(error))
        case errors.OrderExists():
            return Problem(409, str(error), field="order.ref")
        case errors.NotItsOwn():
            return Problem(403, str(error), field="order.ref")
        case errors.NotFound():
            return Problem(404, str(error))
        case errors.UnknownOrder():
            return Problem(422, str(error), field="order.ref")
        case errors.StorageFull():
            return Problem(507, str(error), headers=RETRY_LATER)
        case errors.StorageBusy():
            return Problem(503, str(error), headers=RETRY_SOON)
        case errors.OutboxError():
            return Problem(503, str(error), headers=RETRY_LATER)
        case OSError() | MemoryError() if is_short(error):
            return Problem(503, f"{words(error)}: come again", headers=RETRY_SOON)
        case web.HTTPRequestEntityTooLarge():
            return Problem(413, "the body is larger than this call takes")
        case web.HTTPException():
            return Problem(error.status, error.reason)
        case _:
            return None
