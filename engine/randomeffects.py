"""The random effects of a fitted model: modes, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

from engine.criterion import Criterion, Factorised
from engine.prepared import Prepared
from engine.solution import Solution
from engine.table import Codes, Floats
from engine.units import Units


@dataclass(frozen=True)
class RandomEffects:
    """The random effects of one grouping factor: J levels, k effects each, in the data's units.

    Attributes:
        group: name of the factor.
        terms: k names.
        sizes: how many of them each random term has; effects of different terms are independent.
        levels: J names.
        rows: rows per level (J,).
        covariance: of the effects of a level, (k, k).
        modes: conditional modes (lme4's ranef), (J, k).
        conditional: conditional covariances given theta and beta (lme4's condVar), (J, k, k).
    """

    group: str
    terms: tuple[str, ...]
    sizes: tuple[int, ...]
    levels: tuple[str, ...]
    rows: Codes
    covariance: Floats
    modes: Floats
    conditional: Floats

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Index of each level by name."""
        return {level: j for j, level in enumerate(self.levels)}

    @property
    def blocks(self) -> tuple[slice, ...]:
        """The effects of each random term."""
        return tuple(slice(a, b) for a, b in pairwise(accumulate(self.sizes, initial=0)))


def random_effects(
    prepared: Prepared,
    criterion: Criterion,
    factor: Factorised,
    solution: Solution,
    units: Units,
) -> tuple[RandomEffects, ...]:
    """Modes G Z_j'V_j^-1(y - X beta) and their covariances sigma^2 (G - G Z_j'V^-1 Z_j G)."""
    scale = solution.sigma * units.y
    out = []
    modes = criterion.modes(factor, solution.beta)
    for group, grouping, t, z, (own_modes, conditional) in zip(
        prepared.products.groups,
        prepared.design.groupings,
        solution.t,
        units.z,
        modes,
        strict=True,
    ):
        to_data = z @ t
        out.append(
            RandomEffects(
                group=grouping.name,
                terms=grouping.names,
                sizes=tuple(len(term.names) for term in grouping.terms),
                levels=group.levels,
                rows=group.rows,
                covariance=scale**2 * (to_data @ to_data.T),
                modes=units.y * (own_modes @ z.T),
                conditional=scale**2 * (z @ conditional @ z.T),
            )
        )
    return tuple(out)
