"""What breaks clients is found, and what does not is let through."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tools.breaking import CHANGELOG, DOCUMENT, complaints, last_released, main, plain

Json = dict[str, Any]
NOTED = "# Changelog\n\n## Unreleased\n\n### Added\n\n- A thing.\n\n## 0.1.0\n"
SILENT = "# Changelog\n\n## Unreleased\n\n## 0.1.0\n\n- A thing.\n"
OLD: Json = plain(json.loads(DOCUMENT.read_text()))
KEPT = (
    "/healthz",
    "/v1/usage",
    "/v1/models",
    "/v1/datasets",
    "/v1/models/{model}",
    "/v1/jobs/{job}",
)
OLD["paths"] = {path: OLD["paths"][path] for path in (*KEPT, "/v1/models/{model}/predictions")}
TEXT = json.dumps(OLD)


def operation(document: Json, path: str, method: str) -> Json:
    found: Json = document["paths"][path][method]
    return found


def properties(document: Json, schema: str) -> Json:
    found: Json = document["components"]["schemas"][schema]["properties"]
    return found


def parameter(document: Json, path: str, method: str, name: str) -> Json:
    found: Json = next(
        x for x in operation(document, path, method)["parameters"] if x["name"] == name
    )
    return found


def found(mutate: Callable[[Json], object], changelog: str = NOTED) -> list[str]:
    new = json.loads(TEXT)
    mutate(new)
    return complaints(OLD, new, changelog)


def removed(document: Json, path: str, method: str, name: str) -> None:
    document["paths"][path][method]["parameters"].remove(parameter(document, path, method, name))


BREAKING: dict[str, tuple[Callable[[Json], object], str]] = {
    "a path that goes": (lambda d: d["paths"].pop("/v1/usage"), "GET /v1/usage: is gone"),
    "a method that goes": (
        lambda d: d["paths"]["/v1/models/{model}"].pop("delete"),
        "DELETE /v1/models/{model}: is gone",
    ),
    "another operationId": (
        lambda d: operation(d, "/v1/models", "post").update(operationId="fit_model"),
        "has another operationId",
    ),
    "a parameter that goes": (
        lambda d: removed(d, "/v1/models", "get", "cursor"),
        "query cursor: is gone",
    ),
    "a new required parameter": (
        lambda d: operation(d, "/v1/models", "get")["parameters"].append(
            {"in": "query", "name": "x", "required": True, "schema": {"type": "string"}}
        ),
        "query x: is new and required",
    ),
    "a parameter that becomes required": (
        lambda d: parameter(d, "/v1/models", "get", "cursor").update(required=True),
        "query cursor: is required now",
    ),
    "a parameter of a smaller range": (
        lambda d: parameter(d, "/v1/models", "get", "limit")["schema"].update(maximum=10),
        "query limit: maximum is 10 now",
    ),
    "another default": (
        lambda d: parameter(d, "/v1/models", "get", "limit")["schema"].update(default=10),
        "query limit: has another default",
    ),
    "a form of body that is read no more": (
        lambda d: operation(d, "/v1/datasets", "post")["requestBody"]["content"].pop("text/csv"),
        "body text/csv: is gone",
    ),
    "a body key that becomes required": (
        lambda d: d["components"]["schemas"]["FitRequest"]["required"].append("method"),
        ".method: is required now",
    ),
    "a body key that goes": (
        lambda d: properties(d, "FitRequest").pop("weights"),
        ".weights: is gone",
    ),
    "a value that is taken no more": (
        lambda d: properties(d, "FitRequest")["method"]["enum"].remove("ML"),
        '.method: takes no more "ML"',
    ),
    "a type that is taken no more": (
        lambda d: properties(d, "FitRequest")["dataset"].update(anyOf=[{"type": "null"}]),
        ".dataset: string is taken no more",
    ),
    "a type of a key that is narrower": (
        lambda d: properties(d, "PredictionRequest")["level"].update(type="integer"),
        ".level: was number, is integer",
    ),
    "a key of an answer that goes": (
        lambda d: properties(d, "FittedModel").pop("theta"),
        ".theta: is gone",
    ),
    "a key of an answer that may be left out": (
        lambda d: d["components"]["schemas"]["FittedModel"]["required"].remove("theta"),
        ".theta: may be left out now",
    ),
    "a key of an answer that may be null": (
        lambda d: properties(d, "FittedModel").update(
            n_rows={"anyOf": [{"type": "integer", "format": "int64"}, {"type": "null"}]}
        ),
        ".n_rows: null is answered too now",
    ),
    "a key of an answer that is another type": (
        lambda d: properties(d, "FittedModel").update(n_rows={"type": "number"}),
        ".n_rows: was integer, is number",
    ),
    "a value of an answer that goes": (
        lambda d: properties(d, "Job")["state"]["enum"].remove("queued"),
        '.state: has other values: "queued"',
    ),
    "a value of an answer that comes": (
        lambda d: properties(d, "Job")["state"]["enum"].append("lost"),
        '.state: has other values: "lost"',
    ),
    "a time that is any text": (
        lambda d: properties(d, "ModelSummary")["created_at"].pop("format"),
        ".created_at: has no longer the format date-time",
    ),
    "a form of answer that goes": (
        lambda d: operation(d, "/v1/models", "post")["responses"]["201"]["content"].pop(
            "text/plain"
        ),
        "201 text/plain: is gone",
    ),
    "a status that goes": (
        lambda d: operation(d, "/v1/models", "post")["responses"].pop("202"),
        "POST /v1/models 202: is gone",
    ),
    "a header that goes": (
        lambda d: operation(d, "/v1/models", "post")["responses"]["201"]["headers"].pop("Location"),
        "header Location: is gone",
    ),
    "a link that goes": (
        lambda d: operation(d, "/v1/models", "post")["responses"]["201"]["links"].pop("predict"),
        "link predict: is gone",
    ),
    "a key with more scope": (
        lambda d: operation(d, "/v1/models", "get").update(security=[{"bearer": ["admin"]}]),
        "GET /v1/models: needs another key than before",
    ),
    "a key for what needed none": (
        lambda d: operation(d, "/healthz", "get").update(security=[{"bearer": ["read"]}]),
        "GET /healthz: needs another key than before",
    ),
}


@pytest.mark.parametrize("name", BREAKING)
def test_what_breaks_clients_is_found(name: str) -> None:
    mutate, told = BREAKING[name]
    lines = found(mutate)
    assert any(told in line for line in lines), lines
    assert len({line.rsplit(": ", 1)[-1] for line in lines}) == 1, "and nothing else is"


HARMLESS: dict[str, Callable[[Json], object]] = {
    "a new operation": lambda d: d["paths"].update({"/v1/new": d["paths"]["/v1/usage"]}),
    "a new optional parameter": lambda d: operation(d, "/v1/models", "get")["parameters"].append(
        {"in": "query", "name": "x", "schema": {"type": "string"}}
    ),
    "a new optional key": lambda d: properties(d, "FitRequest").update(x={"type": "string"}),
    "a new key of an answer": lambda d: properties(d, "FittedModel").update(x={"type": "string"}),
    "a larger range": lambda d: parameter(d, "/v1/models", "get", "limit")["schema"].update(
        maximum=100_000
    ),
    "a new value to ask for": lambda d: properties(d, "FitRequest")["method"]["enum"].append("VB"),
    "a whole number where a number was": lambda d: properties(d, "FittedModel").update(
        residual_std_dev={"type": "integer"}
    ),
    "a refusal more": lambda d: operation(d, "/v1/models", "get")["responses"].update(
        {"418": {"description": "No."}}
    ),
    "prose": lambda d: operation(d, "/v1/models", "get").update(description="Other words."),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_does_not_break_clients_is_let_through(name: str) -> None:
    assert found(HARMLESS[name]) == []


def test_a_change_needs_a_word_in_the_changelog() -> None:
    def harmless(d: Json) -> None:
        HARMLESS["a new operation"](d)

    assert [line.split(":")[0] for line in found(harmless, SILENT)] == ["CHANGELOG.md"]
    assert complaints(OLD, OLD, SILENT) == []


def test_a_major_version_may_break() -> None:
    def broken(d: Json) -> None:
        d["paths"].pop("/v1/usage")
        d["info"]["version"] = "1.0.0"

    assert found(broken) == []


def test_names_that_are_words_of_prose_are_kept() -> None:
    schema = {"properties": {"title": {"type": "string", "title": "Title"}}, "title": "Job"}
    assert plain(schema) == {"properties": {"title": {"type": "string"}}}


def test_the_document_breaks_nothing_that_was_released(capsys: pytest.CaptureFixture[str]) -> None:
    assert CHANGELOG.exists()
    assert main([]) == 0, capsys.readouterr().out
    assert last_released().stem in capsys.readouterr().out
