"""Looking at a model beside its data without fitting: what is wrong, or how large it is."""

from __future__ import annotations

from engine import EngineError, Examination, examine
from service.orders import Specified, specify
from service.problems import items_of
from service.schemas.fits import Dimensions, FitRequest, Validation
from service.stored import Source


def specified_or_not(asked: FitRequest) -> Specified | Validation:
    """Return the specification of a request, or the answer that it cannot be read."""
    try:
        return specify(asked)
    except EngineError as error:
        return Validation(
            valid=False, formula=None, problems=items_of(error.problems), dimensions=None
        )


def examined(specified: Specified, source: Source) -> Validation:
    """Return what there is to say of a specification for a table, or for sums."""
    found = examine(specified.spec, source)
    return Validation(
        valid=not found.problems,
        formula=specified.spec.formula.text,
        problems=items_of(found.problems),
        dimensions=_dimensions(found),
    )


def _dimensions(found: Examination) -> Dimensions | None:
    size = found.dimensions
    if size is None:
        return None
    return Dimensions(
        n_rows=size.n_rows,
        n_dropped=size.n_dropped,
        fixed_effects=list(size.coefficients),
        dropped_terms=list(size.dropped_terms),
        groups=dict(size.groups),
        random_effects={group: list(names) for group, names in size.random_effects.items()},
        parameters=size.n_parameters,
    )
