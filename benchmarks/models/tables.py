"""The rows of the models that are timed."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

DATA = Path(__file__).parents[2] / "tests" / "reference" / "data"
CHEM97 = "write.csv(mlmRev::Chem97, commandArgs(TRUE)[1], row.names = FALSE)"


def sleepstudy() -> pd.DataFrame:
    """Reaction times of 18 subjects on ten days (lme4)."""
    return pd.read_csv(DATA / "sleepstudy.csv", dtype={"Subject": str})


def penicillin() -> pd.DataFrame:
    """Diameters of zones, 6 samples on each of 24 plates (lme4)."""
    return pd.read_csv(DATA / "Penicillin.csv")


def insteval() -> pd.DataFrame:
    """Ratings of lecturers by students (lme4)."""
    return pd.read_csv(DATA / "InstEval.csv.gz")[["y", "service", "s", "d", "dept"]].assign(
        service=lambda d: d["service"].astype(float)
    )


def chem97() -> pd.DataFrame:
    """A-level scores in chemistry of 1997 from R's mlmRev; drawn like them where it is not."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "Chem97.csv")
        try:
            subprocess.run(["Rscript", "-e", CHEM97, str(path)], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return like_chem97()
        found = pd.read_csv(path, dtype={"school": str, "lea": str})
    return found[["score", "gcsecnt", "school", "lea"]]


def has_chem97() -> bool:
    """Whether R's mlmRev is here."""
    try:
        probe = 'quit(status = !requireNamespace("mlmRev", quietly = TRUE))'
        return subprocess.run(["Rscript", "-e", probe], check=False).returncode == 0
    except OSError:
        return False


def like_chem97() -> pd.DataFrame:
    """Scores of as many pupils, schools and authorities as those of Chem97."""
    draw = np.random.default_rng(97)
    authority = np.concatenate([np.arange(131), draw.integers(0, 131, 2410 - 131)])
    school = np.concatenate([np.arange(2410), draw.integers(0, 2410, 31022 - 2410)])
    gcse = draw.normal(0.0, 0.8, len(school))
    effects = draw.normal(0.0, 0.12, 131)[authority] + draw.normal(0.0, 1.08, 2410)
    score = 5.7 + 2.5 * gcse + effects[school] + draw.normal(0.0, 2.2, len(school))
    return pd.DataFrame(
        {
            "score": np.clip(2.0 * np.round(score / 2.0), 0.0, 10.0),
            "gcsecnt": gcse,
            "school": school.astype(str),
            "lea": authority[school].astype(str),
        }
    )


def grouped(rows: int, groups: int) -> pd.DataFrame:
    """Rows in groups at random, variances 0.5 between and 1 within."""
    draw = np.random.default_rng(rows)
    g = np.concatenate([np.arange(groups), draw.integers(0, groups, rows - groups)])
    x = draw.standard_normal(rows)
    effects = draw.normal(0.0, 0.5**0.5, groups)
    return pd.DataFrame(
        {"y": 1.0 + 0.5 * x + effects[g] + draw.standard_normal(rows), "x": x, "g": g}
    )


def ratings() -> pd.DataFrame:
    """1,000,000 ratings: users and items of unequal activity, as on a site for films."""
    draw = np.random.default_rng(6000)
    n, n_users, n_items = 1_000_000, 6_000, 3_700
    user = np.concatenate([np.arange(n_users), _unequal(draw, n_users, n - n_users)])
    item = np.concatenate([_unequal(draw, n_items, n - n_items), np.arange(n_items)])
    effects = draw.normal(0.0, 0.45, n_users)[user] + draw.normal(0.0, 0.6, n_items)[item]
    y = 3.3 + effects + draw.normal(0.0, 0.9, n)
    return pd.DataFrame({"y": y, "user": user, "item": item})


def _unequal(
    draw: np.random.Generator, levels: int, count: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Levels drawn with probabilities that are log-normal."""
    share = np.exp(draw.standard_normal(levels))
    return draw.choice(levels, count, p=share / share.sum()).astype(np.int64)
