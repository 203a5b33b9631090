"""lme4's language: what a formula means, what it is equal to, and what is refused."""

import random
from contextlib import suppress
from time import process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.arithmetic import MAX_OPERATIONS
from engine.errors import FormulaError
from engine.expansion import MAX_RANDOM_TERMS, MAX_TERMS, MAX_VARIABLES
from engine.expression import Column
from engine.formula import MAX_CHARACTERS, Formula, _parse, parse
from engine.syntax import MAX_NESTING
from engine.tokens import WINDOW

BUDGET = 0.050
"""Seconds that no text of 2,000 characters may take."""


def refusal(text: str) -> FormulaError:
    with pytest.raises(FormulaError) as caught:
        parse(text)
    return caught.value


def code(text: str) -> str:
    return refusal(text).problems[0].code


def labels(formula: Formula) -> list[str]:
    return [term.text for term in formula.terms]


# What a formula means


# R 4.2.2: attr(terms(y ~ ...), "intercept") and "term.labels"
@pytest.mark.parametrize(
    ("right", "intercept", "terms"),
    [
        ("1", True, ""),
        ("0", False, ""),
        ("a*b*c", True, "a b c a:b a:c b:c a:b:c"),
        ("(a+b+c)^2", True, "a b c a:b a:c b:c"),
        ("(a+b+c)**2", True, "a b c a:b a:c b:c"),
        ("a/b", True, "a a:b"),
        ("(a+b)/c", True, "a b a:b:c"),
        ("a/(b+c)", True, "a a:b a:c"),
        ("a/b/c", True, "a a:b a:b:c"),
        ("(a/b):c", True, "a:c a:b:c"),
        ("a:b/c", True, "a:b a:b:c"),
        ("a*b:c", True, "a b:c a:b:c"),
        ("(a+b)/c^2", True, "a b a:b:c"),
        ("a*b - a", True, "b a:b"),
        ("a - a:b + b:a", True, "a a:b"),
        ("a - (a+b) + b", True, "b"),
        ("a + b:a + a:b", True, "a a:b"),
        ("b:a + a", True, "a b:a"),
        ("b:a + c:b:a + a", True, "a b:a b:a:c"),
        ("b + a:b - b", True, "b:a"),
        ("c:a + (a+b+c)^2", True, "a b c c:a a:b c:b"),
        ("(a+b):(a+b)", True, "a b a:b"),
        ("(a+b):(c+d)", True, "a:c a:d b:c b:d"),
        ("(a*b)^2", True, "a b a:b"),
        ("a:a", True, "a"),
        ("a^2", True, "a"),
        ("+a", True, "a"),
        ("-a", True, ""),
        ("--a", True, ""),
        ("a - 1", False, "a"),
        ("a - 1 + 1", True, "a"),
        ("0 + a + 1", True, "a"),
        ("-1 + a + 0", False, "a"),
        ("a + (b - 1)", False, "a b"),
        ("a - 0", True, "a"),
        ("a - (1 - 1)", True, "a"),
        ("(0+a)^2", False, "a"),
        ("(1+a)*b", True, "a b a:b"),
        ("(a+0):b", False, "a:b"),
        ("(a-1)/b", False, "a a:b"),
        ("log(x)*`a-b`", True, "log(x) `a-b` log(x):`a-b`"),
    ],
)
def test_terms_are_those_of_r(right: str, intercept: bool, terms: str) -> None:
    formula = parse(f"y ~ {right}")
    assert (formula.intercept, labels(formula)) == (intercept, terms.split())


