"""How large a model, and what is asked of one, may be: the caps, in one place to be published."""

from __future__ import annotations

from dataclasses import dataclass

from engine import arithmetic, components, design, expansion, formula, groupmeans, sums, syntax
from engine.diagnostics import influence
from engine.inference import means, pairs


@dataclass(frozen=True, slots=True)
class Caps:
    """The caps of a model and of what is computed from it.

    Attributes:
        characters: of a formula as it is sent.
        nesting: of brackets and operators in a formula.
        operations: operators and functions of one expression.
        groupings: columns that the means of ``ave()`` are by.
        group_means: that all calls of ``ave()`` keep.
        degree: of ``poly()``.
        terms: fixed terms after expansion, and those of one random term.
        random_terms: random terms after expansion.
        variables: of one interaction or grouping factor; also the highest power.
        expansion_work: terms looked at while ``* / : ^`` are written out.
        columns: of X after factors are expanded.
        effects: that vary over the levels of one grouping factor.
        levels: of one grouping factor.
        crossed_elements: of the matrix of the effects of crossed factors, without those of the
            factor with most levels, and without its zeros between parts that share no level;
            beyond, models of one effect per factor are fitted without that matrix.
        marginal_means: estimated at once.
        paired_means: whose pairs are compared.
        influence_work: levels left out times levels of all groups, with several grouping factors.
    """

    characters: int = formula.MAX_CHARACTERS
    nesting: int = syntax.MAX_NESTING
    operations: int = arithmetic.MAX_OPERATIONS
    groupings: int = arithmetic.MAX_GROUPS
    group_means: int = groupmeans.MAX_MEANS
    degree: int = arithmetic.MAX_DEGREE
    terms: int = expansion.MAX_TERMS
    random_terms: int = expansion.MAX_RANDOM_TERMS
    variables: int = expansion.MAX_VARIABLES
    expansion_work: int = expansion.MAX_WORK
    columns: int = design.MAX_COLUMNS
    effects: int = design.MAX_EFFECTS
    levels: int = sums.MAX_LEVELS
    crossed_elements: int = components.MAX_ELEMENTS
    marginal_means: int = means.MAX_MEANS
    paired_means: int = pairs.MAX_MEANS
    influence_work: int = influence.MAX_WORK


CAPS = Caps()
