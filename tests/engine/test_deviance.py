"""The ML deviance of a fit by REML: found when it is asked for, and then the same as ever."""

from __future__ import annotations

from copy import deepcopy

import pytest

import engine
from engine.deviance import Deviance
from tests.engine.simulated import table

FORMULA = "y ~ x + (x | g)"


def test_it_is_looked_for_once_and_only_when_asked_for() -> None:
    answers = [2.0]
    deviance = Deviance(answers.pop)
    assert answers == [2.0]
    assert (deviance.value, deviance.value) == (2.0, 2.0)
    assert not answers


def test_two_are_equal_when_their_values_are() -> None:
    assert Deviance(lambda: 2.0) == Deviance(2.0)
    assert hash(Deviance(lambda: 2.0)) == hash(Deviance(2.0))
    assert Deviance(2.0) != Deviance(3.0)
    assert Deviance(2.0) != 2.0


def test_that_of_a_fit_is_the_ml_fits_whenever_it_is_asked_for() -> None:
    data = table(seed=4)
    fit, again = (engine.fit(FORMULA, data) for _ in range(2))
    ml = engine.fit(FORMULA, data, method="ML")
    first = fit.statistics.deviance
    engine.fixed_effects(again)
    engine.to_bytes(again)
    assert again.statistics.deviance == first
    assert first == pytest.approx(ml.statistics.deviance, abs=1e-7)
    assert ml.statistics.deviance == ml.statistics.dic == ml.statistics.criterion


def test_a_copy_of_a_fit_finds_it_by_itself() -> None:
    fit = engine.fit(FORMULA, table(seed=4))
    assert deepcopy(fit).statistics == fit.statistics
