"""The formula of a model, in lme4's language: what varies with what, and over which groups.

``parse`` reads the text by a grammar of our own (``tokens``, ``syntax``) and R's rules
(``expansion``, ``arithmetic``). Nothing in a formula is ever evaluated as code, and the caps
bound the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from engine import expression
from engine.arithmetic import read_expression
from engine.expansion import Bar, Effects, expand
from engine.expression import Call, Expr
from engine.syntax import Node, read_side, read_sides, spelled
from engine.tokens import Source, quoted

MAX_CHARACTERS = 2_000
"""How long a formula may be as it is sent."""

_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Term:
    """A variable, or the interaction of several: ``floor``, ``log(radon)``, ``a:b``."""

    factors: tuple[Expr, ...]

    @property
    def text(self) -> str:
        """The term as R names it."""
        return ":".join(map(expression.text, self.factors))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns the term uses, in order of first appearance."""
        return tuple(
            dict.fromkeys(name for each in self.factors for name in expression.columns(each))
        )


@dataclass(frozen=True, slots=True)
class RandomTerm:
    """What varies over the levels of a grouping factor: ``(1 + floor | county)``.

    ``group`` holds the columns of the grouping factor, the finest first when they are nested.
    """

    intercept: bool
    terms: tuple[Term, ...]
    group: tuple[str, ...]

    @property
    def group_name(self) -> str:
        """The grouping factor as lme4 names it: ``county``, ``cask:batch``."""
        return ":".join(self.group)

    @property
    def text(self) -> str:
        """The term as a formula writes it."""
        return f"({_sum(self.intercept, _texts(self.terms))} | {_written_group(self.group)})"


@dataclass(frozen=True)
class Formula:
    """A model as the formula describes it.

    Two formulas are equal when they have the same terms in the same order, however written.

    Attributes:
        response: the outcome, an expression of at least one column.
        intercept: whether the fixed effects have one.
        terms: the fixed terms by degree, then by first appearance, as R orders them.
        random: the random terms as written; ``||`` and ``/`` are already several.
        text: the formula as R would print what was written.

    """

    response: Expr
    intercept: bool
    terms: tuple[Term, ...]
    random: tuple[RandomTerm, ...]
    text: str = field(compare=False)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns the model uses: of the response, the fixed terms, the random terms.

        A term that was written and taken away again (``a + b - b``) leaves no column behind.
        """
        return tuple(dict.fromkeys(self._names()))

    def _names(self) -> Iterator[str]:
        yield from expression.columns(self.response)
        for term in self.terms:
            yield from term.columns
        for random in self.random:
            for term in random.terms:
                yield from term.columns
            yield from random.group

    def each_once(self) -> Formula:
        """Return the formula without random terms that stand in it already: the same model."""
        first: dict[tuple[str, bool, str], RandomTerm] = {}
        for each in self.random:
            first.setdefault(_random_key(each), each)
        if len(first) == len(self.random):
            return self
        fixed = _sum(self.intercept, _texts(self.terms))
        right = " + ".join([fixed, *(each.text for each in first.values())])
        return parse(f"{expression.text(self.response)} ~ {right}", max_characters=None)

    def canonical(self) -> Formula:
        """Return the formula that stands for all that describe the same model.

        Terms are written out, the variables inside an interaction by text, and the terms by degree
        and then by text. Without an intercept R codes the first categorical term in full, so there
        the order of terms is part of the model and is kept. Random terms stand by group, those with
        an intercept first, then by text, each once.
        """
        randoms = sorted({_random_key(each) for each in self.random})
        fixed = _sum(self.intercept, _ordered(self.intercept, self.terms))
        right = " + ".join([fixed, *(written for _, _, written in randoms)])
        return parse(f"{expression.text(self.response)} ~ {right}", max_characters=None)


def parse(text: str, *, max_characters: int | None = MAX_CHARACTERS) -> Formula:
    """Return the formula that ``text`` writes.

    ``parse(formula.text) == formula`` for every formula. A canonical text, with everything written
    out, may be longer than what clients may send: for text the engine wrote, give
    ``max_characters=None``.

    Raises:
        FormulaError: the text is no formula, or passes a cap; it says where, with a caret.

    """
    if max_characters is not None:
        _require_length(text, max_characters)
    return _parse(text)


def parse_random(text: str) -> tuple[RandomTerm, ...]:
    """Return the random terms that ``text`` writes: ``(1 | county)``, or several with + between.

    Raises:
        FormulaError: it is no sum of random terms, or passes a cap.

    """
    _require_length(text, MAX_CHARACTERS)
    source = Source(text)
    effects, bars = expand(read_side(source), source)
    if effects.terms or not (effects.intercept and bars):
        raise source.refuse(
            0,
            "formula_random_term",
            "this is not a random term",
            "A random term is written as in the formula of the model: (1 | county).",
        )
    return tuple(map(_random_term, bars))


def _require_length(text: str, most: int) -> None:
    if len(text) > most:
        raise Source(text).refuse(
            most,
            "formula_too_long",
            f"the formula has {len(text)} characters, more than {most}",
            "Rename long columns, or leave out terms.",
        )


@lru_cache(maxsize=_REMEMBERED)
def _parse(text: str) -> Formula:
    source = Source(text)
    left, right = read_sides(source)
    response = _response(left, source)
    effects, bars = expand(right, source)
    if (response,) in effects.terms:
        raise source.refuse(
            right.position,
            "formula_response",
            "the outcome stands among the terms too",
            "Leave it out right of ~.",
        )
    random = tuple(map(_random_term, bars))
    written = f"{spelled(left)} ~ {spelled(right)}"
    if len(written) > MAX_CHARACTERS >= len(text):
        written = text.strip()  # R's spacing would push it over the cap
    return Formula(response, effects.intercept, _terms(effects), random, written)


def _response(node: Node, source: Source) -> Expr:
    response = read_expression(node, source)
    match response:
        case Call("poly" | "factor" as function):
            raise source.refuse(
                node.position,
                "formula_response",
                f"{function}() as the outcome",
                "The outcome is one number for each row.",
            )
        case _ if not expression.columns(response):
            raise source.refuse(
                node.position,
                "formula_response",
                "an outcome without a column",
                "Left of ~ stands the column to explain, or a function of it.",
            )
        case _:
            return response


def _random_term(bar: Bar) -> RandomTerm:
    return RandomTerm(bar.effects.intercept, _terms(bar.effects), bar.group)


def _terms(effects: Effects) -> tuple[Term, ...]:
    return tuple(map(Term, effects.terms))


def _sum(intercept: bool, terms: Iterable[str]) -> str:
    return " + ".join(["1" if intercept else "0", *terms])


def _texts(terms: Iterable[Term]) -> list[str]:
    return [term.text for term in terms]


def _ordered(intercept: bool, terms: tuple[Term, ...]) -> list[str]:
    """Return the texts of terms as the canonical form orders them."""
    written = [sorted(map(expression.text, term.factors)) for term in terms]
    if intercept:
        written.sort(key=lambda factors: (len(factors), factors))
    return list(map(":".join, written))


def _random_key(term: RandomTerm) -> tuple[str, bool, str]:
    """By what random terms are ordered and told apart; the last is the canonical text."""
    effects = _sum(term.intercept, _ordered(term.intercept, term.terms))
    return term.group_name, not term.intercept, f"({effects} | {_written_group(term.group)})"


def _written_group(group: tuple[str, ...]) -> str:
    return ":".join(map(quoted, group))
