"""Which model is within which, from their designs alone, and what that makes of a test.

A design spans, for each of its terms, all products of the term's variables with every level of its
factors counted (R's coding sees to that), so a term is within a design when one of the design's
terms holds its variables and beyond them only factors. That is told from names: designs that span
the same columns under other names (``x`` and ``scale(x)``) are not seen to do so.
"""

from __future__ import annotations

import scipy
from msgspec import Struct

from engine import expression
from engine.design import Block, Categorical, Design, Grouping, TermSet


def lacks(larger: Design, smaller: Design) -> str | None:
    """What the smaller model has and the larger has not, in words; ``None`` when it is within."""
    missing = _missing(larger.fixed, smaller.fixed)
    if missing is not None:
        return f"the fixed effect {missing}"
    for grouping in smaller.groupings:
        for term in grouping.terms:
            if not any(_missing(own, term) is None for own in _of_group(larger, grouping)):
                return f"the random effects of {', '.join(term.names)} by {grouping.name}"
    return None


def _of_group(design: Design, grouping: Grouping) -> list[TermSet]:
    """The random terms of a design on the same levels, in whatever order their columns stand."""
    columns = frozenset(grouping.columns)
    return [
        term for own in design.groupings if frozenset(own.columns) == columns for term in own.terms
    ]


def _missing(larger: TermSet, smaller: TermSet) -> str | None:
    """The first term of one set that the other does not span."""
    theirs = [_keys(block) for block in larger.blocks] + [frozenset()] * larger.intercept
    named = [(_keys(block), block.term) for block in smaller.blocks]
    if smaller.intercept:
        named.insert(0, (frozenset(), "(Intercept)"))
    for own, name in named:
        if not any(own <= their and _only_factors(their - own) for their in theirs):
            return name
    return None


def _keys(block: Block) -> frozenset[tuple[bool, str]]:
    """The variables of a term, each with whether it is a factor."""
    return frozenset(
        (True, v.column) if isinstance(v, Categorical) else (False, expression.text(v.expr))
        for v in block.variables
    )


def _only_factors(keys: frozenset[tuple[bool, str]]) -> bool:
    return all(is_factor for is_factor, _ in keys)


class Reference(Struct, frozen=True):
    """The null distribution of a likelihood ratio between nested models.

    Attributes:
        df: parameters that the larger model has more.
        variances: how many of them are variances, zero under the smaller model and so on the
            boundary of what they can be.
    """

    df: int
    variances: int

    @classmethod
    def of(cls, larger: Design, smaller: Design, df: int) -> Reference:
        """For a smaller model that is within the larger one by ``df`` parameters."""
        return cls(df, _effects(larger) - _effects(smaller))

    def p_value(self, chisq: float) -> float:
        """Probability of more than ``chisq``, were no parameter on a boundary."""
        return float(scipy.special.chdtrc(self.df, chisq))

    def mixture(self, chisq: float) -> float | None:
        """The same with one variance on its boundary: 0.5 chi2(df - 1) + 0.5 chi2(df).

        With one variance more, and any covariances and fixed effects, the free parameters see half
        a space (Self, Liang 1987, J. Am. Stat. Assoc. 82, 605, case 5; Stram, Lee 1994, Biometrics
        50, 1171, case 3). With several the weights depend on the information matrix: ``None``.
        """
        if self.variances != 1:
            return None
        if chisq <= 0.0:
            return 1.0
        rest = float(scipy.special.chdtrc(self.df - 1, chisq)) if self.df > 1 else 0.0
        return 0.5 * rest + 0.5 * self.p_value(chisq)


def _effects(design: Design) -> int:
    """Variances of the random effects."""
    return sum(len(grouping.names) for grouping in design.groupings)
