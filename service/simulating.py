"""Simulations: draws of the engine as JSON or as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from pydantic_core import to_json

from engine import Fit, Predictive, Simulator
from service import tabular
from service.predicting import transposed
from service.schemas.simulations import SimulationRequest


def of_rows(
    model: Predictive, rows: Sequence[Mapping[str, object]], asked: SimulationRequest
) -> Simulator:
    """Return what draws for new rows; raises ``EngineError``."""
    return Simulator.of_columns(
        model.fit,
        transposed(model.needs, rows),
        len(rows),
        use_modes=asked.random_effects == "keep",
        parameters=asked.parameter_uncertainty,
    )


def of_fit(fit: Fit, table: pa.Table, asked: SimulationRequest) -> Simulator:
    """Return what draws for the rows of a model; raises ``EngineError``."""
    return Simulator.of_fit(
        fit,
        table,
        use_modes=asked.random_effects == "keep",
        parameters=asked.parameter_uncertainty,
    )


def answer(name: str, simulator: Simulator, asked: SimulationRequest) -> bytes:
    """Return draws as the JSON of ``Simulations``."""
    values, outcome = _draw(simulator, asked)
    outcomes = [None] * len(values) if outcome is None else outcome.tolist()
    items = [
        {"row": row, "values": drawn, "outcome": own}
        for row, drawn, own in zip(simulator.rows.tolist(), values.tolist(), outcomes, strict=True)
    ]
    return to_json(
        {
            "model": name,
            "n_sim": asked.n_sim,
            "seed": asked.seed,
            "first": asked.first,
            "random_effects": asked.random_effects,
            "parameter_uncertainty": asked.parameter_uncertainty,
            "items": items,
        },
        inf_nan_mode="null",
    )


def table(simulator: Simulator, asked: SimulationRequest) -> pa.Table:
    """Return draws as a table with a line for each row and draw, the draws of a row together."""
    values, outcome = _draw(simulator, asked)
    columns = {
        "row": pa.array(np.repeat(simulator.rows, asked.n_sim)),
        "draw": pa.array(np.tile(np.arange(asked.n_sim) + asked.first, len(values))),
        "value": tabular.numbers(values.ravel()),
    }
    if outcome is not None:
        columns["outcome"] = tabular.numbers(outcome.ravel())
    return pa.table(columns)


def _draw(simulator: Simulator, asked: SimulationRequest) -> tuple[np.ndarray, np.ndarray | None]:
    values = simulator.draw(asked.n_sim, asked.seed, asked.first)
    return values, None if simulator.inverse is None else simulator.outcome(values)
