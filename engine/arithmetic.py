"""From the written shape of arithmetic to an expression: the closed list of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from msgspec import Struct

from engine.errors import FormulaError
from engine.expression import Binary, Call, Column, Expr, Negate, Number, Operator, columns
from engine.syntax import (
    Application,
    Argument,
    Brackets,
    Constant,
    Flag,
    Name,
    Node,
    Operation,
    Sign,
    spine,
    without_brackets,
)
from engine.tokens import Source

MAX_OPERATIONS = 100
"""How many operators and functions one expression may have."""

MAX_DEGREE = 20
"""The highest degree of poly()."""

MAX_GROUPS = 20
"""How many columns the means of ave() may be by."""

_ALONE = frozenset({"poly", "factor"})
_OPERATOR_HINTS = {
    ":": "Inside a function and in the outcome stands arithmetic: interactions (a:b) are terms.",
    "|": "A random term stands by itself in brackets, added to the others: floor + (1 | county).",
    "||": "A random term stands by itself in brackets, added to the others: floor + (1 | county).",
}
_FUNCTION_HINTS = {
    "offset": 'An offset is a column named by the "offset" field of the request.',
    "as.factor": "factor(column) marks a column as categorical.",
    "mean": "The mean of a column in each group is ave(x, group); center(x) is x less its mean.",
    "as.numeric": "Numbers are taken as numbers already.",
    "ln": "The natural logarithm is log().",
    "max": "The larger of two, row by row, is pmax().",
    "min": "The smaller of two, row by row, is pmin().",
}


def read_expression(node: Node, source: Source) -> Expr:
    """Return the expression that a tree of arithmetic stands for.

    Brackets and ``+`` signs fall away, and options take their places: ``log(x, base = 2)`` is
    ``log(x, 2)``, ``scale(x, center = TRUE)`` is ``scale(x)``. ``poly`` and ``factor`` may only be
    the whole expression.

    Raises:
        FormulaError: what is not arithmetic, an unknown function, wrong arguments, or more than
            ``MAX_OPERATIONS`` operations.

    """
    return _Reader(source).whole(node)


class _Reader:
    """Reads one expression and counts its operations."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._operations = 0

    def whole(self, node: Node) -> Expr:
        """Read an expression that may be ``poly`` or ``factor``."""
        match without_brackets(node):
            case Application(function) as application if function in _ALONE:
                return self._call(application)
            case _:
                return self.part(node)

    def part(self, node: Node) -> Expr:
        """Read an expression that stands inside another."""
        first, operations = spine(node)
        result = self._single(first)
        for operation in operations:
            self._count(operation.position)
            if operation.operator in _OPERATOR_HINTS:
                what = f"{operation.operator} is not arithmetic"
                raise self.refuse(operation.position, what, _OPERATOR_HINTS[operation.operator])
            operator = cast("Operator", operation.operator)
            result = Binary(operator, result, self.part(operation.right))
        return result

    def refuse(
        self, position: int, what: str, hint: str, code: str = "formula_syntax"
    ) -> FormulaError:
        """Return the error ``what`` at a place of the formula."""
        return self._source.refuse(position, code, what, hint)

    def _single(self, node: Node) -> Expr:
        match node:
            case Constant(value):
                return Number(value)
            case Name(name):
                return Column(name)
            case Sign(operator, operand, position):
                self._count(position)
                signed = self.part(operand)
                return Negate(signed) if operator == "-" else signed
            case Application(function, _, position) if function in _ALONE:
                hint = f"{function}() is a term of its own: its values are several columns."
                raise self.refuse(position, f"{function}() inside other arithmetic", hint)
            case Application():
                return self._call(node)
            case Brackets(inner):
                return self.part(inner)
            case Operation():
                return self.part(node)

    def _call(self, node: Application) -> Call:
        self._count(node.position)
        signature = SIGNATURES.get(node.function)
        if signature is None:
            raise self._unknown(node)
        return signature.read(Arguments(self, node, signature))

    def _unknown(self, node: Application) -> FormulaError:
        known = ", ".join(sorted(SIGNATURES, key=str.lower))
        hint = _FUNCTION_HINTS.get(node.function, f"The functions are {known}.")
        code = "formula_offset" if node.function == "offset" else "formula_unknown_function"
        return self.refuse(node.position, f"unknown function {node.function}()", hint, code)

    def _count(self, position: int) -> None:
        self._operations += 1
        if self._operations > MAX_OPERATIONS:
            raise self.refuse(
                position,
                f"more than {MAX_OPERATIONS} operations in one expression",
                "Compute the column before the data are sent.",
                "formula_too_deep",
            )


