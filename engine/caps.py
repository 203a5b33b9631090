"""How large a formula and its model may be: the caps, in one place to be published."""

from __future__ import annotations

from dataclasses import dataclass

from engine.components import MAX_DENSE
from engine.design import MAX_COLUMNS, MAX_EFFECTS
from engine.expansion import MAX_RANDOM_TERMS, MAX_TERMS
from engine.formula import MAX_CHARACTERS
from engine.syntax import MAX_NESTING


@dataclass(frozen=True, slots=True)
class Caps:
    """The caps of a model.

    Attributes:
        characters: of a formula as it is sent.
        nesting: of brackets and operators in a formula.
        terms: fixed terms after expansion, and those of one random term.
        random_terms: random terms after expansion.
        columns: of X after factors are expanded.
        effects: that vary over the levels of one grouping factor.
        dense: elements of the matrix of the effects of crossed factors, without those of the factor
            with most levels; zero between parts of the data that share no level.
    """

    characters: int = MAX_CHARACTERS
    nesting: int = MAX_NESTING
    terms: int = MAX_TERMS
    random_terms: int = MAX_RANDOM_TERMS
    columns: int = MAX_COLUMNS
    effects: int = MAX_EFFECTS
    dense: int = MAX_DENSE


CAPS = Caps()
