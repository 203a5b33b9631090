"""The format of a summary: what others write is read when it is right, and else told why not."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv, ipc

import engine
from engine import DataError, EngineError
from tests.engine.simulated import table

ROOT = Path(__file__).parents[2]
SURVEY = ROOT / "service/radon/data/minnesota-radon.csv"
PAGE = (ROOT / "docs/summaries.md").read_text()
FORMULA = "y ~ c * x + scale(z) + (x | g) + (1 | c)"
Document = dict[str, Any]


@cache
def written() -> bytes:
    return engine.write_summary(engine.summarise(FORMULA, table(seed=2), weights="w"))


def document() -> Document:
    found: Document = json.loads(written())
    return found


def refusal(content: object) -> engine.Problem:
    with pytest.raises(EngineError) as refused:
        engine.read_summary(json.dumps(content).encode())
    (problem,) = refused.value.problems
    return problem


def put(found: Any, path: tuple[Any, ...], value: object) -> None:
    for key in path[:-1]:
        found = found[key]
    found[path[-1]] = value


WRONG: list[tuple[tuple[Any, ...], object, tuple[Any, ...]]] = [
    (("format",), "partialpool-summary/2", ("format",)),
    (("format",), None, ("format",)),
    (("formula",), 3, ("formula",)),
    (("weights",), 1, ("weights",)),
    (("weights",), "w" * 20_000, ("weights",)),
    (("rows_of_the_site",), [], ("rows_of_the_site",)),
    (("n_rows",), 0, ("n_rows",)),
    (("n_rows",), 1.5, ("n_rows",)),
    (("n_rows",), True, ("n_rows",)),
    (("n_rows",), 2**60, ("n_rows",)),
    (("n_rows",), 47, ("groups", 0, "rows")),
    (("n_dropped",), -1, ("n_dropped",)),
    (("min_count",), 0, ("min_count",)),
    (("min_count",), 40, ("groups", 0, "rows")),
    (("log_weights",), "1", ("log_weights",)),
    (("log_weights",), 1e6, ("log_weights",)),
    (("factors",), [], ("factors",)),
    (("factors",), {"c": []}, ("factors", "c")),
    (("factors", "c"), ["red", "red", "blue"], ("factors", "c")),
    (("factors", "c"), ["red", 3, "blue"], ("factors", "c", 1)),
    (("factors", "g"), ["a"], ("factors", "g")),
    (("factors", "c"), ["red", "blue"], ("columns", "names")),
    (("constants",), {}, ("constants", "scale(z)")),
    (("constants", "scale(y)"), {}, ("constants", "scale(y)")),
    (("constants", "scale(z)", "scale"), 0, ("constants", "scale(z)")),
    (("constants", "scale(z)", "kind"), "polynomial", ("constants", "scale(z)")),
    (("columns", "names", 1), "cblue2", ("columns", "names")),
    (("columns", "scale", 3), 0.0, ("columns", "scale")),
    (("columns", "scale", 3), -1, ("columns", "scale")),
    (("columns", "centre", 3), 1e90, ("columns", "centre")),
    (("columns", "centre"), [0.0], ("columns", "centre")),
    (("products",), [], ("products",)),
    (("products", 3), None, ("products",)),
    (("products", 3), "1.0", ("products",)),
    (("products", 3), [1.0], ("products",)),
    (("products", 3), 1e200, ("products",)),
    (("products", 3), 10**400, ("products",)),
    (("products", 3), True, ("products",)),
    (("products", 3), 1e5, ("products",)),
    (("products", 0), -1.0, ("products",)),
    (("products", 0), 0.0, ("products",)),
    (("groups",), [], ("groups",)),
    (("groups",), {}, ("groups",)),
    (("groups", 0), 3, ("groups", 0)),
    (("groups", 0, "columns"), ["c"], ("groups", 0, "columns")),
    (("groups", 0, "effects", "names"), ["(Intercept)"], ("groups", 0, "effects", "names")),
    (("groups", 0, "effects", "centre", 0), 1.0, ("groups", 0, "effects")),
    (("groups", 0, "levels", 1), "level 00000", ("groups", 0, "levels")),
    (("groups", 0, "levels", 1), None, ("groups", 0, "levels", 1)),
    (("groups", 0, "rows", 1), 1.5, ("groups", 0, "rows")),
    (("groups", 0, "rows", 1), 0, ("groups", 0, "rows")),
    (("groups", 0, "zz", 0), -3.0, ("groups", 0, "zz")),
    (("groups", 0, "zz", 1), 1e3, ("groups", 0, "zz")),
    (("groups", 0, "zm", 0), 1e3, ("groups", 0, "zm")),
    (("groups", 0, "zm"), [1.0], ("groups", 0, "zm")),
    (("meetings",), [], ("meetings",)),
    (("meetings", 0, "groups"), [1, 0], ("meetings", 0, "groups")),
    (("meetings", 0, "rows", 0), 99, ("meetings", 0, "rows")),
    (("meetings", 0, "columns", 0), -1, ("meetings", 0, "columns")),
    (("meetings", 0, "rows", 0), 5, ("meetings", 0, "rows")),
    (("meetings", 0, "columns", 1), 0, ("meetings", 0, "rows")),
    (("meetings", 0, "values", 0), 1e5, ("meetings", 0, "values")),
    (("meetings", 0, "values", 0), 0.0, ("meetings", 0, "values")),
    (("meetings", 0, "values"), "x", ("meetings", 0, "values")),
]


@pytest.mark.parametrize(("at", "value", "path"), WRONG)
def test_what_is_wrong_is_refused_with_its_place(
    at: tuple[Any, ...], value: object, path: tuple[Any, ...]
) -> None:
    content = document()
    put(content, at, value)
    problem = refusal(content)
    assert problem.path == path
    assert problem.code == "invalid_summary"
    assert problem.detail


def test_a_key_that_is_needed_is_missed() -> None:
    for key in ("format", "formula", "n_rows", "columns", "products", "groups", "meetings"):
        content = document()
        del content[key]
        assert refusal(content).path == (key,)


def test_rows_scaled_by_mistake_are_noticed() -> None:
    """Each part is a possible matrix by itself; together they are not."""
    content = document()
    content["groups"][0]["zm"] = [2.0 * each for each in content["groups"][0]["zm"]]
    assert refusal(content).path == ("groups", 0, "zm")


def test_sums_that_no_rows_have_are_refused_though_they_add_up() -> None:
    content = json.loads(engine.write_summary(engine.summarise("y ~ x + (1 | g)", table(seed=2))))
    zm = np.array(content["groups"][0]["zm"]).reshape(-1, 3)
    zm[0, 2], zm[1, 2] = zm[0, 2] + 1e3, zm[1, 2] - 1e3  # the totals stay
    content["groups"][0]["zm"] = zm.ravel().tolist()
    problem = refusal(content)
    assert problem.path == ("groups", 0, "zm")
    assert "larger" in problem.detail


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"null", b"county,floor\n1,2\n", b"\xff\xfe{}", b"ARROW1\0\0"),
        b'{"format": NaN}',
        b'{"a":' * 100_000,
        b"{" + b'"n_rows": ' + b"9" * 5_000 + b"}",
        written()[:500],
    ],
)
def test_bytes_of_something_else_are_refused(content: bytes) -> None:
    with pytest.raises(DataError) as refused:
        engine.read_summary(content)
    assert refused.value.problems[0].code in {"not_a_summary", "invalid_summary"}


def arrow_with(change: Callable[[pa.Table], pa.Table]) -> bytes:
    summary = engine.read_summary(written())
    held = ipc.open_stream(engine.write_summary(summary, "arrow")).read_all()
    changed = change(held)
    sink = pa.BufferOutputStream()
    with ipc.new_file(sink, changed.schema) as writer:
        writer.write_table(changed)
    return bytes(sink.getvalue())


def test_an_arrow_file_is_read_as_its_stream_is() -> None:
    assert engine.write_summary(engine.read_summary(arrow_with(lambda held: held))) == written()


@pytest.mark.parametrize(
    "change",
    [
        lambda held: held.replace_schema_metadata(None),
        lambda held: held.replace_schema_metadata({"partialpool-summary/1": "[]"}),
        lambda held: held.replace_schema_metadata({"partialpool-summary/1": "{"}),
        lambda held: held.drop_columns(["texts"]),
        lambda held: held.slice(1),
        lambda held: pa.concat_tables([held, held]),
        lambda held: held.set_column(0, "name", pa.array(["groups.7.zz"] * len(held))),
        lambda held: held.set_column(0, "name", pa.array(["products.x"] * len(held))),
        lambda held: held.set_column(0, "name", pa.array(["n_rows"] * len(held))),
        lambda held: held.set_column(2, "texts", pa.nulls(len(held), held.schema[2].type)),
        lambda held: held.set_column(
            1, "numbers", pa.array([[None]] * len(held), held.schema[1].type)
        ),
    ],
)
def test_another_table_in_arrow_is_refused(change: Callable[[pa.Table], pa.Table]) -> None:
    with pytest.raises(DataError) as refused:
        engine.read_summary(arrow_with(change))
    assert refused.value.problems[0].code in {"not_a_summary", "invalid_summary"}


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_no_change_of_a_document_breaks_anything(data: st.DataObject) -> None:
    """Whatever is put anywhere: it is read and fitted, or refused."""
    content = copy.deepcopy(document())
    at: Any = content
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = data.draw(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(-3, 50),
            st.floats(allow_nan=False, allow_infinity=False),
            st.text(max_size=5),
            st.just([]),
            st.just({}),
            st.lists(st.floats(-10, 10), max_size=3),
        )
    )
    with contextlib.suppress(EngineError):
        engine.fit_summary(engine.read_summary(json.dumps(content).encode()))


def recipe(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_the_recipe_in_r_makes_the_summary(tmp_path: Path) -> None:
    shutil.copy(SURVEY, tmp_path / "houses.csv")
    (tmp_path / "recipe.R").write_text(recipe("r"))
    subprocess.run(["Rscript", "--vanilla", "recipe.R"], cwd=tmp_path, check=True, timeout=120)
    summary = engine.read_summary((tmp_path / "site.json").read_bytes())
    assert_is_the_survey(summary)


def test_the_recipe_in_sql_makes_the_summary() -> None:
    code = recipe("python") + "\nimport sys; sys.stderr.write(json.dumps(summary))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert_is_the_survey(engine.read_summary(run.stderr.encode()))


def assert_is_the_survey(summary: engine.Summary) -> None:
    formula = "log(radon + 0.1) ~ floor + (1 | county)"
    pooled = engine.fit(formula, csv.read_csv(SURVEY))
    found = engine.fit_summary(summary)
    np.testing.assert_allclose(found.beta, pooled.beta, rtol=1e-10)
    np.testing.assert_allclose(found.std_errors, pooled.std_errors, rtol=1e-10)
    assert found.random[0].levels == pooled.random[0].levels
    np.testing.assert_allclose(found.random[0].modes, pooled.random[0].modes, atol=1e-10)
