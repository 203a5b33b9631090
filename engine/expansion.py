"""From the written right-hand side to terms, by R's rules for ``+ - * : / ^`` and numbers.

A term is a set of variables, held as the bits of an integer in the order in which the variables
first stand in the formula; so a union is one operation, and a term's factors come out in R's order.
All work is counted while it is done: ``(a + b + ...)^20`` is refused before it has become large.

Source: Chambers and Hastie (1992), Statistical Models in S, ch. 2; R's ``terms.formula``; lme4's
``findbars`` and ``expandDoubleVerts``.
"""

from __future__ import annotations

from msgspec import Struct, field

from engine.arithmetic import read_expression
from engine.errors import FormulaError
from engine.expression import Expr, columns
from engine.syntax import (
    Application,
    Brackets,
    Constant,
    Name,
    Node,
    Operation,
    Sign,
    spine,
    without_brackets,
)
from engine.tokens import Source

MAX_TERMS = 200
"""How many fixed terms a formula may come to, and as many in its random terms together."""

MAX_RANDOM_TERMS = 20
"""How many random terms a formula may come to."""

MAX_VARIABLES = 20
"""How many variables one interaction, or one grouping factor, may have; also the highest power."""

MAX_WORK = 20_000
"""How many terms may be looked at while * / : and ^ are written out."""

Factors = tuple[Expr, ...]
Group = tuple[str, ...]


class Effects(Struct, frozen=True):
    """A sum: whether it has an intercept, and its terms by degree, then by first appearance."""

    intercept: bool
    terms: tuple[Factors, ...]


class Bar(Struct, frozen=True):
    """What varies (``effects``) over which groups (``group``, the finest column first)."""

    effects: Effects
    group: Group


def expand(node: Node, source: Source) -> tuple[Effects, tuple[Bar, ...]]:
    """Return the fixed effects of a right-hand side, and its random terms as they come.

    Raises:
        FormulaError: what is no term, or more terms than the caps allow.

    """
    ledger = _Ledger(source)
    side = _Side(ledger, with_bars=True)
    return side.effects(node), tuple(ledger.bars)


class _Ledger(Struct):
    """What all parts of one formula share: the random terms found, and the work done."""

    source: Source
    bars: list[Bar] = field(default_factory=list)
    work: int = 0
    random_effects: int = 0

    def spend(self, amount: int, position: int) -> None:
        self.work += amount
        if self.work > MAX_WORK:
            raise self.too_many(position)

    def add(self, bar: Bar, position: int) -> None:
        self.bars.append(bar)
        self.random_effects += len(bar.effects.terms)
        if len(self.bars) > MAX_RANDOM_TERMS:
            raise self.refuse(
                position,
                f"more than {MAX_RANDOM_TERMS} random terms",
                "Leave out some of them.",
                "formula_too_many_terms",
            )
        if self.random_effects > MAX_TERMS:
            raise self.too_many(position)

    def too_many(self, position: int) -> FormulaError:
        return self.refuse(
            position,
            f"more than {MAX_TERMS} terms once * / : and ^ are written out",
            "Name the terms that matter, or lower the power.",
            "formula_too_many_terms",
        )

    def refuse(self, position: int, what: str, hint: str, code: str) -> FormulaError:
        return self.source.refuse(position, code, what, hint)


Terms = dict[int, None]
"""Sets of variables, in order of first appearance."""


