"""The report and its pictures are those of the results that are kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import blocks
from benchmarks.figures import ladders, results
from benchmarks.figures.figures import FOLDER, digest, figures, mark, path_of
from benchmarks.figures.page import BLOCKS, PAGE
from benchmarks.figures.results import number, seconds, sections

LARGEST = 80_000


def test_the_tables_of_the_report_are_those_of_the_results() -> None:
    assert list(blocks.stale(PAGE, BLOCKS)) == []


def test_pictures_are_drawn_from_the_results() -> None:
    for name, figure in figures().items():
        picture = path_of(name).read_text("utf-8")
        assert picture.endswith(mark(figure)), f"{name}: run `make bench-figures`"
        assert len(picture) < LARGEST
        assert "<desc" in picture


def test_every_picture_is_shown_with_words_for_who_does_not_see_it() -> None:
    shown = re.findall(r"!\[([^\]]+)\]\(images/benchmarks/([a-z-]+)\.svg\)", PAGE.read_text())
    assert sorted(name for _, name in shown) == sorted(figures())
    assert sorted(figures()) == sorted(path.stem for path in FOLDER.glob("*"))
    assert all(len(words) > 20 for words, _ in shown)


def test_another_result_is_another_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (results.FOLDER / "results-scan.md").read_text()
    (tmp_path / "results-scan.md").write_text(re.sub(r"\| fit \| [\d.]+", "| fit | 99.5", text))
    before = figures()["scan"]
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    after = ladders.ladder(before.title, before.subtitle, ladders.scan(), before.words["x"])
    assert "99.5 s" in after.alt
    assert digest(after) != digest(before)


def test_results_that_are_not_there_yet_make_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    assert ladders.models() == ladders.memory() == ladders.scan() == ladders.crossed() == []


def test_a_page_is_read_by_sections_and_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = "# One\n\nSaid.\n\n| a | b |\n| --- | ---: |\n| `x \\| y` | 1 |\n\n## Two\n\n- here\n"
    (tmp_path / "page.md").write_text(page)
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    one, two = sections("page.md")
    assert (one.title, one.lines) == ("One", ("Said.",))
    assert one.tables[0].cells("a") == ["`x \\| y`"]
    assert (two.title, two.tables, results.machine("page.md")) == ("Two", (), ["here"])


@pytest.mark.parametrize(
    ("cell", "found"),
    [("1.20 (1.13–1.80)", 1.2), ("1,186", 1186.0), ("6e-08", 6e-8), ("17.2×", 17.2), ("–", None)],
)
def test_a_number_is_read_as_it_is_written(cell: str, found: float | None) -> None:
    assert number(cell) == found


@pytest.mark.parametrize(
    ("cell", "found"),
    [("48.3 ms (38.9 ms–57.8 ms)", 0.0483), ("4 s (3.8 s–5.65 s)", 4.0), ("not within 60 s", None)],
)
def test_a_time_is_read_in_seconds(cell: str, found: float | None) -> None:
    assert seconds(cell) == (found if found is None else pytest.approx(found))
