"""HTTP as channels know it: `daemon.http`, which the pollers of sources use too."""

from daemon.http import (
    Answer,
    Http,
    Pairs,
    Request,
    Response,
    encode,
    form_request,
    json_request,
    objects,
    open_http,
)

__all__ = [
    "Answer",
    "Http",
    "Pairs",
    "Request",
    "Response",
    "encode",
    "form_request",
    "json_request",
    "objects",
    "open_http",
]
