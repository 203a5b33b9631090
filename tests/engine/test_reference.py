"""Every reference fit: the engine's answers are lme4's.

lme4's optimiser stops about 1e-7 of a variance component from the optimum (see
tests/reference/README.md), so that is how far the two may be apart; at the optimum the criterion
itself is flat and agrees to 1e-8.
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest

import engine
from engine import Fit
from service.radon.tables import DATA
from tests.engine.fits import close, fitted
from tests.reference.cases import Case, cases

OPTIMISER = 2e-6
"""How far lme4's estimates may be from the optimum, in the units that each test names."""

every_case = pytest.mark.parametrize("known", cases(), ids=str)


@every_case
def test_the_criterion_and_what_follows_from_it(known: Case) -> None:
    found = fitted(known.name).statistics
    assert found.df == known.df
    for own, expected in [
        (found.criterion, known.criterion),
        (found.log_likelihood, known.loglik),
        (found.aic, known.aic),
        (found.bic, known.bic),
        (found.deviance, known.deviance_ml),
        (found.dic, 2.0 * known.deviance_ml - known.criterion),
    ]:
        assert own == pytest.approx(expected, rel=1e-10, abs=1e-8)


@every_case
def test_the_fixed_effects_and_their_errors(known: Case) -> None:
    found, names, se = fitted(known.name), known.fixed.names, known.fixed.se
    assert found.coefficients == names
    close(found.beta, known.fixed.estimate, OPTIMISER, se)
    close(found.std_errors, se, OPTIMISER, se)
    close(found.covariance, known.vcov, OPTIMISER, np.outer(se, se))


@every_case
def test_satterthwaite_degrees_of_freedom_and_p_values(known: Case) -> None:
    rows = engine.fixed_effects(fitted(known.name))
    df = np.array([row.df for row in rows], dtype=float)
    p = np.array([row.p_value for row in rows], dtype=float)
    t = np.array([row.t_value for row in rows])
    close(df, known.fixed.df, 5.0 * OPTIMISER, known.fixed.df)  # lmerTest differentiates by steps
    close(t, known.fixed.t, OPTIMISER, np.maximum(np.abs(known.fixed.t), 1.0))
    np.testing.assert_allclose(p, known.fixed.p, rtol=2e-4)  # a p of 1e-45 magnifies df


@every_case
def test_the_variance_components(known: Case) -> None:
    found = fitted(known.name)
    close(found.theta, known.theta, OPTIMISER, np.maximum(1.0, np.abs(known.theta)))
    assert found.sigma == pytest.approx(known.sigma, rel=OPTIMISER)
    assert found.convergence.boundary == known.singular
    assert found.convergence.converged
    for row in known.varcor:
        if row.term is None:
            assert found.sigma == pytest.approx(row.sd_or_correlation, rel=OPTIMISER)
            continue
        # Of (1 + x || g), lme4 names the second term g.1.
        random = next(own for own in found.random if row.group.split(".")[0] == own.group)
        sd = np.sqrt(random.covariance.diagonal())
        i, j = random.terms.index(row.term), random.terms.index(row.other or row.term)
        assert random.covariance[i, j] == pytest.approx(
            row.covariance, abs=5e-6 * max(sd[i] * sd[j], 1e-12)
        )


@every_case
def test_the_conditional_modes_and_their_deviations(known: Case) -> None:
    found = fitted(known.name)
    assert {random.group for random in found.random} == set(known.ranef)
    for random in found.random:
        modes = known.ranef[random.group]
        assert random.terms == modes.names
        place = [random.levels.index(level) for level in modes.levels]
        assert sorted(place) == list(range(len(random.levels)))
        sd = np.sqrt(random.covariance.diagonal())
        unit = np.where(sd > 0.0, sd, found.sigma)
        close(random.modes[place], modes.values, OPTIMISER, unit)
        effects = engine.group_effects(found, random.group)
        assert effects.levels == random.levels
        close(effects.effects, random.modes, 1e-12, unit)
        close(effects.effects_std_error[place], modes.sd, OPTIMISER, unit)


def test_the_slope_model_with_uranium_is_not_caught_by_the_false_optimum() -> None:
    # lme4's default search ends at 2132.235 and calls it singular.
    found = fitted("radon_slope_uranium")
    assert found.statistics.criterion == pytest.approx(2126.57938, abs=5e-6)
    assert not found.convergence.boundary


def test_an_aliased_column_is_dropped_and_named() -> None:
    found = fitted("radon_aliased")
    assert found.dropped_terms == ("I(2 * log_uranium)",)


# The lecture's two tables, from the survey as it is bundled.

FIRST = "log(pmax(radon, 0.1)) ~ 1 + (1 | county)"
SECOND = "log(radon + 0.1) ~ 1 + floor + (1 | county)"


@cache
def lecture(formula: str) -> Fit:
    return engine.fit(formula, pd.read_csv(DATA / "minnesota-radon.csv", keep_default_na=False))


@pytest.mark.parametrize(
    ("formula", "coefficients", "county", "residual", "aic", "dic", "deviance"),
    [
        (FIRST, ["1.31 0.05"], "0.31", "0.80", "2265.4", "2251.0", "2255.2"),
        (SECOND, ["1.49 0.05", "-0.66 0.07"], "0.32", "0.73", "2105.5", "2081.9", "2089.7"),
    ],
)
def test_the_lectures_tables_to_every_printed_digit(
    formula: str,
    coefficients: list[str],
    county: str,
    residual: str,
    aic: str,
    dic: str,
    deviance: str,
) -> None:
    found = lecture(formula)
    pairs = zip(found.beta.tolist(), found.std_errors.tolist(), strict=True)
    assert [f"{estimate:.2f} {error:.2f}" for estimate, error in pairs] == coefficients
    (random,) = found.random
    assert f"{random.covariance[0, 0] ** 0.5:.2f}" == county
    assert f"{found.sigma:.2f}" == residual
    assert (found.n_rows, random.group, len(random.levels)) == (919, "county", 85)
    assert f"{found.statistics.aic:.1f}" == aic
    assert f"{found.statistics.dic:.1f}" == dic
    assert f"{found.statistics.deviance:.1f}" == deviance


def test_the_lectures_county_coefficients_to_every_printed_digit() -> None:
    effects = engine.group_effects(lecture(SECOND), "county")
    assert effects.coefficient_terms == ("(Intercept)", "floor")
    by_county = dict(zip(effects.levels, effects.coefficients.tolist(), strict=True))
    printed = {
        "AITKIN": "1.2291388",
        "ANOKA": "0.9811502",
        "BECKER": "1.5066938",
        "BELTRAMI": "1.5377713",
        "BENTON": "1.4732718",
        "BIG STONE": "1.5084495",
    }
    assert {name: f"{by_county[name][0]:.7f}" for name in printed} == printed
    assert {f"{slope:.7f}" for _, slope in by_county.values()} == {"-0.6628887"}
