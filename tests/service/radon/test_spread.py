from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import engine
from service.radon.spread import spread_by_state


def test_the_spread_of_each_state_is_that_of_its_houses() -> None:
    generator = np.random.default_rng(7)
    truth = {"A": 0.5, "B": 1.0, "C": 2.0}
    states = np.repeat(list(truth), 800)
    counties = np.tile(np.arange(20), 120)
    noise = generator.normal(size=2400) * np.vectorize(truth.get)(states)
    table = pd.DataFrame({"state": states, "fips": counties, "y": noise})
    table.loc[5, "y"] = np.nan  # a row that the model drops
    fit = engine.fit("y ~ 1 + (1 | state/fips)", table)
    found = spread_by_state(fit, table, states.tolist())
    assert found == pytest.approx(truth, rel=0.08)


def test_without_differences_it_is_that_of_the_model() -> None:
    generator = np.random.default_rng(3)
    table = pd.DataFrame(
        {"state": np.repeat(["A"], 400), "fips": np.tile(np.arange(40), 10), "y": 0.0}
    )
    table["y"] = generator.normal(size=400) + generator.normal(size=40)[table["fips"]]
    fit = engine.fit("y ~ 1 + (1 | fips)", table)
    assert spread_by_state(fit, table, ["A"] * 400)["A"] == pytest.approx(fit.sigma, rel=0.02)
