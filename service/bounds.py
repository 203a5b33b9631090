"""Bounds and forms in the OpenAPI document: how large a value can be, and how some are written.

What a field's own model says stays; this fills in what follows from the published caps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine import CAPS
from service.caps import REQUEST
from service.intake import Caps
from service.settings import Settings

Schema = dict[str, Any]

WHOLE: Final = 2**53 - 1
"""The largest whole number that every JSON reader keeps."""

TEXT: Final = CAPS.variables * (Caps().cell_bytes + 1)
"""The longest text: a level of an interaction, of so many variables, each with a cell's text."""

TARGET: Final = 65_535
"""The longest target of a request, and so the longest parameter."""

BODY: Final = 2**31 - 1
"""The largest answer that is a file, in bytes: what clients can hold as one array."""

_ITEMS: Final[Mapping[str, int]] = {
    "ComparisonRequest": REQUEST.compared_models,
    "Comparison": REQUEST.compared_models,
    "CountyPage": REQUEST.page_items,
    "DatasetList": REQUEST.page_items,
    "DatasetRows": REQUEST.page_rows,
    "EffectsPage": REQUEST.page_levels,
    "JobList": REQUEST.page_items,
    "LevelInfluencePage": REQUEST.page_levels,
    "ModelList": REQUEST.page_items,
    "PoolingPage": REQUEST.page_levels,
    "Problem": REQUEST.problems,
    "RowDiagnosticsPage": REQUEST.page_diagnostics_json,
}
"""Most ``items`` (or ``errors``) of a schema."""

_ID: Final = "[a-z2-7]{32}$"
_HASH: Final[Schema] = {"pattern": "^[0-9a-f]{64}$", "maxLength": 64}
_TIME: Final[Schema] = {"format": "date-time", "maxLength": 27}
_MODEL: Final[Schema] = {"pattern": f"^m_{_ID}", "maxLength": 34}
_DATASET: Final[Schema] = {"pattern": f"^ds_{_ID}", "maxLength": 35}

_FORMS: Final[Mapping[str, Schema]] = {
    **dict.fromkeys(("created_at", "started_at", "finished_at"), _TIME),
    **dict.fromkeys(("content_hash", "dataset_hash", "spec_hash"), _HASH),
    **dict.fromkeys(("FittedModel.id", "ModelSummary.id"), _MODEL),
    **dict.fromkeys(("DatasetSummary.id", "DatasetDetail.id", "DatasetPreview.id"), _DATASET),
}
"""How a property is written, by its name or by that of its schema and its own."""


def bound(document: dict[str, Any], settings: Settings) -> None:
    """Say in ``document`` how large every text, array and whole number can be."""
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        for key, inner in schema.get("properties", {}).items():
            _write(inner, _FORMS.get(f"{name}.{key}") or _FORMS.get(key) or {})
            if key in {"items", "errors"} and name in _ITEMS:
                _set(inner, "maxItems", _ITEMS[name])
        _fill(schema, TEXT, settings.max_rows)
    for operation in operations(document):
        _of_operation(operation, settings)
    for header in document["components"].get("headers", {}).values():
        _fill(header["schema"], TARGET, settings.max_rows)


def operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every operation of a document."""
    for path in document["paths"].values():
        yield from path.values()


def _of_operation(operation: dict[str, Any], settings: Settings) -> None:
    for parameter in operation.get("parameters", []):
        _fill(parameter["schema"], TARGET, settings.max_columns)
    for content in operation.get("requestBody", {}).get("content", {}).values():
        _fill(content["schema"], settings.max_body_bytes, settings.max_rows)
    for response in operation["responses"].values():
        for content in response.get("content", {}).values():
            _fill(content.get("schema", {}), BODY, settings.max_rows)


def _fill(schema: Schema, text: int, items: int) -> None:
    """Say what a schema, and each within it, does not say yet."""
    for inner in _within(schema):
        match inner.get("type"):
            case "integer" if "enum" not in inner and "const" not in inner:
                _integer(inner)
            case "string" if not inner.keys() & {"enum", "const", "maxLength"}:
                inner["maxLength"] = text
            case "array":
                _set(inner, "maxItems", items)


def _integer(schema: Schema) -> None:
    _set(schema, "format", "int64")
    if "exclusiveMinimum" not in schema:
        _set(schema, "minimum", 0)
    if "exclusiveMaximum" not in schema:
        _set(schema, "maximum", WHOLE)


def _within(schema: Schema) -> Iterator[Schema]:
    """Yield a schema and all that it is made of; those of cells are whole numbers of any sign."""
    yield schema
    for union in ("anyOf", "oneOf", "allOf", "prefixItems"):
        members = schema.get(union, [])
        if any(member.get("type") == "number" for member in members):
            for member in members:
                if member.get("type") == "integer":
                    _set(member, "minimum", -WHOLE)
        for member in members:
            yield from _within(member)
    for single in ("items", "additionalProperties", "if", "then", "else", "not"):
        if isinstance(schema.get(single), dict):
            yield from _within(schema[single])
    for inner in schema.get("properties", {}).values():
        yield from _within(inner)


def _write(schema: Schema, form: Schema) -> None:
    """Say how the text of a schema, or the text that it may be, is written."""
    for inner in _within(schema):
        if inner.get("type") == "string":
            inner.update(form)


def _set(schema: Schema, key: str, value: object) -> None:
    schema.setdefault(key, value)
