"""Nobody, another and the owner, at every operation of the OpenAPI document.

An operation without a case here fails the first test: what is new says whose it is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from service import summaries
from service.api.examples import SUMMARY
from service.app import create_app
from service.settings import Settings
from tests.service.examples import HOUSES, SOUTH
from tests.service.guarded import asking, issue
from tests.service.keeping import RADON
from tools.live import serving

CSV = "text/csv"
JSON = "application/json"
FORMULA = "log(radon + 0.1) ~ floor + (1 | county)"
UNKNOWN = {
    "{dataset}": "ds_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "{north}": "ds_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "{south}": "ds_cccccccccccccccccccccccccccccccc",
    "{model}": "m_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "{second}": "m_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "{job}": "job_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
}


@dataclass(frozen=True)
class Case:
    """One request; ``{dataset}`` and the like stand for things of the owner."""

    method: str
    path: str
    body: Any = None
    media: str = JSON


@dataclass(frozen=True)
class House:
    """A service, clients of nobody, of the owner and of another, and what the owner has."""

    nobody: httpx.Client
    owner: httpx.Client
    other: httpx.Client
    things: dict[str, str]
    blobs: Path


MODEL = "/v1/models/{model}"
DATASET = "/v1/datasets/{dataset}"
FIT = {"dataset": "{dataset}", "formula": FORMULA}
MORE = "county,fips,floor,radon,log_uranium\nAITKIN,27001,1,2.2,-0.69\n"
ROWS = {"rows": [{"county": "AITKIN", "floor": 0}]}

# What asks for nothing that belongs to anybody.
OPEN = {
    "health": Case("GET", "/healthz"),
    "readiness": Case("GET", "/readyz"),
    "problems": Case("GET", "/problems"),
    "problem": Case("GET", "/problems/not_found"),
}
# What every owner may ask alike.
ALIKE = {
    "limits": Case("GET", "/v1/limits"),
    "metrics": Case("GET", "/metrics"),
    "usage": Case("GET", "/v1/usage"),
    "radon_counties": Case("GET", "/v1/radon/counties"),
    "assess_radon": Case("POST", "/v1/radon/assessments", {"county": "AITKIN", "floor": "first"}),
    "decide_radon": Case(
        "POST", "/v1/radon/decisions", {"geometric_mean": 2.0, "geometric_sd": 2.3}
    ),
    "preview": Case("POST", "/v1/datasets/preview", HOUSES, CSV),
    "upload": Case("POST", "/v1/datasets", HOUSES, CSV),
}
# Lists, which show one's own.
LISTS = {
    "list_datasets": Case("GET", "/v1/datasets?limit=1000"),
    "list_models": Case("GET", "/v1/models?limit=1000"),
    "list_jobs": Case("GET", "/v1/jobs?limit=1000"),
}
# What names a thing of an owner; those that end it stand last.
OWNED = {
    "read_dataset": Case("GET", DATASET),
    "dataset_rows": Case("GET", f"{DATASET}/rows?limit=2"),
    "publish_dataset": Case("PUT", "/v1/datasets/{north}/public"),
    "withdraw_dataset": Case("DELETE", "/v1/datasets/{north}/public"),
    "merge_datasets": Case("POST", "/v1/datasets/merge", {"datasets": ["{north}", "{south}"]}),
    "append_part": Case("POST", f"{DATASET}/parts", MORE, CSV),
    "validate": Case("POST", "/v1/models/validate", FIT),
    "fit": Case("POST", "/v1/models", FIT),
    "read_model": Case("GET", MODEL),
    "fixed_effects": Case("GET", f"{MODEL}/fixed-effects"),
    "anova": Case("GET", f"{MODEL}/anova"),
    "contrasts": Case("POST", f"{MODEL}/contrasts", {"contrasts": [{"weights": {"floor": 1}}]}),
    "marginal_means": Case("GET", "/v1/models/{second}/marginal-means/floor"),
    "random_effects_tests": Case("GET", f"{MODEL}/random-effects-tests"),
    "variance_parameters": Case("GET", f"{MODEL}/variance-parameters?interval=wald"),
    "effects": Case("GET", f"{MODEL}/effects/county"),
    "pooling": Case("GET", f"{MODEL}/pooling/county"),
    "predict": Case("POST", f"{MODEL}/predictions", ROWS),
    "simulate": Case("POST", f"{MODEL}/simulations", {**ROWS, "n_sim": 2, "seed": 1}),
    "list_plots": Case("GET", f"{MODEL}/plots"),
    "plot": Case("GET", f"{MODEL}/plots/caterpillar"),
    "diagnostics": Case("GET", f"{MODEL}/diagnostics"),
    "diagnostics_rows": Case("GET", f"{MODEL}/diagnostics/rows?limit=2"),
    "diagnostics_levels": Case("GET", f"{MODEL}/diagnostics/levels/county?limit=2"),
    "compare": Case("POST", "/v1/comparisons", {"models": ["{model}", "{second}"], "test": False}),
    "read_job": Case("GET", "/v1/jobs/{job}"),
    "job_events": Case("GET", "/v1/jobs/{job}/events"),
    "cancel_job": Case("DELETE", "/v1/jobs/{job}"),
    "delete_model": Case("DELETE", MODEL),
    "delete_dataset": Case("DELETE", DATASET),
}
GUARDED = ALIKE | LISTS | OWNED


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("isolation")
    settings = Settings(data_dir=directory)
    keys = [issue(settings, owner, "admin") for owner in ("alice", "bob")]
    with serving(directory, PARTIALPOOL_AUTH="keys") as live, ExitStack() as stack:
        clients = [stack.enter_context(asking(live.url, key)) for key in (None, *keys)]
        nobody, owner, other = clients
        yield House(nobody, owner, other, furnished(owner), directory / "blobs")


def furnished(owner: httpx.Client) -> dict[str, str]:
    """Store one thing of each kind and return their ids."""
    found = {"{dataset}": uploaded(owner, RADON.read_text().replace(",2.2,", ",2.25,", 1), CSV)}
    for name, body in (("{north}", SUMMARY), ("{south}", SOUTH)):
        found[name] = uploaded(owner, json.dumps(body), summaries.JSON)
    asked = {"dataset": found["{dataset}"], "formula": FORMULA}
    found["{model}"] = done(owner.post("/v1/models", json=asked))["id"]
    rows = {"columns": {"y": [1.0, 2.0, 4.0, 3.0, 5.0, 4.5], "g": ["a", "b"] * 3}}
    inline = {"data": rows, "formula": "y ~ 1 + (1 | g)"}
    factor = {**asked, "categorical": ["floor"]}
    found["{second}"] = done(owner.post("/v1/models", json=factor))["id"]
    job = done(owner.post("/v1/models", json=inline, headers={"prefer": "respond-async"}))["id"]
    while done(owner.get(f"/v1/jobs/{job}"))["state"] in {"queued", "running"}:
        time.sleep(0.1)
    return found | {"{job}": job}


def uploaded(client: httpx.Client, content: str, media: str) -> str:
    headers = {"content-type": media}
    return str(done(client.post("/v1/datasets", content=content, headers=headers))["id"])


def done(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def ask(client: httpx.Client, case: Case, things: dict[str, str]) -> httpx.Response:
    path, body = case.path, case.body if isinstance(case.body, str) else json.dumps(case.body)
    for name, value in things.items():
        path, body = path.replace(name, value), body.replace(name, value)
    if case.body is None:
        return client.request(case.method, path)
    headers = {"content-type": case.media}
    return client.request(case.method, path, content=body, headers=headers)


def shown(answer: httpx.Response, things: dict[str, str]) -> tuple[Any, ...]:
    """Return all that an answer tells, without what differs between any two requests."""
    varying = {"x-request-id", "date", "ratelimit"}
    headers = {name: value for name, value in answer.headers.items() if name not in varying}
    text = answer.text.replace(answer.headers["x-request-id"], "")
    for name, value in things.items():
        text = text.replace(value, name)
    headers["content-length"] = ""
    return answer.status_code, headers, text


def test_every_operation_of_the_document_has_a_case() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    operations = {
        operation["operationId"]: not operation["security"]
        for methods in paths.values()
        for operation in methods.values()
    }
    assert operations.keys() == (OPEN | GUARDED).keys()
    assert {name for name, is_open in operations.items() if is_open} == OPEN.keys()


@pytest.mark.parametrize("operation", OPEN)
def test_what_belongs_to_nobody_needs_no_key(house: House, operation: str) -> None:
    assert ask(house.nobody, OPEN[operation], {}).status_code == 200


@pytest.mark.parametrize("operation", GUARDED)
def test_nobody_is_told_to_bring_a_key(house: House, operation: str) -> None:
    case = GUARDED[operation]
    answers = [ask(house.nobody, case, things) for things in (house.things, UNKNOWN)]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].headers["www-authenticate"].startswith("Bearer ")
    assert answers[0].json()["code"] == "unauthorized"
    first, second = (
        shown(answer, things)
        for answer, things in zip(answers, (house.things, UNKNOWN), strict=True)
    )
    assert first == second


@pytest.mark.parametrize("operation", OWNED)
def test_another_learns_no_more_than_of_what_does_not_exist(house: House, operation: str) -> None:
    case = OWNED[operation]
    foreign = ask(house.other, case, house.things)
    assert foreign.status_code == 404
    unknown = ask(house.other, case, UNKNOWN)
    assert shown(foreign, house.things) == shown(unknown, UNKNOWN)


@pytest.mark.parametrize("operation", LISTS)
def test_a_list_shows_ones_own(house: House, operation: str) -> None:
    case = LISTS[operation]
    ids = [
        {item["id"] for item in ask(client, case, {}).json()["items"]}
        for client in (house.owner, house.other)
    ]
    things = set(house.things.values())
    assert ids[0] & things
    assert not ids[1] & things


@pytest.mark.parametrize("operation", ALIKE | OWNED)
def test_the_owner_is_answered(house: House, operation: str) -> None:
    answer = ask(house.owner, GUARDED[operation], house.things)
    assert answer.is_success, answer.text


SMALL = "county,floor,radon\n" + "".join(
    f"{county},{i % 2},{1 + (7 * i % 11) / 3 + rise}\n"
    for county, rise in (("A", 0), ("B", 1), ("C", 3))
    for i in range(20)
)


def test_nothing_of_another_is_a_shortcut(house: House) -> None:
    """The same table and the same fit of another owner are made anew, in files of their own."""
    before, made = files(house), []
    table = SMALL.replace("A,0,1.0\n", "A,0,1.125\n")
    for client in (house.owner, house.other):
        headers = {"content-type": CSV, "idempotency-key": "the-same"}
        upload = client.post("/v1/datasets", content=table, headers=headers)
        dataset = done(upload)["id"]
        asked = {"dataset": dataset, "formula": "radon ~ floor + (1 | county)"}
        fit = client.post("/v1/models", json=asked)
        assert (upload.status_code, fit.status_code) == (201, 201)
        assert fit.headers["cache-status"] == "partialpool; fwd=miss; stored"
        assert "compute;dur=" in fit.headers["server-timing"]
        made.append((f"/v1/datasets/{dataset}", f"/v1/models/{fit.json()['id']}"))
    assert made[0] == made[1], "the ids follow from the content"
    assert len(files(house) - before) == 4
    for path in made[0]:
        assert house.owner.delete(path).status_code == 204
    assert len(files(house) - before) == 2, "what is deleted is gone, whoever else has the same"
    for path in made[0]:
        assert house.other.get(path).status_code == 200
        assert house.other.delete(path).status_code == 204
    assert files(house) == before


def test_usage_counts_ones_own(house: House) -> None:
    before = done(house.other.get("/v1/usage"))
    mine = uploaded(house.owner, SMALL.replace("A,0,1.0\n", "A,0,1.5\n"), CSV)
    assert done(house.other.get("/v1/usage")) == before
    assert house.owner.delete(f"/v1/datasets/{mine}").status_code == 204


def files(house: House) -> set[Path]:
    return set(house.blobs.glob("*/*"))


def test_a_public_dataset_is_read_by_all_and_changed_by_its_owner(house: House) -> None:
    owner, other = house.owner, house.other
    dataset = uploaded(owner, SMALL, CSV)
    assert other.get(f"/v1/datasets/{dataset}").status_code == 404
    assert done(owner.put(f"/v1/datasets/{dataset}/public"))["public"]
    assert done(other.get(f"/v1/datasets/{dataset}"))["public"]
    assert other.get(f"/v1/datasets/{dataset}/rows").status_code == 200
    listed = done(other.get("/v1/datasets?limit=1000"))["items"]
    assert [item["public"] for item in listed if item["id"] == dataset] == [True]
    for refused in (
        other.delete(f"/v1/datasets/{dataset}"),
        other.delete(f"/v1/datasets/{dataset}/public"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "read_only")
    asked = {"dataset": dataset, "formula": "radon ~ floor + (1 | county)"}
    model = done(other.post("/v1/models", json=asked))["id"]
    assert other.get(f"/v1/models/{model}/diagnostics/rows?limit=1").status_code == 200
    assert owner.get(f"/v1/models/{model}").status_code == 404
    own = uploaded(other, SMALL, CSV)
    assert own == dataset, "the same content has the same id, and is now the other's own too"
    listed = done(other.get("/v1/datasets?limit=1000"))["items"]
    assert [item["public"] for item in listed if item["id"] == dataset] == [False]
    owner.delete(f"/v1/datasets/{dataset}/public")
    assert other.delete(f"/v1/datasets/{dataset}").status_code == 204
    assert other.get(f"/v1/datasets/{dataset}").status_code == 404
    assert other.get(f"/v1/models/{model}").status_code == 200


@pytest.mark.parametrize("name", ["minnesota-radon", "us-radon"])
def test_the_survey_is_public(house: House, name: str) -> None:
    for client in (house.owner, house.other):
        found = done(client.get(f"/v1/datasets/{name}"))
        assert found["public"]
        assert client.delete(f"/v1/datasets/{name}").status_code == 403