# lme4 1.1-31: findbars(expandDoubleVerts(y ~ ...)); three nested groups are named c:(b:a) there
@pytest.mark.parametrize(
    ("bar", "expected"),
    [
        ("(1|g)", ["(1 | g)"]),
        ("(x|g)", ["(1 + x | g)"]),
        ("(0 + x|g)", ["(0 + x | g)"]),
        ("(x - 1|g)", ["(0 + x | g)"]),
        ("(x||g)", ["(1 | g)", "(0 + x | g)"]),
        ("(0 + x + z||g)", ["(0 + x | g)", "(0 + z | g)"]),
        ("(1+x*z||g)", ["(1 | g)", "(0 + x | g)", "(0 + z | g)", "(0 + x:z | g)"]),
        ("(1|a:b)", ["(1 | a:b)"]),
        ("(1|a/b)", ["(1 | b:a)", "(1 | a)"]),
        ("(1|a/b/c)", ["(1 | c:b:a)", "(1 | b:a)", "(1 | a)"]),
        ("(1|a/(b/c))", ["(1 | c:b:a)", "(1 | b:a)", "(1 | a)"]),
        ("(x|a/b)", ["(1 + x | b:a)", "(1 + x | a)"]),
        ("(x||a/b)", ["(1 | b:a)", "(1 | a)", "(0 + x | b:a)", "(0 + x | a)"]),
        ("(1|g) + (1|h) + (0 + x|g)", ["(1 | g)", "(1 | h)", "(0 + x | g)"]),
        ("(a + (1|g))", ["(1 | g)"]),
        ("(1|factor(g))", ["(1 | g)"]),
        ("(1|`the group`)", ["(1 | `the group`)"]),
    ],
)
def test_random_terms_are_those_of_lme4(bar: str, expected: list[str]) -> None:
    assert [term.text for term in parse(f"y ~ 1 + {bar}").random] == expected


def test_the_parts_of_a_formula_can_be_read() -> None:
    formula = parse("log(radon + 0.1) ~ floor*uranium + (1 + floor | county) + (1 | batch/cask)")
    assert formula.text == (
        "log(radon + 0.1) ~ floor * uranium + (1 + floor | county) + (1 | batch/cask)"
    )
    assert formula.columns == ("radon", "floor", "uranium", "county", "cask", "batch")
    assert formula.terms[2].factors == (Column("floor"), Column("uranium"))
    assert formula.terms[2].columns == ("floor", "uranium")
    assert [term.group_name for term in formula.random] == ["county", "cask:batch", "batch"]


def test_a_term_taken_away_leaves_no_column() -> None:
    assert parse("y ~ a + b - b").columns == ("y", "a")


# What is equal


SAME = [
    ["y ~ a + b", "y~b+a", " y ~\n 1 + (b) + a ", "y ~ a + b + a", "y ~ a + b + c - c"],
    ["y ~ a*b", "y ~ b*a", "y ~ a + b + b:a", "y ~ (a + b)^2", "y ~ b:a + a + b"],
    ["y ~ x + (x || g)", "y ~ x + (0 + x | g) + (1 | g)", "y ~ (1|g) + x + (x - 1|g)"],
    ["y ~ (1 | a/b)", "y ~ (1 | a) + (1 | b:a)", "y ~ (1|b:a) + (1|a) + (1|a)"],
    ["y ~ (x + z | g)", "y ~ (z + x + 1 | g)"],
    ["log(y + 0.10) ~ 1", "log((y + .1)) ~ 1", "log(+y + 1e-1) ~ 1"],
    ["log(y, 2) ~ scale(x)", "log(y, base = 2) ~ scale(x, center = TRUE)"],
    ["y ~ 0 + a", "y ~ a - 1", "y ~ -1 + a"],
    ["y ~ 0 + b + a:b", "y ~ 0 + b:a + b"],
]
DIFFERENT = [
    ["y ~ 0 + a + b", "y ~ 0 + b + a"],
    ["y ~ (0 + a + b | g)", "y ~ (0 + b + a | g)"],
    ["y ~ (1 | a:b)", "y ~ (1 | b:a)"],
    ["y ~ (x | g)", "y ~ (x || g)"],
    ["y ~ I(a - (b - c))", "y ~ I(a - b - c)"],
    ["y ~ log(x, 10)", "y ~ log10(x)"],
    ["y ~ `a:b`", "y ~ a:b"],
    ["y ~ (1 | `a:b`)", "y ~ (1 | a:b)"],
]


@pytest.mark.parametrize("texts", SAME)
def test_equal_models_have_one_canonical_form(texts: list[str]) -> None:
    assert len({parse(text).canonical() for text in texts}) == 1
    assert len({parse(text).canonical().text for text in texts}) == 1


@pytest.mark.parametrize("texts", DIFFERENT)
def test_different_models_keep_different_canonical_forms(texts: list[str]) -> None:
    assert len({parse(text).canonical() for text in texts}) == len(texts)
    assert len({parse(text).canonical().text for text in texts}) == len(texts)


def test_the_canonical_text_writes_everything_out() -> None:
    formula = parse("log(radon+.1) ~ z*b + (x||g) + (1|a/b)").canonical()
    assert formula.text == (
        "log(radon + 0.1) ~ 1 + b + z + b:z + (1 | a) + (1 | b:a) + (1 | g) + (0 + x | g)"
    )


