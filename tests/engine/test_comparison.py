"""Likelihood ratios are lme4's and lmerTest's, and refuse what cannot be compared."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import engine
from engine import Fit, SpecError
from tests.reference.likelihood import (
    ComparisonRecord,
    TermsRecord,
    described,
    likelihoods,
    table,
)

EXACT = 1e-8


def fitted(formula: str, data: str = "sleepstudy", method: str = "REML") -> Fit:
    return engine.fit(formula, table(data), method=method)


def refusal(*fits: Fit) -> list[str]:
    with pytest.raises(SpecError) as caught:
        engine.compare(*fits)
    return [problem.code for problem in caught.value.problems]


INTERCEPTS = "Reaction ~ Days + (1 | Subject)"
SLOPES = "Reaction ~ Days + (Days | Subject)"
APART = "Reaction ~ Days + (Days || Subject)"


@pytest.mark.parametrize("known", likelihoods().comparisons, ids=lambda k: k["formulas"][-1])
def test_the_table_is_that_of_anova(known: ComparisonRecord) -> None:
    fits = [fitted(text, known["data"], known["method"]) for text in known["formulas"]]
    found = engine.compare(*fits)
    assert found.method == known["by"]
    assert found.refitted == (() if known["by"] == known["method"] else tuple(range(len(fits))))
    for i, row in enumerate(found.rows):
        assert (row.index, row.df) == (i, known["df"][i])
        assert row.aic == pytest.approx(known["aic"][i], abs=EXACT)
        assert row.bic == pytest.approx(known["bic"][i], abs=EXACT)
        assert row.log_likelihood == pytest.approx(known["log_likelihood"][i], abs=EXACT)
        assert row.deviance == pytest.approx(known["deviance"][i], abs=EXACT)
        if row.test is None:
            assert i == 0
            continue
        assert row.test.df == known["chisq_df"][i]
        assert row.test.chisq == pytest.approx(known["chisq"][i], abs=EXACT)
        assert row.test.p_value == pytest.approx(known["p"][i], rel=1e-7)


@pytest.mark.parametrize("known", likelihoods().random_terms, ids=described)
def test_the_table_of_random_terms_is_that_of_ranova(known: TermsRecord) -> None:
    found = engine.ranova(fitted(known["formula"], known["data"], known["method"]))
    assert len(found) == len(known["terms"]) - 1
    for i, row in enumerate(found, start=1):
        assert row.df == known["df"][i]
        assert row.log_likelihood == pytest.approx(known["log_likelihood"][i], abs=EXACT)
        assert row.aic == pytest.approx(known["aic"][i], abs=EXACT)
        assert row.test.df == known["chisq_df"][i]
        assert row.test.chisq == pytest.approx(known["chisq"][i], abs=EXACT)
        assert row.test.p_value == pytest.approx(known["p"][i], rel=1e-7)


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize(
    ("data", "whole", "smaller"),
    [
        ("sleepstudy", SLOPES, [INTERCEPTS]),
        ("sleepstudy", APART, ["Reaction ~ Days + (0 + Days | Subject)", INTERCEPTS]),
        ("sleepstudy", "Reaction ~ Days + (0 + Days | Subject)", ["Reaction ~ Days"]),
        (
            "radon",
            "log_radon ~ floor + (1 + floor * log_uranium | county)",
            ["log_radon ~ floor + (1 + floor + log_uranium | county)"],
        ),
        (
            "Machines",
            "score ~ Machine + (0 + Machine | Worker) + (1 | Worker:Machine)",
            [
                "score ~ Machine + (1 | Worker) + (1 | Worker:Machine)",
                "score ~ Machine + (0 + Machine | Worker)",
            ],
        ),
    ],
)
def test_a_table_of_random_terms_is_that_of_explicit_fits(
    data: str, whole: str, smaller: list[str], method: str
) -> None:
    fit = fitted(whole, data, method)
    for row, text in zip(engine.ranova(fit), smaller, strict=True):
        explicit = fitted(text, data, method).statistics
        assert row.log_likelihood == pytest.approx(explicit.log_likelihood, abs=1e-7)
        assert row.df == explicit.df
        again = fitted(row.formula, data, method).statistics
        assert again.log_likelihood == pytest.approx(explicit.log_likelihood, abs=1e-7)


def test_a_model_without_random_terms_has_none_to_test() -> None:
    assert engine.ranova(fitted("Reaction ~ Days")) == ()


def test_one_variance_at_its_boundary_halves_the_naive_p() -> None:
    (row,) = engine.ranova(fitted(INTERCEPTS))
    assert row.test.on_boundary
    assert row.test.mixture_p_value == pytest.approx(row.test.p_value / 2.0)


def test_a_slope_with_its_covariance_has_the_mixture_of_one_and_two() -> None:
    (row,) = engine.ranova(fitted("log_radon_gh ~ floor + (1 + floor | county)", "radon"))
    chisq = row.test.chisq
    expected = 0.5 * stats.chi2.sf(chisq, 1) + 0.5 * stats.chi2.sf(chisq, 2)
    assert row.test.mixture_p_value == pytest.approx(float(expected))


def test_several_variances_at_once_have_no_mixture() -> None:
    found = engine.compare(fitted("Reaction ~ Days"), fitted(SLOPES))
    test = found.rows[1].test
    assert test is not None
    assert test.on_boundary
    assert test.mixture_p_value is None


def test_a_covariance_alone_is_on_no_boundary() -> None:
    test = engine.compare(fitted(APART), fitted(SLOPES)).rows[1].test
    assert test is not None
    assert not test.on_boundary
    assert test.mixture_p_value is None


def test_a_variance_of_zero_has_a_ratio_of_zero_and_a_p_of_one() -> None:
    (row,) = engine.ranova(fitted("Yield ~ 1 + (1 | Batch)", "Dyestuff2"))
    assert row.test.chisq == 0.0
    assert (row.test.p_value, row.test.mixture_p_value) == (1.0, 1.0)


def test_models_come_in_order_of_their_parameters() -> None:
    found = engine.compare(fitted(SLOPES), fitted("Reaction ~ Days"), fitted(INTERCEPTS))
    assert [row.index for row in found.rows] == [1, 2, 0]


def test_fits_of_two_methods_are_compared_by_ml() -> None:
    found = engine.compare(fitted(INTERCEPTS, method="ML"), fitted(SLOPES))
    assert (found.method, found.refitted) == ("ML", (1,))
    assert found.rows[1].deviance == pytest.approx(
        fitted(SLOPES, method="ML").statistics.criterion, abs=1e-7
    )


def test_a_likelihood_ratio_does_not_change_with_the_units_of_a_predictor() -> None:
    data = table("sleepstudy")
    moved = data.assign(Days=1000.0 + 3.0 * data["Days"])
    ratios = []
    for rows in (data, moved):
        test = engine.compare(engine.fit(INTERCEPTS, rows), engine.fit(SLOPES, rows)).rows[1].test
        assert test is not None
        ratios.append(test.chisq)
    assert ratios[1] == pytest.approx(ratios[0], abs=1e-6)


def test_another_response_is_refused() -> None:
    assert refusal(fitted(INTERCEPTS), fitted("log(Reaction) ~ Days + (Days | Subject)")) == [
        "not_comparable"
    ]


def test_other_weights_and_offsets_are_refused() -> None:
    data = table("sleepstudy")
    plain = engine.fit(INTERCEPTS, data)
    weighted = engine.fit(SLOPES, data, weights="Reaction")
    moved = engine.fit(SLOPES, data, offset="Days")
    assert refusal(plain, weighted) == ["not_comparable"]
    assert refusal(plain, moved) == ["not_comparable"]


@pytest.mark.parametrize("change", ["fewer rows", "other responses", "other groups"])
def test_other_rows_are_refused(change: str) -> None:
    data = table("sleepstudy")
    other = {
        "fewer rows": data.iloc[:-1],
        "other responses": data.assign(Reaction=data["Reaction"] * 1.001),
        "other groups": data.assign(Subject=np.where(np.arange(180) < 1, "309", data["Subject"])),
    }[change]
    assert refusal(engine.fit(INTERCEPTS, data), engine.fit(SLOPES, other)) == ["different_rows"]


def test_the_same_rows_in_another_order_are_the_same_rows() -> None:
    data = table("sleepstudy")
    shuffled = data.sample(frac=1.0, random_state=1)
    found = engine.compare(engine.fit(INTERCEPTS, data), engine.fit(SLOPES, shuffled))
    assert found.rows[1].test is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("log_radon ~ floor + (1 | county)", "log_radon ~ log_uranium + (1 + floor | county)"),
        (
            "log_radon ~ floor + (1 + floor || county)",
            "log_radon ~ floor + log_uranium + (1 | county)",
        ),
        ("log_radon ~ floor + (1 | county)", "log_radon ~ log_uranium + (1 | county)"),
    ],
)
def test_models_that_are_not_nested_are_refused_a_test_but_not_their_aic(
    one: str, other: str
) -> None:
    fits = fitted(one, "radon"), fitted(other, "radon")
    assert refusal(*fits) == ["not_nested"]
    rows = engine.compare(*fits, test=False).rows
    assert all(row.test is None for row in rows)


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("score ~ 1 + (1 | Worker)", "score ~ 0 + Machine + (1 | Worker)"),
        ("score ~ Machine + (1 | Worker)", "score ~ Machine + (0 + Machine | Worker)"),
        ("score ~ Machine + (1 | Worker)", "score ~ Machine + (1 | Machine:Worker) + (1 | Worker)"),
    ],
)
def test_designs_are_nested_by_what_they_span(smaller: str, larger: str) -> None:
    assert len(engine.compare(fitted(smaller, "Machines"), fitted(larger, "Machines")).rows) == 2


def test_one_model_is_no_comparison() -> None:
    assert refusal(fitted(INTERCEPTS)) == ["too_few_models"]


def test_a_stored_fit_is_compared_without_its_rows() -> None:
    fits = [engine.from_bytes(engine.to_bytes(fitted(text))) for text in (INTERCEPTS, SLOPES)]
    assert engine.compare(*fits) == engine.compare(fitted(INTERCEPTS), fitted(SLOPES))


def test_the_names_of_missing_columns_do_not_matter_but_their_rows_do() -> None:
    data = table("radon")
    gaps = data.assign(log_uranium=data["log_uranium"].where(pd.Series(range(len(data))) > 9))
    fits = [
        engine.fit(text, gaps)
        for text in (
            "log_radon ~ floor + (1 | county)",
            "log_radon ~ log_uranium + floor + (1 | county)",
        )
    ]
    assert refusal(*fits) == ["different_rows"]
