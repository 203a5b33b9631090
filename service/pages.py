"""Self-contained HTML: no scripts, nothing loaded from anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

from service.kinds import Kind
from service.schemas.problems import sample

_STYLE: Final = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem 1rem 4rem}
h1{font-size:1.6rem}h2{margin-top:2.5rem;border-bottom:1px solid #8885}h3{margin:1.5rem 0 .5rem}
code,pre{font:14px/1.45 ui-monospace,monospace}pre{overflow:auto;padding:.75rem;background:#8881}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;
padding:.25rem .75rem .25rem 0;border-bottom:1px solid #8883}
details{border:1px solid #8884;border-radius:6px;margin:.5rem 0;padding:.25rem .75rem}
summary{cursor:pointer}summary b{display:inline-block;min-width:4.5rem}
"""


def beginning(base_url: str, form: str) -> tuple[str, str]:
    """Return where to begin at ``base_url``, as ``text/plain`` or JSON, and its media type."""
    links = {
        "dashboard": base_url,
        "api": f"{base_url}docs",
        "openapi": f"{base_url}openapi.json",
        "limits": f"{base_url}v1/limits",
        "datasets": f"{base_url}v1/datasets",
        "readiness": f"{base_url}readyz",
    }
    what = "Multilevel (linear mixed) models over HTTP: lme4's answers, JSON in and out."
    if form == "application/json":
        return json.dumps({"name": "partialpool", "summary": what, "links": links}), form
    lines = (f"  {name:10} {link}" for name, link in links.items())
    return "\n".join(["partialpool", what, "", *lines, ""]), "text/plain; charset=utf-8"


def problem(kind: Kind) -> str:
    """Return the page of a kind of problem."""
    return _page(
        kind.title,
        f"<h1>{escape(kind.title)}</h1><p><code>{kind.code}</code>, HTTP {kind.status}</p>"
        f"<h2>What it means</h2><p>{_prose(kind.meaning)}</p>"
        f"<h2>What to do</h2><p>{_prose(kind.mend)}</p>"
        f"<p>{'The same request may succeed later.' if kind.retryable else ''}</p>"
        f"<h2>An example</h2><pre>{_value(sample(kind).model_dump())}</pre>"
        "<p><a href='/problems'>All kinds of problem</a>, <a href='/docs'>the API page</a></p>",
    )


def problems(kinds: Iterable[Kind]) -> str:
    """Return the page of all kinds of problem."""
    rows = (
        (
            f"<a href='{kind.type}'><code>{kind.code}</code></a>",
            str(kind.status),
            escape(kind.title),
            _prose(kind.mend),
        )
        for kind in kinds
    )
    return _page("Problems", f"<h1>Problems</h1>{_table('What went wrong, and what to do', rows)}")


def reference(document: Mapping[str, Any]) -> str:
    """Return the API page: every operation and every schema of an OpenAPI document."""
    info = document["info"]
    parts = [
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{_prose(info.get('description', ''))}</p>",
        "<p><a href='/openapi.json'>OpenAPI 3.1 document</a></p>",
    ]
    for tag in document.get("tags", []):
        parts.append(f"<h2>{escape(tag['name'])}</h2><p>{_prose(tag.get('description', ''))}</p>")
        parts += [
            _operation(method, path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if tag["name"] in operation.get("tags", [])
        ]
    parts.append("<h2>Schemas</h2>")
    schemas = document["components"]["schemas"]
    parts += [_schema(name, schemas[name]) for name in sorted(schemas)]
    return _page(info["title"], "".join(parts))


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    rows = (
        (
            f"<code>{escape(parameter['name'])}</code> ({parameter['in']})",
            _type(parameter["schema"]),
            _prose(parameter.get("description", "")),
        )
        for parameter in operation.get("parameters", [])
    )
    answers = (
        (f"<b>{status}</b>", _media(response), _prose(response["description"]))
        for status, response in sorted(operation["responses"].items())
    )
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> "
        f"{_prose(operation.get('summary', ''))}</summary>"
        f"<p>{_prose(operation.get('description', ''))}</p>"
        f"{_table('Parameters', rows)}{_body(operation.get('requestBody'))}"
        f"{_table('Answers', answers)}</details>"
    )


def _body(body: Mapping[str, Any] | None) -> str:
    if body is None:
        return ""
    parts = ["<h3>Body</h3>"]
    for media, content in body["content"].items():
        parts.append(f"<p><code>{escape(media)}</code> {_type(content.get('schema', {}))}</p>")
        for name, example in content.get("examples", {}).items():
            shown = example.get("summary", name)
            parts.append(f"<p>{_prose(shown)}</p><pre>{_value(example['value'])}</pre>")
    return "".join(parts)


def _media(response: Mapping[str, Any]) -> str:
    return "<br>".join(
        f"<code>{escape(media)}</code> {_type(content.get('schema', {}))}"
        for media, content in response.get("content", {}).items()
    )


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    rows = (
        (f"<code>{escape(key)}</code>", _type(inner), _prose(inner.get("description", "")))
        for key, inner in schema.get("properties", {}).items()
    )
    return (
        f"<details id='{escape(name)}'><summary><code>{escape(name)}</code></summary>"
        f"<p>{_prose(schema.get('description', ''))}</p>{_table('', rows)}</details>"
    )


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f"<a href='#{name}'>{name}</a>"
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " or ".join(_type(one) for one in schema[union])
    if "enum" in schema:
        return " or ".join(f"<code>{_value(one)}</code>" for one in schema["enum"])
    if "const" in schema:
        return f"<code>{_value(schema['const'])}</code>"
    if schema.get("type") == "array":
        return f"array of {_type(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {_type(schema['additionalProperties'])}"
    return escape(str(schema.get("type", "any")))


def _table(title: str, rows: Iterable[tuple[str, ...]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<h3>{title}</h3><table>{body}</table>" if body else ""


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return escape(text)


def _prose(text: str) -> str:
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return marked.replace("\n\n", "</p><p>")


def _page(title: str, body: str) -> str:
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{body}</body></html>"
    )
