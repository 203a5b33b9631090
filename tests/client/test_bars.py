from __future__ import annotations

import io
from collections.abc import Iterator

from partialpool import Report
from partialpool.bars import Line


def shown(*reports: Report, times: Iterator[float]) -> str:
    target = io.StringIO()
    line = Line(target, clock=lambda: next(times))
    for report in reports:
        line(report)
    return target.getvalue()


def test_work_of_a_moment_shows_nothing() -> None:
    reports = [Report("fit", 0.1), Report("fit", 0.9), Report("fit", 1.0, finished=True)]
    assert shown(*reports, times=iter([0.0, 0.0, 0.4, 0.45])) == ""


def test_longer_work_is_a_line_that_is_written_over_and_wiped() -> None:
    reports = [
        Report("fit", 0.0),
        Report("fit", 0.5, "searching"),
        Report("fit", 0.51, "too soon to tell"),
        Report("fit", 1.0, finished=True),
    ]
    text = shown(*reports, times=iter([0.0, 0.0, 1.0, 1.05, 2.0]))
    first, second, last = text.split("\r")[1:]
    assert first == "fit  " + 12 * "█" + 12 * "░" + "  50%  searching"
    assert second == " " * len(first)
    assert last == ""
