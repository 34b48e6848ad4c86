"""/docs: the OpenAPI document as one page, made here, with no script and nothing fetched from elsewhere."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from daemon.api.schema.problem import MEDIA_TYPE, TITLES

Json = Mapping[str, Any]

STYLE = Path(__file__).with_name("docs.css").read_text(encoding="utf-8")
POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ADVICE = {
    400: "The body is not JSON as two readers would agree on. The detail says where.",
    401: "Send a token, or sign the request as its sender's documentation says.",
    403: "The token lacks the scope. Make one that has it.",
    404: "Nothing is there. Check the path, the id or the order's number.",
    405: "The header Allow lists what is taken.",
    408: "The body took too long. Send it again.",
    409: "It does not fit what is on record: an id with other content, or a message that can't go there any more.",
    411: "Say how long the body is by Content-Length, or send it in chunks.",
    413: "Split what you send.",
    415: "Send JSON in UTF-8, uncompressed, with its content type.",
    417: "Leave out Expect, or expect 100-continue.",
    422: "It is JSON, but wrong. The list `errors` names the field. Repeating it won't help.",
    429: "Wait as long as Retry-After says.",
    431: "A header line may have 8 KiB. Send less.",
    500: "A fault of ours. The log has more under the request's id.",
    503: "Wait as long as Retry-After says, and send it again.",
    507: "Less space than the reserve is left. Free some; events are taken again by themselves.",
}
METHODS = ("get", "post", "put", "delete")


def docs_page(document: Json, address: str) -> bytes:
    """The page for that document; `address`: where the examples post to."""
    return "".join(_page(document, address)).encode()


def _page(document: Json, address: str) -> Iterator[str]:
    info = document["info"]
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<title>{escape(info["title"])} API</title><link rel="icon" href="data:,"><style>{STYLE}</style></head><body>'
    yield '<nav aria-label="Calls"><strong>Tether</strong>'
    for tag in document["tags"]:
        yield f'<a href="#{_slug(tag["name"])}">{escape(tag["name"])}</a>'
    yield '<a href="#schemas">Schemas</a><a href="#problems">Problems</a><a href="/openapi.json">openapi.json</a></nav><main>'
    yield f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>{_paragraphs(info['description'])}"
    for tag in document["tags"]:
        yield f'<section id="{_slug(tag["name"])}"><h2>{escape(tag["name"])}</h2><p>{escape(tag["description"])}</p>'
        for path, method, operation in _operations(document):
            if tag["name"] in operation["tags"]:
                yield from _operation(path, method, operation, address)
        yield "</section>"
    yield from _schemas(document["components"]["schemas"])
    yield from _problems()
    yield "</main></body></html>"


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _operation(path: str, method: str, operation: Json, address: str) -> Iterator[str]:
    yield f'<article id="{operation["operationId"]}"><h3><b class="{method}">{method.upper()}</b> <code>{escape(path)}</code></h3>'
    yield f'<p class="summary">{escape(operation["summary"])}{_scopes(operation)}</p>'
    if "description" in operation:
        yield _paragraphs(operation["description"])
    if "parameters" in operation:
        yield "<table><thead><tr><th>Parameter</th><th>In</th><th>Type</th><th>Meaning</th></tr></thead><tbody>"
        for each in operation["parameters"]:
            required = " <em>required</em>" if each["required"] else ""
            words = escape(each.get("description", ""))
            yield f"<tr><td><code>{escape(each['name'])}</code>{required}</td><td>{each['in']}</td>"
            yield f"<td>{_type(each['schema'])}</td><td>{words}</td></tr>"
        yield "</tbody></table>"
    if "requestBody" in operation:
        takes = " or ".join(
            f"{_type(each['schema'])} as <code>{escape(name)}</code>" for name, each in _content(operation)
        )
        yield f"<p>Takes {takes}.</p>"
    yield f'<pre>{escape(_curl(path, method, operation, address))}</pre><ul class="answers">'
    for status, response in operation["responses"].items():
        yield f"<li><b>{status}</b> {_answer(status, response)}</li>"
    yield "</ul></article>"


def _content(operation: Json) -> list[tuple[str, Json]]:
    return list(operation["requestBody"]["content"].items())


def _scopes(operation: Json) -> str:
    scopes = operation.get("x-scopes")
    return f' <span class="scope">{" · ".join(map(escape, scopes))}</span>' if scopes else ""


def _answer(status: str, response: Json) -> str:
    if "$ref" in response or int(status) >= 400:
        return f'<a href="#problem-{status}">{escape(TITLES[int(status)])}</a>'
    kinds = ", ".join(
        _type(each["schema"]) or f"<code>{escape(name)}</code>" for name, each in response["content"].items()
    )
    return f"{escape(response['description'])} {kinds}"


def _type(schema: Json) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(_type(each) for each in schema[key] if each != {"type": "null"})
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(each))}</code>" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items']) if schema.get('items') else 'anything'}"
    kind = str(schema.get("type", ""))
    if "format" in schema:
        return f"{escape(kind)} ({escape(schema['format'])})"
    return escape(kind)


def _curl(path: str, method: str, operation: Json, address: str) -> str:
    verb = "" if method == "get" else f"-X {method.upper()} "
    lines = [f"curl {verb}{address}{path}"]
    if operation["security"]:
        lines.append("-H 'Authorization: Bearer TOKEN'")
    if "requestBody" in operation:
        media, content = _content(operation)[0]
        examples = content.get("examples", {})
        example = next(iter(examples.values()))["value"] if examples else {}
        lines.append(f"-H 'Content-Type: {media}'")
        body = msgspec.json.format(msgspec.json.encode(example), indent=2).decode()
        lines.append(f"-d '{body}'")
    return " \\\n  ".join(lines)


def _schemas(schemas: Mapping[str, Json]) -> Iterator[str]:
    yield '<section id="schemas"><h2>Schemas</h2>'
    for name, schema in sorted(schemas.items()):
        yield f'<article id="schema-{escape(name)}"><h3><code>{escape(name)}</code></h3>{_paragraphs(schema.get("description", ""))}'
        if "enum" in schema:
            yield f"<p>{_type(schema)}</p>"
        if schema.get("properties"):
            yield "<table><thead><tr><th>Field</th><th>Type</th><th>Meaning</th></tr></thead><tbody>"
            for field, its in schema["properties"].items():
                required = " <em>required</em>" if field in schema.get("required", ()) else ""
                yield f"<tr><td><code>{escape(field)}</code>{required}</td><td>{_type(its)}</td><td>{escape(_words(its))}</td></tr>"
            yield "</tbody></table>"
        yield "</article>"
    yield "</section>"


def _words(schema: Json) -> str:
    if "description" in schema:
        return str(schema["description"])
    return next((str(each["description"]) for each in schema.get("anyOf", ()) if "description" in each), "")


def _problems() -> Iterator[str]:
    yield f'<section id="problems"><h2>Problems</h2><p>What every refusal is, as <code>{MEDIA_TYPE}</code>, and what to do.</p><dl>'
    for status, title in TITLES.items():
        yield f'<dt id="problem-{status}"><b>{status}</b> {escape(title)}</dt><dd>{escape(ADVICE[status])}</dd>'
    yield "</dl></section>"


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_code(part)}</p>" for part in text.split("\n\n") if part.strip())


def _code(text: str) -> str:
    """Words between backticks as code."""
    parts = escape(text).split("`")
    return "".join(part if index % 2 == 0 else f"<code>{part}</code>" for index, part in enumerate(parts))


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")
