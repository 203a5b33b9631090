"""Predictions: the group line with its joint standard error, a new house, the outcome's scale."""

import csv
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

import engine
from engine import DataError, Fit, Predictions, SpecError, predict
from engine.expression import learn
from engine.formula import parse
from engine.outcome import Cuts, bring_back
from engine.response import Inverse, invert
from engine.spec import Spec
from service.radon.tables import DATA
from tests.engine.fits import fitted
from tests.engine.simulated import Floats, Rows, rows, table
from tests.reference.cases import HERE, Case, cases, frame

INF = float("inf")


@cache
def radon() -> pd.DataFrame:
    return pd.read_csv(DATA / "minnesota-radon.csv", keep_default_na=False)


@cache
def floors() -> Fit:
    return engine.fit("log(radon + 0.1) ~ floor + (1|county)", radon())


# Known values


@pytest.mark.parametrize(
    ("county", "estimate", "std_error", "lower", "upper"),
    [
        ("HENNEPIN", 1.39494945, 0.06954372, -0.03406816, 2.82396707),
        ("NOWHERE", 1.49239317, 0.31927698, -0.06166686, 3.04645321),
    ],
)
def test_a_house_in_a_county_seen_and_in_one_not_seen(
    county: str, estimate: float, std_error: float, lower: float, upper: float
) -> None:
    found = predict(floors(), {"county": [county], "floor": [0]})
    assert found.estimate[0] == pytest.approx(estimate, abs=1e-6)
    assert found.std_error[0] == pytest.approx(std_error, abs=1e-6)
    assert found.prediction_lower[0] == pytest.approx(lower, abs=1e-6)
    assert found.prediction_upper[0] == pytest.approx(upper, abs=1e-6)
    assert found.new_levels == ((("county",) if county == "NOWHERE" else ()),)


def test_every_county_on_both_floors_is_as_the_mixed_model_equations_say() -> None:
    path = HERE / "data" / "ref_M1_plus01_county_predictions.csv"
    with path.open(encoding="utf-8", newline="") as file:
        known = list(csv.DictReader(file))
    assert len(known) == 170
    found = predict(
        floors(),
        {"county": [row["county"] for row in known], "floor": [int(row["floor"]) for row in known]},
    )
    for name, own in [
        ("mu", found.estimate),
        ("se", found.std_error),
        ("S", found.prediction_std_error),
    ]:
        np.testing.assert_allclose(own, [float(row[name]) for row in known], rtol=0, atol=1e-7)
    assert not any(found.new_levels)


@pytest.mark.parametrize("known", cases(), ids=str)
def test_the_rows_of_the_fit_are_predicted_as_lme4_fits_them(known: Case) -> None:
    fit, data = fitted(known.name), frame(known)
    head = data.head(len(known.fitted_head))
    names = [predictor.name for predictor in engine.predictors(fit)]
    found = predict(fit, {name: head[name].tolist() for name in names})
    np.testing.assert_allclose(found.estimate, known.fitted_head, atol=2e-6 * fit.sigma)


# Joint standard errors, by brute force


