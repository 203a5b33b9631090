"""The models that are timed, each with its table and what it may take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from benchmarks.models import tables
from benchmarks.task import Task


@dataclass(frozen=True)
class Case:
    """A model to time.

    Attributes:
        name: of one word.
        title: what the rows are.
        task: the model.
        table: makes its rows.
        target: seconds that it may take here, ``None`` without one.
        target_peak: bytes that it may take here, ``None`` without one.
        not_for: reasons why programs do not take part.
        rounds: how often each program is timed.
        seconds: of each timing; a fit that takes longer is timed alone.
    """

    name: str
    title: str
    task: Task
    table: Callable[[], pd.DataFrame]
    target: float | None = None
    target_peak: int | None = None
    not_for: Mapping[str, str] = field(default_factory=dict)
    rounds: int = 5
    seconds: float = 0.5


NO_KENWARD_ROGER = dict.fromkeys(
    ("mixedlm", "statsmodels", "gpboost", "lme4, no derivatives"), "not compared"
)
PBKRTEST_STOPS = {"lme4": "pbkrtest: see the smaller sizes"}


def _mixed(formula: str, *, fixed: tuple[str, ...] = (), random: tuple[str, ...]) -> Task:
    response = formula.partition("~")[0].strip()
    return Task(formula, formula, response, fixed, random, reml=False)


SLEEPSTUDY = Case(
    "sleepstudy",
    "180 rows of 18 subjects, correlated slopes, REML",
    Task(
        "Reaction ~ Days + (Days | Subject)",
        "Reaction ~ Days + (Days | Subject)",
        "Reaction",
        ("Days",),
        ("Subject",),
        slopes=("Days",),
    ),
    tables.sleepstudy,
    target=2e-3,
    not_for={"gpboost": "has no REML and no correlated slopes"},
)
PENICILLIN = Case(
    "penicillin",
    "144 rows, 24 plates crossed with 6 samples, ML",
    _mixed("diameter ~ 1 + (1 | plate) + (1 | sample)", random=("plate", "sample")),
    tables.penicillin,
)
CHEM97 = Case(
    "Chem97",
    "31,022 pupils of 2,410 schools in 131 authorities, ML",
    replace(
        _mixed(
            "score ~ 1 + gcsecnt + (1 | school) + (1 | lea)",
            fixed=("gcsecnt",),
            random=("school", "lea"),
        ),
        nested=True,
    ),
    tables.chem97,
    target=60e-3,
    rounds=3,
)
INSTEVAL = Case(
    "InstEval",
    "73,421 ratings of 1,128 lecturers by 2,972 students, 14 departments, ML",
    replace(
        _mixed(
            "y ~ service + (1 | s) + (1 | d) + (1 | dept)",
            fixed=("service",),
            random=("s", "d", "dept"),
        ),
        text=False,
    ),
    tables.insteval,
    target=1.0,
    rounds=3,
)
MILLION = Case(
    "million",
    "1,000,000 rows, 10,000 groups of about 100, ML, from a DataFrame",
    replace(_mixed("y ~ x + (1 | g)", fixed=("x",), random=("g",)), text=False),
    lambda: tables.grouped(1_000_000, 10_000),
    target=0.3,
    rounds=2,
)
RATINGS = Case(
    "ratings",
    "1,000,000 ratings of 6,000 users by 3,700 items, simulated, ML",
    replace(
        _mixed("y ~ 1 + (1 | user) + (1 | item)", random=("user", "item")),
        text=False,
    ),
    tables.ratings,
    target=20.0,
    target_peak=1_500_000_000,
    rounds=1,
)


def kenward_roger(rows: int, *, target: float | None = None, with_peers: bool = True) -> Case:
    """The Kenward-Roger table of a fit with 100 rows a group, beyond the fit itself."""
    task = Task(
        "y ~ x + (1 | g)", "y ~ x + (1 | g)", "y", ("x",), ("g",), want="kenward-roger", text=False
    )
    return Case(
        f"Kenward-Roger, {rows:,} rows",
        f"{rows // 100:,} groups of about 100, REML; the table alone, without the fit",
        task,
        lambda: tables.grouped(rows, rows // 100),
        target=target,
        not_for=NO_KENWARD_ROGER | ({} if with_peers else PBKRTEST_STOPS),
        rounds=3,
        seconds=0.2,
    )


USUAL = (
    SLEEPSTUDY,
    PENICILLIN,
    CHEM97,
    INSTEVAL,
    MILLION,
    kenward_roger(1_000),
    kenward_roger(5_000),
    kenward_roger(10_000),
    kenward_roger(1_000_000, target=2.0, with_peers=False),
)
LARGE = (
    kenward_roger(20_000),
    kenward_roger(50_000),
    RATINGS,
)
