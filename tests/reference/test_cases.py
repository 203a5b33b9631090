import csv

import numpy as np
import pytest

from tests.reference.cases import HERE, Case, case, cases, frame, single_factor_cases


@pytest.mark.parametrize("known", cases(), ids=str)
def test_every_case_is_whole(known: Case) -> None:
    p = len(known.fixed.names)
    assert known.n == len(frame(known))
    assert known.vcov.shape == (p, p)
    for column in (known.fixed.estimate, known.fixed.se, known.fixed.df, known.fixed.p):
        assert column.shape == (p,)
    np.testing.assert_allclose(np.sqrt(np.diag(known.vcov)), known.fixed.se, rtol=1e-9)
    for modes in known.ranef.values():
        assert modes.values.shape == (len(modes.levels), len(modes.names))
        assert modes.sd.shape == modes.values.shape


def test_a_single_value_in_the_file_is_an_array_of_one() -> None:
    known = case("seed_m0")
    assert known.theta.shape == (1,)
    assert known.fixed.names == ("(Intercept)",)
    assert known.ranef["county"].values.shape == (85, 1)


def test_grouping_and_categorical_columns_are_text() -> None:
    assert frame(case("sleepstudy_slope"))["Subject"].iloc[0] == "308"
    assert frame(case("cake"))["temperature"].iloc[0] == "175"
    assert frame(case("insteval"))["service"].iloc[0] == "0"


def test_levels_stand_in_byte_order_and_all_occur_in_the_table() -> None:
    known = case("radon_slope")
    levels = known.ranef["county"].levels
    assert list(levels) == sorted(set(frame(known)["county"]))


def test_a_frame_can_be_changed_without_changing_the_next() -> None:
    known = case("dyestuff")
    first = frame(known)
    first["Yield"] = 0.0
    assert frame(known)["Yield"].iloc[0] == 1545


def test_single_factor_cases_leave_out_crossed_and_nested_ones() -> None:
    names = {known.name for known in single_factor_cases()}
    assert {"radon_zerocorr", "cake", "dyestuff2"} <= names
    assert names.isdisjoint({"penicillin", "pastes", "cake_temp", "insteval", "oats", "machines"})


def test_the_file_holds_the_listed_models_and_no_other() -> None:
    with (HERE / "models.csv").open(encoding="utf-8", newline="") as file:
        listed = [
            (row["name"], row["formula"], row["method"], row["weights"], row["offset"])
            for row in csv.DictReader(file)
        ]
    assert listed == [
        (known.name, known.formula, known.method, known.weights or "", known.offset or "")
        for known in cases()
    ]
