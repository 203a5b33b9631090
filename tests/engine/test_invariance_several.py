"""With crossed factors, nested ones and slopes too, only what the rows say matters.

The objective is compared at points of theta, not only where it is lowest.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest

import engine
from engine import Fit
from engine.cholesky import semidefinite_root
from engine.fit import fit_spec
from engine.spec import Spec
from engine.units import joined
from tests.engine.simulated import Floats, rows, table

MODELS = {
    "one factor": "y ~ x + c + (1 | g)",
    "slopes": "y ~ x + u + (x | g)",
    "crossed": "y ~ x + c + (1 | g) + (1 | h)",
    "nested": "y ~ x + (1 | h/k)",
    "crossed slopes": "y ~ x + (x | g) + (1 | h)",
    "slopes on both": "y ~ x + z + (x || g) + (z | h)",
}
every_model = pytest.mark.parametrize("name", MODELS)
GROUPS = ["g", "h", "k"]


@cache
def data() -> pd.DataFrame:
    """One factor of 25 levels; another of 6 crossed with it, and parts of 4 within that."""
    made = table(seed=12, n_levels=25, most_rows=14, sd=(1.0, 0.6, 0.5))
    draw = np.random.default_rng(4)
    h, k = draw.integers(0, 6, len(made)), draw.integers(0, 4, len(made))
    effects = draw.normal(0.0, 0.8, 6)[h] + draw.normal(0.0, 0.7, (6, 4))[h, k]
    slopes = draw.normal(0.0, 0.5, 6)[h] * made["z"]
    return made.assign(
        y=made["y"] + effects + slopes, h=[f"h{i}" for i in h], k=[f"k{i}" for i in k]
    )


@cache
def fitted(name: str, method: str = "REML") -> Fit:
    return engine.fit(MODELS[name], data(), method=method, weights="w")


def refitted(name: str, changed: pd.DataFrame, method: str = "REML") -> Fit:
    return engine.fit(MODELS[name], changed, method=method, weights="w")


def objective(fit: Fit, covariance: Floats) -> float:
    """The criterion at a relative covariance of the effects, (k, k), in the data's units."""
    criterion, best = fit.at_optimum
    to_pilots = np.linalg.inv(joined(fit.units.z))
    root = semidefinite_root(to_pilots @ covariance @ to_pilots.T)
    there = criterion.value_at(criterion.structure.theta(root))
    return fit.statistics.criterion + there - criterion.value(best)


def relative_covariances(fit: Fit) -> list[Floats]:
    """Some of the structure of the model: about the optimum, far from it, and on the boundary."""
    criterion, _ = fit.at_optimum
    draw = np.random.default_rng(9)
    structure = criterion.structure
    thetas = [size * draw.standard_normal(len(structure.rows)) for size in (0.3, 1.0, 4.0)]
    thetas.append(np.where(structure.cols == structure.k - 1, 0.0, thetas[1]))
    return [structure.matrix(theta) @ structure.matrix(theta).T for theta in thetas]


def assert_same_objective(found: Fit, expected: Fit, moved: float = 0.0) -> None:
    before, after = expected.statistics.criterion, found.statistics.criterion
    assert after == pytest.approx(before + moved, abs=1e-7)
    for covariance in relative_covariances(expected):
        own, other = objective(found, covariance), objective(expected, covariance)
        assert own == pytest.approx(other + moved, rel=1e-10)


def assert_same_estimates(found: Fit, expected: Fit) -> None:
    unit = expected.std_errors
    np.testing.assert_allclose(found.beta / unit, expected.beta / unit, rtol=0, atol=1e-7)
    np.testing.assert_allclose(found.std_errors, unit, rtol=1e-7)
    np.testing.assert_allclose(found.theta, expected.theta, rtol=1e-6, atol=1e-7)
    assert found.sigma == pytest.approx(expected.sigma, rel=1e-8)


@every_model
@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_rows_does_not_matter(name: str, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(data()))
    found = refitted(name, data().iloc[order])
    assert_same_objective(found, fitted(name))
    assert_same_estimates(found, fitted(name))


@every_model
@pytest.mark.parametrize("chunk_rows", [1, 7, 64])
def test_the_size_of_the_chunks_does_not_matter(name: str, chunk_rows: int) -> None:
    spec = Spec.of(MODELS[name], weights="w")
    found = fit_spec(spec, data(), chunk_rows=chunk_rows)
    assert_same_objective(found, fitted(name))
    assert_same_estimates(found, fitted(name))