def wide(of: Rows, seen: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> Floats:
    """[X Z] with Z split by level, and by factor one after the other.

    The columns of the factors in ``groups`` that are not in ``seen`` are zero.
    """
    parts = [of.x]
    for index, (z, level) in enumerate(of.groups):
        k = z.shape[1]
        split = np.zeros((len(of.y), (int(level.max()) + 1) * k))
        for effect in range(k):
            split[np.arange(len(of.y)), level * k + effect] = z[:, effect]
        parts.append(split * (not groups or groups[index] in seen))
    return np.hstack(parts)


def henderson(fit: Fit, of: Rows) -> tuple[Floats, Floats]:
    """Solution and inverse of the mixed-model equations, beta first, then effects by level."""
    columns = wide(of)
    equations = (columns.T * of.weights) @ columns / fit.sigma**2
    start = of.x.shape[1]
    for effects in fit.random:
        own = np.kron(np.eye(len(effects.levels)), np.linalg.inv(effects.covariance))
        stop = start + len(own)
        equations[start:stop, start:stop] += own
        start = stop
    inverse = np.linalg.inv(equations)
    solution: Floats = inverse @ ((columns.T * of.weights) @ of.y) / fit.sigma**2
    return solution, np.asarray(inverse, dtype=np.float64)


MODELS = [
    "y ~ x + (1 | g)",
    "y ~ x * c + u + (1 | g)",
    "y ~ x + (x | g)",
    "y ~ x + z + (x || g)",
    "y ~ x + (0 + x | g)",
    "y ~ c + (0 + c | g)",
    "y ~ 0 + c + x + (x | g)",
    "y ~ poly(x, 2) + log(w) + (scale(x) + z | g)",
    "y ~ x:c + I(x^2) + (1 | g) + (0 + z | g)",
    "y ~ x + (1 | g) + (1 | h)",
    "y ~ x * c + (x | g) + (z | h)",
    "y ~ x + (1 | h/g)",
]


@pytest.mark.parametrize("formula", MODELS)
@pytest.mark.parametrize("weights", [None, "w"])
def test_lines_and_their_errors_solve_the_mixed_model_equations(
    formula: str, weights: str | None
) -> None:
    data = table(seed=21, n_levels=40, most_rows=12, sd=(1.5, 1.0, 1.2))
    draw = np.random.default_rng(3)
    h = draw.integers(0, 8, len(data)) if "/" not in formula else data.groupby("g").ngroup() % 8
    data["h"] = h.astype(str)
    cells = data.groupby(["g", "c"]).ngroup()
    data["y"] += draw.normal(0.0, 1.5, cells.max() + 1)[cells]
    if "h" in formula:
        data["y"] += draw.normal(0.0, 2.0, 8)[h]
        data["y"] += draw.normal(0.0, 1.0, 8)[h] * (data["x"] + data["z"])
    spec = Spec.of(formula, weights=weights)
    fit = engine.fit_spec(spec, data)
    assert not fit.convergence.boundary
    of = rows(spec, data, piloted=False)
    solution, inverse = henderson(fit, of)
    columns = {name.name: data[name.name].tolist() for name in engine.predictors(fit)}
    groups = tuple(effects.group for effects in fit.random)
    places = [name for name in ("g", "h") if name in columns]
    for new in [(), *((name,) for name in places), tuple(places)]:
        asked = columns | {name: ["elsewhere"] * len(data) for name in new}
        found = predict(fit, asked)
        seen = tuple(own for own in groups if not set(own.split(":")) & set(new))
        own = wide(of, seen, groups)
        variance = ((own @ inverse) * own).sum(axis=1)
        for effects, (z, _) in zip(fit.random, of.groups, strict=True):
            if effects.group not in seen:
                variance += ((z @ effects.covariance) * z).sum(axis=1)
        np.testing.assert_allclose(found.estimate, own @ solution, rtol=1e-6)
        np.testing.assert_allclose(found.std_error, np.sqrt(variance), rtol=1e-7)
        weight = data["w"] if weights in columns else 1.0
        spread = np.sqrt(variance + fit.sigma**2 / weight)
        np.testing.assert_allclose(found.prediction_std_error, spread, rtol=1e-7)
        assert set(found.new_levels) == {tuple(name for name in groups if name not in seen)}


def test_an_effect_that_does_not_vary_adds_nothing() -> None:
    data = table(seed=2, sd=(0.0, 0.0, 0.0))
    data["y"] -= data.groupby("g")["y"].transform("mean")
    fit = engine.fit("y ~ x + (1 | g)", data)
    assert fit.convergence.boundary
    seen, unseen = (predict(fit, {"x": [1.0], "g": [g]}) for g in ("level 00001", "elsewhere"))
    expected = np.sqrt(np.array([1.0, 1.0]) @ fit.covariance @ np.array([1.0, 1.0]))
    assert seen.std_error[0] == pytest.approx(expected, rel=1e-9)
    assert unseen.std_error[0] == pytest.approx(expected, rel=1e-9)


def test_least_squares_lines_have_their_textbook_errors() -> None:
    data = table(seed=4)
    fit = engine.fit("y ~ x + c", data)
    found = predict(fit, {"x": data["x"].tolist(), "c": data["c"].tolist()})
    x = np.column_stack([np.ones(len(data)), data["x"], data["c"] == "green", data["c"] == "red"])
    beta, *_ = np.linalg.lstsq(x, data["y"], rcond=None)
    residual = data["y"] - x @ beta
    variance = residual @ residual / (len(data) - 4)
    leverage = ((x @ np.linalg.inv(x.T @ x)) * x).sum(axis=1)
    np.testing.assert_allclose(found.estimate, x @ beta)
    np.testing.assert_allclose(found.std_error, np.sqrt(variance * leverage))
    np.testing.assert_allclose(found.prediction_std_error, np.sqrt(variance * (1 + leverage)))
    assert found.new_levels == ((),) * len(data)


def test_the_offset_is_added_to_the_line() -> None:
    data = table(seed=4)
    fit = engine.fit("y ~ x + (1 | g)", data, offset="z")
    assert [each.name for each in engine.predictors(fit)] == ["x", "g", "z"]
    base, moved = (predict(fit, {"x": [1], "g": ["level 00003"], "z": [z]}) for z in (0.0, 2.5))
    assert moved.estimate[0] == pytest.approx(base.estimate[0] + 2.5)
    assert moved.std_error[0] == base.std_error[0]


def test_a_prediction_of_many_levels_is_that_of_each() -> None:
    draw = np.random.default_rng(0)
    data = pd.DataFrame({"g": np.repeat(np.arange(12_000), 2), "x": draw.standard_normal(24_000)})
    data["y"] = data["x"] + draw.standard_normal(12_000)[data["g"]] + draw.standard_normal(24_000)
    fit = engine.fit("y ~ x + (1 | g)", data)
    asked: dict[str, list[object]] = {"x": [0.0, 1.0, 2.0, 1.0], "g": [5, 11_999, 5, 20_000]}
    together = predict(fit, asked)
    for i in range(4):
        alone = predict(fit, {name: values[i : i + 1] for name, values in asked.items()})
        assert alone.estimate[0] == pytest.approx(together.estimate[i], rel=1e-12)
        assert alone.std_error[0] == pytest.approx(together.std_error[i], rel=1e-12)
    assert together.new_levels == ((), (), (), ("g",))


# What rows must carry


def test_predictors_say_what_a_row_must_carry() -> None:
    data = table(seed=4)
    fit = engine.fit("y ~ c * log(w) + (1 + x | g)", data)
    found = {each.name: (each.kind, each.levels) for each in engine.predictors(fit)}
    levels = tuple(sorted(set(data["g"])))
    assert found == {
        "c": ("factor", ("blue", "green", "red")),
        "w": ("number", ()),
        "x": ("number", ()),
        "g": ("group", levels),
    }


def test_a_group_of_two_parts_needs_both_and_knows_its_pairs() -> None:
    data = table(seed=4)
    data["a"], data["b"] = data["c"], np.arange(len(data)) % 4
    fit = engine.fit("y ~ x + (1 | a:b)", data)
    assert [(each.name, each.kind) for each in engine.predictors(fit)] == [
        ("x", "number"),
        ("a", "group"),
        ("b", "group"),
    ]
    found = predict(fit, {"x": [0, 0, 0], "a": ["red", "red", "black"], "b": [0, "3", 0]})
    assert found.new_levels == ((), (), ("a:b",))
    effects = dict(zip(fit.random[0].levels, fit.random[0].modes[:, 0].tolist(), strict=True))
    assert found.estimate[1] - found.estimate[2] == pytest.approx(effects["red:3"])


def test_a_column_can_be_a_number_and_a_group() -> None:
    data = table(seed=4).assign(year=lambda d: 2000 + np.arange(len(d)) % 6)
    fit = engine.fit("y ~ year + (1 | year)", data)
    assert [(each.name, each.kind) for each in engine.predictors(fit)] == [("year", "number")]
    found = predict(fit, {"year": [2001, 2030]})
    assert found.new_levels == ((), ("year",))
    assert found.estimate[1] == pytest.approx(fit.beta[0] + 2030 * fit.beta[1])


def test_a_column_can_be_a_number_and_a_factor() -> None:
    data = table(seed=4).assign(step=lambda d: np.arange(len(d)) % 4)
    fit = engine.fit("y ~ x:step + factor(step) + (1 | g)", data)
    kinds = {each.name: each.kind for each in engine.predictors(fit)}
    assert kinds == {"x": "number", "step": "factor", "g": "group"}
    found = predict(fit, {"x": [2.0], "step": [3], "g": ["elsewhere"]})
    own = dict(zip(fit.coefficients, fit.beta.tolist(), strict=True))
    expected = own["(Intercept)"] + 6.0 * own["x:step"] + own["factor(step)3"]
    assert found.estimate[0] == pytest.approx(expected)
    assert problems(fit, {"x": [2.0], "step": [5], "g": ["a"]}) == [
        ("unknown_level", ("rows", 0, "step"))
    ]


def test_values_of_every_kind_name_their_level() -> None:
    data = table(seed=4).assign(
        n=lambda d: np.arange(len(d)) % 3, b=lambda d: np.arange(len(d)) % 2 == 0
    )
    fit = engine.fit("y ~ b + (1 | n)", data)
    for n in (1, 1.0, "1", np.int64(1), np.float64(1.0)):
        for b in (True, "TRUE", np.True_):
            found = predict(fit, {"n": [n], "b": [b]})
            assert found.new_levels == ((),)
            assert found.estimate[0] == pytest.approx(
                fit.beta.sum() + fit.random[0].modes[1, 0], rel=1e-12
            )


def test_a_model_without_predictors_predicts_one_row() -> None:
    fit = engine.fit("y ~ 1", table(seed=4))
    assert engine.predictors(fit) == ()
    assert predict(fit, {}).estimate.shape == (1,)


def problems(
    fit: Fit, columns: dict[str, list[object]], **options: object
) -> list[tuple[str, tuple[str | int, ...]]]:
    with pytest.raises((DataError, SpecError)) as caught:
        predict(fit, columns, **options)  # type: ignore[arg-type]  # the options of predict
    assert all(problem.detail and problem.hint for problem in caught.value.problems)
    return [(problem.code, problem.path) for problem in caught.value.problems]


def test_a_level_not_seen_is_refused_when_asked_to() -> None:
    asked: dict[str, list[object]] = {"county": ["AITKIN", "X", "Y"], "floor": [0, 0, 1]}
    assert problems(floors(), asked, new_levels="reject") == [
        ("new_level", ("rows", 1, "county")),
        ("new_level", ("rows", 2, "county")),
    ]
    assert predict(floors(), asked).new_levels == ((), ("county",), ("county",))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"county": ["A"]}, [("missing_key", ("columns", "floor"))]),
        ({"county": ["A"], "floor": [1], "x": [1]}, [("extra_key", ("columns", "x"))]),
        ({"county": ["A"], "floor": [1, 2]}, [("unequal_columns", ("columns",))]),
        ({"county": ["A", None], "floor": [None, 1]}, None),
        ({"county": ["A", float("nan")], "floor": ["basement", 1]}, None),
        ({"county": ["A", None], "floor": [10**400, 1]}, None),
        ({"county": ["A", pd.NA], "floor": [float("inf"), 1]}, None),
    ],
)
def test_rows_that_do_not_fit_are_refused_one_by_one(
    columns: dict[str, list[object]], expected: list[tuple[str, tuple[str | int, ...]]] | None
) -> None:
    each = [("missing_value", ("rows", 1, "county")), ("not_numeric", ("rows", 0, "floor"))]
    assert sorted(problems(floors(), columns)) == (expected or each)


