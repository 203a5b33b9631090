"""Whatever is refused for its size is published: no cap without a line in ``GET /v1/limits``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest

import engine
from service.caps import REQUEST, RequestCaps, published
from service.intake import Caps
from service.schemas import bounds
from service.schemas.system import Limits
from service.settings import Settings
from tests.service.cases import OATS, model_of
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]

# Constants that bound a search or how much is told, and caps that no request can reach.
INTERNAL = {
    "engine/starts.py": {"MAX_PATTERNS", "MAX_STARTS", "MAX_WORK"},
    "engine/scalar.py": {"MAX_DOUBLES"},
    "engine/surface.py": {"MAX_DOUBLES"},
    "engine/forms.py": {"MAX_DENSE"},
    "engine/gram.py": {"MAX_PAIRS"},
    "engine/descent.py": {"MAX_STEPS"},
    "engine/summaries/fields.py": {"MAX_TEXT"},
    "engine/simulation.py": {"MAX_VALUES"},
    "engine/newdata.py": {"MAX_PROBLEMS"},
    "engine/inference/bootstrap.py": {"MAX_SIMULATIONS"},
    "engine/inference/profile.py": {"MAX_STEPS"},
    "engine/iterative/gradients.py": {"MAX_ITERATIONS"},
    "engine/iterative/search.py": {"MAX_STEPS"},
    "engine/inference/studentized.py": {"MAX_STEPS"},
    "service/catalog/recent.py": {"MAX_ROWS"},
    "service/handlers.py": {"MAX_NAME_SHOWN"},
    "service/intake/errors.py": {"MAX_ROWS_NAMED"},
}
# Lengths of one name, id or cursor, which the schema tells where it stands.
LENGTHS = {
    ("service/api/parameters.py", 200),
    ("service/schemas/datasets.py", 100),
    ("service/schemas/datasets.py", 1000),
    ("service/schemas/inference.py", 200),
    ("service/schemas/inference.py", 400),
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for package in ("engine", "service"):
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())


def constants(module: ast.Module) -> set[str]:
    """Return the names of constants like ``MAX_TERMS`` at the top of a module."""
    found = set()
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        found |= {each.id for each in targets if isinstance(each, ast.Name)}
    return {name for name in found if name.startswith("MAX_")}


def test_every_cap_of_every_table_is_published() -> None:
    limits = set(Limits.model_fields)
    settings = {name for name in Settings.model_fields if name.startswith("max_")}
    request = {f"max_{field.name}" for field in fields(RequestCaps)}
    told = published(Settings())
    assert settings | request <= limits
    assert {name for name in told if name.startswith("max_")} == {
        name for name in limits if name.startswith("max_")
    }
    assert len(told) >= sum(len(fields(each)) for each in (RequestCaps, engine.Caps)) + 2
    assert {f"max_{name}" for name in Caps.__struct_fields__} <= limits


def test_every_constant_that_is_a_cap_is_in_a_table_or_is_known_to_be_internal() -> None:
    """The table of the engine reads them; anything else of the name is one that nobody sees."""
    tables = ast.parse((ROOT / "engine" / "caps.py").read_text())
    read_there = {
        (node.value.id, node.attr)
        for node in ast.walk(tables)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    hidden = {
        (path, name)
        for path, module in modules()
        for name in constants(module)
        if (Path(path).stem, name) not in read_there
    }
    known = {(path, name) for path, names in INTERNAL.items() for name in names}
    assert not hidden - known


def test_no_schema_and_no_operation_has_a_cap_of_its_own() -> None:
    found = {
        (path, keyword.value.value)
        for path, module in modules()
        if path.startswith(("service/api", "service/schemas"))
        for keyword in ast.walk(module)
        if isinstance(keyword, ast.keyword)
        and keyword.arg in {"max_length", "le"}
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value != 1  # a share
    }
    assert found == LENGTHS


def test_what_schemas_say_again_is_what_is_enforced() -> None:
    caps = engine.CAPS
    assert (caps.characters, caps.random_terms) == (bounds.FORMULA_CHARACTERS, bounds.RANDOM_TERMS)
    assert Caps().name_characters == bounds.NAME_CHARACTERS


async def test_the_limits_are_those_of_the_settings_and_of_the_tables(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    limits = (await client.get("/v1/limits")).json()
    assert limits["max_rows"] == settings.max_rows
    assert limits["max_contrasts"] == REQUEST.contrasts
    assert limits["max_effects"] == engine.CAPS.effects
    assert limits["max_formula_characters"] == engine.CAPS.characters
    assert limits["wait_seconds"] == settings.wait_seconds


@pytest.mark.parametrize(
    ("limit", "method", "path", "item", "key"),
    [
        ("max_contrasts", "POST", "contrasts", {"weights": {"nitro": 1}}, "contrasts"),
        ("max_held_columns", "GET", "marginal-means/Variety", "nitro:1", "at"),
        ("max_thresholds", "POST", "predictions", 1.0, "thresholds"),
        ("max_compared_models", "POST", "/v1/comparisons", "m_none", "models"),
    ],
)
async def test_a_request_past_a_published_cap_is_refused(
    client: httpx.AsyncClient, limit: str, method: str, path: str, item: Any, key: str
) -> None:
    most = (await client.get("/v1/limits")).json()[limit]
    target = path if path.startswith("/") else f"{await model_of(client, OATS)}/{path}"
    asked = {key: [item] * (most + 1)}
    body = {"rows": [], **asked} if path == "predictions" else asked
    query, told = (asked, None) if method == "GET" else (None, body)
    answer = await client.request(method, target, params=query, json=told)
    (error,) = read(answer).errors
    assert (error.code, error.pointer.split("/")[-1]) == ("too_long", key)