@every_model
@pytest.mark.parametrize("seed", range(3))
def test_which_level_has_which_name_does_not_matter(name: str, seed: int) -> None:
    draw = np.random.default_rng(seed)
    turned: dict[str, dict[str, str]] = {}
    for group in GROUPS:
        levels = sorted(set(data()[group]))
        turned[group] = dict(zip(levels, draw.permutation(levels).tolist(), strict=True))
    changed = data().assign(**{group: data()[group].map(turned[group]) for group in GROUPS})
    found, expected = refitted(name, changed), fitted(name)
    assert_same_objective(found, expected)
    assert_same_estimates(found, expected)
    for own, other in zip(found.random, expected.random, strict=True):
        parts = other.group.split(":")
        names = [
            ":".join(
                turned[part][piece] for part, piece in zip(parts, level.split(":"), strict=True)
            )
            for level in other.levels
        ]
        order = [own.levels.index(level) for level in names]
        scale = np.sqrt(other.covariance.diagonal()) + expected.sigma
        np.testing.assert_allclose(own.modes[order] / scale, other.modes / scale, atol=1e-7)


# An uncorrelated slope on a shifted predictor is another model: there only the unit changes.
CHANGES = [
    (name, *change)
    for name in MODELS
    for change in [(0.0, 7.0), (-40.0, 1.0), (3.0, -0.01)]
    if name != "slopes on both" or change[0] == 0.0
]


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize(("name", "shift", "factor"), CHANGES)
def test_an_affine_change_of_a_predictor_changes_its_coefficients_only(
    name: str, method: str, shift: float, factor: float
) -> None:
    before = fitted(name, method)
    after = refitted(name, data().assign(x=shift + factor * data()["x"]), method)
    moved = 2.0 * np.log(abs(factor)) if method == "REML" else 0.0
    expected_value = before.statistics.criterion + moved
    assert after.statistics.criterion == pytest.approx(expected_value, abs=1e-7)
    assert after.sigma == pytest.approx(before.sigma, rel=1e-8)
    i = before.coefficients.index("x")
    assert after.beta[i] * factor == pytest.approx(before.beta[i], rel=1e-7)
    assert after.std_errors[i] * abs(factor) == pytest.approx(before.std_errors[i], rel=1e-7)
    # Effects in the new units: b0 + b1 x = (b0 - b1 shift / factor) + (b1 / factor) (new x).
    carry = [_carried(own.terms, shift, factor) for own in before.random]
    for own, other, to_new in zip(after.random, before.random, carry, strict=True):
        expected = to_new @ other.covariance @ to_new.T
        unit = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
        np.testing.assert_allclose(own.covariance / unit, expected / unit, atol=1e-6)
    for covariance in relative_covariances(before):
        to_new = joined(carry)
        own_value = objective(after, to_new @ covariance @ to_new.T)
        assert own_value == pytest.approx(objective(before, covariance) + moved, rel=1e-10)


def _carried(terms: tuple[str, ...], shift: float, factor: float) -> Floats:
    matrix = np.eye(len(terms))
    if "x" in terms:
        x = terms.index("x")
        matrix[x, x] = 1.0 / factor
        if "(Intercept)" in terms:
            matrix[terms.index("(Intercept)"), x] = -shift / factor
    return matrix


PLACES: dict[str, Callable[[Fit], Floats]] = {
    "predictions": lambda fit: (
        engine.predict(
            fit, {own.name: data()[own.name].tolist() for own in engine.predictors(fit)}
        ).estimate
    ),
    "diagnostics": lambda fit: engine.row_diagnostics(fit, data()).fitted,
}


@every_model
@pytest.mark.parametrize("place", PLACES)
def test_fitted_values_are_x_beta_and_the_modes_of_the_rows_levels(name: str, place: str) -> None:
    fit = fitted(name)
    dense = rows(fit.spec, data(), piloted=False)
    expected = dense.x @ fit.beta
    for (z, level), effects in zip(dense.groups, fit.random, strict=True):
        expected = expected + (z * effects.modes[level]).sum(axis=1)
    np.testing.assert_allclose(PLACES[place](fit), expected, rtol=1e-10)
