"""Specifications: equal models have equal keys, and the canonical form is the same model."""

import json

import numpy as np
import pytest

import engine
from engine import Spec
from tests.engine.fits import fitted
from tests.reference.cases import Case, case, frame, single_factor_cases


def key(formula: str, **options: object) -> str:
    return Spec.of(formula, **options).key()  # type: ignore[arg-type]  # the options of a spec


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("y ~ x + (1 | g)", "y~1+x+(1|g)"),
        ("y ~ a + b + (1 | g)", "y ~ b + (1 | g) + a"),
        ("y ~ a * b", "y ~ a + b + a:b"),
        ("y ~ a * b", "y ~ b + b:a + a"),
        ("y ~ x + (x || g)", "y ~ x + (0 + x | g) + (1 | g)"),
        ("y ~ (1 | a/b)", "y ~ 1 + (1 | b:a) + (1 | a)"),
        ("y ~ x + (1 + x | g)", "y ~ x + (x | g)"),
        ("log(y + 0.10) ~ x", "log(y+.1) ~ x"),
        ("y ~ `x`", "y ~ x"),
        ("y ~ x - 1", "y ~ 0 + x"),
        ("y ~ (a + b)^2", "y ~ a + b + a:b"),
        ("y ~ x + x + (1 | g) + (1 | g)", "y ~ x + (1 | g)"),
    ],
)
def test_the_same_model_has_one_key_however_written(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("y ~ x", "y ~ 0 + x"),
        ("y ~ x", "y ~ log(x)"),
        ("y ~ x + (1 | g)", "y ~ x + (x | g)"),
        ("y ~ x + (x | g)", "y ~ x + (x || g)"),
        ("y ~ (1 | a/b)", "y ~ (1 | b/a)"),
        ("y ~ 0 + a + b", "y ~ 0 + b + a"),  # the first factor has a column for each level
        ("y ~ x", "z ~ x"),
        ("y ~ x", "y ~ X"),
    ],
)
def test_other_models_have_other_keys(one: str, other: str) -> None:
    assert key(one) != key(other)


def test_options_are_part_of_the_key_where_they_matter() -> None:
    plain = key("y ~ x + f + (1 | g)")
    assert plain == key("y ~ x + f + (1 | g)", method="REML", missing="drop")
    assert plain == key("y ~ x + f + (1 | g)", contrasts={"f": "treatment"})
    assert plain == key("y ~ x + f + (1 | g)", contrasts={"unused": "sum"}, categorical=["unused"])
    others: list[dict[str, object]] = [
        {"method": "ML"},
        {"missing": "fail"},
        {"weights": "w"},
        {"offset": "w"},
        {"categorical": ["x"]},
        {"contrasts": {"f": "sum"}},
    ]
    for options in others:
        assert key("y ~ x + f + (1 | g)", **options) != plain
    once = key("y ~ x + f", categorical=["x", "f"])
    assert once == key("y ~ x + f", categorical=["f", "x", "f"])


def test_a_specification_is_plain_json_and_back() -> None:
    spec = Spec.of(
        "log(y) ~ x * f + (x || g)",
        method="ML",
        weights="w",
        offset="o",
        categorical=["x"],
        contrasts={"f": "helmert"},
        missing="fail",
    )
    again = Spec.of(**json.loads(json.dumps(spec.to_json())))
    assert again == spec
    assert again.key() == spec.key()
    assert spec.columns == ("y", "x", "f", "g", "w", "o")


def test_the_canonical_form_is_its_own() -> None:
    for known in single_factor_cases():
        canonical = Spec.of(known.formula, method=known.method).canonical()
        assert canonical.canonical() == canonical
        assert Spec.of(canonical.formula.text, method=known.method).key() == canonical.key()


@pytest.mark.parametrize(
    "known", [each for each in single_factor_cases() if each.name != "radon_aliased"], ids=str
)
def test_the_canonical_form_is_the_same_model(known: Case) -> None:
    written = fitted(known.name)
    data = frame(known)
    found = engine.fit_spec(written.spec.canonical(), data)
    assert found.statistics.criterion == pytest.approx(written.statistics.criterion, abs=1e-8)
    columns = {each.name: data[each.name].tolist() for each in engine.predictors(written)}
    one, other = (engine.predict(fit, columns) for fit in (found, written))
    unit = written.sigma
    np.testing.assert_allclose(one.estimate / unit, other.estimate / unit, atol=1e-9)
    np.testing.assert_allclose(one.std_error, other.std_error, rtol=1e-8)


def test_of_aliased_columns_the_later_one_goes_in_the_order_that_is_fitted() -> None:
    written = fitted("radon_aliased")
    found = engine.fit_spec(written.spec.canonical(), frame(case("radon_aliased")))
    assert written.dropped_terms == ("I(2 * log_uranium)",)
    assert found.dropped_terms == ("log_uranium",)
    # The restricted likelihood depends on the unit of the column that stays, the model does not.
    moved = written.statistics.criterion + 2.0 * np.log(2.0)
    assert found.statistics.criterion == pytest.approx(moved, abs=1e-8)
    assert found.statistics.deviance == pytest.approx(written.statistics.deviance, abs=1e-8)


def test_what_makes_no_difference_is_left_out_and_the_order_stays() -> None:
    written = Spec.of(
        "y ~ z + a + (z + a | g) + (1 | h) + (a + z | g)",
        categorical=["a", "not_there"],
        contrasts={"b": "sum"},
    )
    found = written.essential()
    assert found.formula.text == "y ~ 1 + z + a + (1 + z + a | g) + (1 | h)"
    assert (found.categorical, found.contrasts) == (("a",), ())
    assert found.key() == written.key()
    assert Spec.of("y~b+a+(1|g)").essential().formula.text == "y ~ b + a + (1 | g)"
