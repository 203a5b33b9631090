"""The words of a formula, found in one linear pass, and how errors point at them."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from math import isfinite
from typing import Literal

from msgspec import Struct

from engine.errors import FormulaError, Problem

WINDOW = 60
"""How many characters of the formula an error shows around the place."""

RESERVED = frozenset({"TRUE", "FALSE", "NULL", "NA", "NaN", "Inf", ".", "..."})
"""Words that are not columns unless back-quoted."""

_TOKEN = re.compile(
    r"""
    (?P<blank>    [ \t\r\n\u00a0]+ )
  | (?P<number>   (?: [0-9]+ \.? [0-9]* | \.[0-9]+ ) (?: [eE] [+-]? [0-9]+ )? )
  | (?P<word>     (?: [^\W\d] | \. ) [\w.]* )
  | (?P<quoted>   ` (?: [^`\\] | \\. )* ` )
  | (?P<operator> \|\| | \*\* | [-+*/^:~|(),=] )
    """,
    re.VERBOSE | re.DOTALL,
)
_SYNTACTIC = re.compile(r"(?:[^\W\d_]|\.(?![0-9]))[\w.]*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

_HINTS = {
    "'": "Quotes are not part of a formula: columns are named without them, or in `back-quotes`.",
    '"': "Quotes are not part of a formula: columns are named without them, or in `back-quotes`.",
    "`": "The back-quoted name is not closed.",
    "%": "%in% and other %operators% are not available; a/b or a:b says most of what %in% can.",
    "$": "Columns are named alone: county, not data$county.",
    "[": "Columns are named alone; rows are chosen before the data are sent.",
    "−": "This is a typographic minus: write -.",
    "–": "This is a dash: write -.",
    "∼": "This is not a tilde: write ~.",
    "×": "Write * or : between terms.",
}
_NO_HINT = "A formula has names, numbers, functions and + - * / ^ : | ~ ( ) , only."

Kind = Literal["number", "word", "quoted", "operator", "end"]


class Token(Struct, frozen=True):
    """One word of a formula; ``text`` is the bare name of a back-quoted one."""

    kind: Kind
    text: str
    position: int

    def is_operator(self, *texts: str) -> bool:
        """Whether this is one of the given signs."""
        return self.kind == "operator" and self.text in texts


class Source(Struct, frozen=True):
    """The text of a formula as it came, to point at."""

    text: str

    def refuse(self, position: int, code: str, what: str, hint: str = "") -> FormulaError:
        """Return the error ``what`` at ``position`` (from 0), with some of the text and a caret.

        The message counts characters from 1. Control characters and others that do not print are
        shown as signs of one character.
        """
        start = max(0, min(position - WINDOW // 2, len(self.text) - WINDOW))
        piece = [_visible(character) for character in self.text[start : start + WINDOW]]
        if start > 0:
            piece[0] = "…"
        if start + WINDOW < len(self.text):
            piece[-1] = "…"
        caret = " " * (position - start) + "^"
        detail = f"{what}, at character {position + 1}:\n{''.join(piece)}\n{caret}"
        return FormulaError(Problem(code, detail, hint, ("formula",)), position)


def tokenize(source: Source) -> list[Token]:
    """Return the tokens of a formula, closed by an ``end`` token; linear in its length.

    Names are R's syntactic names (letters of any alphabet, digits, dots, underscores) or anything
    printable in back-quotes, where a backslash takes the next character as it is (as R does).

    Raises:
        FormulaError: a character or a number that no formula has.

    """
    tokens: list[Token] = []
    position = 0
    while position < len(source.text):
        match = _TOKEN.match(source.text, position)
        if match is None:
            raise _unexpected(source, position)
        if match.lastgroup != "blank":
            tokens.append(_token(source, match))
        position = match.end()
    tokens.append(Token("end", "", len(source.text)))
    return tokens


def quoted(name: str) -> str:
    """Return a column's name as a formula writes it: in back-quotes unless R takes it bare."""
    if _SYNTACTIC.fullmatch(name) and name not in RESERVED:
        return name
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def number_text(value: float) -> str:
    """Return a nonnegative number as R prints it (``0.1``, ``1e+06``), but with all its digits."""
    number = Decimal(repr(value)).normalize()
    fixed = format(number, "f")
    mantissa, exponent = format(number, "e").split("e")
    scientific = f"{mantissa}e{int(exponent):+03d}"
    return fixed if len(fixed) <= len(scientific) else scientific


def _token(source: Source, match: re.Match[str]) -> Token:
    text, position = match.group(), match.start()
    match match.lastgroup:
        case "number":
            if not isfinite(float(text)):
                raise source.refuse(position, "formula_syntax", "a number too large to hold")
            return Token("number", text, position)
        case "quoted":
            return Token("quoted", _unquoted(source, text, position), position)
        case "word":
            return Token("word", text, position)
        case _:
            return Token("operator", "^" if text == "**" else text, position)


def _unquoted(source: Source, text: str, position: int) -> str:
    name = _ESCAPE.sub(r"\1", text[1:-1])
    if not name:
        raise source.refuse(position, "formula_syntax", "an empty name between back-quotes")
    for character in name:
        if unicodedata.category(character) in {"Cc", "Cs"}:
            raise source.refuse(
                position,
                "formula_syntax",
                "a control character in a name",
                "Rename the column: names are printable text on one line.",
            )
    return name


def _unexpected(source: Source, position: int) -> FormulaError:
    character = source.text[position]
    return source.refuse(
        position,
        "formula_syntax",
        f"unexpected {_visible(character)!r}",
        _HINTS.get(character, _NO_HINT),
    )


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # the pictures of the control characters
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else "\N{REPLACEMENT CHARACTER}"
