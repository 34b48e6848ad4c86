"""HQ's OpenAPI document, made from the shapes of its answers."""

from typing import Any

import msgspec

from daemon.fleet.join_code import JoinWish, Welcome
from daemon.hq import answers

_PATHS: tuple[tuple[str, str, type, tuple[str, ...]], ...] = (
    ("/v1/stores", "List the stores and how each stands", answers.Stores, ()),
    ("/v1/stores/{store}", "Show one store: its epochs, forks and gaps", answers.StoreDetail, ()),
    ("/v1/messages", "List messages over all stores", answers.Messages, ("store", "state", "order", "limit", "cursor")),
    ("/v1/orders/{ref}", "Show an order: its messages and its record, over all stores", answers.OrderOut, ("store",)),
    ("/v1/audit/verify", "Compute every chain anew", answers.Verified, ("store",)),
)


def document(release: str) -> dict[str, Any]:
    kinds = [answer for _, _, answer, _ in _PATHS] + [JoinWish, Welcome]
    shapes, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    by_kind = dict(zip(kinds, shapes, strict=True))
    paths: dict[str, Any] = {
        path: {
            "get": {
                "summary": summary,
                "operationId": path.removeprefix("/v1/").replace("/", "_").replace("{", "").replace("}", ""),
                "parameters": [
                    *_in_path(path),
                    *({"name": name, "in": "query", "schema": {"type": "string"}} for name in query),
                ],
                "responses": {"200": _answer(by_kind[answer]), "default": {"description": "A problem (RFC 9457)"}},
            }
        }
        for path, summary, answer, query in _PATHS
    }
    paths["/v1/stream"] = {
        "get": {
            "summary": "Follow the stores live",
            "operationId": "stream",
            "responses": {"200": {"description": "Server-sent events: `store`"}},
        }
    }
    paths["/v1/join"] = {
        "post": {
            "summary": "Trade a code for a store's right",
            "operationId": "join",
            "security": [],
            "requestBody": {"content": {"application/json": {"schema": by_kind[JoinWish]}}},
            "responses": {"200": _answer(by_kind[Welcome]), "default": {"description": "A problem (RFC 9457)"}},
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tether headquarters", "version": release},
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _in_path(path: str) -> list[dict[str, Any]]:
    return [
        {"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string"}}
        for part in path.split("/")
        if part.startswith("{")
    ]


def _answer(shape: Any) -> dict[str, Any]:
    return {"description": "Done", "content": {"application/json": {"schema": shape}}}
