"""How well are houses predicted that no model has seen? Complete, no and partial pooling, uranium.

    python -m benchmarks.studies.radon --seed 1

Ten folds of houses at random, and counties left out whole. Writes results/radon.json.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TypedDict

import numpy as np
import pandas as pd

from benchmarks.studies.heldout import (
    Bin,
    Candidate,
    Floats,
    Folds,
    Predicted,
    Scores,
    by_group,
    by_row,
    held_out,
    reliability,
    scores,
    together,
)
from benchmarks.studies.record import Made, keep, kept, made
from service.radon.models import COUNTRY, STATE, UNMEASURED
from service.radon.tables import DATA

NAME = "radon"
FOLDS = 10
PARTITIONS = 10
"""How often the houses of Minnesota are put into ten folds anew."""

CHOSEN = "partial pooling, uranium"
ONE_SPREAD = "… with one spread for all states"

COMPLETE = "log(radon + 0.1) ~ floor"
MINNESOTA = (
    Candidate("complete pooling", COMPLETE),
    Candidate("no pooling", "log(radon + 0.1) ~ 0 + county + floor", "county", COMPLETE),
    Candidate("partial pooling", "log(radon + 0.1) ~ floor + (1 | county)"),
    Candidate("uranium alone", "log(radon + 0.1) ~ floor + log_uranium"),
    Candidate(CHOSEN, STATE.formula),
    Candidate("… and their product", "log(radon + 0.1) ~ floor * log_uranium + (1 | county)"),
    Candidate(
        "… and floors that vary by county",
        "log(radon + 0.1) ~ floor + log_uranium + (1 + floor | county)",
    ),
    Candidate(
        "… with zeros as 0.1",
        "log(pmax(radon, 0.1)) ~ floor + log_uranium + (1 | county)",
        clipped=True,
    ),
)
STATES = "log(radon + 0.1) ~ 0 + state + pmin(floor, 1)"
NATION = (
    Candidate("complete pooling", "log(radon + 0.1) ~ pmin(floor, 1)"),
    Candidate("no pooling of states, complete within", STATES),
    Candidate("no pooling", "log(radon + 0.1) ~ 0 + place + pmin(floor, 1)", "place", STATES),
    Candidate("partial pooling", UNMEASURED.formula),
    Candidate(ONE_SPREAD, COUNTRY.formula),
    Candidate(CHOSEN, COUNTRY.formula, spread=True),
    Candidate(
        "… and floors that vary by state",
        "log(radon + 0.1) ~ pmin(floor, 1) + log_uranium + (1 + pmin(floor, 1) | state)"
        " + (1 | state:fips)",
        spread=True,
    ),
)


class OfState(TypedDict):
    """How good a model is for the houses of a state."""

    state: str
    n: int
    rmse: float
    log_score: float
    within_50: float
    within_95: float
    brier: float


class OfData(TypedDict):
    """What one set of houses gave."""

    houses: int
    counties: int
    by_house: list[Scores]
    by_county: list[Scores]
    reliability: list[Bin]
    reliability_by_county: list[Bin]


class Study(TypedDict):
    """The study."""

    made: Made
    seed: int
    minnesota: OfData
    nation: OfData
    by_state: list[OfState]
    by_state_one_spread: list[OfState]
    minnesota_by_nation: OfState
    minnesota_by_itself: OfState


def houses(name: str) -> pd.DataFrame:
    """The houses whose floor and uranium are known, so that every model has the same rows."""
    table = pd.read_csv(DATA / f"{name}.csv").dropna(subset=["floor", "log_uranium"])
    if "state" not in table:
        table["state"] = "MN"
    table["place"] = table["fips"].astype(str) + ":" + table["state"]
    return table.reset_index(drop=True)


def of_data(
    candidates: tuple[Candidate, ...],
    table: pd.DataFrame,
    partitions: list[Folds],
    counties: Folds,
) -> tuple[OfData, dict[str, Predicted]]:
    """Judge the candidates; the predictions are by candidate, in the partitions of houses."""
    radon = table["radon"].to_numpy(dtype=float)
    several = np.tile(radon, len(partitions))
    said = {
        own.name: together([held_out(own, table, folds) for folds in partitions])
        for own in candidates
    }
    alone = [own for own in candidates if own.fixed is None]
    left_out = {own.name: held_out(own, table, counties) for own in alone}
    found = OfData(
        houses=len(table),
        counties=table["place"].nunique(),
        by_house=_scored(candidates, said, several, len(table)),
        by_county=_scored(tuple(alone), left_out, radon, len(table)),
        reliability=reliability(said[CHOSEN], several, len(partitions)),
        reliability_by_county=reliability(left_out[CHOSEN], radon, 1),
    )
    return found, said


def _scored(
    candidates: tuple[Candidate, ...], said: dict[str, Predicted], radon: Floats, n: int
) -> list[Scores]:
    return [scores(own, said[own.name], radon, said[CHOSEN], n) for own in candidates]


def of_state(state: str, said: Predicted, table: pd.DataFrame, partitions: int) -> OfState:
    """Score predictions of the houses of one state."""
    rows = np.tile((table["state"] == state).to_numpy(), partitions)
    radon = np.tile(table["radon"].to_numpy(dtype=float), partitions)[rows]
    own = Predicted(said.mean[rows], said.sd[rows], said.clipped, said.known[rows])
    candidate = Candidate(CHOSEN, "")
    found = scores(candidate, own, radon, own, len(radon))
    return OfState(
        state=state,
        n=len(radon) // partitions,
        rmse=found["rmse"],
        log_score=found["log_score"],
        within_50=found["within_50"],
        within_95=found["within_95"],
        brier=found["brier"],
    )


def study(seed: int) -> Study:
    """Run everything."""
    start = time.perf_counter()
    state, nation = houses("minnesota-radon"), houses("us-radon")
    partitions = [by_row(len(state), FOLDS, seed + i) for i in range(PARTITIONS)]
    minnesota, own = of_data(MINNESOTA, state, partitions, by_group(state["place"], None, seed))
    country, said = of_data(
        NATION,
        nation,
        [by_row(len(nation), FOLDS, seed)],
        by_group(nation["place"], FOLDS, seed),
    )
    codes = sorted(nation["state"].unique())
    states = [of_state(code, said[CHOSEN], nation, 1) for code in codes]
    return Study(
        made=made(time.perf_counter() - start),
        seed=seed,
        minnesota=minnesota,
        nation=country,
        by_state=states,
        by_state_one_spread=[of_state(code, said[ONE_SPREAD], nation, 1) for code in codes],
        minnesota_by_nation=next(each for each in states if each["state"] == "MN"),
        minnesota_by_itself=of_state("MN", own[CHOSEN], state, PARTITIONS),
    )


def read() -> Study:
    """The study as it was run last."""
    found: Study = json.loads(kept(NAME))
    return found


def main() -> None:
    """Parse the command line, run, and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.radon")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dry", action="store_true", help="print, write nothing")
    options = parser.parse_args()
    found = study(options.seed)
    if options.dry:
        print(json.dumps(found, indent=1))
        return
    keep(NAME, found)


if __name__ == "__main__":
    main()
