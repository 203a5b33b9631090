"""Arithmetic on columns: how it is written, and that its values are R's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DataError
from engine.expression import (
    Binary,
    Call,
    Column,
    Expr,
    Negate,
    Number,
    Operator,
    columns,
    constant,
    evaluate,
    is_factor,
    labels,
    learn,
    text,
)
from engine.formula import parse
from engine.state import Polynomial, Vector

X = np.array([1.0, 2, 4, 7, 11, 16])

# R 4.2.2: poly(x, 3), scale(x), scale(x, center = FALSE); predict(poly(x, 3), 3)
R_POLY = np.array(
    [
        [-0.45162230233094541, 0.44249767886871011, -0.422200330920749767],
        [-0.37420133621706930, 0.18964186237230413, 0.084440066184150786],
        [-0.21935940398931641, -0.20544535090332955, 0.527750413650935890],
        [0.01290349435231270, -0.52151512152383650, 0.232210182006411664],
        [0.32258735880781814, -0.42669419033768435, -0.654410512927160903],
        [0.70969218937720013, 0.52151512152383650, 0.232210182006411942],
    ]
)
R_POLY_AT_3 = [[-0.2967803701031928, -0.026339147551708884, 0.39076986184109297]]
R_ALPHA = [6.8333333333333339, 9.8809523809523814, 8.6948051948051930]
R_NORM2 = [1.0, 6.0, 166.83333333333337, 2941.71428571428714, 37554.54545454553590]
R_SCALE = [
    -1.009858168166955839,
    -0.836739625052620561,
    -0.490502538823949952,
    0.028853090519055932,
    0.721327262976397154,
    1.586919978548073651,
]
R_SCALE_ABOUT_ZERO = [
    0.10576238616172540,
    0.21152477232345079,
    0.42304954464690159,
    0.74033670313207778,
    1.16338624777897937,
    1.69219817858760635,
]


def read(written: str) -> Expr:
    """Return the expression that a term writes."""
    return parse(f"y ~ {written}").terms[0].factors[0]


def values(written: str, **given_columns: Vector) -> Vector:
    expr = read(written)
    return evaluate(expr, given_columns, learn(expr, given_columns))


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("log( radon+.10 )", "log(radon + 0.1)"),
        ("log(x, base=2)", "log(x, 2)"),
        ("I(x**2)", "I(x^2)"),
        ("I((x))", "I(x)"),
        ("I(a-(b-c))", "I(a - (b - c))"),
        ("I((a-b)-c)", "I(a - b - c)"),
        ("I(a/(b*c))", "I(a/(b * c))"),
        ("I((-x)^2)", "I((-x)^2)"),
        ("I(-x^2)", "I(-x^2)"),
        ("I(-(x^2))", "I(-x^2)"),
        ("I((-a)*b)", "I(-a * b)"),
        ("I(-(a*b))", "I(-(a * b))"),
        ("I(a--b)", "I(a - -b)"),
        ("I(2^-1*x)", "I(2^-1 * x)"),
        ("I((a^b)^c)", "I((a^b)^c)"),
        ("I(a^(b^c))", "I(a^b^c)"),
        ("I(+x)", "I(x)"),
        ("poly(x, degree = 2, raw = TRUE)", "poly(x, 2, raw = TRUE)"),
        ("poly(x)", "poly(x, 1)"),
        ("scale(x, center = TRUE, scale = FALSE)", "scale(x, scale = FALSE)"),
        ("scale(x, FALSE)", "scale(x, center = FALSE)"),
        ("pmax(0.1, `indoor radon`)", "pmax(0.1, `indoor radon`)"),
        (r"`back\`quote` ", r"`back\`quote`"),
        ("`fine`", "fine"),
        ("`TRUE`", "`TRUE`"),
        ("`_a`", "`_a`"),
        ("`.2a`", "`.2a`"),
        ("größe.log_1", "größe.log_1"),
    ],
)
def test_text_is_what_r_prints_with_no_idle_brackets(written: str, printed: str) -> None:
    assert text(read(written)) == printed


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0.1, "0.1"),
        (100000, "1e+05"),
        (123456, "123456"),
        (1e6, "1e+06"),
        (0.0001, "1e-04"),
        (0.00012345, "0.00012345"),
        (2147483648, "2147483648"),
        (3.5e10, "3.5e+10"),
        (1200000, "1200000"),
        (1e300, "1e+300"),
        (0, "0"),
    ],
)
def test_numbers_are_printed_as_r_prints_them(value: float, printed: str) -> None:
    assert text(Number(value)) == printed


names = st.text(
    st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=6
) | st.sampled_from(["x", "radon", "TRUE", ".", "..1", "a`b\\"])
operators: st.SearchStrategy[Operator] = st.sampled_from(("+", "-", "*", "/", "^"))
expressions: st.SearchStrategy[Expr] = st.recursive(
    st.builds(Column, names) | st.builds(Number, st.floats(0, allow_infinity=False).map(abs)),
    lambda inner: (
        st.builds(Negate, inner)
        | st.builds(Binary, operators, inner, inner)
        | st.builds(lambda x: Call("sqrt", (Binary("+", x, Column("z")),)), inner)
    ),
    max_leaves=8,
)


@given(expressions)
def test_an_expression_is_read_back_from_its_text(expr: Expr) -> None:
    whole = Call("I", (Binary("+", expr, Column("q")),))
    assert read(text(whole)) == whole


def test_columns_are_named_in_order_of_first_appearance() -> None:
    assert columns(read("I(b + log(a) * b)")) == ("b", "a")


def test_a_factor_is_marked_and_has_no_numbers() -> None:
    assert is_factor(read("factor(floor)")) == "floor"
    assert is_factor(read("floor")) is None
    with pytest.raises(TypeError, match="no numeric value"):
        evaluate(read("factor(floor)"), {"floor": X}, {})


def test_labels_of_a_polynomial_carry_the_degree_as_in_r() -> None:
    assert labels(read("poly(x, 2)")) == ("poly(x, 2)1", "poly(x, 2)2")
    assert labels(read("poly(x, 2, raw = TRUE)"))[0] == "poly(x, 2, raw = TRUE)1"
    assert labels(read("poly(x, 1)")) == ("poly(x, 1)",)
    assert labels(read("scale(x)")) == ("scale(x)",)


def test_orthogonal_polynomials_are_those_of_r() -> None:
    np.testing.assert_allclose(values("poly(x, 3)", x=X), R_POLY, rtol=0, atol=1e-14)


def test_polynomials_are_continued_to_new_values_as_r_predicts_them() -> None:
    expr = read("poly(x, 3)")
    states = learn(expr, {"x": X})
    state = states["poly(x, 3)"]
    assert isinstance(state, Polynomial)
    np.testing.assert_allclose(state.alpha, R_ALPHA, rtol=1e-14)
    np.testing.assert_allclose(state.norm2, R_NORM2, rtol=1e-13)
    at_3 = evaluate(expr, {"x": np.array([3.0])}, states)
    np.testing.assert_allclose(at_3, R_POLY_AT_3, rtol=1e-13)


def test_polynomials_far_from_zero_stay_orthogonal() -> None:
    years = values("poly(year, 4)", year=np.arange(1990.0, 2030.0))
    np.testing.assert_allclose(years.T @ years, np.eye(4), atol=1e-12)


def test_raw_polynomials_are_powers() -> None:
    np.testing.assert_array_equal(
        values("poly(x, 3, raw = TRUE)", x=X), np.column_stack([X, X**2, X**3])
    )


def test_scale_and_center_are_those_of_r() -> None:
    np.testing.assert_allclose(values("scale(x)", x=X), R_SCALE, rtol=1e-14)
    np.testing.assert_allclose(
        values("scale(x, center = FALSE)", x=X), R_SCALE_ABOUT_ZERO, rtol=1e-14
    )
    np.testing.assert_allclose(values("scale(x, scale = FALSE)", x=X), X - X.mean(), rtol=1e-14)
    np.testing.assert_allclose(values("center(x)", x=X), X - X.mean(), rtol=1e-14)


def test_constants_are_learned_through_nested_calls_and_kept_for_new_rows() -> None:
    expr = read("scale(log(x))")
    states = learn(expr, {"x": X})
    assert set(states) == {"scale(log(x))"}
    logs = np.log(X)
    np.testing.assert_allclose(
        evaluate(expr, {"x": np.array([5.0])}, states),
        [(np.log(5) - logs.mean()) / logs.std(ddof=1)],
    )
    nested = read("poly(scale(x), 2)")
    assert set(learn(nested, {"x": X})) == {"scale(x)", "poly(scale(x), 2)"}


def test_a_polynomial_needs_more_values_than_its_degree() -> None:
    with pytest.raises(DataError) as caught:
        values("poly(x, 2)", x=np.array([0.0, 1, 1, 0]))
    assert caught.value.problems[0].code == "too_few_distinct_values"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("log(x)", np.log(X)),
        ("log(x, 2)", np.log2(X)),
        ("log(x, 10)", np.log10(X)),
        ("log(x, 3)", np.log(X) / np.log(3)),
        ("log2(x)", np.log2(X)),
        ("log10(x)", np.log10(X)),
        ("log1p(x)", np.log1p(X)),
        ("exp(x)", np.exp(X)),
        ("sqrt(x)", np.sqrt(X)),
        ("abs(-x)", X),
        ("pmax(x, 3)", np.maximum(X, 3)),
        ("pmin(x, 2 * x - 3)", np.minimum(X, 2 * X - 3)),
        ("I(-x^2 / 4 + 1)", 1 - X**2 / 4),
        ("I(2^x)", 2**X),
    ],
)
def test_functions_have_their_values(written: str, expected: Vector) -> None:
    np.testing.assert_allclose(values(written, x=X), expected, rtol=1e-15)


def test_outside_a_domain_values_are_not_finite_and_nothing_warns() -> None:
    with np.errstate(all="raise"):
        found = values("I(log(x) + 0 * sqrt(x))", x=np.array([0.0, -1.0, 1.0]))
    np.testing.assert_array_equal(found, [-np.inf, np.nan, 0.0])


def test_one_row_is_a_vector_of_one() -> None:
    assert values("I(1 + x)", x=np.array([2.0])).shape == (1,)


def test_an_expression_without_a_column_is_a_constant() -> None:
    assert constant(Binary("^", Number(2), Negate(Number(1)))) == 0.5
    assert constant(Column("x")) is None
