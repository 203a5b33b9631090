"""F and t tests: lmerTest's and pbkrtest's numbers, and what they must agree on."""

import numpy as np
import pytest

import engine
from engine import LimitError, SpecError
from tests.reference.inference import FTestRecord, fitted, inference_cases

RECORDS = [
    pytest.param(known["name"], record, id=f"{known['name']}-{record['term']}")
    for known in inference_cases()
    for record in known["f_tests"]
]
DFS = ["satterthwaite", "kenward-roger"]

every_record = pytest.mark.parametrize(("name", "record"), RECORDS)
both = pytest.mark.parametrize("df", DFS)


@every_record
@both
def test_f_against_zero_is_that_of_the_packages(name: str, record: FTestRecord, df: str) -> None:
    fit = fitted(name)
    rows = np.eye(len(fit.beta))[np.atleast_1d(record["columns"])]
    found = engine.f_test(fit, rows, df=df)
    known = record["satterthwaite"] if df == "satterthwaite" else record["kenward_roger"]
    own = [found.statistic, found.df_num, found.df_den, found.p_value]
    np.testing.assert_allclose(np.array(own, dtype=float), known[:4], rtol=1e-5)
    if df == "kenward-roger":
        assert found.statistic / found.unscaled == pytest.approx(known[4], rel=1e-6)


@every_record
@both
def test_f_against_other_values_is_that_of_the_packages(
    name: str, record: FTestRecord, df: str
) -> None:
    fit = fitted(name)
    rows = np.eye(len(fit.beta))[np.atleast_1d(record["columns"])]
    found = engine.f_test(fit, rows, np.atleast_1d(record["rhs"]).tolist(), df=df)
    known = record["satterthwaite_rhs" if df == "satterthwaite" else "kenward_roger_rhs"]
    own = [found.statistic, found.df_num, found.df_den, found.p_value]
    np.testing.assert_allclose(np.array(own, dtype=float), known, rtol=1e-5)


@pytest.mark.parametrize("df", [*DFS, "residual", "none"])
def test_one_row_makes_f_the_square_of_t(df: str) -> None:
    fit = fitted("oats")
    row = [0.0, 0.0, 1.0, -1.0]
    t, f = engine.t_test(fit, row, 1.0, df=df), engine.f_test(fit, [row], 1.0, df=df)
    assert f.statistic == pytest.approx(t.t_value**2, rel=1e-12)
    assert f.p_value == pytest.approx(t.p_value, rel=1e-9)
    assert f.df_num == 1
    assert (f.df_den is None) == (t.df is None) == (df == "none")
    if t.df is not None:
        assert f.df_den == pytest.approx(t.df, rel=1e-12)


@both
def test_rows_that_follow_from_others_change_nothing(df: str) -> None:
    fit = fitted("oats_factor")
    rows = np.eye(len(fit.beta))[-6:]
    more = np.vstack([rows, rows[0] - 2.0 * rows[3], 5.0 * rows[1]])
    one, other = engine.f_test(fit, rows, df=df), engine.f_test(fit, more, df=df)
    assert other.df_num == one.df_num == 6
    assert other.statistic == pytest.approx(one.statistic, rel=1e-9)
    assert other.df_den == pytest.approx(one.df_den, rel=1e-2)


def test_kenward_rogers_f_is_the_same_whatever_rows_span_the_hypothesis() -> None:
    fit = fitted("cake_unbalanced")
    rows = np.eye(len(fit.beta))[-10:]
    mixed = np.random.default_rng(1).normal(size=(10, 10)) @ rows * 1e6
    one, other = (engine.f_test(fit, own, df="kenward-roger") for own in (rows, mixed))
    assert other.statistic == pytest.approx(one.statistic, rel=1e-8)
    assert other.df_den == pytest.approx(one.df_den, rel=1e-8)


def test_dependent_rows_with_values_of_their_own_are_refused() -> None:
    fit = fitted("oats")
    rows = [[0.0, 1.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]]
    with pytest.raises(SpecError, match="depend on each other"):
        engine.f_test(fit, rows, [1.0, 3.0])


@pytest.mark.parametrize(
    ("rows", "rhs", "said"),
    [
        ([1.0, 0.0], 0.0, "4 numbers"),
        ([[1.0, 0.0, 0.0, 0.0]], [1.0, 2.0], "4 numbers"),
        ([["a", "b", "c", "d"]], 0.0, "4 numbers"),
        ([], 0.0, "4 numbers"),
        ([[0.0, 0.0, 0.0, 0.0]], 0.0, "all zeros"),
        ([[np.nan, 0.0, 0.0, 0.0]], 0.0, "not finite"),
        ([[1.0, 0.0, 0.0, 0.0]], np.inf, "not finite"),
    ],
)
def test_a_contrast_that_makes_no_sense_is_refused_in_words(
    rows: list[object], rhs: float, said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        engine.contrast(fitted("oats"), rows, rhs)  # type: ignore[arg-type]  # as a client may


def test_unknown_options_are_refused_with_those_there_are() -> None:
    fit = fitted("oats")
    row = [0.0, 1.0, 0.0, 0.0]
    with pytest.raises(SpecError, match="satterthwaite, kenward-roger, residual, none"):
        engine.contrast(fit, row, df="kr")
    with pytest.raises(SpecError, match="level"):
        engine.contrast(fit, row, level=95)
    with pytest.raises(SpecError, match="II, III"):
        engine.anova(fit, "IV")
    with pytest.raises(SpecError, match="tukey, holm, none"):
        engine.pairwise_differences(fit, ["Variety"], adjust="scheffe")


@pytest.mark.parametrize("df", [*DFS, "residual", "none"])
def test_the_table_of_fixed_effects_is_the_contrast_of_each_coefficient(df: str) -> None:
    fit = fitted("machines_slopes")
    effects = engine.fixed_effects(fit, df=df, level=0.9)
    contrasts = engine.contrast(fit, np.eye(3), df=df, level=0.9)
    for effect, own in zip(effects, contrasts, strict=True):
        assert effect.estimate == pytest.approx(own.estimate, rel=1e-12)
        assert effect.std_error == pytest.approx(own.std_error, rel=1e-12)
        assert (effect.lower, effect.upper) == pytest.approx((own.lower, own.upper), rel=1e-12)
        assert effect.t_value == pytest.approx(own.t_value, rel=1e-12)
        if effect.p_value is not None:
            assert effect.p_value == pytest.approx(own.p_value, rel=1e-12)


def test_too_many_means_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.inference.means.MAX_MEANS", 10)
    with pytest.raises(LimitError, match="18 combinations"):
        engine.marginal_means(fitted("cake"), ["recipe", "temperature"])
    monkeypatch.setattr("engine.inference.pairs.MAX_MEANS", 5)
    with pytest.raises(LimitError, match="6 means"):
        engine.pairwise_differences(fitted("cake"), ["temperature"])