@pytest.mark.parametrize(
    ("options", "code", "path"),
    [
        ({"level": 0.0}, "bad_level", ("level",)),
        ({"level": 1.0}, "bad_level", ("level",)),
        ({"level": float("nan")}, "bad_level", ("level",)),
        ({"new_levels": "guess"}, "unknown_option", ("new_levels",)),
        ({"thresholds": [4.0, float("nan")]}, "bad_threshold", ("thresholds", 1)),
        ({"thresholds": [float("inf")]}, "bad_threshold", ("thresholds", 0)),
    ],
)
def test_options_out_of_range_are_refused(
    options: dict[str, object], code: str, path: tuple[str | int, ...]
) -> None:
    assert problems(floors(), {"county": ["A"], "floor": [0]}, **options) == [(code, path)]


def test_a_level_next_to_one_still_has_an_interval() -> None:
    found = predict(floors(), {"county": ["A"], "floor": [0]}, level=1.0 - 1e-16)
    assert np.isfinite([found.lower[0], found.prediction_upper[0]]).all()


def test_a_value_outside_the_domain_of_a_term_is_refused_with_its_row() -> None:
    fit = engine.fit("y ~ log(w) + c + (1 | g)", table(seed=4))
    asked: dict[str, list[object]] = {
        "w": [1.0, 0.0, -1.0],
        "c": ["red", "blue", "red"],
        "g": ["a", "a", "a"],
    }
    assert problems(fit, asked) == [
        ("not_finite", ("rows", 1, "w")),
        ("not_finite", ("rows", 2, "w")),
    ]
    assert problems(fit, asked | {"c": ["red", "pink", "red"]}) == [
        ("unknown_level", ("rows", 1, "c"))
    ]


