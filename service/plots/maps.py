"""The map of counties: the median of a new row, how likely it is over a level, uncertainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine import Problem, SpecError, describe_response
from service.plots.counties import STATE, County, counties, levels_of
from service.plots.figure import Figure, numbers, short
from service.plots.predictive import action_level
from service.plots.subject import UNITS, Subject, group_of
from service.plots.typical import Typical, read_row
from service.schemas.plots import PlotQuery


def county_map(subject: Subject, asked: PlotQuery) -> Figure:
    """Return the counties with a number for each."""
    found = levels_of(subject.fit, asked.group)
    if found is None:
        effects = group_of(subject.fit, asked.group)
        detail = f"the levels of {effects.group} are not counties of Minnesota"
        raise SpecError(Problem("no_counties", detail, "choose another group", ("group",)))
    group, levels = found
    given = read_row(subject.fit, asked.at)
    rows = _rows(subject, group, levels, given)
    values, words, legend = _measured(subject, asked, list(rows.values()))
    by_code = dict(zip(rows, numbers(values), strict=True))
    sizes = dict(zip(*_sizes(subject, group), strict=True))
    shown = [county for county in counties() if county.fips in rows]
    order = sorted(shown, key=lambda county: by_code[county.fips] or 0.0)
    unseen = [county.name for county in shown if county.fips not in levels]
    held = _held(rows, group, subject)
    return Figure(
        chart="map",
        title=f"{words} by county",
        subtitle=(
            *([f"new row with {held}"] if held else []),
            *([f"without data, from predictors alone: {', '.join(unseen)}"] if unseen else []),
            *(["broken outline: not in the model"] if len(shown) < len(counties()) else []),
        ),
        alt=(
            f"Map of {len(shown)} counties of Minnesota: {words}, from "
            f"{short(by_code[order[0].fips] or 0.0)} ({order[0].name}) to "
            f"{short(by_code[order[-1].fips] or 0.0)} ({order[-1].name})."
        ),
        tables={
            "counties": {
                "fips": [county.fips for county in counties()],
                "name": [county.name for county in counties()],
                "value": [by_code.get(county.fips) for county in counties()],
                "n": [sizes.get(levels.get(county.fips, ""), 0) for county in counties()],
                "shape": [county.shape for county in counties()],
            }
        },
        words={"value": words, "legend": legend, "measure": asked.measure},
    )


def _measured(
    subject: Subject, asked: PlotQuery, rows: Sequence[Mapping[str, object]]
) -> tuple[np.ndarray, str, str]:
    """Return a number for each row, what it is, and the same in a word or two."""
    level = action_level(subject, asked)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    if asked.measure == "exceedance" and level is None:
        detail = "the probability is that of passing a level, and none is given"
        raise SpecError(Problem("no_level", detail, "add action_level", ("action_level",)))
    thresholds = [] if level is None else [level]
    found = subject.fitted.predictive.predict(columns, thresholds=thresholds)
    if asked.measure == "uncertainty" or found.outcome is None:
        what = f"Standard error of the county line of {subject.response}"
        return found.std_error, what, "standard error"
    if asked.measure == "median":
        return found.outcome.median, f"Median {subject.outcome}", subject.outcome
    column = describe_response(subject.fit).column or ""
    unit = subject.unit_of(column)
    over = f"{short(level or 0.0)} {unit}".strip()
    what = f"Probability of {column} over {over}"
    return found.outcome.exceedance[:, 0], what, f"P(over {short(level or 0.0)})"


def _rows(
    subject: Subject, group: str, levels: Mapping[int, str], given: Mapping[str, object]
) -> dict[int, dict[str, object]]:
    """Return a new row for each county that the model can speak of, by code."""
    columns = next(own.columns for own in subject.fit.design.groupings if own.name == group)
    typical = Typical.of(subject)
    table = typical.by_level(columns, given)
    rows: dict[int, dict[str, object]] = {
        code: dict(table.loc[level]) for code, level in levels.items() if level in table.index
    }
    varying = {str(name) for name in table.columns if table[name].nunique() > 1} - set(given)
    for county in counties():
        known = _known(county, subject)
        if county.fips not in rows and varying <= known.keys():
            common = dict(table.iloc[0])
            rows[county.fips] = {**common, **{name: known[name] for name in varying}}
    return dict(sorted(rows.items()))


def _known(county: County, subject: Subject) -> dict[str, Any]:
    """Return what the columns of the bundled datasets have for a county."""
    if subject.dataset not in UNITS:
        return {}
    return {
        "county": county.key,
        "fips": str(county.fips),
        "state": STATE,
        "log_uranium": county.log_uranium,
    }


def _sizes(subject: Subject, group: str) -> tuple[Sequence[str], list[int]]:
    effects = group_of(subject.fit, group)
    return effects.levels, effects.rows.tolist()


def _held(rows: Mapping[int, Mapping[str, object]], group: str, subject: Subject) -> str:
    """Return in words what all rows share."""
    first = next(iter(rows.values()))
    same = [name for name in first if all(row[name] == first[name] for row in rows.values())]
    values = ((name, first[name]) for name in same if name not in group.split(":"))
    return ", ".join(
        f"{subject.titled(name)} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values
    )
