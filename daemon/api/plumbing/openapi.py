"""/openapi.json: OpenAPI 3.1 made from the route table and the structs, so that it can't say other than what is served."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from daemon.api.plumbing.reply import JSON
from daemon.api.plumbing.route import GRANTS, AnyRoute, Scope
from daemon.api.schema.problem import MEDIA_TYPE, TITLES
from daemon.wire.problem import ProblemBody
from daemon.wire.values import Answer, schema_of

Json = dict[str, Any]

TAGS = {
    "Events": "What happened to orders, from tills, shops and scripts.",
    "Sources": "Webhooks of shops, CRMs and payment providers, in their own formats.",
    "Orders": "What is known of orders, and what staff do to them.",
    "Messages": "The outbox.",
    "Replies": "What customers wrote, and whom to phone.",
    "Channels": "The ways out and the line.",
    "Opt-outs": "Who asked to be left alone.",
    "People": "What is kept of a person, and forgetting them.",
    "Audit": "The record.",
    "Receipts": "What providers tell us.",
    "Tokens": "Who may call.",
    "Board": "The pickup board.",
    "Service": "For machines and screens that watch over it.",
}
ABOUT = """The box behind the counter: it takes in what happens to orders, and sees to it that customers and the team hear about it.

Calls under `/v1` need `Authorization: Bearer TOKEN` (`tether token new` makes one), except source hooks and receipts, which carry
their sender's own signature. On the unix socket no token is needed. Errors are `application/problem+json` (RFC 9457) with the
fields at fault. Lists take `limit` and `cursor` and answer `next`. Times are RFC 3339; money is a decimal string."""
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}}
REPEATABLE = {408, 429, 503, 507}


class OpenApi:
    """The document of one application."""

    def __init__(self, routes: Sequence[AnyRoute], version: str) -> None:
        self._routes = routes
        self._version = version
        self._built: Json | None = None

    def as_json(self) -> bytes:
        return msgspec.json.encode(self.build())

    def build(self) -> Json:
        if self._built is None:
            self._built = self._build()
        return self._built

    def _build(self) -> Json:
        schemas = _Schemas(self._routes)
        paths: dict[str, Json] = {}
        for route in self._routes:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "Tether",
                "version": self._version or "0",
                "description": ABOUT,
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": "/"}],
            "tags": [{"name": name, "description": words} for name, words in TAGS.items()],
            "paths": paths,
            "components": {
                "schemas": schemas.components,
                "responses": {f"Problem{status}": _problem(status) for status in TITLES},
                "securitySchemes": {
                    "token": {"type": "http", "scheme": "bearer", "description": "A token of `tether token new`."},
                    "signature": {
                        "type": "apiKey",
                        "in": "header",
                        "name": "webhook-signature",
                        "description": "Standard Webhooks, with `webhook-id` and `webhook-timestamp`.",
                    },
                },
            },
        }


class _Schemas:
    """The schemas of all structs, by reference."""

    def __init__(self, routes: Sequence[AnyRoute]) -> None:
        kinds: list[type[msgspec.Struct]] = [ProblemBody]
        for route in routes:
            kinds += [
                each
                for each in (route.body, *route.also_takes.values(), *route.answers.values())
                if isinstance(each, type)
            ]
            kinds.append(route.query)
        unique = list(dict.fromkeys(kinds))
        refs, components = msgspec.json.schema_components(
            unique, schema_hook=schema_of, ref_template="#/components/schemas/{name}"
        )
        for answer in _below(Answer):
            if schema := components.get(answer.__name__):
                _say_what_is_given(answer, schema)
        self._refs = dict(zip(unique, refs, strict=True))
        queries = {self._refs[route.query]["$ref"].rsplit("/", 1)[1] for route in routes}
        self._all = components
        self.components = {name: schema for name, schema in components.items() if name not in queries}

    def ref(self, kind: type[msgspec.Struct]) -> Json:
        return self._refs[kind]

    def parameters(self, kind: type[msgspec.Struct]) -> Iterator[tuple[str, Json, bool]]:
        """The fields of a query's struct: name, schema, whether it must be there."""
        whole = self._all[self._refs[kind]["$ref"].rsplit("/", 1)[1]]
        for name, schema in whole.get("properties", {}).items():
            yield name, _without_null(schema), name in whole.get("required", ())


