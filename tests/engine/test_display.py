"""The text of a fit: byte for byte what R's ``arm::display`` prints for the same model."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

import engine
from engine.rtext import Deparser, matrix, named, numbers
from engine.syntax import Name
from tests.reference.cases import HERE


@cache
def table(name: str) -> pd.DataFrame:
    files = {"radon": "radon", "sleepstudy": "sleepstudy", "machines": "Machines"}
    files |= {"dyestuff2": "Dyestuff2", "oats": "Oats"}
    rows = pd.read_csv(HERE / "data" / f"{files[name]}.csv")
    if name == "radon":
        rows["upper floor"], rows["w"] = rows["floor"], rows["log_radon_gh"] + 3
    if name == "oats":
        rows["plots"] = rows["nitro"] + 1
    return rows


def printed_by_r() -> dict[str, str]:
    """The blocks of display.txt by name; display.R has the models in R."""
    blocks = (HERE / "display.txt").read_text(encoding="utf-8").split("## ")[1:]
    return {block.split("\n", 1)[0]: block.split("\n", 1)[1] for block in blocks}


def shown(data: str, formula: str, **options: object) -> str:
    spec = engine.Spec.of(formula, **options)  # type: ignore[arg-type]  # the options of a spec
    return engine.display(engine.fit_spec(spec, table(data)), data=data)


MODELS: dict[str, tuple[str, str, dict[str, object]]] = {
    "lecture_first": ("radon", "log(pmax(radon, 0.1)) ~ 1 + (1 | county)", {}),
    "lecture_second": ("radon", "log(radon + 0.1) ~ 1 + floor + (1 | county)", {}),
    "ml": ("radon", "log(radon + 0.1) ~ floor + (1 | county)", {"method": "ML"}),
    "slope": ("radon", "log(radon + 0.1) ~ floor + (1 + floor | county)", {}),
    "independent_slope": (
        "radon",
        "log(radon + 0.1) ~ floor + (1 | county) + (0 + floor | county)",
        {},
    ),
    "slope_first": ("radon", "log(radon + 0.1) ~ floor + (0 + floor | county) + (1 | county)", {}),
    "small_correlation": ("sleepstudy", "Reaction ~ Days + (Days | Subject)", {}),
    "slope_only": ("sleepstudy", "Reaction ~ Days + (0 + Days | Subject)", {}),
    "standardised": ("sleepstudy", "Reaction ~ poly(Days, 2) + (scale(Days) | Subject)", {}),
    "three_effects": ("machines", "score ~ Machine + (Machine | Worker)", {}),
    "three_cells": ("machines", "score ~ Machine + (0 + Machine | Worker)", {}),
    "boundary": ("dyestuff2", "Yield ~ 1 + (1 | Batch)", {}),
    "negative_criterion": ("sleepstudy", "Reaction / 1e6 ~ Days + (1 | Subject)", {}),
    "large_numbers": ("sleepstudy", "Reaction * 1e6 ~ Days", {}),
    "scientific": ("sleepstudy", "Reaction * 1e12 ~ Days", {}),
    "weights_and_offset": (
        "radon",
        "log(radon + 0.1) ~ floor + (1 | county)",
        {"method": "ML", "weights": "w", "offset": "log_uranium"},
    ),
    "contrasts": (
        "oats",
        "yield ~ nitro + Variety + (1 | Block)",
        {"contrasts": {"Variety": "sum"}},
    ),
    "several_contrasts_and_a_long_call": (
        "oats",
        "yield ~ I(10 * nitro) * Variety + (1 | Block)",
        {"method": "ML", "contrasts": {"Variety": "helmert", "Block": "helmert"}},
    ),
    "back_quotes": (
        "radon",
        "log(radon + 0.1) ~ `upper floor` * log_uranium + (1 | county)",
        {},
    ),
    "broken_after_a_sum": (
        "radon",
        "log(pmax(radon, 0.1)) ~ floor + log_uranium + floor:log_uranium + (1 | county)",
        {},
    ),
    "broken_after_the_tilde": (
        "radon",
        (
            "log(pmax(pmin(radon, 48.2), 0.1) + 0 * log_uranium * 200) ~ "
            "poly(log_uranium, 2, raw = TRUE) + I(floor^2 + log_uranium * floor + 1) + (1 | county)"
        ),
        {},
    ),
    "broken_within_the_response": (
        "radon",
        (
            "log(radon + 0.1 + 0 * log_uranium + 0 * floor + 0 * log_radon) ~ "
            "(floor + log_uranium)^2 + (1 | county)"
        ),
        {},
    ),
    "least_squares": ("radon", "log(radon + 0.1) ~ floor", {}),
    "least_squares_of_a_mean": ("radon", "log(radon + 0.1) ~ 1", {}),
    "least_squares_without_intercept": ("sleepstudy", "Reaction ~ 0 + Days", {}),
    "least_squares_of_cells": ("oats", "yield ~ 0 + Variety", {}),
    "least_squares_weighted": ("oats", "yield ~ Variety", {"weights": "plots"}),
    "least_squares_of_weighted_cells": (
        "oats",
        "yield ~ 0 + Variety",
        {"weights": "plots", "contrasts": {"Block": "sum"}},
    ),
    "least_squares_aliased": ("radon", "log(radon + 0.1) ~ floor + I(2 * floor)", {}),
}


def test_the_models_are_those_that_r_printed() -> None:
    assert list(MODELS) == list(printed_by_r())


@pytest.mark.parametrize("name", MODELS)
def test_the_text_is_that_of_r(name: str) -> None:
    data, formula, options = MODELS[name]
    assert shown(data, formula, **options) == printed_by_r()[name]


def test_without_a_name_the_call_has_no_data() -> None:
    text = engine.display(engine.fit("Yield ~ 1 + (1 | Batch)", table("dyestuff2")))
    assert text.startswith("lmer(formula = Yield ~ 1 + (1 | Batch))\n")


def test_a_name_that_r_could_not_read_is_quoted() -> None:
    found = engine.fit("Yield ~ 1", table("dyestuff2"))
    assert "data = `minnesota-radon`)" in engine.display(found, data="minnesota-radon")


def test_more_digits_are_printed_when_asked_for() -> None:
    found = engine.fit("Yield ~ 1 + (1 | Batch)", table("dyestuff2"))
    assert "5.6656   0.6784" in engine.display(found, digits=4)


def test_a_correlation_with_an_effect_that_does_not_vary_is_not_a_number() -> None:
    found = engine.fit("Yield ~ x + (x | Batch)", table("dyestuff2").assign(x=np.arange(30) % 5))
    first = found.random[0].covariance[0, 0] == 0.0
    assert ("NaN" in engine.display(found)) == first


# R 4.2.2: format(round(x, 2), nsmall = 2), cat(round(x, 1)), print(x, quote = FALSE)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, -0.001], ["1.00", "0.00"]),
        ([1.5, -22.125], ["  1.50", "-22.12"]),
        ([100000.0, 3.0], ["1e+05", "3e+00"]),
        ([100000.25, 3.0], ["100000.25", "     3.00"]),
        ([1.234567891e15], ["1.234568e+15"]),
        ([1.0, float("nan")], ["1.00", " NaN"]),
        ([float("inf"), float("-inf")], [" Inf", "-Inf"]),
        ([-1e120, 1.0], ["-1e+120", "  1e+00"]),
    ],
)
def test_numbers_stand_as_r_formats_them(values: list[float], expected: list[str]) -> None:
    assert numbers(values, 2) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(2251.04, "2251"), (123456.78, "123456.8"), (12345678.9, "12345679"), (100000.0, "1e+05")],
)
def test_a_number_alone_stands_as_cat_prints_it(value: float, expected: str) -> None:
    assert numbers([value], 1, at_least=0) == [expected]


def test_a_matrix_wider_than_the_page_is_printed_in_blocks() -> None:
    text = matrix(["a", "bb"], ["x" * 40, "y" * 37], [["1", "2"], ["3", "4"]])
    assert text == (
        f"   {'x' * 40}\na  1{' ' * 39}\nbb 3{' ' * 39}\n"
        f"   {'y' * 37}\na  2{' ' * 36}\nbb 4{' ' * 36}\n"
    )
    assert matrix([""], ["x" * 39, "y" * 38], [["1", "2"]]).count("\n") == 2


def test_a_vector_with_names_is_set_right() -> None:
    assert named(["coef.est", "coef.se"], ["1", "22"]) == "coef.est  coef.se \n       1       22 \n"


def test_a_call_that_fits_is_one_line() -> None:
    printer = Deparser()
    printer.call("f", [(None, Name("x", 0)), ("by", Name("a b", 0))])
    assert printer.text() == "f(x, by = `a b`)"
