"""Kenward-Roger: pbkrtest's numbers, and the formulas with n by n matrices on small data."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

import engine
from engine import Fit, SpecError
from engine.inference.kenward_roger import KenwardRoger
from engine.table import Floats
from tests.engine import simulated
from tests.reference.cases import Case, case, cases, frame

WITH_KENWARD_ROGER = [known for known in cases() if known.kenward_roger is not None]


@pytest.mark.parametrize("known", WITH_KENWARD_ROGER, ids=str)
def test_errors_degrees_of_freedom_and_p_values_are_those_of_pbkrtest(known: Case) -> None:
    assert known.kenward_roger is not None
    fit = engine.fit(
        known.formula,
        frame(known),
        weights=known.weights,
        offset=known.offset,
        categorical=known.categorical,
    )
    rows = engine.fixed_effects(fit, df="kenward-roger")
    np.testing.assert_allclose([r.std_error for r in rows], known.kenward_roger.se, rtol=2e-6)
    df = np.array([row.df for row in rows], dtype=float)
    np.testing.assert_allclose(df, known.kenward_roger.df, rtol=2e-6)
    p = np.array([row.p_value for row in rows], dtype=float)
    np.testing.assert_allclose(p, known.kenward_roger.p, rtol=1e-5)


# Small data, where the matrices of n rows can be written down.

Terms = list[tuple[str, tuple[str, ...]]]
"""Random terms: the column of the group and the columns that vary over it."""

MODELS: list[tuple[str, Terms, str | None]] = [
    ("y ~ x + f + (1 | g)", [("g", ("1",))], None),
    ("y ~ x + f + (x | g)", [("g", ("1", "x"))], None),
    ("y ~ x + f + (x || g)", [("g", ("1",)), ("g", ("x",))], None),
    ("y ~ x + f + (1 | g) + (1 | h)", [("g", ("1",)), ("h", ("1",))], None),
    ("y ~ x + f + (x | g) + (x | h)", [("g", ("1", "x")), ("h", ("1", "x"))], None),
    ("y ~ x + f + (x || g) + (1 | h)", [("g", ("1",)), ("g", ("x",)), ("h", ("1",))], None),
    ("y ~ x + f + (1 | g) + (1 | i)", [("g", ("1",)), ("i", ("1",))], None),
    ("y ~ x + f + (x | g) + (1 | i)", [("g", ("1", "x")), ("i", ("1",))], None),
    ("y ~ x + f + (x | g)", [("g", ("1", "x"))], "w"),
    ("y ~ x + f + (1 | g) + (x | h)", [("g", ("1",)), ("h", ("1", "x"))], "w"),
]

every_model = pytest.mark.parametrize(("formula", "terms", "weights"), MODELS)


@cache
def small(seed: int) -> pd.DataFrame:
    """Sixty rows: g of 8 levels and i of 3 within each, h of 5 that crosses them."""
    rng = np.random.default_rng(seed)
    n = 60
    g, h, i = (rng.integers(0, levels, n) for levels in (8, 5, 3))
    x = 3.0 + rng.normal(size=n)
    y = rng.normal(size=8)[g] + rng.normal(size=5)[h] + 0.7 * rng.normal(size=24)[3 * g + i]
    y = y + rng.normal(size=8)[g] * x + 0.5 * rng.normal(size=5)[h] * x + rng.normal(size=n)
    return pd.DataFrame(
        {
            "y": 100.0 + 5.0 * y,
            "x": x,
            "f": np.array(list("abc"))[rng.integers(0, 3, n)],
            "g": [f"g{v}" for v in g],
            "h": [f"h{v}" for v in h],
            "i": [f"i{v}" for v in 3 * g + i],
            "w": rng.uniform(0.5, 3.0, n),
        }
    )


def elements(data: pd.DataFrame, fit: Fit, terms: Terms) -> list[tuple[float, Floats]]:
    """Each parameter gamma_r with its G_r, (n, n); the residual variance is the last."""
    used = {effects.group: 0 for effects in fit.random}
    effects_of = {effects.group: effects for effects in fit.random}
    out = []
    for group, columns in terms:
        effects = effects_of[group]
        span = effects.blocks[used[group]]
        used[group] += 1
        covariance = effects.covariance[span, span]
        same = np.equal.outer(data[group].to_numpy(), data[group].to_numpy())
        z = [np.ones(len(data)) if c == "1" else data[c].to_numpy(float) for c in columns]
        for a in range(len(z)):
            for b in range(a, len(z)):
                both = np.outer(z[a], z[b])
                both = both if a == b else both + both.T
                out.append((float(covariance[a, b]), both * same))
    weights = data[fit.spec.weights].to_numpy(float) if fit.spec.weights else np.ones(len(data))
    return [*out, (fit.sigma**2, np.diag(1.0 / weights))]


def dense(data: pd.DataFrame, fit: Fit, terms: Terms) -> tuple[Floats, Floats]:
    """Phi_A and the df of each coefficient, as vcovAdj and Lb_ddf write them."""
    parts = elements(data, fit, terms)
    x = np.column_stack(
        [np.ones(len(data)), data["x"], *(data["f"].to_numpy() == level for level in "bc")]
    ).astype(float)
    inverse = np.linalg.inv(sum(gamma * g for gamma, g in parts))
    phi = np.linalg.inv(x.T @ inverse @ x)
    vg = [inverse @ g for _, g in parts]
    vx = inverse @ x
    p = [-vx.T @ g @ vx for _, g in parts]
    q = [[vx.T @ g @ inverse @ h @ vx for _, h in parts] for _, g in parts]
    t = range(len(parts))
    information = np.array(
        [
            [
                np.sum(vg[r] * vg[s].T)
                - 2.0 * np.sum(phi * q[r][s])
                + np.trace(phi @ p[r] @ phi @ p[s])
                for s in t
            ]
            for r in t
        ]
    )
    w = 2.0 * np.linalg.inv(information)
    u = sum(w[r, s] * (q[r][s] - p[r] @ phi @ p[s]) for r in t for s in t)
    slopes = np.array([np.diag(phi @ own @ phi) for own in p]) / np.diag(phi)
    return phi + 2.0 * phi @ u @ phi, 2.0 / np.einsum("rc,rs,sc->c", slopes, w, slopes)


@every_model
@pytest.mark.parametrize("seed", [1, 2])
def test_sums_over_levels_give_what_matrices_of_all_rows_give(
    formula: str, terms: Terms, weights: str | None, seed: int
) -> None:
    data = small(seed)
    fit = engine.fit(formula, data, weights=weights)
    covariance, df = dense(data, fit, terms)
    found = KenwardRoger.of(fit)
    unit = np.sqrt(np.outer(covariance.diagonal(), covariance.diagonal()))
    np.testing.assert_allclose(found.covariance / unit, covariance / unit, atol=1e-8)
    np.testing.assert_allclose(found.degrees_of_freedom(np.eye(4)), df, rtol=1e-7)


@every_model
def test_the_order_of_rows_and_the_names_of_levels_do_not_matter(
    formula: str, terms: Terms, weights: str | None
) -> None:
    del terms
    data = small(3)
    changed = data.sample(frac=1.0, random_state=7)
    for column in "ghi":
        changed[column] = [name[0] + str(97 * int(name[1:]) % 31) for name in changed[column]]
    _same_f(
        engine.fit(formula, data, weights=weights), engine.fit(formula, changed, weights=weights)
    )


@every_model
def test_an_affine_change_of_the_columns_leaves_f_as_it_is(
    formula: str, terms: Terms, weights: str | None
) -> None:
    data = small(4)
    uncorrelated = any(columns == ("x",) for _, columns in terms)  # then x has a zero of its own
    shift = 0.0 if uncorrelated else 1e4
    changed = data.assign(x=shift - 0.01 * data["x"], y=3e5 + 40.0 * data["y"])
    _same_f(
        engine.fit(formula, data, weights=weights), engine.fit(formula, changed, weights=weights)
    )


def _same_f(first: Fit, second: Fit) -> None:
    for df in ("kenward-roger", "satterthwaite"):
        for one, other in zip(engine.anova(first, df=df), engine.anova(second, df=df), strict=True):
            assert one.f_value == pytest.approx(other.f_value, rel=2e-5)
            assert one.df_den == pytest.approx(other.df_den, rel=2e-5)
    rows = np.eye(4)[1:]
    joint, same = (engine.f_test(fit, rows, df="kenward-roger") for fit in (first, second))
    assert joint.statistic == pytest.approx(same.statistic, rel=2e-5)
    assert joint.df_den == pytest.approx(same.df_den, rel=2e-5)


def test_a_variance_of_zero_leaves_the_degrees_of_freedom_of_its_levels() -> None:
    known = case("dyestuff2")
    fit = engine.fit(known.formula, frame(known))
    assert fit.convergence.boundary
    (row,) = engine.fixed_effects(fit, df="kenward-roger")
    assert row.df == pytest.approx(5.0, rel=1e-12)


def test_a_fit_by_ml_is_refused_with_what_to_do() -> None:
    known = case("sleepstudy_slope_ml")
    fit = engine.fit(known.formula, frame(known), method="ML")
    with pytest.raises(SpecError) as caught:
        engine.fixed_effects(fit, df="kenward-roger")
    (problem,) = caught.value.problems
    assert problem.code == "needs_reml"
    assert problem.path == ("df",)
    assert "REML" in problem.hint


def test_without_random_terms_the_degrees_of_freedom_are_the_residual_ones() -> None:
    fit = engine.fit("y ~ x + f", small(5))
    rows = engine.fixed_effects(fit, df="kenward-roger")
    residual = engine.fixed_effects(fit, df="residual")
    for row, other in zip(rows, residual, strict=True):
        assert row.df == pytest.approx(56.0, rel=1e-12)
        assert row.std_error == pytest.approx(other.std_error, rel=1e-12)
    test = engine.f_test(fit, np.eye(4)[1:], df="kenward-roger")
    assert test.df_den == pytest.approx(56.0, rel=1e-9)
    assert test.statistic == pytest.approx(test.unscaled, rel=1e-9)


def test_twenty_thousand_rows_need_no_matrix_of_their_square() -> None:
    rng = np.random.default_rng(6)
    n, levels = 20_000, 2_000
    g, x = rng.integers(0, levels, n), rng.normal(size=n)
    y = 1.0 + rng.normal(size=levels)[g] + 0.5 * rng.normal(size=levels)[g] * x
    data = pd.DataFrame({"y": y + rng.normal(size=n), "x": x, "g": g.astype(str)})
    fit = engine.fit("y ~ x + (x | g)", data)
    adjusted, plain = engine.fixed_effects(fit, df="kenward-roger"), engine.fixed_effects(fit)
    for one, other in zip(adjusted, plain, strict=True):
        assert one.std_error == pytest.approx(other.std_error, rel=1e-3)
        assert one.df == pytest.approx(other.df, rel=3e-2)


def test_weights_are_those_of_rows_times_their_roots() -> None:
    # pbkrtest's answer for the rows times their roots; it does not read weights.
    data = simulated.table(3, n_levels=15)
    root = np.sqrt(data["w"])
    scaled = pd.DataFrame({"y": data["y"] * root, "a": root, "b": data["x"] * root, "g": data["g"]})
    weighted = engine.fit("y ~ x + (x | g)", data, weights="w")
    plain = engine.fit("y ~ 0 + a + b + (0 + a + b | g)", scaled)
    for df in ("kenward-roger", "satterthwaite"):
        rows = zip(
            engine.fixed_effects(weighted, df=df), engine.fixed_effects(plain, df=df), strict=True
        )
        for own, other in rows:
            assert own.std_error == pytest.approx(other.std_error, rel=1e-6)
            assert own.df == pytest.approx(other.df, rel=1e-5)