def test_a_prediction_beyond_all_doubles_is_refused_with_its_row() -> None:
    fit = engine.fit("y ~ x * z + (x | g)", table(seed=4))
    asked: dict[str, list[object]] = {"x": [1, 1e200], "z": [1, 1e200], "g": ["a", "a"]}
    assert problems(fit, asked) == [("not_finite", ("rows", 1))]


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["red", "level 00003", pd.NA, pd.NaT, [1], {"a": 1}, 1j, b"x"]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys("xcgzw", values)), max_size=3))
def test_no_row_raises_anything_but_the_engines_errors(asked: list[dict[str, object]]) -> None:
    fit = odd()
    columns = {name: [row[name] for row in asked] for name in "xcgzw"}
    try:
        found = predict(fit, columns, thresholds=[2.0])
    except DataError as error:
        refused = {problem.path[0] for problem in error.problems}
    else:
        refused = {"rows"}
        assert np.isfinite(found.estimate).all()
        assert len(found.estimate) == len(asked)
    assert refused == {"rows"}


@cache
def odd() -> Fit:
    data = table(seed=4).assign(y=lambda d: d["y"] + 30.0)
    return engine.fit("log(y) ~ x * c + z + log(w) + I(z^2) + (x | g)", data)


# The outcome's own scale


