"""One factor with several effects: at several thetas at once the criterion is what it is at one."""

import numpy as np
import pytest

from engine.criterion import Criterion
from engine.prepared import prepare
from engine.recombination import with_effects
from engine.slopes import SlopesCriterion
from engine.spec import Spec
from tests.engine.simulated import Floats, table
from tests.engine.test_criterion import FORMULAS, Method, model, thetas

SLOPES = [formula for formula in FORMULAS if formula.count("| g") > 1 or "(1" not in formula]
SLOPES = [formula for formula in SLOPES if formula != "y ~ x * c + (0 + x | g)"]
every_model = pytest.mark.parametrize(
    ("formula", "method", "weights"),
    [
        (formula, method, weights)
        for formula in SLOPES
        for method, weights in [("REML", "w"), ("ML", None)]
    ],
)


def forms(
    formula: str, method: Method, weights: str | None = None
) -> tuple[SlopesCriterion, Criterion]:
    """The criterion in its form for slopes and in the general one."""
    _, _, general = model(formula, method, weights)
    return SlopesCriterion(general.blocks, general.structure, method), general


def points(criterion: Criterion) -> Floats:
    return np.array(thetas(criterion))


@every_model
def test_the_form_for_slopes_is_the_general_one(
    formula: str, method: Method, weights: str | None
) -> None:
    slopes, general = forms(formula, method, weights)
    at = points(general)
    scanned = slopes.scan(at)
    for theta, value, own in zip(at, scanned.tolist(), slopes.several(at), strict=True):
        other = general(theta)
        assert own is not None
        assert other is not None
        assert own.value == pytest.approx(other.value, rel=1e-13)
        assert value == pytest.approx(other.value, rel=1e-13)
        assert slopes.value_at(theta) == pytest.approx(other.value, rel=1e-13)
        for found, expected in [
            (own.gradient, other.gradient),
            (own.hessian, other.hessian),
        ]:
            scale = float(np.abs(expected).max())
            np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-11 * scale)


def test_a_model_with_slopes_is_fitted_in_that_form() -> None:
    data = table(seed=7)
    for formula in SLOPES:
        assert isinstance(prepare(Spec.of(formula), data).criterion, SlopesCriterion)


def test_what_was_scanned_serves_both_methods() -> None:
    reml, _ = forms("y ~ x + u + (x | g)", "REML")
    ml = reml.with_method("ML")
    assert isinstance(ml, SlopesCriterion)
    at = points(reml)
    first = reml.scan(at)
    assert ml.scanned is reml.scanned
    np.testing.assert_allclose(ml.scan(at), [ml.value_at(theta) for theta in at], rtol=1e-14)
    np.testing.assert_allclose(first, [reml.value_at(theta) for theta in at], rtol=1e-14)


def test_other_columns_for_the_same_effects_change_nothing() -> None:
    slopes, _ = forms("y ~ x + u + (x | g)", "REML")
    basis = np.array([[0.7, -1.2], [0.4, 0.9]])  # what R is multiplied by leaves it not triangular
    turned = SlopesCriterion(with_effects(slopes.blocks, [basis]), slopes.structure, slopes.method)
    for theta in points(slopes):
        t = slopes.structure.matrix(theta)
        g = np.linalg.inv(basis) @ t @ t.T @ np.linalg.inv(basis).T
        values, axes = np.linalg.eigh(g)
        _, upper = np.linalg.qr((axes * np.sqrt(np.maximum(values, 0.0))).T)
        other = slopes.structure.theta(np.asarray(upper.T, dtype=np.float64))
        assert turned.value_at(other) == pytest.approx(slopes.value_at(theta), rel=1e-11)


def test_one_theta_without_a_value_does_not_take_the_others_with_it() -> None:
    slopes, _ = forms("y ~ x + u + (x | g)", "REML")
    at = points(slopes)
    at[1] = np.inf
    found = slopes.several(at)
    assert [each is None for each in found] == [i == 1 for i in range(len(at))]
    assert np.isinf(slopes.scan(at)[1])


@pytest.mark.parametrize("ratio", [1e4, 1e6])
def test_large_effects_that_are_functions_of_one_keep_their_digits(ratio: float) -> None:
    # N = I + v v': D is known without a pivot that is a difference.
    slopes, _ = forms("y ~ x + u + (x | g)", "REML")
    theta = np.array([ratio, 0.7 * ratio, 0.0])
    blocks = slopes.blocks
    d = np.array(blocks.within)
    for root, inner in zip(blocks.root, blocks.inner, strict=True):
        v = root @ theta[:2]
        unit = v / np.linalg.norm(v)
        along, across = unit @ inner, np.array([-unit[1], unit[0]]) @ inner
        d += np.outer(along, along) / (1.0 + v @ v) + np.outer(across, across)
    found = slopes.whitened(theta[None]).d[0]
    np.testing.assert_allclose(found, d, rtol=1e-9, atol=1e-9 * float(np.abs(d).max()))
