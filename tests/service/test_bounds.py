"""The OpenAPI document says how large values can be, and how they are written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from service.app import create_app
from service.bounds import WHOLE, operations
from service.settings import Settings


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def schemas(node: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield everything in a document that has a type and is no example."""
    if isinstance(node, dict):
        if isinstance(node.get("type"), str):
            yield path, node
        for key, inner in node.items():
            if key not in {"example", "examples", "default", "links", "security"}:
                yield from schemas(inner, f"{path}/{key}")
    elif isinstance(node, list):
        for place, inner in enumerate(node):
            yield from schemas(inner, f"{path}/{place}")


def test_no_text_array_or_whole_number_is_without_bounds(document: dict[str, Any]) -> None:
    wanted = {
        "string": {"maxLength", "enum", "const"},
        "array": {"maxItems"},
        "integer": {"maximum", "exclusiveMaximum", "enum", "const"},
    }
    unbounded = [
        path
        for path, schema in schemas(document)
        if schema["type"] in wanted and not schema.keys() & wanted[schema["type"]]
    ]
    assert unbounded == []


def test_bounds_that_a_model_has_itself_stay(document: dict[str, Any]) -> None:
    asked = document["components"]["schemas"]["FitRequest"]["properties"]
    assert asked["formula"]["maxLength"] == 2_000
    assert asked["categorical"]["maxItems"] == 200
    seed = document["components"]["schemas"]["SimulationRequest"]["properties"]["seed"]
    assert (seed["minimum"], seed["maximum"]) == (0, WHOLE)


def test_a_page_has_no_more_items_than_may_be_asked_for(document: dict[str, Any]) -> None:
    paged = [
        ("/v1/models", "ModelList"),
        ("/v1/models/{model}/effects/{group}", "EffectsPage"),
        ("/v1/datasets/{dataset}/rows", "DatasetRows"),
    ]
    for path, name in paged:
        parameters = document["paths"][path]["get"]["parameters"]
        limit = next(each for each in parameters if each["name"] == "limit")["schema"]["maximum"]
        items = document["components"]["schemas"][name]["properties"]["items"]
        assert items["maxItems"] == limit, path


def test_a_larger_setting_is_a_larger_bound() -> None:
    document = create_app(Settings(max_body_bytes=123_456_789)).openapi()
    forms = document["paths"]["/v1/datasets"]["post"]["requestBody"]["content"]
    assert forms["text/csv"]["schema"]["maxLength"] == 123_456_789


def test_whole_numbers_of_cells_may_be_negative(document: dict[str, Any]) -> None:
    rows = document["components"]["schemas"]["RowsDocument"]["properties"]["rows"]
    cell = rows["items"]["additionalProperties"]["anyOf"]
    assert [each["minimum"] for each in cell if each["type"] == "integer"] == [-WHOLE]


def test_every_operation_tells_the_headers_that_all_answers_may_have(
    document: dict[str, Any],
) -> None:
    for operation in operations(document):
        for status, response in operation["responses"].items():
            assert "X-Request-ID" in response["headers"], (operation["operationId"], status)
            assert "Access-Control-Allow-Origin" in response["headers"]
            for header in response["headers"].values():
                name = header["$ref"].rsplit("/", 1)[-1]
                assert name in document["components"]["headers"]


def test_links_lead_to_operations_and_parameters_that_are_there(document: dict[str, Any]) -> None:
    known = {each["operationId"]: each for each in operations(document)}
    links = [
        link
        for operation in known.values()
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert len(links) > 60
    for link in links:
        names = {each["name"] for each in known[link["operationId"]].get("parameters", [])}
        assert link["parameters"].keys() <= names, link