def test_a_canonical_text_longer_than_the_cap_can_still_be_read() -> None:
    names = [f"a_rather_long_name_{i}" for i in range(10)]
    formula = parse(f"y ~ ({' + '.join(names)})^3").canonical()
    assert len(formula.text) > MAX_CHARACTERS
    assert parse(formula.text, max_characters=None) == formula


# What is refused


@pytest.mark.parametrize(
    ("text", "expected", "position"),
    [
        ("", "formula_no_response", 0),
        ("y", "formula_no_response", 1),
        ("~ x", "formula_no_response", 0),
        ("1 ~ x", "formula_response", 0),
        ("poly(y, 2) ~ x", "formula_response", 0),
        ("y ~ a + y", "formula_response", 6),
        ("y ~", "formula_syntax", 3),
        ("y ~ a +", "formula_syntax", 7),
        ("y ~ a b", "formula_syntax", 6),
        ("y ~ x ~ z", "formula_syntax", 6),
        ("y ~ (a", "formula_syntax", 6),
        ("y ~ a)", "formula_syntax", 5),
        ("y ~ `a", "formula_syntax", 4),
        ("y ~ ``", "formula_syntax", 4),
        ("y ~ `a\nb`", "formula_syntax", 4),
        ("y ~ _a", "formula_syntax", 4),
        ("y ~ TRUE", "formula_syntax", 4),
        ("y ~ I(1e999 * x)", "formula_syntax", 6),
        ("y ~ a %in% b", "formula_syntax", 6),
        ("y ~ d$x", "formula_syntax", 5),
        ("y ~ I(a:b)", "formula_syntax", 7),
        ("y ~ log((1 | g))", "formula_syntax", 11),
        ("y ~ I(poly(x, 2))", "formula_syntax", 6),
        ("y ~ .", "formula_dot", 4),
        ("y ~ offset(x)", "formula_offset", 4),
        ("y ~ system(x)", "formula_unknown_function", 4),
        ("y ~ log()", "formula_arguments", 4),
        ("y ~ log(x, 2, 3)", "formula_arguments", 14),
        ("y ~ log(x, base = 1)", "formula_arguments", 4),
        ("y ~ log(x, b)", "formula_arguments", 11),
        ("y ~ log(2)", "formula_arguments", 8),
        ("y ~ log(TRUE)", "formula_arguments", 8),
        ("y ~ pmax(1, 2)", "formula_arguments", 4),
        ("y ~ poly(x, 1.5)", "formula_arguments", 4),
        ("y ~ poly(x, 2, raw = 1)", "formula_arguments", 15),
        ("y ~ scale(x, centre = TRUE)", "formula_arguments", 13),
        ("y ~ factor(x + 1)", "formula_arguments", 4),
        ("y ~ a + 2", "formula_number", 8),
        ("y ~ x/2", "formula_number", 5),
        ("y ~ 2*x", "formula_number", 4),
        ("y ~ 1:a", "formula_number", 5),
        ("y ~ a^b", "formula_power", 6),
        ("y ~ (a + b)^0", "formula_power", 12),
        ("y ~ (a + b)^1.5", "formula_power", 12),
        ("y ~ (a + b)^100000000", "formula_power", 12),
        ("y ~ 1 | g", "formula_random_term", 6),
        ("y ~ a*(1 | g)", "formula_random_term", 9),
        ("y ~ a - (1 | g)", "formula_random_term", 11),
        ("y ~ (0 | g)", "formula_random_term", 7),
        ("y ~ (x | g | h)", "formula_random_term", 7),
        ("y ~ (1 | g1 + g2)", "formula_group", 12),
        ("y ~ (1 | a:(b/c))", "formula_group", 10),
        ("y ~ (1 | log(g))", "formula_group", 9),
        ("y ~ (1 | 1)", "formula_group", 9),
    ],
)
def test_what_is_no_formula_is_refused_at_its_place(
    text: str, expected: str, position: int
) -> None:
    error = refusal(text)
    (problem,) = error.problems
    assert (problem.code, error.position) == (expected, position)
    assert problem.path == ("formula",)
    assert f"at character {position + 1}:" in problem.detail


def test_code_is_only_text_that_is_no_formula() -> None:
    (problem,) = refusal("__import__('os').system('x')").problems
    assert "Quotes are not part of a formula" in problem.hint
    assert problem.detail.splitlines()[1:] == ["__import__('os').system('x')", " " * 11 + "^"]