def _below(kind: type[Answer]) -> Iterator[type[Answer]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def _say_what_is_given(answer: type[Answer], schema: Json) -> None:
    """An answer's defaults are for readers of other releases: this one gives all fields, but for those that it leaves out where
    there is nothing to say."""
    if not answer.__struct_config__.omit_defaults:
        schema["required"] = list(schema.get("properties", {}))
    elif answer.always:
        schema["required"] = list(answer.always)
    for field in schema.get("properties", {}).values():
        field.pop("default", None)


def _without_null(schema: Json) -> Json:
    """A parameter is absent rather than null."""
    options = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if not options:
        return schema
    rest = {
        key: value
        for key, value in schema.items()
        if key not in ("anyOf", "default") or (value is not None and key != "anyOf")
    }
    return {**(options[0] if len(options) == 1 else {"anyOf": options}), **rest}


def _operation(route: AnyRoute, schemas: _Schemas) -> Json:
    operation: Json = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [route.tag],
        "responses": _responses(route, schemas),
        "security": _security(route),
    }
    if route.description:
        operation["description"] = route.description
    if route.scope is not None:
        operation["x-scopes"] = sorted(GRANTS[route.scope])
    if parameters := [*_path_parameters(route), *_query_parameters(route, schemas)]:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = _request(route, schemas)
    return operation


def operation_id(route: AnyRoute) -> str:
    words = re.findall(r"[a-z_]+", route.path.removeprefix("/v1"))
    return "_".join([route.method.lower(), *words]).replace("-", "_")


def _security(route: AnyRoute) -> list[Json]:
    if route.scope is None:
        return []
    return [{"token": []}, {"signature": []}] if route.scope is Scope.EVENTS else [{"token": []}]


def _path_parameters(route: AnyRoute) -> Iterator[Json]:
    for name in re.findall(r"{(\w+)}", route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _query_parameters(route: AnyRoute, schemas: _Schemas) -> Iterator[Json]:
    for name, schema, required in schemas.parameters(route.query):
        parameter: Json = {"name": name, "in": "query", "required": required, "schema": schema}
        if description := schema.get("description"):
            parameter["description"] = description
        yield parameter


def _request(route: AnyRoute, schemas: _Schemas) -> Json:
    assert route.body is not None
    one = schemas.ref(route.body)
    content: Json = {JSON: {"schema": one}}
    if route.examples:
        content[JSON]["examples"] = {name: {"value": value} for name, value in route.examples.items()}
    for media_type, kind in route.also_takes.items():
        content[media_type] = {"schema": schemas.ref(kind)}
    if route.array_answer is not None:
        content[JSON]["schema"] = {"oneOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": 500}]}
    return {"required": route.body_required, "content": content}


def _responses(route: AnyRoute, schemas: _Schemas) -> Json:
    responses: Json = {}
    for status, kind in sorted(route.answers.items()):
        content = dict(_content(kind, schemas))
        if route.array_answer not in (None, kind):
            content[JSON] = {"schema": {"oneOf": [content[JSON]["schema"], schemas.ref(route.array_answer)]}}
        responses[str(status)] = {"description": _WORDS.get(status, "Done."), "content": content}
    for status in sorted(set(refusals(route)) - set(route.answers)):
        responses[str(status)] = _refusal(route, status, schemas)
    return responses


def _content(kind: type[msgspec.Struct] | str | tuple[str, ...], schemas: _Schemas) -> Iterator[tuple[str, Json]]:
    if isinstance(kind, type):
        yield JSON, {"schema": schemas.ref(kind)}
        return
    for media in (kind,) if isinstance(kind, str) else kind:
        yield media, {"schema": {"type": "string"} if media.startswith("text/") else {}}


def _refusal(route: AnyRoute, status: int, schemas: _Schemas) -> Json:
    if route.array_answer is None or status not in OF_ITEMS:
        return {"$ref": f"#/components/responses/Problem{status}"}
    response = _problem(status)
    response["content"][JSON] = {"schema": schemas.ref(route.array_answer)}
    return response


OF_ITEMS = {400, 409, 413, 422, 503, 507}
"""Refusals that all items of an array may share."""

_WORDS = {200: "Done.", 201: "Made.", 202: "On the disk.", 207: "The events fared differently."}


def refusals(route: AnyRoute) -> Iterator[int]:
    """All statuses that a call may refuse with."""
    yield from route.refusals
    yield from (400, 417, 429, 500)
    if route.path.startswith("/v1"):
        yield 503
    if route.scope is not None:
        yield from (401, 403)
    if route.body is not None:
        yield from (408, 413, 415, 422)
    if not route.free_query:
        yield 422


def _problem(status: int) -> Json:
    response: Json = {
        "description": TITLES[status] + ".",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
    }
    if status == 400:
        response["content"]["text/plain"] = {
            "schema": {"type": "string", "description": "What could not be read as HTTP at all."}
        }
    if status in REPEATABLE:
        response["headers"] = RETRY_AFTER
    return response
