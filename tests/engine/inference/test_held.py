"""The deviance with a parameter held: exact derivatives, and the optimum where it is the best."""

from functools import cache

import numpy as np
import pytest

import engine
from engine import Fit
from engine.inference.deviance import Optimal
from engine.inference.held import hold
from tests.reference.likelihood import table

MODELS = [
    ("Reaction ~ Days + (Days | Subject)", "sleepstudy"),
    ("score ~ Machine + (Machine | Worker)", "Machines"),
    ("angle ~ recipe + temp + (temp | replicate) + (1 | recipe:replicate)", "cake"),
    ("Yield ~ 1 + (1 | Batch)", "Dyestuff2"),
]


@cache
def optimal(formula: str, data: str) -> Optimal:
    return Optimal.of(engine.fit(formula, table(data)))


def names(formula: str, data: str) -> list[str]:
    fit: Fit = optimal(formula, data).fit
    return [parameter.name for parameter in engine.parameters(fit)]


every_parameter = pytest.mark.parametrize(
    ("formula", "data", "name"),
    [(formula, data, name) for formula, data in MODELS for name in names(formula, data)],
)


@every_parameter
def test_held_where_it_is_best_the_deviance_is_the_lowest(
    formula: str, data: str, name: str
) -> None:
    best = optimal(formula, data)
    (parameter,) = (own for own in engine.parameters(best.fit) if own.name == name)
    held = hold(best, parameter)
    assert held is not None
    here = held.objective(held.at_optimum)(held.start)
    assert here is not None
    assert here.value == pytest.approx(best.deviance, abs=1e-8)
    assert np.abs(here.gradient).max(initial=0.0) < 1e-3


@every_parameter
def test_its_derivatives_are_those_of_differences(formula: str, data: str, name: str) -> None:
    best = optimal(formula, data)
    (parameter,) = (own for own in engine.parameters(best.fit) if own.name == name)
    held = hold(best, parameter)
    assert held is not None
    objective = held.objective(held.at_optimum + 0.5 * held.step)
    at = held.start + 0.1 * np.abs(held.start) + 0.05
    here = objective(at)
    assert here is not None
    for i, size in enumerate(3e-5 * np.maximum(np.abs(at), 0.1)):
        move = np.zeros(len(at))
        move[i] = size
        after, before = objective(at + move), objective(at - move)
        assert after is not None
        assert before is not None
        slope = (after.value - before.value) / (2.0 * size)
        bend = (after.gradient - before.gradient) / (2.0 * size)
        assert here.gradient[i] == pytest.approx(slope, rel=1e-5, abs=1e-4)
        scale = np.abs(here.hessian).max()
        np.testing.assert_allclose(here.hessian[i], bend, rtol=1e-4, atol=1e-6 * scale)