def way_back(response: str) -> Inverse:
    expr = parse(f"{response} ~ 1").response
    found = invert(expr, learn(expr, {"v": np.array([0.5, 1.0, 3.0, 4.0])}))
    assert found is not None
    return found


RESPONSES: dict[str, Callable[[float], float]] = {
    "v": lambda y: y,
    "I(5 - 2 * v)": lambda y: (5.0 - y) / 2.0,
    "scale(v)": lambda y: 2.125 + y * float(np.std([0.5, 1.0, 3.0, 4.0], ddof=1)),
    "log(v)": lambda y: float(np.exp(y)),
    "log(v + 0.1)": lambda y: float(np.exp(y)) - 0.1,
    "log10(3 * v + 1)": lambda y: (10.0**y - 1.0) / 3.0,
    "log(v, 0.5)": lambda y: 0.5**y,
    "-log(v)": lambda y: float(np.exp(-y)),
    "log(pmax(v, 0.1))": lambda y: float(np.exp(y)),
    "log1p(v/2)": lambda y: 2.0 * float(np.expm1(y)),
    "sqrt(v)": lambda y: max(y, 0.0) ** 2,
    "-sqrt(v)": lambda y: min(y, 0.0) ** 2,
    "v^2": lambda y: max(y, 0.0) ** 0.5,
    "v^3": lambda y: max(y, 0.0) ** (1.0 / 3.0),
    "log(sqrt(v) + 1)": lambda y: max(float(np.expm1(y)), 0.0) ** 2,
    "exp(v/10)": lambda y: 10.0 * float(np.log(y)),
    "I(1 - exp(-v))": lambda y: -float(np.log1p(-y)),
}
PLACES = [(1.2, 0.8), (0.1, 0.3), (-0.4, 1.1)]


