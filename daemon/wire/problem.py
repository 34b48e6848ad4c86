"""An answer that is an error (RFC 9457)."""

from collections.abc import Sequence
from typing import ClassVar

from daemon.wire.values import Answer


class FieldError(Answer, frozen=True):
    """One thing that is wrong in the request: `field` is a path such as `order.items[1].name`, "" for the whole."""

    field: str = ""
    detail: str = ""


class ProblemBody(Answer, frozen=True, omit_defaults=True, rename={"kind": "type"}):
    """RFC 9457, with `errors` for the fields at fault."""

    always: ClassVar[Sequence[str]] = ("type", "title", "status", "detail")

    kind: str = ""
    title: str = ""
    status: int = 0
    detail: str = ""
    errors: tuple[FieldError, ...] = ()
    request_id: str | None = None
