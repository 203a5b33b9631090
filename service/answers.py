"""What is answered about a fit, as the schemas have it."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from engine import Fit, RandomEffects, describe_response, fixed_effects
from service.catalog import Model
from service.orders import Order, stored_form, sums_key
from service.schemas.fits import (
    ConvergenceRecord,
    FitOptions,
    FitStatistics,
    FittedModel,
    FixedEffectRow,
    ModelSummary,
    Provenance,
    RandomEffectsRow,
    ResponseExpression,
)


def model(row: Model, fit: Fit) -> FittedModel:
    """Return the whole answer about a fitted model."""
    return FittedModel(
        id=row.id,
        formula=row.formula,
        method=fit.spec.method,
        options=FitOptions(
            weights=fit.spec.weights,
            offset=fit.spec.offset,
            categorical=list(fit.spec.categorical),
            contrasts=dict(fit.spec.contrasts),
            missing=fit.spec.missing,
        ),
        dataset=row.dataset_id,
        response=ResponseExpression.showing(describe_response(fit)),
        n_rows=fit.n_rows,
        n_dropped=fit.n_dropped,
        groups=_groups(fit),
        fixed_effects=[FixedEffectRow.showing(effect) for effect in fixed_effects(fit)],
        dropped_terms=list(fit.dropped_terms),
        covariance=fit.covariance.tolist(),
        random_effects=[_random(effects) for effects in fit.random],
        residual_std_dev=fit.sigma,
        theta=fit.theta.tolist(),
        statistics=FitStatistics.showing(fit.statistics),
        convergence=ConvergenceRecord.showing(fit.convergence),
        provenance=Provenance(
            engine_version=fit.engine_version,
            spec_hash=row.summary["spec_hash"],
            dataset_hash=row.dataset_hash,
            elapsed_ms=row.summary["elapsed_ms"],
            rows_read=row.summary.get("rows_read"),
            added_to=row.summary.get("added_to"),
            reread=row.summary.get("reread"),
        ),
    )


class Rows(Struct, frozen=True):
    """Which rows a fit was made of.

    Attributes:
        read: how many were read.
        added_to: the dataset of whose rows there were sums already.
        reread: why rows were read whose sums there were.
    """

    read: int
    added_to: str | None
    reread: str | None


def row(order: Order, fit: Fit, elapsed_ms: float, rows: Rows) -> Model:
    """Return what the catalog keeps of a fit, whose file has no key yet."""
    spec = fit.spec  # a summary has its own order of terms
    return Model(
        key=order.key,
        dataset_id=order.dataset_id,
        dataset_hash=order.dataset_hash,
        formula=spec.formula.text,
        method=spec.method,
        n_rows=fit.n_rows,
        summary={
            **summary(fit),
            "spec_hash": order.specified.digest,
            "elapsed_ms": elapsed_ms,
            "rows_read": rows.read,
            "added_to": rows.added_to,
            "reread": rows.reread,
        },
        spec=stored_form(spec),
        blob="",
        id=order.id,
        sums=sums_key(spec, order.dataset_hash),
    )


def summary(fit: Fit) -> dict[str, Any]:
    """Return what the catalog keeps of a fit for lists."""
    return {
        "groups": _groups(fit),
        "criterion": fit.statistics.criterion,
        "converged": fit.convergence.converged,
        "boundary": fit.convergence.boundary,
    }


def listed(row: Model) -> ModelSummary:
    """Return a model as a list shows it."""
    return ModelSummary(
        id=row.id,
        formula=row.formula,
        method="ML" if row.method == "ML" else "REML",
        dataset=row.dataset_id,
        n_rows=row.n_rows,
        groups=row.summary["groups"],
        criterion=row.summary["criterion"],
        converged=row.summary["converged"],
        boundary=row.summary["boundary"],
        created_at=row.created_at,
    )


def _groups(fit: Fit) -> dict[str, int]:
    return {effects.group: len(effects.levels) for effects in fit.random}


def _random(effects: RandomEffects) -> RandomEffectsRow:
    std_dev = np.sqrt(effects.covariance.diagonal())
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = effects.covariance / np.outer(std_dev, std_dev)
    return RandomEffectsRow(
        group=effects.group,
        terms=list(effects.terms),
        std_dev=std_dev.tolist(),
        correlation=[
            [1.0 if i == j else _finite(r) for j, r in enumerate(row)]
            for i, row in enumerate(correlation.tolist())
        ],
    )


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
