"""The tables of docs/studies.md and docs/radon.md, from the results that are kept.

    python -m benchmarks.studies.pages

Whatever stands between ``<!-- name -->`` and ``<!-- end of name -->`` is written from there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

from benchmarks import blocks
from benchmarks.robustness import Robustness
from benchmarks.rounds import table
from benchmarks.studies import coverage, optimum, radon_tables
from benchmarks.studies.coverage import Coverage, OfDesign
from benchmarks.studies.designs import ROOT
from benchmarks.studies.intervals import BANDS, FIXED, band_name
from benchmarks.studies.record import kept, origin

PAGE = ROOT / "docs" / "studies.md"
NOMINAL = (93.0, 97.0)
VARIANCES = ("profile", "Wald", "Wald, normal", "Wald, chi-square")


def fixed_effects() -> str:
    """Coverage of the fixed effects."""
    return _by_kind("fixed", (*FIXED.values(), "profile"))


def variances() -> str:
    """Coverage of standard deviations and correlations."""
    return _by_kind("variance", VARIANCES)


def predictions() -> str:
    """Coverage of lines and of new observations."""
    return _by_kind("prediction", ("line", "new observation"))


def levels() -> str:
    """Coverage of the effects of levels: all together, and by how large the true effect is."""
    return _by_kind("effects", ("effect, conditional", "coefficient, joint"))


def bands() -> str:
    """Coverage of the same conditional intervals, by the size of the true effect."""
    return _by_kind("bands", tuple(band_name(*band) for band in BANDS), marked=False)


def _by_kind(part: str, kinds: Sequence[str], *, marked: bool = True) -> str:
    rows = []
    for design in coverage.read()["designs"]:
        found = _percent(design, part)
        for quantity in dict.fromkeys(quantity for quantity, _ in found):
            cells = [found.get((quantity, kind)) for kind in kinds]
            label = f"{design['name']}: {quantity}".replace("|", "\\|")
            rows.append((label, *(_shown(cell, marked) for cell in cells)))
    return table(("", *kinds), rows)


def _percent(design: OfDesign, part: str) -> dict[tuple[str, str], float]:
    return {
        (own["quantity"], own["interval"]): own["percent"]
        for own in design["intervals"]
        if own["part"] == part
    }


def _shown(percent: float | None, marked: bool) -> str:
    if percent is None:
        return "–"
    outside = marked and not NOMINAL[0] <= round(percent, 1) <= NOMINAL[1]
    return f"**{percent:.1f}**" if outside else f"{percent:.1f}"


def designs() -> str:
    """The designs, how often their fits are at a boundary, and where the numbers are from."""
    found = coverage.read()
    rows = [
        (
            design["name"],
            f"{design['title']}: `{design['formula']}`".replace("|", "\\|"),
            f"{design['boundary']['REML']:.1f}",
        )
        for design in found["designs"]
    ]
    shown = table(("design", "rows and model", "% at a boundary"), rows)
    return f"{shown}\n{_of(found)}\n"


def _of(found: Coverage) -> str:
    return f"{found['n']:,} simulations of each design: {origin(found['made'])}"


def bias() -> str:
    """Mean estimates of variances by REML and by ML, relative to the truth."""
    rows = [
        (
            f"{design['name']}: {own['quantity']}".replace("|", "\\|"),
            f"{own['truth']:g}",
            _relative(own["reml"], own["reml_error"], own["truth"]),
            _relative(own["ml"], own["ml_error"], own["truth"]),
        )
        for design in coverage.read()["designs"]
        for own in design["variances"]
    ]
    return table(("variance", "truth", "REML, % off", "ML, % off"), rows)


def _relative(mean: float, error: float, truth: float) -> str:
    return f"{100 * (mean / truth - 1):+.1f} ± {100 * error / truth:.1f}"


def optimisers() -> str:
    """What lme4's optimisers did on the hard data sets."""
    found = optimum.read()
    rows = [
        (
            own["name"],
            *map(str, own["worse"]),
            f"{own['worst']:.2g}",
            str(own["silent"]),
            str(own["failed"]),
            str(own["false_alarms"]),
            f"{own['median_ratio']:.1f}",
        )
        for own in found["optimisers"]
    ]
    head = (
        "optimiser",
        *(f"> {than:g}" for than in optimum.WORSE),
        "worst",
        "silent",
        "errors",
        "false alarms",
        "times ours",
    )
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    ours = found["ours_worse_by"]
    verdict = f"ours is above the best by more than {optimum.AT:g} in {len(ours)}"
    off = ", ".join(f"{name} {by:.0e}" for name, by in found["digits"].items())
    return (
        f"{table(head, rows)}\n{found['sets']} data sets; {verdict}. Largest error of the value "
        f"that a program gives for its own optimum: {off}. {origin(found['made'])} {versions}.\n"
    )


def families() -> str:
    """The families of hard data sets."""
    rows = [
        (
            own["name"],
            str(own["sets"]),
            str(own["boundary"]),
            str(own["default_worse"]),
            str(own["every_worse"]),
            str(own["ours_worse"]),
        )
        for own in optimum.read()["families"]
    ]
    head = ("data sets", "number", "at a boundary", "default worse", "all worse", "ours worse")
    return table(head, rows)


def random_starts() -> str:
    """The search beside random starts."""
    found: Robustness = json.loads(kept("robustness"))
    missed = "; ".join(found["missed"]) or "none"
    return f"{found['table']}\n\nMissed: {missed}. {origin(found['made'])}\n"


BLOCKS: dict[str, Callable[[], str]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        designs,
        fixed_effects,
        variances,
        predictions,
        levels,
        bands,
        bias,
        optimisers,
        families,
        random_starts,
    )
}


PAGES = {PAGE: BLOCKS, radon_tables.PAGE: radon_tables.BLOCKS}


def stale() -> Iterator[str]:
    """Name the blocks of the pages that are not what the results say."""
    for path, own in PAGES.items():
        yield from blocks.stale(path, own)


def main() -> None:
    """Write the blocks of the pages."""
    for path, own in PAGES.items():
        blocks.write(path, own)


if __name__ == "__main__":
    main()
