"""Sums of new responses are drawn with exactly the distribution that rows would give them."""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import linalg

import engine
from engine import Fit, forms
from engine.criterion import Blocks
from engine.crossed_blocks import CrossedBlocks
from engine.redraw import Redraw
from tests.reference.likelihood import table

FloatArray = NDArray[np.float64]
DRAWS = 6_000

MODELS = {
    "intercepts": ("Reaction ~ Days + (1 | Subject)", "sleepstudy", None),
    "slopes": ("Reaction ~ Days + (Days | Subject)", "sleepstudy", None),
    "weights": ("Reaction ~ Days + (Days | Subject)", "sleepstudy", "Reaction"),
    "predictors of groups": ("angle ~ recipe + temp + (1 | recipe:replicate)", "cake", None),
    "crossed": ("diameter ~ 1 + (1 | plate) + (1 | sample)", "Penicillin", None),
    "nested": ("strength ~ 1 + (1 | batch / cask)", "Pastes", None),
    "crossed slopes": ("angle ~ temp + (temp | replicate) + (1 | recipe)", "cake", None),
    "eliminated": ("diameter ~ 1 + (1 | plate) + (1 | sample)", "Penicillin", None),
    "eliminated slopes": ("angle ~ temp + (temp | replicate) + (1 | recipe)", "cake", None),
    "least squares": ("Reaction ~ Days", "sleepstudy", None),
}
every_model = pytest.mark.parametrize("name", MODELS)


@cache
def fitted(name: str) -> Fit:
    formula, data, weights = MODELS[name]
    fit = engine.fit(formula, table(data), weights=weights)
    if name.startswith("eliminated"):  # in the form of models with more levels
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(forms, "MAX_DENSE", 0)
            assert isinstance(fit.at_optimum[0].blocks, CrossedBlocks)
    return fit


def sums(blocks: Blocks) -> FloatArray:
    """Z'y (in the order of the factors), X'y and y'y, as the rows would give them."""
    own = blocks.inner[:, :, -1]
    first = np.einsum("jka,jk->ja", blocks.root, own).ravel()
    rest = np.empty(0)
    if isinstance(blocks, CrossedBlocks):
        rest = blocks.rest_products[:, -1] + blocks.rest_inner.T @ own.ravel()
    xy = blocks.within[:-1, -1] + np.einsum("jkp,jk->p", blocks.inner[:, :, :-1], own)
    square = blocks.within[-1, -1] + np.square(own).sum()
    return np.concatenate([first, rest, xy, [square]])


def gram(fit: Fit) -> tuple[FloatArray, int]:
    """[Z X]'[Z X] of the weighted rows in the pilots' units, and how many columns Z has."""
    products = fit.products
    blocks = [linalg.block_diag(*group.zz) for group in products.groups]
    z = linalg.block_diag(*blocks) if blocks else np.zeros((0, 0))
    starts = np.cumsum([0, *(len(block) for block in blocks)])
    levels = [len(group.levels) for group in products.groups]
    for met in products.meetings:
        a, b = met.first, met.second
        part = met.matrix(levels[a], levels[b]).toarray()
        z[starts[a] : starts[a + 1], starts[b] : starts[b + 1]] = part
        z[starts[b] : starts[b + 1], starts[a] : starts[a + 1]] = part.T
    zx = np.concatenate(
        [group.zm[:, :, fit.kept].reshape(-1, len(fit.kept)) for group in products.groups]
        or [np.zeros((0, len(fit.kept)))]
    )
    xx = products.mm[np.ix_(fit.kept, fit.kept)]
    return np.block([[z, zx], [zx.T, xx]]), len(z)


@cache
def drawn_sums(name: str) -> FloatArray:
    redraw = Redraw.of(fitted(name))
    return np.array([sums(redraw(np.random.default_rng(i))) for i in range(DRAWS)])


@every_model
def test_the_sums_have_the_mean_and_covariance_of_the_model(name: str) -> None:
    fit, drawn = fitted(name), drawn_sums(name)
    whole, n_z = gram(fit)
    solution = fit.solution
    effects = [
        np.kron(np.eye(len(group.levels)), t @ t.T)
        for group, t in zip(fit.products.groups, solution.t, strict=True)
    ]
    g = linalg.block_diag(*effects) if effects else np.zeros((0, 0))
    mean = whole[:, n_z:] @ solution.beta
    covariance = solution.sigma**2 * (whole + whole[:, :n_z] @ g @ whole[:n_z])
    linear = drawn[:, :-1]
    errors = np.sqrt(covariance.diagonal())
    z_mean = (linear.mean(axis=0) - mean) / (errors / np.sqrt(DRAWS))
    assert np.abs(z_mean).max() < 5.0
    found = (linear - mean).T @ (linear - mean) / DRAWS
    # The sampling variance of an element of a covariance matrix is (v_ii v_jj + v_ij^2) / draws.
    unit = np.sqrt((np.outer(errors**2, errors**2) + covariance**2) / DRAWS)
    assert (np.abs(found - covariance) / unit).max() < 6.0


@every_model
def test_the_sum_of_squares_has_the_mean_and_variance_of_the_model(name: str) -> None:
    # For y ~ N(m, V), m = X beta: tr V + m'm and 2 tr V^2 + 4 m'Vm.
    fit, drawn = fitted(name), drawn_sums(name)[:, -1]
    whole, n_z = gram(fit)
    s2, beta = fit.solution.sigma**2, fit.solution.beta
    effects = [
        np.kron(np.eye(len(group.levels)), t @ t.T)
        for group, t in zip(fit.products.groups, fit.solution.t, strict=True)
    ]
    g = linalg.block_diag(*effects) if effects else np.zeros((0, 0))
    zz, zx, xx = whole[:n_z, :n_z], whole[:n_z, n_z:], whole[n_z:, n_z:]
    through = g @ zz
    mean = s2 * (fit.n_rows + np.trace(through)) + beta @ xx @ beta
    trace = fit.n_rows + 2.0 * np.trace(through) + np.trace(through @ through)
    cross = zx @ beta
    variance = 2.0 * s2**2 * trace + 4.0 * s2 * (beta @ xx @ beta + cross @ g @ cross)
    assert abs(drawn.mean() - mean) < 5.0 * np.sqrt(variance / DRAWS)
    assert drawn.var() == pytest.approx(variance, rel=0.15)


@every_model
def test_what_is_left_beside_z_and_x_has_the_right_degrees_of_freedom(name: str) -> None:
    fit = fitted(name)
    whole, _ = gram(fit)
    length = np.sqrt(whole.diagonal())
    rank = np.linalg.matrix_rank(whole / length / length[:, None], tol=1e-9, hermitian=True)
    assert Redraw.of(fit).left == fit.n_rows - rank


def test_only_the_response_changes() -> None:
    fit = fitted("eliminated slopes")
    before, after = fit.at_optimum[0].blocks, Redraw.of(fit)(np.random.default_rng(1))
    assert isinstance(after, CrossedBlocks)
    assert isinstance(before, CrossedBlocks)
    np.testing.assert_array_equal(after.within[:-1, :-1], before.within[:-1, :-1])
    np.testing.assert_array_equal(after.inner[:, :, :-1], before.inner[:, :, :-1])
    np.testing.assert_array_equal(after.rest_products[:, :-1], before.rest_products[:, :-1])
