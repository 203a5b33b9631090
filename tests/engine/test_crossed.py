"""Several grouping factors: quick forms are exact, and costly searches end where exact ones do."""

from typing import Literal

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import engine
from engine.components import Batch
from engine.criterion import Structure
from engine.crossed import CrossedCriterion
from engine.crossed_blocks import CrossedBlocks
from engine.descent import descend
from engine.gram import Gram
from engine.information import Informed
from engine.moments import relative_deviations
from engine.optimum import minimise
from engine.prepared import Prepared, prepare
from engine.sensitivity import quadratic
from engine.spec import Spec
from engine.stacks import stacked_cholesky, stacked_forward, stacked_inverse, stacked_times
from tests.engine.fits import fitted
from tests.engine.simulated import Floats, rows
from tests.engine.test_criterion import differences
from tests.reference.cases import Case, cases, frame

RANDOM = (
    "(1 | g) + (1 | h)",
    "(1 + x | g) + (1 | h)",
    "(1 | g) + (1 + x | h)",
    "(x || g) + (0 + x | h)",
    "(x | g) + (x | h) + (1 | i)",
    "(1 | i / h / g)",
    "(1 | i) + (x | i:h)",
)
every_design = pytest.mark.parametrize("design", ["crossed", "partly", "apart"])
several_factors = pytest.mark.parametrize(
    "known", [known for known in cases() if len(known.ranef) > 1], ids=str
)


