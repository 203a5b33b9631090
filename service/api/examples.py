"""Requests to try, as the API page and the OpenAPI document show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

Examples = dict[str, dict[str, Any]]

# An answer of each operation, as a running service gave it: the name of the operation, its JSON.
ANSWERS: Final = Path(__file__).with_name("answers.json")

FITS: Final[Examples] = {
    "radon": {
        "summary": "Radon by floor, with an intercept for each county",
        "value": {
            "dataset": "minnesota-radon",
            "formula": "log(radon + 0.1) ~ floor + (1 | county)",
        },
    },
    "slopes": {
        "summary": "Intercepts and floor effects that vary by county, by maximum likelihood",
        "value": {
            "dataset": "minnesota-radon",
            "formula": "log(radon + 0.1) ~ floor * log_uranium + (1 + floor | county)",
            "method": "ML",
        },
    },
    "inline": {
        "summary": "A small table given with the request",
        "value": {
            "data": {
                "columns": {
                    "y": [1.1, 0.9, 1.4, 2.2, 2.5, 2.1, 0.3, 0.7, 0.2],
                    "g": ["a", "a", "a", "b", "b", "b", "c", "c", "c"],
                }
            },
            "formula": "y ~ 1 + (1 | g)",
        },
    },
    "factor": {
        "summary": "The floor as a factor, so that its levels have means",
        "value": {
            "dataset": "minnesota-radon",
            "formula": "log(radon + 0.1) ~ floor + log_uranium + (1 | county)",
            "categorical": ["floor"],
        },
    },
}

VALIDATIONS: Final[Examples] = {
    "good": {
        "summary": "Nothing wrong: the answer has the dimensions",
        "value": FITS["radon"]["value"],
    },
    "misspelt": {
        "summary": "A column that is not there",
        "value": {"dataset": "minnesota-radon", "formula": "radon ~ flor + (1 | county)"},
    },
}

PREDICTIONS: Final[Examples] = {
    "house": {
        "summary": "A basement in Aitkin county: how likely is it above 4 pCi/L?",
        "value": {"rows": [{"county": "AITKIN", "floor": 0}], "thresholds": [4]},
    },
    "new_county": {
        "summary": "A county that the model has not seen",
        "value": {"rows": [{"county": "NOWHERE", "floor": 0}], "level": 0.9},
    },
    "state": {
        "summary": "A basement anywhere in the state: the fixed effects alone",
        "value": {"rows": [{"floor": 0}], "random_effects": "none"},
    },
    "columns": {
        "summary": "By column; the answer is by column too",
        "value": {"columns": {"county": ["AITKIN", "ANOKA"], "floor": [0, 1]}},
    },
}

SIMULATIONS: Final[Examples] = {
    "new": {
        "summary": "Three houses that might stand in Aitkin county, by all that is uncertain",
        "value": {
            "rows": [{"county": "AITKIN", "floor": 0}],
            "n_sim": 3,
            "seed": 1,
            "random_effects": "keep",
            "parameter_uncertainty": True,
        },
    },
    "survey": {
        "summary": "The whole survey once more, with new counties",
        "value": {"n_sim": 1, "seed": 20261123},
    },
}

CONTRASTS: Final[Examples] = {
    "between": {
        "summary": "Half way between the floors, and the effect of the floor against -0.33",
        "value": {
            "contrasts": [
                {"name": "half way", "weights": {"(Intercept)": 1, "floor": 0.5}},
                {"name": "first floor", "weights": {"floor": 1}, "rhs": -0.33},
            ],
        },
    },
    "joint": {
        "summary": "Both coefficients at once, by Kenward and Roger's F test",
        "value": {
            "contrasts": [{"weights": {"(Intercept)": 1}}, {"weights": {"floor": 1}}],
            "df": "kenward-roger",
            "joint": True,
        },
    },
}

SUMMARY: Final[dict[str, Any]] = {
    "format": "partialpool-summary/1",
    "formula": "radon ~ 1 + (1 | county)",
    "n_rows": 5,
    "min_count": 2,
    "columns": {"names": ["(Intercept)", "radon"], "centre": [0, 0], "scale": [1, 1]},
    "products": [5, 10.5, 10.5, 25.63],
    "groups": [
        {
            "columns": ["county"],
            "effects": {"names": ["(Intercept)"], "centre": [0], "scale": [1]},
            "levels": ["AITKIN", "ANOKA"],
            "rows": [2, 3],
            "zz": [2, 3],
            "zm": [2, 5.1, 3, 5.4],
        }
    ],
}

MERGES: Final[Examples] = {
    "sites": {
        "summary": "Two sites that may not share their rows",
        "value": {"datasets": ["north", "south"]},
    },
}

ASSESSMENTS: Final[Examples] = {
    "basement": {
        "summary": "A house with a basement in Aitkin county",
        "value": {"county": "AITKIN", "floor": "basement"},
    },
    "tested": {
        "summary": "The same after a short-term test",
        "value": {
            "fips": 27001,
            "floor": "basement",
            "measurement": {"value": 3.1, "kind": "short-term"},
        },
    },
    "no_houses": {
        "summary": "A county without any house in the survey, through its uranium",
        "value": {"county": "Red Lake", "floor": "first"},
    },
    "other_state": {
        "summary": "Another state, in becquerels, with costs of one's own",
        "value": {
            "county": "St. Joseph",
            "state": "IN",
            "floor": "first",
            "action_level": 148,
            "remediation_cost": 1200,
            "test_cost": 30,
            "living_area_ratio": 0.8,
            "unit": "Bq/m3",
        },
    },
}

DECISIONS: Final[Examples] = {
    "measure": {
        "summary": "A level of about 2 pCi/L, uncertain by a factor of 2.3: is a test worth it?",
        "value": {"geometric_mean": 2.0, "geometric_sd": 2.3, "action_level": 4},
    },
    "tested": {
        "summary": "After a long-term test",
        "value": {
            "geometric_mean": 2.0,
            "geometric_sd": 2.3,
            "measurement": {"value": 3, "kind": "long-term"},
        },
    },
}
