"""A model made ready to be fitted: what can be checked before any fitting is checked here."""

from __future__ import annotations

import itertools

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from engine.cholesky import independent_columns
from engine.components import has_room, too_many_effects
from engine.criterion import Criterion, Structure
from engine.crossproducts import CrossProducts
from engine.design import Design, learn
from engine.errors import DataError, Problem, SpecError
from engine.forms import criterion_of
from engine.frame import Frame, read
from engine.given import is_scan
from engine.progress import Progress, part, silent
from engine.spec import Spec
from engine.sums import CHUNK_ROWS, accumulate
from engine.table import Data, Table

PERFECT_FIT = 1e-14
"""A residual variance less than this part of the response's is a perfect fit."""
READ = 0.3
"""The share of reading in the time that making a model ready takes."""


class Prepared(Struct, frozen=True):
    """A model that can be fitted: its design, its cross-products, and which columns of M are X."""

    spec: Spec
    design: Design
    n_dropped: int
    products: CrossProducts
    kept: NDArray[np.intp]
    iterative: bool = False
    """Whether the crossed effects are too many for a dense factor."""

    @property
    def criterion(self) -> Criterion:
        """The criterion of the model in the form that is quickest for it."""
        sizes = tuple(len(term.names) for own in self.design.groupings for term in own.terms)
        structure = Structure.of(sizes)
        return criterion_of(
            self.products, self.kept, structure, self.spec.method, iterative=self.iterative
        )

    @property
    def spans(self) -> tuple[slice, ...]:
        """The effects of each grouping factor among all."""
        sizes = (len(own.names) for own in self.design.groupings)
        return tuple(
            slice(a, b) for a, b in itertools.pairwise(itertools.accumulate(sizes, initial=0))
        )

    @property
    def names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the columns of X that are kept, and of those that are dropped as aliased."""
        first = 0 if self.design.fixed.intercept else 1
        kept = set((self.kept - first).tolist())
        names = self.design.fixed.names
        return (
            tuple(name for i, name in enumerate(names) if i in kept),
            tuple(name for i, name in enumerate(names) if i not in kept),
        )


@np.errstate(over="ignore", invalid="ignore")  # what is beyond all doubles is refused
def prepare(
    spec: Spec, data: Data, *, chunk_rows: int = CHUNK_ROWS, progress: Progress = silent
) -> Prepared:
    """Read the rows once, a scan as often as it takes; check what can be checked without fitting.

    Raises:
        EngineError: the model cannot be fitted to these data.
    """
    progress(0.0, "reading the rows")
    if is_scan(data):
        from engine.scan import scan  # polars takes a third of a second to import

        found = scan(spec, data, chunk_rows=chunk_rows, progress=progress)
        return checked(spec, found.design, found.n_dropped, found.products)
    frame = read(spec, Table.of(data))
    design = _largest_first(learn(spec, frame), frame)
    products = accumulate(
        design, frame, spec.weights, chunk_rows=chunk_rows, progress=part(progress, READ, 1.0)
    )
    return checked(spec, design, frame.n_dropped, products)


def checked(spec: Spec, design: Design, n_dropped: int, products: CrossProducts) -> Prepared:
    """A model whose cross-products are made, grouping factors with more levels first.

    Raises:
        EngineError: the model cannot be fitted to these data.
    """
    prepared = Prepared(spec, design, n_dropped, products, _independent(design, products))
    _require_fittable(prepared)
    if not products.meetings:
        return prepared
    levels = [len(group.levels) for group in products.groups]
    sizes = [len(grouping.names) for grouping in design.groupings]
    if has_room(levels, sizes, products.meetings):
        return prepared
    if max(sizes) > 1:
        raise too_many_effects(levels, sizes)
    return structs.replace(prepared, iterative=True)


def _largest_first(design: Design, frame: Frame) -> Design:
    """The same design, grouping factors with more levels first, as lme4 orders them."""
    if len(design.groupings) < 2:
        return design
    by_levels = sorted(design.groupings, key=lambda own: -len(own.factor(frame).levels))
    return structs.replace(design, groupings=tuple(by_levels))


def _independent(design: Design, products: CrossProducts) -> NDArray[np.intp]:
    """The columns of M that are X and not aliased; X's intercept, if any, is column 0."""
    first = 0 if design.fixed.intercept else 1
    gram = products.mm[first:-1, first:-1]
    return independent_columns(gram) + first


def _require_fittable(prepared: Prepared) -> None:
    products, design = prepared.products, prepared.design
    if len(prepared.kept) == 0 and not design.groupings:
        raise SpecError(
            Problem(
                "no_terms",
                "the model has no column that is not zero",
                "add a predictor, the intercept or a random term",
                ("formula",),
            )
        )
    if _constant_response(products):
        raise DataError(
            Problem(
                "constant_response",
                "the response is the same in every row of the model",
                "check the response column",
                ("formula",),
            )
        )
    for group, grouping in zip(products.groups, design.groupings, strict=True):
        widest = max(len(term.names) for term in grouping.terms)
        _require_levels(group.name, len(group.levels), widest, products.n)
    if products.n <= len(prepared.kept):
        raise DataError(
            Problem(
                "too_few_rows",
                f"{products.n} rows cannot determine {len(prepared.kept)} fixed effects "
                "and a residual variance",
                "use fewer predictors or more rows",
                ("formula",),
            )
        )


def _constant_response(products: CrossProducts) -> bool:
    """Whether y has no spread about its own mean."""
    weight, total, square = products.mm[0, 0], products.mm[0, -1], products.mm[-1, -1]
    return bool(square - total**2 / weight <= PERFECT_FIT * max(square, np.finfo(float).tiny))


def _require_levels(name: str, n_levels: int, k: int, n_rows: int) -> None:
    if n_levels < 2:
        raise DataError(
            Problem(
                "one_level",
                f"grouping factor {name} has only one level in the rows of the model",
                "a grouping factor needs two levels or more",
                ("formula",),
            )
        )
    if n_levels >= n_rows:
        raise DataError(
            Problem(
                "too_many_levels",
                f"grouping factor {name} has as many levels as there are rows",
                "group effects and residuals cannot be told apart: use a coarser group",
                ("formula",),
            )
        )
    if n_levels * k >= n_rows:
        raise DataError(
            Problem(
                "too_many_effects",
                f"{k} random effects for each of {n_levels} levels of {name} "
                f"are as many as the {n_rows} rows",
                "use fewer random slopes",
                ("formula",),
            )
        )
