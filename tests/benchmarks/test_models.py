from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.models import tables
from benchmarks.models.cases import (
    INSTEVAL,
    LARGE,
    PENICILLIN,
    SLEEPSTUDY,
    USUAL,
    Case,
    kenward_roger,
)
from benchmarks.models.race import Entry, Limits, race
from benchmarks.models.report import section, shown
from benchmarks.programs import OURS, PEERS
from benchmarks.rounds import Measured
from benchmarks.task import read, write


@pytest.mark.slow
@pytest.mark.parametrize("case", [SLEEPSTUDY, PENICILLIN, kenward_roger(1_000)])
def test_the_engine_runs_a_case(case: Case) -> None:
    alone = replace(case, rounds=2, seconds=0.01, not_for=dict.fromkeys(PEERS, "not asked"))
    own, *peers = race(alone, None, Limits(60.0))
    assert own.name == OURS
    assert own.time is not None
    assert own.above == 0.0
    assert [entry.remark for entry in peers] == ["not asked"] * len(PEERS)


def test_a_program_that_ends_above_the_lowest_criterion_gets_no_time() -> None:
    entries = [
        Entry(OURS, "", "1", 0.0, Measured((0.001, 0.001)), 100_000_000),
        Entry("lme4", "not the optimum", "2", 5.7),
        Entry("mixedlm", "", "3", 1e-9, Measured((0.004, 0.003)), 100_000_000),
    ]
    lines = section([(SLEEPSTUDY, entries)], Limits(60.0)).splitlines()
    (summed,) = (line for line in lines if line.startswith("| sleepstudy |"))
    assert summed == "| sleepstudy | 2 ms | 1 ms | yes | not the optimum | 3.5× |"
    assert any(line.startswith("| lme4 | not the optimum | 6e+00 |") for line in lines)


def test_times_are_told_at_the_pace_of_the_targets_too() -> None:
    races = [
        (SLEEPSTUDY, [Entry(OURS, "", "1", 0.0, Measured((0.003,)), 1)]),
        (
            INSTEVAL,
            [
                Entry(OURS, "", "1", 0.0, Measured((1.1,)), 1),
                Entry("mixedlm", "", "3", 1e-9, Measured((5.0,)), 1),
            ],
        ),
    ]
    assert (
        "this one took 2.00 times as long in this run. At that pace the times of partialpool "
        "(and the targets) are sleepstudy 1.5 ms (2 ms), InstEval 550 ms (1 s)."
        in section(races, Limits(60.0))
    )
    assert "At that pace" not in section(races[:1], Limits(60.0))


def test_a_target_of_memory_is_missed_by_memory_alone() -> None:
    (ratings,) = (case for case in LARGE if case.target_peak is not None)
    large = [Entry(OURS, "", "1", 0.0, Measured((1.0,)), 2_000_000_000)]
    assert "| 20 s and 1.5 GB | 1 s | no |" in section([(ratings, large)], Limits(60.0))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.00012, "0.12 ms"), (0.0153, "15.3 ms"), (1.25, "1.25 s")]
)
def test_times_are_shown_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert shown(seconds) == text


def test_a_task_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = tables.sleepstudy()
    write(SLEEPSTUDY.task, table, tmp_path)
    task, found = read(tmp_path)
    assert task == SLEEPSTUDY.task
    assert found["Subject"].tolist() == table["Subject"].tolist()
    np.testing.assert_array_equal(found["Reaction"], table["Reaction"])


def names(cases: Sequence[Case]) -> list[str]:
    return [case.name for case in cases]


def test_the_names_of_cases_are_their_own() -> None:
    assert len(set(names(USUAL))) == len(USUAL)
    assert len(set(names(LARGE))) == len(LARGE)


@pytest.mark.parametrize(
    ("made", "sizes"),
    [
        (tables.like_chem97, {"school": 2410, "lea": 131}),
        (lambda: tables.grouped(5_000, 50), {"g": 50}),
        (tables.ratings, {"user": 6000, "item": 3700}),
    ],
)
def test_drawn_tables_have_the_levels_they_say(made: object, sizes: dict[str, int]) -> None:
    assert callable(made)
    table = made()
    assert {name: table[name].nunique() for name in sizes} == sizes


def test_a_model_that_no_program_answers_in_time_is_shown_as_that() -> None:
    alone = replace(SLEEPSTUDY, not_for=dict.fromkeys(PEERS, "not asked"))
    entries = race(alone, None, Limits(0.01))
    assert [entry.remark for entry in entries] == ["not within 0.01 s", *["not asked"] * len(PEERS)]
    assert "| sleepstudy | 2 ms | not within 0.01 s | no |" in section(
        [(alone, entries)], Limits(0.01)
    )
