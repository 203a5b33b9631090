"""Formulas drawn from the grammar, and what becomes of them under a careless hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

FUNCTIONS: Final = ("log", "log2", "log10", "log1p", "exp", "sqrt", "abs", "scale", "center", "I")
NUMBERS: Final = ("0", "1", "2", "-1", "0.5", "1e3", "1e308", "1e-320", "7.", ".5", "99999999999")
SCRAPS: Final = (
    *("(", ")", "+", "-", "*", "/", "^", "**", ":", "|", "||", "~", ",", "`", "=", " ", "'", '"'),
    *("\\", "\n", "\x00", "\ufeff", "\u202e", "é", "ﬁ", "𝒙", "−", "%in%", "$", "[", "@", ";", "#"),
    *("(1|g)", "(x||g)", "~ ~", "poly(x, 9)", "ave(y, g)", "__import__('os')", "0/0", "1e999"),
)

Step = Callable[[Random, str], str]


def formulas(seed: int) -> Iterator[str]:
    """Yield formulas for ever: one as the grammar has them, then what damage makes of it."""
    draw = Random(seed)  # noqa: S311  nothing secret is drawn
    while True:
        text = Grammar(draw, wild=draw.choice((0.0, 0.0, 0.02, 0.2))).formula()
        yield text
        for _ in range(draw.choice((1, 1, 1, 2, 5, 20))):
            text = draw.choice(STEPS)(draw, text)
        yield text


@dataclass(frozen=True)
class Grammar:
    """Draws formulas; at a ``wild`` share of places stands what has no meaning there."""

    draw: Random
    wild: float

    def formula(self) -> str:
        """Return a formula; not every one has a meaning for the columns."""
        left = self.pick("y", "y", "log(y + 9)", "I(y * 2)", wild=("", "1", "y ~ x", "(1|g)"))
        terms = [self.term(3) for _ in range(self.draw.randint(0, 4))]
        terms += [self.bar() for _ in range(self.draw.choice((0, 1, 1, 2, 3)))]
        return f"{left} ~ {self.pick(' + ', '+', wild=(' - ',)).join(terms) or self.pick('0', '1')}"

    def term(self, depth: int) -> str:
        """Return a term of the fixed effects."""
        if depth == 0 or self.draw.random() < 0.4:
            return self.pick(self.column(), self.column(), self.expression(2), wild=("0", "1", ""))
        one, other = self.term(depth - 1), self.term(depth - 1)
        power = self.pick("2", "3", wild=("0", "9", "0.5", "100000000"))
        return self.pick(
            f"{one} + {other}",
            f"{one} - {other}",
            f"{one}*{other}",
            f"{one}:{other}",
            f"{one} / {other}",
            f"({one})",
            f"({one} + {other})^{power}",
            wild=(f"-{one}", f"{one} | {other}", f"{one} ~ {other}", f"{one}^{other}"),
        )

    def bar(self) -> str:
        """Return a random term."""
        inner = self.pick("1", "x", "0 + x", "1 + x", "x*z", "0 + g", wild=(self.term(2), "0", ""))
        group = self.pick("g", "h", "g/h", "g:h", "`a b`", wild=(self.term(2), "(g + h)", "1", ""))
        return f"({inner} {self.pick('|', '||')} {group})"

    def expression(self, depth: int) -> str:
        """Return a function of columns."""
        inner = self.arithmetic(depth)
        return self.pick(
            f"I({inner})",
            *(f"{self.draw.choice(FUNCTIONS)}({inner})" for _ in range(4)),
            f"{self.pick('pmin', 'pmax')}({self.arithmetic(1)}, {self.number()})",
            f"poly({self.column()}, {self.pick('1', '2', '3', wild=('0', '99', '1.5'))})",
            f"factor({self.column()})",
            f"ave({self.column()}, {self.column()})",
            wild=(f"none({inner})", f"poly(poly({inner}, 2), 2)", f"factor({inner})", "log()"),
        )

    def arithmetic(self, depth: int) -> str:
        """Return sums, products and powers of columns and numbers."""
        if depth == 0 or self.draw.random() < 0.3:
            return self.pick(self.column(), f"{self.column()} + {self.number()}")
        one, other = self.arithmetic(depth - 1), self.arithmetic(depth - 1)
        return self.pick(
            f"{one} {self.pick('+', '-', '*', '/')} {other}",
            f"({one}) * {self.number()}",
            f"{self.draw.choice(FUNCTIONS)}({one})",
            f"({one})^{self.pick('2', '0.5', '-1')}",
            wild=(self.number(), f"({one})^({other})", f"{one} {other}"),
        )

    def column(self) -> str:
        return self.pick("x", "z", "n", "g", "h", "ok", "`a b`", "y", wild=("none_such", "`", "é"))

    def number(self) -> str:
        return self.draw.choice(NUMBERS)

    def pick(self, *sound: str, wild: tuple[str, ...] = ()) -> str:
        """Return one of what has a meaning, now and then one that has none."""
        return self.draw.choice(wild if wild and self.draw.random() < self.wild else sound)


def _insert(draw: Random, text: str) -> str:
    at = draw.randint(0, len(text))
    return text[:at] + draw.choice(SCRAPS) + text[at:]


def _cut(draw: Random, text: str) -> str:
    at = draw.randint(0, len(text))
    return text[:at] + text[at + draw.randint(1, 6) :]


def _double(draw: Random, text: str) -> str:
    at, size = draw.randint(0, len(text)), draw.randint(1, 40)
    return text[:at] + text[at : at + size] * draw.choice((2, 2, 3, 30)) + text[at + size :]


def _swap(draw: Random, text: str) -> str:
    one, other = sorted((draw.randint(0, len(text)), draw.randint(0, len(text))))
    return text[other:] + text[one:other] + text[:one]


def _nest(draw: Random, text: str) -> str:
    deep = draw.choice((1, 10, 100, 900))
    head, _, tail = text.partition("~")
    return f"{head}~{'(' * deep}{tail}{')' * (deep - draw.choice((0, 0, 1)))}"


def _letter(draw: Random, text: str) -> str:
    at = draw.randint(0, len(text))
    return text[:at] + chr(draw.choice((draw.randrange(0xD800), draw.randrange(128)))) + text[at:]


STEPS: Final[tuple[Step, ...]] = (_insert, _insert, _cut, _double, _swap, _nest, _letter)
