"""The OpenAPI document: FastAPI's, with our problems in place of its own, and raw bodies told."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from service import bounds, tabular
from service.access import needed
from service.api.examples import ANSWERS
from service.limiting import FREE
from service.problems import MEDIA_TYPE, responses

GATE: Final = ("unauthorized", "insufficient_scope", "unavailable")
"""How any operation that needs a key may be refused."""

COUNTED: Final = ("rate_limited", "too_many_requests")
"""How any operation whose requests are counted may be refused."""

ANY: Final = ("bad_request", "internal")
"""What any operation may answer."""

_SCHEMES: Final[dict[str, Any]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "pp_<id>_<secret>",
        "description": "An API key with the scope that the operation names: `read`, `write` (and "
        "`read`), or `admin` (and both). One that listens to its own machine only needs none.",
    },
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same key, for clients that cannot send `Authorization`.",
    },
}

_REF: Final = "#/components/schemas/{model}"
_HEADERS: Final = {
    "X-Request-ID": "The id of the request, as sent by the client or made here.",
    "Retry-After": "Seconds to wait before asking again.",
    "Preference-Applied": "What of `Prefer` was honoured (RFC 7240).",
    "ETag": "Tag of this representation, strong.",
    "Location": "Path of the resource.",
    "Link": 'The next page, as `rel="next"` (RFC 8288); left out on the last.',
    "Cache-Status": "Whether it was found (`hit`) or made (RFC 9211).",
    "Server-Timing": "What took how many milliseconds.",
    "RateLimit": "What is left of the caller's share and for how many seconds; left out where "
    "requests are not counted.",
    "RateLimit-Policy": "How much work the caller may ask for, in which time.",
    "Access-Control-Allow-Origin": "The origin of the page that asks, when the service lets its "
    "scripts read answers; left out for all others.",
}
_SERVER: Final = {
    "url": "/",
    "description": "Where this document is read from: local, staging or production.",
    "x-internal": False,
}
_EVERYWHERE: Final = ("X-Request-ID", "Access-Control-Allow-Origin")
_COUNTING: Final = ("RateLimit", "RateLimit-Policy")
_SECONDS: Final = {"type": "integer", "minimum": 0, "maximum": 86_400}


def build(
    app: FastAPI, asked: Collection[type[BaseModel]], answered: Collection[type[BaseModel]]
) -> dict[str, Any]:
    """Return the document of ``app``.

    ``asked`` are the models of raw bodies and errors, ``answered`` those that routes name.
    """
    document = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        summary=app.summary,
        description=app.description,
        license_info=app.license_info,
        tags=app.openapi_tags,
        routes=app.routes,
        servers=[_SERVER],
        contact={"name": "Whoever runs this service"},
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas.update(_schemas(answered, "serialization") | _schemas(asked, "validation"))
    answers = json.loads(ANSWERS.read_text(encoding="utf-8"))
    document["components"]["securitySchemes"] = _SCHEMES
    document["components"]["headers"] = {name: _header(name) for name in _HEADERS}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _secure(operation, needed(method.upper(), path))
            _refuse(operation, *ANY, *(() if path in FREE else COUNTED))
            operation["summary"] = _first_sentence(operation["description"])
            _finish(operation["responses"], answers.get(operation["operationId"]), answers)
            _tell_headers(operation["responses"], counted=path not in FREE)
    bounds.bound(document, app.state.settings)
    return document


def _schemas(models: Collection[type[BaseModel]], mode: JsonSchemaMode) -> dict[str, Any]:
    _, found = models_json_schema([(model, mode) for model in models], ref_template=_REF)
    defined: dict[str, Any] = found.get("$defs", {})
    return defined


def _secure(operation: dict[str, Any], scope: str | None) -> None:
    """Tell which scope an operation needs, and how it refuses who has not got it."""
    if scope is None:
        operation["security"] = []
        return
    operation["security"] = [{name: [scope]} for name in _SCHEMES]
    _refuse(operation, *GATE)


def _refuse(operation: dict[str, Any], *codes: str) -> None:
    """Add what an operation may answer to what it says that it does."""
    own = operation["responses"]
    for status, answer in responses(*codes).items():
        _join(own.setdefault(str(status), answer), answer)


def _join(own: dict[str, Any], other: dict[str, Any]) -> None:
    """Add the problems of one answer to those of another of the same status."""
    if own is other:
        return
    own["description"] += f"; {other['description']}"
    own["content"][MEDIA_TYPE]["examples"] |= other["content"][MEDIA_TYPE]["examples"]


def _first_sentence(description: str) -> str:
    first, *_ = re.split(r"[.;]\s", description + " ")
    return " ".join(first.split())


def text(app: FastAPI) -> str:
    """Return the document as JSON, the same bytes every time."""
    return json.dumps(app.openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


MODEL_ID: Final = {
    "name": "model",
    "in": "path",
    "required": True,
    "description": "Id of a model.",
    "schema": {"type": "string"},
}


def headers(*names: str) -> dict[str, Any]:
    """Return the OpenAPI headers of an answer."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _header(name: str) -> dict[str, Any]:
    schema = dict(_SECONDS) if name == "Retry-After" else {"type": "string"}
    return {"description": _HEADERS[name], "schema": schema}


def first_of_list(operation: str, parameter: str) -> dict[str, Any]:
    """Return the OpenAPI link from a list to the first that is in it."""
    found = {"operationId": operation, "parameters": {parameter: "$response.body#/items/0/id"}}
    return {operation: found}


def tables() -> dict[str, Any]:
    """Return the OpenAPI content of an answer that is a table in any form."""
    return {
        tabular.CSV: {"schema": {"type": "string", "format": "binary"}},
        tabular.PARQUET: {"schema": {"type": "string", "format": "binary"}},
        tabular.ARROW: {"schema": {"type": "string", "format": "binary"}},
    }


def body(
    model: type[BaseModel], examples: dict[str, Any], others: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the ``openapi_extra`` of an operation that reads ``model`` from a JSON body itself.

    ``others`` are the other forms of body that it reads, by media type.
    """
    content = {"schema": {"$ref": _REF.format(model=model.__name__)}, "examples": examples}
    forms = {"application/json": content, **(others or {})}
    return {"requestBody": {"required": True, "content": forms}}


def query(model: type[BaseModel]) -> list[dict[str, Any]]:
    """Return the OpenAPI query parameters of an operation that reads them itself as ``model``.

    Defaults stand in the body's model: clients that send defaults must not send these beside it.
    """
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": f"For a table in the body. {schema.pop('description')}",
            "schema": {key: value for key, value in schema.items() if key != "default"},
        }
        for name, schema in model.model_json_schema()["properties"].items()
    ]


def _finish(responses: dict[str, Any], example: object, answers: dict[str, Any]) -> None:
    if "HTTPValidationError" in json.dumps(responses.get("422", {})):
        del responses["422"]
    for status, response in responses.items():
        if status.startswith("2") and "application/json" in response.get("content", {}):
            own = answers.get("accepted") if status == "202" else example
            response["content"]["application/json"]["example"] = own
        events = response.get("content", {}).get("text/event-stream")
        if events is not None:  # what an event is made of is of OpenAPI 3.2
            events.pop("itemSchema", None)
            events["schema"] = {"type": "string"}


def _tell_headers(responses: dict[str, Any], *, counted: bool) -> None:
    names = (*_EVERYWHERE, *_COUNTING) if counted else _EVERYWHERE
    for response in responses.values():
        response.setdefault("headers", {}).update(headers(*names))
