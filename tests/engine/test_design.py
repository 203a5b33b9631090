"""Columns of the design: R's names, R's coding of factors, R's contrasts."""

import numpy as np
import pandas as pd
import pytest

import engine
from engine import LimitError
from engine.design import MAX_COLUMNS, MAX_EFFECTS, contrast_matrix
from engine.prepared import prepare
from engine.spec import Contrast, Spec
from tests.reference.cases import HERE, case, frame


def plain() -> pd.DataFrame:
    draw = np.random.default_rng(1)
    numbers = {name: draw.standard_normal(24) for name in "yxz"}
    factors = {"a": ["p", "q"] * 12, "b": ["u", "v", "w"] * 8}
    return pd.DataFrame(numbers | factors)


def columns(formula: str, **options: object) -> tuple[str, ...]:
    spec = Spec.of(formula, **options)  # type: ignore[arg-type]  # the options of a spec
    return prepare(spec, plain()).design.fixed.names


# R 4.2.2: colnames(model.matrix(formula, data))
@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("y~0+x+a", "x ap aq"),
        ("y~0+x:a", "x:ap x:aq"),
        ("y~0+a:b", "ap:bu aq:bu ap:bv aq:bv ap:bw aq:bw"),
        ("y~0+x+a:b", "x ap:bu aq:bu ap:bv aq:bv ap:bw aq:bw"),
        ("y~0+a+b", "ap aq bv bw"),
        ("y~0+x+x:a", "x x:ap x:aq"),
        ("y~x:a", "(Intercept) x:ap x:aq"),
        ("y~a:b", "(Intercept) ap:bu aq:bu ap:bv aq:bv ap:bw aq:bw"),
        ("y~a+a:b", "(Intercept) aq ap:bv aq:bv ap:bw aq:bw"),
        ("y~0+x:z+a", "ap aq x:z"),
        ("y~0+a:x+b", "bu bv bw ap:x aq:x"),
        ("y~0+x:a+b", "bu bv bw x:ap x:aq"),
        ("y~0+x:a:b", "x:ap:bu x:aq:bu x:ap:bv x:aq:bv x:ap:bw x:aq:bw"),
        ("y~x:a:b", "(Intercept) x:ap:bu x:aq:bu x:ap:bv x:aq:bv x:ap:bw x:aq:bw"),
        ("y~0+b+a:x", "bu bv bw ap:x aq:x"),
        ("y~0+a*b", "ap aq bv bw aq:bv aq:bw"),
        ("y~a+b:x", "(Intercept) aq bu:x bv:x bw:x"),
        ("y~0+x+b+a", "x bu bv bw aq"),
        ("y~0+a:b+b", "bu bv bw aq:bu aq:bv aq:bw"),
        ("y~x+a:b", "(Intercept) x ap:bu aq:bu ap:bv aq:bv ap:bw aq:bw"),
        ("y~a:b:x+x", "(Intercept) x ap:bu:x aq:bu:x ap:bv:x aq:bv:x ap:bw:x aq:bw:x"),
        ("y~0+x:a+z:b", "x:ap x:aq z:bu z:bv z:bw"),
    ],
)
def test_factors_are_coded_as_in_r(formula: str, expected: str) -> None:
    assert columns(formula) == tuple(expected.split())


# R 4.2.2: contr.treatment(3), contr.sum(3), contr.helmert(4), …


@pytest.mark.parametrize(
    ("coding", "expected"),
    [
        ("treatment", [[0, 0], [1, 0], [0, 1]]),
        ("sum", [[1, 0], [0, 1], [-1, -1]]),
        ("sum", [[1], [-1]]),
        ("helmert", [[-1], [1]]),
        ("helmert", [[-1, -1], [1, -1], [0, 2]]),
        ("helmert", [[-1, -1, -1], [1, -1, -1], [0, 2, -1], [0, 0, 3]]),
    ],
)
def test_contrasts_are_those_of_r(coding: Contrast, expected: list[list[int]]) -> None:
    np.testing.assert_array_equal(contrast_matrix(coding, len(expected)), expected)


