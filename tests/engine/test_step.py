"""Steps are the lowest points of their models within a radius, and promise what these are."""

import numpy as np
import pytest

from engine.criterion import Evaluation, Structure
from engine.step import length, relative_step, step_within
from tests.engine.simulated import Floats


def evaluation(seed: int, size: int = 3, shift: float = 0.0) -> Evaluation:
    draw = np.random.default_rng(seed)
    root = draw.standard_normal((size, size))
    return Evaluation(0.0, draw.standard_normal(size), root @ root.T - shift * np.eye(size))


def gain(here: Evaluation, step: Floats) -> float:
    return -float(here.gradient @ step + 0.5 * step @ here.hessian @ step)


@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("radius", [0.05, 0.5, 5.0])
def test_no_step_within_the_radius_gains_more(shift: float, radius: float) -> None:
    draw = np.random.default_rng(0)
    directions = draw.standard_normal((4000, 3))
    directions *= radius / np.linalg.norm(directions, axis=1)[:, None]
    for seed in range(20):
        here = evaluation(seed, shift=shift)
        step, promised = step_within(here, radius)
        assert length(step) <= radius * (1.0 + 1e-9)
        assert promised == pytest.approx(gain(here, step), rel=1e-8)
        others = [gain(here, part * each) for each in directions[:500] for part in (0.3, 1.0)]
        assert promised >= (1.0 - 2e-3) * max(others)


def test_a_saddle_is_left_along_its_lowest_direction() -> None:
    here = Evaluation(0.0, np.array([0.3, 0.0]), np.diag([2.0, -1.0]))
    step, promised = step_within(here, 1.0)
    assert length(step) == pytest.approx(1.0)
    assert abs(step[1]) > 0.9
    assert promised > 0.5


def test_a_point_that_is_flat_and_curves_upwards_is_not_left() -> None:
    here = Evaluation(0.0, np.zeros(2), np.diag([2.0, 0.0]))
    step, promised = step_within(here, 1.0)
    assert not step.any()
    assert promised == 0.0


def test_a_relative_step_is_newtons_in_the_logarithms_of_sizes() -> None:
    # Of (log a - 1)^2 + (log b + 2)^2 it is the last one.
    theta = np.array([2.0, 0.5])
    off = np.log(theta) - np.array([1.0, -2.0])
    here = Evaluation(float(off @ off), 2.0 * off / theta, np.diag((2.0 - 2.0 * off) / theta**2))
    point, promised, size = relative_step(Structure.of((1, 1)), theta, here, 3.0)
    np.testing.assert_allclose(point, np.exp([1.0, -2.0]), rtol=1e-12)
    assert promised == pytest.approx(here.value, rel=1e-12)
    assert size == pytest.approx(length(off), rel=1e-12)


def test_a_short_relative_step_gains_what_it_promises() -> None:
    structure, theta = Structure.of((2, 1)), np.array([1.2, -0.4, 0.6, 0.3])
    for seed in range(5):
        here = evaluation(seed, size=4, shift=1.0)
        errors = []
        for radius in (1e-2, 1e-3):
            point, promised, size = relative_step(structure, theta, here, radius)
            assert size == pytest.approx(radius, rel=2e-3)
            errors.append(abs(gain(here, point - theta) - promised))
        assert errors[1] < 2e-3 * errors[0] + 1e-15  # what is left out is of third order


def test_a_relative_step_leaves_what_is_zero_as_it_is() -> None:
    structure, theta = Structure.of((2,)), np.array([1.0, 0.4, 0.0])
    point, _, _ = relative_step(structure, theta, evaluation(1, shift=2.0), 1.0)
    assert point[2] == 0.0
