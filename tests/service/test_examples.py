from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from service.app import create_app
from service.settings import Settings
from tests.service.examples import asked, settings_of, stored
from tests.service.keeping import another

MEND = "if this is meant, run python -m tests.service.examples"

pytestmark = pytest.mark.anyio


def same(found: Any, told: Any) -> bool:
    """Tell whether two JSON values are the same, numbers up to rounding."""
    match found, told:
        case dict(), dict():
            return found.keys() == told.keys() and all(same(found[k], told[k]) for k in found)
        case list(), list():
            return len(found) == len(told) and all(map(same, found, told))
        case float(), float():
            return found == pytest.approx(told, rel=1e-6, abs=1e-9)
        case str(), str() if "\n" in found and "," in found:
            return same(numbers(found), numbers(told))
    return bool(found == told)


def unnamed(answer: Any) -> Any:
    """Return an answer whose tables for a plot are not named by the digits that they hold."""
    return json.loads(re.sub(r'"data-[0-9a-f]{32}"', '"data"', json.dumps(answer)))


def numbers(table: str) -> list[list[float | str]]:
    """Return the cells of a CSV, numbers as numbers."""
    return [[number(cell) for cell in line.split(",")] for line in table.splitlines()]


def number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


async def test_every_example_is_answered_as_it_says(tmp_path: Path) -> None:
    known = dict(stored())
    async with another(settings_of(tmp_path)) as client:
        async for name, _, found in asked(client):
            assert found["request"] == known[name]["request"], name
            told = known.pop(name)["answer"]
            assert same(unnamed(found["answer"]), unnamed(told)), f"{name}: {MEND}"
    assert not known, MEND


async def test_every_operation_has_an_example() -> None:
    document = create_app(Settings()).openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for status, response in operation["responses"].items():
                content = response.get("content", {}).get("application/json")
                if status.startswith("2") and content is not None:
                    assert "example" in content, (method, path, status)
