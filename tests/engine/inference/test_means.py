"""Estimated marginal means and their differences: emmeans' numbers, and their own arithmetic."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import engine
from engine import SpecError
from engine.inference import studentized
from tests.reference.cases import case, frame
from tests.reference.inference import MeansRecord, fitted, inference_cases

RECORDS = [(known["name"], record) for known in inference_cases() for record in known["means"]]


def named(value: object) -> str:
    return "-".join(value["factors"]) + value["ddf"][0] if isinstance(value, dict) else str(value)


every_record = pytest.mark.parametrize(("name", "record"), RECORDS, ids=named)
with_pairs = pytest.mark.parametrize(
    ("name", "record"), [own for own in RECORDS if own[1]["pairs"]], ids=named
)


Numbers = Sequence[float | None]


def agree(found: Numbers, expected: Numbers, rtol: float, atol: float = 0.0) -> None:
    """Assert that two lists are equal within a tolerance, and None or NaN in the same places."""
    own, known = np.array(found, dtype=float), np.array(expected, dtype=float)
    np.testing.assert_allclose(own, known, rtol=rtol, atol=atol)


@every_record
def test_means_are_those_of_emmeans(name: str, record: MeansRecord) -> None:
    found = engine.marginal_means(fitted(name), record["factors"], df=record["ddf"])
    assert [list(own.levels) for own in found.means] == list(
        map(list, zip(*record["levels"], strict=True))
    )
    agree([mean.estimate for mean in found.means], record["estimate"], 2e-6)
    agree([mean.std_error for mean in found.means], record["se"], 2e-6)
    agree([mean.df for mean in found.means], record["df"], 2e-6)
    agree([mean.lower for mean in found.means], record["lower"], 2e-6)
    agree([mean.upper for mean in found.means], record["upper"], 2e-6)


@with_pairs
@pytest.mark.parametrize("adjust", ["tukey", "holm", "none"])
def test_differences_are_those_of_emmeans(name: str, record: MeansRecord, adjust: str) -> None:
    known = record["pairs"][adjust]
    found = engine.pairwise_differences(
        fitted(name), record["factors"], df=record["ddf"], adjust=adjust
    )
    agree([pair.estimate for pair in found], known["estimate"], 1e-5, 1e-6)
    agree([pair.std_error for pair in found], known["se"], 1e-5)
    agree([pair.df for pair in found], known["df"], 1e-5)
    agree([pair.t_value for pair in found], known["t"], 1e-5, 1e-6)
    agree([pair.lower for pair in found], known["lower"], 1e-5, 1e-6)
    agree([pair.upper for pair in found], known["upper"], 1e-5, 1e-6)
    # R's ptukey is off by 1e-12, and by a thousandth of a small p at few degrees of freedom.
    rtol, atol = (1e-3, 1e-12) if adjust == "tukey" else (2e-6, 0.0)
    agree([pair.p_value for pair in found], known["p"], rtol, atol)


def test_a_cell_without_rows_has_no_mean_and_says_so() -> None:
    found = engine.marginal_means(fitted("cake_empty_cell"), ["recipe", "temperature"])
    missing = [own.levels for own in found.means if np.isnan(own.estimate)]
    assert missing == [("B", "225")]


def test_numeric_columns_are_held_where_they_are_asked_to_be() -> None:
    fit = fitted("cake_slope")
    held = engine.marginal_means(fit, ["recipe"], at={"temp": 0.0})
    assert held.held == {"temp": (0.0,)}
    assert held.means[0].estimate == pytest.approx(fit.beta[0], rel=1e-12)
    assert held.means[0].std_error == pytest.approx(fit.std_errors[0], rel=1e-12)


@pytest.mark.parametrize(
    ("term", "held"),
    [
        ("x", (2.0,)),
        ("scale(x)", (0.0,)),
        ("I(x^2) + x", (4.0, 2.0)),
        ("log(x)", (np.log(np.array([1.0, 1.0, 2.0, 4.0])).mean(),)),
        ("f:x", (2.0,)),
    ],
)
def test_a_numeric_variable_is_held_at_the_mean_of_its_column_where_the_fit_knows_it(
    term: str, held: tuple[float, ...]
) -> None:
    rng = np.random.default_rng(1)
    x = np.tile([1.0, 1.0, 2.0, 4.0], 10)
    data = pd.DataFrame(
        {"x": x, "f": rng.choice(["a", "b"], 40), "g": rng.integers(0, 6, 40).astype(str)}
    )
    data["y"] = x + rng.normal(size=40)
    found = engine.marginal_means(engine.fit(f"y ~ f + {term} + (1 | g)", data), ["f"])
    values = [value for own in found.held.values() for value in own]
    assert values == pytest.approx(held, abs=1e-12)


def test_a_product_whose_parts_are_not_in_the_model_needs_values() -> None:
    known = case("cake")
    data = frame(known).assign(other=lambda d: np.sqrt(d["temp"]))
    fit = engine.fit("angle ~ recipe + temp:other + (1 | replicate)", data)
    with pytest.raises(SpecError) as caught:
        engine.marginal_means(fit, ["recipe"])
    assert caught.value.problems[0].code == "no_reference_value"
    found = engine.marginal_means(fit, ["recipe"], at={"temp": 200.0, "other": 14.0})
    assert found.held == {"temp": (200.0,), "other": (14.0,)}


def test_no_factor_gives_the_mean_over_all_cells() -> None:
    fit = fitted("cake_unbalanced")
    (grand,) = engine.marginal_means(fit, []).means
    cells = engine.marginal_means(fit, ["recipe", "temperature"]).means
    assert grand.estimate == pytest.approx(np.mean([own.estimate for own in cells]), rel=1e-12)


def test_means_are_the_predictions_of_a_new_group_averaged() -> None:
    fit = fitted("cake_unbalanced")
    cells = engine.marginal_means(fit, ["recipe", "temperature"]).means
    rows = {
        "recipe": [own.levels[0] for own in cells],
        "temperature": [own.levels[1] for own in cells],
        "replicate": ["new"] * len(cells),
    }
    predicted = engine.predict(fit, rows)
    np.testing.assert_allclose([own.estimate for own in cells], predicted.estimate, rtol=1e-10)


def test_without_an_intercept_the_means_are_the_same() -> None:
    known = case("machines")
    data = frame(known)
    with_it = engine.fit("score ~ Machine + (1 | Worker)", data)
    without = engine.fit("score ~ 0 + Machine + (1 | Worker)", data)
    for one, other in zip(
        engine.marginal_means(with_it, ["Machine"]).means,
        engine.marginal_means(without, ["Machine"]).means,
        strict=True,
    ):
        assert one.estimate == pytest.approx(other.estimate, rel=1e-9)
        assert one.std_error == pytest.approx(other.std_error, rel=1e-6)


def test_unknown_factors_and_columns_are_named_with_those_there_are() -> None:
    fit = fitted("oats")
    with pytest.raises(SpecError) as caught:
        engine.marginal_means(fit, ["Block"])
    assert caught.value.problems[0].hint == "the factors are: Variety"
    with pytest.raises(SpecError, match="rain is not a numeric column"):
        engine.marginal_means(fit, ["Variety"], at={"rain": 1.0})
    with pytest.raises(SpecError, match="nitro is not finite"):
        engine.marginal_means(fit, ["Variety"], at={"nitro": np.nan})


def test_a_pair_is_the_difference_of_its_means() -> None:
    fit = fitted("oats_factor")
    means = engine.marginal_means(fit, ["nitro"]).means
    found = engine.pairwise_differences(fit, ["nitro"])
    for own, (first, second) in zip(found, combinations(means, 2), strict=True):
        assert (own.first, own.second) == (first.levels, second.levels)
        assert own.estimate == pytest.approx(first.estimate - second.estimate, abs=1e-9)


@pytest.mark.parametrize(
    ("q", "k", "df"),
    [(3.5, 3, 10.0), (4.0, 5, 2.0), (6.0, 10, 40.5), (1.0, 2, 5.0), (3.0, 30, 1.3)],
)
def test_the_studentized_range_is_that_of_scipy(q: float, k: int, df: float) -> None:
    expected = float(stats.studentized_range.sf(q, k, df))
    assert studentized.survival(q, k, df) == pytest.approx(expected, rel=1e-5)
    assert studentized.quantile(1.0 - expected, k, df) == pytest.approx(q, rel=1e-5)


def test_two_means_of_known_error_differ_as_two_normal_values() -> None:
    p = studentized.survival(np.sqrt(2.0) * 1.96, 2, np.inf)
    assert p == pytest.approx(2.0 * stats.norm.sf(1.96), rel=1e-12)