class _Side:
    """Expands one sum: the right-hand side, or what stands left of a bar."""

    def __init__(self, ledger: _Ledger, *, with_bars: bool) -> None:
        self._ledger = ledger
        self._with_bars = with_bars
        self._variables: dict[Expr, int] = {}
        self._intercept = True
        self._adding = True

    def effects(self, node: Node) -> Effects:
        terms = self._expand(node, additive=True)
        by_degree = sorted(terms, key=int.bit_count)
        return Effects(self._intercept, tuple(map(self._factors, by_degree)))

    def _factors(self, term: int) -> Factors:
        return tuple(expr for expr, bit in self._variables.items() if term & bit)

    def _expand(self, node: Node, *, additive: bool) -> Terms:
        """Return the terms of ``node``; ``additive``: whether a random term may stand there."""
        first, operations = spine(node)
        # A random term may stand in every operand of a run of + and -, but not after the minus.
        sums = [additive]
        for operation in reversed(operations):
            sums.append(sums[-1] and operation.operator in "+-")
        sums.reverse()
        terms = self._single(first, additive=sums[0])
        for operation, may_add in zip(operations, sums[1:], strict=True):
            terms = self._operate(terms, operation, may_add)
        return terms

    def _operate(self, left: Terms, operation: Operation, additive: bool) -> Terms:
        match operation.operator:
            case "+":
                return self._join(left, self._expand(operation.right, additive=additive), operation)
            case "-":
                return self._without(left, operation.right, operation.position)
            case "^":
                return self._power(left, operation)
            case ":" | "*" | "/":
                return self._product(left, operation)
            case _:
                raise self._bare_bar(operation)

    def _single(self, node: Node, *, additive: bool) -> Terms:
        match node:
            case Constant(value, position):
                return self._number(value, position)
            case Name(_, position) | Application(_, _, position):
                return self._variable(node, position)
            case Sign("-", operand, position):
                return self._without({}, operand, position)
            case Sign(_, operand):
                return self._expand(operand, additive=additive)
            case Brackets(Operation("|" | "||") as bar):
                self._random(bar, additive)
                return {}
            case Brackets(inner):
                return self._expand(inner, additive=additive)
            case Operation():
                return self._expand(node, additive=additive)

    def _number(self, value: float, position: int) -> Terms:
        if value not in {0, 1}:
            raise self._ledger.refuse(
                position,
                "a number is not a term",
                "1 is the intercept and 0 leaves it out; arithmetic goes inside I(): I(2 * x).",
                "formula_number",
            )
        self._intercept = self._adding == (value == 1)
        return {}

    def _variable(self, node: Name | Application, position: int) -> Terms:
        expr = read_expression(node, self._ledger.source)
        if not columns(expr):
            raise self._ledger.refuse(
                position, "a term without a column", "Every term names a column.", "formula_term"
            )
        bit = self._variables.setdefault(expr, 1 << len(self._variables))
        return {bit: None}

    def _join(self, left: Terms, right: Terms, operation: Operation) -> Terms:
        self._ledger.spend(len(right), operation.position)
        left |= right
        self._bound(left, operation.position)
        return left

    def _without(self, left: Terms, right: Node, position: int) -> Terms:
        """Take terms away; as in R, a number after the minus means its opposite."""
        self._adding = not self._adding
        removed = self._expand(right, additive=False)
        self._adding = not self._adding
        self._ledger.spend(len(removed), position)
        for term in removed:
            left.pop(term, None)
        return left

    def _product(self, left: Terms, operation: Operation) -> Terms:
        for operand in (operation.left, operation.right):
            self._refuse_number(operand, operation)
        right = self._expand(operation.right, additive=False)
        match operation.operator:
            case ":":
                return self._cross(left, right, operation.position)
            case "*":
                crossed = self._cross(left, right, operation.position)
                return self._join(self._join(left, right, operation), crossed, operation)
            case _:
                together = 0
                for term in left:
                    together |= term
                nested = self._cross({together: None} if left else {}, right, operation.position)
                return self._join(left, nested, operation)

    def _power(self, base: Terms, operation: Operation) -> Terms:
        self._refuse_number(operation.left, operation)
        exponent = without_brackets(operation.right)
        if not (isinstance(exponent, Constant) and exponent.value in range(1, MAX_VARIABLES + 1)):
            raise self._ledger.refuse(
                operation.right.position,
                f"a power that is not a whole number from 1 to {MAX_VARIABLES}",
                "(a + b + c)^2 is all terms and their pairs; the square of a column is I(x^2).",
                "formula_power",
            )
        terms = dict(base)
        for _ in range(int(exponent.value) - 1):
            terms |= self._cross(terms, base, operation.position)
            self._bound(terms, operation.position)
        return terms

    def _cross(self, left: Terms, right: Terms, position: int) -> Terms:
        self._ledger.spend(len(left) * len(right), position)
        crossed = {a | b: None for a in left for b in right}
        for term in crossed:
            if term.bit_count() > MAX_VARIABLES:
                raise self._ledger.refuse(
                    position,
                    f"an interaction of more than {MAX_VARIABLES} variables",
                    "Leave out some of them.",
                    "formula_too_many_variables",
                )
        self._bound(crossed, position)
        return crossed

    def _bound(self, terms: Terms, position: int) -> None:
        if len(terms) > MAX_TERMS:
            raise self._ledger.too_many(position)

    def _refuse_number(self, operand: Node, operation: Operation) -> None:
        bare = without_brackets(operand)
        if isinstance(bare, Sign):
            bare = without_brackets(bare.operand)
        if isinstance(bare, Constant):
            raise self._ledger.refuse(
                operation.position,
                f"{operation.operator} between a term and a number",
                "Arithmetic on columns goes inside I(): I(x / 2). 0 and 1 are added by + and -.",
                "formula_number",
            )

    def _random(self, bar: Operation, additive: bool) -> None:
        if not (self._with_bars and additive):
            raise self._bare_bar(bar)
        effects = _Side(self._ledger, with_bars=False).effects(bar.left)
        if not (effects.intercept or effects.terms):
            raise self._ledger.refuse(
                bar.position,
                "nothing stands left of the bar",
                "(1 | county) lets the level vary, (floor | county) the level and the slope.",
                "formula_random_term",
            )
        parts = _apart(effects) if bar.operator == "||" else (effects,)
        groups = _groups(bar.right, self._ledger)
        for part in parts:
            for group in groups:
                self._ledger.add(Bar(part, group), bar.position)

    def _bare_bar(self, bar: Operation) -> FormulaError:
        return self._ledger.refuse(
            bar.position,
            f"{bar.operator} where no random term can stand",
            "A random term stands in its own brackets, added to the others: floor + (1 | county).",
            "formula_random_term",
        )


