"""The shape of a formula as written: a tree of operators, brackets and calls, not yet a model.

Precedences are R's, from loose to tight: ``~``, ``|`` and ``||``, ``+ -``, ``* /``, ``:``, signs,
``^`` (which groups to the right). What the operators mean is decided by the readers of the tree:
``engine.expansion`` for terms, ``engine.arithmetic`` for what stands inside a function.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from engine.errors import FormulaError
from engine.tokens import RESERVED, Source, Token, number_text, quoted, tokenize

MAX_NESTING = 50
"""How deep brackets, signs and operands of tighter operators may stand inside each other."""

_BINDING = {"|": 1, "||": 1, "+": 2, "-": 2, "*": 3, "/": 3, ":": 4, "^": 6}
_SIGN_BINDING = 5
_SPACED = frozenset({"|", "||", "+", "-", "*"})


class Constant(Struct, frozen=True):
    """A number."""

    value: float
    position: int


class Name(Struct, frozen=True):
    """A column."""

    name: str
    position: int


class Brackets(Struct, frozen=True):
    """Something in parentheses."""

    inner: Node
    position: int


class Sign(Struct, frozen=True):
    """A ``+`` or ``-`` before its operand."""

    operator: str
    operand: Node
    position: int


class Operation(Struct, frozen=True):
    """An operator between its operands; ``position`` is the operator's."""

    operator: str
    left: Node
    right: Node
    position: int


class Flag(Struct, frozen=True):
    """``TRUE`` or ``FALSE``, which only a function takes."""

    value: bool
    position: int


class Argument(Struct, frozen=True):
    """What a function is given, under a keyword or by its place."""

    keyword: str | None
    value: Node | Flag
    position: int


class Application(Struct, frozen=True):
    """A function and its arguments."""

    function: str
    arguments: tuple[Argument, ...]
    position: int


Node: TypeAlias = Constant | Name | Brackets | Sign | Operation | Application


def read_sides(source: Source) -> tuple[Node, Node]:
    """Return what stands left and right of the ``~``.

    Raises:
        FormulaError: the text is not of the language, or nested deeper than ``MAX_NESTING``.

    """
    return _Parser(source).sides()


def read_side(source: Source) -> Node:
    """Return what a text without ``~`` writes.

    Raises:
        FormulaError: as :func:`read_sides`.

    """
    return _Parser(source).side()


def spelled(node: Node) -> str:
    """Return the text of a tree as R would print it, brackets as written."""
    match node:
        case Constant(value):
            return number_text(value)
        case Name(name):
            return quoted(name)
        case Brackets(inner):
            return f"({spelled(inner)})"
        case Sign(operator, operand):
            return operator + spelled(operand)
        case Application(function, arguments):
            return f"{function}({', '.join(map(_spelled_argument, arguments))})"
        case Operation():
            first, operations = spine(node)
            rest = (_spaced(each.operator) + spelled(each.right) for each in operations)
            return spelled(first) + "".join(rest)


def spine(node: Node) -> tuple[Node, list[Operation]]:
    """Return the leftmost operand of a chain of operations and the operations, innermost first.

    A chain such as ``a + b + c`` is a tree as deep as it is long: whoever reads a tree walks its
    left side by this loop and calls itself on the right, where depth is bounded.
    """
    operations: list[Operation] = []
    while isinstance(node, Operation):
        operations.append(node)
        node = node.left
    operations.reverse()
    return node, operations


def without_brackets(node: Node) -> Node:
    """Return what stands inside any brackets around all of ``node``."""
    while isinstance(node, Brackets):
        node = node.inner
    return node


def _spelled_argument(argument: Argument) -> str:
    given = argument.value
    value = str(given.value).upper() if isinstance(given, Flag) else spelled(given)
    return value if argument.keyword is None else f"{argument.keyword} = {value}"


def _spaced(operator: str) -> str:
    return f" {operator} " if operator in _SPACED else operator


