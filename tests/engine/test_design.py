"""The columns of X are those of R's model.matrix, by name and in order."""

import pandas as pd
import pytest

from engine.design import contrast_matrix, learn
from engine.frame import read
from engine.spec import Spec
from engine.table import Table

HOUSES = pd.DataFrame(
    {
        "y": [float(i) for i in range(12)],
        "x": [float(i * i) for i in range(12)],
        "a": ["p", "q", "r"] * 4,
        "b": ["s", "t"] * 6,
        "dry": [True, False, False, True] * 3,
    }
)


def columns(formula: str, **options: dict[str, str]) -> list[str]:
    spec = Spec.of(formula, contrasts=options.get("contrasts"))
    frame = read(spec, Table.of(HOUSES))
    return list(learn(spec, frame).fixed.names)


@pytest.mark.parametrize(
    ("terms", "names"),
    [
        ("a + x", "(Intercept) aq ar x"),
        ("dry", "(Intercept) dryTRUE"),
        ("0 + a", "ap aq ar"),
        ("0 + a + b", "ap aq ar bt"),
        ("0 + x + b + a", "x bs bt aq ar"),
        ("a * b", "(Intercept) aq ar bt aq:bt ar:bt"),
        ("a:b", "(Intercept) ap:bs aq:bs ar:bs ap:bt aq:bt ar:bt"),
        ("0 + a:b", "ap:bs aq:bs ar:bs ap:bt aq:bt ar:bt"),
        ("a + a:b", "(Intercept) aq ar ap:bt aq:bt ar:bt"),
        ("x:a", "(Intercept) x:ap x:aq x:ar"),
        ("x * a", "(Intercept) x aq ar x:aq x:ar"),
        ("0 + x:a + b", "bs bt x:ap x:aq x:ar"),
        ("poly(x, 2):b", "(Intercept) poly(x, 2)1:bs poly(x, 2)2:bs poly(x, 2)1:bt poly(x, 2)2:bt"),
    ],
)
def test_the_columns_are_named_and_ordered_as_r_does(terms: str, names: str) -> None:
    assert " ".join(columns(f"y ~ {terms}")) == names


def test_other_contrasts_are_numbered() -> None:
    assert columns("y ~ a", contrasts={"a": "sum"}) == ["(Intercept)", "a1", "a2"]
    assert contrast_matrix("sum", 3).tolist() == [[1, 0], [0, 1], [-1, -1]]
    assert contrast_matrix("helmert", 3).tolist() == [[-1, -1], [1, -1], [0, 2]]
