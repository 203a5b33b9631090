"""The page of the studies says what was kept, and what was kept is what the docs promise."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
import pytest

from benchmarks.studies import coverage, optimum, pages, radon
from benchmarks.studies.by_rows import ByRows
from benchmarks.studies.designs import Design, designs
from benchmarks.studies.hard import EACH, FAMILIES, data_sets
from benchmarks.studies.heldout import by_row, held_out
from engine.criterion import Structure
from service.radon.models import COUNTRY, STATE
from tests.engine.fits import fitted
from tests.reference.cases import case, frame

SPLITS: tuple[Literal["by_house", "by_county"], ...] = ("by_house", "by_county")

every_design = pytest.mark.parametrize("design", designs(), ids=lambda design: design.name)


def test_the_tables_of_the_page_are_those_of_the_results() -> None:
    assert list(pages.stale()) == [], "run python -m benchmarks.studies.pages"


def test_the_kept_study_has_a_thousand_simulations_of_every_design() -> None:
    kept = coverage.read()
    assert kept["n"] >= 1000
    assert [own["name"] for own in kept["designs"]] == [design.name for design in designs()]


@pytest.mark.parametrize("interval", ["Satterthwaite", "Kenward-Roger"])
def test_intervals_of_fixed_effects_cover_what_they_say_in_every_design(interval: str) -> None:
    for design in coverage.read()["designs"]:
        for own in design["intervals"]:
            if own["interval"] == interval:
                assert 93.0 <= own["percent"] <= 97.0, (design["name"], own["quantity"])


def test_all_intervals_for_the_survey_cover_what_they_say() -> None:
    (radon, *_) = coverage.read()["designs"]
    for own in radon["intervals"]:
        if own["part"] != "bands":  # given the size of the effect, shrunken estimates are biased
            assert 93.0 <= own["percent"] <= 97.0, (own["quantity"], own["interval"])


def test_partial_pooling_beats_complete_and_no_pooling_of_houses_not_seen() -> None:
    kept = radon.read()
    for part in (kept["minnesota"], kept["nation"]):
        found = {own["name"]: own for own in part["by_house"]}
        partial = found["partial pooling"]
        for other in ("complete pooling", "no pooling"):
            assert partial["rmse"] < found[other]["rmse"]
            assert partial["log_score"] > found[other]["log_score"]
            assert partial["brier"] < found[other]["brier"]


def test_uranium_adds_most_where_a_county_has_no_house() -> None:
    for part in (radon.read()["minnesota"], radon.read()["nation"]):
        houses, counties = ({own["name"]: own["rmse"] for own in part[split]} for split in SPLITS)
        gained = [found["partial pooling"] - found[radon.CHOSEN] for found in (houses, counties)]
        assert 0.0 < gained[0] < gained[1]


def test_the_models_that_answer_are_calibrated() -> None:
    kept = radon.read()
    for part in (kept["minnesota"], kept["nation"]):
        for split in SPLITS:
            (own,) = (each for each in part[split] if each["name"] == radon.CHOSEN)
            assert 48.0 <= own["within_50"] <= 57.0
            assert 94.0 <= own["within_95"] <= 96.0
        for each in part["reliability"]:  # within three standard errors, and a little
            error = 300.0 * (0.01 * each["said"] * (1.0 - 0.01 * each["said"]) / each["n"]) ** 0.5
            assert abs(each["said"] - each["found"]) <= error + 2.0


def test_the_models_judged_are_those_that_answer() -> None:
    kept = radon.read()
    for part, model in ((kept["minnesota"], STATE), (kept["nation"], COUNTRY)):
        (own,) = (each for each in part["by_house"] if each["name"] == radon.CHOSEN)
        assert own["formula"] == model.formula


def test_a_house_held_out_is_not_seen_by_the_model() -> None:
    table = radon.houses("minnesota-radon")
    folds = by_row(len(table), 10, 1)
    (*_, chosen) = (own for own in radon.MINNESOTA if own.name == radon.CHOSEN)
    before = held_out(chosen, table, folds)
    own = folds == 3
    changed = table.assign(radon=np.where(own, 50.0, table["radon"]))
    after = held_out(chosen, changed, folds)
    np.testing.assert_array_equal(before.mean[own], after.mean[own])
    assert (before.mean[~own] != after.mean[~own]).all()


def test_no_search_of_lme4_found_a_better_optimum() -> None:
    kept = optimum.read()
    assert kept["sets"] == EACH * len(FAMILIES)
    assert kept["ours_worse_by"] == []


@every_design
def test_a_simulation_depends_on_its_seed_alone(design: Design) -> None:
    row = coverage.replicate(design, 0, 1, 7)
    assert row == coverage.replicate(design, 0, 1, 7)
    assert row != coverage.replicate(design, 0, 1, 8)
    parts = {part for part, _, _ in row}
    assert parts == {
        "fixed", "variance", "effects", "bands", "prediction", "estimate", "boundary",
    }  # fmt: skip
    assert all(0.0 <= value <= 1.0 for (part, _, _), value in row.items() if part == "prediction")


@every_design
def test_a_drawn_table_has_the_moments_of_its_design(design: Design) -> None:
    # The variance of y given X is that of the random part and the noise, averaged over rows.
    generator = np.random.default_rng(3)
    draws = np.array([design.draw(generator).table["y"] for _ in range(2000)])
    expected = np.full(draws.shape[1], design.sigma**2)
    for group, covariance in design.between.items():
        expected += ((design.z[group] @ covariance) * design.z[group]).sum(axis=1)
    np.testing.assert_allclose(draws.var(axis=0).mean(), expected.mean(), rtol=0.05)
    error = np.sqrt(expected.max() / 2000)
    np.testing.assert_allclose(draws.mean(axis=0), design.mean, atol=5.0 * error)


@pytest.mark.parametrize("name", ["sleepstudy_slope", "penicillin", "pastes", "cake_weights"])
def test_the_judge_gives_lme4s_criterion_at_lme4s_theta(name: str) -> None:
    known, found = case(name), fitted(name)
    structure = Structure.of(tuple(size for own in found.random for size in own.sizes))
    t = structure.matrix(known.theta)
    ends = np.cumsum([0, *(len(own.terms) for own in found.random)]).tolist()
    blocks = tuple(t[a:b, a:b] for a, b in pairwise(ends))
    judge = ByRows(found.spec, frame(known))
    assert judge.at(blocks) == pytest.approx(known.criterion, abs=1e-8)


def test_hard_data_sets_are_drawn_alike_each_time() -> None:
    first, again = list(data_sets(1)), list(data_sets(1))
    assert len(first) == EACH * len(FAMILIES)
    assert len({own.family for own in first}) == len(FAMILIES)
    for one, other in zip(first, again, strict=True):
        assert one.table.equals(other.table)
