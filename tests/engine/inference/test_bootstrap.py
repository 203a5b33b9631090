"""The parametric bootstrap depends on its seed alone, and says what it could not fit."""

from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache
from multiprocessing import get_context

import numpy as np
import pytest

import engine
from engine import Fit, LimitError, SpecError
from tests.reference.likelihood import table

FLOOR = ("log_radon ~ floor + (1 | county)", "radon")
SLOPES = ("Reaction ~ Days + (Days | Subject)", "sleepstudy")
NESTED = ("strength ~ 1 + (1 | batch / cask)", "Pastes")
ZERO = ("Yield ~ 1 + (1 | Batch)", "Dyestuff2")


@cache
def fitted(formula: str, data: str) -> Fit:
    return engine.fit(formula, table(data))


@pytest.mark.parametrize("model", [FLOOR, SLOPES, NESTED, ("Reaction ~ Days", "sleepstudy")])
def test_a_seed_decides_every_number(model: tuple[str, str]) -> None:
    fit = fitted(*model)
    first, again = (engine.bootstrap(fit, n_sim=20, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.samples, again.samples)
    other = engine.bootstrap(fit, n_sim=20, seed=4)
    assert (first.samples != other.samples).any()


def test_more_replicates_begin_with_the_same_ones() -> None:
    few, many = (engine.bootstrap(fitted(*FLOOR), n_sim=n, seed=3) for n in (30, 70))
    np.testing.assert_array_equal(few.samples, many.samples[:30])


def _executors() -> list[Executor]:
    return [ThreadPoolExecutor(2), ProcessPoolExecutor(2, mp_context=get_context("spawn"))]


@pytest.mark.parametrize("index", [0, 1], ids=["threads", "processes"])
def test_where_replicates_run_changes_nothing(index: int) -> None:
    here = engine.bootstrap(fitted(*FLOOR), n_sim=60, seed=3)
    with _executors()[index] as executor:
        there = engine.bootstrap(fitted(*FLOOR), n_sim=60, seed=3, executor=executor)
    np.testing.assert_array_equal(here.samples, there.samples)


def test_replicates_spread_as_the_estimates_should() -> None:
    fit = fitted(*FLOOR)
    found = engine.bootstrap(fit, n_sim=1000, seed=1)
    assert (found.n_singular, found.n_failed) == (0, 0)
    sd, sigma, *fixed = found.intervals
    for own, estimate, error in zip(fixed, fit.beta, fit.std_errors, strict=True):
        assert own.estimate == estimate
        assert own.mean == pytest.approx(estimate, abs=4.0 * error / 1000**0.5)
        assert own.std_error == pytest.approx(error, rel=0.08)
    # REML's sigma has the standard error sigma / sqrt(2 df) of a chi with some n - J df.
    assert sigma.std_error == pytest.approx(fit.sigma / (2 * (919 - 85)) ** 0.5, rel=0.08)
    (profile, *_) = engine.profile(fit, names=["sd_(Intercept)|county"])
    assert sd.lower == pytest.approx(profile.lower, abs=0.03)
    assert sd.upper == pytest.approx(profile.upper, abs=0.03)


def test_percentiles_are_those_of_the_samples() -> None:
    found = engine.bootstrap(fitted(*SLOPES), n_sim=100, seed=1, level=0.8)
    for own, column in zip(found.intervals, found.samples.T, strict=True):
        expected = np.nanquantile(column, [0.1, 0.9]).tolist()
        assert [own.lower, own.upper] == pytest.approx(expected, rel=1e-12)
        assert own.n == np.isfinite(column).sum()


def test_replicates_of_a_fit_are_fitted_as_the_fit_is() -> None:
    # E(sigma^2) of least squares is sigma^2 by REML and (n - p) / n of it by ML.
    data = table("sleepstudy").iloc[:12]
    shares = []
    for method in ("REML", "ML"):
        fit = engine.fit("Reaction ~ Days", data, method=method)
        squares = engine.bootstrap(fit, n_sim=2000, seed=1).samples[:, 0] ** 2
        shares.append(float(squares.mean()) / fit.sigma**2)
    assert shares == pytest.approx([1.0, 10.0 / 12.0], abs=0.04)


def test_singular_replicates_are_counted_and_used() -> None:
    found = engine.bootstrap(fitted(*ZERO), n_sim=200, seed=1)
    sd = found.samples[:, 0]
    assert found.n_singular == (sd == 0.0).sum() > 50
    assert found.intervals[0].lower == 0.0
    assert found.n_failed == 0


def test_a_stored_fit_has_the_same_bootstrap() -> None:
    stored = engine.from_bytes(engine.to_bytes(fitted(*NESTED)))
    one, other = (engine.bootstrap(own, n_sim=10, seed=1) for own in (fitted(*NESTED), stored))
    np.testing.assert_array_equal(one.samples, other.samples)


def test_progress_rises_to_all() -> None:
    told: list[float] = []
    engine.bootstrap(fitted(*FLOOR), n_sim=80, progress=lambda done, _: told.append(done))
    assert told == sorted(told)
    assert len(set(told)) == 80
    assert told[-1] == 1.0


class CancelledError(Exception):
    pass


@pytest.mark.parametrize("threads", [False, True])
def test_what_progress_raises_cancels(threads: bool) -> None:
    told: list[float] = []

    def progress(done: float, _: str) -> None:
        told.append(done)
        raise CancelledError

    with ThreadPoolExecutor(1) as executor, pytest.raises(CancelledError):
        engine.bootstrap(
            fitted(*FLOOR),
            n_sim=5000,
            executor=executor if threads else None,
            progress=progress,
        )
    assert len(told) == 1


def test_what_cannot_be_is_refused() -> None:
    for n_sim, seed in [(0, 0), (10**7, 0), (10, -1)]:
        with pytest.raises(LimitError):
            engine.bootstrap(fitted(*FLOOR), n_sim=n_sim, seed=seed)
    with pytest.raises(SpecError):
        engine.bootstrap(fitted(*FLOOR), n_sim=10, level=1.0)
