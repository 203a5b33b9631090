"""The counties of the surveyed states, by FIPS code or by name, and their houses in the survey."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property, lru_cache
from math import exp, log
from operator import itemgetter
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import Struct, field

from service.radon.tables import DATA

OFFSET: Final = 0.1
"""What is added to a reading before its logarithm is taken, so that zeros have one; in pCi/L."""

STATES: Final[Mapping[str, str]] = {
    "AZ": "Arizona",
    "IN": "Indiana",
    "MA": "Massachusetts",
    "MN": "Minnesota",
    "MO": "Missouri",
    "ND": "North Dakota",
    "PA": "Pennsylvania",
}
"""Those surveyed. Indian lands are in the survey too, but are no state: they cross counties."""

HOME: Final = "MN"
"""The state that is meant when none is named."""

_BASEMENT: Final = 0


class Readings(Struct, frozen=True):
    """Some houses of a county: how many, and their means in pCi/L; 0 houses have none."""

    n: int = 0
    mean: float | None = None
    geometric_mean: float | None = None

    @classmethod
    def of(cls, values: list[float]) -> Readings:
        """Summarise readings; the geometric mean is that of readings + 0.1, less 0.1."""
        if not values:
            return cls()
        n = len(values)
        logarithm = sum(log(value + OFFSET) for value in values) / n
        return cls(n, sum(values) / n, exp(logarithm) - OFFSET)


class County(Struct, frozen=True):
    """A county of a surveyed state.

    Attributes:
        fips: its code.
        name: as the survey spells it.
        state: two letters.
        log_uranium: of the county's soil, in parts per million; ``None`` where not measured.
        houses: all readings of the survey, those in basements, those higher up.
    """

    fips: int
    name: str
    state: str
    log_uranium: float | None
    houses: Readings = field(default_factory=Readings)
    basements: Readings = field(default_factory=Readings)
    upper: Readings = field(default_factory=Readings)

    @property
    def title(self) -> str:
        """As it is written in a sentence: ``St Louis County, Minnesota``."""
        return f"{_titled(self.name)}{_suffix(self.name)}, {STATES[self.state]}"


class UnknownPlaceError(LookupError):
    """There is no such county or state; ``hint`` says what there is."""

    def __init__(self, part: str, detail: str, hint: str) -> None:
        super().__init__(detail)
        self.part, self.detail, self.hint = part, detail, hint


class Places(Struct, frozen=True, dict=True):
    """All counties of the surveyed states, by FIPS code."""

    by_fips: Mapping[int, County]

    @cached_property
    def _by_name(self) -> Mapping[str, Mapping[str, County]]:
        found: dict[str, dict[str, County]] = defaultdict(dict)
        for county in self.by_fips.values():
            found[county.state][plain(county.name)] = county
        return found

    def of_state(self, state: str) -> list[County]:
        """Return the counties of a state by FIPS; raises ``UnknownPlaceError``."""
        code = state_of(state)
        return [county for county in self.by_fips.values() if county.state == code]

    def coded(self, fips: int) -> County:
        """Return the county with this code; raises ``UnknownPlaceError``."""
        found = self.by_fips.get(fips)
        if found is None:
            detail = "No county of a surveyed state has this code."
            hint = f"GET /v1/radon/counties lists them; the states are {', '.join(STATES)}."
            raise UnknownPlaceError("fips", detail, hint)
        return found

    def named(self, name: str, state: str) -> County:
        """Return the county of this name, however it is written; raises ``UnknownPlaceError``."""
        code = state_of(state)
        known, wanted = self._by_name[code], plain(name)
        for key in (wanted, wanted.removesuffix("COUNTY")):
            if key in known:
                return known[key]
        near = get_close_matches(wanted.removesuffix("COUNTY"), known, n=3, cutoff=0.6)
        names = " or ".join(known[key].name for key in near)
        listed = f"GET /v1/radon/counties?state={code} lists the counties of {STATES[code]}."
        raise UnknownPlaceError(
            "county",
            f"{STATES[code]} has no county of this name.",
            f"Did you mean {names}? {listed}" if near else listed,
        )


def state_of(given: str) -> str:
    """Return the two letters of a surveyed state; raises ``UnknownPlaceError``."""
    wanted = plain(given)
    for code, name in STATES.items():
        if wanted in {code, plain(name)}:
            return code
    listed = ", ".join(f"{code} ({name})" for code, name in STATES.items())
    raise UnknownPlaceError("state", "The survey was not made in this state.", f"It has {listed}.")


def plain(name: str) -> str:
    """Return a name without what differs between spellings: case, spaces, points, Saint and St."""
    bare = unicodedata.normalize("NFKD", name).upper()
    words = re.findall(r"[A-Z]+", bare.replace("'", ""))
    short = {"SAINT": "ST", "SAINTE": "STE"}
    return "".join(short.get(word, word) for word in words)


@lru_cache(1)
def places() -> Places:
    """Read the counties and the houses of the survey, once."""
    houses = _houses(DATA / "us-radon.csv")
    rows = _rows(DATA / "counties.csv", "state", "fips", "county", "log_uranium")
    counties = (_county(row, houses) for row in rows if row[0] in STATES)
    return Places({county.fips: county for county in counties})


def _county(row: _Row, houses: Mapping[tuple[str, str], list[_House]]) -> County:
    state, fips, name, log_uranium = row
    own = houses.get((state, fips), [])
    return County(
        fips=int(fips),
        name=name,
        state=state,
        log_uranium=float(log_uranium) if log_uranium else None,
        houses=Readings.of([radon for _, radon in own]),
        basements=Readings.of([radon for floor, radon in own if floor == _BASEMENT]),
        upper=Readings.of([radon for floor, radon in own if floor is not None and floor > 0]),
    )


_House: TypeAlias = tuple[int | None, float]
_Row: TypeAlias = tuple[str, ...]


def _houses(path: Path) -> Mapping[tuple[str, str], list[_House]]:
    found: dict[tuple[str, str], list[_House]] = defaultdict(list)
    for state, fips, floor, radon in _rows(path, "state", "fips", "floor", "radon"):
        found[state, fips].append((int(floor) if floor else None, float(radon)))
    return found


def _rows(path: Path, *names: str) -> Iterator[_Row]:
    """Yield some columns of each row, as text."""
    with path.open(encoding="ascii", newline="") as file:
        rows = csv.reader(file)
        head = next(rows)
        yield from map(itemgetter(*(head.index(name) for name in names)), rows)


_SMALL: Final = frozenset({"OF", "THE", "QUI"})


def _titled(name: str) -> str:
    words = name.replace("-", " - ").split()
    shown = [word.lower() if i and word in _SMALL else _word(word) for i, word in enumerate(words)]
    return " ".join(shown).replace(" - ", "-")


def _word(word: str) -> str:
    if word.startswith("MC"):
        return f"Mc{word[2:].capitalize()}"
    return word.capitalize()


def _suffix(name: str) -> str:
    return "" if name.endswith(" CITY") else " County"
