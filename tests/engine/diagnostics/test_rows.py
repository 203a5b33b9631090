from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import engine
from engine import DataError, row_diagnostics
from engine.diagnostics import scan
from tests.engine.fits import fitted
from tests.engine.simulated import table
from tests.reference.cases import case, frame
from tests.reference.diagnosed import Diagnosed, diagnosed

MODELS = ["seed_mod_cov", "penicillin", "pastes", "radon_offset", "sleepstudy_poly"]


@pytest.mark.parametrize("known", diagnosed(), ids=str)
def test_every_row_is_diagnosed_as_by_lme4(known: Diagnosed) -> None:
    found = row_diagnostics(fitted(known.model), frame(case(known.model)))
    for name, expected in known.rows.items():
        own = getattr(found, name)[known.at]
        assert np.max(np.abs(own - expected)) < 5e-7 * np.max(np.abs(expected)), name
    assert found.leverage.sum() == pytest.approx(known.leverage_sum, rel=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_fitted_values_are_the_predictions_of_the_same_rows(name: str) -> None:
    fit, data = fitted(name), frame(case(name))
    columns = {own.name: data[own.name].to_numpy() for own in engine.predictors(fit)}
    found = row_diagnostics(fit, data)
    expected = engine.predict(fit, columns).estimate
    assert found.fitted == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_the_hat_matrix_is_what_moves_fitted_values() -> None:
    data = table(3)
    fit = engine.fit("y ~ x + (1 + z | g)", data, weights="w")
    leverage = row_diagnostics(fit, data).leverage
    g = fit.random[0].covariance / fit.sigma**2
    z = np.column_stack([np.ones(len(data)), data.z])
    same = np.equal.outer(data.g.to_numpy(), data.g.to_numpy())
    v = same * (z @ g @ z.T) + np.diag(1.0 / data.w)
    x = np.column_stack([np.ones(len(data)), data.x])
    inverse = np.linalg.inv(v)
    p = inverse - inverse @ x @ np.linalg.solve(x.T @ inverse @ x, x.T @ inverse)
    hat = np.eye(len(data)) - np.diag(1.0 / data.w) @ p
    assert leverage == pytest.approx(hat.diagonal(), rel=1e-9)


def test_least_squares_has_the_usual_leverage() -> None:
    data = table(1)
    fit = engine.fit("y ~ x + c", data)
    found = row_diagnostics(fit, data)
    assert found.leverage.sum() == pytest.approx(4.0, rel=1e-12)
    assert found.fitted == pytest.approx(found.marginal, rel=1e-12)


def test_rows_keep_their_numbers_when_others_are_dropped() -> None:
    data = table(2)
    data.loc[[0, 4], "x"] = np.nan
    fit = engine.fit("y ~ x + (1 | g)", data)
    found = row_diagnostics(fit, data)
    kept = np.setdiff1d(np.arange(len(data)), [0, 4])
    assert found.row.tolist() == kept.tolist()
    assert found.fitted + found.residual == pytest.approx(data.y.to_numpy()[kept], rel=1e-12)


def test_a_range_of_rows_is_a_part_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    data = table(5)
    fit = engine.fit("y ~ x + (1 | g)", data)
    whole = row_diagnostics(fit, data)
    part = row_diagnostics(fit, pa.Table.from_pandas(data), 3, 9)
    assert part.row.tolist() == list(range(3, 9))
    assert part.leverage == pytest.approx(whole.leverage[3:9], rel=1e-14)
    assert len(row_diagnostics(fit, data, len(data)).row) == 0
    monkeypatch.setattr(scan, "CHUNK_ROWS", 7)
    assert row_diagnostics(fit, data).leverage == pytest.approx(whole.leverage, rel=1e-12)


def test_a_row_that_is_fitted_whatever_it_says_has_no_studentised_residual() -> None:
    data = table(6).assign(odd=lambda own: np.where(own.index == 3, 1.0, 0.0))
    found = row_diagnostics(engine.fit("y ~ x + odd + (1 | g)", data), data)
    assert found.leverage[3] == pytest.approx(1.0, abs=1e-12)
    assert np.isnan([found.studentised[3], found.cooks_distance[3]]).all()
    assert np.isfinite(np.delete(found.cooks_distance, 3)).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.iloc[1:],
        lambda data: data.assign(y=data.y + 1.0),
        lambda data: data.assign(y=data.y[::-1].to_numpy() * 2.0),
        lambda data: data.assign(g=data.g + "!"),
        lambda data: data.assign(c=data.c.str.upper()),
    ],
)
def test_other_rows_than_those_of_the_fit_are_refused(change: object) -> None:
    data = table(7)
    fit = engine.fit("y ~ x + c + (1 | g)", data)
    assert callable(change)
    other = change(data)
    assert isinstance(other, pd.DataFrame)
    with pytest.raises(DataError, match="not the rows"):
        row_diagnostics(fit, other)
