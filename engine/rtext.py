"""Calls, numbers and matrices as R prints them."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, isnan
from typing import TypeAlias

from engine.syntax import Application, Brackets, Flag, Node, Operation, Sign, spelled, spine
from engine.tokens import quoted

LINE = 80
"""Matrices are printed in blocks of columns that stay below this width (R's option ``width``)."""
CUTOFF = 60
"""A line of a call is broken where it may be once it is longer (``deparse.cutoff``)."""
DIGITS = 7
"""Significant digits that decide between fixed and scientific notation (``digits``)."""

Value: TypeAlias = "Node | Flag | str | dict[str, str]"
"""Of an argument: text stands as it is, a dictionary is a list of named texts."""
_SPACED = frozenset({"~", "|", "||", "+", "-", "*"})


class Deparser:
    """Writes a call over lines as R's deparser: breaks follow commas and spaced operators."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line = ""
        self._indent = 0

    def text(self) -> str:
        """What was written, without a newline at the end."""
        return "\n".join([*self._lines, self._line])

    def call(self, function: str, arguments: Sequence[tuple[str | None, Value]]) -> None:
        """Write ``function(keyword = value, ...)``."""
        self._write(function + "(")
        broken = False
        for i, (keyword, value) in enumerate(arguments):
            if i:
                self._write(", ")
                broken = self._break(broken)
            if keyword is not None:
                self._write(f"{quoted(keyword)} = ")
            self._value(value)
        self._indent -= broken
        self._write(")")

    def _value(self, value: Value) -> None:
        match value:
            case dict():
                self.call("list", list(value.items()))
            case str():
                self._write(value)
            case Flag(flag):
                self._write(str(flag).upper())
            case Brackets(inner):
                self._write("(")
                self._value(inner)
                self._write(")")
            case Sign(operator, operand):
                self._write(operator)
                self._value(operand)
            case Application(function, arguments):
                self.call(function, [(each.keyword, each.value) for each in arguments])
            case Operation():
                self._chain(value)
            case _:
                self._write(spelled(value))

    def _chain(self, node: Operation) -> None:
        first, operations = spine(node)
        self._value(first)
        for operation in operations:
            broken = False
            if operation.operator in _SPACED:
                self._write(f" {operation.operator} ")
                broken = self._break(broken)
            else:
                self._write(operation.operator)
            self._value(operation.right)
            self._indent -= broken

    def _write(self, text: str) -> None:
        if not self._line:
            self._line = "    " * min(self._indent, 4) + "  " * max(self._indent - 4, 0)
        self._line += text

    def _break(self, broken: bool) -> bool:
        """Begin a new line if this one is long; one level deeper, but once a call or operator."""
        if len(self._line) <= CUTOFF:
            return broken
        self._indent += not broken
        self._lines.append(self._line)
        self._line = ""
        return True


def numbers(values: Sequence[float], decimals: int, at_least: int | None = None) -> list[str]:
    """Numbers as ``format(round(values, decimals), nsmall = at_least)`` gives them.

    All have the same width, and are fixed or scientific together, whichever is shorter.
    ``at_least`` is ``decimals`` by default.
    """
    rounded = [round(value, decimals) + 0.0 for value in values]  # and no negative zero
    parts = [_significant(value) for value in rounded if isfinite(value)]
    places, digits, form = 0, 0, "f"
    if parts:
        digits = max(count for count, _, _ in parts) - 1
        places = max(max(0, count - power - 1) for count, power, _ in parts)
        fixed = max(negative + max(power + 1, 1) for _, power, negative in parts)
        fixed += places + (places > 0)
        exponent = 3 if any(abs(power) >= 100 for _, power, _ in parts) else 2
        sign = any(negative for _, _, negative in parts)
        if fixed > sign + 1 + (digits > 0) + digits + 2 + exponent:
            form = "e"
    least = decimals if at_least is None else at_least
    precision = digits if form == "e" else max(places, least)
    texts = [_one(value, precision, form) for value in rounded]
    width = max(map(len, texts), default=0)
    return [text.rjust(width) for text in texts]


def _significant(value: float) -> tuple[int, int, bool]:
    """How many digits show the value to ``DIGITS`` of them, its power of ten, and its sign."""
    mantissa, power = f"{abs(value):.{DIGITS - 1}e}".split("e")
    return len(mantissa.replace(".", "").rstrip("0")) or 1, int(power), value < 0.0


def _one(value: float, precision: int, form: str) -> str:
    if isnan(value):
        return "NaN"
    if not isfinite(value):
        return "Inf" if value > 0.0 else "-Inf"
    return f"{value:.{precision}{form}}"


def matrix(row_names: Sequence[str], headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A matrix of text as ``print(x, quote = FALSE)``: all set left, blocks below ``LINE``."""
    label = max(map(len, row_names), default=0)
    columns = [[header, *(row[c] for row in rows)] for c, header in enumerate(headers)]
    widths = [max(map(len, column)) for column in columns]
    lines: list[str] = []
    start = 0
    while start < len(columns):
        stop, width = start + 1, label + 1 + widths[start]
        while stop < len(columns) and width + 1 + widths[stop] < LINE:
            width += 1 + widths[stop]
            stop += 1
        for i, name in enumerate(["", *row_names]):
            cells = (f" {columns[c][i]:<{widths[c]}}" for c in range(start, stop))
            lines.append(f"{name:<{label}}" + "".join(cells))
        start = stop
    return "\n".join(lines) + "\n"


def named(names: Sequence[str], cells: Sequence[str]) -> str:
    """A short vector with names as ``print(x, quote = FALSE)``: all set right, in one line."""
    width = max(map(len, [*names, *cells]))
    return "".join("".join(f"{cell:>{width}} " for cell in line) + "\n" for line in (names, cells))
