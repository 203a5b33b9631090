"""The tables of docs/radon.md, from the results that are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.rounds import table
from benchmarks.studies.designs import ROOT
from benchmarks.studies.heldout import Bin, Scores
from benchmarks.studies.radon import CHOSEN, PARTITIONS, OfState, read
from benchmarks.studies.record import origin

PAGE = ROOT / "docs" / "radon.md"

_HEAD = ("model", "RMSE", "log score", "behind", "in 50 %", "in 95 %", "Brier")


def minnesota_houses() -> str:
    """Houses left out at random."""
    found = read()
    return f"{_scores(found['minnesota']['by_house'])}\n{_from()}\n"


def minnesota_counties() -> str:
    """Counties left out whole."""
    return _scores(read()["minnesota"]["by_county"])


def minnesota_reliability() -> str:
    """What was said of 4 pCi/L beside what was found."""
    found = read()["minnesota"]
    return _bins(found["reliability"], found["reliability_by_county"])


def nation_houses() -> str:
    """Houses of the nation left out at random."""
    return _scores(read()["nation"]["by_house"])


def nation_counties() -> str:
    """Tenths of the counties left out whole."""
    return _scores(read()["nation"]["by_county"])


def nation_reliability() -> str:
    """What was said of 4 pCi/L beside what was found."""
    found = read()["nation"]
    return _bins(found["reliability"], found["reliability_by_county"])


def nation_states() -> str:
    """The national model, state by state, and the coverage that one spread for all would have."""
    found = read()
    rows = [
        (own["state"], f"{own['n']:,}", *_covered(own), *_covered(one), f"{own['rmse']:.4f}")
        for own, one in zip(found["by_state"], found["by_state_one_spread"], strict=True)
    ]
    part = ("in 50 %", "in 95 %")
    return table(("", "houses", *part, *(f"{name}, one spread" for name in part), "RMSE"), rows)


def _covered(each: OfState) -> tuple[str, str]:
    return f"{each['within_50']:.1f}", f"{each['within_95']:.1f}"


def minnesota_models() -> str:
    """Minnesota's houses by its own model and by that of the nation."""
    found = read()
    return _states(
        [
            ("Minnesota's own", found["minnesota_by_itself"]),
            ("the nation's", found["minnesota_by_nation"]),
        ]
    )


def _scores(rows: Sequence[Scores]) -> str:
    return table(_HEAD, [_row(each) for each in rows])


def _row(each: Scores) -> tuple[str, ...]:
    name = f"**{each['name']}**" if each["name"] == CHOSEN else each["name"]
    return (
        f"{name}: `{each['formula']}`".replace("|", "\\|"),
        f"{each['rmse']:.4f}",
        f"{each['log_score']:.4f}",
        "" if each["name"] == CHOSEN else f"{each['behind']:+.4f} ± {each['behind_error']:.4f}",
        f"{each['within_50']:.1f}",
        f"{each['within_95']:.1f}",
        f"{each['brier']:.4f}",
    )


def _bins(houses: Sequence[Bin], counties: Sequence[Bin]) -> str:
    left_out = {each["low"]: each for each in counties}
    rows = [
        (
            f"{100 * each['low']:.0f} to {100 * each['high']:.0f} %",
            *_cells(each),
            *(_cells(left_out[each["low"]]) if each["low"] in left_out else ("–", "–", "–")),
        )
        for each in houses
    ]
    part = ("houses", "said", "found")
    return table(("said to be", *part, *(f"{name}, county left out" for name in part)), rows)


def _cells(each: Bin) -> tuple[str, str, str]:
    return f"{each['n']:,}", f"{each['said']:.1f}", f"{each['found']:.1f}"


def _states(rows: Sequence[tuple[str, OfState]]) -> str:
    return table(
        ("", "houses", "RMSE", "log score", "in 50 %", "in 95 %", "Brier"),
        [
            (
                name,
                f"{each['n']:,}",
                f"{each['rmse']:.4f}",
                f"{each['log_score']:.4f}",
                f"{each['within_50']:.1f}",
                f"{each['within_95']:.1f}",
                f"{each['brier']:.4f}",
            )
            for name, each in rows
        ],
    )


def _from() -> str:
    found = read()
    return (
        f"Ten folds, {PARTITIONS} times over for Minnesota and once for the nation: "
        f"{origin(found['made'])}"
    )


BLOCKS: dict[str, Callable[[], str]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        minnesota_houses,
        minnesota_counties,
        minnesota_reliability,
        minnesota_models,
        nation_houses,
        nation_counties,
        nation_reliability,
        nation_states,
    )
}