def table(design: str, seed: int, sd: tuple[float, ...] = (1.0, 0.5, 0.4, 0.3)) -> pd.DataFrame:
    """A table of 900 rows with factors g (60 levels), h (25) and i (4).

    All levels may meet ("crossed"), or those of neighbouring indices ("partly"), or those of one of
    five parts of the data ("apart"). ``sd`` are those of g, of x by g, of h, and of i.
    """
    draw = np.random.default_rng(seed)
    n = 900
    g, h, i = draw.integers(0, 60, n), draw.integers(0, 25, n), draw.integers(0, 4, n)
    if design == "partly":
        h = (g // 3 + draw.integers(0, 5, n)) % 25
    elif design == "apart":
        h = (g // 12) * 5 + draw.integers(0, 5, n)
    x = draw.normal(1.0, 1.0, n)
    y = 2.0 + 0.5 * x + draw.normal(0.0, sd[0], 60)[g] + x * draw.normal(0.0, sd[1], 60)[g]
    y += draw.normal(0.0, sd[2], 25)[h] + draw.normal(0.0, sd[3], 4)[i] + draw.standard_normal(n)
    w = draw.uniform(0.5, 2.0, n)
    return pd.DataFrame({"y": y, "x": x, "g": g, "h": h, "i": i, "w": w})


def model(
    random: str,
    data: pd.DataFrame,
    method: Literal["REML", "ML"] = "REML",
    weights: str | None = None,
) -> CrossedCriterion:
    """The criterion of a model with some random terms."""
    spec = Spec.of(f"y ~ x + {random}", method=method, categorical=("g", "h", "i"), weights=weights)
    return crossed(prepare(spec, data))


def crossed(prepared: Prepared) -> CrossedCriterion:
    """The criterion in the form of large models, whatever the size of this one."""
    blocks = CrossedBlocks.crossed(prepared.products, prepared.kept)
    sizes = tuple(len(term.names) for own in prepared.design.groupings for term in own.terms)
    return CrossedCriterion(blocks, Structure.of(sizes), prepared.spec.method)


def points(criterion: CrossedCriterion) -> list[Floats]:
    """Places of several sizes: two inside, one tiny, one huge, one with vanishing columns."""
    draw = np.random.default_rng(5)
    t = len(criterion.structure.rows)
    inside = [draw.normal(0.0, size, t) for size in (0.3, 1.5)]
    vanishing = np.where(criterion.structure.cols % 2 == 1, 0.0, inside[0])
    return [*inside, 1e-5 * inside[0], 1e3 * inside[1], vanishing]


# The gradient and the information


@every_design
@pytest.mark.parametrize("random", RANDOM)
@pytest.mark.parametrize("method", ["REML", "ML"])
def test_the_informed_gradient_is_that_of_the_value(
    design: str, random: str, method: Literal["REML", "ML"]
) -> None:
    criterion = model(random, table(design, 3), method, "w")
    for theta in points(criterion)[:2]:
        found, exact = criterion.informed(theta), criterion(theta)
        assert found is not None
        assert exact is not None
        assert found.value == exact.value
        np.testing.assert_allclose(found.gradient, exact.gradient, rtol=1e-10, atol=1e-8)
        expected = differences(lambda at: np.asarray(criterion.value_at(at)), theta)
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(found.gradient, expected, rtol=1e-6, atol=1e-7 * scale)


@every_design
@pytest.mark.parametrize("random", RANDOM)
def test_the_gradient_keeps_its_digits_at_the_ends_of_the_scale(design: str, random: str) -> None:
    criterion = model(random, table(design, 4))
    for theta, within in zip(points(criterion)[2:], (1e-7, 1e-3, 1e-10), strict=True):
        step = 1e-2 * max(float(np.abs(theta).max()), 1e-2)
        found = criterion.informed(theta)
        assert found is not None
        expected = differences(lambda at: np.asarray(criterion.value_at(at)), theta, step)
        scale = max(1.0 if within == 1e-7 else 1e-3, float(np.abs(expected).max()))
        np.testing.assert_allclose(found.gradient, expected, rtol=0, atol=within * scale)


@pytest.mark.parametrize("random", RANDOM)
@pytest.mark.parametrize("method", ["REML", "ML"])
def test_the_information_is_that_of_the_rows(random: str, method: Literal["REML", "ML"]) -> None:
    # c (y'P V_i P V_l P y / y'P y - (y'P V_i P y)(y'P V_l P y) / (y'P y)^2), and what G curves.
    data = table("partly", 8)
    criterion = model(random, data, method, "w")
    theta = points(criterion)[0]
    found, factor = criterion.informed(theta), criterion.factorise(theta)
    assert found is not None
    assert factor is not None
    t = criterion.structure.matrix(theta)
    spec = Spec.of(f"y ~ x + {random}", method=method, categorical=("g", "h", "i"), weights="w")
    of = rows(spec, data, piloted=True)
    v_inverse = np.linalg.inv(of.covariance(t @ t.T))
    vx = v_inverse @ of.x
    py = v_inverse @ of.y - vx @ np.linalg.solve(of.x.T @ vx, vx.T @ of.y)
    total = float(of.y @ py)
    columns = []
    for direction in criterion.derivatives(factor).directions:
        moved = of.covariance(direction) - of.covariance(np.zeros_like(t))
        columns.append(moved @ py)
    moved_py = np.array(columns)
    through = v_inverse @ moved_py.T - vx @ np.linalg.solve(of.x.T @ vx, vx.T @ moved_py.T)
    slopes = moved_py @ py / total
    information = moved_py @ through / total - np.outer(slopes, slopes)
    place = criterion.structure.rows
    curved = criterion.derivatives(factor).slope[place[:, None], place]
    expected = criterion.count * information + curved * criterion.structure.same_column
    scale = float(np.abs(expected).max())
    np.testing.assert_allclose(found.hessian, expected, rtol=1e-8, atol=1e-9 * scale)


# The quick forms


@every_design
@pytest.mark.parametrize("random", RANDOM)
def test_sums_by_blocks_of_rows_are_those_of_pairs(
    design: str, random: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = table(design, 5)
    few = model(random, data)
    monkeypatch.setattr("engine.gram.MAX_PAIRS", 0)
    monkeypatch.setattr("engine.gram.BLOCK", 7)
    many = model(random, data)
    assert many.blocks.gram.pairs is None
    for theta in points(few)[:2]:
        a, b = few(theta), many(theta)
        assert a is not None
        assert b is not None
        assert a.value == pytest.approx(b.value, rel=1e-13)
        np.testing.assert_allclose(a.gradient, b.gradient, rtol=1e-9, atol=1e-8)
        scale = float(np.abs(b.hessian).max())
        np.testing.assert_allclose(a.hessian, b.hessian, rtol=1e-9, atol=1e-9 * scale)


@every_design
@pytest.mark.parametrize("random", RANDOM)
def test_what_is_made_from_psi_is_what_is_made_from_d(
    design: str, random: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    criterion = model(random, table(design, 6), weights="w")
    found = [criterion(theta) for theta in points(criterion)[:2]]
    monkeypatch.setattr("engine.sensitivity.DIGITS", 0.0)
    for own, theta in zip(found, points(criterion), strict=False):
        other = criterion(theta)
        assert own is not None
        assert other is not None
        np.testing.assert_allclose(own.gradient, other.gradient, rtol=1e-9, atol=1e-8)
        scale = float(np.abs(other.hessian).max())
        np.testing.assert_allclose(own.hessian, other.hessian, rtol=1e-9, atol=1e-9 * scale)


def test_sums_over_levels_are_those_of_dense_rows() -> None:
    draw = np.random.default_rng(2)
    for design, random in [("crossed", "(x | g) + (1 | h)"), ("apart", "(1 | g) + (x | h)")]:
        blocks = model(random, table(design, 1)).blocks
        gram = blocks.gram
        b = gram.rows.toarray().reshape(-1, gram.k, gram.rows.shape[1])
        left = draw.standard_normal((len(b), 2, gram.k))
        expected = np.einsum("jcq,jcr->qr", left @ b, left @ b)
        out = [np.zeros_like(own) for own in blocks.rest_within]
        gram.add(left, left, out)
        for batch, own in zip(gram.batches, out, strict=True):
            padded = np.pad(expected, (0, 1))
            dense = padded[batch.index[:, :, None], batch.index[:, None, :]]
            np.testing.assert_allclose(own, dense, atol=1e-11)
        psi = [own + np.swapaxes(own, 1, 2) for own in map(draw.standard_normal, shapes(gram))]
        total = sum(float(np.vdot(own, of)) for own, of in zip(out, psi, strict=True))
        assert gram.inner(left, left, psi) == pytest.approx(total, rel=1e-10)
        assert gram.inner(left, left.copy(), psi) == pytest.approx(total, rel=1e-10)


def shapes(gram: Gram) -> list[tuple[int, int, int]]:
    return [(*batch.index.shape, batch.index.shape[1]) for batch in gram.batches]


@pytest.mark.parametrize("random", ["(1 | g) + (1 | h)", "(x | g) + (x | h)"])
@pytest.mark.parametrize("design", ["partly", "apart", "uneven"])
def test_a_quadratic_form_of_each_level_is_that_of_its_dense_rows(design: str, random: str) -> None:
    draw = np.random.default_rng(3)
    data = table("apart" if design == "uneven" else design, 2)
    if design == "uneven":  # components of 20 and of 5 levels of h, each a batch of its own
        data.loc[data["g"] < 48, "h"] = draw.integers(0, 20, int((data["g"] < 48).sum()))
    gram = model(random, data).blocks.gram
    k, q = gram.k, gram.rows.shape[1]
    psi, whole = [], np.zeros((q + 1, q + 1))
    for batch, shape in zip(gram.batches, shapes(gram), strict=True):
        own = draw.standard_normal(shape)
        psi.append(own + np.swapaxes(own, 1, 2))
        whole[batch.index[:, :, None], batch.index[:, None, :]] = psi[-1]
    mixed = draw.standard_normal(gram.rows.shape) * (draw.random(gram.rows.shape) < 0.2)
    for rows_of in (gram.rows, sparse.csr_array(mixed)):  # within components, and across them
        dense = rows_of.toarray().reshape(-1, k, q)
        expected = dense @ whole[:-1, :-1] @ np.swapaxes(dense, 1, 2)
        found = quadratic(gram.batches, psi, rows_of, len(dense), k)
        np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize(("m", "s"), [(1, 300), (3, 40), (100, 5), (70, 20), (2, 1)])
def test_stacks_of_any_shape_are_factored_alike(m: int, s: int) -> None:
    draw = np.random.default_rng(m + s)
    half = draw.standard_normal((m, s, s))
    a = half @ np.swapaxes(half, 1, 2) + 3.0 * np.eye(s)
    b = draw.standard_normal((m, s, 2))
    upper = stacked_cholesky(a.copy())
    assert upper is not None
    np.testing.assert_allclose(np.swapaxes(upper, 1, 2) @ upper, a, atol=1e-10 * s)
    np.testing.assert_allclose(np.swapaxes(upper, 1, 2) @ stacked_forward(upper, b), b, atol=1e-9)
    inverse = stacked_inverse(upper)
    np.testing.assert_allclose(inverse @ a, np.broadcast_to(np.eye(s), a.shape), atol=1e-9)
    np.testing.assert_allclose(stacked_times(a, b), a @ b, atol=1e-10 * s)
    assert stacked_cholesky(a - 1e4 * np.eye(s)) is None


@pytest.mark.parametrize("sizes", [(1, 1), (2, 1), (1, 3)])
def test_dense_blocks_are_turned_from_both_sides(
    sizes: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.components.TURNED", 40)
    draw = np.random.default_rng(1)
    edge, s = 4 * sizes[0], 4 * sizes[0] + 3 * sizes[1]
    batch = Batch(np.arange(2 * s).reshape(2, s), (slice(0, edge), slice(edge, s)), sizes)
    factors = [draw.standard_normal((k, k)) for k in sizes]
    whole = np.zeros((s, s))
    whole[:edge, :edge] = np.kron(np.eye(4), factors[0])
    whole[edge:, edge:] = np.kron(np.eye(3), factors[1])
    a = draw.standard_normal((2, s, s))
    expected = whole.T @ a @ whole
    np.testing.assert_allclose(batch.turn(a, factors), expected, atol=1e-12)


# The search


def assert_one_optimum(criterion: CrossedCriterion, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = minimise(criterion)
    with monkeypatch.context() as patch:
        patch.setattr("engine.crossed.COSTLY", 0)
        assert criterion.costly
        found = minimise(criterion)
    assert found.converged
    assert found.value == pytest.approx(exact.value, abs=1e-8)
    assert found.value == pytest.approx(criterion.value_at(found.theta), abs=1e-8)
    np.testing.assert_allclose(found.theta, exact.theta, rtol=1e-6, atol=2e-7)
    assert ((found.theta == 0.0) == (exact.theta == 0.0)).all()


@several_factors
def test_the_costly_search_ends_where_the_exact_one_does(
    known: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = Spec.of(
        known.formula,
        method=known.method,
        weights=known.weights,
        offset=known.offset,
        categorical=known.categorical,
    )
    assert_one_optimum(crossed(prepare(spec, frame(known))), monkeypatch)


@every_design
@pytest.mark.parametrize("random", RANDOM)
@pytest.mark.parametrize(
    "sd",
    [
        (1.0, 0.5, 0.4, 0.3),
        (0.0, 0.5, 0.4, 0.3),
        pytest.param((1.0, 0.0, 0.4, 0.0), marks=pytest.mark.slow),
        (1.0, 0.0, 0.0, 0.0),
        pytest.param((20.0, 5.0, 10.0, 3.0), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_the_costly_search_ends_where_the_exact_one_does_on_any_design(
    design: str, random: str, sd: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_one_optimum(model(random, table(design, 9, sd)), monkeypatch)


def test_a_start_from_moments_is_close_to_the_truth() -> None:
    data = table("crossed", 10, (1.0, 0.5, 0.4, 0.0))
    found = relative_deviations(model("(x || g) + (1 | h)", data).blocks)
    np.testing.assert_allclose(found, [1.0, 0.5, 0.4], rtol=0.5)


def test_a_costly_search_takes_few_evaluations() -> None:
    assert fitted("insteval").convergence.evaluations <= 6
    criterion = model("(1 | g) + (1 | h)", table("crossed", 12))
    start = criterion.structure.theta(np.eye(2))
    assert descend(Informed(criterion), start).evaluations <= 8


# Room


def test_factors_too_large_to_cross_are_refused_before_anything_is_made() -> None:
    draw = np.random.default_rng(0)
    n = 60_000
    data = pd.DataFrame({"y": draw.standard_normal(n), "g": draw.integers(0, 14_000, n)})
    data["h"] = draw.integers(0, 13_000, n)
    data["x"] = draw.standard_normal(n)
    formula = "y ~ 1 + (1 + x | g) + (1 | h)"
    with pytest.raises(engine.LimitError, match="random effects") as caught:
        engine.fit(formula, data)
    assert caught.value.problems[0].code == "too_many_effects"
    assert engine.examine(Spec.of(formula), data).problems == caught.value.problems


def test_as_many_levels_that_are_nested_have_room() -> None:
    draw = np.random.default_rng(0)
    n = 60_000
    h = draw.integers(0, 13_000, n)
    data = pd.DataFrame({"y": draw.standard_normal(n), "h": h, "g": 2 * h + draw.integers(0, 2, n)})
    prepared = prepare(Spec.of("y ~ 1 + (1 | h) + (1 | g)"), data)
    blocks = prepared.criterion.blocks
    assert isinstance(blocks, CrossedBlocks)
    assert sum(own.size for own in blocks.rest_within) < 20_000
