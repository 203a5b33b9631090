from __future__ import annotations

import pytest

import engine
from tests.reference.cases import case, frame


class Told:
    """Keeps what it is told, and raises when it is told for the time of number ``cancel``."""

    def __init__(self, cancel: int | None = None) -> None:
        self.shares: list[float] = []
        self.messages: list[str] = []
        self.cancel = cancel

    def __call__(self, done: float, message: str, /) -> None:
        self.shares.append(done)
        self.messages.append(message)
        if self.cancel == len(self.shares):
            raise InterruptedError


def fit_of(name: str, told: Told) -> engine.Fit:
    known = case(name)
    return engine.fit(known.formula, frame(known), method=known.method, progress=told)


@pytest.mark.parametrize("name", ["dyestuff", "sleepstudy_slope", "penicillin"])
def test_a_fit_tells_how_far_it_is_from_nothing_to_all(name: str) -> None:
    told = Told()
    fit = fit_of(name, told)
    assert (told.shares[0], told.shares[-1]) == (0.0, 1.0)
    assert told.shares == sorted(told.shares)
    for stage in ("reading", "cross-products", "search", "effects"):
        assert any(stage in message for message in told.messages)
    assert sum("evaluation" in message for message in told.messages) <= fit.convergence.evaluations


def test_a_fit_that_tells_is_the_fit_that_does_not() -> None:
    known = case("sleepstudy_slope")
    quiet = engine.fit(known.formula, frame(known), method=known.method)
    assert engine.to_bytes(fit_of(known.name, Told())) == engine.to_bytes(quiet)


def test_the_pass_over_the_rows_tells_of_every_chunk() -> None:
    known, told = case("radon_slope"), Told()
    spec = engine.Spec.of(known.formula, method=known.method)
    engine.fit_spec(spec, frame(known), chunk_rows=100, progress=told)
    assert sum("cross-products" in message for message in told.messages) == 10
    assert told.shares == sorted(told.shares)


@pytest.mark.parametrize("at", [1, 2, 3, 6])
def test_what_progress_raises_ends_the_fit_there(at: int) -> None:
    told = Told(cancel=at)
    with pytest.raises(InterruptedError):
        fit_of("radon_slope", told)
    assert len(told.shares) == at


@pytest.mark.parametrize(("name", "group"), [("dyestuff", "Batch"), ("penicillin", "sample")])
def test_leaving_out_levels_tells_of_each(name: str, group: str) -> None:
    known, told = case(name), Told()
    fit = fit_of(name, Told())
    found = engine.level_influence(fit, frame(known), group, progress=told)
    assert len(told.shares) == len(found.levels)
    assert told.shares == sorted(told.shares)