def test_a_hint_says_what_to_do_instead() -> None:
    assert '"offset" field' in refusal("y ~ offset(x)").problems[0].hint
    assert "I(x / 2)" in refusal("y ~ x/2").problems[0].hint
    assert "natural logarithm" in refusal("ln(y) ~ x").problems[0].hint
    assert "(1 | a) + (1 | b)" in refusal("y ~ (1 | a + b)").problems[0].hint


def test_a_long_formula_is_shown_through_a_window_with_what_does_not_print_made_visible() -> None:
    text = "y ~ " + "a + " * 50 + "\x00\x1b[31m" + " + b" * 50
    error = refusal(text)
    _, shown, caret = error.problems[0].detail.splitlines()
    assert len(shown) == WINDOW
    assert shown.isprintable()
    assert shown[caret.index("^")] == "␀"
    assert shown[0] == shown[-1] == "…"


def sum_of(count: int, letter: str = "x") -> str:
    return "+".join(f"{letter}{i}" for i in range(count))


@pytest.mark.parametrize(
    ("within", "beyond", "expected"),
    [
        ("y~" + "a" * (MAX_CHARACTERS - 2), "y~" + "a" * (MAX_CHARACTERS - 1), "formula_too_long"),
        (
            "y~" + "(" * (MAX_NESTING - 1) + "a" + ")" * (MAX_NESTING - 1),
            "y~" + "(" * MAX_NESTING + "a" + ")" * MAX_NESTING,
            "formula_too_deep",
        ),
        (
            "y~I(a" + "+a" * (MAX_OPERATIONS - 1) + ")",
            "y~I(a" + "+a" * MAX_OPERATIONS + ")",
            "formula_too_deep",
        ),
        (f"y~{sum_of(MAX_TERMS)}", f"y~{sum_of(MAX_TERMS + 1)}", "formula_too_many_terms"),
        (f"y~({sum_of(19)})^2", f"y~({sum_of(20)})^2", "formula_too_many_terms"),
        (
            f"y~({sum_of(100)}|g)+({sum_of(100)}|h)",
            f"y~({sum_of(100)}|g)+({sum_of(101)}|h)",
            "formula_too_many_terms",
        ),
        (
            "y~" + "+".join(["(1|g)"] * MAX_RANDOM_TERMS),
            "y~" + "+".join(["(1|g)"] * (MAX_RANDOM_TERMS + 1)),
            "formula_too_many_terms",
        ),
        (
            f"y~{sum_of(MAX_VARIABLES)}".replace("+", ":"),
            f"y~{sum_of(MAX_VARIABLES + 1)}".replace("+", ":"),
            "formula_too_many_variables",
        ),
        (
            f"y~(1|{sum_of(MAX_VARIABLES).replace('+', ':')})",
            f"y~(1|{sum_of(MAX_VARIABLES + 1).replace('+', ':')})",
            "formula_too_many_variables",
        ),
    ],
)
def test_caps_hold_to_the_last_one(within: str, beyond: str, expected: str) -> None:
    parse(within)
    assert code(beyond) == expected


# Any text at all


def seconds(text: str) -> float:
    """Return the best of three times of reading a text, which gives a formula or its own error."""
    times = []
    for _ in range(3):
        _parse.cache_clear()
        start = process_time()
        with suppress(FormulaError):
            parse(text)
        times.append(process_time() - start)
    return min(times)


