"""Crossed designs too large for a dense factor, beside the exact fit where both can be had."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

import engine
from engine import components
from engine.fit import fit_products
from engine.prepared import prepare
from engine.spec import Spec

FORMULA = "rating ~ 1 + x + (1 | user) + (1 | item)"
THREE = "rating ~ 1 + x + (1 | user) + (1 | item) + (1 | week)"


def ratings(n: int, users: int, items: int, *, item_sd: float = 0.5) -> pd.DataFrame:
    draw = np.random.default_rng(7)
    user = draw.integers(0, users, n)
    item = (draw.integers(0, items, n) * draw.random(n) ** 1.5).astype(int)
    week, x = draw.integers(0, 20, n), draw.normal(size=n)
    rating = 3.5 + 0.1 * x + draw.normal(0.0, 0.45, users)[user] + 0.85 * draw.normal(size=n)
    rating += draw.normal(0.0, item_sd, items)[item] if item_sd else 0.0
    rating += draw.normal(0.0, 0.2, 20)[week]
    names = {"user": user, "item": item, "week": week}
    factors = {name: [f"{name}{j}" for j in codes] for name, codes in names.items()}
    return pd.DataFrame({**factors, "x": x, "rating": rating})


@pytest.fixture(scope="module", params=[(FORMULA, "REML"), (THREE, "ML")])
def both(request: pytest.FixtureRequest) -> tuple[engine.Fit, engine.Fit]:
    formula, method = request.param
    prepared = prepare(Spec.of(formula, method=method), ratings(2_500, 140, 70))
    return fit_products(prepared), fit_products(replace(prepared, iterative=True))


def test_theta_is_that_of_the_exact_fit_within_the_error_it_reports(
    both: tuple[engine.Fit, engine.Fit],
) -> None:
    exact, found = both
    assert found.approximation is not None
    assert found.convergence.converged
    error = np.abs(found.theta / exact.theta - 1.0)
    assert (error <= 4.0 * found.approximation.theta + 1e-6).all()
    assert found.approximation.theta_share < 0.02


def test_the_criterion_is_that_of_the_exact_fit_within_the_error_it_reports(
    both: tuple[engine.Fit, engine.Fit],
) -> None:
    exact, found = both
    assert found.approximation is not None
    allowed = 4.0 * found.approximation.criterion
    assert found.statistics.criterion == pytest.approx(exact.statistics.criterion, abs=allowed)
    assert found.statistics.deviance == pytest.approx(exact.statistics.deviance, abs=allowed)
    assert allowed < 2.0


def test_fixed_effects_modes_and_their_errors_are_those_of_the_exact_fit(
    both: tuple[engine.Fit, engine.Fit],
) -> None:
    exact, found = both
    np.testing.assert_allclose(found.beta, exact.beta, rtol=1e-4)
    np.testing.assert_allclose(found.std_errors, exact.std_errors, rtol=1e-3)
    np.testing.assert_allclose(found.sigma, exact.sigma, rtol=1e-4)
    for own, other in zip(found.random, exact.random, strict=True):
        np.testing.assert_allclose(own.modes, other.modes, atol=1e-3)
        np.testing.assert_allclose(own.conditional, other.conditional, rtol=0.05)


def test_degrees_of_freedom_and_intervals_of_deviations_are_near_the_exact_ones(
    both: tuple[engine.Fit, engine.Fit],
) -> None:
    exact, found = both
    for own, other in zip(engine.fixed_effects(found), engine.fixed_effects(exact), strict=True):
        assert own.df == pytest.approx(other.df, rel=0.1)
    wald = [engine.variance_intervals(each, method="wald").items for each in both]
    for one, another in zip(*wald, strict=True):
        assert one.lower == pytest.approx(another.lower, rel=0.03)
        assert one.upper == pytest.approx(another.upper, rel=0.03)


def test_effects_of_levels_have_the_errors_of_the_exact_fit(
    both: tuple[engine.Fit, engine.Fit],
) -> None:
    exact, found = (engine.group_effects(each, "item") for each in both)
    np.testing.assert_allclose(found.coefficients, exact.coefficients, atol=1e-3)
    np.testing.assert_allclose(
        found.coefficients_std_error, exact.coefficients_std_error, rtol=0.02
    )


def test_the_same_data_give_the_same_bytes() -> None:
    prepared = replace(prepare(Spec.of(FORMULA), ratings(1_500, 100, 60)), iterative=True)
    stored = [engine.to_bytes(fit_products(prepared)) for _ in range(2)]
    assert stored[0] == stored[1]
    again = engine.from_bytes(stored[0]).approximation
    assert again is not None
    assert again.probes == 16


def test_a_variance_of_zero_is_at_its_boundary() -> None:
    data = ratings(2_000, 140, 70, item_sd=0.0)
    prepared = prepare(Spec.of("rating ~ x + (1 | user) + (1 | item)"), data)
    exact, found = (fit_products(replace(prepared, iterative=i)) for i in (False, True))
    assert exact.convergence.boundary
    assert found.convergence.boundary
    assert found.convergence.converged
    np.testing.assert_allclose(found.theta, exact.theta, atol=1e-4)
    np.testing.assert_allclose(found.beta, exact.beta, rtol=1e-5)
    assert not found.random[1].modes.any()


def test_weights_and_a_slope_without_intercept_are_taken() -> None:
    data = ratings(2_000, 140, 70)
    data["w"] = np.random.default_rng(3).uniform(0.5, 2.0, len(data))
    formula = "rating ~ x + (1 | user) + (0 + x | item)"
    prepared = prepare(Spec.of(formula, weights="w"), data)
    exact, found = (fit_products(replace(prepared, iterative=i)) for i in (False, True))
    np.testing.assert_allclose(found.theta, exact.theta, atol=2e-3)
    np.testing.assert_allclose(found.beta, exact.beta, rtol=1e-3)


def test_a_design_without_room_for_a_dense_factor_is_solved_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = ratings(2_000, 140, 70)
    expected = engine.fit(FORMULA, data)
    monkeypatch.setattr(components, "MAX_ELEMENTS", 1_000)
    found = engine.fit(FORMULA, data)
    assert expected.approximation is None
    (message,) = found.convergence.messages
    assert message.startswith("approximate: ")
    np.testing.assert_allclose(found.theta, expected.theta, rtol=1e-3)


def test_several_effects_of_a_level_are_refused_without_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(components, "MAX_ELEMENTS", 1_000)
    with pytest.raises(engine.LimitError) as refused:
        engine.fit("rating ~ x + (1 + x | user) + (1 | item)", ratings(2_000, 140, 70))
    assert refused.value.problems[0].code == "too_many_effects"


def test_what_needs_joint_covariances_is_refused_by_name() -> None:
    prepared = replace(prepare(Spec.of(FORMULA), ratings(1_500, 100, 60)), iterative=True)
    found = fit_products(prepared)
    with pytest.raises(engine.LimitError) as refused:
        engine.fixed_effects(found, df="kenward-roger")
    assert refused.value.problems[0].code == "approximate_fit"


def test_a_row_of_a_known_user_and_a_new_item_is_predicted_as_by_the_exact_fit(
    both: tuple[engine.Fit, engine.Fit],
) -> None:
    row: dict[str, list[object]] = {
        "user": ["user3"],
        "item": ["none yet"],
        "week": ["week 99"],
        "x": [0.5],
    }
    rows = {each.name: row[each.name] for each in engine.predictors(both[0])}
    exact, found = (engine.predict(each, rows) for each in both)
    np.testing.assert_allclose(found.estimate, exact.estimate, rtol=1e-4)
    np.testing.assert_allclose(found.std_error, exact.std_error, rtol=0.01)


def test_a_row_of_known_levels_of_two_factors_is_refused() -> None:
    prepared = replace(prepare(Spec.of(FORMULA), ratings(1_500, 100, 60)), iterative=True)
    rows: dict[str, list[object]] = {"user": ["user3"], "item": ["item5"], "x": [0.5]}
    with pytest.raises(engine.LimitError) as refused:
        engine.predict(fit_products(prepared), rows)
    assert refused.value.problems[0].code == "approximate_fit"
