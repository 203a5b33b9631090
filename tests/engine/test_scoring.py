"""A step of Fisher's scoring, from a point of the scan to a start of a search."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import pytest

from engine.criterion import Criterion
from engine.descent import Start, descend, newton
from engine.optimum import minimise
from engine.prepared import prepare
from engine.scoring import scored
from engine.spec import Spec
from engine.surface import StackedCriterion
from tests.engine.simulated import table


def balanced() -> pd.DataFrame:
    """Twelve levels of six rows with the same x in each, crossed with six levels of another."""
    draw = np.random.default_rng(7)
    g, h = np.repeat(np.arange(12), 6), np.tile(np.arange(6), 12)
    x = h - 2.5
    effects = draw.standard_normal((12, 2)) * [2.0, 1.0]
    y = effects[g, 0] + effects[g, 1] * x + draw.standard_normal(len(g))
    both = y + 3.0 * draw.standard_normal(6)[h]
    return pd.DataFrame({"y": y, "both": both, "x": x, "g": g.astype(str), "h": h.astype(str)})


def criterion(formula: str, data: pd.DataFrame, method: Literal["REML", "ML"]) -> StackedCriterion:
    found: Criterion = prepare(Spec.of(formula, method=method), data).criterion
    assert isinstance(found, StackedCriterion)
    return found


@pytest.mark.parametrize(
    ("formula", "method"),
    [
        ("y ~ x + (x | g)", "REML"),
        ("y ~ x + (x | g)", "ML"),
        ("both ~ 1 + (1 | g) + (1 | h)", "REML"),
    ],
)
def test_one_step_from_anywhere_ends_at_the_optimum_of_balanced_data(
    formula: str, method: Literal["REML", "ML"]
) -> None:
    own = criterion(formula, balanced(), method)
    best = minimise(own)
    identity = own.structure.theta(np.eye(own.structure.k))
    for start in scored(own, np.array([0.2 * identity, identity, 5.0 * identity])):
        assert start.origin is not None
        assert own.value_at(start.theta) == pytest.approx(best.value, abs=1e-9)
        assert start.value == pytest.approx(own.value_at(start.origin), abs=1e-9)


def test_a_step_shrinks_no_variance_to_nothing() -> None:
    own = criterion("y ~ x + (x | g)", table(seed=3, n_levels=6), "REML")
    far = np.array([[100.0, 0.0, 100.0]])
    (start,) = scored(own, far)
    before, after = (own.structure.matrix(theta) for theta in (far[0], start.theta))
    left = np.linalg.solve(before, after)
    assert np.linalg.eigvalsh(left @ left.T).min() >= 0.01 - 1e-9


def test_where_an_effect_is_at_its_boundary_there_is_no_step() -> None:
    own = criterion("y ~ x + (x | g)", balanced(), "REML")
    theta = np.array([1.0, 0.5, 0.0])
    (start,) = scored(own, theta[None])
    assert start.origin is None
    assert (start.theta == theta).all()


def test_a_search_starts_from_the_origin_when_the_step_led_up() -> None:
    own = criterion("y ~ x + (x | g)", balanced(), "REML")
    origin, bad = np.array([1.0, 0.0, 1.0]), np.array([1e-3, 0.0, 1e3])
    search = newton(Start(bad, origin, own.value_at(origin)))
    (first,) = next(search)
    assert (first == bad).all()
    (second,) = search.send([own(bad)])
    assert (second == origin).all()
    (better,) = next(newton(Start(origin)))
    assert descend(own, better).value == pytest.approx(minimise(own).value, abs=1e-8)
