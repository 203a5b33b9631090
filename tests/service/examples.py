"""The examples of ``openapi/examples``: requests in the order of their numbers, and their answers.

``python -m tests.service.examples`` asks a new service each of them and writes its answers down,
there and for the OpenAPI document.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from service import summaries
from service.api.examples import (
    ANSWERS,
    ASSESSMENTS,
    CONTRASTS,
    DECISIONS,
    FITS,
    MERGES,
    PREDICTIONS,
    SIMULATIONS,
    SUMMARY,
    VALIDATIONS,
)
from service.api.uploads import REFERENCE
from service.settings import Settings
from tests.service.jobs import finished
from tests.service.keeping import another

DIRECTORY = Path(__file__).parents[2] / "openapi" / "examples"
SURVEY = Path(summaries.__file__).parent / "radon" / "data"

HOUSES = "county,floor,radon\nAITKIN,1,2.2\nAITKIN,0,2.9\nANOKA,0,1.4\n"

LATER = "county,floor,radon\nANOKA,1,0.9\nBECKER,0,3.4\n"

# The id of a job is drawn; those of all else follow from their content.
JOB = re.compile(r"job_[a-z2-7]{32}")

# What differs from run to run or from machine to machine, and what is written in its place.
VARYING: dict[str, Any] = {
    "created_at": "2026-11-23T09:00:00.000000Z",
    "started_at": "2026-11-23T09:00:00.100000Z",
    "finished_at": "2026-11-23T09:00:42.000000Z",
    "elapsed_ms": 1.0,
    "bytes": 50_000,
    "evaluations": 10,
    "gradient_norm": 0.0,
    "request_id": "req_6f1c2a9e4b7d4e0f8a3b5c7d",
}

SOUTH: dict[str, Any] = {
    **SUMMARY,
    "n_rows": 4,
    "products": [4, 18.0, 18.0, 99.0],
    "groups": [
        {
            **SUMMARY["groups"][0],
            "levels": ["ANOKA", "WINONA"],
            "rows": [2, 2],
            "zz": [2, 2],
            "zm": [2, 5.2, 2, 12.8],
        }
    ],
}


@dataclass(frozen=True)
class Example:
    """A request; ``{model}``, ``{second}`` and ``{last}`` in it are models fitted before.

    ``{job}`` is the last job; what is asked of it waits until it is finished.
    """

    title: str
    operation: str
    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def table(media: str) -> dict[str, str]:
    return {"content-type": media}


EXAMPLES = (
    Example("The process is alive", "health", "GET", "/healthz"),
    Example("Its catalog and its files answer", "readiness", "GET", "/readyz"),
    Example("What requests are held to", "limits", "GET", "/v1/limits"),
    Example(
        "What a file would be read as",
        "preview",
        *("POST", "/v1/datasets/preview", HOUSES, table("text/csv")),
    ),
    Example(
        "Upload a table", "upload", "POST", "/v1/datasets?name=three", HOUSES, table("text/csv")
    ),
    Example(
        "Append rows to it",
        "append_part",
        *("POST", "/v1/datasets/three/parts?name=five", LATER, table("text/csv")),
    ),
    Example(
        "Files that nobody allowed to be read",
        "upload",
        *("POST", "/v1/datasets", {"reference": {**REFERENCE["reference"], "root": "other"}}),
    ),
    Example("What is there", "list_datasets", "GET", "/v1/datasets"),
    Example("What is in one", "read_dataset", "GET", "/v1/datasets/three"),
    Example("Its rows", "dataset_rows", "GET", "/v1/datasets/three/rows?limit=2"),
    Example(
        "Look before fitting", "validate", "POST", "/v1/models/validate", FITS["radon"]["value"]
    ),
    Example(
        "A column misspelt",
        "validate",
        *("POST", "/v1/models/validate", VALIDATIONS["misspelt"]["value"]),
    ),
    Example(FITS["radon"]["summary"], "fit", "POST", "/v1/models", FITS["radon"]["value"]),
    Example("The same again: found", "fit", "POST", "/v1/models", FITS["radon"]["value"]),
    Example(FITS["slopes"]["summary"], "fit", "POST", "/v1/models", FITS["slopes"]["value"]),
    Example(FITS["inline"]["summary"], "fit", "POST", "/v1/models", FITS["inline"]["value"]),
    Example(FITS["factor"]["summary"], "fit", "POST", "/v1/models", FITS["factor"]["value"]),
    Example("What is fitted", "list_models", "GET", "/v1/models"),
    Example("A model", "read_model", "GET", "/v1/models/{model}"),
    Example(
        "A model as R prints it",
        "read_model",
        *("GET", "/v1/models/{model}", None, {"accept": "text/plain"}),
    ),
    Example(
        "Fixed effects with residual degrees of freedom and 90 % intervals",
        "fixed_effects",
        *("GET", "/v1/models/{model}/fixed-effects?df=residual&level=0.9"),
    ),
    Example(
        "Fixed effects by Kenward and Roger's method, as a table",
        "fixed_effects",
        "GET",
        "/v1/models/{model}/fixed-effects?df=kenward-roger",
        headers={"accept": "text/csv"},
    ),
    Example(
        "Profile-likelihood intervals",
        "fixed_effects",
        *("GET", "/v1/models/{model}/fixed-effects?interval=profile"),
    ),
    Example(
        "What varies, with profile-likelihood intervals",
        *("variance_parameters", "GET", "/v1/models/{model}/variance-parameters"),
    ),
    Example(
        "The parametric bootstrap, as a job",
        "fixed_effects",
        *("GET", "/v1/models/{model}/fixed-effects?interval=bootstrap&n_sim=2000"),
        headers={"prefer": "respond-async"},
    ),
    Example("How far it is", "read_job", "GET", "/v1/jobs/{job}"),
    Example("All that succeeded", "list_jobs", "GET", "/v1/jobs?state=succeeded"),
    Example("Too late to cancel it", "cancel_job", "DELETE", "/v1/jobs/{job}"),
    Example("The terms tested", "anova", "GET", "/v1/models/{last}/anova?type=II&df=kenward-roger"),
    *(
        Example(each["summary"], "contrasts", "POST", "/v1/models/{model}/contrasts", each["value"])
        for each in CONTRASTS.values()
    ),
    Example(
        "A coefficient misspelt",
        "contrasts",
        *("POST", "/v1/models/{model}/contrasts", {"contrasts": [{"weights": {"flor": 1}}]}),
    ),
    Example(
        "Means of the floors and their difference, where the logarithm of uranium is 0",
        "marginal_means",
        *("GET", "/v1/models/{last}/marginal-means/floor?pairs=true&at=log_uranium:0"),
    ),
    Example(
        "What the counties add",
        "random_effects_tests",
        *("GET", "/v1/models/{model}/random-effects-tests"),
    ),
    Example(
        "What slopes and uranium add; the smaller model is fitted again by ML for it",
        *("compare", "POST", "/v1/comparisons", {"models": ["{model}", "{second}"]}),
    ),
    Example("County effects", "effects", "GET", "/v1/models/{model}/effects/county?limit=2"),
    Example(
        "Complete, no and partial pooling side by side",
        *("pooling", "GET", "/v1/models/{model}/pooling/county?limit=2"),
    ),
    Example("Is the model sound?", "diagnostics", "GET", "/v1/models/{model}/diagnostics"),
    Example(
        "Row by row",
        *("diagnostics_rows", "GET", "/v1/models/{model}/diagnostics/rows?limit=2"),
    ),
    Example(
        "Without each county",
        *("diagnostics_levels", "GET", "/v1/models/{model}/diagnostics/levels/county?limit=2"),
    ),
    Example("The plots there are", "list_plots", "GET", "/v1/models/{model}/plots"),
    Example(
        "A plot as Vega-Lite, to be drawn anywhere",
        *("plot", "GET", "/v1/models/{model}/plots/profile?parameter=floor"),
    ),
    Example(
        "A plot that the model does not have",
        *("plot", "GET", "/v1/models/{model}/plots/intercepts"),
    ),
    *(
        Example(each["summary"], "predict", "POST", "/v1/models/{model}/predictions", each["value"])
        for each in PREDICTIONS.values()
    ),
    Example(
        "A table of houses, answered as a table",
        "predict",
        "POST",
        "/v1/models/{model}/predictions?thresholds=4",
        "county,floor\nAITKIN,0\nHENNEPIN,1\n",
        table("text/csv"),
    ),
    Example(
        "A key too many",
        "predict",
        *("POST", "/v1/models/{model}/predictions"),
        {"rows": [{"county": "AITKIN", "floor": 0, "flor": 1}]},
    ),
    Example(
        "A term that the model does not have",
        "predict",
        *("POST", "/v1/models/{model}/predictions"),
        {"rows": [{"county": "AITKIN", "floor": 0}], "random_effects": ["(floor | county)"]},
    ),
    Example(
        SIMULATIONS["new"]["summary"],
        *("simulate", "POST", "/v1/models/{model}/simulations", SIMULATIONS["new"]["value"]),
    ),
    Example(
        "The same as a table",
        "simulate",
        *("POST", "/v1/models/{model}/simulations", SIMULATIONS["new"]["value"]),
        {"accept": "text/csv"},
    ),
    Example("What errors there are", "problems", "GET", "/problems"),
    Example("What an error means", "problem", "GET", "/problems/unusable_data"),
    Example("Delete a model", "delete_model", "DELETE", "/v1/models/{model}"),
    Example(
        "Let every owner read a dataset",
        *("publish_dataset", "PUT", "/v1/datasets/three/public"),
    ),
    Example("And no longer", "withdraw_dataset", "DELETE", "/v1/datasets/three/public"),
    Example("Delete a dataset", "delete_dataset", "DELETE", "/v1/datasets/three"),
    Example(
        "Sums of rows that stay where they are",
        "upload",
        *("POST", "/v1/datasets?name=north", SUMMARY, table(summaries.JSON)),
    ),
    Example(
        "The sums of another site",
        "upload",
        *("POST", "/v1/datasets?name=south", SOUTH, table(summaries.JSON)),
    ),
    Example(
        MERGES["sites"]["summary"],
        "merge_datasets",
        *("POST", "/v1/datasets/merge?name=both", MERGES["sites"]["value"]),
    ),
    Example(
        "A fit of both sites",
        "fit",
        *("POST", "/v1/models", {"dataset": "both", "formula": SUMMARY["formula"]}),
    ),
    Example("Rows that are not there", "dataset_rows", "GET", "/v1/datasets/both/rows"),
    *(
        Example(each["summary"], *("assess_radon", "POST", "/v1/radon/assessments", each["value"]))
        for each in ASSESSMENTS.values()
    ),
    Example(
        "A county misspelt",
        *("assess_radon", "POST", "/v1/radon/assessments"),
        {"county": "Aitkn", "floor": "basement"},
    ),
    *(
        Example(each["summary"], "decide_radon", "POST", "/v1/radon/decisions", each["value"])
        for each in DECISIONS.values()
    ),
    Example("What a map shows", "radon_counties", "GET", "/v1/radon/counties?limit=2"),
    Example(
        "Another state as a table",
        *("radon_counties", "GET", "/v1/radon/counties?state=AZ&floor=first&unit=Bq/m3"),
        headers={"accept": "text/csv"},
    ),
    Example("What is kept, and what may be", "usage", "GET", "/v1/usage"),
    Example(
        "Files that are registered where they are, as a job",
        "upload",
        *("POST", "/v1/datasets?name=files&text=fips"),
        {"reference": {"root": "survey", "path": "minnesota-radon.csv"}},
        {"prefer": "respond-async"},
    ),
)


def settings_of(directory: Path) -> Settings:
    """Return the settings of the service that is asked."""
    return Settings(data_dir=directory, data_roots={"survey": str(SURVEY)})


async def asked(client: httpx.AsyncClient) -> AsyncIterator[tuple[str, Example, dict[str, Any]]]:
    """Ask each example in turn; yield the name of its file, itself, and what stands in the file."""
    ids: list[str] = []
    job = ""
    for number, example in enumerate(EXAMPLES, 1):
        named = {"{model}": ids[0], "{second}": ids[1], "{last}": ids[-1]} if len(ids) > 1 else {}
        named["{job}"] = job
        path, body = (_filled(part, named) for part in (example.path, example.body))
        if "{job}" in example.path:
            await finished(client, f"/v1/jobs/{job}")
        content = body if isinstance(body, str) else None
        answer = await client.request(
            example.method,
            path,
            headers=example.headers,
            content=content,
            json=None if content is not None else body,
        )
        if answer.status_code == 201 and example.operation == "fit":
            ids.append(answer.json()["id"])
        if answer.status_code == 202:
            job = answer.json()["id"]
        request = {"method": example.method, "path": steady(path), "headers": example.headers}
        if body is not None:
            request["body"] = body
        told = {"status": answer.status_code, "body": body_of(answer)}
        name = f"{number:02}-{example.operation.replace('_', '-')}.json"
        yield name, example, {"title": example.title, "request": request, "answer": told}


def _filled(part: Any, named: dict[str, str]) -> Any:
    """Return a part of a request with ids in place of what stands for them."""
    match part:
        case str():
            for name, value in named.items():
                part = part.replace(name, value)
        case dict():
            return {key: _filled(inner, named) for key, inner in part.items()}
        case list():
            return [_filled(inner, named) for inner in part]
    return part


def body_of(answer: httpx.Response) -> Any:
    """Return the body of an answer, with what varies written over."""
    if not answer.content:
        return None
    return steady(answer.json()) if "json" in answer.headers["content-type"] else answer.text


def steady(value: Any) -> Any:
    """Return JSON with what varies written over and numbers short enough to read."""
    match value:
        case dict():
            return {key: _steady_item(key, inner) for key, inner in value.items()}
        case list():
            return [steady(inner) for inner in value]
        case float():
            return float(f"{value:.9g}")
        case str():
            return JOB.sub("job_r4l2m6ixqk7zt5jv3ahw2yfns5d7c6bu", value)
    return value


def _steady_item(key: str, value: Any) -> Any:
    return value if value is None else VARYING.get(key, steady(value))


def text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def stored() -> Iterator[tuple[str, Any]]:
    """Yield the name and the content of every file there is."""
    for path in sorted(DIRECTORY.glob("*.json")):
        yield path.name, json.loads(path.read_text())


async def write() -> None:
    """Ask a new service and write everything down."""
    answers: dict[str, Any] = {}
    with TemporaryDirectory() as directory:
        async with another(settings_of(Path(directory))) as client:
            for old in DIRECTORY.glob("*.json"):
                old.unlink()
            async for name, example, found in asked(client):
                (DIRECTORY / name).write_text(text(found))
                body = found["answer"]["body"]
                if found["answer"]["status"] == 202:
                    answers.setdefault("accepted", body)
                elif found["answer"]["status"] < 300 and isinstance(body, dict):
                    answers.setdefault(example.operation, body)
    ANSWERS.write_text(text(answers))


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    asyncio.run(write())
