"""Lines that count some of the random effects, as lme4's ``re.form`` has them."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

import engine
from engine import Fit, Predictive, SpecError, predict
from engine.chosen import Asked, Chosen
from engine.needs import Needs
from tests.engine.simulated import table as simulated
from tests.reference.chosen import LinesRecord, chosen, described
from tests.reference.likelihood import table

LINES = chosen()["lines"]


@cache
def floors() -> Fit:
    return engine.fit("log_radon ~ floor + (1 + floor | county)", table("radon"))


def columns_of(fit: Fit, rows: pd.DataFrame, asked: Asked) -> dict[str, list[object]]:
    """The columns that must be there, and the weights."""
    needs = Needs.of(fit, Chosen.of(fit, asked))
    return {own.name: rows[own.name].tolist() for own in (*needs.required, *needs.optional)}


@pytest.mark.parametrize("known", LINES, ids=described)
def test_lines_are_those_of_lme4_with_their_joint_errors(known: LinesRecord) -> None:
    data = table(known["data"])
    fit = engine.fit(known["formula"], data, weights=known["weights"], offset=known["offset"])
    rows = data.iloc[known["rows"]]
    for choice in known["choices"]:
        asked_as: list[Asked] = [choice["terms"]] if choice["terms"] else [[], "none"]
        for asked in asked_as:
            found = predict(fit, columns_of(fit, rows, asked), random_effects=asked)
            each = np.zeros(len(rows))  # without predictors there is one line for all
            np.testing.assert_allclose(found.estimate + each, choice["estimate"], rtol=2e-6)
            np.testing.assert_allclose(found.std_error + each, choice["std_error"], rtol=2e-5)
            weights = 1.0 if known["weights"] is None else rows[known["weights"]]
            spread = np.sqrt(found.std_error**2 + fit.sigma**2 / weights)
            np.testing.assert_allclose(found.prediction_std_error, spread, rtol=1e-12)
            assert set(found.new_levels) == {()}


def test_without_random_effects_a_line_is_that_of_the_fixed_effects_alone() -> None:
    found = predict(floors(), {"floor": [0, 1]}, random_effects="none")
    x = np.array([[1.0, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(found.estimate, x @ floors().beta, rtol=1e-12)
    expected = np.sqrt(((x @ floors().covariance) * x).sum(axis=1))
    np.testing.assert_allclose(found.std_error, expected, rtol=1e-10)


@pytest.mark.parametrize("asked", ["all", ["(1 + floor | county)"], ["(floor | county)"]])
def test_all_terms_are_all_effects(asked: str | list[str]) -> None:
    rows: dict[str, list[object]] = {"county": ["AITKIN", "X"], "floor": [0, 1]}
    found, plain = (
        predict(floors(), rows, random_effects=asked),
        predict(floors(), rows),
    )
    np.testing.assert_array_equal(found.estimate, plain.estimate)
    np.testing.assert_array_equal(found.std_error, plain.std_error)
    model = Predictive.of(floors())
    assert model.counting(asked) is model


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["(1 | county)", "(0 + floor | county)"], "all"),
        (["(1 | county) + (0 + floor | county)"], "all"),
        (["(floor || county)"], "all"),
        ([], "none"),
        (["(1 | county)"], ["(1 | factor(county))"]),
    ],
)
def test_the_same_effects_may_be_written_in_several_ways(
    first: list[str], second: str | list[str]
) -> None:
    assert Chosen.of(floors(), first) == Chosen.of(floors(), second)


def test_a_new_level_brings_the_variance_of_what_is_counted() -> None:
    rows: dict[str, list[object]] = {"county": ["X"], "floor": [1]}
    fixed = predict(floors(), {"floor": [1]}, random_effects="none").std_error[0] ** 2
    g = floors().random[0].covariance
    for asked, variance in [("(1 | county)", g[0, 0]), ("(0 + floor | county)", g[1, 1])]:
        found = predict(floors(), rows, random_effects=[asked])
        assert found.std_error[0] ** 2 - fixed == pytest.approx(variance, rel=1e-9)
        assert found.new_levels == (("county",),)


def test_a_group_that_is_not_counted_can_neither_be_new_nor_be_given() -> None:
    fit = engine.fit("diameter ~ 1 + (1 | plate) + (1 | sample)", table("Penicillin"))
    rows: dict[str, list[object]] = {"sample": ["A", "new"]}
    found = predict(fit, rows, random_effects=["(1 | sample)"])
    assert found.new_levels == ((), ("sample",))
    with pytest.raises(SpecError) as caught:
        predict(fit, {**rows, "plate": ["a", "a"]}, random_effects=["(1 | sample)"])
    assert caught.value.problems[0].path == ("columns", "plate")
    with pytest.raises(SpecError):
        predict(fit, rows)
    with pytest.raises(engine.DataError) as refused:
        predict(fit, rows, random_effects=["(1 | sample)"], new_levels="reject")
    assert refused.value.problems[0].path == ("rows", 1, "sample")


def test_a_nested_group_may_be_named_from_either_end() -> None:
    fit = engine.fit("strength ~ 1 + (1 | batch/cask)", table("Pastes"))
    asked = [Chosen.of(fit, [f"(1 | {group})"]) for group in ("cask:batch", "batch:cask")]
    assert asked[0] == asked[1]
    assert Chosen.of(fit, ["(1 | batch/cask)"]).whole


def test_a_factor_is_counted_as_it_is_coded_in_the_model() -> None:
    machines = table("Machines")
    contrasts = engine.fit("score ~ Machine + (Machine | Worker)", machines)
    cells = engine.fit("score ~ Machine + (0 + Machine | Worker)", machines)
    assert Chosen.of(cells, ["(0 + Machine | Worker)"]).whole
    assert Chosen.of(contrasts, ["(1 + Machine | Worker)"]).whole
    for fit, asked in [(contrasts, "(0 + Machine | Worker)"), (cells, "(Machine | Worker)")]:
        with pytest.raises(SpecError):
            Chosen.of(fit, [asked])


def test_terms_with_interactions_and_polynomials_are_found() -> None:
    data = simulated(seed=4, n_levels=30, most_rows=20)
    fit = engine.fit("y ~ x + (x * z | g) + (0 + poly(w, 2) | g)", data)
    found = Chosen.of(fit, ["(0 + z:x + poly(w, 2) | g)"])
    names = [fit.random[0].terms[part.span] for part in found.parts[0]]
    assert names == [("x:z",), ("poly(w, 2)1", "poly(w, 2)2")]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("(1 | state)", "unknown_random_term"),
        ("(log(floor) | county)", "unknown_random_term"),
        ("county", "formula_random_term"),
        ("(1 | county) + floor", "formula_random_term"),
        ("0 + (1 | county)", "formula_random_term"),
        ("(1 | county", "formula_syntax"),
        ("", "formula_syntax"),
        ("y ~ (1 | county)", "formula_syntax"),
        ("(system(1) | county)", "formula_unknown_function"),
        ("(" * 500, "formula_too_deep"),
        ("x" * 5000, "formula_too_long"),
    ],
)
def test_what_is_no_random_term_of_the_model_is_pointed_to(asked: str, code: str) -> None:
    with pytest.raises(SpecError) as caught:
        predict(floors(), {"floor": [0]}, random_effects=["(1 | county)", asked])
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == (code, ("random_effects", 1))
    if code == "unknown_random_term":
        assert "(1 + floor | county)" in problem.hint


def test_a_word_that_is_no_option_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        predict(floors(), {"floor": [0]}, random_effects="county")
    assert caught.value.problems[0].path == ("random_effects",)


def test_least_squares_has_no_terms_to_leave_out() -> None:
    fit = engine.fit("log_radon ~ floor", table("radon"))
    for asked in ("all", "none"):
        assert predict(fit, {"floor": [1]}, random_effects=asked).estimate[0] == pytest.approx(
            fit.beta.sum()
        )
    with pytest.raises(SpecError):
        predict(fit, {"floor": [1]}, random_effects=["(1 | county)"])
