"""Tables of tests of terms: lmerTest's, and what no coding may change."""

import numpy as np
import pytest

import engine
from engine import SpecError
from engine.inference.hypotheses import type_three
from tests.reference.cases import case, frame
from tests.reference.inference import InferenceCase, fitted, inference_cases


@pytest.mark.parametrize("known", inference_cases(), ids=lambda known: known["name"])
@pytest.mark.parametrize("kind", ["III", "II", "I"])
@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger"])
def test_the_table_is_that_of_lmertest(known: InferenceCase, kind: str, df: str) -> None:
    found = engine.anova(fitted(known["name"]), kind, df=df)
    expected = known["anova"][kind][df]
    assert [row.term for row in found] == [row["term"] for row in expected]
    for row, other in zip(found, expected, strict=True):
        assert row.df_num == other["df_num"]
        assert row.df_den == pytest.approx(other["df_den"], rel=1e-5)
        assert row.f_value == pytest.approx(other["f_value"], rel=1e-5)
        assert row.p_value == pytest.approx(other["p_value"], rel=1e-4)
        assert row.mean_sq == pytest.approx(other["mean_sq"], rel=1e-5)
        assert row.sum_sq == pytest.approx(other["sum_sq"], rel=1e-5)


@pytest.mark.parametrize("kind", ["III", "II"])
def test_the_coding_of_factors_changes_no_test(kind: str) -> None:
    known = case("oats_interaction")
    data = frame(known).iloc[::2].assign(nitro=lambda d: d["nitro"].astype(str))
    tables = [
        engine.anova(
            engine.fit("yield ~ Variety * nitro + (1 | Block)", data, contrasts=codings),
            kind,
            df="kenward-roger",
        )
        for codings in ({}, {"Variety": "sum"}, {"Variety": "helmert", "nitro": "sum"})
    ]
    for table in tables[1:]:
        for row, other in zip(table, tables[0], strict=True):
            assert row.f_value == pytest.approx(other.f_value, rel=1e-6)
            assert row.df_den == pytest.approx(other.df_den, rel=1e-6)
            assert row.df_num == other.df_num


def test_type_one_takes_the_terms_in_the_order_asked_for() -> None:
    known = case("oats_interaction")
    data = frame(known)
    data = data[np.arange(len(data)) % 5 != 0]
    own = engine.fit("yield ~ Variety * nitro + (1 | Block)", data)
    turned = engine.fit("yield ~ nitro * Variety + (1 | Block)", data)
    found = engine.anova(own, "I", order=["nitro", "Variety", "Variety:nitro"])
    expected = engine.anova(turned, "I")
    assert [row.term for row in found] == ["nitro", "Variety", "Variety:nitro"]
    assert [row.f_value for row in found] == pytest.approx([row.f_value for row in expected])
    other = {row.term: row.f_value for row in engine.anova(own, "I")}
    assert other["Variety"] != pytest.approx(found[1].f_value)


@pytest.mark.parametrize(
    ("kind", "order", "code"),
    [
        ("I", ["nitro", "Variety"], "unknown_order"),
        ("I", ["nitro", "nitro", "Variety:nitro"], "unknown_order"),
        ("III", ["nitro", "Variety", "Variety:nitro"], "order_unused"),
    ],
)
def test_an_order_that_is_none_is_refused(kind: str, order: list[str], code: str) -> None:
    known = case("oats_interaction")
    fit = engine.fit(known.formula, frame(known))
    with pytest.raises(SpecError) as caught:
        engine.anova(fit, kind, order=order)
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == (code, ("order",))


def test_type_three_does_not_depend_on_how_many_rows_a_cell_has() -> None:
    balanced, unbalanced = type_three(fitted("cake")), type_three(fitted("cake_unbalanced"))
    for term, rows in balanced.items():
        np.testing.assert_allclose(unbalanced[term], rows, atol=1e-12)


def test_a_model_of_an_intercept_alone_has_no_terms() -> None:
    known = case("dyestuff")
    assert engine.anova(engine.fit(known.formula, frame(known))) == ()


def test_a_term_all_of_whose_columns_are_aliased_has_no_row() -> None:
    known = case("radon_aliased")
    fit = engine.fit(known.formula, frame(known))
    for kind in ("II", "III"):
        assert [row.term for row in engine.anova(fit, kind)] == ["log_uranium", "floor"]


def test_without_degrees_of_freedom_the_test_is_chi_square() -> None:
    for row, other in zip(
        engine.anova(fitted("oats"), df="none"), engine.anova(fitted("oats")), strict=True
    ):
        assert row.df_den is None
        assert row.f_value == pytest.approx(other.f_value, rel=1e-12)
        assert row.p_value < other.p_value
