from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service import openapi, summaries
from service.api.examples import FITS, SUMMARY
from service.app import create_app
from service.settings import Settings
from tests.service.examples import SOUTH
from tests.service.test_problems import read
from tools.live import Live, serving

ROOT = Path(__file__).parents[2]


@pytest.mark.anyio
async def test_a_new_service_is_alive_and_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    ready = (await client.get("/readyz")).json()
    assert ready["status"] == "ready"
    assert ready["checks"] == {"catalog": "ok", "store": "ok", "workers": "idle"}


@pytest.mark.anyio
async def test_it_is_not_ready_when_its_store_is_gone(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    await client.get("/readyz")
    blobs = settings.data_dir / "blobs"
    blobs.rename(settings.data_dir / "elsewhere")
    blobs.write_bytes(b"")
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    problem = read(answer)
    assert problem.detail == "Not ready: catalog ok, store lost, workers idle."
    assert [item.pointer for item in problem.errors] == ["#/checks/store"]
    blobs.unlink()
    assert (await client.get("/readyz")).status_code == 200, "it comes back by itself"


@pytest.mark.anyio
async def test_the_limits_are_those_of_the_settings(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    limits = (await client.get("/v1/limits")).json()
    assert limits["max_body_bytes"] == settings.max_body_bytes


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/docs", "/problems", "/problems/not_found"])
async def test_no_page_loads_anything_or_runs_a_script(
    client: httpx.AsyncClient, path: str
) -> None:
    page = (await client.get(path, headers={"accept": "text/html"})).text
    assert not re.search(r"<script|<link|<img|@import|url\(|\son\w+=", page)


@pytest.mark.anyio
async def test_the_api_page_has_every_operation(client: httpx.AsyncClient, app: FastAPI) -> None:
    page = (await client.get("/docs")).text
    for path in app.openapi()["paths"]:
        assert f"<code>{path}</code>" in page


def test_the_stored_document_is_what_the_command_prints() -> None:
    printed = openapi.text(create_app(Settings()))
    assert (ROOT / "openapi" / "openapi.json").read_text() == printed


def test_every_operation_is_described_with_an_example_of_each_problem() -> None:
    for path, methods in create_app(Settings()).openapi()["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (method, path)
            assert "HTTPValidationError" not in json.dumps(operation)
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    content = response["content"]["application/problem+json"]
                    assert content["examples"], (method, path, status)


def test_the_service_says_where_it_listens_and_what_to_try(live: Live) -> None:
    command = re.search(r"^  (curl .+)$", live.greeting, re.MULTILINE)
    assert command is not None
    done = subprocess.run([*shlex.split(command[1]), "-s"], capture_output=True, text=True)
    assert "floor       -0.66     0.07" in done.stdout
    assert httpx.get(f"{live.url}/docs", timeout=30).status_code == 200


def test_the_service_stops_when_told_and_starts_again_on_the_same_directory(
    tmp_path: Path,
) -> None:
    for _ in range(2):
        with serving(tmp_path) as running:
            assert httpx.get(f"{running.url}/readyz").status_code == 200
            running.process.terminate()
            assert running.process.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("command", ["openapi", "settings", "problems"])
def test_each_printing_command_prints(command: str) -> None:
    done = subprocess.run([sys.executable, "-m", "service", command], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout


@pytest.mark.anyio
@pytest.mark.usefixtures("radon")
async def test_every_example_of_a_request_is_answered(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    fitted = await client.post("/v1/models", json=FITS["radon"]["value"])
    model = fitted.json()["id"]
    for site, summary in (("north", SUMMARY), ("south", SOUTH)):
        headers = {"content-type": summaries.JSON}
        await client.post(f"/v1/datasets?name={site}", json=summary, headers=headers)
    houses = {"columns": {"county": ["AITKIN", "ANOKA"], "radon": [2.2, 1.5]}}
    await client.post("/v1/datasets?name=houses", json=houses)
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {"content": {}})["content"]
            for name, example in body.get("application/json", {}).get("examples", {}).items():
                if name == "reference":  # files that only an operator can allow
                    continue
                url = path.replace("{model}", model).replace("{dataset}", "houses")
                answer = await client.request(method, url, json=example["value"])
                assert answer.is_success, (path, name, answer.text)