def brought_back(response: str, estimate: float, spread: float, thresholds: Floats) -> Predictions:
    """Not fitted: what a predictive normal says of the outcome, wrapped as a prediction."""
    ends = estimate - 1.5 * spread, estimate + 1.5 * spread
    at = [np.array([value]) for value in (estimate, spread, *ends)]
    inverse = way_back(response)
    outcome = bring_back(inverse, at[0], at[1], at[2], at[3], Cuts.of(inverse, thresholds))
    return Predictions(0.95, at[0], at[1], at[2], at[3], at[1], at[2], at[3], ((),), outcome)


@pytest.mark.parametrize("response", RESPONSES)
@pytest.mark.parametrize(("estimate", "spread"), PLACES)
def test_the_outcome_is_the_normal_brought_back(
    response: str, estimate: float, spread: float
) -> None:
    back, normal = RESPONSES[response], stats.norm(estimate, spread)
    thresholds = np.array([-7.0, -0.35, -0.1, 0.0, 0.02, 0.3, 1.0, 2.0, 4.0, 60.0])
    outcome = brought_back(response, estimate, spread, thresholds).outcome
    assert outcome is not None
    finite = response not in {"exp(v/10)", "I(1 - exp(-v))"}  # these have atoms at infinity
    if finite:
        assert outcome.median[0] == pytest.approx(back(estimate), rel=1e-12, abs=1e-12)
        ends = sorted(back(estimate + side * 1.5 * spread) for side in (-1.0, 1.0))
        assert [outcome.lower[0], outcome.upper[0]] == pytest.approx(ends, rel=1e-9, abs=1e-12)
        kinks = [at for at in (0.0,) if abs(at - estimate) < 12 * spread]
        mean, _ = integrate.quad(
            lambda y: back(y) * normal.pdf(y),
            estimate - 12 * spread,
            estimate + 12 * spread,
            points=[*kinks, estimate],
            limit=400,
            epsabs=1e-12,
            epsrel=1e-11,
        )
        assert outcome.mean[0] == pytest.approx(mean, rel=1e-8, abs=1e-10)
    # Exceedance by the probability of all y whose outcome is above, on a fine grid of y.
    edges = normal.ppf(np.linspace(0.0, 1.0, 4001)[1:-1])
    with np.errstate(all="ignore"):
        outcomes = way_back(response).backward(edges)
    for threshold, found in zip(thresholds, outcome.exceedance[0].tolist(), strict=True):
        assert found == pytest.approx(float((outcomes > threshold).mean()), abs=6e-4)


