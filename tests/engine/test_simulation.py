"""Responses drawn for rows have the model's mean and variance, and bring back its parameters."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import engine
from engine import DataError, Fit, LimitError, Simulator, SpecError
from engine.spec import Spec
from tests.engine.simulated import rows as rows_of
from tests.engine.test_prediction import henderson, wide
from tests.reference.likelihood import table

FLOOR = "log(radon + 0.1) ~ floor + (1 | county)"
SLOPES = "Reaction ~ Days + (Days | Subject)"


@cache
def radon() -> Fit:
    return engine.fit(FLOOR, table("radon"))


@cache
def sleep() -> Fit:
    return engine.fit(SLOPES, table("sleepstudy"))


def test_a_seed_decides_every_draw() -> None:
    rows = table("radon")
    first, again, other = (engine.simulate(radon(), rows, 3, seed) for seed in (1, 1, 2))
    assert first.shape == (919, 3)
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_draws_have_the_mean_and_the_covariance_of_the_model() -> None:
    rows = table("sleepstudy").iloc[:20]  # two subjects
    drawn = engine.simulate(sleep(), rows, 20_000, seed=1)
    z = np.column_stack([np.ones(20), rows["Days"]])
    same = rows["Subject"].to_numpy()[:, None] == rows["Subject"].to_numpy()
    expected = (z @ sleep().random[0].covariance @ z.T) * same + sleep().sigma ** 2 * np.eye(20)
    error = np.sqrt(expected.diagonal())
    assert np.abs((drawn.mean(axis=1) - z @ sleep().beta) / error).max() < 0.04
    assert np.abs((np.cov(drawn) - expected) / np.outer(error, error)).max() < 0.05


def test_modes_may_be_kept() -> None:
    rows = table("sleepstudy").iloc[:20]
    drawn = engine.simulate(sleep(), rows, 20_000, seed=1, use_modes=True)
    days, count = rows["Days"].to_list(), 20_000
    lines = engine.predict(sleep(), {"Days": days, "Subject": rows["Subject"].to_list()})
    error = sleep().sigma / count**0.5
    assert np.abs((drawn.mean(axis=1) - lines.estimate) / error).max() < 5.0
    assert drawn.std(axis=1) == pytest.approx(sleep().sigma, rel=0.03)


def test_new_levels_are_drawn_though_modes_are_kept() -> None:
    rows = pd.DataFrame({"Days": [9.0], "Subject": ["nobody"]})
    drawn = engine.simulate(sleep(), rows, 20_000, seed=1, use_modes=True)
    z = np.array([1.0, 9.0])
    variance = z @ sleep().random[0].covariance @ z + sleep().sigma ** 2
    assert drawn.std() == pytest.approx(variance**0.5, rel=0.03)


def test_the_response_is_not_read() -> None:
    rows = table("radon")
    np.testing.assert_array_equal(
        engine.simulate(radon(), rows), engine.simulate(radon(), rows.drop(columns="radon"))
    )


def test_the_outcome_is_on_the_scale_of_its_column() -> None:
    rows = table("radon")
    fitted = engine.simulate(radon(), rows, 2, seed=5)
    outcome = engine.simulate(radon(), rows, 2, seed=5, outcome=True)
    np.testing.assert_allclose(outcome, np.exp(fitted) - 0.1, rtol=1e-12)


def test_weights_and_offset_count() -> None:
    rows = table("cake").assign(shift=lambda d: 100.0 * d["temp"])
    fit = engine.fit("angle ~ 1 + (1 | replicate)", rows, weights="temp", offset="shift")
    drawn = engine.simulate(fit, rows.iloc[:6], 20_000, seed=1, use_modes=True)
    temp = rows["temp"].to_numpy()[:6]
    np.testing.assert_allclose(drawn.std(axis=1), fit.sigma / np.sqrt(temp), rtol=0.03)
    modes = fit.random[0].modes[fit.random[0].place["1"], 0]
    error = fit.sigma / np.sqrt(temp * 20_000)
    z = (drawn.mean(axis=1) - (fit.beta[0] + modes + 100.0 * temp)) / error
    assert np.abs(z).max() < 5.0


@pytest.mark.parametrize(
    ("formula", "data"),
    [
        ("log_radon ~ 0 + floor + log_uranium + (1 | county)", "radon"),
        ("log_radon ~ log_uranium + floor + I(2 * log_uranium) + (1 | county)", "radon"),
        ("score ~ Machine + (1 | Worker) + (1 | Worker:Machine)", "Machines"),
        ("Reaction ~ poly(Days, 2) + (1 | Subject)", "sleepstudy"),
        ("Reaction ~ Days", "sleepstudy"),
    ],
)
def test_a_fit_to_many_draws_brings_back_the_model(formula: str, data: str) -> None:
    rows = table(data)
    fit = engine.fit(formula, rows)
    column = formula.split(" ~ ")[0]
    drawn = engine.simulate(fit, rows, 40, seed=1)
    again = [engine.fit(formula, rows.assign(**{column: y})).beta for y in drawn.T]
    z = (np.mean(again, axis=0) - fit.beta) / (fit.std_errors / 40**0.5)
    assert np.abs(z).max() < 4.5


def test_rows_that_cannot_be_drawn_are_refused() -> None:
    rows = table("radon")
    machines = table("Machines")
    scores = engine.fit("score ~ Machine + (1 | Worker)", machines)
    for fit, data, error, code in [
        (radon(), rows.drop(columns="county"), SpecError, "unknown_column"),
        (radon(), rows.assign(floor=np.nan), DataError, "missing_values"),
        (radon(), rows.assign(county=None), DataError, "missing_values"),
        (scores, machines.assign(Machine="D"), DataError, "unknown_level"),
    ]:
        with pytest.raises(error) as caught:
            engine.simulate(fit, data)
        assert [problem.code for problem in caught.value.problems] == [code]


def test_a_response_of_two_columns_has_no_outcome() -> None:
    fit = engine.fit("I(Reaction + Days) ~ 1 + (1 | Subject)", table("sleepstudy"))
    with pytest.raises(SpecError):
        engine.simulate(fit, table("sleepstudy"), outcome=True)


@pytest.mark.parametrize(
    ("n_sim", "seed", "first"), [(0, 0, 0), (10**9, 0, 0), (1, -1, 0), (1, 0, -1)]
)
def test_numbers_out_of_range_are_refused(n_sim: int, seed: int, first: int) -> None:
    with pytest.raises(LimitError):
        engine.simulate(radon(), table("radon"), n_sim, seed, first=first)


# Parameters that are uncertain


def covariance_of(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.cov(draws))


def test_draws_of_kept_levels_have_the_distribution_of_predictions() -> None:
    rows = table("sleepstudy").iloc[[0, 3, 9, 12, 19, 25]].assign(Days=[0, 3, 9, 2, 12, 5])
    rows["Subject"] = ["308", "308", "309", "309", "nobody", "nobody"]
    count = 20_000
    drawn = engine.simulate(sleep(), rows, count, seed=3, use_modes=True, parameters=True)
    asked = {name: rows[name].tolist() for name in ("Days", "Subject")}
    found = engine.predict(sleep(), asked)
    z = (drawn.mean(axis=1) - found.estimate) / (found.prediction_std_error / count**0.5)
    assert np.abs(z).max() < 5.0
    assert drawn.std(axis=1) == pytest.approx(found.prediction_std_error, rel=0.03)


@pytest.mark.parametrize(
    ("formula", "data", "columns"),
    [
        (SLOPES, "sleepstudy", ("Days", "Subject")),
        ("diameter ~ 1 + (1 | plate) + (1 | sample)", "Penicillin", ("plate", "sample")),
        (
            "score ~ Machine + (1 | Worker) + (1 | Worker:Machine)",
            "Machines",
            ("Machine", "Worker"),
        ),
    ],
)
def test_lines_of_kept_levels_vary_together_as_their_errors_do(
    formula: str, data: str, columns: tuple[str, ...]
) -> None:
    """Against the inverse of the mixed-model equations."""
    whole = table(data)
    fit = engine.fit(formula, whole)
    spec = Spec.of(formula)
    of = rows_of(spec, whole, piloted=False)
    _, inverse = henderson(fit, of)
    some = np.linspace(0, len(whole) - 1, 8).round().astype(int)
    own = wide(of)[some]
    expected = own @ inverse @ own.T + fit.sigma**2 * np.eye(len(some))
    drawn = engine.simulate(
        fit, whole.iloc[some][list(columns)], 20_000, seed=1, use_modes=True, parameters=True
    )
    error = np.sqrt(expected.diagonal())
    assert np.abs((covariance_of(drawn) - expected) / np.outer(error, error)).max() < 0.05


def test_redrawn_levels_with_uncertain_parameters_add_that_of_the_fixed_effects() -> None:
    rows = table("sleepstudy").iloc[:12].assign(Days=lambda d: 3.0 * d["Days"])
    drawn = engine.simulate(sleep(), rows, 20_000, seed=1, parameters=True)
    x = np.column_stack([np.ones(12), rows["Days"]])
    same = rows["Subject"].to_numpy()[:, None] == rows["Subject"].to_numpy()
    between = (x @ sleep().random[0].covariance @ x.T) * same
    expected = between + x @ sleep().covariance @ x.T + sleep().sigma ** 2 * np.eye(12)
    error = np.sqrt(expected.diagonal())
    assert np.abs((drawn.mean(axis=1) - x @ sleep().beta) / error).max() < 0.04
    assert np.abs((covariance_of(drawn) - expected) / np.outer(error, error)).max() < 0.05


def test_draws_go_on_where_the_last_ended() -> None:
    rows = table("radon").head(30)
    for options in ({}, {"use_modes": True}, {"use_modes": True, "parameters": True}):
        together = engine.simulate(radon(), rows, 5, seed=4, **options)
        parts = [engine.simulate(radon(), rows, 1, seed=4, first=i, **options) for i in range(5)]
        np.testing.assert_array_equal(together, np.hstack(parts))


def test_rows_of_the_fit_are_those_that_are_complete() -> None:
    data = table("radon")
    gaps = data.assign(radon=data["radon"].where(data.index != 3))
    fit = engine.fit(FLOOR, gaps)
    simulator = Simulator.of_fit(fit, gaps, use_modes=False, parameters=False)
    assert simulator.rows.tolist() == [0, 1, 2, *range(4, 919)]
    with pytest.raises(DataError):
        Simulator.of_fit(fit, data.assign(radon=2.0), use_modes=False, parameters=False)


def test_new_rows_by_column_are_drawn_as_those_of_a_table() -> None:
    data = table("radon").iloc[:20]
    columns = {name: data[name].tolist() for name in ("county", "floor")}
    simulator = Simulator.of_columns(radon(), columns, 20, use_modes=True, parameters=True)
    expected = engine.simulate(radon(), data, 3, 7, use_modes=True, parameters=True)
    np.testing.assert_array_equal(simulator.draw(3, 7), expected)


def test_a_group_mean_is_that_of_the_fit() -> None:
    formula = "log(radon + 0.1) ~ ave(floor, county) + (1 | county)"
    fit = engine.fit(formula, table("radon"))
    rows = pd.DataFrame({"county": ["AITKIN"]})
    drawn = engine.simulate(fit, rows, 4000, seed=2, use_modes=True)
    line = engine.predict(fit, {"county": ["AITKIN"]}).estimate[0]
    assert drawn.mean() == pytest.approx(line, abs=5 * fit.sigma / 4000**0.5)


def test_a_model_without_predictors_draws_as_many_rows_as_asked() -> None:
    fit = engine.fit("Reaction ~ 1", table("sleepstudy"))
    simulator = Simulator.of_columns(fit, {}, 7, use_modes=False, parameters=False)
    assert simulator.draw(2, 0).shape == (7, 2)
