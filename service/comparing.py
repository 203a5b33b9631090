"""Comparisons of fits by their likelihoods, as the schemas have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from engine import Fit, compare, ranova
from service.schemas.comparisons import ComparedModel, Comparison, RandomTermRow, RandomTerms


def comparison_of(names: Sequence[str], fits: Sequence[Fit], test: bool) -> Comparison:
    """Return the comparison of fits, each by its name."""
    found = compare(*fits, test=test)
    return Comparison(
        method=found.method,
        refitted=list(dict.fromkeys(names[i] for i in found.refitted)),
        items=[
            ComparedModel.showing({"model": names[row.index], **asdict(row)}) for row in found.rows
        ],
    )


def random_terms_of(fit: Fit) -> RandomTerms:
    """Return the tests of the random terms of a fit."""
    return RandomTerms(items=[RandomTermRow.showing(row) for row in ranova(fit)])
