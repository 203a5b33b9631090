"""Which random effects a prediction counts: all, none, or those of chosen terms (lme4's re.form).

An effect that is not counted is taken to be zero: the line does not contain it, and neither its
variance nor its uncertainty is in any standard error or interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
from msgspec import Struct

from engine import expression
from engine.design import Block, Categorical, Grouping
from engine.errors import FormulaError, Problem, SpecError
from engine.expression import Expr
from engine.fit import Fit
from engine.formula import RandomTerm, parse_random
from engine.frame import Frame
from engine.table import Floats

Asked: TypeAlias = str | Sequence[str]

_Key: TypeAlias = tuple[bool, str]
"""A variable: whether it is a factor, and its column or text."""


class Part(Struct, frozen=True):
    """Some neighbours among the k effects of a grouping factor: an intercept, or a term's.

    Attributes:
        start: index of the first.
        block: the term; ``None`` for an intercept.
    """

    start: int
    block: Block | None

    @property
    def span(self) -> slice:
        """The indices."""
        return slice(self.start, self.start + (1 if self.block is None else len(self.block.names)))

    def columns(self, frame: Frame) -> list[Floats]:
        """The columns (n,) of Z."""
        return [np.ones(frame.n_rows)] if self.block is None else self.block.columns(frame)


class Chosen(Struct, frozen=True):
    """The effects that are counted.

    Attributes:
        parts: those of each grouping factor; empty when it is left out.
        whole: whether all effects are.
    """

    parts: tuple[tuple[Part, ...], ...]
    whole: bool

    @classmethod
    def of(cls, fit: Fit, asked: Asked = "all") -> Chosen:
        """Read what is asked for.

        Args:
            fit: the model.
            asked: "all", "none", or random terms as a formula writes them: ``(1 | county)`` of
                ``(1 + floor | county)`` counts the intercepts and not the slopes.

        Raises:
            SpecError: it is none of these, or not of the model, one problem each, with path
                ("random_effects", i).
        """
        parts = tuple(tuple(_parts(grouping)) for grouping in fit.design.groupings)
        if isinstance(asked, str):
            if asked not in {"all", "none"}:
                raise SpecError(_unknown_option())
            return cls(parts, True) if asked == "all" else cls(((),) * len(parts), False)
        counted: list[set[int]] = [set() for _ in parts]
        problems: list[Problem] = []
        for i, text in enumerate(asked):
            try:
                for term in parse_random(text):
                    which = _grouping(fit, term)
                    counted[which] |= {part.start for part in _matching(term, parts[which])}
            except FormulaError as error:
                problems += [_placed(problem, i) for problem in error.problems]
            except _NotOfModelError as error:
                problems.append(_not_of_model(fit, str(error), i))
        if problems:
            raise SpecError(*problems)
        kept = tuple(
            tuple(part for part in own if part.start in starts)
            for own, starts in zip(parts, counted, strict=True)
        )
        return cls(kept, kept == parts)

    def counts(self, which: int) -> bool:
        """Whether a grouping factor has an effect that is counted."""
        return bool(self.parts[which])

    def z(self, frame: Frame, fit: Fit, which: int) -> Floats:
        """Rows of Z of a grouping factor in the pilots' units, zero for what is left out, (n, k).

        What is left out is an effect in the data's units: without its slope, an intercept is at
        zero of the predictor, not at the pilot's centre.
        """
        grouping, pilot = fit.design.groupings[which], fit.products.groups[which].pilot
        z = np.zeros((len(grouping.names), frame.n_rows))
        for part in self.parts[which]:
            z[part.span] = part.columns(frame)
        if self.whole:
            return np.asarray((z.T - pilot.centre) / pilot.scale)
        return np.asarray(z.T @ fit.units.z[which])


class _NotOfModelError(Exception):
    """What is asked for is not in the model; the message says what."""


def _parts(grouping: Grouping) -> Iterator[Part]:
    start = 0
    for term in grouping.terms:
        if term.intercept:
            yield Part(start, None)
            start += 1
        for block in term.blocks:
            yield Part(start, block)
            start += len(block.names)


def _grouping(fit: Fit, term: RandomTerm) -> int:
    for which, grouping in enumerate(fit.design.groupings):
        if set(grouping.columns) == set(term.group):
            return which
    raise _NotOfModelError(f"nothing varies by {term.group_name}")


def _matching(term: RandomTerm, parts: Sequence[Part]) -> list[Part]:
    """The parts of a grouping factor that a term names, coded as they are in the model."""
    found = [part for part in parts if part.block is None] if term.intercept else []
    if term.intercept and not found:
        raise _NotOfModelError(f"no intercept varies by {term.group_name}")
    coded = [(part, _codings(part.block)) for part in parts if part.block is not None]
    known = {key for _, codings in coded for key in codings}
    keys = [tuple(_key(factor, known) for factor in own.factors) for own in term.terms]
    for own, codings in zip(term.terms, _asked_codings(term.intercept, keys), strict=True):
        matching = [part for part, theirs in coded if theirs == codings]
        if not matching:
            raise _NotOfModelError(f"{own.text} does not vary by {term.group_name} as written")
        found += matching
    return found


def _key(expr: Expr, known: set[_Key]) -> _Key:
    """The variable that an expression stands for, among those of the model."""
    plain = (False, expression.text(expr))
    name = expression.is_factor(expr) or (
        expr.name if isinstance(expr, expression.Column) and plain not in known else None
    )
    return plain if name is None else (True, name)


def _codings(block: Block) -> dict[_Key, bool]:
    """The variables of a term, and whether each is a factor coded by contrasts."""
    return {
        (True, variable.column)
        if isinstance(variable, Categorical)
        else (False, expression.text(variable.expr)): isinstance(variable, Categorical)
        and variable.matrix is not None
        for variable in block.variables
    }


def _asked_codings(intercept: bool, terms: Sequence[tuple[_Key, ...]]) -> list[dict[_Key, bool]]:
    """As :func:`_codings` for terms as written, by R's rule (``design._Learner.term_set``)."""
    present: set[frozenset[_Key]] = {frozenset(), *map(frozenset, terms)}
    out, whole_factor = [], intercept
    for term in terms:
        codings = {}
        for key in term:
            factor = key[0]
            codings[key] = factor and whole_factor and frozenset(term) - {key} in present
            whole_factor |= factor
        out.append(codings)
    return out


def _unknown_option() -> Problem:
    return Problem(
        "unknown_option",
        "random_effects is not one of all, none, or a list of random terms",
        'use "all", "none", or terms as in the formula: ["(1 | county)"]',
        ("random_effects",),
    )


def _placed(problem: Problem, i: int) -> Problem:
    return Problem(problem.code, problem.detail, problem.hint, ("random_effects", i))


def _not_of_model(fit: Fit, what: str, i: int) -> Problem:
    terms = ", ".join(term.text for term in fit.spec.formula.random) or "none"
    return Problem(
        "unknown_random_term",
        f"random term {i + 1} is not part of the model: {what}",
        f"the random terms of the model are: {terms}",
        ("random_effects", i),
    )
