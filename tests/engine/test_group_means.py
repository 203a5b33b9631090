"""``ave(x, g)``: the mean of a predictor in each group, as a predictor of its own."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from engine import DataError, Fit, FormulaError, Predictive, SpecError, predict
from engine.expression import evaluate, learn
from engine.fit import fit_spec
from engine.formula import parse
from engine.spec import Spec
from engine.state import GroupMeans
from engine.table import Factor, compact
from tests.reference.chosen import MeansRecord, chosen, described
from tests.reference.likelihood import table

MEANS = chosen()["means"]
FORMULA = "log_radon ~ floor + ave(floor, county) + (1 | county)"


@cache
def contextual() -> Fit:
    return engine.fit(FORMULA, table("radon"))


@pytest.mark.parametrize("known", MEANS, ids=described)
def test_models_with_group_means_are_those_of_lme4(known: MeansRecord) -> None:
    data = table("radon")
    fit = engine.fit(known["formula"], data)
    assert fit.coefficients == tuple(known["coefficients"])
    assert fit.statistics.criterion == pytest.approx(known["criterion"], abs=1e-6)
    np.testing.assert_allclose(fit.beta, known["beta"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fit.covariance, known["covariance"], rtol=2e-4, atol=1e-6)
    np.testing.assert_allclose(fit.theta, np.atleast_1d(known["theta"]), rtol=1e-3)
    head = data.head(8)
    rows = {own.name: head[own.name].tolist() for own in engine.predictors(fit)}
    np.testing.assert_allclose(predict(fit, rows).estimate, known["fitted_head"], rtol=1e-5)


@pytest.mark.parametrize("known", MEANS, ids=described)
@pytest.mark.parametrize("together", [True, False])
def test_a_county_not_seen_brings_its_mean_along(known: MeansRecord, together: bool) -> None:
    fit = engine.fit(known["formula"], table("radon"))
    (name,) = [own.name for own in engine.optional_predictors(fit)]
    houses: dict[str, list[object]] = {"county": ["NOWHERE"] * 2, "floor": [0, 1]}
    houses |= {"log_uranium": [0.5] * 2, name: [0.3] * 2}
    rows = {own.name: houses[own.name] for own in engine.predictors(fit)} | {name: houses[name]}
    parts = [slice(0, 2)] if together else [slice(0, 1), slice(1, 2)]
    found = [predict(fit, {key: value[part] for key, value in rows.items()}) for part in parts]
    estimate = np.concatenate([each.estimate for each in found])
    np.testing.assert_allclose(estimate, known["new"], rtol=1e-5)


def test_a_row_needs_the_group_and_not_what_the_mean_is_of() -> None:
    fit = engine.fit("log_radon ~ ave(floor, county) + (1 | county)", table("radon"))
    assert [own.name for own in engine.predictors(fit)] == ["county"]
    assert [own.name for own in engine.optional_predictors(fit)] == ["ave(floor, county)"]


def test_a_mean_that_is_given_takes_the_place_of_the_one_learned() -> None:
    rows: dict[str, list[object]] = {"county": ["AITKIN"] * 3, "floor": [0] * 3}
    rows["ave(floor, county)"] = [None, 0.25, 0.5]
    learned, same, other = predict(contextual(), rows).estimate
    assert learned == pytest.approx(same, rel=1e-12)  # one of its four houses has no basement
    assert other - same == pytest.approx(0.25 * contextual().beta[2])


@pytest.mark.parametrize("count", [1, 2])
def test_a_group_without_a_mean_is_refused_and_says_what_to_give(count: int) -> None:
    counties: list[object] = ["AITKIN", "NOWHERE"]
    rows: dict[str, list[object]] = {"county": counties[-count:], "floor": [0] * count}
    with pytest.raises(DataError) as caught:
        predict(contextual(), rows)
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("unknown_level", ("rows", count - 1, "county"))
    assert '"ave(floor, county)"' in problem.hint


def test_the_quick_way_for_one_row_is_the_long_way() -> None:
    model = Predictive.of(contextual())
    assert model.single is not None
    head = table("radon").head(20)
    rows = {name: head[name].tolist() for name in ("county", "floor")}
    together = model.predict(rows).estimate
    for i in range(20):
        alone = model.predict({name: [values[i]] for name, values in rows.items()})
        assert alone.estimate[0] == pytest.approx(together[i], rel=1e-12)


def test_within_and_between_are_the_contextual_model_in_other_coordinates() -> None:
    formula = "log_radon ~ I(floor - ave(floor, county)) + ave(floor, county) + (1 | county)"
    fit = engine.fit(formula, table("radon"))
    assert fit.statistics.criterion == pytest.approx(contextual().statistics.criterion, abs=1e-8)
    _, within, context = contextual().beta
    np.testing.assert_allclose(fit.beta[1:], [within, within + context], rtol=1e-7)


def test_a_saved_fit_keeps_its_means() -> None:
    again = engine.from_bytes(engine.to_bytes(contextual()))
    rows: dict[str, list[object]] = {"county": ["AITKIN", "HENNEPIN"], "floor": [0, 1]}
    found, expected = predict(again, rows), predict(contextual(), rows)
    np.testing.assert_array_equal(found.estimate, expected.estimate)
    np.testing.assert_array_equal(found.std_error, expected.std_error)


def test_means_are_of_the_rows_of_the_model() -> None:
    data = table("radon")
    gaps = data.assign(log_radon=data["log_radon"].where(data.index != 0))
    complete = engine.fit(FORMULA, gaps.drop(index=0))
    dropped = engine.fit(FORMULA, gaps)
    assert dropped.n_dropped == 1
    np.testing.assert_allclose(dropped.beta, complete.beta, rtol=1e-12)


@settings(max_examples=5, deadline=None)
@given(st.permutations(range(919)), st.sampled_from([50, 333, 10_000]))
def test_neither_the_order_of_rows_nor_chunks_matter(order: list[int], chunk: int) -> None:
    data = table("radon").iloc[order]
    fit = fit_spec(Spec.of(FORMULA), data, chunk_rows=chunk)
    np.testing.assert_allclose(fit.beta, contextual().beta, rtol=1e-8)
    assert fit.statistics.criterion == pytest.approx(contextual().statistics.criterion, abs=1e-8)


def test_the_second_scan_reads_the_means_again() -> None:
    data = table("radon")
    rows = engine.row_diagnostics(contextual(), data)
    columns = {name: data[name].tolist() for name in ("county", "floor")}
    np.testing.assert_allclose(rows.fitted, predict(contextual(), columns).estimate, rtol=1e-10)


def test_a_mean_that_is_constant_in_its_groups_is_its_column_and_aliased() -> None:
    formula = "log_radon ~ log_uranium + ave(log_uranium, county) + (1 | county)"
    fit = engine.fit(formula, table("radon"))
    assert fit.dropped_terms == ("ave(log_uranium, county)",)


def test_the_outcome_may_be_taken_within_groups() -> None:
    data = table("radon")
    fit = engine.fit("I(log_radon - ave(log_radon, county)) ~ floor", data)
    y = data["log_radon"] - data.groupby("county")["log_radon"].transform("mean")
    expected = engine.fit("y ~ floor", data.assign(y=y))
    np.testing.assert_allclose(fit.beta, expected.beta, rtol=1e-9)
    assert engine.describe_response(fit).invertible is False


def test_a_group_may_be_a_column_of_numbers() -> None:
    data = table("sleepstudy")
    fit = engine.fit("Reaction ~ ave(Reaction, Days) + (1 | Subject)", data)
    found = {own.name: own.kind for own in engine.predictors(fit)}
    assert found == {"Days": "group", "Subject": "group"}
    both = engine.fit("Reaction ~ Days + ave(Reaction, Days) + (1 | Subject)", data)
    assert {own.name: own.kind for own in engine.predictors(both)} == {
        "Days": "number",
        "Subject": "group",
    }
    predict(both, {"Days": [3], "Subject": ["308"]})
    with pytest.raises(DataError) as caught:
        predict(both, {"Days": [3.5], "Subject": ["308"]})
    assert caught.value.problems[0].code == "unknown_level"


def test_the_columns_of_a_model_are_known_with_their_kinds() -> None:
    formula = parse("y ~ x + ave(log(z), `a b`, factor(g)) + (1 | h)")
    assert formula.columns == ("y", "x", "z", "a b", "g", "h")
    assert formula.text == "y ~ x + ave(log(z), `a b`, factor(g)) + (1 | h)"
    assert formula.terms[1].text == "ave(log(z), `a b`, g)"
    text = pd.DataFrame({"y": [1.0, 2.0], "x": ["a", "b"], "g": ["a", "b"]})
    (problem,) = engine.examine(Spec.of("y ~ ave(x, g)"), text).problems
    assert (problem.code, problem.path) == ("not_numeric", ("formula",))


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ ave(x)",
        "y ~ ave()",
        "y ~ ave(2, g)",
        "y ~ ave(x, 2)",
        "y ~ ave(x, log(g))",
        "y ~ ave(x, a:b)",
        "y ~ ave(x, TRUE)",
        "y ~ ave(x, g, FUN = median)",
        "y ~ ave(factor(x), g)",
        f"y ~ ave(x, {', '.join(f'g{i}' for i in range(21))})",
    ],
)
def test_what_is_no_group_mean_is_refused(formula: str) -> None:
    with pytest.raises(FormulaError):
        parse(formula)


def test_twenty_groups_are_taken_however_many_levels_they_make() -> None:
    draw = np.random.default_rng(0)
    names = [f"g{i}" for i in range(20)]
    data = pd.DataFrame(draw.integers(0, 50, (300, 20)), columns=names)
    data["x"], data["y"] = draw.standard_normal((2, 300))
    fit = engine.fit(f"y ~ ave(x, {', '.join(names)})", data)
    direct = engine.fit("y ~ x", data)  # every row is a group of its own
    np.testing.assert_allclose(fit.beta, direct.beta, rtol=1e-9)


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.sampled_from("ab"), st.sampled_from("xyz"))).filter(
        bool
    )
)
def test_means_are_those_of_the_combined_levels(rows: list[tuple[float, str, str]]) -> None:
    x, a, b = (list(own) for own in zip(*rows, strict=True))
    factors = {"a": factor(a), "b": factor(b)}
    expr = parse("y ~ ave(x, a, b)").terms[0].factors[0]
    states = learn(expr, {"x": np.array(x)}, factors)
    (state,) = states.values()
    assert isinstance(state, GroupMeans)
    expected = pd.DataFrame({"x": x, "a": a, "b": b}).groupby(["a", "b"])["x"].transform("mean")
    found = evaluate(expr, {}, states, factors)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-9)


def test_more_means_than_are_kept_are_refused_before_they_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = table("radon").assign(house=lambda d: np.arange(len(d)))
    monkeypatch.setattr("engine.groupmeans.MAX_MEANS", 919 + 85)
    engine.fit("log_radon ~ ave(floor, house) + ave(floor, county)", data)
    for more in ("ave(log_radon, county)", "ave(floor, county, house)"):
        formula = f"log_radon ~ ave(floor, house) + ave(floor, county) + {more}"
        (problem,) = engine.examine(Spec.of(formula), data).problems
        assert problem.code == "too_many_means"


def test_sums_that_leave_their_place_have_no_group_means() -> None:
    with pytest.raises(SpecError) as caught:
        engine.summarise(FORMULA, table("radon"))
    assert caught.value.problems[0].code == "means_in_summary"


def factor(values: list[str]) -> Factor:
    codes = np.array([sorted(set(values)).index(value) for value in values], dtype=np.int64)
    return compact(codes, sorted(set(values)))


def test_levels_with_colons_stay_apart() -> None:
    data = pd.DataFrame({"a": ["x:y", "x"] * 3, "b": ["z", "y:z"] * 3, "v": [1.0, 5.0] * 3})
    data["y"] = np.arange(6.0) ** 2
    fit = engine.fit("y ~ ave(v, a, b)", data)
    rows = {"a": ["x:y", "x"], "b": ["z", "y:z"]}
    low, high = predict(fit, rows).estimate
    assert high - low == pytest.approx(4.0 * fit.beta[1])
    with pytest.raises(DataError):
        predict(fit, {"a": ["x:y"], "b": ["y:z"]})


def test_marginal_means_hold_a_group_mean_at_its_mean() -> None:
    data = table("radon").assign(storey=lambda d: np.where(d["floor"] == 0, "low", "high"))
    fit = engine.fit("log_radon ~ storey + ave(floor, county) + (1 | county)", data)
    found = engine.marginal_means(fit, ["storey"])
    mean = data.groupby("county")["floor"].transform("mean").mean()
    estimates = {own.levels: own.estimate for own in found.means}
    assert estimates[("high",)] == pytest.approx(fit.beta[0] + fit.beta[2] * mean)
    with pytest.raises(SpecError):
        engine.marginal_means(fit, ["storey"], at={"county": 1.0})
