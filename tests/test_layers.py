"""The two wings and the door between them: what may import what."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# The engine is arrays and tables: no web, no storage, no environment, no clock.
ENGINE_MAY = {"numpy", "scipy", "pandas", "polars", "pyarrow", "safetensors", "msgspec", "engine"}
ENGINE_MAY_NOT = {"os", "time", "datetime", "socket", "subprocess", "pickle", "random", "asyncio"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


@pytest.mark.parametrize("path", modules("engine"), ids=lambda path: path.name)
def test_the_engine_stands_on_numbers_alone(path: Path) -> None:
    for name in imported(path):
        top = name.split(".")[0]
        assert top in ENGINE_MAY or top in sys.stdlib_module_names, f"{path.name} imports {name}"
        assert top not in ENGINE_MAY_NOT, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", modules("service"), ids=lambda path: path.name)
def test_the_service_knows_the_engine_by_its_public_face(path: Path) -> None:
    assert not [name for name in imported(path) if name.startswith("engine.")]


def test_what_is_asked_and_answered_stands_on_pydantic_alone() -> None:
    """Clients import it, in programs that have no use for what a service is made of."""
    may = {"pydantic", "pydantic_core", "__future__", *sys.stdlib_module_names}
    light = {"service.caps", "service.kinds", "service.radon.terms", "service.radon.units"}
    for path in modules("service/schemas"):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names or [alias.name for alias in getattr(node, "names", ())]:
                own = name in light or name.startswith("service.schemas.")
                assert own or name.split(".")[0] in may, f"{path.name} imports {name}"


def test_what_schemas_share_with_the_radon_domain_stands_on_python_alone() -> None:
    for name in ("__init__", "terms", "units"):
        found = {top.split(".")[0] for top in imported(ROOT / "service/radon" / f"{name}.py")}
        assert found <= set(sys.stdlib_module_names), name


@pytest.mark.parametrize("path", modules("partialpool"), ids=lambda path: path.name)
def test_the_client_knows_of_the_service_what_is_asked_and_answered(path: Path) -> None:
    if "cli" in path.parts:
        return
    own = [name for name in imported(path) if name.split(".")[0] in {"engine", "service"}]
    assert not [n for n in own if not n.startswith(("service.schemas.", "service.kinds"))]


@pytest.mark.parametrize("path", modules("service"), ids=lambda path: path.name)
def test_what_draws_is_loaded_where_it_draws_alone(path: Path) -> None:
    """Charts are imported within functions that run in processes of their own."""
    if "charts" in path.parts:
        return
    heavy = ("altair", "vl_convert", "service.charts")
    tops = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom)]
    assert not [node.module for node in tops if (node.module or "").startswith(heavy)]


def test_statements_over_tables_are_made_in_the_catalog_alone() -> None:
    for path in modules("service"):
        if "catalog" not in path.parts:
            assert not [name for name in imported(path) if name.startswith("sqlalchemy")], path