def filled(unit: str) -> str:
    return ("y~" + unit * (MAX_CHARACTERS // len(unit)))[:MAX_CHARACTERS]


# fmt: off
REPEATED = [
    "(", ")", "a^", "+", "-", "~", "|", "`", "`\\", ".", "1.", "1e", "9", "\\", "\x00", "é", "f(",
    "a:", "a+", "a-", "a*", "a/", "1-", "0+", "a^2^", "a^20:", "-a+", "((a))+", "log(",
    "I(a)-I(a)+",
    "(1|", "(1|g)+", "((1|g)+", "(x||a/b/c)+", "I(a+a+a+a)+", "(a+b+c+d)^20+", "(a+b+c+d+e+f)^3:",
    "(a*b*c*d*e*f*g)+", "(a*b*c*d*e*f*g)-", "(a*b*c*d*e*f*g):",
]
# fmt: on
ADVERSARIAL = [
    *map(filled, REPEATED),
    f"y~({sum_of(300)})^100000000",
    f"y~({sum_of(300)})^20",
    f"y~({sum_of(150, 'a')}):({sum_of(150, 'b')})",
    f"y~({sum_of(190, 'a')}-{sum_of(190, 'b')}):c",
    f"y~{sum_of(350)}".replace("+", "*"),
    f"y~{sum_of(350)}".replace("+", "/"),
    "y~" + "(a+b*c:d^(2)*" * 20 + "e" + ")" * 20,
    "y~" + "(a+" * 48 + "b" + ")" * 48,
    "+".join("y" * 1000) + "~x",
]


@pytest.mark.parametrize("text", ADVERSARIAL, ids=range(len(ADVERSARIAL)))
def test_adversarial_text_is_read_or_refused_in_time(text: str) -> None:
    assert seconds(text) < BUDGET


def test_a_megabyte_is_refused_in_time() -> None:
    assert seconds("y ~ " + "a + " * 250_000) < BUDGET
    assert code("y ~ " + "a + " * 250_000) == "formula_too_long"


# Formulas made at random

PIECES = ["a", "b", "x1", "`a b`", "log(x)", "I(x^2)", "poly(z, 2)", "factor(f)", "scale(x)"]
GROUPS = ["g", "h", "g:h", "g/h", "`the group`"]


def summed(left: str, operator: str, right: str) -> str:
    return f"({left} {operator} {right})"


atoms = st.sampled_from(PIECES)
sums = st.recursive(
    atoms | st.sampled_from(["(0 + a)", "(b - 1)"]),
    lambda inner: (
        st.builds(summed, inner, st.sampled_from(["+", "-", "*", ":", "/"]), inner)
        | st.builds("({})^{}".format, inner, st.integers(1, 3))
    ),
    max_leaves=6,
)
bars = st.builds(
    "({} {} {})".format, st.sampled_from(["1", "x"]) | atoms, st.sampled_from(["|", "||"]),
    st.sampled_from(GROUPS),
)  # fmt: skip
formulas = st.builds(
    lambda response, fixed, random_terms: " + ".join([f"{response} ~ {fixed}", *random_terms]),
    st.sampled_from(["y", "log(y + 0.1)", "-y^2"]),
    sums,
    st.lists(bars, max_size=3),
)


@given(formulas)
def test_a_formula_is_read_back_from_its_text(text: str) -> None:
    formula = parse(text)
    assert parse(formula.text) == formula
    assert parse(formula.text).text == formula.text


@given(formulas)
def test_the_canonical_form_is_its_own(text: str) -> None:
    canonical = parse(text).canonical()
    assert canonical.canonical() == canonical
    assert canonical.canonical().text == canonical.text
    assert parse(canonical.text) == canonical


@given(
    terms=st.lists(st.lists(atoms, min_size=1, max_size=3, unique=True), max_size=5),
    random_terms=st.lists(bars, max_size=2),
    shuffle=st.randoms(use_true_random=False),
)
def test_with_an_intercept_neither_order_nor_spacing_nor_repetition_matters(
    terms: list[list[str]], random_terms: list[str], shuffle: random.Random
) -> None:
    def written(space: str) -> str:
        parts = ["1", *(f"{space}:{space}".join(term) for term in terms), *random_terms]
        shuffle.shuffle(parts)
        return f"y{space}~{space}" + f"{space}+{space}".join(parts)

    first = parse(written(" ")).canonical()
    for term in terms:
        shuffle.shuffle(term)
    again = parse(written("") + "".join(f" + ({bar})" for bar in random_terms)).canonical()
    assert (first, first.text) == (again, again.text)


tokens = st.sampled_from([*PIECES, *"()+-*/:^|~,`=10 '.", "||", "(1|g)", "^2", "log(", "y ~ ", "_"])
noise = (
    st.text(max_size=MAX_CHARACTERS)
    | st.lists(tokens, max_size=600).map(lambda parts: "y~" + "".join(parts)[:1998])
    | st.builds(
        lambda text, at, cut, more: text[: at % (len(text) + 1)] + more + text[at + cut :],
        formulas,
        st.integers(0, 80),
        st.integers(0, 3),
        tokens | st.characters(),
    )
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(noise)
def test_any_text_is_read_or_refused_in_time(text: str) -> None:
    assert seconds(text) < BUDGET
