"""A vendor's OpenAPI description as a judge of a request that was really sent.

openapi-core looks away in four places; `_unseen` looks there (the list is in the shared folder's specs/README.md).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from tests.support.vendor import Seen

if TYPE_CHECKING:  # its libraries take a third of a second to import, in each process that collects tests
    from openapi_core import OpenAPI
    from openapi_core.datatypes import RequestParameters

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class _Request:
    """What openapi-core wants to be handed."""

    host_url: str
    path: str
    method: str
    body: bytes | None
    content_type: str
    parameters: "RequestParameters"


@cache
def _load(file: Path) -> "OpenAPI":
    from openapi_core import OpenAPI

    return OpenAPI.from_dict(json.loads(file.read_text()))


def violations(file: Path, seen: Seen) -> list[str]:
    """What the description holds against the request, in words; nothing when it is right."""
    from openapi_core.datatypes import RequestParameters
    from openapi_core.templating.paths.exceptions import PathError
    from werkzeug.datastructures import Headers, ImmutableMultiDict

    openapi = _load(file)
    query = parse_qsl(seen.query, keep_blank_values=True)
    request = _Request(
        host_url=seen.origin,
        path=unquote(seen.path),
        method=seen.method.lower(),
        body=seen.body or None,
        content_type=seen.headers.get("content-type", ""),
        parameters=RequestParameters(query=ImmutableMultiDict(query), header=Headers(list(seen.headers.items()))),
    )
    found = []
    for error in openapi.iter_request_errors(request):
        reasons = getattr(error.__cause__, "schema_errors", None) or [error.__cause__ or error]
        found += [f"{type(error).__name__}: {str(reason)[:300]}" for reason in reasons]
        if isinstance(error, PathError):
            return found
    return [*found, *_unseen(openapi, request, seen, query)]


def _unseen(openapi: "OpenAPI", request: _Request, seen: Seen, query: list[tuple[str, str]]) -> Iterator[str]:
    spec = openapi.spec.read_value()
    path, item, operation = _operation(openapi, request)
    declared = {
        parameter["name"]
        for parameter in (
            _deref(spec, each) for each in [*item.get("parameters", []), *operation.get("parameters", [])]
        )
        if parameter["in"] == "query"
    }
    declared |= {
        scheme["name"]
        for scheme in spec.get("components", {}).get("securitySchemes", {}).values()
        if scheme.get("in") == "query"
    }
    yield from (f"{path}: the query does not know {name!r}" for name, _ in query if name not in declared)
    form = list(_form(seen))
    body = _deref(spec, operation.get("requestBody"))
    if seen.body and not body:
        yield f"{path}: takes no body"
    if body and form:
        media = next((kind for kind in body["content"] if request.content_type.startswith(kind)), None)
        schema = _deref(spec, body["content"][media]["schema"]) if media else {}
        yield from _form_names(spec, schema, form)
    alternatives = operation.get("x-require-any")
    if alternatives and not any(_present(each, form, query, seen.headers) for each in alternatives):
        yield f"{path}: needs one of {alternatives}"


def _operation(openapi: "OpenAPI", request: _Request) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The path's template, its item and the operation, as the description has them."""
    found = openapi.request_validator._find_path(request)  # type: ignore[attr-defined]
    return found.path_result.pattern, found.path.read_value(), found.operation.read_value()


def _deref(spec: Any, value: Any) -> Any:
    while isinstance(value, Mapping) and "$ref" in value:
        target: Any = spec
        for part in value["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        value = target
    return value


def _form(seen: Seen) -> Iterator[tuple[str, str]]:
    kind = seen.headers.get("content-type", "")
    if kind.startswith(FORM):
        yield from parse_qsl(seen.body.decode(), keep_blank_values=True, strict_parsing=bool(seen.body))
    elif kind.startswith("multipart/form-data"):
        boundary = Message()
        boundary["content-type"] = kind
        mark = b"--" + str(boundary.get_param("boundary")).encode()
        for part in seen.body.split(mark)[1:-1]:
            head, _, value = part.partition(b"\r\n\r\n")
            name = head.split(b'name="', 1)[1].split(b'"', 1)[0]
            yield name.decode(), value.decode("utf-8", "replace").removesuffix("\r\n")


def _form_names(spec: Any, schema: Any, form: list[tuple[str, str]]) -> Iterator[str]:
    properties: dict[str, Any] = {}
    patterns: list[str] = []
    closed = False
    for part in [schema, *(_deref(spec, each) for each in schema.get("allOf", []))]:
        properties |= part.get("properties", {})
        patterns += part.get("patternProperties", {})
        closed = closed or part.get("additionalProperties") is False
    names = [name for name, _ in form]
    for name in dict.fromkeys(names):
        if closed and name not in properties and not any(re.search(pattern, name) for pattern in patterns):
            yield f"the form does not know {name!r}"
        kind = _deref(spec, properties.get(name, {})).get("type")
        if names.count(name) > 1 and kind != "array":
            yield f"the form has {name!r} more than once"


def _present(need: Mapping[str, list[str]], form: Any, query: Any, headers: Mapping[str, str]) -> bool:
    have = {
        "form": {name for name, value in form if value},
        "query": {name for name, value in query if value},
        "header": set(headers),
    }
    return all(
        (name.lower() if place == "header" else name) in have[place] for place, names in need.items() for name in names
    )