@pytest.mark.parametrize(
    ("response", "threshold", "expected"),
    [
        ("log(v + 0.1)", -5.0, 1.0),
        ("log(v + 0.1)", -0.1, 1.0),
        ("log(pmax(v, 0.1))", -5.0, 1.0),
        ("log(pmax(v, 0.1))", 0.0, 1.0),
        ("-log(v)", -1.0, 1.0),
        ("log(5 - v)", 5.0, 0.0),
        ("log(5 - v)", 9.0, 0.0),
        ("-log(5 - v)", 9.0, 0.0),
        ("sqrt(v)", -1.0, 1.0),
        ("v^2", -3.0, 1.0),
        ("-sqrt(v)", -1.0, 1.0),
        ("sqrt(4 - v)", 4.0, 0.0),
        ("sqrt(4 - v)", 4.5, 0.0),
        ("log1p(v)", -2.0, 1.0),
        ("log(3 * v + 1)", -1.0 / 3.0, 1.0),
        ("log(sqrt(v) + 1)", -0.01, 1.0),
    ],
)
def test_a_threshold_beyond_all_outcomes_is_exceeded_for_sure_or_never(
    response: str, threshold: float, expected: float
) -> None:
    found = brought_back(response, 1.2, 0.8, np.array([threshold])).outcome
    assert found is not None
    assert found.exceedance[0, 0] == expected


def test_what_the_normal_puts_outside_the_range_counts_at_its_end() -> None:
    found = brought_back("sqrt(v)", -0.4, 1.1, np.array([0.0])).outcome
    assert found is not None
    assert found.exceedance[0, 0] == pytest.approx(stats.norm.sf(0.0, -0.4, 1.1))
    assert found.median[0] == 0.0


def test_a_mean_that_does_not_exist_is_not_a_number() -> None:
    for response in ("log(log(v))", "exp(v/10)"):
        found = brought_back(response, -0.4, 1.1, np.array([1.0])).outcome
        assert found is not None
        assert np.isnan(found.mean[0])
    far = brought_back("exp(v/10)", 20.0, 1.1, np.array([1.0])).outcome
    assert far is not None
    assert far.mean[0] == pytest.approx(10.0 * np.log(20.0), rel=1e-2)


def test_the_tails_of_the_exceedance_keep_their_digits() -> None:
    for response, threshold in [("log(v)", np.exp(13.0)), ("-log(v)", np.exp(13.0))]:
        estimate = 3.0 if response == "log(v)" else -3.0
        found = brought_back(response, estimate, 1.0, np.array([threshold])).outcome
        assert found is not None
        assert found.exceedance[0, 0] == pytest.approx(stats.norm.sf(10.0), rel=1e-9)


def test_a_house_by_the_formulas_of_the_lognormal() -> None:
    found = predict(
        floors(), {"county": ["AITKIN", "NEW"], "floor": [0, 1]}, level=0.8, thresholds=[4, 0.5]
    )
    outcome = found.outcome
    assert outcome is not None
    m, s = found.estimate, found.prediction_std_error
    np.testing.assert_allclose(outcome.median, np.exp(m) - 0.1)
    np.testing.assert_allclose(outcome.mean, np.exp(m + s**2 / 2) - 0.1)
    np.testing.assert_allclose(outcome.lower, np.exp(m - stats.norm.ppf(0.9) * s) - 0.1)
    np.testing.assert_allclose(outcome.upper, np.exp(m + stats.norm.ppf(0.9) * s) - 0.1)
    for cut, found_above in zip((4, 0.5), outcome.exceedance.T, strict=True):
        np.testing.assert_allclose(found_above, stats.norm.sf((np.log(cut + 0.1) - m) / s))


def test_a_response_of_two_columns_has_no_outcome() -> None:
    fit = engine.fit("I(y - z) ~ x + (1 | g)", table(seed=4))
    found = predict(fit, {"x": [1], "g": ["level 00003"]})
    assert found.outcome is None
    assert engine.describe_response(fit).column is None
