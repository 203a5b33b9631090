"""Tables are written once, and the page keeps what a run leaves out."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from benchmarks import machine
from benchmarks.growth import CASES, PAGE, Case, Row, kept, line, measure, page, table

SMALL = Case("rows", 2_000, 2, (20, 5))
ROW: Row = {"file": 1.0, "seconds": 2.0, "processor": 3.0, "rate": 4.0, "peak": 5.0, "load": 6.0}


def test_a_table_is_written_once_and_fitted_from_where_it_is(tmp_path: Path) -> None:
    folder = table(SMALL, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    assert pl.scan_parquet(folder / "*.parquet").collect().shape == (2_000, 5)
    before = folder.stat().st_mtime_ns
    assert table(SMALL, tmp_path).stat().st_mtime_ns == before
    assert 0.7 < float(measure(folder, SMALL.formula)["sigma"]) < 0.8


def test_tables_of_different_cases_are_in_different_folders() -> None:
    assert len({case.folder for case in CASES}) == len({case.key for case in CASES}) == len(CASES)


def test_rows_that_a_run_leaves_out_stay_on_the_page() -> None:
    about = machine.machine()
    rows, groups = CASES[0], next(case for case in CASES if case.name == "groups")
    text = page(about, {groups: line(groups, ROW), rows: line(rows, ROW)})
    found = kept(about, text)
    assert list(found) == [rows, groups]
    found[rows] = line(rows, ROW | {"seconds": 9.0})
    again = page(about, found)
    assert f"{rows.key} 1 | 9.00 | 3.00 | 4.0 | 5 | 6.0 |" in again
    assert again.replace("9.00", "2.00") == text


def test_rows_of_another_machine_do_not_stay() -> None:
    text = page("- another processor\n", {CASES[0]: line(CASES[0], ROW)})
    assert kept(machine.machine(), text) == {}


def test_the_lines_of_the_page_are_those_of_cases() -> None:
    text = PAGE.read_text("utf-8")
    about = text[text.index("\n- ") + 1 :]
    assert len(kept(about, text)) == text.count("\n| ") - 2