# lme4, yield ~ nitro * Variety + (1 | Block) on the oats of nlme
CODED: dict[str, tuple[list[str], list[float], list[float], float]] = {
    "sum": (
        ["(Intercept)", "nitro", "Variety1", "Variety2", "nitro:Variety1", "nitro:Variety2"],
        [
            81.872222222222632,
            73.666666666666742,
            0.027777777777776604,
            8.5444444444444425,
            1.6666666666666738,
            -9.0833333333333321,
        ],
        [
            7.0774016893788971,
            8.1592627203148442,
            4.3174760079186854,
            4.3174760079186845,
            11.538939998034438,
            11.538939998034437,
        ],
        576.32459334765326,
    ),
    "helmert": (
        ["(Intercept)", "nitro", "Variety1", "Variety2", "nitro:Variety1", "nitro:Variety2"],
        [
            81.8722222222223337,
            73.6666666666668846,
            4.258333333333332,
            -4.2861111111111114,
            -5.3749999999999938,
            3.708333333333333,
        ],
        [
            7.0774017677290049,
            8.1592627118103298,
            3.73904389919015,
            2.1587380017092639,
            9.9930151606263298,
            5.7694699930036322,
        ],
        579.09718206989305,
    ),
}


@pytest.mark.parametrize("coding", CODED)
def test_a_fit_with_other_contrasts_is_that_of_lme4(coding: str) -> None:
    names, estimates, errors, criterion = CODED[coding]
    found = engine.fit(
        "yield ~ nitro * Variety + (1 | Block)",
        pd.read_csv(HERE / "data" / "Oats.csv"),
        contrasts={"Variety": coding},
    )
    assert list(found.coefficients) == names
    np.testing.assert_allclose(found.beta, estimates, rtol=1e-7)
    np.testing.assert_allclose(found.std_errors, errors, rtol=1e-6)
    assert found.statistics.criterion == pytest.approx(criterion, abs=1e-7)


def test_the_contrasts_of_random_terms_are_treatment_as_in_lme4() -> None:
    # lme4, score ~ Machine + (Machine | Worker), contrasts = list(Machine = "contr.helmert")
    found = engine.fit(
        "score ~ Machine + (Machine | Worker)",
        frame(case("machines_factor_slopes")),
        contrasts={"Machine": "helmert"},
    )
    np.testing.assert_allclose(found.beta, [59.65, 3.98333333333, 3.31111111111], rtol=1e-9)
    np.testing.assert_allclose(
        found.std_errors, [2.144670225250187, 1.2104253020598, 0.549084529804343], rtol=1e-6
    )
    assert found.statistics.criterion == pytest.approx(211.894737254875, abs=1e-7)
    assert found.random[0].terms == ("(Intercept)", "MachineB", "MachineC")
    np.testing.assert_allclose(
        np.sqrt(found.random[0].covariance.diagonal()),
        [4.079280473986108, 5.877642906617210, 3.689854539294162],
        rtol=1e-6,
    )


def test_a_factor_without_contrasts_takes_no_notice_of_their_kind() -> None:
    assert columns("y ~ 0 + b + x", contrasts={"b": "sum"}) == ("bu", "bv", "bw", "x")
    assert columns("y ~ x:b", contrasts={"b": "helmert"})[1:] == ("x:bu", "x:bv", "x:bw")


# Size


def wide(n_levels: int, n_rows: int) -> pd.DataFrame:
    number = np.arange(n_rows)
    draw = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "y": draw.standard_normal(n_rows),
            "big": (number % n_levels).astype(str),
            "other": (number // n_levels % 50).astype(str),
            "g": (number % 7).astype(str),
        }
    )


@pytest.mark.parametrize(
    "formula",
    ["y ~ big + (1 | g)", "y ~ 0 + big", "y ~ g:big", "y ~ other * big", "y ~ g + (big | g)"],
)
def test_a_factor_of_5000_levels_is_no_predictor(formula: str) -> None:
    data = wide(5_000, 20_000)
    with pytest.raises(LimitError) as caught:
        engine.fit(formula, data)
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("too_many_columns", ("formula",))
    assert str(MAX_COLUMNS) in problem.detail
    assert "(1 | factor)" in problem.hint


def test_columns_up_to_the_cap_are_fitted() -> None:
    found = prepare(Spec.of("y ~ big"), wide(300, 900))
    assert len(found.kept) == 300


def test_more_effects_of_a_level_than_the_cap_are_refused() -> None:
    data = wide(MAX_EFFECTS + 1, 4_000)
    for formula in (
        "y ~ 1 + (big | g)",
        "y ~ 1 + (0 + big | g)",
        "y ~ 1 + (1 | g) + (0 + big | g)",
    ):
        with pytest.raises(LimitError) as caught:
            engine.fit(formula, data)
        (problem,) = caught.value.problems
        assert (problem.code, problem.path) == ("too_many_effects", ("formula",))
