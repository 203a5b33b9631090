"""From the scale of the model back to the scale of the column."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.expression import learn
from engine.formula import parse
from engine.response import Inverse, invert
from engine.state import Vector

TRAINING = np.array([0.3, 0.9, 2.0, 4.5, 11.0])
INF = float("inf")

INVERTIBLE = [
    "radon",
    "log(radon)",
    "log(radon + 0.1)",
    "log(pmax(radon, 0.1))",
    "log(pmin(100, radon), base = 2)",
    "log(radon, 0.5)",
    "log2(radon)",
    "log10(3 * radon + 1)",
    "log1p(radon/2)",
    "sqrt(radon)",
    "radon^3",
    "radon^0.5",
    "I(5 - 2 * radon)",
    "-log(radon)",
    "exp(radon/10)",
    "scale(radon)",
    "center(log(radon))",
    "scale(sqrt(radon), center = FALSE)",
    "log(sqrt(radon) + 1)",
    "log(exp(radon))",
]


def inverse(response: str) -> Inverse:
    found = maybe_inverse(response)
    assert found is not None
    return found


def maybe_inverse(response: str) -> Inverse | None:
    expr = parse(f"{response} ~ 1").response
    return invert(expr, learn(expr, {"radon": TRAINING, "x": TRAINING}))


def at(*values: float) -> Vector:
    return np.array(values)


@pytest.mark.parametrize("response", INVERTIBLE)
@given(x=st.floats(0.2, 50))
def test_there_and_back_is_where_it_began(response: str, x: float) -> None:
    found = inverse(response)
    assert found.column == "radon"
    np.testing.assert_allclose(found.backward(found.forward(at(x))), [x], rtol=1e-9)


@pytest.mark.parametrize("response", INVERTIBLE)
def test_the_direction_is_that_of_the_values(response: str) -> None:
    found = inverse(response)
    low, high = found.forward(at(1, 2))
    assert found.increasing == (low < high)
    assert found.range[0] <= min(low, high) < max(low, high) <= found.range[1]


@pytest.mark.parametrize("response", INVERTIBLE)
def test_closed_forms_are_the_inverse(response: str) -> None:
    found = inverse(response)
    y = np.linspace(-2, 2, 9)
    if affine := found.affine():
        a, b = affine
        np.testing.assert_allclose(a + b * y, found.backward(y), rtol=1e-12)
    if exponential := found.exponential():
        a, b, c = exponential
        np.testing.assert_allclose(a * np.exp(b * y) + c, found.backward(y), rtol=1e-12)


def test_the_logarithms_have_an_exponential_form_and_straight_lines_an_affine_one() -> None:
    assert inverse("log(radon + 0.1)").exponential() == (1.0, 1.0, -0.1)
    assert inverse("log(pmax(radon, 0.1))").exponential() == (1.0, 1.0, 0.0)
    assert inverse("log1p(radon)").exponential() == (1.0, 1.0, -1.0)
    assert inverse("log(radon^2)").exponential() == (1.0, 0.5, 0.0)
    assert inverse("I(5 - 2 * radon)").affine() == (2.5, -0.5)
    assert inverse("radon").affine() == (0.0, 1.0)
    for without in ("sqrt(radon)", "log(sqrt(radon) + 1)", "exp(radon)"):
        assert inverse(without).affine() is None
        assert inverse(without).exponential() is None


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("radon", (-INF, INF)),
        ("log(radon + 0.1)", (-INF, INF)),
        ("sqrt(radon)", (0, INF)),
        ("-sqrt(radon)", (-INF, 0)),
        ("exp(-radon)", (0, INF)),
        ("I(1 - exp(radon))", (-INF, 1)),
        ("log(sqrt(radon) + 1)", (0, INF)),
        ("pmax(radon, 0.1)", (-INF, INF)),
    ],
)
def test_the_range_follows_from_the_domains(response: str, expected: tuple[float, float]) -> None:
    assert inverse(response).range == pytest.approx(expected)


def test_values_outside_the_range_go_back_from_its_end() -> None:
    np.testing.assert_array_equal(inverse("sqrt(radon)").backward(at(-3, 2)), [0, 4])


def test_a_bound_on_the_column_does_not_bound_the_way_back() -> None:
    back = inverse("log(pmax(radon, 0.1))").backward(at(np.log(0.01)))
    np.testing.assert_allclose(back, [0.01])


def test_a_threshold_outside_the_domain_is_not_finite() -> None:
    found = inverse("log(radon + 0.1)").forward(at(-1, -0.1, 4))
    np.testing.assert_array_equal(found, [np.nan, -INF, np.log(4.1)])


@pytest.mark.parametrize(
    "response",
    [
        "abs(radon)",
        "radon + x",
        "radon * radon",
        "I(radon - radon)",
        "radon^-1",
        "2^radon",
        "1/radon",
        "0 * radon",
        "radon/0",
        "pmax(radon, x)",
        "log(-exp(radon))",
        "log(radon + 1/0)",
        "scale(x * 0 + radon * 0)",
    ],
)
def test_what_cannot_be_undone_has_no_inverse(response: str) -> None:
    assert maybe_inverse(response) is None