def _apart(effects: Effects) -> tuple[Effects, ...]:
    """Return each of the effects alone, as ``||`` asks."""
    intercept = (Effects(intercept=True, terms=()),) if effects.intercept else ()
    return intercept + tuple(Effects(intercept=False, terms=(term,)) for term in effects.terms)


def _groups(node: Node, ledger: _Ledger) -> tuple[Group, ...]:
    """Return the groupings right of a bar, finest first: ``a/b`` is b within a, and a."""
    first, operations = spine(node)
    groups = _single_group(first, ledger)
    for operation in operations:
        position = operation.position
        right = _groups(operation.right, ledger)
        match operation.operator:
            case "/":
                inner = tuple(_joined(each, groups[0], ledger, position) for each in right)
                groups = inner + groups
            case ":" if len(groups) == len(right) == 1:
                groups = (_joined(groups[0], right[0], ledger, position),)
            case _:
                raise ledger.refuse(
                    position,
                    f"{operation.operator} in a grouping factor",
                    "Groups are a column, a:b or a/b; each grouping is a term: (1 | a) + (1 | b).",
                    "formula_group",
                )
    return groups


def _single_group(node: Node, ledger: _Ledger) -> tuple[Group, ...]:
    match node:
        case Name(name):
            return ((name,),)
        case Brackets(inner):
            return _groups(inner, ledger)
        case Application("factor"):
            return (columns(read_expression(node, ledger.source)),)
        case _:
            raise ledger.refuse(
                node.position,
                "a grouping factor that is not a column",
                "Right of the bar stands the column that names the groups: (1 | county).",
                "formula_group",
            )


def _joined(left: Group, right: Group, ledger: _Ledger, position: int) -> Group:
    joined = tuple(dict.fromkeys(left + right))
    if len(joined) > MAX_VARIABLES:
        raise ledger.refuse(
            position,
            f"a grouping factor of more than {MAX_VARIABLES} columns",
            "Leave out some of them.",
            "formula_too_many_variables",
        )
    return joined