class Arguments:
    """The arguments of one call, matched as R matches them: by keyword, then by place."""

    def __init__(self, reader: _Reader, call: Application, signature: Signature) -> None:
        self._reader = reader
        self._call = call
        self._usage = signature.usage
        self._given: dict[str, Argument] = {}
        for argument in call.arguments:
            if argument.keyword is not None:
                if argument.keyword not in signature.names or argument.keyword in self._given:
                    raise self.refuse(f"an unknown option {argument.keyword}", argument)
                self._given[argument.keyword] = argument
        free = [name for name in signature.names if name not in self._given]
        unnamed = [argument for argument in call.arguments if argument.keyword is None]
        if len(unnamed) > len(free) and not signature.more:
            raise self.refuse("too many arguments", unnamed[len(free)])
        self._given |= dict(zip(free, unnamed, strict=False))
        self._more = unnamed[len(free) :]

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def expression(self, name: str) -> Expr:
        """Return an argument that is arithmetic."""
        argument = self._given.get(name)
        if argument is None:
            raise self.refuse("too few arguments")
        if isinstance(argument.value, Flag):
            raise self.refuse("TRUE or FALSE for a value", argument)
        return self._reader.part(argument.value)

    def operand(self, name: str) -> Expr:
        """Return an argument that is arithmetic on at least one column."""
        expr = self.expression(name)
        if not columns(expr):
            raise self.refuse("no column to work on", self._given[name])
        return expr

    def groups(self) -> tuple[Column, ...]:
        """Return the arguments after the named ones, which are columns, each once."""
        if not self._more:
            raise self.refuse("no column to group by")
        if len(self._more) > MAX_GROUPS:
            raise self.refuse(f"more than {MAX_GROUPS} columns to group by", self._more[MAX_GROUPS])
        return tuple(dict.fromkeys(map(self._group, self._more)))

    def _group(self, argument: Argument) -> Column:
        if not isinstance(argument.value, Flag):
            match self._reader.whole(argument.value):
                case Column() as column:
                    return column
                case Call("factor", (Column() as column,)):
                    return column
                case _:
                    pass
        raise self.refuse("a group that is not the name of a column", argument)

    def number(self, name: str, default: float) -> float:
        """Return an argument that is a plain number."""
        argument = self._given.get(name)
        if argument is None:
            return default
        if not isinstance(argument.value, Constant):
            raise self.refuse(f"{name} that is not a plain number", argument)
        return argument.value.value

    def flag(self, name: str, default: bool) -> bool:
        """Return an argument that is ``TRUE`` or ``FALSE``."""
        argument = self._given.get(name)
        if argument is None:
            return default
        if not isinstance(argument.value, Flag):
            raise self.refuse(f"{name} that is not TRUE or FALSE", argument)
        return argument.value.value

    def refuse(self, what: str, place: Argument | None = None) -> FormulaError:
        """Return the error that the call got ``what``."""
        return self._reader.refuse(
            (place or self._call).position,
            f"{self._call.function}() got {what}",
            f"It is written {self._usage}.",
            "formula_arguments",
        )

    @property
    def function(self) -> str:
        """The name of the function."""
        return self._call.function


def _simple(arguments: Arguments) -> Call:
    return Call(arguments.function, (arguments.operand("x"),))


def _log(arguments: Arguments) -> Call:
    operand = arguments.operand("x")
    if "base" not in arguments:
        return Call("log", (operand,))
    base = arguments.number("base", 0)
    if base in {0, 1}:
        raise arguments.refuse("a base of 0 or 1")
    return Call("log", (operand, Number(base)))


def _clamp(arguments: Arguments) -> Call:
    pair = (arguments.expression("x"), arguments.expression("y"))
    if not any(map(columns, pair)):
        raise arguments.refuse("no column to work on")
    return Call(arguments.function, pair)


def _scale(arguments: Arguments) -> Call:
    flags = [(name, arguments.flag(name, default=True)) for name in ("center", "scale")]
    options = tuple(option for option in flags if not option[1])
    return Call("scale", (arguments.operand("x"),), options)


def _poly(arguments: Arguments) -> Call:
    degree = arguments.number("degree", 1)
    if degree != int(degree) or not 1 <= degree <= MAX_DEGREE:
        raise arguments.refuse(f"a degree that is not a whole number from 1 to {MAX_DEGREE}")
    options = (("raw", True),) if arguments.flag("raw", default=False) else ()
    return Call("poly", (arguments.operand("x"), Number(degree)), options)


def _ave(arguments: Arguments) -> Call:
    return Call("ave", (arguments.operand("x"), *arguments.groups()))


def _factor(arguments: Arguments) -> Call:
    operand = arguments.operand("x")
    if not isinstance(operand, Column):
        raise arguments.refuse("more than the name of a column")
    return Call("factor", (operand,))


class Signature(Struct, frozen=True):
    """How a function is written, the names of its arguments, and the rule that reads them.

    ``more`` tells whether any number of arguments may follow those that have names.
    """

    usage: str
    names: tuple[str, ...]
    read: Callable[[Arguments], Call]
    more: bool = False


SIGNATURES = {
    name: Signature(f"{name}(x)", ("x",), _simple)
    for name in ("log2", "log10", "log1p", "exp", "sqrt", "abs", "center", "I")
} | {
    "log": Signature("log(x) or log(x, base = 2)", ("x", "base"), _log),
    "pmax": Signature("pmax(x, 0.1)", ("x", "y"), _clamp),
    "pmin": Signature("pmin(x, 10)", ("x", "y"), _clamp),
    "scale": Signature(
        "scale(x), scale(x, center = FALSE) or scale(x, scale = FALSE)",
        ("x", "center", "scale"),
        _scale,
    ),
    "poly": Signature("poly(x, 2) or poly(x, 2, raw = TRUE)", ("x", "degree", "raw"), _poly),
    "ave": Signature("ave(x, county), the mean of x in each county", ("x",), _ave, more=True),
    "factor": Signature("factor(column)", ("x",), _factor),
}
"""The closed list of functions."""
