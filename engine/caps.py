"""How large a model, and what is asked of one, may be: the caps, in one place to be published."""

from __future__ import annotations

from dataclasses import dataclass

from engine import arithmetic, design, expansion, formula, syntax
from engine.diagnostics import influence
from engine.inference import means, pairs


@dataclass(frozen=True, slots=True)
class Caps:
    """The caps of a model and of what is computed from it.

    Attributes:
        characters: of a formula as it is sent.
        nesting: of brackets and operators in a formula.
        operations: operators and functions of one expression.
        degree: of ``poly()``.
        terms: fixed terms after expansion, and those of one random term.
        random_terms: random terms after expansion.
        variables: of one interaction or grouping factor; also the highest power.
        expansion_work: terms looked at while ``* / : ^`` are written out.
        columns: of X after factors are expanded.
        effects: that vary over the levels of one grouping factor.
        marginal_means: estimated at once.
        paired_means: whose pairs are compared.
        influence_work: levels left out times levels of all groups, with several grouping factors.
    """

    characters: int = formula.MAX_CHARACTERS
    nesting: int = syntax.MAX_NESTING
    operations: int = arithmetic.MAX_OPERATIONS
    degree: int = arithmetic.MAX_DEGREE
    terms: int = expansion.MAX_TERMS
    random_terms: int = expansion.MAX_RANDOM_TERMS
    variables: int = expansion.MAX_VARIABLES
    expansion_work: int = expansion.MAX_WORK
    columns: int = design.MAX_COLUMNS
    effects: int = design.MAX_EFFECTS
    marginal_means: int = means.MAX_MEANS
    paired_means: int = pairs.MAX_MEANS
    influence_work: int = influence.MAX_WORK


CAPS = Caps()