class _Parser:
    """Precedence climbing over the tokens of one formula."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._tokens = tokenize(source)
        self._index = 0
        self._depth = 0

    def sides(self) -> tuple[Node, Node]:
        if self._peek().kind == "end":
            raise self._no_response("the formula is empty")
        if self._peek().is_operator("~"):
            raise self._no_response("nothing stands left of ~")
        left = self._expression(1)
        if self._peek().kind == "end":
            raise self._no_response("the formula has no ~")
        self._expect("~")
        return left, self.side()

    def side(self) -> Node:
        node = self._expression(1)
        if self._peek().kind != "end":
            raise self._unexpected("an operator or the end")
        return node

    def _peek(self) -> Token:
        return self._tokens[self._index]

    def _next(self) -> Token:
        token = self._tokens[self._index]
        self._index += 1
        return token

    def _expect(self, operator: str) -> None:
        if not self._peek().is_operator(operator):
            raise self._unexpected(f"an operator or {operator}")
        self._index += 1

    def _expression(self, binding: int) -> Node:
        """Read an operand and what follows it, of operators at least as tight as ``binding``."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._source.refuse(
                self._peek().position,
                "formula_too_deep",
                f"nested deeper than {MAX_NESTING} levels",
                "Write the formula with fewer brackets inside brackets.",
            )
        left = self._operand()
        while (tightness := self._tightness()) >= binding:
            token = self._next()
            right = self._expression(tightness if token.text == "^" else tightness + 1)
            left = Operation(token.text, left, right, token.position)
        self._depth -= 1
        return left

    def _tightness(self) -> int:
        token = self._peek()
        return _BINDING.get(token.text, 0) if token.kind == "operator" else 0

    def _operand(self) -> Node:
        token = self._peek()
        if token.kind == "end" or (token.kind == "operator" and token.text not in "(+-"):
            raise self._unexpected("a column, a number, a function or an opening bracket")
        self._index += 1
        match token.kind:
            case "number":
                return Constant(float(token.text), token.position)
            case "quoted":
                return Name(token.text, token.position)
            case "word":
                return self._word(token)
            case _ if token.text == "(":
                inner = self._expression(1)
                self._expect(")")
                return Brackets(inner, token.position)
            case _:
                return Sign(token.text, self._expression(_SIGN_BINDING), token.position)

    def _word(self, token: Token) -> Node:
        if self._peek().is_operator("("):
            return Application(token.text, self._arguments(), token.position)
        if token.text == ".":
            raise self._source.refuse(
                token.position,
                "formula_dot",
                "the dot for all other columns is not available",
                "Name the columns one by one.",
            )
        if token.text in RESERVED or token.text.startswith("_"):
            raise self._source.refuse(
                token.position,
                "formula_syntax",
                f"{token.text} is not a column",
                "A column of that name is written in `back-quotes`.",
            )
        return Name(token.text, token.position)

    def _arguments(self) -> tuple[Argument, ...]:
        self._expect("(")
        arguments: list[Argument] = []
        while not (self._peek().is_operator(")") and not arguments):
            arguments.append(self._argument())
            if not self._peek().is_operator(","):
                break
            self._index += 1
        self._expect(")")
        return tuple(arguments)

    def _argument(self) -> Argument:
        token = self._peek()
        keyword = None
        if token.kind == "word" and self._tokens[self._index + 1].is_operator("="):
            keyword = token.text
            self._index += 2
        if self._peek().kind == "word" and self._peek().text in {"TRUE", "FALSE"}:
            flag = self._next()
            return Argument(keyword, Flag(flag.text == "TRUE", flag.position), token.position)
        return Argument(keyword, self._expression(1), token.position)

    def _no_response(self, what: str) -> FormulaError:
        return self._source.refuse(
            self._peek().position,
            "formula_no_response",
            what,
            "Write the outcome, ~ and the terms: log(radon + 0.1) ~ floor + (1 | county).",
        )

    def _unexpected(self, expected: str) -> FormulaError:
        token = self._peek()
        found = "the end" if token.kind == "end" else token.text
        hint = _UNEXPECTED_HINTS.get(token.text, "") if token.kind == "operator" else ""
        return self._source.refuse(
            token.position, "formula_syntax", f"expected {expected}, found {found}", hint
        )


_UNEXPECTED_HINTS = {
    "~": "A formula has one ~.",
    "=": "The outcome is set apart by ~; = only names an option, as in poly(x, 2, raw = TRUE).",
    ",": "Commas stand between the arguments of a function only.",
    ")": "This bracket closes nothing, or something is missing before it.",
}
