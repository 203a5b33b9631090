from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import engine
from engine import DataError, Predictions, Predictive

FORMULAS = [
    "y ~ 1",
    "y ~ x",
    "y ~ 0 + kind",
    "y ~ x + (1 | g)",
    "y ~ x * kind + (1 + x | g)",
    "y ~ kind:flag + x + (0 + x | g)",
    "log(y) ~ log(z) + (1 | g)",
    "sqrt(y) ~ poly(x, 2) + scale(z) + (x || g)",
    "exp(y / 10) ~ x + factor(count) + (1 | g)",
    "y - z ~ x + (1 | g)",
    "y ~ x + (1 | count)",
]


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    random = np.random.default_rng(1)
    n = 200
    g = random.integers(0, 12, n)
    x, z = random.normal(size=n), random.uniform(1, 3, n)
    return pd.DataFrame(
        {
            "y": 10 + x + np.array(random.normal(size=12))[g] + random.normal(size=n),
            "x": x,
            "z": z,
            "count": random.integers(0, 5, n),
            "flag": random.integers(0, 2, n).astype(bool),
            "kind": np.array(["a", "b", "c"])[random.integers(0, 3, n)],
            "g": [f"g{i}" for i in g],
        }
    )


def arrays(found: Predictions) -> dict[str, NDArray[np.float64]]:
    flat = dataclasses.asdict(found)
    outcome = flat.pop("outcome") or {}
    flat |= {f"outcome {name}": value for name, value in outcome.items()}
    return {name: value for name, value in flat.items() if isinstance(value, np.ndarray)}


@pytest.mark.parametrize("formula", FORMULAS)
def test_one_row_is_predicted_as_it_is_among_others(formula: str, data: pd.DataFrame) -> None:
    model = Predictive.of(engine.fit(formula, data))
    head = data.head(20).assign(g=[*data["g"][:19], "unseen"])
    columns = {each.name: head[each.name].tolist() for each in model.needs.required}
    thresholds = (8.0, -1.0)
    together = model.predict(columns, thresholds=thresholds)
    for i in range(len(head) if columns else 1):
        row = {name: [values[i]] for name, values in columns.items()}
        alone = model.predict(row, thresholds=thresholds)
        assert alone.new_levels == together.new_levels[i : i + 1]
        for name, value in arrays(alone).items():
            whole = arrays(together)[name]
            expected = whole if name == "outcome thresholds" else whole[i : i + 1]
            np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("value", [None, "x", float("nan"), float("inf"), 10**400])
def test_a_wrong_value_in_one_row_is_refused_as_among_others(
    value: object, data: pd.DataFrame
) -> None:
    model = Predictive.of(engine.fit("y ~ x + (1 | g)", data))
    with pytest.raises(DataError) as caught:
        model.predict({"x": [value], "g": ["g1"]})
    assert caught.value.problems[0].path == ("rows", 0, "x")


def test_numbers_of_any_kind_are_the_same_number(data: pd.DataFrame) -> None:
    model = Predictive.of(engine.fit("y ~ x + (1 | count)", data))
    first, *others = [
        model.predict({"x": [one], "count": [level]}).estimate
        for one, level in [(1, 2), (1.0, 2.0), (True, "2"), (np.float64(1), np.int64(2))]
    ]
    assert all((other == first).all() for other in others)


@pytest.mark.parametrize("value", [None, float("nan"), np.float64("nan"), pd.NA])
@pytest.mark.parametrize("name", ["g", "kind"])
def test_a_level_that_is_missing_in_one_row_is_refused_and_is_no_new_one(
    value: object, name: str, data: pd.DataFrame
) -> None:
    model = Predictive.of(engine.fit("y ~ kind + (1 | g)", data))
    with pytest.raises(DataError) as caught:
        model.predict({"kind": ["a"], "g": ["g1"]} | {name: [value]})
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("missing_value", ("rows", 0, name))
