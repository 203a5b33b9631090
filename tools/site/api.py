"""The page of the HTTP API, made of the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

Json = dict[str, Any]


def reference(document: Json) -> str:
    """Return the page: every operation by tag, then every schema."""
    info = document["info"]
    lines = [f"# The HTTP API, version {info['version']}", "", info["description"], ""]
    lines += ["Made of [openapi.json](openapi.json).", ""]
    for tag in document["tags"]:
        lines += [f"## {tag['name'].capitalize()}", "", tag["description"], ""]
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if tag["name"] in operation["tags"]:
                    lines += _operation(f"{method.upper()} {path}", operation)
    lines += ["## Schemas", ""]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += _schema(name, schema)
    return "\n".join(lines) + "\n"


def _operation(title: str, operation: Json) -> Iterator[str]:
    yield from (
        f"### `{title}` {{ #{operation['operationId']} }}",
        "",
        operation["description"],
        "",
    )
    scopes = [scope for each in operation["security"] for scope in each.get("bearer", [])]
    yield from (f"Key: {'`' + scopes[0] + '`' if scopes else 'none'}.", "")
    parameters = operation.get("parameters", [])
    if parameters:
        rows = (
            (f"`{x['name']}`", x["in"], _type(x["schema"]), x.get("description", ""))
            for x in parameters
        )
        yield from _table(("parameter", "in", "type", "meaning"), rows)
    body = operation.get("requestBody", {}).get("content", {})
    if body:
        forms = ((f"`{media}`", _type(content["schema"])) for media, content in body.items())
        yield from _table(("body", "type"), forms)
    for name, example in body.get("application/json", {}).get("examples", {}).items():
        shown = json.dumps(example["value"], indent=2, ensure_ascii=False)
        yield from (f"{example.get('summary', name)}:", "", "```json", shown, "```", "")
    answers = (
        (status, "<br>".join(_answer(response)), response["description"])
        for status, response in sorted(operation["responses"].items())
    )
    yield from _table(("status", "answer", "meaning"), answers)


def _answer(response: Json) -> Iterator[str]:
    for media, content in response.get("content", {}).items():
        yield f"`{media}` {_type(content.get('schema', {}))}"


def _schema(name: str, schema: Json) -> Iterator[str]:
    yield from (f"### {name} {{ #schema-{name.lower()} }}", "", schema.get("description", ""), "")
    required = schema.get("required", [])
    rows = (
        (
            f"`{key}`{'' if key in required else ' (optional)'}",
            _type(inner),
            inner.get("description", ""),
        )
        for key, inner in schema.get("properties", {}).items()
    )
    yield from _table(("key", "type", "meaning"), rows)


def _type(schema: Json) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#schema-{name.lower()})"
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " or ".join(_type(each) for each in schema[union])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{each}`" for each in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"array of {_type(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return str(schema.get("type", "any"))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    listed = [" | ".join(_cell(cell) for cell in row) for row in rows]
    if listed:
        yield f"| {' | '.join(head)} |"
        yield f"| {' | '.join('---' for _ in head)} |"
        yield from (f"| {row} |" for row in listed)
        yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
