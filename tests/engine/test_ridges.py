"""Beyond the ridges around an end of a search: sets whose lowest optimum no scan has shown."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.robustness import hard_set, random_ends
from engine.descent import Start, newton
from engine.optimum import minimise
from engine.prepared import prepare
from engine.ridges import LADDER, beyond
from engine.surface import StackedCriterion


def criterion(number: int) -> StackedCriterion:
    one = hard_set(2, number)
    found = prepare(one.spec, one.data).criterion
    assert isinstance(found, StackedCriterion)
    return found


@pytest.mark.parametrize("number", [674, 1193, 2214, 2392])
def test_an_optimum_without_an_effect_or_with_a_very_large_one_is_found(number: int) -> None:
    own = criterion(number)
    assert minimise(own).value <= min(random_ends(own, number)) + 1e-5


def test_a_line_shows_an_effect_larger_than_any_scan_has() -> None:
    own = criterion(2392)
    theta = np.array([2.3972, 0.0])
    sizes = [float(start.theta[0]) for start in beyond(own, theta, own.value_at(theta))]
    assert max(sizes) > 12.0
    assert max(sizes) in LADDER


def test_what_is_held_stays_until_the_others_are_at_their_optimum() -> None:
    own = criterion(674)
    held = np.array([False, False, True, False])
    search = newton(Start(np.array([1.3, 0.9, 0.0, 5.0]), held=held))
    points = next(search)
    for _ in range(3):
        assert all(point[2] == 0.0 for point in points)
        points = search.send([own(point) for point in points])
